"""Messages are delivered in batches: what fails in a batch, and kills inside of a commit."""

import errno
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest

from poplib_c.__main__ import main
from poplib_c._cli import delivering, delivery, state

from .habits import hang_up, once
from .support import TIMEOUT, delivered, numbered, url
from .test_killing import contents, filing

COUNT = 20
SEED = int(os.environ.get("SEED") or 1)
SERIES = max(int(os.environ.get("SOAK") or 0) // 25, 1)
KILLS = 12  # in one series, at most


def left(server):
    return sorted(message.replace(b"\r\n", b"\n") for message in server.messages)


@pytest.fixture
def small(monkeypatch):
    """Batches of four messages."""
    monkeypatch.setattr(delivering, "_MOST", 4)


@pytest.fixture
def sync_fails(monkeypatch):
    """Lets fsync() fail: sync_fails(error, which), *which* being a test of a path."""
    fsync = os.fsync

    def fail(number, which):
        def failing(descriptor):
            if which(os.readlink(f"/proc/self/fd/{descriptor}")):
                raise OSError(number, os.strerror(number))
            fsync(descriptor)

        monkeypatch.setattr("os.fsync", failing)

    yield fail


def first(found):
    """Whether it is the first path of those that *found* accepts."""
    once = iter([True])
    return lambda path: found(path) and next(once, False)


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [(errno.EIO, 74, "can't write"), (errno.ENOSPC, 75, "is left on the server: no room for")],
)
def test_a_file_that_cannot_be_synced(run, user, serve, sync_fails, small, number, status, text):
    """The others of its batch are delivered and deleted."""
    sync_fails(number, first(lambda path: "/tmp/" in path.replace(str(user.home), "")))
    server = serve(numbered(COUNT))
    ended, told, _ = run(server, "--delete")
    assert (ended, len(told)) == (status, 1)
    assert text in told[0]
    assert sorted([*delivered(user.maildir), *left(server)]) == sorted(numbered(COUNT))
    assert len(server.messages) == 1 or number == errno.EIO
    assert run(server, "--delete")[0] == 0
    assert sorted(delivered(user.maildir)) == sorted(numbered(COUNT))


def test_a_directory_that_cannot_be_synced(run, user, serve, sync_fails, small):
    """Its messages may be on the disk: the server keeps them, and the next run looks for them."""
    sync_fails(errno.EIO, first(lambda path: path.endswith("/new")))
    server = serve(numbered(COUNT))
    status, told, result = run(server, "--delete")
    assert (status, told) == (74, [f"can't write {user.maildir}/new: Input/output error"])
    assert len(server.messages) == COUNT
    assert result.startswith("0 messages fetched")
    found = len(delivered(user.maildir))
    assert 1 <= found <= 4
    assert run(server, "--delete")[2].startswith(f"{COUNT - found} messages fetched")
    assert (sorted(delivered(user.maildir)), server.messages) == (sorted(numbered(COUNT)), [])


def test_an_mbox_that_cannot_be_synced(user, serve, monkeypatch, sync_fails, small):
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    path = user.home / "mbox"
    sync_fails(errno.EIO, first(lambda name: name == str(path)))
    server = serve(numbered(COUNT))
    into = "--mbox", path, "--state", user.home / "state"
    arguments = ["fetch", "--insecure", "--delete", *map(str, into), url(server)]
    assert main(arguments) == 74
    assert len(server.messages) >= 2
    assert sorted([*contents("mbox", path), *left(server)]) == sorted(numbered(COUNT))
    assert main(arguments) == 0
    assert sorted(contents("mbox", path)) == sorted(numbered(COUNT))


def test_a_state_that_cannot_be_written(run, user, serve, monkeypatch, small):
    """Messages in their places are not fetched again."""
    add, times = state.State.add, iter([1])

    def full(self, messages, *others):
        if messages and next(times, None) is None:
            with self._transaction():
                raise sqlite3.OperationalError("database or disk is full")
        return add(self, messages, *others)

    monkeypatch.setattr(state.State, "add", full)
    server = serve(numbered(COUNT))
    status, told, _ = run(server, "--delete")
    assert (status, told) == (75, ["the state can't be written: database or disk is full"])
    assert len(server.messages) == COUNT
    assert len(delivered(user.maildir)) > 4
    monkeypatch.undo()
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    assert run(server, "--delete")[0] == 0
    assert (sorted(delivered(user.maildir)), server.messages) == (sorted(numbered(COUNT)), [])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (sqlite3.OperationalError("database or disk is full"), 75),
        (OSError(errno.ENOSPC, "No space left on device"), 75),
        (sqlite3.OperationalError("attempt to write a readonly database"), 73),
    ],
)
def test_a_state_that_cannot_be_opened(run, user, serve, monkeypatch, error, status):
    """A full disk is temporary."""

    def fail(path):
        raise error

    monkeypatch.setattr(state, "_open", fail)
    text = f"the state in {user.home}/state can't be used: {error.args[-1]}"
    assert run(serve(numbered(1)), "--delete")[:2] == (status, [text])


@pytest.mark.parametrize("options", [[], ["--since-last"]])
def test_a_connection_that_is_lost_in_a_batch(run, user, odd, options):
    """What has come is committed; the next session does not fetch it again."""
    server = odd(numbered(COUNT), {b"RETR 8": once(hang_up)})
    assert run(server, *options)[:2] == (0, [])
    assert [server.commands.count(b"RETR %d" % number) for number in (1, 7, 8)] == [1, 1, 2]
    assert sorted(delivered(user.maildir)) == sorted(numbered(COUNT))


def test_two_batches_are_the_most(run, user, serve, monkeypatch, small):
    """Each message of them has an open file."""
    waiting, most = set(), []
    opens, drop = delivery.Maildir.open, delivery.Maildir.drop

    def counted(self, ticket, again=False):
        waiting.add(ticket)
        most.append(len(waiting))
        return opens(self, ticket, again)

    def dropped(self, output):
        drop(self, output)
        waiting.discard(output.ticket)

    monkeypatch.setattr(delivery.Maildir, "open", counted)
    monkeypatch.setattr(delivery.Maildir, "drop", dropped)
    assert run(serve(numbered(100)))[0] == 0
    assert 4 <= max(most) <= 8
    assert not waiting


def test_progress_counts_what_is_recorded(run, user, serve, monkeypatch, small):
    found = []

    def message(bar):
        database = sqlite3.connect(user.home / "state")
        found.extend(database.execute("SELECT count(*) FROM delivered").fetchone())
        database.close()

    monkeypatch.setattr("poplib_c._cli.progress._Line.message", message)
    assert run(serve(numbered(COUNT)), "--since-last")[0] == 0
    assert len(found) == COUNT
    assert all(rows >= count for count, rows in enumerate(found, 1))


def test_few_descriptors(user, serve):
    """The limit of open files makes batches smaller."""

    def limited():
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))

    server = serve(numbered(300))
    options = "--insecure", "--since-last", "--delete", "--jobs", "2", "--maildir", user.maildir
    ended = user.fetch(*options, url(server), preexec_fn=limited)
    assert (ended.returncode, server.messages) == (0, [])
    assert len(delivered(user.maildir)) == 300


@pytest.mark.parametrize(
    ("kind", "count"), [("maildir", 0), ("maildir", 1), ("maildir", 2), ("mbox", 0), ("mbox", 1)]
)
def test_a_thread_that_cannot_be_started(user, serve, capfd, monkeypatch, small, kind, count):
    """The run says what to do; the next one goes on."""
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    place, starts, left = user.home / kind, threading.Thread.start, iter(range(count))

    def start(thread):
        if not thread.name.startswith("ThreadPool") or next(left, None) is not None:
            return starts(thread)
        raise RuntimeError("can't start new thread")

    server = serve(numbered(COUNT))
    options = "--insecure", "--delete", "--state", user.home / "state", f"--{kind}", place
    arguments = ["fetch", *map(str, options), url(server)]
    with monkeypatch.context() as limited:
        limited.setattr("threading.Thread.start", start)
        assert main(arguments) == 75
    *_, told = capfd.readouterr().err.splitlines()
    assert told.endswith(
        ": can't start new thread: use fewer --jobs, or raise the limit of processes (ulimit -u)"
    )
    assert main(arguments) == 0
    assert sorted(contents(kind, place)) == sorted(numbered(COUNT))


# Kills

KILLED = """
import os, signal, subprocess, sys, threading
from poplib_c.__main__ import main
from poplib_c._cli import command, delivering, delivery, mbox, state

left, lock = int(sys.argv.pop(1)), threading.Lock()
delivering._MOST = 4

def count():
    global left
    with lock:
        left -= 1
        return left == 0

def killing(call):
    def wrapped(*arguments, **options):
        if count():
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            return call(*arguments, **options)
        finally:
            if count():
                os.kill(os.getpid(), signal.SIGKILL)
    return wrapped

def torn(file, data):
    if count():
        file.write(data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write_all(file, data)

for name in ("fsync", "link", "unlink"):
    setattr(os, name, killing(getattr(os, name)))
subprocess.Popen = killing(subprocess.Popen)
for name in ("add", "begin", "end", "forget"):
    setattr(state.State, name, killing(getattr(state.State, name)))
write_all = delivery.write_all
delivery.write_all = mbox.write_all = torn
from poplib_c.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("received", [[], ["--received"]])
@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml", "pipe"])
@pytest.mark.parametrize("seed", range(SEED, SEED + SERIES))
def test_kills_inside_of_a_commit(user, serve, kind, seed, received, record_property):
    """Before, between and after its steps, and in a write: nothing is lost or comes twice.

    A command may get a message twice for each kill.
    """
    numbers = random.Random(f"{kind} {seed}")
    messages = numbered(3 * COUNT, size=300)
    server, place, path = serve(messages), user.home / kind, user.home / "state"
    target = filing(place) if kind == "pipe" else place
    options = "--insecure", "--delete", "--since-last", "--state", path, f"--{kind}", target
    options += (*received,)
    kills = 0
    while server.messages:
        limit = numbers.randrange(1, numbers.choice([20, 120])) if kills < KILLS else 0
        words = [sys.executable, "-c", KILLED, limit, "fetch", *options, url(server)]
        ended = subprocess.run([*map(str, words)], env=user.environment, timeout=TIMEOUT)
        assert ended.returncode in (0, -signal.SIGKILL)
        kills += ended.returncode != 0
        begun = {name.name for name in place.glob("tmp/*")}
        assert not begun or recorded(path) >= begun
    found = contents(kind, place)
    if received:
        found = [message.partition(b"+0000\n")[2] for message in found]
    assert {*found} == {*messages}
    twice = len(found) - len(messages)
    assert twice <= (kills if kind == "pipe" else 0)
    assert kills >= 3
    record_property("kills", kills)
    record_property("twice", twice)


def recorded(path):
    """The names of messages that may be in their places."""
    database = sqlite3.connect(path)
    rows = database.execute("SELECT ticket FROM in_flight").fetchall()
    database.close()
    return {ticket for (ticket,) in rows}
