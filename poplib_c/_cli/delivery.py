"""The destinations: a Maildir, an mbox file (mbox.py), a directory with a file for each message.

When deliver() returns, the whole message is on disk; if it raises, nothing of the message is. A
*ticket* names the place of a message in advance, so that a later run can look whether it is there.
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
from collections.abc import Callable, Iterator
from io import FileIO
from typing import NamedTuple, Protocol

from poplib_c._cli.failures import DeliveryFailure, Status, usage

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_numbers = itertools.count(1)
_OLD = 36 * 3600  # seconds after which the Maildir rules allow removing temporary files
_BEGINNING = 1 << 16  # octets that identify a message


class Output:
    """An unbuffered file for one message. With *unix*, CR LF is written as LF.

    octets: the number received. headers: the digest() of the message.
    """

    def __init__(self, file: FileIO, path: str, unix: bool) -> None:
        self.octets = 0
        self._file = file
        self._path = path
        self._unix = unix
        self._beginning = b""
        self._held = b""  # a CR that may be the first half of a line's end

    def write(self, data: bytes) -> int:
        self.octets += len(data)
        if len(self._beginning) < _BEGINNING:
            self._beginning += data[: _BEGINNING - len(self._beginning)]
        with disk(self._path):
            write_all(self._file, self._converted(data) if self._unix else data)
        return len(data)

    @property
    def headers(self) -> bytes:
        return digest(self._beginning)

    def _converted(self, data: bytes) -> bytes:
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return (data[:-1] if self._held else data).replace(b"\r\n", b"\n")

    def finish(self) -> None:
        """Write a CR that was held back."""
        with disk(self._path):
            write_all(self._file, self._held)


Write = Callable[[Output], object]


def digest(message: bytes) -> bytes:
    """Return a digest of a message's headers. The body may be missing."""
    lines = b"\n" + message[:_BEGINNING].replace(b"\r\n", b"\n")
    return hashlib.sha256(lines.partition(b"\n\n")[0].rstrip(b"\n")).digest()


class Wait(NamedTuple):
    """How to wait for a file that another program has locked.

    seconds: the limit. tell: called once with the reason. is_over: polled; if true, the wait ends.
    """

    seconds: float = 60.0
    tell: Callable[[str], object] = lambda text: None
    is_over: Callable[[], bool] = lambda: False


_PATIENT = Wait()


class Box(Protocol):
    """A destination. deliver() raises DeliveryFailure, and any exception of *write*."""

    kind: str
    path: str

    def ticket(self) -> str:
        """Return a name for the place of the next message."""

    def deliver(self, ticket: str, write: Write, again: bool = False) -> Output:
        """Call *write* with an Output, move the message into its place, and return the Output.

        again: a killed run may have delivered the message under this ticket.
        """

    def beginning(self, ticket: str) -> bytes | None:
        """Sync the message of a ticket to the disk and return its beginning.

        Returns None if there is none, or if the destination can't tell.
        """

    def discard(self, ticket: str) -> None:
        """Remove the unfinished file of a message that was not delivered."""


class Files:
    """A file for each message: written under a temporary name, synced, then linked."""

    kind = ""
    _unix = False
    _temporary: re.Pattern[str]  # the names of temporary files, with groups pid and host

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
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
                here = ours["host"] in (_host(), None)
                _remove_if_dead(os.path.join(directory, name), int(ours["pid"]) if here else None)

    def ticket(self) -> str:
        raise NotImplementedError

    def _names(self, ticket: str) -> tuple[str, str]:
        """Return the temporary path of the file, and its place."""
        raise NotImplementedError

    def deliver(self, ticket: str, write: Write, again: bool = False) -> Output:
        temporary, place = self._names(ticket)
        with disk(temporary):
            file = FileIO(temporary, "x", opener=_private)
        try:
            with file:
                # The lock shows other runs that the file is in use. Some file systems lack locks.
                with contextlib.suppress(OSError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                output = Output(file, temporary, self._unix)
                write(output)
                output.finish()
                with disk(temporary):
                    os.fsync(file.fileno())
            with disk(place):
                _move(temporary, place)
        finally:
            self.discard(ticket)
        with disk(place):
            sync_directory(os.path.dirname(place))
        return output

    def beginning(self, ticket: str) -> bytes | None:
        place = self._find(ticket)
        if place is None:
            return None
        with disk(place):
            # A killed run may not have synced it.
            sync_directory(os.path.dirname(place))
            with open(place, "rb") as file:
                return file.read(_BEGINNING)

    def _find(self, ticket: str) -> str | None:
        place = self._names(ticket)[1]
        return place if os.path.exists(place) else None

    def discard(self, ticket: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._names(ticket)[0])


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
            raise usage(f"{self.path} is not a Maildir: it has files, but no tmp, new or cur")
        for part in self._PARTS:
            make_directory(os.path.join(self.path, part))
        sync_directory(self.path)

    def ticket(self) -> str:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        ours = f"M{nanoseconds // 1000:06}P{os.getpid()}Q{next(_numbers)}R{os.urandom(4).hex()}"
        return f"{seconds}.{ours}.{_host()}"

    def _names(self, ticket: str) -> tuple[str, str]:
        return os.path.join(self.path, "tmp", ticket), os.path.join(self.path, "new", ticket)

    def _find(self, ticket: str) -> str | None:
        """Look in cur/ too: a mail reader may have moved the message there and added flags."""
        seen = os.path.join(self.path, "cur")
        names = (name for name in os.listdir(seen) if name.partition(":")[0] == ticket)
        moved = next(names, None)
        return super()._find(ticket) if moved is None else os.path.join(seen, moved)


class Eml(Files):
    """A directory of .eml files, octet for octet what the server sent."""

    kind = "eml"
    _temporary = re.compile(
        r"\.[0-9]{8}T[0-9]{6}Z-(?P<pid>[0-9]{1,9})-[0-9]+-[0-9a-f]{8}\.eml(\.(?P<host>.+))?\.part"
    )

    def _prepare(self) -> None:
        make_directory(self.path)

    def ticket(self) -> str:
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return f"{now}-{os.getpid()}-{next(_numbers):06}-{os.urandom(4).hex()}.eml"

    def _names(self, ticket: str) -> tuple[str, str]:
        temporary = os.path.join(self.path, f".{ticket}.{_host()}.part")
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


def _move(temporary: str, place: str) -> None:
    """Link a file into its place unless that is taken. *temporary* may remain."""
    try:
        os.link(temporary, place)
    except OSError as error:
        # Some file systems have no links. rename() is safe, because each name is used once.
        if error.errno not in _NO_LINKS or os.path.exists(place):
            raise
        os.rename(temporary, place)


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of *data*. A buffer would be flushed again after a failure."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


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
    """Turn OSError into DeliveryFailure. A full disk is temporary."""
    try:
        yield
    except OSError as error:
        status = Status.TEMPORARY if error.errno in _NO_ROOM else Status.PARTIAL
        what = "no room for" if error.errno in _NO_ROOM else "can't write"
        raise DeliveryFailure(f"{what} {path}: {error.strerror}", status) from None


def open_box(kind: str, path: str, wait: Wait = _PATIENT) -> Box:
    """Return a destination. Creates it if it is missing."""
    from poplib_c._cli.mbox import Mbox

    if kind == "mbox":
        return Mbox(path, wait)
    return {"maildir": Maildir, "eml": Eml}[kind](path)
