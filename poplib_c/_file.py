"""The sources of whole messages that are no Reader, and the files that messages go to."""

from __future__ import annotations

import errno
import io
import os
from types import BuiltinMethodType
from typing import Any, Callable


class Lines:
    """A file with the methods of a socket: recv_into() receives one line, or a part of one.

    So nothing after the reply is read from the file, and other code can go on reading there.
    """

    def __init__(self, file: Any, sock: Any) -> None:
        self._file = file
        self._sock = sock
        self._rest = b""

    def recv_into(self, buffer: memoryview) -> int:
        """Read a line with a limit; keep the excess of a file that ignores the limit."""
        if not self._rest:
            line = self._file.readline(len(buffer))
            if not isinstance(line, bytes):
                kind = type(line).__name__
                raise TypeError(f"readline() of .file should return bytes, not {kind}")
            self._rest = line
        octets = min(len(buffer), len(self._rest))
        buffer[:octets] = self._rest[:octets]
        self._rest = self._rest[octets:]
        return octets

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of the socket; a deadline shortens the socket's timeout."""
        return getattr(self._sock, name)


def opened(file: Any) -> tuple[Any, bool, bool]:
    """Return *file*'s write(), whether it may write a part, and whether C may write instead.

    C writes to the descriptor of an io.FileIO with its type's own write(), which is called once
    to raise if the file can't be written.
    """
    write = file.write
    is_direct = type(file) is io.FileIO and isinstance(write, BuiltinMethodType)
    is_direct = is_direct and write.__self__ is file
    if is_direct:
        write(b"")
    return write, isinstance(file, io.RawIOBase), is_direct


def write_rest(write: Callable[[bytes], Any], block: bytes, result: Any, is_raw: bool) -> None:
    """Write what the first write(*block*), which returned *result*, has left.

    A write() that returns no int, as old files have it, has written all. None from a raw file
    means that it is non-blocking, and took nothing.
    """
    while True:
        if result is None and is_raw:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        written = result if isinstance(result, int) else len(block)
        if not 0 < written <= len(block):
            raise OSError(f"write() returned {written} for {len(block)} octets")
        block = block[written:]
        if not block:
            return
        result = write(block)
