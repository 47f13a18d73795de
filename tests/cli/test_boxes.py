"""Where messages go, and what is remembered of them: whole or not at all, whatever fails."""

import errno
import fcntl
import itertools
import mailbox
import math
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path

import pytest

from poplib_c._cli import mbox, planning
from poplib_c._cli.delivery import Wait, digest
from poplib_c._cli.destinations import open_box
from poplib_c._cli.failures import DeliveryFailure, Failure
from poplib_c._cli.state import _VERSIONS, Delivered, InFlight, State

from .support import delivered

WHOLE = b"Subject: x\n\nbody\n"


def write(output):
    output.write(b"Subject: x\r")
    output.write(b"\n\r\nbody\r\n")


def writes(message):
    return lambda output: output.write(message)


def fail(output):
    output.write(b"Subject: half")
    raise ConnectionResetError


def receive(box, writes=write, ticket=None, again=False):
    output = box.open(ticket or box.tickets(1)[0], again)
    try:
        writes(output)
        output.finish()
    except BaseException:
        box.drop(output)
        raise
    return output


def commit(box, *outputs):
    """The errors of messages that are committed together."""
    with ThreadPoolExecutor() as pool:
        box.commit(outputs, lambda call, outputs: [*pool.map(call, outputs)])
    for output in outputs:
        box.drop(output)
    return [output.error for output in outputs]


def deliver(box, writes=write, **options):
    (error,) = commit(box, receive(box, writes, **options))
    if error is not None:
        raise error


@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_a_message_that_does_not_come_to_its_end(tmp_path, kind):
    box = open_box(kind, str(tmp_path / "box"))
    with pytest.raises(ConnectionResetError):
        deliver(box, fail)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []


@pytest.mark.parametrize("kind", ["maildir", "eml"])
def test_names_are_not_used_twice(tmp_path, monkeypatch, kind):
    """Not by programs in containers either, which may have the same number at the same time."""
    box = open_box(kind, str(tmp_path / "box"))
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    monkeypatch.setattr("time.gmtime", lambda: (2026, 11, 26, 12, 0, 0, 3, 330, 0))
    tickets = set()
    for _ in range(2):
        monkeypatch.setattr("poplib_c._cli.delivery._numbers", itertools.count(1))
        tickets.update(box.tickets(2))
    assert len(tickets) == 4


def test_a_file_that_is_there_is_not_replaced(tmp_path):
    box = open_box("eml", str(tmp_path))
    (ticket,) = box.tickets(1)
    (tmp_path / ticket).write_bytes(b"mine")
    with pytest.raises(DeliveryFailure):
        deliver(box, ticket=ticket)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr("os.link", link)
    box = open_box("maildir", str(tmp_path / "Mail"))
    deliver(box)
    assert delivered(box.path) == [WHOLE]


@pytest.mark.parametrize("number", [errno.EEXIST, errno.EIO])
def test_a_link_that_is_made_and_fails(tmp_path, monkeypatch, number):
    """NFS does that if a reply is lost: the message is delivered, and must not come twice."""
    link = os.link

    def fail(*paths):
        link(*paths)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.link", fail)
    box = open_box("maildir", str(tmp_path / "Mail"))
    deliver(box)
    assert delivered(box.path) == [WHOLE]


DELIVERS = """
import sys
import threading
from poplib_c._cli.destinations import open_box
def write(output):
    output.write(b"Subject: half")
    print("begun", flush=True)
    sys.stdin.readline()
box = open_box(*sys.argv[1:])
write(box.open(*box.tickets(1)))
"""


@pytest.mark.parametrize("kind", ["maildir", "eml"])
def test_what_a_killed_run_has_left_is_removed(tmp_path, kind):
    """By the next one, and not before it is dead; what others have left stays."""
    box = open_box(kind, str(tmp_path))
    folder = tmp_path / "tmp" if kind == "maildir" else tmp_path
    others = folder / ".mine.part"
    others.touch()
    with subprocess.Popen(
        [sys.executable, "-c", DELIVERS, kind, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"begun\n"
        (temporary,) = {*folder.glob("*[0-9]*")} - {others}
        os.utime(temporary, (0, 0))
        open_box(kind, str(tmp_path))
        assert temporary.exists()
        other.kill()
    elsewhere = [Path(f"{temporary}".replace(socket.gethostname(), f"{n}.other")) for n in "ab"]
    for path in elsewhere:
        path.touch()
    os.utime(elsewhere[1], (0, 0))
    open_box(kind, str(tmp_path))
    assert {path for path in folder.iterdir() if path.is_file()} == {others, elsewhere[0]}
    deliver(box)


@pytest.mark.parametrize("umask", [0, 0o777])
def test_directories_are_for_their_owner_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        for kind in ("maildir", "eml"):
            open_box(kind, str(tmp_path / "a" / kind))
        os.umask(0)
        State(str(tmp_path / "b" / "c" / "state"), "account").close()
    finally:
        os.umask(before)
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert len(made) == 8
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_place_where_nobody_can_make_directories():
    """mkdir() fails as if what is above were missing, in automounted places too."""
    with pytest.raises(DeliveryFailure, match="can't write /proc/poplib_c: No such file"):
        open_box("maildir", "/proc/poplib_c")


@pytest.mark.parametrize("place", ["new/{}", "cur/{}:2,S", "cur/{}"])
def test_a_maildir_knows_what_was_delivered(tmp_path, place):
    box = open_box("maildir", str(tmp_path))
    (ticket,) = box.tickets(1)
    assert box.recover([ticket]) == {}
    (tmp_path / place.format(ticket)).write_bytes(WHOLE)
    assert box.recover(["other", ticket]) == {ticket: WHOLE}


@pytest.mark.parametrize("before", [b"", b"From a b\n\nx\n", b"no end"])
@pytest.mark.parametrize("behind", [b"", b"\nFrom other Thu\n\nmail\n\n"])
def test_an_mbox_finds_what_it_had_appended(tmp_path, before, behind):
    """Cut at every octet; whole, or with another's mail behind it."""
    path = tmp_path / "mbox"
    path.write_bytes(before)
    box = open_box("mbox", str(path))
    (ticket,) = box.tickets(1)
    deliver(box, ticket=ticket)
    whole = path.read_bytes()
    for end in range(len(before), len(whole) + 1):
        path.write_bytes(whole[:end] + (behind if end == len(whole) else b""))
        deliver(box, ticket=ticket, again=True)
        assert path.read_bytes().replace(b"\n\n", b"\n") == (
            whole + (behind if end == len(whole) else b"")
        ).replace(b"\n\n", b"\n")


def test_an_mbox_cuts_nothing_of_others(tmp_path):
    path = tmp_path / "mbox"
    box = open_box("mbox", str(path))
    (ticket,) = box.tickets(1)
    deliver(box, ticket=ticket)
    torn = path.read_bytes()[:-4] + b"From other Thu\n\nmail\n\n"
    path.write_bytes(torn)
    deliver(box, ticket=ticket, again=True)
    assert path.read_bytes().startswith(torn)
    assert path.read_bytes().endswith(WHOLE + b"\n")


@pytest.mark.parametrize(("gone", "size"), [(None, 3), (None, 1), (1, 2)])
def test_an_mbox_finds_a_batch_that_it_had_appended(tmp_path, gone, size):
    """Cut at every octet; batches may be others, and a message may not come again."""
    path = tmp_path / "mbox"
    path.write_bytes(b"From a b\n\nx\n")
    box = open_box("mbox", str(path))
    messages = [b"A: b\r\n\r\n", b"A: b\r\n\r\nmore\r\n\r\nFrom x\r\n", b"A: b\r\n\r\n"]
    tickets = box.tickets(3)
    commit(box, *[receive(box, writes(m), t) for m, t in zip(messages, tickets)])
    whole = path.read_bytes()
    again = [(m, t) for number, (m, t) in enumerate(zip(messages, tickets)) if number != gone]
    for end in range(12, len(whole) + 1):
        path.write_bytes(whole[:end])
        outputs = [receive(box, writes(m), t, again=True) for m, t in again]
        for first in range(0, len(outputs), size):
            commit(box, *outputs[first : first + size])
        found = path.read_bytes()
        if gone is None:
            assert found.replace(b"\n\n", b"\n") == whole.replace(b"\n\n", b"\n")
        for _, ticket in again:
            assert found.count(ticket.partition(" ")[2].encode() + b"\nA: b\n\n") == 1


def test_an_mbox_is_read_once_for_a_batch(tmp_path, monkeypatch):
    """Not for each of its messages, of which there may be hundreds in megabytes."""
    path = tmp_path / "mbox"
    box = open_box("mbox", str(path))
    tickets = box.tickets(200)
    commit(box, *[receive(box, ticket=ticket) for ticket in tickets])
    whole, octets = path.read_bytes(), []

    class Counting(FileIO):
        def read(self, *arguments):
            data = super().read(*arguments)
            octets.append(len(data))
            return data

    monkeypatch.setattr("poplib_c._cli.mbox.FileIO", Counting)
    commit(box, *[receive(box, ticket=ticket, again=True) for ticket in tickets])
    assert (path.read_bytes(), sum(octets)) == (whole, len(whole))


@pytest.mark.parametrize("block", [1, 5, 1 << 20])
def test_an_mbox_quotes(tmp_path, monkeypatch, block):
    """The size of the blocks does not matter."""
    monkeypatch.setattr("poplib_c._cli.mbox._BLOCK", block)
    box = open_box("mbox", str(tmp_path / "mbox"))
    deliver(box, writes(b"From a\r\n>>From b\n From c\nx From d\nFromage\n>From"))
    _, _, body = Path(box.path).read_bytes().partition(b"\n")
    assert body == b">From a\n>>>From b\n From c\nx From d\nFromage\n>From\n\n"


LOCKS = """
import fcntl, sys
with open(sys.argv[1], "ab") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def locked(tmp_path):
    """The path of an mbox that another program has locked, and that program."""
    path = tmp_path / "mbox"
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        yield path, other
        other.stdin.close()


def test_a_lock_that_is_kept_is_given_up(locked):
    path, _ = locked
    told = []
    with pytest.raises(DeliveryFailure, match="mbox is locked by another program, for "):
        open_box("mbox", str(path), Wait(0.3, told.append))
    assert told == [f"waiting for another program to unlock {path}"]


def test_a_lock_is_waited_for(locked):
    """Until its program ends, or the run is to end."""
    path, other = locked
    with pytest.raises(DeliveryFailure, match="interrupted: "):
        open_box("mbox", str(path), Wait(3600.0, is_over=lambda: True))
    box = open_box("mbox", str(path), Wait(3600.0, lambda text: other.stdin.close()))
    deliver(box)
    assert path.read_bytes().endswith(WHOLE + b"\n")


def test_another_thread_of_the_run_is_waited_for(tmp_path):
    """Even if the run is to end: what it has received is delivered."""
    box = open_box("mbox", str(tmp_path / "mbox"), Wait(0.0, is_over=lambda: True))
    lock = mbox._locks[box.path]
    lock.acquire()
    threading.Timer(0.3, lock.release).start()
    deliver(box)
    assert (tmp_path / "mbox").read_bytes().endswith(WHOLE + b"\n")


REWRITES = """
import fcntl, os, sys
path = sys.argv[1]
with open(path, "r+b") as old:
    fcntl.lockf(old, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.readline()
    with open(path + ".new", "wb") as new:
        new.write(b"From a b\\n\\nkept\\n\\n")
    os.rename(path + ".new", path)
"""


def test_an_mbox_that_is_replaced_while_its_lock_is_waited_for(tmp_path, monkeypatch):
    """Mail programs rewrite it beside its place: what goes into the old file would be lost."""
    box = open_box("mbox", str(tmp_path / "mbox"))
    with subprocess.Popen(
        [sys.executable, "-c", REWRITES, box.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        lockf = fcntl.lockf

        def go_on_and_wait(*arguments):
            if not other.stdin.closed:
                other.stdin.close()
            lockf(*arguments)

        monkeypatch.setattr("fcntl.lockf", go_on_and_wait)
        deliver(box)
    found = (tmp_path / "mbox").read_bytes()
    assert found.startswith(b"From a b\n\nkept\n\nFrom ")
    assert found.endswith(WHOLE + b"\n")


@pytest.fixture
def synced(monkeypatch):
    """The files and directories that fsync() was called for."""
    found = []
    fsync = os.fsync

    def noted(descriptor):
        found.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", noted)
    return found


@pytest.mark.parametrize("kind", ["maildir", "eml", "state"])
def test_names_of_new_directories_are_synced(tmp_path, synced, kind):
    path = tmp_path / "a" / "b" / "c"
    if kind == "state":
        State(str(path / "state"), "account").close()
    else:
        open_box(kind, str(path))
    assert {str(parent) for parent in [*path.parents][:3]} <= {*synced}


def test_an_mbox_is_synced_when_a_killed_run_may_not_have(tmp_path, synced):
    """What is found there may be in memory alone, and so may the file's name."""
    path = str(tmp_path / "mbox")
    box = open_box("mbox", path)
    (ticket,) = box.tickets(1)
    deliver(box, ticket=ticket)
    synced.clear()
    deliver(open_box("mbox", path), ticket=ticket, again=True)
    assert synced == [str(tmp_path), path]


@pytest.mark.parametrize(("kind", "parts"), [("maildir", ["new", "cur"]), ("eml", [""])])
def test_a_place_is_synced_when_a_killed_run_may_not_have(tmp_path, synced, kind, parts):
    box = open_box(kind, str(tmp_path / "box"))
    (ticket,) = box.tickets(1)
    deliver(box, ticket=ticket)
    synced.clear()
    (found,) = box.recover([ticket]).values()
    assert found.replace(b"\r\n", b"\n") == WHOLE
    assert synced == [os.path.join(box.path, part).rstrip("/") for part in parts[:1]]
    for part in parts[1:]:
        os.rename(os.path.join(box.path, parts[0], ticket), os.path.join(box.path, part, ticket))
        synced.clear()
        assert box.recover([ticket]) == {ticket: WHOLE}
        assert synced == [os.path.join(box.path, part)]


@pytest.mark.parametrize(
    ("message", "top"),
    [
        (b"A: b\r\n\r\nbody\r\n", b"A: b\r\n\r\n"),
        (b"A: b\r\n\r\nbody\r\n", b"A: b\r\n"),
        (b"A: b\n\nbody\n", b"A: b\r\n\r\n"),
        (b"A: b\r\n", b"A: b\r\n"),
        (b"\r\nbody\r\n\r\nmore", b"\r\n"),
        (b"\r\nbody\r\n\r\nmore", b""),
        (b"A: %s\r\n\r\nbody" % (b"b" * 99_999), b"A: %s\r\n\r\n" % (b"b" * 99_999)),
    ],
)
def test_headers_are_known_again(message, top):
    assert digest(message) == digest(top) != digest(b"A: c" + message)


def test_the_state_is_synced(tmp_path):
    with State(str(tmp_path / "state"), "a") as state:
        assert state._database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert state._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_many_states_in_a_new_file(tmp_path):
    """SQLite does not wait for other connections that change the journal mode, too."""

    def use(path, account):
        with State(path, account) as state:
            return state.find(b"1")

    accounts = [f"user{number}" for number in range(8)]
    with ThreadPoolExecutor(len(accounts)) as pool:
        for number in range(50):
            found = pool.map(use, [str(tmp_path / f"state{number}")] * len(accounts), accounts)
            assert [*found] == [None] * len(accounts)


def test_what_is_recorded(tmp_path):
    path = str(tmp_path / "state")
    first, second = (InFlight(uid, 5, "maildir:/m", uid.decode()) for uid in (b"1", b"2"))
    began = int(time.time())
    with State(path, "alice") as state:
        assert (state.find(b"1"), state.in_flight()) == (None, [])
        state.begin([first])
        assert state.in_flight() == [first]
        state.add([(first, b"digest", 7)], [second])
    with State(path, "alice") as state, State(path, "bob") as other:
        found = state.find(b"1")
        assert found[:5] == (5, 1, b"digest", 7, None)
        assert began <= found.since <= time.time()
        assert state.in_flight() == [second]
        assert (other.find(b"1"), other.in_flight()) == (None, [])
        state.confirm([b"1", b"3"])
        assert state.find(b"1").is_certain
        state.add([(first, b"other", 8)])
        assert state.find(b"1")[:5] == (5, 2, b"other", 8, None)
        state.add([], [], [b"1"])
        assert state.find(b"1").is_certain
        state.end([second])
        assert state.in_flight() == []
        state.keep([b"1", b"3"].__contains__)
        assert state.find(b"1") is not None
        state.keep([b"3"].__contains__)
        assert state.find(b"1") is None
        state.trouble(b"1")
        state.trouble(b"1")
        assert (state.troubled(), other.troubled()) == ({b"1": 2}, {})
        state.calm([b"1"])
        assert state.troubled() == {}


def test_a_database_of_a_version_without_numbers(tmp_path):
    """What it has no time for counts from now on."""
    path = str(tmp_path / "state")
    began = int(time.time())
    database = sqlite3.connect(path)
    database.executescript(_VERSIONS[0])
    with database:
        database.execute("INSERT INTO delivered VALUES ('alice', x'61', 5, 1, 1, x'62')")
        database.execute("INSERT INTO in_flight VALUES ('alice', x'63', 7, 1, 'eml:/d', 't')")
    database.close()
    for _ in range(2):
        with State(path, "alice") as state:
            assert state.find(b"a")[:5] == (5, 1, b"b", None, 0)
            assert began <= state.find(b"a").since <= time.time()
            assert state.in_flight() == [InFlight(b"c", 7, "eml:/d", "t")]


def test_a_database_of_a_later_version(tmp_path):
    path = str(tmp_path / "state")
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Failure, match="a later version of poplib-c wrote it"):
        State(path, "alice")


KEPT = Delivered(5, 1, b"digest", 5, 0, 100)
TWICE = KEPT._replace(copies=2)
IMPORTED = Delivered(None, 1, b"", None, 0, 100)


@pytest.mark.parametrize(
    ("record", "copies", "delete", "until", "does"),
    [
        (None, 1, False, -math.inf, "fetch"),
        (None, 1, True, math.inf, "fetch"),
        (KEPT, 1, False, -math.inf, "known"),
        (KEPT, 1, True, math.inf, "delete"),
        (KEPT, 1, False, 99, "known"),
        (KEPT, 1, False, 100, "delete"),
        # Several of one uid: known together, and never deleted unseen.
        (KEPT, 2, False, -math.inf, "fetch"),
        (TWICE, 2, False, -math.inf, "known"),
        (TWICE, 2, False, 100, "known"),
        (TWICE._replace(checked=None), 2, False, -math.inf, "fetch"),
        (TWICE, 1, False, -math.inf, "fetch"),
        (TWICE, 2, True, math.inf, "fetch"),
        # Another message by its size.
        (KEPT._replace(size=6), 1, True, math.inf, "fetch"),
        (KEPT._replace(size=6), 1, False, -math.inf, "fetch"),
        # Fetched by another program: never deleted unseen.
        (IMPORTED, 1, False, -math.inf, "known"),
        (IMPORTED, 1, True, math.inf, "known"),
        (IMPORTED, 1, False, 100, "known"),
        (IMPORTED, 2, False, -math.inf, "fetch"),
    ],
)
def test_plan(record, copies, delete, until, does):
    numbers = range(1, copies + 1)
    delivered_before = {} if record is None else {b"uid": record}
    plan = planning.make(
        dict.fromkeys(numbers, 5),
        dict.fromkeys(numbers, b"uid"),
        delivered_before.get,
        planning.Wanted(delete, until, None),
    )
    done = {"fetch": plan.fetch, "delete": plan.delete, "known": [*plan.known]}
    assert done == {**{key: [] for key in done}, does: [*numbers]}


def test_plan_of_large_messages():
    uids = {1: b"a", 2: b"b", 3: b"c"}
    plan = planning.make({1: 5, 2: 6, 3: None}, uids, {}.get, planning.Wanted(True, math.inf, 5))
    assert plan == planning.Plan([1, 3], [], {}, [2])


@pytest.mark.parametrize("size", [5, None])
def test_plan_of_a_message_of_unknown_size(size):
    """It is neither deleted unseen, nor too large."""
    delivered_before = {b"uid": KEPT._replace(size=size)}
    wanted = planning.Wanted(True, math.inf, 1)
    plan = planning.make({1: None}, {1: b"uid"}, delivered_before.get, wanted)
    assert plan == planning.Plan([1], [], {}, [])


def test_an_mbox_is_read_by_others(tmp_path):
    box = open_box("mbox", str(tmp_path / "mbox"))
    deliver(box)
    (found,) = mailbox.mbox(box.path)
    assert (found["Subject"], found.get_payload()) == ("x", "body\n")
