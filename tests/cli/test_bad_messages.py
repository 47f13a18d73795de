"""A message that ends every session it is asked for in: the others come, and are deleted."""

import time

import pytest
from scripted import C, Close, S, play

from poplib_c import error_proto
from poplib_c._cli.failures import reason

from .habits import fall_silent, hang_up, lose_the_end, once, refuse, say, twice
from .support import LOGGED_IN, delivered, listing, numbered, url

MESSAGES = [b"Subject: %d\n\n%s" % (n, b"text\n" * n) for n in range(1, 6)]
EMPTY = b"+OK\r\n.\r\n"
OPTIONS = [["--delete"], ["--since-last"]]
HABITS = [(habit, options) for habit in (fall_silent, lose_the_end) for options in OPTIONS]
HABITS += [(habit, options) for habit in (hang_up, twice) for options in ([], *OPTIONS)]


def missing(user):
    return set(MESSAGES) - set(delivered(user.maildir))


@pytest.mark.row("Messages that end a session")
@pytest.mark.parametrize(("habit", "options"), HABITS)
def test_the_others_come(run, user, odd, habit, options):
    server = odd(MESSAGES, {b"RETR 3": habit})
    status, told, result = run(server, *options)
    assert status == 1
    assert len(told) == 1
    assert told[0].startswith("message 3 (uid ")
    assert missing(user) <= {MESSAGES[2]}
    assert "4 messages fetched (" in result and result.endswith(", 1 left on the server")
    assert len(server.messages) == (1 if "--delete" in options else 5)


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_server_that_is_gone(new, user, size):
    gone = [C("RETR 1"), S("+OK", "half of"), Close()]
    with play(*LOGGED_IN, *listing(f"1 {size}"), *gone) as server:
        ended = new(server, "--all")
    assert ended.returncode == 75
    first, second = ended.stderr.splitlines()
    ends = "the server closed the connection in the middle of it"
    assert first.endswith(f": message 1 ({size} octets): {ends}")
    assert second.endswith(": connecting again: Connection refused")
    assert delivered(user.maildir) == []


def test_the_deadline_is_for_all_sessions(run, user, odd):
    """It is the message's in which it passes."""
    server = odd(MESSAGES, {b"RETR 3": fall_silent})
    began = time.monotonic()
    status, told, _ = run(server, "--since-last", "--deadline", "2", "--timeout", "30")
    assert time.monotonic() - began < 20
    assert status == 75
    assert told[0].endswith(
        "the deadline of 2 s has passed in the middle of it; fetched last from now on"
    )
    run(server, "--since-last", "--deadline", "2", "--timeout", "30")
    assert missing(user) == {MESSAGES[2]}


def test_what_is_told(run, odd):
    server = odd(MESSAGES, {b"RETR 3": hang_up})
    told = run(server, "--since-last")[1]
    uid = told[0].partition("uid ")[2].partition(",")[0]
    begins = f"message 3 (uid {uid}, 32 octets)"
    ends = "the server closed the connection in the middle of it"
    assert told == [f"{begins}: {ends}; fetched last from now on"]
    assert run(server, "--since-last")[1] == [f"{begins}: {ends}; fetched last from now on"]
    every = "tried in every 10th run from now on"
    assert run(server, "--since-last")[1] == [f"{begins}: {ends}, in 3 runs; {every}"]


@pytest.mark.parametrize("options", [["--since-last"], ["--since-last", "--delete"]])
def test_it_is_asked_for_now_and_then(run, odd, options):
    """In three runs, and then in every tenth; when it comes in the end, that is over."""
    server = odd(MESSAGES, habits := {b"RETR 3": hang_up})
    tried = []
    for number in range(1, 12):
        server.commands.clear()
        status, told, _ = run(server, *options)
        assert (status, len(told)) == (1, 1)
        if any(command.startswith(b"RETR") for command in server.commands):
            tried.append(number)
        else:
            assert "is skipped: " in told[0]
            assert server.commands.count(b"QUIT") == 1
    assert tried == [1, 2, 3, 11]
    habits.clear()
    assert [run(server, *options)[:2] for _ in range(10)][-1] == (0, [])
    assert run(server, *options)[:2] == (0, [])


def test_it_comes_last(run, odd):
    """From the second run on; the others take one session, in which nothing is to be committed."""
    server = odd(MESSAGES, {b"RETR 3": hang_up})
    run(server, "--since-last", "--max-size", "32")
    server.commands.clear()
    run(server, "--since-last")
    asked = [command for command in server.commands if command.startswith(b"RETR")]
    assert asked == [b"RETR 4", b"RETR 5", b"RETR 3"]


def test_several(run, user, odd):
    habits = {b"RETR 1": hang_up, b"RETR 2": hang_up, b"RETR 5": hang_up}
    status, told, _ = run(odd(MESSAGES, habits), "--since-last")
    assert status == 1
    assert sorted(line[:9] for line in told) == ["message 1", "message 2", "message 5"]
    assert sorted(delivered(user.maildir)) == MESSAGES[2:4]


def test_a_connection_that_was_lost_once(run, user, odd):
    """Nothing is wrong with the message, and nothing is told."""
    server = odd(MESSAGES, {b"RETR 3": once(hang_up)})
    status, told, result = run(server, "--delete")
    assert (status, told, server.messages) == (0, [], [])
    assert delivered(user.maildir) == [*MESSAGES[:2], *MESSAGES[3:], MESSAGES[2]]
    assert "5 messages fetched" in result


def test_a_server_that_always_hangs_up(run, user, odd):
    """A run ends when no session gets any further."""
    server = odd(numbered(20), {b"RETR *": hang_up})
    status, told, result = run(server, "--since-last")
    assert status == 75
    assert told[-1] == "too many sessions have failed: 20 messages left for the next run"
    assert server.commands.count(b"STAT") == 3
    assert result == "0 messages fetched (0 octets), 20 left on the server"


def test_deletions_that_end_the_session(run, odd):
    server = odd(MESSAGES, {b"DELE 3": hang_up})
    status, told, result = run(server, "--delete")
    assert (status, len(told)) == (1, 1)
    assert " is not deleted: the server closed the connection in the middle of it" in told[0]
    assert len(server.messages) == 1
    assert "5 messages fetched" in result and "4 deleted" in result


@pytest.mark.parametrize("habit", [hang_up, fall_silent])
@pytest.mark.parametrize("options", [["--since-last"], ["--since-last", "--delete"]])
def test_headers_that_end_the_session(run, user, odd, habit, options):
    server = odd(MESSAGES, {b"TOP 3 0": habit})
    assert run(server, "--since-last")[0] == 0
    assert run(server, *options)[:2] == (0, [])
    assert len(server.messages) == (0 if "--delete" in options else 5)
    assert missing(user) == set()


@pytest.mark.parametrize("habit", [hang_up, lose_the_end])
def test_beginnings_that_end_the_session(run, user, odd, habit):
    server = odd(MESSAGES, {b"TOP 3 9": habit})
    status, told, _ = run(server, "--since-last", "--headers", "9")
    assert (status, len(told)) == (1, 1)
    assert missing(user) <= {MESSAGES[2]}


def test_listing(user, odd):
    server = odd(MESSAGES, {b"TOP 3 0": hang_up})
    ended = user.run("list", "--insecure", url(server))
    assert ended.returncode == 1
    rows = ended.stdout.splitlines()[1:-1]
    assert [row.split()[0] for row in rows] == ["1", "2", "4", "5", "3"]
    assert (
        rows[-1].endswith("the server closed the connectio...") or "the server closed" in rows[-1]
    )
    assert "message 3 (uid " in ended.stderr.splitlines()[-1]


def test_listing_when_it_comes_at_the_second_time(user, odd):
    server = odd(MESSAGES, {b"TOP 3 0": once(hang_up)})
    ended = user.run("list", "--insecure", url(server))
    assert (ended.returncode, len(ended.stdout.splitlines())) == (0, 7)


class Locked:
    """Two habits: the connection is lost, and then logins are refused for some seconds."""

    def __init__(self, refusal, seconds):
        self.refusal = refusal
        self.seconds = seconds
        self.until = 0

    def begin(self, session, reply):
        self.until = time.monotonic() + self.seconds
        return hang_up(session, reply)

    def log_in(self, session, reply):
        if time.monotonic() > self.until:
            return reply
        session._leave()
        session._state = type(session._state).AUTHORIZATION
        return self.refusal

    def habits(self, lose):
        logins = dict.fromkeys([b"AUTH *", b"APOP *", b"PASS *"], self.log_in)
        return {b"RETR 3": lose(self.begin), **logins}


@pytest.mark.parametrize("refusal", [b"-ERR [IN-USE] locked\r\n", b"-ERR maildrop locked\r\n"])
def test_a_mailbox_that_is_locked_for_a_while(run, user, odd, refusal):
    server = odd(MESSAGES, Locked(refusal, 0.6).habits(once))
    assert run(server, "--delete", "--timeout", "10")[:2] == (0, [])
    assert missing(user) == set()


def test_a_mailbox_of_a_token_that_is_locked_for_a_while(run, user, odd):
    habits = Locked(b"-ERR [IN-USE] locked\r\n", 0.6).habits(once)
    server = odd(MESSAGES, habits, tokens={"alice": "token"}, mechanisms=["XOAUTH2"])
    options = ["--timeout", "10", "--oauth2-token-command", "echo token"]
    assert run(server, "--delete", *options)[:2] == (0, [])
    assert missing(user) == set()


@pytest.mark.parametrize("name", ["CRAM-MD5", "LOGIN", "PLAIN"])
def test_a_server_that_hangs_up_on_the_second_login(run, odd, name):
    """It may close the connection again and again: the next run tries."""

    def lose(session, reply):
        session._faults.refused["AUTH"] = None
        return hang_up(session, reply)

    server = odd(MESSAGES, {b"RETR 3": lose})
    status, told, _ = run(server, "--mechanism", name, "--deadline", "5")
    assert status == 75
    assert told[1].startswith("connecting again: the server ended the connection (tried ")
    assert sum(command.startswith(b"AUTH") for command in server.commands) == 2


def test_a_mailbox_that_stays_locked(run, odd):
    server = odd(MESSAGES, Locked(b"-ERR [IN-USE] locked\r\n", 1000).habits(once))
    status, told, _ = run(server, "--delete")
    assert status == 75
    assert told[0].startswith("message 3 (uid ")
    assert told[1] == "connecting again: the server refused the login: -ERR [IN-USE] locked"


def test_a_password_that_is_wrong_by_now(run, odd):
    server = odd(MESSAGES, Locked(b"-ERR [AUTH] no\r\n", 1000).habits(once))
    assert run(server, "--delete", "--timeout", "20")[0] == 77


def test_a_message_that_is_refused_stops_no_other(run, user, odd):
    server = odd(MESSAGES, {b"RETR 3": refuse, b"DELE 4": refuse, b"RETR 5": say(EMPTY)})
    status, told, _ = run(server, "--delete")
    assert status == 1
    assert [line.partition(" (")[0] for line in told] == ["message 3", "message 4"]
    assert [message.partition(b"\r\n")[0] for message in server.messages] == [b"Subject: 3"]
    assert delivered(user.maildir)[-1] == b""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            TimeoutError("timed out: 1 of 9 commands were answered; use a longer timeout, or"),
            "timed out: 1 of 9 commands were answered",
        ),
        (
            error_proto("-ERR EOF: 1 of 9 commands were answered; pipelining=False sends one"),
            "the server ended the connection",
        ),
        (
            error_proto("-ERR out of step: a reply came early; close this connection and make"),
            "out of step: a reply came early",
        ),
    ],
)
def test_no_advice_for_programs(error, told):
    assert reason(error) == told
