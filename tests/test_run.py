"""``python -m poplib_c run``: a program can't tell it from ``python``."""

import os
import re
import subprocess
import sys
import textwrap
import zipfile

import pytest

from poplib_c.testing import POP3Server

PROGRAM = """
    import atexit, os, signal, sys, threading
    import __main__

    def fail():
        raise ValueError("failed")

    how, *rest = sys.argv[1:]
    print(sys.argv, sys.path[0], __name__, __file__, __package__, sep="|")
    print(__main__.__dict__ is globals(), sys.modules["__main__"] is __main__, __spec__ is None)
    print(sorted(set(vars()) - {"__annotations__", "__conditional_annotations__"}))
    atexit.register(print, "exit")
    main = threading.main_thread()
    threading.Thread(target=lambda: print("thread", main.join(), flush=True)).start()
    print(sys.stdin.read(), sys.stdout.errors, flush=True)
    if how == "fail":
        fail()
    if how == "chain":
        try:
            fail()
        except ValueError as exc:
            raise KeyError("also") from exc
    if how == "hook":
        sys.excepthook = lambda kind, *_: print("hooked", kind, file=sys.stderr)
        fail()
    if how == "exit":
        sys.exit(eval(rest[0]))
    if how == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(10)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(10)
"""
ENDS = ["end", "fail", "chain", "hook", "exit 0", "exit 7", "exit None", "exit 'text'"]
ENDS += ["interrupt", "kill"]


@pytest.fixture
def place(tmp_path):
    """A directory with the program as a script, a module, a package, a directory, a zip file."""
    program = textwrap.dedent(PROGRAM)
    for name in ("script.py", "module.py", "package/__main__.py", "directory/__main__.py"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(program)
    (tmp_path / "package" / "__init__.py").write_text("print('package')\n")
    (tmp_path / "broken.py").write_text("def broken(:\n")
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("__main__.py", program)
    return tmp_path


def outcome(directory, *arguments, options=()):
    """Status, output and errors; without what names this process or an object's address."""
    ended = subprocess.run(
        [sys.executable, *options, *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path))},
        input="input",
        capture_output=True,
        text=True,
        timeout=30,
    )
    return ended.returncode, ended.stdout, re.sub(r" at 0x[0-9a-f]+", "", ended.stderr)


def compare(directory, *arguments, **options):
    theirs = outcome(directory, *arguments, **options)
    ours = outcome(directory, "-m", "poplib_c", "run", *arguments, **options)
    assert ours == theirs
    return theirs


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("program", ["script.py", "-m module"])
def test_ends(place, program, end):
    status, output, _ = compare(place, *program.split(), *end.split())
    assert (status == 0) == (end in ("end", "exit 0", "exit None"))
    assert "exit" in output or end == "kill"


@pytest.mark.parametrize(
    "program",
    ["./script.py", "{}/script.py", "-m package", "directory", "archive.zip", "{}/directory"],
)
@pytest.mark.parametrize("end", ["end", "fail"])
def test_kinds_of_programs(place, program, end):
    status, output, _ = compare(place, *program.format(place).split(), end, "--help", "-m")
    assert "'--help', '-m'" in output
    assert status == (end == "fail")


def test_compiled_script(place):
    code = "import py_compile; py_compile.compile('script.py', 'compiled.pyc')"
    assert outcome(place, "-c", code)[0] == 0
    assert compare(place, "compiled.pyc", "end")[0] == 0


def test_script_in_another_directory(place):
    (place / "elsewhere").mkdir()
    assert compare(place / "elsewhere", "../script.py", "end")[0] == 0


def test_link_to_a_script(place):
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "link.py").symlink_to(place / "script.py")
    assert f"|{place}|" in compare(place, "elsewhere/link.py", "end")[1]


@pytest.mark.parametrize("program", ["broken.py", "-m broken", "-m nosuch", "-m package.nosuch"])
def test_programs_that_do_not_start(place, program):
    assert compare(place, *program.split())[0] == 1


def test_script_that_is_not_there(place):
    theirs = outcome(place, "nosuch.py")
    status, output, errors = outcome(place, "-m", "poplib_c", "run", "nosuch.py")
    assert (status, output) == theirs[:2] == (2, "")
    assert errors.startswith("poplib_c: run: can't open file ")
    assert errors.partition("can't")[2] == theirs[2].partition("can't")[2]


FETCH_AND_DELETE = """
    import poplib, sys

    client = poplib.POP3("127.0.0.1", int(sys.argv[1]), timeout=5)
    client.user("alice")
    client.pass_("secret")
    ids = [line.split()[1] for line in client.uidl()[1]]
    for number in range(1, len(ids) + 1):
        response, lines, octets = client.retr(number)
        print(response, lines, octets, client.dele(number))
    print(client.quit())
"""


@pytest.mark.parametrize("option", [["--read-ahead", "8"], ["--read-ahead=3"], []])
@pytest.mark.parametrize("program", [["tool.py"], ["-m", "tool"]])
def test_read_ahead(place, program, option):
    """Read-ahead gives a legacy tool equal messages, and sends its commands ahead."""
    (place / "tool.py").write_text(textwrap.dedent(FETCH_AND_DELETE))
    runs = []
    for runner in ([], ["-m", "poplib_c", "run", *option]):
        with POP3Server([b"Subject: %d\n\n.\n" % number for number in range(20)]) as server:
            runs.append(outcome(place, *runner, *program, str(server.address[1])))
            assert server.messages == []
    assert runs[0] == runs[1]
    assert runs[0][0] == 0 and runs[0][1].count("+OK") == 41
    ahead = server.commands.index(b"RETR 3") < server.commands.index(b"DELE 1")
    assert ahead == bool(option)


WRONG = """\
python -m poplib_c run: give a SCRIPT, or -m MODULE; --read-ahead takes 0 to 65535 messages
Try 'python -m poplib_c run --help'.
"""


@pytest.mark.parametrize("value", ["", "-1", "x", "65536", "1 ", "\u0661"])
@pytest.mark.parametrize("form", [["--read-ahead", "{}"], ["--read-ahead={}"]])
def test_wrong_read_ahead(place, form, value):
    option = [part.format(value) for part in form]
    status, output, errors = outcome(place, "-m", "poplib_c", "run", *option, "script.py", "end")
    assert (status, output) == (64, "")
    assert errors == WRONG


@pytest.mark.parametrize(
    "arguments", [[], ["-m"], ["-c", "pass"], ["--read-ahead"], ["--read-ahead", "8"]]
)
def test_wrong_usage(place, arguments):
    status, output, errors = outcome(place, "-m", "poplib_c", "run", *arguments)
    assert (status, output) == (64, "")
    assert errors == WRONG


@pytest.mark.parametrize("program", ["script", "-m module"])
@pytest.mark.parametrize(
    "statement",
    [
        "import poplib",
        pytest.param(
            "lazy import poplib",
            marks=pytest.mark.skipif(sys.version_info < (3, 15), reason="it is of Python 3.15"),
        ),
    ],
)
def test_poplib_is_poplib_c(place, program, statement):
    for name in ("script", "module.py"):
        (place / name).write_text(f"{statement}\nprint(poplib.POP3, poplib.__name__)\n")
    output = outcome(place, "-m", "poplib_c", "run", *program.split())[1]
    assert output == "<class 'poplib_c.POP3'> poplib_c\n"
