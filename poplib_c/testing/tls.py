"""TLS over a connected socket of the test server.

The package imports this module only when TLS is used, because it imports ssl.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any, Callable

from poplib_c._scram import certificate_hash

# Seconds for which sending close_notify may block.
_NOTIFY_WAIT = 1.0


class TLSStream:
    """The server's side of TLS over *sock*, with the recv() and sendall() of a socket.

    The caller owns the socket, and may shut it down from another thread to wake a method that
    waits. All methods raise OSError (or its subclass ssl.SSLError) if TLS or the socket fails, and
    EOFError if the client ends the connection without close_notify.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._context = context
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def do_handshake(self) -> None:
        self._drive(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        """Return up to *size* octets; b"" after the client's close_notify."""
        received: bytes = self._drive(self._tls.read, size)
        return received

    def sendall(self, octets: bytes) -> None:
        left = memoryview(octets)
        while left:
            left = left[self._drive(self._tls.write, left) :]

    def notify_close(self) -> None:
        """Send close_notify if possible, without waiting for the client's."""
        self._sock.settimeout(_NOTIFY_WAIT)
        with contextlib.suppress(OSError):
            self._attempt(self._tls.unwrap)

    def client_names(self) -> list[bytes]:
        """Return the names in the client's certificate; none unless the context verifies it."""
        certificate: dict[str, Any] = self._tls.getpeercert() or {}
        names = [value for _, value in certificate.get("subjectAltName", ())]
        subject = (pair for part in certificate.get("subject", ()) for pair in part)
        names += [value for name, value in subject if name == "commonName"]
        return [name.encode() for name in names]

    def binding(self, kind: str) -> bytes | None:
        """Return the binding ``tls-unique`` (before TLS 1.3) or ``tls-server-end-point``."""
        if kind == "tls-unique" and self._tls.version() != "TLSv1.3":
            return self._tls.get_channel_binding(kind)
        if kind == "tls-server-end-point":
            certificate = _certificate_of(self._context)
            return None if certificate is None else certificate_hash(certificate)
        return None

    def _drive(self, operation: Callable[..., Any], *args: Any) -> Any:
        while True:
            try:
                return self._attempt(operation, *args)
            except ssl.SSLWantReadError:
                octets = self._sock.recv(65536)
            if not octets:
                raise EOFError
            self._incoming.write(octets)

    def _attempt(self, operation: Callable[..., Any], *args: Any) -> Any:
        """Run *operation* and send its output; one that fails may have an alert to send."""
        try:
            return operation(*args)
        finally:
            if self._outgoing.pending:
                self._sock.sendall(self._outgoing.read())


def _certificate_of(context: ssl.SSLContext) -> bytes | None:
    """Return the certificate of a server's context, found by a handshake in memory.

    None if the context shows its certificate only to clients that have one, too.
    """
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_mode = ssl.CERT_NONE
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for end in (client, server) * 3:
        with contextlib.suppress(ssl.SSLError):
            end.do_handshake()
    with contextlib.suppress(ValueError):  # The handshake did not complete.
        return client.getpeercert(binary_form=True)
    return None


def require_server_context(name: str, context: object) -> None:
    """Raise TypeError or ValueError unless *context*, the argument *name*, is for servers."""
    if not isinstance(context, ssl.SSLContext):
        kind = type(context).__name__
        raise TypeError(f"{name} must be an ssl.SSLContext or None, not {kind}")
    if context.protocol == ssl.PROTOCOL_TLS_CLIENT:
        raise ValueError(f"{name} must be a server's context: this one is for clients")
