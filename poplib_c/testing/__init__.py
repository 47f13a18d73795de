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

POP3Server(tls=context) is a POP3S server; POP3Server(stls=context) supports STLS. *context* is an
ssl.SSLContext with a certificate. The package trustme issues certificates for tests::

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

POP3Server(tokens={"alice": token}) accepts OAuth 2.0 access tokens. server.tokens["alice"] =
another replaces the token.

The server implements RFC 1939 (USER, PASS, APOP, STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP,
QUIT), RFC 2449 (CAPA, PIPELINING, RESP-CODES), RFC 2595 (STLS), RFC 5034 (AUTH), RFC 8314 (POP3S)
and the UTF8 command of RFC 6856. It is for loopback only: it keeps whole messages in memory and
does not defend itself against its clients. POP3Server is the public name; the modules of this
package are its implementation.
"""

from __future__ import annotations

import contextlib
import errno
import mailbox
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping, MutableMapping
from email.message import Message
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal

from poplib_c.testing.auth import MECHANISMS, accounts
from poplib_c.testing.channel import Channel
from poplib_c.testing.faults import Faults
from poplib_c.testing.maildrop import Maildrop
from poplib_c.testing.session import COMMANDS, Session

if TYPE_CHECKING:
    import ssl

__all__ = ["POP3Server"]

# Seconds for which stop() waits for the threads of all connections.
_STOP_WAIT = 5.0

# Seconds between two calls of accept() while the process is out of descriptors or memory.
_ACCEPT_PAUSE = 0.1
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class POP3Server:
    """A POP3 server on one address; all its users share one maildrop.

    One session at a time has the maildrop: a second login is refused by ``[IN-USE]``.

    *messages* fills the maildrop. It is an iterable of bytes, str (sent as UTF-8) and
    email.message.Message objects, or a mailbox.Mailbox. The server reads a mailbox at each login,
    in the order of its keys, and removes deleted messages from it at QUIT. The server locks a
    mailbox only to remove messages: don't change it while a client is logged in. Line ends are
    sent as CRLF, and a missing last one is added; nothing else is changed.

    *users* maps names to passwords, both str. With None every name and password is accepted.

    *tokens* maps names to OAuth 2.0 access tokens, both str. With None no token is accepted.

    *mechanisms* names the mechanisms of the AUTH command:

    * ``PLAIN``, ``LOGIN``, ``CRAM-MD5``
    * ``XOAUTH2``, ``OAUTHBEARER``: need *tokens*
    * ``EXTERNAL``: needs a client certificate that the context verifies
    * ``ANONYMOUS``
    * ``SCRAM-SHA-1``, ``SCRAM-SHA-256``: need *users* and the library scramp
    * ``SCRAM-SHA-1-PLUS``, ``SCRAM-SHA-256-PLUS``: need *users* and scramp, and are offered over
      TLS only. Channel bindings are ``tls-unique``, before TLS 1.3, and ``tls-server-end-point``;
      the ssl module has no ``tls-exporter``.

    None means the first three and, if *tokens* is given, the two of OAuth 2.0. Passwords are
    compared as octets.

    *two_step*, if true, refuses an AUTH command with an initial response and closes the
    connection, as Microsoft 365 does: the client has to wait for the challenge. With
    ``"ignored"`` the server sends the challenge as if there were no initial response.

    The next six are faults that a test asks for. They are also attributes, which may be changed
    at any time. A command is a name, ``"RETR"``, or a name with arguments, ``"RETR 2"``; the
    longest one that fits is used. ``"GREETING"`` is the greeting.

    *refused* maps commands and names of mechanisms to texts, such as ``{"APOP": "[AUTH] no"}``:
    the server refuses the command, or the client's first response in the mechanism, by this text.
    With None it closes the connection instead: ``{"CAPA": None}``. CAPA does not list a refused
    TOP or UIDL.

    *delays* maps commands to seconds: the server waits before it sends the reply, and before it
    reads the next command. For a slow line use *latency*.

    *trickle* maps commands to seconds: the server waits before each octet of the reply.

    *cut* maps commands to numbers of octets: the server sends that many octets of the reply and
    closes the connection. A shorter reply is sent whole, and the connection stays open.

    *sizes* maps numbers of messages to the sizes that LIST, and the status line of RETR, say in
    place of the right ones. The message is sent whole, and STAT says the right size.

    *locked*, if true, refuses each login by ``[IN-USE]``, as if another session was active.

    *host* is the name or address to listen on, IPv4 or IPv6 (``"::1"``). *port* is the port; with
    0 the system chooses one, and start() sets ``port`` to it.

    *timeout* is the time in seconds after which the server closes an idle connection, without
    removing messages; RFC 1939 requires at least the default, ten minutes. It limits each wait of
    the TLS handshake, too.

    *latency* is a time in seconds, as the round trip of a slow line: each reply, challenge and
    greeting leaves that long after its command, response or client arrived. Commands sent ahead
    wait together, not one after another. The TLS handshake takes no longer.

    *tls* and *stls* are contexts for servers, with a certificate. With *tls* the connection uses
    TLS from the first octet; with *stls* the client may start TLS by STLS before it logs in.

    Raises TypeError if a message or a context has another type; ValueError if *timeout* isn't
    positive, *latency* is negative, a context is for clients, both contexts are given, a mechanism
    is unknown or lacks its *users* or *tokens*, or a fault names an unknown command or a negative
    number; ImportError if a mechanism needs scramp and scramp isn't installed.

    The same messages have the same unique-ids in every run. If the maildrop has a message twice,
    the id of the second one is that of the first with the suffix ``-2``.

    The object is a context manager that starts and stops the server. ``host`` and ``port`` are
    attributes, too.
    """

    def __init__(
        self,
        messages: Iterable[bytes | str | Message] | mailbox.Mailbox[Any] = (),
        *,
        users: Mapping[str, str] | None = None,
        tokens: Mapping[str, str] | None = None,
        mechanisms: Iterable[str] | None = None,
        two_step: bool | Literal["ignored"] = False,
        refused: Mapping[str, str | None] = MappingProxyType({}),
        delays: Mapping[str, float] = MappingProxyType({}),
        trickle: Mapping[str, float] = MappingProxyType({}),
        cut: Mapping[str, int] = MappingProxyType({}),
        sizes: Mapping[int, int] = MappingProxyType({}),
        locked: bool = False,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float = 600.0,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
        stls: ssl.SSLContext | None = None,
    ) -> None:
        if timeout <= 0:
            raise ValueError("timeout must be a positive number of seconds")
        if latency < 0:
            raise ValueError("latency must not be negative")
        _check_contexts(tls, stls)
        self.host = host
        self.port = port
        self._commands: list[bytes] = []
        self._maildrop = Maildrop(messages)
        self._tokens = dict(tokens or {})
        self._maildrop.locked = locked
        commands = {"GREETING", *map(bytes.decode, COMMANDS)}
        known = set(map(bytes.decode, MECHANISMS))
        self._faults = Faults(refused, delays, trickle, cut, sizes, commands, known)
        self._accounts = accounts(
            users=None if users is None else _encoded(users),
            tokens=None if tokens is None else self._tokens,
            mechanisms=mechanisms,
            two_step=two_step,
            faults=self._faults,
        )
        self._timeout = timeout
        self._latency = latency
        self._tls = tls
        self._stls = stls
        self._listening: tuple[threading.Thread, socket.socket] | None = None
        self._connections: dict[threading.Thread, Channel] = {}

    @property
    def address(self) -> tuple[str, int]:
        """The pair (host, port), as ``POP3(*server.address)`` takes it."""
        return self.host, self.port

    @property
    def commands(self) -> list[bytes]:
        """The command lines that were received, and the responses to challenges.

        They have no line ends, and the order of arrival over all connections. Passwords and
        tokens are included as received. A test may clear the list at any time.
        """
        return self._commands

    @property
    def tokens(self) -> dict[str, str]:
        """The access tokens by user; may be changed at any time."""
        return self._tokens

    @property
    def refused(self) -> MutableMapping[str, str | None]:
        """The texts by which the server refuses commands; may be changed at any time."""
        return self._faults.refused

    @property
    def delays(self) -> MutableMapping[str, float]:
        """The seconds by which replies to commands are late; may be changed at any time."""
        return self._faults.delays

    @property
    def trickle(self) -> MutableMapping[str, float]:
        """The seconds before each octet of replies to commands; may be changed at any time."""
        return self._faults.trickle

    @property
    def cut(self) -> MutableMapping[str, int]:
        """The octets after which replies to commands break off; may be changed at any time."""
        return self._faults.cut

    @property
    def sizes(self) -> MutableMapping[int, int]:
        """The wrong sizes by number of message; may be changed at any time."""
        return self._faults.sizes

    @property
    def locked(self) -> bool:
        """Whether the server refuses each login by ``[IN-USE]``; may be changed at any time."""
        return self._maildrop.locked

    @locked.setter
    def locked(self, locked: bool) -> None:
        self._maildrop.locked = locked

    @property
    def messages(self) -> list[bytes]:
        """The messages left in the maildrop, in order.

        Each has CRLF line ends, as RETR sends it before dot-stuffing, and the size that LIST
        reports.
        """
        return self._maildrop.contents()

    def start(self) -> None:
        """Listen and serve, in threads; do nothing if the server runs.

        After stop(), start() listens on the earlier port again. Raises OSError if the address
        can't be listened on.
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
        """Close all connections and end all threads; do nothing if the server doesn't run.

        Messages that clients have marked as deleted, without QUIT, stay in the maildrop.
        Connections over TLS end without close_notify. Raises RuntimeError if the thread of a
        connection still runs after five seconds.
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
                    # The client stays in the queue: select() would return again at once.
                    selector.unregister(listener)
                    pause = _ACCEPT_PAUSE

    def _accept(self, listener: socket.socket) -> bool:
        """Serve the next client; return False if the process is out of descriptors or memory."""
        try:
            sock = listener.accept()[0]
        except OSError as error:
            # The client may have closed the connection between select() and accept().
            return error.errno not in _EXHAUSTED
        try:
            self._converse(sock)
        except (OSError, RuntimeError, MemoryError):
            sock.close()  # The client has closed the connection, or no thread can be started.
        return True

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(self._timeout)
        channel = Channel(sock, self._latency)
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
