"""Every message that the server has is fetched and listed, whatever its lists say."""

import json

import pytest

from .habits import hang_up, refuse, say
from .support import delivered, numbered, url

MESSAGES = numbered(4)


def lines(*rows):
    return say(b"+OK\r\n" + b"".join(row + b"\r\n" for row in rows) + b".\r\n")


SIZES = [b"2 -2147483648", b"2 9223372036854775808", b"2 ?", b"2 (150)", b"2"]


@pytest.mark.parametrize("row", SIZES)
@pytest.mark.parametrize("options", [["--delete"], ["--since-last"], []])
def test_a_size_that_cannot_be_read(run, user, odd, row, options):
    server = odd(MESSAGES, {b"LIST": lines(b"1 16", row, b"3 16", b"4 16")})
    told = run(server, *options)[1]
    assert delivered(user.maildir) == MESSAGES
    assert told in ([], ["the server's lists of messages disagree: message 2 not in LIST"])
    assert len(server.messages) == (0 if "--delete" in options else 4)


def test_a_size_that_is_unknown_is_no_larger_than_any(run, user, odd):
    server = odd(MESSAGES, {b"LIST": lines(b"1 16", b"2 ?", b"3 16", b"4 16")})
    run(server, "--max-size", "10")
    assert delivered(user.maildir) == []  # It is left when it turns out to be.
    run(server, "--max-size", "20")
    assert len(delivered(user.maildir)) == 4


@pytest.mark.row("Lists that disagree")
def test_lists_that_disagree(run, user, odd):
    habits = {b"LIST": lines(b"1 16", b"3 16"), b"UIDL": lines(b"1 a", b"2 b")}
    server = odd(MESSAGES, habits)
    status, told, result = run(server, "--since-last")
    assert status == 1
    assert told == [
        "the server's lists of messages disagree: messages 2, 4 not in LIST, "
        "messages 3, 4 not in UIDL"
    ]
    assert result.startswith("4 messages fetched")
    assert sorted(delivered(user.maildir)) == MESSAGES


def test_a_number_of_messages_that_disagrees(run, user, odd):
    """What is nowhere listed is tried, a few at most."""
    server = odd(MESSAGES, {b"STAT": say(b"+OK 1000000000000 5\r\n")})
    status, told, _ = run(server, "--since-last")
    assert status == 1
    assert told[0].startswith("the server's lists of messages disagree: messages 5, 6, 7,")
    assert told[0].endswith("STAT says 1000000000000, but there are 20")
    assert delivered(user.maildir) == MESSAGES
    assert sum(command.startswith(b"RETR") for command in server.commands) == 20
    server.stop()
    server = odd(MESSAGES, {b"STAT": say(b"+OK 3 5\r\n")}, port=server.port)
    told = run(server, "--since-last")[1]
    assert told == ["the server's lists of messages disagree: STAT says 3, but there are 4"]


@pytest.mark.row("Empty mailboxes that are not listed")
@pytest.mark.parametrize("refused", [[b"LIST"], [b"UIDL"], [b"LIST", b"UIDL"]])
@pytest.mark.parametrize("options", [["--delete"], ["--since-last"], []])
def test_an_empty_mailbox_that_is_not_listed(run, odd, refused, options):
    server = odd([], dict.fromkeys(refused, refuse))
    assert run(server, *options) == (0, [], "0 messages fetched (0 octets)")


def test_a_mailbox_that_is_not_listed(run, user, odd):
    server = odd(MESSAGES, habits := {b"LIST": refuse})
    assert run(server, "--delete")[0] == 1
    assert (delivered(user.maildir), server.messages) == (MESSAGES, [])
    server.stop()
    habits[b"UIDL"] = refuse
    server = odd(MESSAGES, habits, port=server.port)
    status, told, _ = run(server, "--delete")
    assert (status, told) == (69, ["-ERR no"])


@pytest.mark.parametrize("reply", [b"-ERR what?\r\n", b"+OK 4\r\n", b"+OK four 64\r\n"])
def test_a_server_without_stat(run, user, odd, reply):
    server = odd(MESSAGES, {b"STAT": say(reply)})
    assert run(server, "--delete")[:2] == (0, [])
    assert (delivered(user.maildir), server.messages) == (MESSAGES, [])


def test_listing(user, odd):
    server = odd(MESSAGES, {b"LIST": lines(b"1 16", b"2 ?", b"3 16", b"4 16")})
    ended = user.run("list", "--insecure", url(server))
    assert [row.split()[:2] for row in ended.stdout.splitlines()[2:4]] == [["2", "-"], ["3", "16"]]
    assert ended.stdout.splitlines()[-1] == "4 messages, 48 octets"
    found = json.loads(user.run("list", "--json", "--insecure", url(server)).stdout)
    assert [message["size"] for message in found] == [16, None, 16, 16]
    assert [message["subject"] for message in found] == ["0", "1", "2", "3"]


def test_listing_where_lists_disagree(user, odd):
    server = odd(MESSAGES, {b"LIST": lines(b"1 16")})
    ended = user.run("list", "--insecure", url(server))
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("disagree: messages 2, 3, 4 not in LIST")
    assert len(ended.stdout.splitlines()) == 6


def test_listing_an_empty_mailbox(user, odd):
    server = odd([], {b"LIST": refuse, b"UIDL": refuse, b"QUIT": hang_up})
    ended = user.run("list", "--insecure", url(server))
    assert (ended.returncode, ended.stdout.splitlines()[1:]) == (75, ["0 messages, 0 octets"])
