"""A connection of the test server: lines in, replies out, in plain text or over TLS."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from poplib_c.testing.maildrop import Refusal

if TYPE_CHECKING:
    import ssl

    from poplib_c.testing.tls import TLSStream

# RFC 2449, section 4, allows 255 octets; SASL's responses may be longer (RFC 5034, section 4).
_MAX_COMMAND = 8192

# Replies to commands sent ahead are gathered up to this many octets before they are sent.
_MAX_PENDING = 65536


class Channel:
    """A connection's octets: lines in, replies out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls: TLSStream | None = None
        self._stream: socket.socket | TLSStream = sock
        self._closing = threading.Lock()
        self._received = bytearray()
        self._pending: list[bytes] = []
        self._pending_octets = 0

    def readline(self) -> bytes:
        """Return the next line without its end. EOFError: there is none; OSError: of the socket.

        Replies are flushed before waiting for input, but not before a line that is already here:
        commands sent ahead are answered together. A line that is too long is skipped to its end.
        """
        oversized = False
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > _MAX_COMMAND:
                oversized = True
                self._received.clear()
            self.flush()
            self._fill()
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        if oversized or end > _MAX_COMMAND:
            raise Refusal("command line too long")
        return line[:-1] if line.endswith(b"\r") else line

    def _fill(self) -> None:
        octets = self._stream.recv(65536)
        if not octets:
            raise EOFError
        self._received += octets

    def write(self, reply: bytes) -> None:
        self._pending.append(reply)
        self._pending_octets += len(reply)
        if self._pending_octets > _MAX_PENDING:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            reply = b"".join(self._pending)
            self._pending.clear()
            self._pending_octets = 0
            self._stream.sendall(reply)

    @property
    def encrypted(self) -> bool:
        return self._tls is not None

    def client_names(self) -> list[bytes]:
        """Whom the client's certificate is for, if it has shown one that was verified."""
        return [] if self._tls is None else self._tls.client_names()

    def binding(self, kind: str) -> bytes | None:
        """What is bound to that is called *kind* (RFC 5929); None: nothing is."""
        return None if self._tls is None else self._tls.binding(kind)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands; from here on everything goes over TLS. OSError, EOFError: it failed.

        What the client has sent ahead in plain text is thrown away: whoever can write into the
        connection must not have commands executed as the client's (CVE-2011-0411).
        """
        from poplib_c.testing.tls import TLSStream

        self.flush()
        self._received.clear()
        self._stream = self._tls = TLSStream(self._sock, context)
        self._tls.do_handshake()

    def disable_delay(self) -> None:
        """Send replies at once instead of waiting for the previous one's acknowledgement."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def abort(self) -> None:
        """End the connection from another thread: whoever reads or writes is woken."""
        with self._closing, contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._tls is not None:
            self._tls.notify_close()
        with self._closing:
            self._sock.close()
