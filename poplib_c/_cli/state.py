"""What earlier runs have delivered: by the server's unique ids, in a database of sqlite3.

Each change is on disk before its method returns. A message is recorded before it is deleted on the
server, and what is being delivered before it gets its place; so a run that is killed at any
instant leaves enough to tell what was done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from poplib_c._cli.delivery import make_directory
from poplib_c._cli.failures import Failure, Status, reason

_TABLES = """
    CREATE TABLE IF NOT EXISTS delivered (
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        size INTEGER,                  -- what LIST said; NULL: never to be deleted unseen
        copies INTEGER NOT NULL,       -- how many messages of this uid
        deleting INTEGER NOT NULL,     -- DELE was or is to be sent
        headers BLOB NOT NULL,         -- a digest
        PRIMARY KEY (account, uid)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS in_flight (
        account TEXT NOT NULL PRIMARY KEY,
        uid BLOB NOT NULL,
        size INTEGER,
        deleting INTEGER NOT NULL,
        destination TEXT NOT NULL,
        ticket TEXT NOT NULL
    ) WITHOUT ROWID;
"""
_creating = threading.Lock()
_BUSY = 60  # seconds that other runs may keep the database


class Delivered(NamedTuple):
    size: int | None
    copies: int
    deleting: bool
    headers: bytes


class InFlight(NamedTuple):
    """A message that is being delivered, and where to: enough to find out whether it was."""

    uid: bytes
    size: int | None
    deleting: bool
    destination: str
    ticket: str


def default_path() -> str:
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "poplib_c", "state.sqlite3")


class State:
    """The state of one mailbox; while it is open, no other run has it."""

    def __init__(self, path: str, account: str) -> None:
        """Failure: another run has the mailbox, or the file can't be used."""
        self._account = account
        with contextlib.ExitStack() as opened:
            try:
                make_directory(os.path.dirname(os.path.abspath(path)))
                self._lock = _lock(path, account)
                opened.callback(os.close, self._lock)
                self._database = _open(path)
            except (OSError, sqlite3.Error) as error:
                raise Failure(f"the state in {path} can't be used: {reason(error)}") from None
            opened.pop_all()

    def close(self) -> None:
        self._database.close()
        os.close(self._lock)

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def delivered(self) -> dict[bytes, Delivered]:
        rows = self._database.execute(
            "SELECT uid, size, copies, deleting, headers FROM delivered WHERE account = ?",
            [self._account],
        )
        return {
            uid: Delivered(size, copies, bool(gone), headers)
            for uid, size, copies, gone, headers in rows
        }

    def in_flight(self) -> InFlight | None:
        """Return what a run that did not end was about to deliver."""
        row = self._database.execute(
            "SELECT uid, size, deleting, destination, ticket FROM in_flight WHERE account = ?",
            [self._account],
        ).fetchone()
        return row and InFlight(row[0], row[1], bool(row[2]), row[3], row[4])

    def begin(self, message: InFlight) -> None:
        """Record that this message is going to be delivered."""
        with self._transaction():
            self._begin(message)

    def add(self, message: InFlight, headers: bytes, following: InFlight | None = None) -> None:
        """Record that *message* was delivered and, at the same time, that *following* will be.

        headers: what delivery.digest() makes of the message.
        """
        with self._transaction():
            self._database.execute(
                "INSERT INTO delivered VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT (account, uid) DO "
                "UPDATE SET size = excluded.size, copies = copies + 1, "
                "deleting = excluded.deleting, headers = excluded.headers",
                [self._account, message.uid, message.size, message.deleting, headers],
            )
            self._end()
            if following is not None:
                self._begin(following)

    def end(self) -> None:
        """Record that nothing is being delivered."""
        with self._transaction():
            self._end()

    def forget(self, uids: Iterable[bytes]) -> None:
        """Forget messages that are no longer on the server: a uid may come again."""
        with self._transaction():
            self._database.executemany(
                "DELETE FROM delivered WHERE account = ? AND uid = ?",
                [(self._account, uid) for uid in uids],
            )

    def _begin(self, message: InFlight) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO in_flight VALUES (?, ?, ?, ?, ?, ?)", [self._account, *message]
        )

    def _end(self) -> None:
        self._database.execute("DELETE FROM in_flight WHERE account = ?", [self._account])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            with self._database:
                yield
        except sqlite3.Error as error:
            raise Failure(f"the state can't be written: {error}", Status.TEMPORARY) from None


def _open(path: str) -> sqlite3.Connection:
    path = os.path.abspath(path)
    _create(path)
    database = sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_TABLES)
    except BaseException:
        database.close()
        raise
    return database


def _create(path: str) -> None:
    """Make the file, if it is missing, for its owner alone.

    What others could write into it would have messages deleted that nobody has fetched. To close a
    database that another thread has open would end that one's locks: so no file is opened
    here that is there, and none is there for others until it is closed.
    """
    with _creating, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _lock(path: str, account: str) -> int:
    name = hashlib.sha256(account.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    lock = os.open(f"{path}.{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Failure("another run is fetching this mailbox", Status.TEMPORARY) from None
    return lock
