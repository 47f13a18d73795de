"""--lmtp and --smtp: messages go to a server, over one connection."""

import re
import socket
import time

import pytest
from scripted import Anything, C, Close, Raw, S, play

from .support import TIMEOUT, numbered, url
from .test_interrupts import Told


class Command(C):
    """A command of smtplib, whose letters are of another case in each version."""

    def play(self, peer):
        line = peer.read_line(self)
        assert line.lower() == self.line.lower()


NAME = socket.gethostname()
GREETED = [S("220 hi"), Command(f"lhlo {NAME}"), S("250-hi", "250 8BITMIME")]
ENVELOPE = [
    *(Command("mail FROM:<> BODY=8BITMIME"), S("250 ok"), Command("rcpt TO:<alice>"), S("250 ok")),
    *(Command("DATA"), S("354 go on")),
]
FIRST = [C("Subject: 0"), C(""), C(""), C(".")]
GONE = [Command("quit"), S("221 bye")]


@pytest.mark.parametrize("kind", ["lmtp", "smtp", "socket"])
def test_what_arrives(fetch, user, serve, receiver, kind):
    """Each octet, over one connection; each line end as CR LF."""
    path = str(user.home / "lmtp.sock") if kind == "socket" else None
    kind = "lmtp" if path else kind
    place, kept = receiver(kind, path)
    large = b"Subject: x\r\n\r\n" + (b"." * 1500 + b"\r\n") * 300
    messages = [
        b"Return-Path: <zoe+a=b@example.org>\r\nSubject: \xff\r\n\r\n.\r\n..x\r\n\x00\r\n",
        b"Subject: x\r\n\r\nReturn-Path: <not@this.example>\r\n",
        b"Return-Path: <a@b> x\r\nSubject: x\r\n\r\n",
        large,
    ]
    server = serve(messages)
    ended = fetch(server, "--delete", f"--{kind}", place, "--recipient", "bob@example.com")
    assert (ended.returncode, ended.stderr, server.messages) == (0, "", [])
    assert [content for _, _, content in kept.messages] == messages
    assert [sender for sender, _, _ in kept.messages] == ["zoe+a=b@example.org", *["<>"] * 3]
    assert {*map(tuple, (names for _, names, _ in kept.messages))} == {("bob@example.com",)}
    assert len(kept.sessions) == 1


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\n.\r", b"\r.\r"])
def test_a_message_in_a_message(fetch, odd, end):
    """What would end a message for some servers ends none: it can't bring commands."""
    hidden = b"Subject: x\r\n\r\n%sMAIL FROM:<a@b>\r\n" % end
    reply = b"+OK\r\n%s.\r\n" % hidden
    if b"\n.\r\n" in hidden:  # what ends it for POP3, too, does not arrive
        reply = reply.replace(b"\n.\r\n", b"\n..\r\n", 1)
    server = odd(numbered(1), {b"RETR 1": lambda *_: reply})
    lines = []

    class Line:
        def play(self, peer):
            line = b""
            while line != b".\r\n":
                line = peer.read_line(self)
                lines.append(line)

    with play(*GREETED, *ENVELOPE, Line(), S("250 ok"), *GONE) as lmtp:
        ended = fetch(server, "--lmtp", f"127.0.0.1:{lmtp.port}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert lines[-1] == b".\r\n"
    assert not [line for line in lines if re.search(rb"\r(?!\n)|(?<!\r)\n", line)]
    assert b"MAIL FROM:<a@b>\r\n" in lines
    assert [line for line in lines[:-1] if line.startswith(b".")] == [b"..\r\n"]


@pytest.mark.parametrize(
    ("script", "status", "text"),
    [
        ([ENVELOPE[0], S("451 later"), Command("rset"), S("250 ok")], 75, "451 later"),
        ([ENVELOPE[0], S("552 large"), Command("rset"), S("250 ok")], 1, "552 large"),
        ([*ENVELOPE[:3], S("550 who?"), Command("rset"), S("250 ok")], 1, "550 who?"),
        ([*ENVELOPE[:5], S("451 no"), Command("rset"), S("250 ok")], 75, "451 no"),
        ([*ENVELOPE, *FIRST, S("452 full"), Command("rset"), S("250 ok")], 75, "452 full"),
        (
            [*ENVELOPE, *FIRST, S("554-no", "554 \x1b[1mspam"), Command("rset"), S("250 ok")],
            *(1, "554 no \ufffd[1mspam"),
        ),
    ],
)
def test_a_message_that_is_refused(fetch, serve, script, status, text):
    """It stays, and the connection serves the next one."""
    server = serve(numbered(2))
    second = [C("Subject: 1"), *FIRST[1:], S("250 ok")]
    with play(*GREETED, *script, *ENVELOPE, *second, *GONE) as lmtp:
        place = f"127.0.0.1:{lmtp.port}"
        ended = fetch(server, "--delete", "--lmtp", place)
    assert (ended.returncode, len(server.messages)) == (status, 1)
    (told,) = ended.stderr.splitlines()
    assert told.endswith(f"is left on the server: LMTP server {place}: {text}")


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ([Close()], "no reply came after its end, so it may come twice"),
        ([S("421 shutting down"), Close()], "421 shutting down"),
    ],
)
def test_a_connection_that_is_lost_after_the_end(fetch, serve, end, text):
    """It is uncertain whether the message was taken: it stays."""
    server = serve(numbered(1))
    with play(*GREETED, *ENVELOPE, *FIRST, *end) as lmtp:
        place = f"127.0.0.1:{lmtp.port}"
        ended = fetch(server, "--delete", "--lmtp", place)
    assert (ended.returncode, len(server.messages)) == (75, 1)
    (told,) = ended.stderr.splitlines()
    assert told.endswith(f"is left on the server: LMTP server {place}: {text}")


def test_a_server_that_falls_silent(fetch, serve):
    server = serve(numbered(1))
    with play(*GREETED, *ENVELOPE, *FIRST, Anything()) as lmtp:
        ended = fetch(server, "--timeout", "0.2", "--lmtp", f"127.0.0.1:{lmtp.port}")
    assert ended.returncode == 75
    assert ended.stderr.endswith("no reply came after its end, so it may come twice\n")


class Endless:
    """A step that sends until the client leaves."""

    def __init__(self, part, pause=0.0):
        self.part, self.pause = part, pause

    def play(self, peer):
        until = time.monotonic() + 2 * TIMEOUT
        while not peer.gone and time.monotonic() < until:
            peer.send(self.part)
            time.sleep(self.pause)


@pytest.mark.parametrize(
    ("endless", "text"),
    [
        (Endless(b"250-more\r\n" * 1000), "the reply is too large"),
        (Endless(b"2", 0.02), "timed out"),
        (Raw(b"250 " + b"x" * 20_000 + b"\r\n"), "Line too long."),
    ],
)
@pytest.mark.parametrize("at", ["greeting", "MAIL", "end", "QUIT"])
def test_a_reply_without_an_end(fetch, serve, at, endless, text):
    """It takes no more than the time and the memory of a reply, and the message stays."""
    steps = {
        "greeting": [],
        "MAIL": [*GREETED, ENVELOPE[0]],
        "end": [*GREETED, *ENVELOPE, *FIRST],
        "QUIT": [*GREETED, *ENVELOPE, *FIRST, S("250 ok"), C("quit")],
    }
    server = serve(numbered(1))
    with play(*steps[at], endless) as lmtp:
        place = f"127.0.0.1:{lmtp.port}"
        ended = fetch(server, "--delete", "--timeout", "0.5", "--lmtp", place)
    if at == "QUIT":
        assert (ended.returncode, ended.stderr, server.messages) == (0, "", [])
        return
    if at == "MAIL":  # A new connection is tried.
        text = "Connection refused"
    elif at == "end":
        text = "no reply came after its end, so it may come twice"
    status = 69 if at == "MAIL" else 75
    assert (ended.returncode, len(server.messages)) == (status, 1)
    (told,) = ended.stderr.splitlines()
    assert f": LMTP server {place}: " in told
    assert told.endswith(text)


def test_a_second_ctrl_c(user, serve):
    """It does not wait for the reply."""
    server = serve(numbered(2))
    reached = Told()
    with play(*GREETED, *ENVELOPE, *FIRST, reached, Anything()) as lmtp:
        place = f"127.0.0.1:{lmtp.port}"
        with user.start(
            "fetch", "--insecure", "--delete", "--lmtp", place, url(server)
        ) as process:
            assert reached.wait(TIMEOUT)
            errors = process.interrupt_twice()
    assert (process.returncode, len(server.messages)) == (1, 2)
    told = f": LMTP server {place}: interrupted in a message, which may come twice\n"
    assert told in errors


def hang_up(server):
    server.transport.abort()


@pytest.mark.parametrize("ends", [hang_up, lambda server: "421 bye"])
def test_a_connection_that_is_lost_between_messages(fetch, serve, receiver, ends):
    """It is made again."""
    place, kept = receiver("lmtp")
    times = iter([None, None, ends])

    async def handle_MAIL(server, session, envelope, address, options):
        end = next(times, None)
        told = end and end(server)
        if not told:
            envelope.mail_from = address
        return told or "250 ok"

    kept.handle_MAIL = handle_MAIL
    server = serve(numbered(4))
    ended = fetch(server, "--delete", "--lmtp", place)
    assert (ended.returncode, ended.stderr, server.messages) == (0, "", [])
    assert len(kept.messages) == 4
    assert len(kept.sessions) == 2


def test_a_server_that_is_gone_later(fetch, serve):
    """The run ends at the first message that finds no server."""
    server = serve(numbered(9))
    with play(*GREETED, *ENVELOPE, *FIRST, S("250 ok"), ENVELOPE[0]) as lmtp:
        ended = fetch(server, "--delete", "--lmtp", f"127.0.0.1:{lmtp.port}")
    assert (ended.returncode, len(server.messages)) == (69, 8)
    (told,) = ended.stderr.splitlines()
    assert told.endswith(": Connection refused")


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ([S("554 no service")], "554 no service"),
        ([*GREETED[:2], S("502 no"), Command(f"helo {NAME}"), S("550 no")], "550 no"),
        ([Close()], "Connection unexpectedly closed"),
    ],
)
def test_no_service(fetch, server, script, text):
    """Nothing is fetched."""
    with play(*script) as lmtp:
        place = f"127.0.0.1:{lmtp.port}"
        ended = fetch(server, "--lmtp", place)
    assert ended.returncode == 75
    assert ended.stderr.endswith(f": LMTP server {place}: {text}\n")
    assert server.commands == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--lmtp 127.0.0.1", "write HOST:PORT, or the absolute path of a socket"),
        ("--lmtp lmtp.sock", "write HOST:PORT, or the absolute path of a socket"),
        ("--lmtp 127.0.0.1:99999", "write HOST:PORT, or the absolute path of a socket"),
        ("--smtp /run/socket", "write HOST[:PORT]"),
        ("--smtp 127.0.0.1", "--smtp needs --recipient ADDRESS"),
        ("--lmtp [::1]:24 --recipient a>b", "give --recipient ADDRESS"),
    ],
)
def test_wrong_usage(user, server, arguments, text):
    ended = user.fetch("--insecure", *arguments.split(), url(server))
    assert ended.returncode == 64
    assert text in ended.stderr
    assert server.commands == []


def test_a_user_that_is_no_recipient(user, server):
    place = url(server, "DOMAIN%5Calice")
    ended = user.fetch("--insecure", "--lmtp", "127.0.0.1:24", place)
    assert ended.returncode == 64
    assert "DOMAIN\\alice is no address for --lmtp: give --recipient ADDRESS" in ended.stderr
