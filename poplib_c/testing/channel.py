"""A connection of the test server: reads lines and writes replies, in plain text or over TLS."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from poplib_c.testing.maildrop import Refusal

if TYPE_CHECKING:
    import ssl

    from poplib_c.testing.tls import TLSStream

# RFC 2449, section 4, limits a command to 255 octets; a response of SASL may be longer (RFC 5034,
# section 4).
_MAX_COMMAND = 8192

# Octets of replies to commands sent ahead that are collected before they are sent.
_MAX_PENDING = 65536

# Seconds for which close() waits for the client's end of the stream.
_LINGER = 1.0


class Channel:
    """One connection. A reply leaves *latency* seconds after its command came, or later."""

    def __init__(self, sock: socket.socket, latency: float = 0.0) -> None:
        self._sock = sock
        self._latency = latency
        self._arrived = time.monotonic()  # the line that is being answered, or the client
        self._arrivals: deque[float] = deque()  # of the lines in _received
        self._tls: TLSStream | None = None
        self._stream: socket.socket | TLSStream = sock
        self._closing = threading.Lock()
        self._aborted = threading.Event()
        self._received = bytearray()
        self._pending: list[bytes] = []
        self._pending_octets = 0

    def readline(self) -> bytes:
        """Return the next line without its end.

        Raises EOFError at the end of the connection, OSError if the socket fails, and Refusal if
        the line is too long; that line is read to its end. Replies are flushed only before waiting
        for input, so that commands sent ahead are answered together.
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
        self._arrived = self._arrivals.popleft()
        if oversized or end > _MAX_COMMAND:
            raise Refusal("command line too long")
        return line[:-1] if line.endswith(b"\r") else line

    def _fill(self) -> None:
        octets = self._stream.recv(65536)
        if not octets:
            raise EOFError
        self._received += octets
        self._arrivals.extend([time.monotonic()] * octets.count(b"\n"))

    def write(self, reply: bytes, pause: float = 0.0) -> None:
        """Add *reply* to what is pending; with a *pause*, wait before each of its octets."""
        if pause > 0:
            for octet in reply:
                self.delay(pause)
                self.write(bytes([octet]))
            return
        if self._latency:
            self._wait_until(self._arrived + self._latency)
        self._pending.append(reply)
        self._pending_octets += len(reply)
        if self._pending_octets > _MAX_PENDING:
            self.flush()

    def _wait_until(self, due: float) -> None:
        """Send what is pending, then wait until *due*; note when commands arrive meanwhile."""
        timeout = self._sock.gettimeout()
        try:
            while (left := due - time.monotonic()) > 0:
                self.flush()
                self._sock.settimeout(left)
                with contextlib.suppress(socket.timeout):
                    self._fill()
        except EOFError:
            self._aborted.wait(left)  # The client may have closed its side only.
        finally:
            self._sock.settimeout(timeout)

    def delay(self, seconds: float) -> None:
        """Send what is pending, then wait; abort() ends the wait."""
        if seconds > 0:
            self.flush()
            self._aborted.wait(seconds)

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
        """Return the names in the client's certificate; none without one that was verified."""
        return [] if self._tls is None else self._tls.client_names()

    def binding(self, kind: str) -> bytes | None:
        """Return the channel binding called *kind* (RFC 5929), or None if there is none."""
        return None if self._tls is None else self._tls.binding(kind)

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the TLS handshake; raise OSError or EOFError if it fails.

        Discards input that was received in plain text: an attacker who injects it must not have
        commands executed as the client's (CVE-2011-0411).
        """
        from poplib_c.testing.tls import TLSStream

        self.flush()
        self._received.clear()
        self._arrivals.clear()
        self._stream = self._tls = TLSStream(self._sock, context)
        self._tls.do_handshake()

    def disable_delay(self) -> None:
        """Send each reply at once, without waiting for the acknowledgement of the one before."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def abort(self) -> None:
        """End the connection from another thread, and wake the thread that reads or writes."""
        self._aborted.set()
        with self._closing, contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Send the end of the stream, drop input for a moment, and close the socket.

        A socket that is closed with input unread resets the connection (RFC 1122, section
        4.2.2.13), and the client may lose the last replies.
        """
        if self._tls is not None:
            self._tls.notify_close()
        end = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            while (left := end - time.monotonic()) > 0:
                self._sock.settimeout(left)
                if not self._sock.recv(65536):
                    break
        with self._closing:
            self._sock.close()
