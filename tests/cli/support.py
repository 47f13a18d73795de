"""The command line as users run it, and what it has delivered."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from scripted import C, S, Unplayed

TIMEOUT = 30
GREETED = [S("+OK ready"), C("CAPA"), S("-ERR no"), C("USER alice"), S("+OK")]
LOGGED_IN = [*GREETED, C("PASS secret"), S("+OK")]
PROGRAM = [sys.executable, "-m", "poplib_c"]


class User:
    """Somebody with a home directory of their own, and a password in the environment."""

    def __init__(self, home, password="secret"):
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("POPLIB_C", "XDG_"))},
            "HOME": str(home),
            "PYTHONIOENCODING": "utf-8",
            "COLUMNS": "120",
        }
        if password is not None:
            self.environment["POPLIB_C_PASSWORD"] = password

    def command(self, *arguments):
        return [*PROGRAM, *map(str, arguments)]

    def run(self, *arguments, **options):
        """Run a command to its end; stdout and stderr are text."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            check=False,
            **options,
        )

    def start(self, *arguments, **options):
        """A command that runs; a context manager, by which it is killed."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        return _Running(
            self.command(*arguments),
            env=self.environment,
            encoding="utf-8",
            **{**streams, "stderr": subprocess.PIPE, **options},
        )

    def fetch(self, *arguments, **options):
        return self.run("fetch", *arguments, **options)

    def netrc(self, text, mode=0o600):
        path = self.home / ".netrc"
        path.write_text(text)
        path.chmod(mode)

    @property
    def maildir(self):
        return self.home / "Mail"


class _Running(subprocess.Popen):
    def interrupt_twice(self):
        """Send the second Ctrl-C once the first is answered; return what was said after that."""
        self.send_signal(signal.SIGINT)
        while "press Ctrl-C again" not in self.stderr.readline():
            pass
        self.send_signal(signal.SIGINT)
        return self.communicate(timeout=TIMEOUT)[1]

    def __exit__(self, *exc_info):
        self.kill()
        super().__exit__(*exc_info)


def url(server, user="alice", scheme="pop3"):
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{scheme}://{user}@{host}:{server.port}"


def ok(finished):
    """What a command printed that did all it had to, and said nothing of errors."""
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def failed(finished, status):
    """What a command said that failed, without the program's name: one line, no traceback.

    Wrong usage has another line, which points to the help. check and list name the mailbox, which
    is left out, too.
    """
    assert finished.returncode == status, finished
    *warnings, told = finished.stderr.splitlines()
    if status == 64:
        assert re.fullmatch(r"Try 'python -m poplib_c [a-z-]+ --help'\.", told)
        *warnings, told = warnings
    assert not warnings
    assert told.startswith("python -m poplib_c")
    return _without_names(finished, told)


def last_line(finished):
    """What a command said last of errors, without the names that failed() leaves out."""
    return _without_names(finished, finished.stderr.splitlines()[-1])


def _without_names(finished, line):
    told = line.partition(": ")[2]
    if {"check", "list"}.intersection(finished.args):
        told = told.removeprefix(f"{finished.args[-1].partition('://')[2]}: ")
    return told


def delivered(maildir):
    """The messages in a Maildir, in the order of their delivery; nothing is left in tmp/."""
    assert [*(Path(maildir) / "tmp").iterdir()] == []
    return [path.read_bytes() for path in in_order(Path(maildir) / "new")]


def in_order(directory):
    def key(path):
        return path.name.partition("Q")[0], int(path.name.partition("Q")[2].partition("R")[0])

    return sorted(directory.iterdir(), key=key)


def numbered(count, size=0):
    """Messages that differ, with LF line ends."""
    return [b"Subject: %d\n\n%s\n" % (number, b"x" * size) for number in range(count)]


class Answers:
    """A step that answers each command, or its verb, as it says, until the client leaves."""

    def __init__(self, **replies):
        self.replies = replies

    def play(self, peer):
        line = b""
        with contextlib.suppress(Unplayed):
            while not line.startswith(b"QUIT"):
                line = peer.read_line(self)
                command = line.decode("ascii", "replace").strip().upper()
                verb = command.partition(" ")[0]
                peer.send(self.replies.get(command) or self.replies.get(verb, b"+OK\r\n"))


def listing(*rows, uids=None):
    """The steps of a script in which a session begins; None: the server knows no UIDL."""
    told = S("-ERR what?") if uids is None else S("+OK", *uids, ".")
    steps = [C("STAT"), S(f"+OK {len(rows)} 100"), C("LIST"), S("+OK", *rows, ".")]
    return [*steps, C("UIDL"), told]


def in_step(number, uid):
    """Those in which the server shows that its replies are to their commands."""
    return [C(f"UIDL {number}"), S(f"+OK {number} {uid}")]
