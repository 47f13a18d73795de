"""What the policy of login() has to know of a connection: who can listen, and who the server is.

Peer reads it from a client: POP3, or the client for asyncio.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from _cpoplib import TLSSocket  # type: ignore[attr-defined]


class Peer:
    """The connection of a client; each fact is read when it is asked.

    client: has host, port, welcome, timestamp (a pattern), encoding, and sock, which is None after
    close(). is_verified: TLS is active, and somebody has verified the server's certificate.
    """

    def __init__(self, client: Any, is_verified: bool = False) -> None:
        self.client = client
        self._is_verified = is_verified

    @property
    def is_closed(self) -> bool:
        return self.client.sock is None

    @property
    def is_private(self) -> bool:
        """Whether nobody can listen: the connection uses TLS, or does not leave this machine."""
        return _is_encrypted(self.client.sock) or _is_local(self.client.sock)

    @property
    def is_verified(self) -> bool:
        return self._is_verified or _is_verified(self.client.sock)

    @property
    def has_message_id(self) -> bool:
        """Whether the greeting's time stamp is an RFC 822 msg-id.

        A server that sends another text may compute the password from digests of texts that it
        chooses (CVE-2007-1558).
        """
        welcome = getattr(self.client, "welcome", None)
        match = self.client.timestamp.match(welcome) if isinstance(welcome, bytes) else None
        if match is None:
            return False
        stamp = match.group(1)[1:-1]
        local, _, domain = stamp.partition(b"@")
        visible = all(0x20 < octet < 0x7F and octet not in b"<>" for octet in stamp)
        return visible and bool(local) and bool(domain) and b"@" not in domain

    def bindings(self) -> list[str]:
        """Return the names of the TLS session's channel bindings; scramp must be installed."""
        from poplib_c import _scram

        with contextlib.suppress(Exception):  # The session can't be bound to.
            return _scram.bindings(self.client.sock)
        return []


def _is_encrypted(sock: Any) -> bool:
    """Whether *sock* uses TLS; the program decides whether the certificate is verified."""
    if isinstance(sock, TLSSocket):
        return sock.version() is not None
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket) and sock.version() is not None


def _is_verified(sock: Any) -> bool:
    """Whether an ssl.SSLContext has verified the certificate, and that it is the host's.

    A TLSSocket doesn't tell: the caller of login() passes is_verified.
    """
    if isinstance(sock, TLSSocket) or not _is_encrypted(sock):
        return False
    ssl = sys.modules["ssl"]
    context = sock.context
    return bool(context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname)


def _is_local(sock: Any) -> bool:
    """Whether the peer is this machine: it has a loopback address or a Unix socket.

    A proxy on this machine may lead to a server elsewhere: sockets of PySocks tell of a proxy by
    proxy_peername.
    """
    import ipaddress
    import socket

    if getattr(sock, "proxy_peername", None) is not None:
        return False
    try:
        if sock.family == getattr(socket, "AF_UNIX", None):
            return True
        address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
    except (AttributeError, IndexError, OSError, TypeError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
