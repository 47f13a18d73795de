"""What is seen while it goes on: on a terminal, elsewhere, and without tqdm."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

import pyte
import pytest

from poplib_c._cli import arguments, progress

from . import habits
from .support import TIMEOUT, numbered, url


def on_a_terminal(user, *arguments, both=False, stdout=None, **environment):
    """Run a fetch whose standard error is a terminal; status, and what the terminal got.

    both: the terminal is standard output, too.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 120, 0, 0))
    user.environment.update(TERM="xterm", **environment)
    shown = b""
    try:
        stdout = theirs if both else stdout
        streams = {"stderr": theirs, **({} if stdout is None else {"stdout": stdout})}
        with user.start("fetch", "--insecure", *arguments, **streams) as process:
            os.close(theirs)
            try:
                while block := os.read(ours, 65536):
                    shown += block
            except OSError:  # how Linux says that nobody has the other end any more
                pass
            process.communicate(timeout=TIMEOUT)
    finally:
        os.close(ours)
    return process.returncode, shown.decode()


def test_bars(user, serve):
    """One for each mailbox, and none is left."""
    servers = [serve(numbered(30, size=20_000)) for _ in range(2)]
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    arguments = ["--jobs", "2", "--maildir", user.maildir, *map(url, servers)]
    status, shown = on_a_terminal(user, *arguments)
    assert status == 0
    for server in servers:
        assert re.search(rf"alice@127\.0\.0\.1:{server.port}: +[0-9]+%\|", shown)
    assert re.search(r"/600k \[[0-9:]+<[0-9:?]+, +[0-9.?]+[kM]?B/s, [0-9]+/30 messages\]", shown)
    assert shown.endswith(("\r", "\x1b[A"))


@pytest.mark.parametrize("to_file", [False, True])
def test_bars_beside_mail(user, serve, to_file):
    """A reader of a pipe may print on the terminal of the bar."""
    server = serve(numbered(3))
    with open(user.home / "file", "wb") as file:
        stdout = {"stdout": file} if to_file else {}
        status, shown = on_a_terminal(user, "--mbox", "-", url(server), **stdout)
    assert (status, "%|" in shown) == (0, to_file)
    assert "3 messages fetched" in shown


def test_bars_that_end_together(user, serve):
    """What remains on the screen is a line for each mailbox and the total."""
    servers = [serve(numbered(30, size=20_000)) for _ in range(5)]
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    arguments = ["--jobs", "5", "--maildir", user.maildir, *map(url, servers)]
    status, shown = on_a_terminal(user, *arguments, both=True)
    assert status == 0
    screen = pyte.Screen(120, 25)
    pyte.Stream(screen).feed(shown)
    lines = [line.rstrip() for line in screen.display]
    _, *each, total = [line for line in lines if line]
    assert sorted(each) == sorted(
        f"alice@127.0.0.1:{server.port}: 30 messages fetched (600 kB)" for server in servers
    )
    assert total == "5 mailboxes: 150 messages fetched (3.0 MB); none failed"


def test_errors_beside_a_bar(user, odd):
    server = odd(numbered(6), {b"RETR 6": habits.refuse})
    status, shown = on_a_terminal(user, "--maildir", user.maildir, url(server))
    assert status == 1
    assert re.search(r"[\r\n]python -m poplib_c: alice@\S+ message 6 .* left on the server", shown)


def test_quiet(user, server):
    assert on_a_terminal(user, "--quiet", "--maildir", user.maildir, url(server)) == (
        0,
        "",
    )


def test_nobody_reads_the_result(user, server):
    with user.start("fetch", "--insecure", "--maildir", user.maildir, url(server)) as process:
        process.stdout.close()
        assert process.wait(TIMEOUT) == 0
        assert "Broken" not in process.stderr.read()


def test_without_tqdm(user, server):
    (user.home / "tqdm.py").write_text("raise ImportError\n")
    path = os.pathsep.join([str(user.home), *filter(os.path.isabs, sys.path)])
    arguments = ["--maildir", user.maildir, url(server)]
    status, shown = on_a_terminal(user, *arguments, PYTHONPATH=path)
    assert status == 0
    assert "%" not in shown


def test_a_line_now_and_then(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    options = arguments.parser().parse_args(["fetch"])
    with progress.started("poplib-c", options) as shown:
        bar = shown.bar("alice@h")
        bar.start(10, 5_000_000)
        for _ in range(4):
            clock[0] += 4
            bar.advance(500_000)
            bar.message()
    assert capsys.readouterr().err == (
        "poplib-c: alice@h: 2 of 10 messages, 1.5 MB of 5.0 MB, 125 kB/s, 0:28 left\n"
    )


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 octets"), (999, "999 octets"), (1500, "1.5 kB"), (123_456, "123 kB"), (1e9, "1.0 GB")],
)
def test_sizes(octets, text):
    assert progress.size(octets) == text
