"""What mail and servers say can do nothing to a terminal, whichever command prints it."""

import pytest
from scripted import Raw, play

from .support import Answers, url

# C0 and C1 as UTF-8 and as octets, DEL, bidi controls, a lone surrogate, what is invisible.
EVIL = (
    b"\x1b]0;x\x07\x1b[2J \x9b31m \xc2\x9b31m \x7f \x08 \x0b \xe2\x80\xae \xe2\x81\xa6 "
    b"\xed\xa0\x80 \xe2\x80\xa8 \xf3\xbf\xbf\xbd \xef\xbb\xbf \xe2\x80\x8b \r x"
)
EVIL_ASCII = b"\x1b]0;x\x07\x1b[2J\x7f\x08"
REFUSED = b"-ERR " + EVIL + b"\r\n"
MESSAGE = b"+OK\r\nSubject: %b\r\nFrom: %b\r\n\r\n\tx%b\r\n.\r\n" % (EVIL, EVIL, EVIL)


MAILBOX = {
    "CAPA": b"+OK\r\nTOP\r\nUSER\r\nX-%b \x1b[2J\r\n.\r\n" % EVIL_ASCII,
    "STAT": b"+OK 1 9\r\n",
    "LIST": b"+OK\r\n1 9\r\n.\r\n",
    "UIDL": b"+OK\r\n1 %b\r\n.\r\n" % EVIL_ASCII,
    "UIDL 1": b"+OK 1 %b\r\n" % EVIL_ASCII,
    "LIST 1": b"+OK 1 9\r\n",
    "TOP": MESSAGE,
    "RETR": MESSAGE,
}


@pytest.mark.parametrize(
    ("command", "replies"),
    [
        ("", {}),
        ("", {"USER": REFUSED}),
        ("list", {}),
        ("list --json", {}),
        ("list", {"TOP": REFUSED}),
        ("list --json", {"TOP": REFUSED}),
        ("list", {"PASS": REFUSED}),
        ("list", {"LIST": REFUSED}),
        ("check", {}),
        ("check --json", {}),
        ("check", {"PASS": REFUSED}),
        ("fetch --eml", {"RETR": REFUSED}),
        ("fetch --delete --eml", {"DELE": REFUSED}),
        ("fetch --eml", {"PASS": REFUSED}),
    ],
)
def test_nothing_controls_a_terminal(user, command, replies):
    greeting = Raw(b"+OK " + EVIL + b"\r\n")
    with play(greeting, Answers(**{**MAILBOX, **replies})) as server:
        direct = f"127.0.0.1:{server.port}", "alice", "secret"
        into = [user.home / "box"] if command.endswith("--eml") else []
        given = [*command.split(), *into, "--insecure", url(server)] if command else direct
        ended = user.run(*given)
    told = ended.stdout + ended.stderr
    assert "Traceback" not in told
    assert "\ufffd" in told or "\\ufffd" in told
    assert "".join(filter(lambda each: not (each.isprintable() or each in "\n\t"), told)) == ""


def test_mistakes_are_printed_with_care(user):
    """Arguments may come from other programs, and these from mail."""
    for given in (["list", "\x1b[2J"], ["list", "--\x1b[2J"], ["check", "pop3s://\x1b[2J"]):
        ended = user.run(*given)
        assert (ended.returncode, "\x1b" in ended.stderr) == (64, False)
