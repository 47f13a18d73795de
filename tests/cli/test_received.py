"""--received adds a header, which changes nothing else."""

import email.utils
import re
import time

import pytest

from poplib_c._cli import received
from poplib_c._cli.account import parse
from poplib_c._cli.state import InFlight, State

from .support import delivered, numbered
from .test_killing import contents

HEADER = re.compile(
    rb"Received: from \[127\.0\.0\.1\] by [A-Za-z0-9.-]+ with POP3 \(poplib-c [0-9.]+\)\r?\n"
    rb"\tid [0-9a-f]{16} \(user alice, uid [0-9a-f]{16}\);\r?\n\t(.{31})\r?\n"
)


@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_the_header(fetch, user, serve, kind):
    """Its octets are not counted, and the next run knows the message."""
    messages = [*numbered(2), b"Subject: large\n\n" + b"x" * 400_000 + b"\n"]
    server, place = serve(messages), user.home / kind
    ended = fetch(server, "--since-last", "--received", f"--{kind}", place)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = sorted(contents(kind, place), key=lambda message: HEADER.sub(b"", message))
    assert [HEADER.sub(b"", message, count=1) for message in found] == messages
    date = email.utils.parsedate_to_datetime(HEADER.match(found[0])[1].decode())
    assert abs(date.timestamp() - time.time()) < 3600
    assert "3 messages fetched (400 kB)" in ended.stdout
    ended = fetch(server, "--since-last", "--delete", f"--{kind}", place)
    assert (ended.returncode, server.messages) == (0, [])
    assert "0 messages fetched (0 octets), 3 deleted" in ended.stdout


@pytest.mark.parametrize("message", [b" folded\n\nx\n", b"From a b\nA: b\n\n", b">From a\n"])
def test_no_header_where_none_may_be(fetch, user, serve, message):
    fetch(serve([message]), "--received", "--maildir", user.maildir)
    assert delivered(user.maildir) == [message]


def test_a_message_that_a_killed_run_has_delivered(fetch, user, serve):
    """Its headers are compared without the one that was added."""
    server, path = serve(numbered(1)), user.home / "state"
    options = "--since-last", "--state", path, "--received", "--maildir", user.maildir
    fetch(server, *options)
    (place,) = (user.maildir / "new").iterdir()
    account = f"alice@127.0.0.1:{server.port}"
    uid = re.search(rb"uid ([0-9a-f]+)", place.read_bytes())[1]
    with State(str(path), account) as state:
        state.forget([uid])
        where = f"maildir:{user.maildir}"
        state.begin([InFlight(uid, len(numbered(1)[0]) + 3, where, place.name)])
    ended = fetch(server, *options[:3], "--delete", *options[4:])
    assert (ended.returncode, server.messages) == (0, [])
    assert "0 messages fetched (0 octets), 1 deleted" in ended.stdout


@pytest.mark.parametrize(
    ("place", "uid", "begins", "comment"),
    [
        ("pop3s://a@pop.example.org", b"", "pop.example.org", "user a"),
        ("pop3s://a%28%5C%29@[::1]", b"x(\xff\r\n)", "[IPv6:::1]", "user a???, uid x?????"),
        ("pop3s://zo%C3%AB%20b@h%C3%B6st", b"x" * 500, "unknown", f"user zo??b, uid {'x' * 100}"),
    ],
)
def test_hostile_names(place, uid, begins, comment):
    account = parse(place.replace("%C3%B6", "ö"))
    written = received.header(account, True, uid, "ticket", 0.0).decode("ascii")
    assert written.startswith(f"Received: from {begins} by ")
    assert f" ({comment});\r\n" in written
    assert written.endswith("\tThu, 01 Jan 1970 00:00:00 +0000\r\n")
    assert len(written) < received.MOST
    message = b"Subject: x\r\n\r\n"
    assert received.without(written.encode() + message, "ticket") == message
    assert received.without(written.encode() + message, "other") == written.encode() + message
