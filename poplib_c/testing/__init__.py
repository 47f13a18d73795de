"""A POP3 server in a thread, for demonstrations and for tests of mail programs.

::

    from poplib_c import POP3
    from poplib_c.testing import POP3Server

    with POP3Server([b"Subject: hello\\n\\nworld\\n"], users={"alice": "secret"}) as server:
        client = POP3(*server.address)
        client.user("alice")
        client.pass_("secret")
        client.dele(1)
        client.quit()
    assert server.messages == []
    assert server.commands[-1] == b"QUIT"

POP3Server(tls=context) is a POP3S server, POP3Server(stls=context) has the STLS command: *context*
is an ssl.SSLContext with a certificate, which the package trustme makes for tests::

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

POP3Server(tokens={"alice": token}) takes OAuth 2.0 access tokens; server.tokens["alice"] = another
makes the first one a bad one.

It speaks RFC 1939 (USER, PASS, APOP, STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP, QUIT),
RFC 2449 (CAPA, PIPELINING, RESP-CODES), RFC 2595 (STLS), RFC 5034 (AUTH), RFC 8314 (POP3S) and
the UTF8 command of RFC 6856. It is made for loopback: it keeps whole messages in memory and trusts
whoever connects to be a test.
"""

from __future__ import annotations

import contextlib
import errno
import mailbox
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from email.message import Message
from types import TracebackType
from typing import TYPE_CHECKING, Any

from poplib_c.testing.auth import accounts
from poplib_c.testing.channel import Channel
from poplib_c.testing.maildrop import Maildrop
from poplib_c.testing.session import Session

if TYPE_CHECKING:
    import ssl

__all__ = ["POP3Server"]

# Seconds that stop() gives the threads to end.
_STOP_WAIT = 5.0

# Seconds after which accept() is tried again when the process is out of descriptors.
_ACCEPT_PAUSE = 0.1
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class POP3Server:
    """A POP3 server on one address, with one maildrop that all its users share.

    *messages* is what the maildrop holds: an iterable of bytes, str (sent as UTF-8) and
    email.message.Message objects, or a mailbox.Mailbox, whose messages are taken in the order of
    their keys at each login, and from which deleted ones are removed when a client says QUIT.
    (It is locked for the removal alone: leave it to the server while a client is logged in.)
    Line ends become CRLF, and a missing last one is added; nothing else is changed.

    *users* maps names to passwords, both str; None lets everybody in with any password.

    *tokens* maps names to OAuth 2.0 access tokens, both str; it is looked at when a client shows
    one, and nobody is let in by a token otherwise.

    *mechanisms* names what the AUTH command knows: ``PLAIN``, ``LOGIN``, ``CRAM-MD5``,
    ``XOAUTH2``, ``OAUTHBEARER``, ``EXTERNAL`` (by the client's certificate, which *tls* or *stls*
    has to verify), ``ANONYMOUS``, ``SCRAM-SHA-1``, ``SCRAM-SHA-256``, and these two with
    ``-PLUS``, which are offered over TLS and bound to it by ``tls-unique``, before TLS 1.3, or by
    ``tls-server-end-point``; the ssl module has no ``tls-exporter``. SCRAM needs *users* and the
    library scramp. None means the first three, and if there are *tokens* the two after them.
    Passwords are compared as octets.

    *two_step*, if true, refuses an AUTH command that has an initial response and closes the
    connection, as Microsoft 365 does: the client has to wait for the challenge.

    *host* is the name or address to listen on, IPv4 or IPv6 (``"::1"``), and *port* the port;
    0 lets the system choose one, which ``port`` then tells.

    *timeout* is the time in seconds after which an idle connection is closed, without removing
    messages; RFC 1939 wants at least the default, ten minutes. It holds for the TLS handshake too.

    *tls* or *stls* is a context for servers, with a certificate: with *tls* everything goes over
    TLS from the first octet on, with *stls* a client may ask for it by STLS before it logs in.

    Raises TypeError if a message or a context is of another type, ValueError if *timeout* isn't
    positive, a context is for clients, both contexts are given, or a mechanism is not known or
    lacks its users or tokens; ImportError if it needs scramp and that isn't installed.

    Unique-ids come from the messages' content: they are the same in every run, and equal
    messages' differ.

    The object is a context manager that starts and stops the server. Its attributes:

    ``host``, ``port``, ``address``
        Where to connect to; ``address`` is the pair of the two.
    ``messages``
        The messages left in the maildrop, as a list of bytes: each the octets that RETR
        transmits, so with CRLF line ends, and as many as LIST says.
    ``commands``
        The command lines received, and the responses to challenges, as a list of bytes without
        line ends, in order of arrival over all connections. Passwords and tokens are in there as
        they came. May be cleared at any time.
    ``tokens``
        The mapping *tokens*, a dict of its own, which may be changed at any time.
    """

    def __init__(
        self,
        messages: Iterable[bytes | str | Message] | mailbox.Mailbox[Any] = (),
        *,
        users: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        mechanisms: Iterable[str] | None = None,
        two_step: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float = 600.0,
        tls: ssl.SSLContext | None = None,
        stls: ssl.SSLContext | None = None,
    ) -> None:
        if timeout <= 0:
            raise ValueError("timeout must be a positive number of seconds")
        _check_contexts(tls, stls)
        self.host = host
        self.port = port
        self.commands: list[bytes] = []
        self._maildrop = Maildrop(messages)
        self.tokens: dict[str, str] = dict(tokens or {})
        self._accounts = accounts(
            users=None if users is None else _encoded(users),
            tokens=None if tokens is None else self.tokens,
            mechanisms=mechanisms,
            two_step=two_step,
        )
        self._timeout = timeout
        self._tls = tls
        self._stls = stls
        self._listening: tuple[threading.Thread, socket.socket] | None = None
        self._connections: dict[threading.Thread, Channel] = {}

    @property
    def address(self) -> tuple[str, int]:
        """The pair (host, port), as ``POP3(*server.address)`` takes it."""
        return self.host, self.port

    @property
    def messages(self) -> list[bytes]:
        """The messages left in the maildrop, in order."""
        return self._maildrop.contents()

    def start(self) -> None:
        """Listen and serve, in threads; a server that runs is left alone.

        Started again after stop(), it listens on the same port as before. Raises OSError if the
        address can't be listened on.
        """
        if self._listening is not None:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.create_server(self.address, family=family, backlog=128)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        with contextlib.ExitStack() as opened:
            opened.enter_context(listener)
            waker, woken = socket.socketpair()
            opened.enter_context(waker)
            opened.enter_context(woken)
            selector = opened.enter_context(selectors.DefaultSelector())
            thread = threading.Thread(
                target=self._serve,
                args=(listener, woken, selector),
                name=f"POP3Server-{self.port}",
                daemon=True,
            )
            thread.start()
            opened.pop_all()
        self._listening = thread, waker

    def stop(self) -> None:
        """Close all connections and end all threads; a server that doesn't run is left alone.

        What clients have deleted without saying QUIT stays in the maildrop. Connections over TLS
        end without close_notify. Raises RuntimeError if a thread is still busy after five seconds.
        """
        if self._listening is None:
            return
        thread, waker = self._listening
        self._listening = None
        waker.close()
        thread.join()
        for channel in self._connections.values():
            channel.abort()
        deadline = time.monotonic() + _STOP_WAIT
        for connection in self._connections:
            connection.join(max(0.0, deadline - time.monotonic()))
        self._forget_ended()
        if self._connections:
            raise RuntimeError("a connection's thread did not end")

    def __enter__(self) -> POP3Server:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(
        self, listener: socket.socket, woken: socket.socket, selector: selectors.BaseSelector
    ) -> None:
        with listener, woken, selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            pause = None
            while all(key.fileobj is not woken for key, _ in selector.select(pause)):
                if pause is not None:
                    selector.register(listener, selectors.EVENT_READ)
                    pause = None
                elif not self._accept(listener):
                    # The client stays in the queue, where select() would see it again at once.
                    selector.unregister(listener)
                    pause = _ACCEPT_PAUSE

    def _accept(self, listener: socket.socket) -> bool:
        """Serve the next client. False: the process is out of descriptors or memory."""
        try:
            sock = listener.accept()[0]
        except OSError as error:
            # The client may have gone between select() and accept().
            return error.errno not in _EXHAUSTED
        try:
            self._converse(sock)
        except (OSError, RuntimeError, MemoryError):
            sock.close()  # It has gone, or there can be no thread for it.
        return True

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(self._timeout)
        channel = Channel(sock)
        session = Session(
            channel, self._maildrop, self._accounts, self.commands, self._tls, self._stls
        )
        thread = threading.Thread(
            target=session.run, name=f"POP3Server-{self.port}-connection", daemon=True
        )
        thread.start()
        self._forget_ended()
        self._connections[thread] = channel

    def _forget_ended(self) -> None:
        self._connections = {t: c for t, c in self._connections.items() if t.is_alive()}


def _check_contexts(tls: object, stls: object) -> None:
    if tls is not None and stls is not None:
        raise ValueError("tls and stls exclude each other")
    for name, context in (("tls", tls), ("stls", stls)):
        if context is not None:
            from poplib_c.testing.tls import require_server_context

            require_server_context(name, context)


def _encoded(users: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): password.encode() for name, password in users.items()}
