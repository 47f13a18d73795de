"""Fetching one mailbox: what arrives, what is deleted, what is known the next time."""

import mailbox
import sqlite3

import pytest
from faults.deadline import Drip
from scripted import C, Close, S, play
from wire import logged_in

from poplib_c.__main__ import main

from . import habits
from .support import LOGGED_IN, delivered, failed, in_step, listing, numbered, ok, url


def test_into_a_maildir(new, user, server):
    assert ok(new(server)) == (f"alice@127.0.0.1:{server.port}: 3 messages fetched (48 octets)\n")
    assert delivered(user.maildir) == numbered(3)
    assert [mail["Subject"] for mail in mailbox.Maildir(user.maildir)] != []
    assert len(server.messages) == 3
    assert not any(command.startswith(b"DELE") for command in server.commands)


def test_home_directory(fetch, user, server):
    """The shell leaves the ~ of an option that is written with "=" as it is."""
    ok(fetch(server, "--maildir=~/Mail", "--since-last", "--state=~/here"))
    assert delivered(user.maildir) == numbered(3)
    assert (user.home / "here").exists()


def test_into_files(fetch, user, server):
    ok(fetch(server, "--eml", user.home / "mail"))
    files = sorted((user.home / "mail").iterdir())
    assert [file.read_bytes() for file in files] == server.messages
    assert all(file.suffix == ".eml" and file.stat().st_mode & 0o77 == 0 for file in files)


def test_into_an_mbox(fetch, user, serve):
    messages = [b"Subject: 1\n\nFrom here\n>From there\nnot From\n", b"Subject: 2\n\nno end"]
    path = user.home / "mbox"
    path.write_bytes(b"From a@b Thu Jan  1 00:00:00 1970\nSubject: 0\n\nno blank line")
    ok(fetch(serve(messages), "--mbox", path))
    assert [mail["Subject"] for mail in mailbox.mbox(path)] == ["0", "1", "2"]
    lines = path.read_bytes().split(b"\n")
    assert lines[6:11] == [b"Subject: 1", b"", b">From here", b">>From there", b"not From"]
    assert lines[-3:] == [b"no end", b"", b""]


@pytest.mark.parametrize("size", [300_000, 3_000_000])
@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_large_messages(fetch, user, serve, kind, size):
    """Those that are written as they come, between small ones."""
    large = b"Subject: large\n\n" + b"A line of \r text, and\xff\n" * (size // 22)
    server = serve([*numbered(2), large, b"Subject: last\n\n"])
    place = user.home / kind
    ok(fetch(server, f"--{kind}", place, "--delete"))
    if kind == "mbox":
        box = mailbox.mbox(place)
        assert [box.get_bytes(key) for key in box.iterkeys()][2] == large
    else:
        files = sorted((place / "new" if kind == "maildir" else place).iterdir())
        found = [file.read_bytes().replace(b"\r\n", b"\n") for file in files]
        assert sorted(found) == sorted([*numbered(2), large, b"Subject: last\n\n"])
    assert server.messages == []


def test_delete(new, user, server):
    assert ok(new(server, "--delete")).endswith("(48 octets), 3 deleted\n")
    assert (delivered(user.maildir), server.messages) == (numbered(3), [])


def test_keep_is_the_default(new, server):
    ok(new(server, "--keep"))
    ok(new(server))
    assert len(server.messages) == 3


@pytest.mark.parametrize("options", [[], ["--since-last"]])
def test_only_new_messages(new, user, serve, options):
    server = serve(numbered(3))
    ok(new(server, *options))
    known = ": 0 messages fetched (0 octets), 3 fetched before\n"
    assert ok(new(server, *options)).endswith(known)
    server = serve(numbered(5), port=_stopped(server))
    assert ok(new(server, *options)).endswith("(32 octets), 3 fetched before\n")
    assert sorted(delivered(user.maildir)) == sorted(numbered(5))


@pytest.mark.parametrize("option", ["-a", "--all"])
def test_all(new, user, server, option):
    """--all fetches what is known, too, and records what it has delivered."""
    ok(new(server))
    assert ok(new(server, option)).endswith(": 3 messages fetched (48 octets)\n")
    assert len(delivered(user.maildir)) == 6
    assert ok(new(server)).endswith("3 fetched before\n")
    assert ok(new(server, option, "--delete")).endswith("(48 octets), 3 deleted\n")
    assert len(delivered(user.maildir)) == 9
    assert server.messages == []


def test_all_in_several_sessions(run, user, odd):
    """What an earlier session of the run has delivered is not fetched again."""
    server = odd(numbered(300), {b"RETR 299": habits.hang_up})
    run(server)
    assert run(server, "--all")[0] == 1
    assert sorted(delivered(user.maildir)) == sorted(
        [*numbered(300)[:298], *numbered(300)[299:]] * 2
    )


def _stopped(server):
    server.stop()
    return server.port


def test_delete_deletes_what_was_kept(new, server):
    ok(new(server))
    server.commands.clear()
    assert ok(new(server, "--delete")).endswith("(0 octets), 3 deleted\n")
    assert server.messages == []
    assert not any(command.startswith(b"RETR") for command in server.commands)


def _age(user, days):
    """Make all deliveries look *days* older."""
    database = sqlite3.connect(user.home / ".local/state/poplib_c/state.sqlite3")
    with database:
        database.execute("UPDATE delivered SET since = since - ?", [round(days * 24 * 60 * 60)])
    database.close()


def test_keep_days(new, user, serve):
    server = serve(numbered(3))
    ok(new(server, "--keep-days", "7"))
    _age(user, 6.9)
    assert ok(new(server, "--keep-days", "7")).endswith("3 fetched before\n")
    server = serve(numbered(4), port=_stopped(server))
    ok(new(server, "--keep-days", "7"))
    _age(user, 0.2)
    assert ok(new(server, "--keep-days", "7")).endswith("3 deleted, 1 fetched before\n")
    assert [message[:10] for message in server.messages] == [b"Subject: 3"]
    assert len(delivered(user.maildir)) == 4


def test_keep_days_without_unique_ids(new, user):
    with play(*LOGGED_IN, *listing("1 3")) as server:
        told = failed(new(server, "--keep-days", "7"), 69)
    assert told.endswith("--keep-days needs unique ids, and the server has no UIDL")


def test_max_messages(new, user, server):
    """The next run goes on; what is left is no error, and said with -v."""
    told = new(server, "--max-messages", "2", "-v")
    assert told.returncode == 0
    assert "octets) is left on the server: --max-messages 2 is reached\n" in told.stderr
    assert told.stdout.endswith(": 2 messages fetched (32 octets), 1 left on the server\n")
    assert ok(new(server, "--max-messages", "2")).endswith("(16 octets), 2 fetched before\n")
    assert delivered(user.maildir) == numbered(3)


def test_max_messages_in_several_sessions(run, user, odd):
    server = odd(numbered(9), {b"RETR 2": habits.hang_up})
    run(server, "--max-messages", "3")
    assert delivered(user.maildir) == [numbered(9)[0], numbered(9)[2]]


@pytest.mark.parametrize(
    ("options", "does", "summary"),
    [
        (
            [],
            ["fetched", "fetched", "left on the server: it was fetched before"],
            "fetch 2 messages (236 octets), 1 fetched before",
        ),
        (
            ["--delete"],
            ["fetched and deleted"] * 2 + ["deleted: it was fetched before"],
            "fetch 2 messages (236 octets), delete 3",
        ),
        (["--all"], ["fetched"] * 3, "fetch 3 messages (252 octets)"),
        (
            ["--max-size", "100"],
            [
                "left on the server: it is larger than --max-size",
                "fetched",
                "left on the server: it was fetched before",
            ],
            "fetch 1 message (16 octets), 1 fetched before, leave 1 on the server",
        ),
        (
            ["--max-messages", "1"],
            [
                "fetched",
                "left on the server: --max-messages 1 is reached",
                "left on the server: it was fetched before",
            ],
            "fetch 1 message (220 octets), 1 fetched before, leave 1 on the server",
        ),
    ],
)
def test_dry_run(new, user, serve, options, does, summary):
    messages = [b"Subject: large\n\n" + b"x" * 200, *numbered(2)]
    server = serve(messages[2:])
    ok(new(server))
    state = user.home / ".local/state/poplib_c/state.sqlite3"
    before = _digest(state)
    server = serve(messages, port=_stopped(server))
    *rows, last = ok(new(server, "-n", *options)).splitlines()
    assert last.partition(": ")[2] == f"a run would {summary}"
    uids = [f"uid {_uid(server, number)}" for number in (1, 2, 3)]
    assert [row.partition("would be ")[2] for row in rows] == does
    assert all(uid in row for uid, row in zip(uids, rows))
    assert len(delivered(user.maildir)) == 1
    assert len(server.messages) == 3
    assert _digest(state) == before


def _uid(server, number):
    with logged_in(server) as client:
        return client.uidl(number).split()[2].decode()


def _digest(state):
    database = sqlite3.connect(state)
    rows = [*database.iterdump()]
    database.close()
    return rows


def test_dry_run_before_all_others(new, user, server):
    ok(new(server, "--dry-run"))
    assert [*user.home.iterdir()] == []


def test_the_state_may_be_elsewhere(new, user, server):
    ok(new(server, "--since-last", "--state", user.home / "a" / "one"))
    assert ": 3 messages" in ok(new(server, "--since-last", "--state", user.home / "two"))
    assert (user.home / "a" / "one").exists()
    assert not (user.home / ".local").exists()


def test_where_the_state_is(new, user, server):
    ok(new(server, "--since-last"))
    path = user.home / ".local" / "state" / "poplib_c"
    assert (path / "state.sqlite3").exists()
    assert all(file.stat().st_mode & 0o77 == 0 for file in [path, *path.iterdir()])
    user.environment["XDG_STATE_HOME"] = str(user.home / "xdg")
    assert "3 messages" in ok(new(server, "--since-last"))
    assert (user.home / "xdg" / "poplib_c" / "state.sqlite3").exists()


def test_what_is_gone_from_the_server_is_forgotten(new, user, serve):
    server = serve(numbered(3))
    ok(new(server, "--since-last"))
    with logged_in(server) as client:
        client.dele(1)
        client.quit()
    ok(new(server, "--since-last"))
    ok(new(server, "--since-last", "--delete"))
    ok(new(server, "--since-last"))
    database = sqlite3.connect(user.home / ".local/state/poplib_c/state.sqlite3")
    assert database.execute("SELECT count(*) FROM delivered").fetchone() == (0,)
    database.close()


def test_max_size(new, user, serve):
    server = serve([b"Subject: s\n\n", *numbered(1, size=2000)])
    assert ok(new(server, "--delete", "--max-size", "1k")).endswith(", 1 left on the server\n")
    assert len(server.messages) == 1
    told = new(server, "-v", "--delete", "--max-size", "1k").stderr
    assert "2016 octets) is left on the server: it is larger than --max-size\n" in told
    ok(new(server, "--delete", "--max-size", "2016"))


def test_a_size_that_was_a_lie(new, user):
    """LIST is a hint; what is larger in fact is left as well."""
    with play(
        *LOGGED_IN,
        *listing("1 10"),
        C("RETR 1"),
        S("+OK", "x" * 2000, "."),
        C("QUIT"),
        S("+OK"),
    ) as server:
        told = new(server, "--max-size", "1000", "-v")
    assert told.returncode == 0
    assert (
        "message 1 (10 octets) is left on the server: it is larger than --max-size" in told.stderr
    )
    assert delivered(user.maildir) == []


def test_a_size_that_was_a_lie_takes_no_memory(user, monkeypatch, capsys):
    """What is larger in fact than may be held is asked for again, to be written as it comes."""
    monkeypatch.setattr("poplib_c._cli.connection.MOST_IN_MEMORY", 1000)
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    listed = listing("1 10", "2 3", uids=["1 a", "2 b"])
    large = [C("RETR 1"), S("+OK", "x" * 2000, ".")]
    small = [C("CAPA"), S("-ERR no"), *large, C("RETR 2"), S("+OK", "2", "."), *in_step(2, "b")]
    ended = [*large, *in_step(1, "a"), C("DELE 2"), S("+OK"), C("DELE 1"), S("+OK")]
    ended += [C("QUIT"), S("+OK")]
    into = ["--maildir", str(user.maildir), "--state", str(user.home / "state")]
    with play(*LOGGED_IN, *listed, *small, *ended) as server:
        assert main(["fetch", "--insecure", "--delete", *into, url(server)]) == 0
    assert "2 messages fetched (2.0 kB), 2 deleted" in capsys.readouterr().out
    assert delivered(user.maildir) == [b"2\n", b"x" * 2000 + b"\n"]


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("command", ["fetch", "list"])
def test_a_listing_without_end_takes_no_memory(user, monkeypatch, capsys, command, number):
    """Whatever the server says is limited, also what is listed before anything is fetched."""
    monkeypatch.setattr("poplib_c._cli.connection.MOST_IN_MEMORY", 1000)
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    listings = [[C(line), S("+OK", *(number * ["1 100"]), ".")] for line in ("LIST", "UIDL")]
    listings[number - 1][1] = S("+OK", *(200 * ["1 100"]), ".")
    listings[0][:0] = [C("STAT"), S("+OK 1 100")]
    into = ["--since-last", "--maildir", str(user.maildir), "--state", str(user.home / "state")]
    with play(*LOGGED_IN, *listings[0], *(number - 1) * listings[1]) as server:
        options = into if command == "fetch" else []
        assert main([command, "--insecure", *options, url(server)]) == 1
    assert capsys.readouterr().err.endswith(": reply larger than 1000 octets\n")


def test_headers(new, user, serve):
    server = serve([b"Subject: 1\nTo: me\n\none\ntwo\nthree\n"])
    ok(new(server, "--headers", "1", "--since-last"))
    assert delivered(user.maildir) == [b"Subject: 1\nTo: me\n\none\n"]
    # Those are not the messages: they are still to be fetched.
    assert "1 message fetched" in ok(new(server, "--since-last"))


@pytest.mark.row("Repeated unique ids")
def test_uids_that_are_repeated(new, user):
    """Some servers give equal headers one uid: both messages are fetched, and then known."""
    listed = [*LOGGED_IN, *listing("1 6", "2 6", uids=["1 same", "2 same"])]
    fetched = [C("CAPA"), S("-ERR no"), C("RETR 1"), S("+OK", "\r\n1", "."), C("RETR 2")]
    fetched += [S("+OK", "\r\n2", "."), *in_step(2, "same")]
    with play(*listed, *fetched, C("QUIT"), S("+OK")) as server:
        ok(new(server, "--since-last"))
        port = server.port
    with play(*listed, C("QUIT"), S("+OK")) as server:
        _as_if_from(user, port, server.port)
        assert "2 fetched before" in ok(new(server, "--since-last"))
    assert sorted(delivered(user.maildir)) == [b"\n1\n", b"\n2\n"]


@pytest.mark.row("Repeated unique ids")
def test_repeated_uids_when_only_one_was_deleted(new, user):
    """The second message must not be taken for the first, of the same size."""
    listed = listing("1 6", "2 6", uids=["1 same", "2 same"])
    first = [C("CAPA"), S("-ERR no"), C("RETR 1"), S("+OK", "\r\n1", "."), C("RETR 2"), Close()]
    with play(*LOGGED_IN, *listed, *first) as server:
        assert new(server, "--delete", "--since-last").returncode == 75
        port = server.port
    listed = listing("1 6", uids=["1 same"])
    second = [C("RETR 1"), S("+OK", "\r\n2", "."), *in_step(1, "same"), C("DELE 1"), S("+OK")]
    with play(*LOGGED_IN, *listed, *second, C("QUIT"), S("+OK")) as server:
        _as_if_from(user, port, server.port)
        assert "1 message fetched" in ok(new(server, "--delete", "--since-last"))
    assert sorted(delivered(user.maildir)) == [b"\n1\n", b"\n2\n"]


@pytest.mark.row("No unique ids")
def test_no_unique_ids(new, user):
    """Each run fetches all. One that deletes does so anyway."""
    listed = [*LOGGED_IN, *listing("1 3")]
    fetched = [C("RETR 1"), S("+OK", "1", "."), C("LIST 1"), S("+OK 1 3"), C("QUIT"), S("+OK")]
    for options in (["--max-messages", "5"], ["--max-messages", "5", "-q"]):
        with play(*listed, *fetched) as server:
            told = new(server, *options)
        assert told.returncode == 0
        notes = told.stderr.splitlines()
        why = "the server has no unique ids (UIDL), so each run fetches all messages"
        assert [note.endswith(why) for note in notes] == [True] * (options[-1] != "-q")
    ended = [C("RETR 1"), S("+OK", "1", "."), C("LIST 1"), S("+OK 1 3"), C("DELE 1"), S("+OK")]
    ended += [C("QUIT"), S("+OK")]
    with play(*listed, *ended) as server:
        assert "1 deleted" in ok(new(server, "--delete"))
    assert delivered(user.maildir) == [b"1\n"] * 3


def test_a_message_that_the_server_refuses(new, user):
    listed = [*listing("1 3", "2 3", uids=["1 a", "2 b"]), C("CAPA"), S("-ERR no")]
    replies = [C("RETR 1"), S("-ERR it is \x1b[31mlost"), C("RETR 2"), S("+OK", "2", ".")]
    replies += in_step(2, "b")
    with play(*LOGGED_IN, *listed, *replies, C("QUIT"), S("+OK")) as server:
        told = failed(new(server), 1)
    assert told.endswith(
        "message 1 (uid a, 3 octets) is left on the server: -ERR it is \ufffd[31mlost"
    )
    assert delivered(user.maildir) == [b"2\n"]


def test_a_uid_is_told_as_far_as_it_may_be_long(new):
    """RFC 1939, section 7: 70 characters."""
    listed = listing("1 3", uids=[f"1 {'u' * 10000}"])
    with play(*LOGGED_IN, *listed, C("RETR 1"), S("-ERR no"), C("QUIT"), S("+OK")) as server:
        told = failed(new(server, "--since-last"), 1)
    assert told.endswith(f"message 1 (uid {'u' * 70}..., 3 octets) is left on the server: -ERR no")


def test_a_deletion_that_the_server_refuses(new):
    replies = [C("RETR 1"), S("+OK", "1", "."), *in_step(1, "a"), C("DELE 1"), S("-ERR read-only")]
    with play(*LOGGED_IN, *listing("1 3", uids=["1 a"]), *replies, C("QUIT"), S("+OK")) as server:
        ended = new(server, "--delete")
    assert failed(ended, 1).endswith("message 1 (uid a, 3 octets) is not deleted: -ERR read-only")
    assert "deleted" not in ended.stdout


class OnDisk:
    """A step of a script: by then these messages are delivered and recorded."""

    def __init__(self, user, *messages):
        self.user = user
        self.messages = messages

    def play(self, peer):
        assert sorted(delivered(self.user.maildir)) == sorted(self.messages)
        database = sqlite3.connect(self.user.home / ".local/state/poplib_c/state.sqlite3")
        rows = database.execute("SELECT uid FROM delivered ORDER BY uid").fetchall()
        database.close()
        assert len(rows) == len(self.messages)


@pytest.mark.row("Deletions at any disconnect", "Deletions that were not committed")
def test_what_is_deleted_is_on_disk_before(new, user):
    """Some servers delete at any disconnect: so nothing is marked that is not safe."""
    listed = listing("1 3", "2 3", uids=["1 a", "2 b"])
    one = [C("CAPA"), S("-ERR no"), C("RETR 1"), S("+OK", "1", "."), C("RETR 2")]
    two = [S("+OK", "2", "."), *in_step(2, "b"), C("DELE 1")]
    ended = [OnDisk(user, b"1\n", b"2\n"), S("+OK"), C("DELE 2"), S("+OK"), C("QUIT"), Close()]
    with play(*LOGGED_IN, *listed, *one, *two, *ended) as server:
        assert failed(new(server, "--delete"), 75).endswith(": the server ended the connection")


@pytest.mark.row("Deletions that were not committed")
def test_deletions_that_were_not_committed(new, user):
    """The connection ends before QUIT: the next run deletes, and fetches nothing but headers."""
    listed = [*LOGGED_IN, *listing("1 3", uids=["1 a"])]
    deleted = [C("DELE 1"), S("+OK"), C("QUIT")]
    first = [C("RETR 1"), S("+OK", "1", "."), *in_step(1, "a"), *deleted, Close()]
    with play(*listed, *first) as server:
        port = server.port
        ended = new(server, "--delete")
    assert failed(ended, 75).endswith(": the server ended the connection")
    assert delivered(user.maildir) == [b"1\n"]
    headers = [C("TOP 1 0"), S("+OK", "1", ".")]
    with play(*listed, *headers, *deleted, S("+OK")) as server:
        _as_if_from(user, port, server.port)
        assert ok(new(server, "--delete")).endswith("0 messages fetched (0 octets), 1 deleted\n")
    assert delivered(user.maildir) == [b"1\n"]


def test_a_uid_that_is_another_message_by_now(new, user):
    """It is fetched, not deleted unseen."""
    deleted = [*in_step(1, "a"), C("DELE 1"), S("+OK"), C("QUIT")]
    first = [*listing("1 3", uids=["1 a"]), C("RETR 1"), S("+OK", "1", "."), *deleted]
    with play(*LOGGED_IN, *first, Close()) as server:
        failed(new(server, "--delete"), 75)
        port = server.port
    second = [*listing("1 4", uids=["1 a"]), C("RETR 1"), S("+OK", "22", "."), *deleted]
    with play(*LOGGED_IN, *second, S("+OK")) as server:
        _as_if_from(user, port, server.port)
        assert "1 message fetched" in ok(new(server, "--delete"))
    assert sorted(delivered(user.maildir)) == [b"1\n", b"22\n"]


@pytest.mark.row("Unique ids that are used again")
@pytest.mark.parametrize("reply", [("+OK", "b:", "", "."), ("-ERR what is TOP?",)])
def test_a_uid_that_is_another_message_of_the_same_size_by_now(new, user, reply):
    """It is fetched too; so is what nobody can tell apart, on a server without TOP."""
    listed = [*LOGGED_IN, *listing("1 9", uids=["1 7"])]
    deleted = [*in_step(1, "7"), C("DELE 1"), S("+OK"), C("QUIT")]
    first = [C("RETR 1"), S("+OK", "a:", "", "1", "."), *deleted, Close()]
    with play(*listed, *first) as server:
        failed(new(server, "--delete", "--since-last"), 75)
        port = server.port
    second = [C("TOP 1 0"), S(*reply), C("RETR 1"), S("+OK", "b:", "", "1", ".")]
    with play(*listed, *second, *deleted, S("+OK")) as server:
        _as_if_from(user, port, server.port)
        assert ok(new(server, "--delete", "--since-last")).endswith("(9 octets), 1 deleted\n")
    assert sorted(delivered(user.maildir)) == [b"a:\n\n1\n", b"b:\n\n1\n"]


def _as_if_from(user, port, other):
    """Let the state of the server at one port be that of another one."""
    database = sqlite3.connect(user.home / ".local/state/poplib_c/state.sqlite3")
    names = [f"alice@127.0.0.1:{number}" for number in (other, port)]
    with database:
        for table in ("delivered", "in_flight", "troubled"):
            database.execute(f"UPDATE {table} SET account = ? WHERE account = ?", names)
    database.close()


def test_a_server_that_says_nothing(new):
    with play(*LOGGED_IN, C("STAT")) as server:
        assert failed(new(server, "--timeout", "0.2"), 75).endswith(": timed out")


def test_a_server_that_goes_on_for_ever(new):
    with play(
        *LOGGED_IN, C("STAT"), S("+OK 1 1"), C("LIST"), Drip(b"1 100\r\n", b"+OK\r\n")
    ) as server:
        told = failed(new(server, "--deadline", "2"), 75)
    assert told.endswith(": the deadline of 2 s has passed")


def test_quiet(new, server):
    assert ok(new(server, "--quiet")) == ""


def test_an_empty_mailbox(new, user, serve):
    assert ": 0 messages fetched (0 octets)\n" in ok(new(serve()))
    assert delivered(user.maildir) == []
