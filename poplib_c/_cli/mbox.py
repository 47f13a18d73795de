"""The destination mbox: appends messages to a file under a lock, whole or not at all.

Also standard output, which may have the format of an mbox.
"""

from __future__ import annotations

import calendar
import contextlib
import email.utils
import fcntl
import itertools
import os
import re
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from typing import IO, cast

from poplib_c._cli.delivery import Box, Each, Output, Wait, disk, failed, sync_directory, write_all
from poplib_c._cli.failures import DeliveryFailure, NoRoom, Status
from poplib_c._cli.handing import Handed, reading

_BLOCK = 1 << 20
_IN_MEMORY = 1 << 18  # octets of a message that wait in memory, not in a temporary file
_FROM = re.compile(rb"^>*From ", re.MULTILINE)
_SEPARATOR = re.compile(rb"^From .*\n", re.MULTILINE)
_OURS = b"From poplib-c."
_numbers = itertools.count(1)
_POLL = 0.1  # seconds between two attempts to lock
_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


class Mbox(Box):
    """A file in the format mboxrd. Lines end with LF.

    A line that begins with ``From ``, or with ``From `` after some ``>``, gets one more ``>``.
    A ticket has the current size of the file, and the separating line of the message, which no
    other message has.
    """

    kind = "mbox"

    def __init__(self, path: str, wait: Wait) -> None:
        self.path = os.path.realpath(path)
        self._wait = wait
        self._named: tuple[int, int] | None = None
        with disk(path), self._locked():
            pass

    def tickets(self, count: int) -> list[str]:
        size = os.stat(self.path).st_size if os.path.exists(self.path) else 0
        return [f"{size} {line}" for line in _separators(count)]

    def date(self, ticket: str) -> float:
        """Return the time in the ticket: a later run looks for this Received header."""
        return calendar.timegm(email.utils.parsedate(ticket.split(" ", 3)[3]) or (1970, 1, 1))

    def open(self, ticket: str, again: bool = False) -> Output:
        directory = os.path.dirname(self.path)
        spool = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=directory)  # noqa: SIM115
        return Output(ticket, spool, self.path, True, again)

    def drop(self, output: Output) -> None:
        with contextlib.suppress(OSError):
            output.file.close()

    def commit(self, outputs: Sequence[Output], each: Each) -> None:
        with disk(self.path), self._locked() as file:
            self._append(file, _take_up(file, outputs))

    def _append(self, file: FileIO, outputs: Sequence[Output]) -> None:
        """Append messages by one sync. If there is no room for all, try parts of them."""
        error = failed(self.path, _append, file, outputs) if outputs else None
        if error is None:
            return
        if isinstance(error, NoRoom) and len(outputs) > 1:
            for part in outputs[: len(outputs) // 2], outputs[len(outputs) // 2 :]:
                self._append(file, part)
        else:
            for output in outputs:
                output.error = error

    def recover(self, tickets: Iterable[str]) -> dict[str, bytes | None]:
        """Return None for each: only commit() has the messages to compare with."""
        return dict.fromkeys(tickets)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[FileIO]:
        """Lock the file against other threads and other programs, and open it.

        Raises DeliveryFailure if another program keeps the lock too long, or the run ends.
        """
        with _locks_lock:
            lock = _locks.setdefault(self.path, threading.Lock())
        deadline = 0.0
        while True:
            with lock:  # Another thread of this run will release it, also if the run is to end.
                file = self._lock()
                if file is not None:
                    with file:
                        yield file
                    return
            if not deadline:
                deadline = time.monotonic() + self._wait.seconds
                self._wait.tell(f"waiting for another program to unlock {self.path}")
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


class StandardOutput(Handed):
    """Standard output: a message as it is if the run fetches one, otherwise an mbox."""

    _lock = threading.Lock()

    def __init__(self, is_only: bool) -> None:
        """*is_only*: the run has no other mailbox."""
        super().__init__("mbox", "-")
        self._is_only = is_only
        self._is_single = False  # The next message is the only one.
        self._format = ""  # of what was written: "message" or "mbox"

    def tickets(self, count: int) -> list[str]:
        return [f"0 {line}" for line in _separators(count)]

    def expect(self, count: int) -> None:
        self._is_single = self._is_only and count == 1

    def hand_over(self, output: Output) -> None:
        if self._format == "message":
            raise DeliveryFailure(
                "standard output has one message as it is: run again for the others",
                Status.TEMPORARY,
            )
        self._format = self._format or ("message" if self._is_single else "mbox")
        with reading(output) as message, disk("standard output"), self._lock:
            whole = iter(lambda: message.read(_BLOCK), b"")
            file = FileIO(sys.stdout.fileno(), "w", closefd=False)
            for block in whole if self._format == "message" else _quoted(output, message):
                write_all(file, block)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fsync(file.fileno())


def _separators(count: int) -> list[str]:
    """Return lines that begin messages. Each is used once."""
    random, now = os.urandom(4).hex(), time.asctime(time.gmtime())
    return [f"{_OURS.decode()}{random}.{next(_numbers)} {now}" for _ in range(count)]


def _separator(output: Output) -> bytes:
    return output.ticket.partition(" ")[2].encode("ascii") + b"\n"


def _quoted(output: Output, message: IO[bytes]) -> Iterator[bytes]:
    """Yield a message in the format of an mbox, from the separating line to the blank line."""
    message.seek(0)
    yield _separator(output)
    last = b"\n"
    while block := message.read(_BLOCK) + message.readline():
        yield _FROM.sub(rb">\g<0>", block) if b"From " in block else block
        last = block[-1:]
    yield b"\n" if last == b"\n" else b"\n\n"


def _append(file: FileIO, outputs: Iterable[Output]) -> None:
    """Append messages to the file and sync it. If that fails, restore the file."""
    end = file.seek(0, os.SEEK_END)
    try:
        write_all(file, _gap(file, end))
        for output in outputs:
            for block in _quoted(output, cast(IO[bytes], output.file)):
                write_all(file, block)
        os.fsync(file.fileno())
    except BaseException:
        file.truncate(end)
        raise


def _gap(file: FileIO, end: int) -> bytes:
    """Return the line ends that are missing for a blank line at the end of the file."""
    last = os.pread(file.fileno(), min(end, 2), max(end - 2, 0))
    return b"" if not last or last == b"\n\n" else b"\n" if last.endswith(b"\n") else b"\n\n"


def _take_up(file: FileIO, outputs: Sequence[Output]) -> list[Output]:
    """Return the messages to append. A killed run may have appended the others; they are synced.

    Cuts off an incomplete message. Only a beginning of one of these messages, at the end of the
    file, is ever cut off. Reads the file once, for all of them.
    """
    sizes = [int(output.ticket.partition(" ")[0]) for output in outputs if output.again]
    if not sizes:
        return [*outputs]
    size = file.seek(min(sizes))
    found = file.read()
    places = {match[0]: match.start() for match in _SEPARATOR.finditer(found)}
    # A separating line may be incomplete itself. It follows a message of ours, or nothing.
    torn = found.rfind(b"\n") + 1
    ours = next(reversed(places), b"").startswith(_OURS) and found.endswith(b"\n\n", 0, torn)
    if not ours:
        torn = len(found) - len(found.lstrip(b"\n"))
    missing = []
    for output in outputs:
        message = cast(IO[bytes], output.file)
        wanted = b"".join(_quoted(output, message)) if output.again else b""
        start = places.get(_separator(output), torn)
        if wanted and found.startswith(wanted, start):
            continue
        missing.append(output)
        if 0 < len(found) - start < len(wanted) and wanted.startswith(found[start:]):
            file.truncate(size + start)
            found = found[:start]
    if len(missing) < len(outputs):
        os.fsync(file.fileno())
    return missing
