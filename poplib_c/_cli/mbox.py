"""The destination mbox: appends messages to a file under a lock, whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from io import BufferedReader, FileIO

from poplib_c._cli.delivery import Output, Wait, Write, disk, sync_directory, write_all
from poplib_c._cli.failures import DeliveryFailure, Status

_BLOCK = 1 << 20
_POLL = 0.1  # seconds between two attempts to lock
_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


class Mbox:
    """A file in the format mboxrd. Lines end with LF.

    A line that begins with ``From ``, or with ``From `` after some ``>``, gets one more ``>``.
    A ticket has the current size of the file, and the separating line of the message.
    """

    kind = "mbox"

    def __init__(self, path: str, wait: Wait) -> None:
        self.path = os.path.realpath(path)
        self._wait = wait
        self._named: tuple[int, int] | None = None
        with disk(path), self._locked():
            pass

    def ticket(self) -> str:
        with disk(self.path):
            size = os.stat(self.path).st_size
        return f"{size} From MAILER-DAEMON {time.asctime(time.gmtime())}"

    def deliver(self, ticket: str, write: Write, again: bool = False) -> Output:
        size, _, separator = ticket.partition(" ")
        with contextlib.ExitStack() as opened:
            with disk(self.path):
                spool, quoted = (opened.enter_context(self._scratch()) for _ in range(2))
            output = Output(spool, self.path, unix=True)
            write(output)
            output.finish()
            with disk(self.path):
                _quote(spool, separator.encode("ascii"), quoted)
                with self._locked() as file:
                    if not (again and _take_up(file, int(size), quoted)):
                        _append(file, quoted)
        return output

    def _scratch(self) -> FileIO:
        return tempfile.TemporaryFile(buffering=0, dir=os.path.dirname(self.path))

    def beginning(self, ticket: str) -> bytes | None:
        """Return None: only deliver() has the message to compare with."""
        return None

    def discard(self, ticket: str) -> None:
        pass

    @contextlib.contextmanager
    def _locked(self) -> Iterator[FileIO]:
        """Lock the file against other threads and other programs, and open it.

        Raises DeliveryFailure if another program keeps the lock too long, or the run ends.
        """
        with _locks_lock:
            lock = _locks.setdefault(self.path, threading.Lock())
        deadline = time.monotonic() + self._wait.seconds
        told = False
        while True:
            if not lock.acquire(timeout=_POLL):
                # Another thread of this run has the file, and will release it.
                deadline = time.monotonic() + self._wait.seconds
            else:
                try:
                    file = self._lock()
                    if file is not None:
                        with file:
                            yield file
                        return
                finally:
                    lock.release()
                if not told:
                    self._wait.tell(f"waiting for another program to unlock {self.path}")
                    told = True
                time.sleep(_POLL)
            self._give_up_after(deadline)

    def _lock(self) -> FileIO | None:
        """Open the file and lock it. Return None if another program has locked it."""
        while True:
            with contextlib.ExitStack() as opened:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                file = opened.enter_context(FileIO(descriptor, "r+"))
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except (
                    BlockingIOError,
                    PermissionError,
                ):  # EAGAIN or EACCES, depending on the system
                    return None
                if self._is_in_place(file):
                    opened.pop_all()
                    return file

    def _give_up_after(self, deadline: float) -> None:
        if self._wait.is_over():
            raise DeliveryFailure(f"interrupted: {self.path} is locked by another program")
        if time.monotonic() > deadline:
            raise DeliveryFailure(
                f"{self.path} is locked by another program, for {self._wait.seconds:g} seconds "
                "so far: try again later, or with a longer --timeout",
                Status.TEMPORARY,
            )

    def _is_in_place(self, file: FileIO) -> bool:
        """Whether the path still names the locked file: another program may have replaced it.

        Syncs the directory when the path names a new file.
        """
        found = os.fstat(file.fileno())
        try:
            if not os.path.samestat(found, os.stat(self.path)):
                return False
        except FileNotFoundError:
            return False
        identity = found.st_dev, found.st_ino
        if identity != self._named:
            sync_directory(os.path.dirname(self.path))
            self._named = identity
        return True


def _quote(message: FileIO, separator: bytes, quoted: FileIO) -> None:
    """Write *message* in the format of an mbox, from the separating line to the blank line."""
    message.seek(0)
    write_all(quoted, separator + b"\n")
    last = b""
    with BufferedReader(message) as lines:
        while block := lines.readlines(_BLOCK):
            write_all(quoted, b"".join(map(_quoted, block)))
            last = block[-1]
    write_all(quoted, b"\n" if not last or last.endswith(b"\n") else b"\n\n")


def _quoted(line: bytes) -> bytes:
    return b">" + line if line.lstrip(b">").startswith(b"From ") else line


def _append(file: FileIO, quoted: FileIO) -> None:
    """Append to the file and sync it. If that fails, restore the file."""
    end = file.seek(0, os.SEEK_END)
    try:
        write_all(file, _gap(file, end))
        quoted.seek(0)
        while block := quoted.read(_BLOCK):
            write_all(file, block)
        os.fsync(file.fileno())
    except BaseException:
        file.truncate(end)
        raise


def _gap(file: FileIO, end: int) -> bytes:
    """Return the line ends that are missing for a blank line at the end of the file."""
    last = os.pread(file.fileno(), min(end, 2), max(end - 2, 0))
    return b"" if not last or last == b"\n\n" else b"\n" if last.endswith(b"\n") else b"\n\n"


def _take_up(file: FileIO, size: int, quoted: FileIO) -> bool:
    """Return whether a killed run appended the whole message. Cut off an incomplete one.

    Only a beginning of this message, at the end of the file, is ever cut off.
    """
    file.seek(size)
    found = file.read()
    quoted.seek(0)
    wanted = quoted.read()
    separator = wanted[: wanted.index(b"\n") + 1]
    start = len(found) - len(found.lstrip(b"\n"))
    while start >= 0:
        part = found[start : start + len(wanted)]
        if part == wanted:
            os.fsync(file.fileno())
            return True
        if part and start + len(part) == len(found) and wanted.startswith(part):
            file.truncate(size + start)
            return False
        start = found.find(separator, start + 1)
    return False
