"""The methods of TLSSocket that are not in C: facts about the session, files, closing.

The first TLS connection, and the first access to poplib_c.TLSSocket, import this module.
"""

from __future__ import annotations

import _socket
import errno
import os
from operator import index
from types import FunctionType
from typing import Any

#: Their order is that of enum pop_tls_binding.
_BINDINGS = ["tls-unique", "tls-server-end-point", "tls-exporter"]

#: Methods that would go past TLS.
_REFUSED = ["recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "sendto", "sendmsg"]
_REFUSED += ["sendmsg_afalg", "sendfile", "dup"]


class TLSSocket:
    """A connected socket with TLS, made by POP3_SSL and stls().

    The attribute sock of a connection is a TLSSocket, unless context= was given. It has the
    methods of ssl.SSLSocket. Other attributes, such as settimeout(), getpeername(), fileno() and
    setsockopt(), are those of the plain socket.

    One thread at a time sends or receives; others wait. Methods raise ssl.SSLError, one of its
    subclasses, or OSError; after unwrap(), ValueError.

    Attributes:
        server_hostname (str): The name that was sent to the server; None if there was none.
        server_side (bool): False.
        session_reused (bool): False.
    """

    server_side = False
    session_reused = False

    def __repr__(self: Any) -> str:
        state = "unwrapped" if self._unwrapped else self._version or "in its handshake"
        return f"<poplib_c.TLSSocket {state}, {self.server_hostname!r} over {self._sock!r}>"

    def __getattr__(self: Any, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"'poplib_c.TLSSocket' object has no attribute {name!r}")
        return getattr(self._sock, name)

    def __enter__(self: Any) -> Any:
        return self

    def __exit__(self: Any, *args: object) -> None:
        self.close()

    def recv(self: Any, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive octets.

        Args:
            buflen (int): The most octets to receive.
            flags (int): Must be 0.

        Returns:
            bytes: The octets; b'' at the end of the stream.

        Raises:
            ssl.SSLWantReadError: The socket is non-blocking, and nothing has arrived.
        """
        buffer = bytearray(index(buflen))
        del buffer[type(self).recv_into(self, buffer, 0, flags) :]
        return bytes(buffer)

    def read(self: Any, len: int = 1024, buffer: Any = None) -> bytes | int:
        """Receive octets, into a buffer if there is one.

        Args:
            len (int): The most octets to receive.
            buffer (buffer): A writable object such as a bytearray; None for recv(len).

        Returns:
            bytes or int: The octets; with a buffer their number.
        """
        kind = type(self)
        received: bytes | int = (
            kind.recv(self, len) if buffer is None else kind.recv_into(self, buffer, index(len))
        )
        return received

    def write(self: Any, data: Any) -> int:
        """Send some of the data, as send() does.

        Args:
            data (buffer): The octets.

        Returns:
            int: The number of octets sent.
        """
        sent: int = type(self).send(self, data)
        return sent

    def unwrap(self: Any) -> Any:
        """End TLS: send close_notify, and wait for the server's.

        From then on, methods of this socket that send or receive raise ValueError, and so do the
        connection's commands.

        Returns:
            socket.socket: The plain socket.

        Raises:
            ValueError: TLS has ended before.
        """
        if self._unwrapped:
            raise ValueError(f"No SSL wrapper around {self!r}")
        self._shut_down()
        return self._sock

    def makefile(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a file over this socket, as socket.socket.makefile() does."""
        return type(self._sock).makefile(self, *args, **kwargs)

    def close(self: Any) -> None:
        """Close the socket, once the files made by makefile() are closed, too.

        A thread that is blocked in the socket raises an exception. No close_notify is sent; see
        unwrap().
        """
        self._closed = True
        self._close_unused()

    def detach(self: Any) -> int:
        """Take the descriptor away from the socket, without closing it.

        Returns:
            int: The descriptor.
        """
        self._closed = self._sock_closed = True
        number: int = self._sock.detach()
        return number

    def getpeercert(self: Any, binary_form: bool = False) -> dict[str, Any] | bytes | None:
        """Return the server's certificate.

        Args:
            binary_form (bool): Whether to return the DER encoding.

        Returns:
            dict or bytes: The fields, as ssl.SSLSocket.getpeercert() has them, and an empty dict
            if the certificate was not verified; or the DER encoding. None without a certificate.
        """
        certificate: bytes | None = self._certificate
        if binary_form or certificate is None:
            return certificate
        if not self._verified:
            return {}
        from poplib_c._certificate import decode

        return decode(certificate)

    def _has_ended(self: Any) -> bool:
        return bool(self._unwrapped or self._sock_closed)

    def cipher(self: Any) -> Any:
        """Return the cipher suite.

        Returns:
            tuple: (name, version of TLS that defines it, secret bits); None after the end of TLS.
        """
        return None if self._has_ended() else self._cipher

    def version(self: Any) -> Any:
        """Return 'TLSv1.2' or 'TLSv1.3'; None after the end of TLS."""
        return None if self._has_ended() else self._version

    def compression(self: Any) -> None:
        """Return None: TLS compression is not used."""

    def selected_alpn_protocol(self: Any) -> None:
        """Return None: ALPN is not used."""

    def pending(self: Any) -> Any:
        """Return how many decrypted octets wait to be received; select() does not see them."""
        return 0 if self._has_ended() else self._pending()

    def get_channel_binding(self: Any, cb_type: str = "tls-unique") -> Any:
        """Return channel binding data, for SASL.

        Args:
            cb_type (str): 'tls-unique' (RFC 5929), 'tls-server-end-point' (RFC 5929) or
                'tls-exporter' (RFC 9266).

        Returns:
            bytes: The data. None for 'tls-unique' in TLS 1.3, for 'tls-exporter' in TLS 1.2
            without the extended master secret, and after the end of TLS.

        Raises:
            ValueError: The type is another one.
        """
        if cb_type not in _BINDINGS:
            raise ValueError(f"{cb_type!r} channel binding type not implemented")
        return None if self._has_ended() else self._binding(_BINDINGS.index(cb_type))


def _refuse(self: Any, *args: object, **kwargs: object) -> None:
    """Raise NotImplementedError: the method would bypass TLS."""
    raise NotImplementedError(
        "not possible on a TLSSocket; use recv(), recv_into(), send() or sendall()"
    )


def begin(cls: Any, host: object) -> str | None:
    """Complete the C type, and return server_hostname for a connection to *host*."""
    complete(cls)
    return _server_name(host)


def complete(cls: Any) -> None:
    """Add the methods to the type, unless they were added before.

    Until the last one is there, another thread adds them too, and so does the next call after a
    signal handler raised: without a method here the plain socket's is called, past TLS.
    """
    if _REFUSED[-1] in vars(cls):
        return
    for name, value in vars(TLSSocket).items():
        if isinstance(value, (FunctionType, bool)) or name == "__doc__":
            setattr(cls, name, value)
    for name in _REFUSED:
        setattr(cls, name, _refuse)


def _server_name(host: object) -> str | None:
    """Return server_hostname as an ssl.SSLSocket has it; raise what wrap_socket() raises."""
    if host is None:
        return None
    if not isinstance(host, (str, bytes)):
        raise TypeError(f"host should be str, not {type(host).__name__:.100}")
    encoded = host.encode("idna") if isinstance(host, str) else host
    if not encoded or encoded.startswith(b"."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    if b"\0" in encoded:
        raise TypeError("host should be without null characters")
    return encoded.decode("ascii")


def take(sock: Any) -> Any:
    """Return a new socket.socket with the descriptor and timeout of *sock*; detach *sock*.

    So a caller who kept *sock* can't bypass TLS. On failure *sock* keeps its descriptor.
    """
    root: Any = _socket.socket
    bases = type(sock).__mro__
    # The original socket.socket, even if that name was patched since.
    plain: Any = bases[max(bases.index(root) - 1, 0)]
    number = sock.fileno()
    if number < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    taken = plain.__new__(plain)
    try:
        taken.__init__(sock.family, sock.type, sock.proto, number)
        taken.settimeout(sock.gettimeout())
        root.detach(sock)
    except BaseException:
        # A signal handler may have raised after detach().
        if root.fileno(sock) < 0:
            taken.close()
        else:
            root.detach(taken)
        raise
    return taken
