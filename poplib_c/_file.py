"""The source of whole messages if ``.file`` isn't the connection's own Reader."""

from __future__ import annotations

from typing import Any


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
