"""What whole messages are received from where ``.file`` is not the connection's own Reader."""

from __future__ import annotations

from typing import Any


class Lines:
    """A file as a socket: each receive gives one line, or a part of it.

    So no more than the reply is read from the file, which anybody may go on with.
    """

    def __init__(self, file: Any, sock: Any) -> None:
        self._file = file
        self._sock = sock
        self._rest = b""

    def recv_into(self, buffer: memoryview) -> int:
        """Read with a limit, and keep what a file gives that does not mind it."""
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
        """Timeouts are the socket's, which a deadline makes shorter."""
        return getattr(self._sock, name)
