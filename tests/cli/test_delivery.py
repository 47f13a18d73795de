"""Where messages go: whole or not at all, whatever fails."""

import errno
import resource

import pytest
from wire import logged_in

from poplib_c._cli.delivery import Output, disk
from poplib_c._cli.destinations import open_box
from poplib_c._cli.state import InFlight, State

from .support import delivered, numbered, url


def limited():
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_no_room_left(user, serve, kind):
    """Files that may not grow: what was not delivered stays, the rest is deleted.

    What is smaller may have room where something larger has none.
    """
    messages = numbered(8, size=90_000) if kind == "mbox" else numbered(3, size=200_000)
    messages[2:2] = numbered(1, size=400_000) if kind != "mbox" else []
    server = serve(messages)
    place = user.home / kind
    arguments = ["--insecure", "--delete", f"--{kind}", place, url(server)]
    ended = user.fetch(*arguments, preexec_fn=limited)
    assert ended.returncode == 75
    told = ended.stderr.splitlines()[-1]
    assert "no room for /" in told and told.endswith(": File too large")
    left = 5 if kind == "mbox" else 1
    assert len(server.messages) == left
    assert f"{len(messages) - left} deleted" in ended.stdout
    ended = user.fetch(*arguments)
    assert (ended.returncode, server.messages) == (0, [])
    if kind == "maildir":
        assert sorted(delivered(place)) == sorted(messages)
    elif kind == "mbox":
        assert place.read_bytes().count(b"\nSubject: ") == 8
    else:
        assert len([*place.iterdir()]) == 4


@pytest.mark.parametrize("more", [["--max-size", "1000"], []])
def test_a_message_that_is_not_read_to_its_end(run, user, odd, monkeypatch, more):
    """It is too large, or there is no room, and takes too long to drop: the others come."""
    write = Output.write

    def limited(self, data):
        if self.octets > 300_000:
            with disk("here"):
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Output, "write", limited)
    large = b"Subject: large\n\n" + b"x" * 40_000_000
    habits = {b"LIST": lambda _, reply: reply.replace(b"40000020", b"500")} if more else {}
    server = odd([numbered(1)[0], large, numbered(2)[1]], habits)
    status, told, _ = run(server, "--delete", "--timeout", "20", *more)
    assert status == (1 if more else 75)
    assert told[0].startswith("message 2 (uid ") and len(told) == 1
    assert len(server.messages) == 1
    assert sorted(delivered(user.maildir)) == numbered(2)


def test_a_directory_that_is_no_maildir(tmp_path, user, server):
    (tmp_path / "Mail").mkdir()
    (tmp_path / "Mail" / "letter").touch()
    ended = user.fetch("--insecure", "--maildir", tmp_path / "Mail", url(server))
    assert ended.returncode == 73
    assert "is not a Maildir: it has files, but no tmp, new or cur" in ended.stderr
    assert server.commands == []


def test_a_place_that_cannot_be_written(user, server):
    ended = user.fetch("--insecure", "--mbox", user.home, url(server))
    assert ended.returncode == 73
    assert ended.stderr.splitlines()[-1].endswith(": Is a directory")


# After a kill


def test_two_runs_do_not_share_a_mailbox(user, server):
    path = str(user.home / "state")
    arguments = ["--insecure", "--delete", "--state", path, "--maildir", user.maildir, url(server)]
    with State(path, f"alice@127.0.0.1:{server.port}"):
        ended = user.fetch(*arguments)
        assert ended.returncode == 75
        assert ended.stderr.endswith(": another run is fetching this mailbox\n")
        assert server.commands == []
    assert user.fetch(*arguments).returncode == 0


def begun(user, server, path):
    """The ticket of message 1, which the state in *path* has as about to be delivered."""
    box = open_box("maildir", str(user.maildir))
    (ticket,) = box.tickets(1)
    with logged_in(server) as client:
        uid = client.uidl(1).split()[2]
        client.quit()
    with State(path, f"alice@127.0.0.1:{server.port}") as state:
        state.begin([InFlight(uid, 16, f"maildir:{box.path}", ticket)])
    return ticket


@pytest.mark.parametrize("there", [True, False])
def test_a_run_that_was_killed_before_it_could_record(user, serve, there):
    server = serve(numbered(1))
    path = str(user.home / "state")
    ticket = begun(user, server, path)
    (user.maildir / ("new" if there else "tmp") / ticket).write_bytes(numbered(1)[0])
    ended = user.fetch(
        "--insecure", "--delete", "--state", path, "--maildir", user.maildir, url(server)
    )
    assert f"{'0 messages' if there else '1 message'} fetched" in ended.stdout
    assert (delivered(user.maildir), server.messages) == (numbered(1), [])


def test_a_run_that_was_killed_and_one_that_found_nobody(user, serve):
    """What the first was about to deliver is looked for by the third."""
    server = serve(numbered(1))
    path = str(user.home / "state")
    ticket = begun(user, server, path)
    (user.maildir / "new" / ticket).write_bytes(numbered(1)[0])
    arguments = "--insecure", "--delete", "--state", path, "--maildir", user.maildir, url(server)
    server.stop()
    assert user.fetch(*arguments).returncode == 69
    server = serve(numbered(1), port=server.port)
    assert user.fetch(*arguments).returncode == 0
    assert (delivered(user.maildir), server.messages) == (numbered(1), [])


def test_a_killed_run_into_a_place_that_is_gone(user, serve):
    server = serve(numbered(1))
    path = str(user.home / "state")
    with State(path, f"alice@127.0.0.1:{server.port}") as state:
        state.begin([InFlight(b"a", 16, f"maildir:{path}/in/a/file", "ticket")])
    arguments = "--insecure", "--delete", "--state", path, "--maildir", user.maildir, url(server)
    assert user.fetch(*arguments).returncode == 0
    assert delivered(user.maildir) == numbered(1)


def test_names_that_a_database_would_not_take_for_files(user, server):
    """sqlite3 has databases that are gone at the end of the program."""
    into = "--insecure", "--since-last", "--maildir", user.maildir
    assert user.fetch(*into, "--state", ":memory:", url(server), cwd=user.home).returncode == 0
    assert (user.home / ":memory:").exists()


def test_a_state_that_is_no_database(user, server):
    (user.home / "state").write_text("something else" * 100)
    ended = user.fetch(
        *("--insecure", "--delete", "--state", user.home / "state"),
        *("--maildir", user.maildir, url(server)),
    )
    assert ended.returncode == 74
    assert ended.stderr.endswith("can't be used: file is not a database\n")
    assert server.commands == []
