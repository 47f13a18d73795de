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
