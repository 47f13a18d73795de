"""A mail that holds what looks like its end is one message, to fetch and to list."""

import json

import pytest
from forgeries import FORGERIES, MESSAGES, STORED, Maildrop, after_crlf, after_lf

from .support import delivered, url


def fetched(user):
    return sorted(message.replace(b"\r\n", b"\n") for message in delivered(user.maildir))


def expected(messages):
    return sorted(message.replace(b"\r\n", b"\n") for message in messages)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("options", [["--since-last"], ["--delete"], ["--headers", "9"], []])
def test_fetch(user, options, place):
    """The forgery comes whole, on a connection of its own, and nothing else is missed."""
    messages = [*MESSAGES[1:]]
    messages.insert(place, FORGERIES[0])
    with Maildrop(messages, after_crlf) as server:
        into = "--insecure", "--maildir", user.maildir, *options
        ended = user.fetch(*into, url(server))
        assert (ended.returncode, fetched(user)) == (0, expected(messages)), ended
        if "--since-last" in options:
            ended = user.fetch(*into, url(server))
            assert (ended.returncode, fetched(user)) == (0, expected(messages)), ended
        asked = [line for line in server.received if line.startswith(b"DELE")]
        assert len(set(asked)) == (3 if "--delete" in options else 0)


def test_headers_before_a_deletion(user):
    """They are looked at, and look like replies."""
    with Maildrop(MESSAGES, after_crlf) as server:
        into = "--insecure", "--since-last", "--maildir", user.maildir, url(server)
        for options in ([], ["--delete"]):
            ended = user.fetch(*options, *into)
            assert (ended.returncode, fetched(user)) == (0, expected(MESSAGES)), ended
        assert {line for line in server.received if line.startswith(b"DELE")} == {
            b"DELE %d\r\n" % number for number in (1, 2, 3)
        }


def test_fetch_of_messages_as_stored_in_lf(user):
    with Maildrop(STORED * 3, after_lf) as server:
        ended = user.fetch("--insecure", "--maildir", user.maildir, url(server))
        assert (ended.returncode, fetched(user)) == (0, expected(STORED * 3)), ended


def test_list(user):
    """TOP gives whole messages here."""
    with Maildrop(MESSAGES, after_crlf) as server:
        ended = user.run("list", "--json", "--insecure", url(server))
        assert ended.returncode == 0, ended
        rows = json.loads(ended.stdout)
        assert [row["subject"] for row in rows] == ["1", "2", "3"]
