"""The plugin of pytest: its fixture and marker, and what it costs others."""

import re
import sys

import pytest

pytest_plugins = ["pytester"]

PLUGIN = ["-p", "pytest_poplib_c", "-p", "no:cacheprovider"]


@pytest.fixture
def run(pytester):
    """Runs the tests of a text in an interpreter of their own, with the plugin."""

    def run(text, *options):
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess(*PLUGIN, *options)

    return run


def test_the_fixture(run):
    ended = run(
        """
        import poplib

        import pytest

        ports = set()

        def log_in(server, password="secret"):
            client = poplib.POP3(*server.address, timeout=20)
            client.user("alice")
            client.pass_(password)
            return client

        def test_default(pop3_server):
            client = log_in(pop3_server, "any")
            assert client.stat() == (0, 0)
            client.quit()

        @pytest.mark.pop3_server([b"Subject: one\\n"], users={"alice": "secret"})
        class TestOne:
            def test_its_marker(self, pop3_server):
                client = log_in(pop3_server)
                assert client.stat()[0] == 1
                client.dele(1)
                client.quit()
                assert pop3_server.messages == []

            def test_a_new_mailbox(self, pop3_server):
                assert len(pop3_server.messages) == 1
                with pytest.raises(poplib.error_proto):
                    log_in(pop3_server, "guess")

            @pytest.mark.pop3_server(users={"alice": "guess"}, locked=True)
            def test_both_markers(self, pop3_server):
                assert pop3_server.messages == [b"Subject: one\\r\\n"]
                with pytest.raises(poplib.error_proto, match="IN-USE"):
                    log_in(pop3_server, "guess")

            @pytest.mark.pop3_server([])
            def test_the_messages_of_the_nearest_marker(self, pop3_server):
                assert log_in(pop3_server).stat() == (0, 0)
        """,
        "--strict-markers",
    )
    ended.assert_outcomes(passed=5)


def test_a_fixture_of_that_name_replaces_it(run):
    ended = run(
        """
        import pytest

        @pytest.fixture
        def pop3_server():
            return "own"

        def test_own(pop3_server):
            assert pop3_server == "own"
        """
    )
    ended.assert_outcomes(passed=1)


def test_the_package_is_imported_by_those_who_use_it(run):
    ended = run(
        """
        import sys

        def test_others():
            assert not [name for name in sys.modules if "poplib" in name and "pytest" not in name]
        """
    )
    ended.assert_outcomes(passed=1)


def test_no_warning_if_the_package_was_imported_before(pytester):
    """As under ``python -m poplib_c run -m pytest``."""
    pytester.makepyfile("def test_it(pop3_server): pass")
    arguments = ["-q", "-W", "error", *PLUGIN]
    ended = pytester.run(sys.executable, "-m", "poplib_c", "run", "-m", "pytest", *arguments)
    ended.assert_outcomes(passed=1)


def test_help_describes_both(run):
    assert re.search(r"^pop3_server .*\n +A poplib_c", run("", "--fixtures").stdout.str(), re.M)
    assert "@pytest.mark.pop3_server(messages=(), **options)" in run("", "--markers").stdout.str()
