"""What a session gave that was out of step does not count; what is kept is not fetched again."""

import os
import random
import sqlite3

import pytest

from poplib_c import error_proto
from poplib_c.__main__ import main
from poplib_c._cli import choosing, connection, delivery, session

from .habits import hang_up, once, refuse, say, swallow, twice
from .support import delivered, url

MESSAGES = [b"Subject: %d\n\n%s" % (n, b"text\n" * n) for n in range(1, 6)]


@pytest.mark.row("Replies that come twice")
@pytest.mark.parametrize("options", [["--since-last"], ["--delete"], []])
@pytest.mark.parametrize("number", [1, 4, 5])
def test_a_reply_that_comes_twice(run, user, odd, options, number):
    """Once: all messages come, by the next run at the latest."""
    server = odd(MESSAGES, {b"RETR %d" % number: once(twice)})
    status, told, result = run(server, *options)
    assert (status, told) == (0, [])
    assert set(delivered(user.maildir)) == set(MESSAGES)
    assert result.startswith("5 messages fetched (")
    assert len(server.messages) == (0 if "--delete" in options else 5)


@pytest.mark.parametrize("always", [True, False])
def test_headers_that_come_twice(run, user, odd, always):
    server = odd(MESSAGES, {b"TOP 3 0": twice if always else once(twice)})
    run(server, "--since-last")
    assert run(server, "--since-last", "--delete")[:2] == (0, [])
    assert (set(delivered(user.maildir)), server.messages) == (set(MESSAGES), [])


def test_what_was_before_a_certain_point_is_not_fetched_again(run, user, odd, monkeypatch):
    monkeypatch.setattr(session, "_BATCH", 2)
    server = odd(MESSAGES, {b"RETR 4": once(twice)})
    assert run(server, "--since-last")[:2] == (0, [])
    assert sorted(delivered(user.maildir)) == sorted([*MESSAGES, *MESSAGES[2:4]])


def test_nothing_is_deleted_that_is_not_certain(run, odd):
    """The server shows by no reply that it is in step."""
    habits = {b"UIDL *": refuse, b"LIST *": refuse, b"STAT": refuse}
    habits.update({b"UIDL": lambda s, reply: reply, b"LIST": lambda s, reply: reply})
    server = odd(MESSAGES, habits)
    status, told, _ = run(server, "--delete")
    assert (status, len(server.messages)) == (1, 5)
    assert told == [
        "5 messages not deleted: no reply to UIDL, LIST or STAT shows that the server's other "
        "replies are in step"
    ]
    # They are by the next run, which compares headers.
    assert run(server, "--delete") == (0, [], "0 messages fetched (0 octets), 5 deleted")


@pytest.mark.parametrize("refused", [[b"UIDL *"], [b"UIDL *", b"LIST *"], [b"UIDL"]])
def test_servers_that_know_less(run, user, odd, refused):
    """LIST n and STAT do as well."""
    habits = {b"UIDL": lambda s, reply: reply, b"LIST": lambda s, reply: reply}
    server = odd(MESSAGES, {**habits, **dict.fromkeys(refused, refuse)})
    assert run(server, "--delete")[:2] == (0, [])
    assert (delivered(user.maildir), server.messages) == (MESSAGES, [])


@pytest.mark.parametrize("options", [["--delete"], ["--since-last"]])
@pytest.mark.parametrize("commands", [[b"UIDL *"], [b"UIDL *", b"LIST *"]])
def test_a_server_that_hangs_up_when_it_is_to_show_that(run, user, odd, commands, options):
    habits = {b"UIDL": lambda s, reply: reply, b"LIST": lambda s, reply: reply}
    server = odd(MESSAGES, {**habits, **dict.fromkeys(commands, hang_up)})
    assert run(server, *options)[:2] == (0, [])
    assert sorted(delivered(user.maildir)) == MESSAGES
    assert len(server.messages) == (0 if "--delete" in options else 5)


def test_replies_that_are_late(run, user, odd):
    """The certain point itself has the reply of another command."""
    server = odd(MESSAGES, {b"UIDL 5": once(say(b"+OK 4 something\r\n")), b"LIST 5": once(twice)})
    assert run(server, "--delete")[:2] == (0, [])
    assert set(delivered(user.maildir)) == set(MESSAGES)
    assert server.messages == []


@pytest.mark.row("Replies too many and too few")
@pytest.mark.parametrize("options", [["--since-last"], ["--delete"]])
@pytest.mark.parametrize(
    "habits",
    [
        {b"RETR 2": twice, b"RETR 4": swallow},
        {b"RETR 1": twice, b"RETR 5": swallow},
        {b"RETR 1": say(b"+OK 3 something\r\n"), b"RETR 2": twice},
    ],
)
def test_replies_that_make_up_for_one_another(run, user, odd, options, habits):
    """The certain point comes in step; the sizes of the messages tell what was before it."""
    server = odd(MESSAGES, {command: once(habit) for command, habit in habits.items()})
    assert run(server, *options)[:2] == (0, [])
    assert set(delivered(user.maildir)) >= set(MESSAGES)
    assert len(server.messages) == (0 if "--delete" in options else 5)


@pytest.mark.parametrize("row", [b"3 38", b"3 999"])
def test_a_size_that_is_wrong(run, user, odd, row):
    """Headers tell that it is the message; it comes once."""
    rows = [b"%d %d" % (n, 14 + 6 * n) for n in range(1, 6)]
    rows[2] = row
    server = odd(MESSAGES, {b"LIST": say(b"\r\n".join([b"+OK", *rows, b".\r\n"]))})
    assert run(server, "--delete")[:2] == (0, [])
    assert (delivered(user.maildir), server.messages) == (MESSAGES, [])


def test_a_run_without_an_end_is_looked_at_again(run, user, odd):
    """What it recorded after the last certain point is compared with the headers."""
    server = odd(MESSAGES, habits := {b"RETR 4": hang_up, b"PASS *": refuse})
    run(server, "--since-last")
    _let_it_be_doubtful(user)
    habits.clear()
    server.commands.clear()
    run(server, "--since-last")
    assert server.commands.count(b"TOP 1 0") == 1
    assert sorted(delivered(user.maildir)) == MESSAGES
    database = sqlite3.connect(user.home / "state")
    assert database.execute("SELECT count(*) FROM delivered WHERE checked IS NULL").fetchone() == (
        0,
    )
    database.close()


@pytest.mark.parametrize("column", ["headers = x'00'", "octets = octets + 1"])
def test_a_run_without_an_end_that_was_out_of_step(run, user, odd, column):
    server = odd(MESSAGES, {})
    run(server, "--since-last")
    _let_it_be_doubtful(user, column)
    assert run(server, "--since-last")[2].startswith("5 messages fetched")


def _let_it_be_doubtful(user, *more):
    database = sqlite3.connect(user.home / "state")
    with database:
        database.execute(f"UPDATE delivered SET {', '.join(['checked = NULL', *more])}")
    database.close()


@pytest.mark.row("Unique ids that are used again")
@pytest.mark.parametrize("message", [b"Subject: other\n\ntext\n", b"Subject: 7\n\ntext\n"])
def test_a_uid_that_comes_again_without_delete(run, user, odd, message):
    """With another size or with other headers it is another message."""
    same = {b"UIDL": say(b"+OK\r\n1 a\r\n.\r\n"), b"UIDL *": say(b"+OK 1 a\r\n")}
    server = odd(MESSAGES[:1], same)
    run(server, "--since-last")
    server.stop()
    server = odd([message], same, port=server.port)
    assert run(server, "--since-last")[2].startswith("1 message fetched")
    assert run(server, "--since-last")[2].startswith("0 messages fetched")
    assert sorted(delivered(user.maildir)) == sorted([MESSAGES[0], message])


def test_uids_that_are_known_cost_little(run, odd, monkeypatch):
    """A few headers in each run, in turn; none where the server refuses TOP."""
    monkeypatch.setattr(choosing, "_CHECKED", 4)
    monkeypatch.setattr("time.time", iter(range(10**9, 2 * 10**9)).__next__)
    server = odd(MESSAGES, habits := {})
    run(server, "--since-last")
    asked = []
    for _ in range(2):
        server.commands.clear()
        run(server, "--since-last")
        asked += [command for command in server.commands if command.startswith(b"TOP")]
    assert len(asked) == 8
    assert {b"TOP %d 0" % number for number in range(1, 6)} == set(asked)
    habits[b"TOP *"] = refuse
    server.commands.clear()
    assert run(server, "--since-last") == (
        0,
        [],
        "0 messages fetched (0 octets), 5 fetched before",
    )
    assert len([command for command in server.commands if command.startswith(b"TOP")]) == 3


@pytest.mark.row("Deletions that are confirmed and not made")
@pytest.mark.parametrize("options", [["--delete"], ["--delete", "--since-last"]])
def test_a_server_that_keeps_what_it_has_deleted(run, user, odd, options):
    def keep(session, reply):
        session._deleted.clear()
        return reply

    server = odd(MESSAGES, {b"DELE *": keep})
    for number in (5, 0, 0):
        assert run(server, *options)[2].startswith(f"{number} messages fetched")
    assert (delivered(user.maildir), len(server.messages)) == (MESSAGES, 5)
    database = sqlite3.connect(user.home / "state")
    assert database.execute("SELECT count(*) FROM delivered").fetchone() == (5,)
    database.close()


class Undecided(error_proto):
    """What a connection raises that can't tell the end of a message from commands ahead."""

    number = 3


@pytest.mark.parametrize("options", [["--delete"], ["--since-last"]])
def test_an_end_that_is_not_certain(run, user, odd, monkeypatch, options):
    """The message is asked for alone, on a new connection; those before it are right."""
    many = session.Session._many

    def undecided(self, numbers):
        for number, message in many(self, numbers):
            if number == 3:
                raise Undecided("-ERR out of step: the end of message 3 is not certain")
            yield number, message

    monkeypatch.setattr(session.Session, "_many", undecided)
    server = odd(MESSAGES, {})
    assert run(server, *options)[:2] == (0, [])
    assert delivered(user.maildir) == MESSAGES
    assert server.commands.count(b"STAT") == 2
    assert len(server.messages) == (0 if "--delete" in options else 5)


def test_an_end_that_is_not_certain_in_a_listing(user, odd, monkeypatch, capsys):
    """The rest is asked for one by one."""
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    options = []

    class Client(connection.Client):
        def set_options(self, **given):
            options.extend([given["pipelining"]] if "pipelining" in given else [])
            super().set_options(**given)

        def top_many(self, numbers, *arguments, **more):
            for number, headers in super().top_many(numbers, *arguments, **more):
                if options == ["auto"] and number == 3:
                    raise Undecided("-ERR out of step: the end of message 3 is not certain")
                yield number, headers

    monkeypatch.setattr("poplib_c._cli.connection.Client", Client)
    assert main(["list", "--insecure", url(odd(MESSAGES, {}))]) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:-1]] == list("12345")
    assert options == ["auto", False]


def test_ends_that_are_never_certain(run, user, odd, monkeypatch):
    """After the third one, no message is asked for ahead."""
    many, given = session.Session._many, []

    def undecided(self, numbers):
        for number, message in many(self, numbers):
            if self.run.pipelining:
                error = Undecided("-ERR out of step: the end of a message is not certain")
                error.number = number
                raise error
            given.append(number)
            yield number, message

    monkeypatch.setattr(session.Session, "_many", undecided)
    assert run(odd(MESSAGES, {}), "--since-last")[:2] == (0, [])
    assert given == [4, 5]
    assert delivered(user.maildir) == MESSAGES


COMMANDS = [b"RETR %d", b"DELE %d", b"TOP %d 0", b"UIDL %d", b"LIST %d"]


@pytest.mark.parametrize("seed", range(int(os.environ.get("SOAK") or 10)))
def test_whatever_goes_wrong_nothing_is_lost(run, user, odd, seed):
    """At any time each message is on the server or on disk; when all is well again, on disk."""
    numbers = random.Random(seed)
    commands = [command % number for command in COMMANDS for number in range(1, 13)]
    wrong, shift = {}, numbers.choice([twice, say(b"+OK 3 something\r\n")])
    for command in numbers.sample([*commands, b"QUIT", b"STAT"], 4):
        habit = numbers.choice([shift, swallow, hang_up, refuse])
        always = numbers.random() < 0.3 and habit is not swallow
        wrong[command] = habit if always else once(habit)
    messages = [b"Subject: %d\n\n%s" % (n, b"text\n" * n) for n in range(1, 13)]
    server = odd(messages, habits := dict(wrong))
    options = numbers.choice([["--delete"], ["--since-last"], ["--delete", "--since-last"]])

    def everywhere():
        left = {message.replace(b"\r\n", b"\n") for message in server.messages}
        return left | set(delivered(user.maildir))

    for _ in range(3):
        assert "Traceback" not in "".join(run(server, *options)[1])
        assert everywhere() >= set(messages)
    habits.clear()
    for _ in range(11):
        run(server, *options)
    assert set(delivered(user.maildir)) >= set(messages)
    assert run(server, *options)[:2] == (0, [])


@pytest.mark.parametrize("number", [1, 3])
def test_a_place_that_takes_no_more(run, user, odd, monkeypatch, number):
    """What was delivered before is for certain what it is, and deleted."""
    opens, times = delivery.Maildir.open, iter(range(1, 6))

    def fail(self, *arguments, **options):
        if next(times) == number:
            raise delivery.DeliveryFailure("can't write it")
        return opens(self, *arguments, **options)

    monkeypatch.setattr(delivery.Maildir, "open", fail)
    server = odd(MESSAGES, {})
    assert run(server, "--delete")[:2] == (1, ["can't write it"])
    assert delivered(user.maildir) == MESSAGES[: number - 1]
    left = [message.replace(b"\r\n", b"\n") for message in server.messages]
    assert left == MESSAGES[number - 1 :]
