"""completion: what a shell offers for a part of a command line."""

import os
import pty
import select
import shutil
import subprocess

import pytest

from .support import ok

# The shell calls the function that "complete" names, as it does at a Tab.
COMPLETE = """\
eval "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_poplib_c
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["fe"], {"fetch"}),
        (["import-"], {"import-state"}),
        (["fetch", "--max"], {"--max-size", "--max-messages", "--max-listing"}),
        (["import-state", "get"], {"getmail"}),
        (["completion", ""], {"bash", "zsh", "tcsh"}),
        (["fetch", "--cafile", "ca."], {"ca.pem"}),
        (["fetch", "--maildir", "M"], {"Mail"}),
    ],
)
def test_bash(user, tmp_path, words, offered):
    (tmp_path / "Mail").mkdir()
    (tmp_path / "ca.pem").touch()
    script = ok(user.run("completion", "bash"))
    bash = [shutil.which("bash"), "--norc", "-c", COMPLETE, "bash", script, "poplib-c", *words]
    found = subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert set(found.stdout.split()) == offered


ZSH = 'autoload -Uz compinit; compinit -u; eval "$(cat script)"; echo rea""dy\n'


@pytest.fixture
def zsh(user, unavailable):
    """type(text, *expected): types in an interactive zsh until it has shown what is expected."""
    program = shutil.which("zsh") or unavailable("zsh is not installed")
    (user.home / "script").write_text(ok(user.run("completion", "zsh")))
    (user.home / "Mail").mkdir()
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [program, "-f", "-i"],
        cwd=user.home,
        env={**user.environment, "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)

    def type_(text, *expected):
        os.write(terminal, text.encode())
        shown = b""
        while not all(each.encode() in shown for each in expected):
            assert select.select([terminal], [], [], 30)[0], shown
            shown += os.read(terminal, 65536)

    yield type_
    process.kill()
    process.wait()
    os.close(terminal)


def test_zsh(zsh):
    clear = "\x15"
    zsh(ZSH, "ready\r\n")
    zsh("poplib-c import-\t", "import-state")
    zsh(f"{clear}poplib-c fetch --max\t\t", "--max-listing", "--max-messages", "--max-size")
    zsh(f"{clear}poplib-c fetch --maildir M\t", "Mail/")


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells(user, shell):
    script = ok(user.run("completion", shell))
    assert "poplib-c" in script and "max-messages" in script


def test_without_shtab(user, tmp_path):
    (tmp_path / "shtab.py").write_text("raise ImportError\n")
    user.environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    ended = user.run("completion", "bash")
    assert ended.returncode == 78
    assert ended.stderr.endswith("completion needs shtab: install poplib-c[completion]\n")
