"""A POP3 server in a thread, for demonstrations and for tests of mail programs.

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

It speaks RFC 1939 (USER, PASS, APOP, STAT, LIST, UIDL, RETR, TOP, DELE, RSET, NOOP, QUIT),
RFC 2449 (CAPA, PIPELINING, RESP-CODES) and the UTF8 command of RFC 6856. It is made for
loopback: it keeps whole messages in memory and trusts whoever connects to be a test.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import mailbox
import re
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from email.message import Message
from types import TracebackType
from typing import Any, Callable, NamedTuple

from poplib_c._maildrop import Maildrop, Refusal, StoredMessage

__all__ = ["POP3Server"]

# RFC 2449, section 4, allows 255 octets; SASL's responses may be longer (RFC 5034, section 4).
_MAX_COMMAND = 8192

# Replies to commands sent ahead are gathered up to this many octets before they are sent.
_MAX_PENDING = 65536

# Seconds that stop() gives the threads to end.
_STOP_WAIT = 5.0


class POP3Server:
    """A POP3 server on one address, with one maildrop that all its users share.

    *messages* is what the maildrop holds: an iterable of bytes, str (sent as UTF-8) and
    email.message.Message objects, or a mailbox.Mailbox, whose messages are taken in the order of
    their keys at each login, and from which deleted ones are removed when a client says QUIT.
    (It is locked for the removal alone: leave it to the server while a client is logged in.)
    Line ends become CRLF, and a missing last one is added; nothing else is changed.

    *users* maps names to passwords, both str; None lets everybody in with any password.

    *host* is the name or address to listen on, IPv4 or IPv6 (``"::1"``), and *port* the port;
    0 lets the system choose one, which ``port`` then tells.

    *timeout* is the time in seconds after which an idle connection is closed, without removing
    messages; RFC 1939 wants at least the default, ten minutes.

    Raises TypeError if a message is of another type, ValueError if *timeout* isn't positive.

    Unique-ids come from the messages' content: they are the same in every run, and equal
    messages' differ.

    The object is a context manager that starts and stops the server. Its attributes:

    ``host``, ``port``, ``address``
        Where to connect to; ``address`` is the pair of the two.
    ``messages``
        The messages left in the maildrop, as a list of bytes: each the octets that RETR
        transmits, so with CRLF line ends, and as many as LIST says.
    ``commands``
        The command lines received, as a list of bytes without line ends, in order of arrival
        over all connections. Passwords are in there as they came. May be cleared at any time.
    """

    def __init__(
        self,
        messages: Iterable[bytes | str | Message] | mailbox.Mailbox[Any] = (),
        *,
        users: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        timeout: float = 600.0,
    ) -> None:
        if timeout <= 0:
            raise ValueError("timeout must be a positive number of seconds")
        self.host = host
        self.port = port
        self.commands: list[bytes] = []
        self._maildrop = Maildrop(messages)
        self._users = None if users is None else _encoded(users)
        self._timeout = timeout
        self._listening: tuple[threading.Thread, socket.socket] | None = None
        self._connections: dict[threading.Thread, _Channel] = {}

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
        waker, woken = socket.socketpair()
        thread = threading.Thread(
            target=self._serve, args=(listener, woken), name=f"POP3Server-{self.port}", daemon=True
        )
        thread.start()
        self._listening = thread, waker

    def stop(self) -> None:
        """Close all connections and end all threads; a server that doesn't run is left alone.

        What clients have deleted without saying QUIT stays in the maildrop. Raises RuntimeError
        if a thread is still busy after five seconds.
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

    def _serve(self, listener: socket.socket, woken: socket.socket) -> None:
        with listener, woken, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(woken, selectors.EVENT_READ)
            while all(key.fileobj is not woken for key, _ in selector.select()):
                # The client may have gone between select() and accept().
                with contextlib.suppress(OSError):
                    self._converse(listener.accept()[0])

    def _converse(self, sock: socket.socket) -> None:
        sock.settimeout(self._timeout)
        channel = _Channel(sock)
        session = _Session(channel, self._maildrop, self._users, self.commands)
        thread = threading.Thread(
            target=session.run, name=f"POP3Server-{self.port}-connection", daemon=True
        )
        thread.start()
        self._forget_ended()
        self._connections[thread] = channel

    def _forget_ended(self) -> None:
        self._connections = {t: c for t, c in self._connections.items() if t.is_alive()}


def _encoded(users: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): password.encode() for name, password in users.items()}


class _Channel:
    """A connection's octets: lines in, replies out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
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
        octets = self._sock.recv(65536)
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
            self._sock.sendall(reply)

    def disable_delay(self) -> None:
        """Send replies at once instead of waiting for the previous one's acknowledgement."""
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def abort(self) -> None:
        """End the connection from another thread: whoever reads or writes is woken."""
        with self._closing, contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._closing:
            self._sock.close()


def _beginning(octets: bytes, count: int) -> bytes:
    """Return the header, the blank line and *count* lines of the body (RFC 1939, section 7)."""
    blank = 0 if octets.startswith(b"\r\n") else octets.find(b"\r\n\r\n") + 2
    if blank == 1:
        return octets
    parts = octets[blank + 2 :].split(b"\r\n", min(count, len(octets)))
    return octets[: len(octets) - len(parts[count])] if len(parts) > count else octets


def _ok(text: str) -> bytes:
    return f"+OK {text}\r\n".encode("ascii")


def _ok_lines(text: str, octets: bytes) -> bytes:
    """Return a multi-line reply: *octets* dot-stuffed, and the termination (RFC 1939, 3)."""
    dot = b"." if octets.startswith(b".") else b""
    return b"".join((_ok(text), dot, octets.replace(b"\r\n.", b"\r\n.."), b".\r\n"))


class _State(enum.Flag):
    AUTHORIZATION = enum.auto()
    TRANSACTION = enum.auto()
    UPDATE = enum.auto()


class _Command(NamedTuple):
    states: _State
    arguments: re.Pattern[bytes]
    execute: Callable[..., bytes]


_COMMANDS: dict[bytes, _Command] = {}
_NUMBER = rb"([0-9]{1,20})"


def _command(verb: bytes, states: _State, arguments: bytes = b"") -> Callable[..., Any]:
    """Enter a method into the table; it gets the groups of the pattern *arguments*."""

    def enter(execute: Callable[..., bytes]) -> Callable[..., bytes]:
        _COMMANDS[verb] = _Command(states, re.compile(arguments), execute)
        return execute

    return enter


class _Session:
    """One connection: its state, and a method for each command, which returns the reply."""

    def __init__(
        self,
        channel: _Channel,
        maildrop: Maildrop,
        users: dict[bytes, bytes] | None,
        commands: list[bytes],
    ) -> None:
        self._channel = channel
        self._maildrop = maildrop
        self._users = users
        self._commands = commands
        self._state = _State.AUTHORIZATION
        self._ended = False
        # RFC 1939, section 7, APOP: an RFC 822 msg-id, different in each greeting.
        self._timestamp = f"<{secrets.token_hex(8)}.{time.time_ns()}@localhost>"
        self._name: bytes | None = None
        self._messages: list[StoredMessage] = []
        self._deleted: set[int] = set()

    def run(self) -> None:
        """Converse until the client says QUIT, or the connection is lost, idle or aborted."""
        try:
            self._channel.disable_delay()
            self._channel.write(_ok(f"POP3 server ready {self._timestamp}"))
            while not self._ended:
                self._channel.write(self._next_reply())
            self._channel.flush()
        except (EOFError, OSError):
            pass  # Without QUIT there is no UPDATE state (RFC 1939, section 6).
        finally:
            self._leave()
            self._channel.close()

    def _next_reply(self) -> bytes:
        try:
            line = self._channel.readline()
            self._commands.append(line)
            return self._execute(line)
        except Refusal as refusal:
            return f"-ERR {refusal}\r\n".encode("ascii")

    def _execute(self, line: bytes) -> bytes:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb != b"PASS":
            self._name = None  # PASS is for right after USER (RFC 1939, section 7).
        command = _COMMANDS.get(verb)
        if command is None:
            raise Refusal("unknown command")
        if self._state not in command.states:
            raise Refusal("command is not valid in this state")
        arguments = command.arguments.fullmatch(rest)
        if arguments is None:
            raise Refusal("wrong arguments")
        return command.execute(self, *arguments.groups())

    def _enter(self) -> bytes:
        self._messages = self._maildrop.open()
        self._state = _State.TRANSACTION
        return _ok(self._summary())

    def _leave(self) -> None:
        if self._state is _State.TRANSACTION:
            self._state = _State.UPDATE
            self._maildrop.close()

    def _left(self) -> list[tuple[int, StoredMessage]]:
        """The messages not marked as deleted, with their numbers."""
        numbered = enumerate(self._messages, 1)
        return [(number, message) for number, message in numbered if number not in self._deleted]

    def _drop(self) -> tuple[int, int]:
        left = self._left()
        return len(left), sum(len(message.octets) for _, message in left)

    def _summary(self) -> str:
        return "maildrop has {} messages ({} octets)".format(*self._drop())

    def _message(self, number: bytes) -> StoredMessage:
        if not 0 < int(number) <= len(self._messages):
            raise Refusal(f"no such message, only {len(self._messages)} in maildrop")
        if int(number) in self._deleted:
            raise Refusal(f"message {int(number)} is deleted")
        return self._messages[int(number) - 1]

    @_command(b"CAPA", _State.AUTHORIZATION | _State.TRANSACTION)
    def _capa(self) -> bytes:
        return _ok_lines(
            "capability list follows",
            b"TOP\r\nUIDL\r\nUSER\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nUTF8 USER\r\n"
            b"IMPLEMENTATION poplib_c\r\n",
        )

    @_command(b"UTF8", _State.AUTHORIZATION)
    def _utf8(self) -> bytes:
        return _ok("UTF8 enabled")

    @_command(b"USER", _State.AUTHORIZATION, rb"(.+)")
    def _user(self, name: bytes) -> bytes:
        self._name = name
        return _ok("send PASS")

    @_command(b"PASS", _State.AUTHORIZATION, rb"(.*)")
    def _pass(self, password: bytes) -> bytes:
        name, self._name = self._name, None
        if name is None:
            raise Refusal("send USER first")
        if self._users is not None and self._users.get(name) != password:
            raise Refusal("[AUTH] invalid user name or password")
        return self._enter()

    @_command(b"APOP", _State.AUTHORIZATION, rb"(.+) ([^ ]+)")
    def _apop(self, name: bytes, digest: bytes) -> bytes:
        if self._users is not None:
            secret = self._users.get(name)
            if secret is None or digest != self._apop_digest(secret):
                raise Refusal("[AUTH] invalid user name or digest")
        return self._enter()

    def _apop_digest(self, secret: bytes) -> bytes:
        shared = self._timestamp.encode("ascii") + secret
        return hashlib.md5(shared, usedforsecurity=False).hexdigest().encode("ascii")

    @_command(b"STAT", _State.TRANSACTION)
    def _stat(self) -> bytes:
        return _ok("{} {}".format(*self._drop()))

    @_command(b"LIST", _State.TRANSACTION, _NUMBER + rb"|")
    def _list(self, number: bytes | None) -> bytes:
        return self._listing(number, lambda message: len(message.octets))

    @_command(b"UIDL", _State.TRANSACTION, _NUMBER + rb"|")
    def _uidl(self, number: bytes | None) -> bytes:
        return self._listing(number, lambda message: message.uid)

    def _listing(self, number: bytes | None, column: Callable[[StoredMessage], object]) -> bytes:
        if number is not None:
            return _ok(f"{int(number)} {column(self._message(number))}")
        lines = (f"{number} {column(message)}\r\n" for number, message in self._left())
        return _ok_lines(self._summary(), "".join(lines).encode("ascii"))

    @_command(b"RETR", _State.TRANSACTION, _NUMBER)
    def _retr(self, number: bytes) -> bytes:
        octets = self._message(number).octets
        return _ok_lines(f"{len(octets)} octets", octets)

    @_command(b"TOP", _State.TRANSACTION, _NUMBER + b" " + _NUMBER)
    def _top(self, number: bytes, count: bytes) -> bytes:
        message = self._message(number)
        return _ok_lines("top of message follows", _beginning(message.octets, int(count)))

    @_command(b"DELE", _State.TRANSACTION, _NUMBER)
    def _dele(self, number: bytes) -> bytes:
        self._message(number)
        self._deleted.add(int(number))
        return _ok(f"message {int(number)} deleted")

    @_command(b"RSET", _State.TRANSACTION)
    def _rset(self) -> bytes:
        self._deleted.clear()
        return _ok(self._summary())

    @_command(b"NOOP", _State.TRANSACTION)
    def _noop(self) -> bytes:
        return _ok("nothing done")

    @_command(b"QUIT", _State.AUTHORIZATION | _State.TRANSACTION)
    def _quit(self) -> bytes:
        self._ended = True
        try:
            self._maildrop.remove([self._messages[n - 1] for n in sorted(self._deleted)])
        finally:
            self._leave()  # Before the reply, so that the client may log in again upon it.
        return _ok("POP3 server signing off")
