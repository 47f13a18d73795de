"""Records in SQLite which messages were delivered, by the server's unique ids.

Each change is on disk before its method returns. A delivery is recorded before it begins, and
again before the message is deleted on the server. So a run that is killed at any instant leaves a
record of what it did.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from poplib_c._cli.delivery import make_directory
from poplib_c._cli.failures import Failure, Status, reason, storage

# Each script upgrades the database by one version. PRAGMA user_version counts them.
_VERSIONS = (
    """
    CREATE TABLE IF NOT EXISTS delivered (
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        size INTEGER,                  -- LIST's, or -1 for unknown; NULL: several messages
        copies INTEGER NOT NULL,       -- messages of this uid
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
    """,
    """
    ALTER TABLE delivered ADD COLUMN octets INTEGER;  -- received; NULL: unknown
    -- When the headers last matched the uid; NULL: no certain point came after the message.
    ALTER TABLE delivered ADD COLUMN checked INTEGER DEFAULT 0;
    CREATE TABLE troubled (            -- messages that have ended a session
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        runs INTEGER NOT NULL,         -- that the message ended, or that skipped it
        PRIMARY KEY (account, uid)
    ) WITHOUT ROWID;
    """,
    """
    ALTER TABLE in_flight RENAME TO alone;
    CREATE TABLE in_flight (           -- messages that may be in their places
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        size INTEGER,
        deleting INTEGER NOT NULL,
        destination TEXT NOT NULL,
        ticket TEXT NOT NULL,
        PRIMARY KEY (account, ticket)
    ) WITHOUT ROWID;
    INSERT INTO in_flight SELECT account, uid, size, deleting, destination, ticket FROM alone;
    DROP TABLE alone;
    """,
    """
    ALTER TABLE delivered RENAME TO marked;
    CREATE TABLE delivered (
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        size INTEGER,                  -- LIST's, or -1 for unknown; NULL: several messages
        copies INTEGER NOT NULL,       -- messages of this uid
        headers BLOB NOT NULL,         -- a digest
        octets INTEGER,                -- received; NULL: unknown
        -- When the headers last matched the uid; NULL: no certain point came after the message.
        checked INTEGER,
        since INTEGER NOT NULL,        -- when it was delivered, or when this was first recorded
        PRIMARY KEY (account, uid)
    ) WITHOUT ROWID;
    INSERT INTO delivered SELECT account, uid, size, copies, headers, octets, checked,
        CAST(strftime('%s', 'now') AS INTEGER) FROM marked;
    DROP TABLE marked;
    ALTER TABLE in_flight RENAME TO marked;
    CREATE TABLE in_flight (           -- messages that may be in their places
        account TEXT NOT NULL,
        uid BLOB NOT NULL,
        size INTEGER,
        destination TEXT NOT NULL,
        ticket TEXT NOT NULL,
        PRIMARY KEY (account, ticket)
    ) WITHOUT ROWID;
    INSERT INTO in_flight SELECT account, uid, size, destination, ticket FROM marked;
    DROP TABLE marked;
    """,
)
_creating = threading.Lock()
_BUSY = 60  # seconds to wait for other runs' transactions
_PAUSE = 0.01


class Delivered(NamedTuple):
    size: int | None
    copies: int
    headers: bytes
    octets: int | None
    checked: int | None  # None: doubtful
    since: int

    @property
    def is_certain(self) -> bool:
        return self.checked is not None


class InFlight(NamedTuple):
    """A message that may be delivered, and its future place."""

    uid: bytes
    size: int | None
    destination: str
    ticket: str


def default_path() -> str:
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "poplib_c", "state.sqlite3")


class State(contextlib.AbstractContextManager["State"]):
    """The state of one mailbox. While it is open, other runs can't open it.

    Threads may share it: each method is one transaction, and waits for those of other threads.
    """

    def __init__(self, path: str, account: str) -> None:
        """Open the state. Raises Failure if another run has it, or the file can't be used."""
        self._account = account
        self._using = threading.RLock()
        self._lock: int | None
        with contextlib.ExitStack() as opened:
            try:
                make_directory(os.path.dirname(os.path.abspath(path)))
                self._lock = lock = _lock(path, account)
                opened.callback(os.close, lock)
                self._database = _open(path)
            except (OSError, sqlite3.Error) as error:
                raise _unusable(path, error) from None
            opened.pop_all()

    @classmethod
    def copy(cls, path: str, account: str) -> State:
        """Return a copy of a state, which is not kept after the run."""
        state = cls.__new__(cls)
        state._account, state._lock, state._using = account, None, threading.RLock()
        state._database = sqlite3.connect(
            ":memory:", isolation_level=None, check_same_thread=False
        )
        if os.path.exists(path):
            try:
                with contextlib.closing(_open_to_read(path)) as database:
                    database.backup(state._database)
            except sqlite3.Error as error:
                raise _unusable(path, error) from None
        _migrate(state._database)
        return state

    def close(self) -> None:
        self._database.close()
        if self._lock is not None:
            os.close(self._lock)

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Lock the database once for all reads of the block, not for each."""
        with self._using, self._database:
            self._database.execute("BEGIN")
            yield

    def find(self, uid: bytes) -> Delivered | None:
        """Return the record of a delivered message."""
        rows = self._read(
            "SELECT size, copies, headers, octets, checked, since FROM delivered "
            "WHERE account = ? AND uid = ?",
            uid,
        )
        return Delivered(*rows[0]) if rows else None

    def in_flight(self) -> list[InFlight]:
        """Return the messages that a killed run may have delivered."""
        rows = self._read("SELECT uid, size, destination, ticket FROM in_flight WHERE account = ?")
        return [InFlight(*row) for row in rows]

    def begin(self, messages: Iterable[InFlight]) -> None:
        """Record that these messages may be in their places from now on."""
        self._write(
            "INSERT OR REPLACE INTO in_flight VALUES (?, ?, ?, ?, ?)",
            ((self._account, *message) for message in messages),
        )

    def add(
        self,
        delivered: Iterable[tuple[InFlight, bytes, int | None]],
        begun: Iterable[InFlight] = (),
        certain: Iterable[bytes] = (),
    ) -> None:
        """Record what was delivered: each message, a digest of its headers, and its octets.

        In the same transaction, begin() and confirm() for *begun* and *certain*. The messages are
        doubtful until confirm().
        """
        with self._transaction():
            delivered = [*delivered]
            now = int(time.time())
            self._write(
                "INSERT INTO delivered VALUES (?, ?, ?, 1, ?, ?, NULL, ?) "
                "ON CONFLICT (account, uid) DO UPDATE SET size = excluded.size, "
                "copies = copies + 1, headers = excluded.headers, "
                "octets = excluded.octets, checked = NULL, since = excluded.since",
                (
                    (self._account, each.uid, each.size, headers, octets, now)
                    for each, headers, octets in delivered
                ),
            )
            self.end(each for each, _, _ in delivered)
            self.begin(begun)
            self.confirm(certain)

    def take_over(self, uids: Mapping[bytes, int | None]) -> None:
        """Record messages that another program has delivered, and when (None: unknown).

        Their headers are unknown, so they are not fetched again and never deleted.
        """
        now = int(time.time())
        self._write(
            "INSERT OR IGNORE INTO delivered VALUES (?, ?, NULL, 1, x'', NULL, 0, ?)",
            ((self._account, uid, since or now) for uid, since in uids.items()),
        )

    def end(self, messages: Iterable[InFlight]) -> None:
        """Record that these messages are not in the places that begin() recorded."""
        self._write(
            "DELETE FROM in_flight WHERE account = ? AND ticket = ?",
            ((self._account, message.ticket) for message in messages),
        )

    def confirm(self, uids: Iterable[bytes]) -> None:
        """Record that the delivered messages belong to these uids."""
        now = int(time.time())
        self._write(
            "UPDATE delivered SET checked = ? WHERE account = ? AND uid = ?",
            ((now, self._account, uid) for uid in uids),
        )

    def troubled(self) -> dict[bytes, int]:
        """Return the number of runs in which each message has ended a session or was refused."""
        return dict(self._read("SELECT uid, runs FROM troubled WHERE account = ?"))

    def trouble(self, uid: bytes, runs: int | None = None) -> None:
        """Count one more run in which a message ended a session, was skipped or refused.

        runs: the number to record instead.
        """
        self._write(
            "INSERT INTO troubled VALUES (?, ?, COALESCE(?, 1)) "
            "ON CONFLICT (account, uid) DO UPDATE SET runs = COALESCE(?, runs + 1)",
            [(self._account, uid, runs, runs)],
        )

    def calm(self, uids: Iterable[bytes]) -> None:
        """Forget that these messages have ended a session."""
        self._remove("troubled", uids)

    def forget(self, uids: Iterable[bytes]) -> None:
        """Forget messages that left the server, or that the run fetches again."""
        self._remove("delivered", uids)

    def keep(self, is_kept: Callable[[bytes], bool]) -> None:
        """Forget the messages whose uids *is_kept* refuses."""
        rows = self._read("SELECT uid FROM delivered WHERE account = ?")
        self.forget([uid for (uid,) in rows if not is_kept(uid)])

    def _remove(self, table: str, uids: Iterable[bytes]) -> None:
        self._write(
            f"DELETE FROM {table} WHERE account = ? AND uid = ?",
            ((self._account, uid) for uid in uids),
        )

    def _read(self, query: str, *values: bytes) -> list[Any]:
        with self._using:
            return self._database.execute(query, (self._account, *values)).fetchall()

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        rows = [*rows]
        if rows:
            with self._transaction():
                self._database.executemany(statement, rows)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what the block changes, or nothing if it raises. A block inside joins in."""
        with self._using:
            if self._database.in_transaction:
                yield
                return
            try:
                self._database.execute("BEGIN IMMEDIATE")
                with self._database:
                    yield
            except sqlite3.Error as error:
                raise Failure(f"the state can't be written: {error}", storage(error)) from None


def _open(path: str) -> sqlite3.Connection:
    path = os.path.abspath(path)
    _create(path)
    database = sqlite3.connect(path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(database)
        database.execute("PRAGMA synchronous = FULL")
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _write_ahead(database: sqlite3.Connection) -> None:
    """Set the journal mode. Unlike other statements, this one does not wait for other runs."""
    until = time.monotonic() + _BUSY
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(_PAUSE)


def _open_to_read(path: str) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", timeout=_BUSY, uri=True)


def _unusable(path: str, error: Exception) -> Failure:
    return Failure(f"the state in {path} can't be used: {reason(error)}", storage(error))


def _migrate(database: sqlite3.Connection) -> None:
    """Upgrade the tables of an earlier version. Other runs may try at the same time."""
    database.execute("BEGIN IMMEDIATE")
    with database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > len(_VERSIONS):
            raise sqlite3.DatabaseError("a later version of poplib-c wrote it")
        for script in _VERSIONS[version:]:
            for statement in re.sub("--.*", "", script).split(";"):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(_VERSIONS)}")


def _create(path: str) -> None:
    """Create the file, if it is missing, for its owner alone.

    A forged record would delete messages that were never fetched. Closing a descriptor of the file
    would release the locks of other threads' databases, so an existing file is not opened here,
    and _creating keeps other threads out until a new one is closed.
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
