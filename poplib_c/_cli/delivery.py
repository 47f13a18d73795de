"""The destinations Maildir and directory of files, and what each destination has to do (Box).

A message is received into an Output, which is a file outside of its place. commit() moves a batch
of them into their places: when it returns, each is whole on the disk, or has an error and nothing
of it is there. A *ticket* names the place of a message in advance, so that a later run can look
whether the message is there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import itertools
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import FileIO
from typing import NamedTuple, Protocol

from poplib_c._cli import received
from poplib_c._cli.failures import NO_ROOM, DeliveryFailure, Failure, NoRoom, Status, storage

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK}
_numbers = itertools.count(1)
_OLD = 36 * 3600  # seconds after which the Maildir rules allow removing temporary files
_BEGINNING = 1 << 16  # octets that identify a message
_NO_FIELD = b" ", b"\t", b"From ", b">From "
_BLANK = re.compile(rb"^\r?\n", re.MULTILINE)


class Output:
    """A message on its way: an unbuffered file. With *unix*, CR LF is written as LF.

    octets: the number received. headers: the digest() of the message, after finish(). again: a
    killed run may have delivered it. error: why commit() did not deliver it. number, uid: what
    the server calls it; the uid is empty if there is none. received: a header to write before the
    message, which octets and headers leave out.
    """

    def __init__(self, ticket: str, file: File, path: str, unix: bool, again: bool) -> None:
        """*path* is named in errors. The file is closed by close()."""
        self.ticket = ticket
        self.file = file
        self.path = path
        self.again = again
        self.octets = 0
        self.headers = b""
        self.error: DeliveryFailure | None = None
        self.number = 0
        self.uid = b""
        self.received = b""
        self._unix = unix
        self._beginning = b""
        self._held = b""  # a CR that may be the first half of a line's end

    def write(self, data: bytes) -> int:
        self.octets += len(data)
        if len(self._beginning) < _BEGINNING:
            self._beginning += data[: _BEGINNING - len(self._beginning)]
        if self.received and data:
            # Only a header field may follow another one.
            header = b"" if data.startswith(_NO_FIELD) else self.received
            self.received = b""
            with disk(self.path):
                write_all(self.file, self._converted(header) if self._unix else header)
        with disk(self.path):
            write_all(self.file, self._converted(data) if self._unix else data)
        return len(data)

    def _converted(self, data: bytes) -> bytes:
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return (data[:-1] if self._held else data).replace(b"\r\n", b"\n")

    def finish(self) -> None:
        """Write a CR that was held back."""
        with disk(self.path):
            write_all(self.file, self._held)
        self.headers = digest(self._beginning)
        self._beginning = b""


Write = Callable[[Output], object]
Each = Callable[[Callable[[Output], object], Sequence[Output]], object]


def digest(message: bytes) -> bytes:
    """Return a digest of a message's headers. The body may be missing."""
    blank = _BLANK.search(message, 0, _BEGINNING)
    headers = message[: blank.start() if blank else _BEGINNING].replace(b"\r\n", b"\n")
    return hashlib.sha256((b"\n" + headers).rstrip(b"\n")).digest()


class Wait(NamedTuple):
    """How to wait for a file that another program has locked.

    seconds: the limit. tell: called once with the reason. is_over: polled; if true, the wait ends.
    """

    seconds: float = 60.0
    tell: Callable[[str], object] = lambda text: None
    is_over: Callable[[], bool] = lambda: False


class File(Protocol):
    """What an Output writes to, and commit() syncs."""

    def fileno(self) -> int: ...

    def write(self, data: memoryview, /) -> int: ...

    def close(self) -> None: ...


class Box(Protocol):
    """A destination. Raises DeliveryFailure if it takes no message at all.

    one_by_one: each message is recorded before the next one is committed, because a later run
    can't find those that were committed.
    """

    kind: str
    path: str
    one_by_one: bool = False

    def expect(self, count: int) -> None:
        """Note how many messages the session will fetch."""
        return

    def date(self, ticket: str) -> float:
        """Return the time for the Received header of a message."""
        return time.time()

    def close(self) -> None:
        """End the use of the destination."""
        return

    def abort(self) -> None:
        """End what waits for the destination. A signal handler calls it: it takes no locks."""
        return

    def tickets(self, count: int) -> list[str]:
        """Return names for the places of the next messages."""

    def place(self, ticket: str) -> str:
        """Return where a message is: its file, or what holds all messages."""
        return self.path

    def open(self, ticket: str, again: bool = False) -> Output:
        """Return an Output for a message. End it by drop()."""

    def drop(self, output: Output) -> None:
        """Close an Output, and remove what it has written outside of its place."""

    def commit(self, outputs: Sequence[Output], each: Each) -> None:
        """Move messages into their places, and set the error of those that it can't deliver.

        each: calls a function with each output, in several threads. Raises DeliveryFailure if it
        is uncertain which messages are on the disk. The caller drops the outputs.
        """

    def recover(self, tickets: Iterable[str]) -> dict[str, bytes | None]:
        """Find the messages of a killed run; sync them, and remove its unfinished files.

        Returns the beginning of each message that is in its place, or None for a message that
        only commit() can find, with Output.again.
        """


class Files(Box):
    """A file for each message: written under a temporary name, synced, then linked."""

    kind = ""
    _unix = False
    _temporary: re.Pattern[str]  # the names of temporary files, with groups pid and host

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._host = _host()
        with disk(path):
            self._prepare()
        with contextlib.suppress(OSError):
            self._clean_up()
        with contextlib.suppress(OSError):
            sync_directory(os.path.dirname(self.path))

    def _prepare(self) -> None:
        raise NotImplementedError

    def _clean_up(self) -> None:
        """Remove the temporary files of killed runs."""
        directory = os.path.dirname(self._names("")[0])
        for name in os.listdir(directory):
            ours = self._temporary.fullmatch(name)
            if ours is not None:
                here = ours["host"] in (self._host, None)
                _remove_if_dead(os.path.join(directory, name), int(ours["pid"]) if here else None)

    def tickets(self, count: int) -> list[str]:
        # Only the random part tells apart programs of equal numbers, in containers.
        name, process, random = self._name(), os.getpid(), os.urandom(4).hex()
        return [name.format(process, next(_numbers), random) for _ in range(count)]

    def _name(self) -> str:
        """Return a format for the number of the process, of the message, and a random text."""
        raise NotImplementedError

    def _names(self, ticket: str) -> tuple[str, str]:
        """Return the temporary path of the file, and its place."""
        raise NotImplementedError

    def place(self, ticket: str) -> str:
        return self._names(ticket)[1]

    def open(self, ticket: str, again: bool = False) -> Output:
        temporary = self._names(ticket)[0]
        with disk(temporary):
            file = _Descriptor(temporary)
        return Output(ticket, file, temporary, self._unix, again)

    def drop(self, output: Output) -> None:
        with contextlib.suppress(OSError):
            output.file.close()
        with contextlib.suppress(OSError):
            os.unlink(output.path)

    def commit(self, outputs: Sequence[Output], each: Each) -> None:
        each(self._sync, outputs)
        for output in outputs:
            if output.error is None:
                place = self._names(output.ticket)[1]
                output.error = failed(place, _move, output.path, place)
        if any(output.error is None for output in outputs):
            directory = os.path.dirname(self._names("")[1])
            with disk(directory):
                sync_directory(directory)

    @staticmethod
    def _sync(output: Output) -> None:
        """Sync a file, by the descriptor that has written it: another would miss its errors."""
        output.error = failed(output.path, os.fsync, output.file.fileno())

    def recover(self, tickets: Iterable[str]) -> dict[str, bytes | None]:
        for ticket in tickets:
            with contextlib.suppress(OSError):
                os.unlink(self._names(ticket)[0])
        found = self._find(tickets)
        beginnings: dict[str, bytes | None] = {}
        for directory in {*map(os.path.dirname, found.values())}:
            with disk(directory):
                sync_directory(directory)
        for ticket, place in found.items():
            with disk(place), open(place, "rb") as file:
                beginnings[ticket] = file.read(_BEGINNING + received.MOST)
        return beginnings

    def _find(self, tickets: Iterable[str]) -> dict[str, str]:
        """Return the paths of the messages that are in their places."""
        places = {ticket: self._names(ticket)[1] for ticket in tickets}
        return {ticket: place for ticket, place in places.items() if os.path.exists(place)}


class Maildir(Files):
    """A Maildir: lines end with LF, as other programs write them."""

    kind = "maildir"
    _unix = True
    _PARTS = ("tmp", "new", "cur")
    _temporary = re.compile(
        r"[0-9]+\.M[0-9]{6}P(?P<pid>[0-9]{1,9})Q[0-9]+R[0-9a-f]{8}\.(?P<host>.+)"
    )

    def _prepare(self) -> None:
        there = os.listdir(self.path) if os.path.isdir(self.path) else []
        # One of the three is enough: another run may be creating the others.
        if there and not set(there) & set(self._PARTS):
            raise Failure(
                f"{self.path} is not a Maildir: it has files, but no tmp, new or cur",
                Status.CANT_CREATE,
            )
        for part in self._PARTS:
            make_directory(os.path.join(self.path, part))
        sync_directory(self.path)

    def _name(self) -> str:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        host = self._host.replace("{", "{{").replace("}", "}}")
        return f"{seconds}.M{nanoseconds // 1000:06}P{{}}Q{{}}R{{}}.{host}"

    def _names(self, ticket: str) -> tuple[str, str]:
        return f"{self.path}/tmp/{ticket}", f"{self.path}/new/{ticket}"

    def _find(self, tickets: Iterable[str]) -> dict[str, str]:
        """Look in cur/ too: a mail reader may have moved the message there and added flags."""
        found = super()._find(tickets)
        seen = os.path.join(self.path, "cur")
        moved = {name.partition(":")[0]: os.path.join(seen, name) for name in os.listdir(seen)}
        return {**found, **{ticket: moved[ticket] for ticket in tickets if ticket in moved}}


class Eml(Files):
    """A directory of .eml files, octet for octet what the server sent."""

    kind = "eml"
    _temporary = re.compile(
        r"\.[0-9]{8}T[0-9]{6}Z-(?P<pid>[0-9]{1,9})-[0-9]+-[0-9a-f]{8}\.eml(\.(?P<host>.+))?\.part"
    )

    def _prepare(self) -> None:
        make_directory(self.path)

    def _name(self) -> str:
        return time.strftime("%Y%m%dT%H%M%SZ-{}-{:06}-{}.eml", time.gmtime())

    def _names(self, ticket: str) -> tuple[str, str]:
        temporary = os.path.join(self.path, f".{ticket}.{self._host}.part")
        return temporary, os.path.join(self.path, ticket)


def _host() -> str:
    return socket.gethostname().replace("/", "\\057").replace(":", "\\072")


def _remove_if_dead(path: str, pid: int | None) -> None:
    """Remove a temporary file if no process has locked it, and its process is gone or it is old.

    pid: None for a process of another host, which can't be looked up.
    """
    with contextlib.suppress(OSError), FileIO(path, "r+", opener=_not_followed) as file:
        old = time.time() - os.fstat(file.fileno()).st_mtime > _OLD
        if old or (pid is not None and not _is_running(pid)):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def make_directory(path: str) -> None:
    """Create a directory, and missing ones above it, for their owner alone.

    path: absolute.
    """
    parent = os.path.dirname(path)
    if not os.path.lexists(parent):
        make_directory(parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise
        return
    os.chmod(path, 0o700)  # The umask may deny rights to the owner.
    with contextlib.suppress(OSError):
        sync_directory(parent)


def _move(temporary: str, place: str) -> None:
    """Link a file into its place unless that is taken. *temporary* may remain."""
    try:
        os.link(temporary, place)
    except OSError as error:
        if os.path.exists(place):
            if not os.path.samefile(temporary, place):  # NFS may fail after making the link.
                raise
        elif error.errno in _NO_LINKS:
            # Some file systems have no links. rename() is safe, because each name is used once.
            os.rename(temporary, place)
        else:
            raise


def write_all(file: File, data: bytes) -> None:
    """Write all of *data*. A buffer would be flushed again after a failure."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


class _Descriptor:
    """A new file, for its owner alone. FileIO makes two more system calls."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        # The lock shows other runs that the file is in use. Some file systems lack locks.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: memoryview) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)


def _not_followed(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def sync_directory(path: str) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextlib.contextmanager
def disk(path: str) -> Iterator[None]:
    """Turn OSError into DeliveryFailure."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise NoRoom(f"no room for {path}: {error.strerror}") from None
        raise DeliveryFailure(f"can't write {path}: {error.strerror}", storage(error)) from None


def failed(path: str, call: Callable[..., object], *arguments: object) -> DeliveryFailure | None:
    """Return the DeliveryFailure of a call, or None."""
    try:
        with disk(path):
            call(*arguments)
    except DeliveryFailure as error:
        return error
    return None
