"""Which files a Reader replaces, and its rare methods; those that read are in C.

Importing the package imports this module.
"""

from __future__ import annotations

import io

import _cpoplib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_module: Any = _cpoplib


def reads_socket(file: Any, sock: Any) -> bool:
    """Return whether *file* is exactly what makefile("rb") of a socket makes for *sock*."""
    if type(file) is not io.BufferedReader:
        return False
    import socket

    raw: Any = file.raw
    return type(raw) is socket.SocketIO and raw._sock is sock  # type: ignore[attr-defined]


def _check(file: Any) -> None:
    if file.closed:
        raise ValueError("I/O operation on closed file.")


def _false(self: Any) -> bool:
    """Return False; raise ValueError if the reader is closed."""
    _check(self)
    return False


def _read_into(buffer: Any, read: Callable[[int], bytes]) -> int:
    with memoryview(buffer) as view, view.cast("B") as octets:
        if octets.readonly:
            raise TypeError("readinto() argument must be a read-write bytes-like object")
        received = read(len(octets))
        octets[: len(received)] = received
    return len(received)


class Reader:
    """What the type in C gets from here."""

    mode = "rb"

    def readinto(self: Any, buffer: Any, /) -> int:
        """Read octets into a buffer until it is full.

        Args:
            buffer (buffer): A writable object such as a bytearray.

        Returns:
            int: The number of octets; fewer than fit only at the end of the stream.
        """
        return _read_into(buffer, self.read)

    def readinto1(self: Any, buffer: Any, /) -> int:
        """Read what is available into a buffer, with at most one receive.

        Args:
            buffer (buffer): A writable object such as a bytearray.

        Returns:
            int: The number of octets; 0 at the end of the stream.
        """
        return _read_into(buffer, self.read1)

    def readable(self) -> bool:
        """Return True; raise ValueError if the reader is closed."""
        _check(self)
        return True

    writable = seekable = isatty = _false

    def flush(self) -> None:
        """Do nothing: nothing is written through a reader."""
        _check(self)

    def __enter__(self) -> Any:
        _check(self)
        return self

    def __exit__(self: Any, *args: object) -> None:
        self.close()


for _name, _value in vars(Reader).items():
    if not _name.startswith("__") or _name in ("__enter__", "__exit__"):
        setattr(_module.Reader, _name, _value)
io.BufferedIOBase.register(_module.Reader)
