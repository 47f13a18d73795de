"""install() and uninstall(), each in an interpreter of its own."""

import subprocess
import sys
import textwrap

import pytest

INSTALL = "import poplib_c\npoplib_c.install()\n"


def run(code, before=""):
    """Run *before*, install(), and *code*; what they print."""
    program = f"{before}\n{INSTALL}" + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=30,
    ).stdout


def check(code, before=""):
    """Run code in which assertions hold, to its end."""
    assert run(textwrap.dedent(code) + "\nprint('end')", before) == "end\n"


@pytest.mark.parametrize(
    "statement",
    [
        "import poplib",
        "poplib = __import__('poplib')",
        "import importlib; poplib = importlib.import_module('poplib')",
        "import sys; poplib = sys.modules['poplib']",
    ],
)
def test_import_gives_poplib_c(statement):
    check(f"{statement}\nassert poplib is poplib_c")


def test_names_are_taken_from_poplib_c():
    check("""
        from poplib import POP3, POP3_SSL, error_proto
        from poplib import *
        assert POP3 is poplib_c.POP3 and POP3_SSL is poplib_c.POP3_SSL
        assert error_proto is poplib_c.error_proto
    """)


def test_a_module_that_was_imported_before_is_reached():
    check(
        """
        assert poplib is not poplib_c
        for name in ("POP3", "POP3_SSL", "error_proto"):
            assert getattr(poplib, name) is getattr(poplib_c, name)
        import sys
        assert sys.modules["poplib"] is poplib_c
    """,
        before="import poplib",
    )


def test_what_was_taken_out_before_is_not_reached():
    check(
        """
        assert POP3.__module__ == "poplib"
        theirs._MAXLINE = 7
        assert poplib_c._MAXLINE == 2048
    """,
        before="import poplib as theirs\nfrom poplib import POP3",
    )


def test_uninstall_where_nothing_was_imported():
    check("""
        import poplib as ours
        poplib_c.uninstall()
        import poplib
        assert poplib.__name__ == "poplib" and ours is poplib_c
        assert poplib.POP3.__module__ == "poplib"
    """)


def test_uninstall_restores_what_was_imported():
    check(
        """
        poplib_c.uninstall()
        import sys
        assert sys.modules["poplib"] is poplib
        for name, value in before.items():
            assert getattr(poplib, name) is value
    """,
        before="import poplib\nbefore = dict(vars(poplib))",
    )


def test_both_may_be_called_again():
    check("""
        poplib_c.install()
        poplib_c.uninstall()
        import poplib
        assert poplib.__name__ == "poplib"
        poplib_c.uninstall()
        assert poplib.POP3.__module__ == "poplib"
        poplib_c.install()
        assert poplib.POP3 is poplib_c.POP3
    """)


def test_read_ahead():
    """It is the default of connections that are made later; what they are given counts."""
    check("""
        import poplib
        from poplib_c.testing import POP3Server

        def reads_ahead(**options):
            with POP3Server([b"1", b"2", b"3"]) as server:
                client = poplib.POP3(*server.address, timeout=5, pipelining=True, **options)
                client.user("alice"), client.pass_("secret")
                client.stat(), client.retr(1), client.noop()
                client.close()
            return b"RETR 2" in server.commands

        assert not reads_ahead()
        poplib_c.install(read_ahead=2)
        assert reads_ahead() and not reads_ahead(read_ahead=0)
        poplib_c.install()
        assert reads_ahead()
        for value, error in [(-1, ValueError), (65536, ValueError), ("8", TypeError)]:
            try:
                poplib_c.install(read_ahead=value)
            except error:
                continue
            raise AssertionError(value)
        assert reads_ahead()
        poplib_c.uninstall()
        poplib = poplib_c
        assert not reads_ahead()
    """)


def test_a_wrong_read_ahead_installs_nothing():
    program = """
        import poplib_c
        try:
            poplib_c.install(read_ahead=-1)
        except ValueError:
            import poplib
            print(poplib.__name__)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == "poplib\n"


def test_threads():
    check("""
        import random, threading, time
        start = threading.Barrier(8)

        def work(seed):
            choose = random.Random(seed)
            start.wait()
            for _ in range(500):
                choose.choice((poplib_c.install, poplib_c.uninstall))()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        poplib_c.uninstall()
        import poplib
        assert poplib.POP3.__module__ == "poplib"
        poplib_c.install()
        assert poplib.POP3 is poplib_c.POP3
    """)


def test_a_legacy_module_uses_it(tmp_path):
    """It holds poplib as a module, and was imported before."""
    (tmp_path / "legacy.py").write_text(
        "import poplib\n\ndef failure():\n    try:\n        raise poplib.error_proto('x')\n"
        "    except poplib.error_proto as exc:\n        return type(exc)\n"
    )
    check(
        """
        assert legacy.failure() is poplib_c.error_proto
        poplib_c.uninstall()
        assert legacy.failure().__module__ == "poplib"
    """,
        before=f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import legacy",
    )


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 has lazy imports")
def test_lazy_imports():
    """They find what install() and uninstall() have made of the name when it is used first."""
    program = """
        lazy import poplib_c
        lazy from poplib_c import POP3
        lazy import poplib as ours
        lazy import poplib as theirs
        lazy from poplib import error_proto

        import sys
        assert not {"poplib", "poplib_c", "_cpoplib"} & {*sys.modules}
        poplib_c.install()
        assert ours is poplib_c and ours.POP3 is POP3
        assert error_proto is poplib_c.error_proto
        poplib_c.uninstall()
        assert theirs.POP3.__module__ == "poplib"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=30)
