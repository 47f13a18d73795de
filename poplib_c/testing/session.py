"""A POP3 session of the test server: its states, commands and replies."""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from poplib_c.testing.auth import Accounts, authenticate, offered
from poplib_c.testing.channel import Channel
from poplib_c.testing.maildrop import Maildrop, Refusal, StoredMessage

if TYPE_CHECKING:
    import ssl


def _beginning(octets: bytes, count: int) -> bytes:
    """Return the header, the blank line and *count* lines of the body (RFC 1939, section 7)."""
    blank = 0 if octets.startswith(b"\r\n") else octets.find(b"\r\n\r\n") + 2
    if blank == 1:
        return octets
    parts = octets[blank + 2 :].split(b"\r\n", min(count, len(octets)))
    return octets[: len(octets) - len(parts[count])] if len(parts) > count else octets


def _ok(text: str) -> bytes:
    return f"+OK {text}\r\n".encode("ascii")


def _refusal(refusal: Refusal) -> bytes:
    return f"-ERR {refusal}\r\n".encode("ascii")


def _ok_lines(text: str, octets: bytes) -> bytes:
    """Return a multi-line reply, dot-stuffed and terminated (RFC 1939, section 3)."""
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


COMMANDS: dict[bytes, _Command] = {}
_NUMBER = rb"([0-9]{1,20})"


def _command(verb: bytes, states: _State, arguments: bytes = b"") -> Callable[..., Any]:
    """Register a method for *verb*; it is called with the groups of the pattern *arguments*."""

    def enter(execute: Callable[..., bytes]) -> Callable[..., bytes]:
        COMMANDS[verb] = _Command(states, re.compile(arguments), execute)
        return execute

    return enter


class Session:
    """One connection: its state, and for each command a method that returns the reply."""

    def __init__(
        self,
        channel: Channel,
        maildrop: Maildrop,
        accounts: Accounts,
        commands: list[bytes],
        tls: ssl.SSLContext | None,
        stls: ssl.SSLContext | None,
    ) -> None:
        self._channel = channel
        self._maildrop = maildrop
        self._accounts = accounts
        self._users = accounts.users
        self._faults = accounts.faults
        self._commands = commands
        self._tls = tls
        self._stls = stls
        self._state = _State.AUTHORIZATION
        self._ended = False
        # RFC 1939, section 7, APOP: an RFC 822 msg-id, different in each greeting.
        self._timestamp = f"<{secrets.token_hex(8)}.{time.time_ns()}@localhost>"
        self._name: bytes | None = None
        self._messages: list[StoredMessage] = []
        self._deleted: set[int] = set()

    def run(self) -> None:
        """Answer commands until QUIT, or until the connection is lost, idle or aborted."""
        try:
            self._channel.disable_delay()
            if self._tls is not None:
                self._channel.start_tls(self._tls)
            self._answer(b"GREETING", lambda: _ok(f"POP3 server ready {self._timestamp}"))
            while not self._ended:
                self._converse()
            self._channel.flush()
        except (EOFError, OSError):
            pass  # Without QUIT there is no UPDATE state (RFC 1939, section 6).
        finally:
            self._leave()
            self._channel.close()

    def _converse(self) -> None:
        try:
            line = self._channel.readline()
        except Refusal as refusal:
            self._channel.write(_refusal(refusal))
            return
        self._commands.append(line)
        self._answer(line, lambda: self._execute(line))

    def _answer(self, line: bytes, reply_to: Callable[[], bytes]) -> None:
        """Send the reply to a command, or the greeting, with its faults."""
        try:
            self._faults.refuse(line)
            reply = reply_to()
        except Refusal as refusal:
            reply = _refusal(refusal)
        self._channel.delay(self._faults.delay(line))
        reply, is_last = self._faults.left_of(line, reply)
        self._channel.write(reply, self._faults.pause(line))
        if is_last:
            self._channel.flush()
            raise EOFError

    def _execute(self, line: bytes) -> bytes:
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb != b"PASS":
            self._name = None  # PASS is valid only right after USER (RFC 1939, section 7).
        command = COMMANDS.get(verb)
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
        """Return the messages that aren't marked as deleted, with their numbers."""
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
        stls = self._stls is not None and self._state is _State.AUTHORIZATION
        mechanisms = offered(self._accounts, self._channel)
        return _ok_lines(
            "capability list follows",
            b"".join(
                b"%b\r\n" % name
                for name in (b"TOP", b"UIDL")
                if name.decode() not in self._faults.refused
            )
            + b"USER\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nUTF8 USER\r\n"
            + (b"SASL %b\r\n" % b" ".join(mechanisms) if mechanisms else b"")
            + (b"STLS\r\n" if stls else b"")
            + b"IMPLEMENTATION poplib_c\r\n",
        )

    @_command(b"STLS", _State.AUTHORIZATION)
    def _start_tls(self) -> bytes:
        if self._stls is None:
            raise Refusal("TLS is active" if self._channel.encrypted else "TLS is not available")
        context, self._stls = self._stls, None
        self._channel.write(_ok("begin TLS negotiation"))
        self._channel.start_tls(context)
        return b""  # After the handshake the client sends the next command (RFC 2595, section 4).

    @_command(b"AUTH", _State.AUTHORIZATION, rb"(?:([^ ]+)(?: ([^ ]+))?)?")
    def _auth(self, mechanism: bytes | None, initial: bytes | None) -> bytes:
        if mechanism is None:
            names = offered(self._accounts, self._channel)
            return _ok_lines("mechanisms follow", b"".join(b"%b\r\n" % name for name in names))
        if initial is not None and self._accounts.two_step not in (False, "ignored"):
            self._ended = True
            raise Refusal("Protocol error. Connection is closed.")
        name = mechanism.upper()
        authenticate(self._accounts, self._channel, name, initial, self._commands)
        return self._enter()

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
        return self._listing(number, lambda n, message: self._faults.size(n, message.octets))

    @_command(b"UIDL", _State.TRANSACTION, _NUMBER + rb"|")
    def _uidl(self, number: bytes | None) -> bytes:
        return self._listing(number, lambda n, message: message.uid)

    def _listing(
        self, number: bytes | None, column: Callable[[int, StoredMessage], object]
    ) -> bytes:
        if number is not None:
            return _ok(f"{int(number)} {column(int(number), self._message(number))}")
        lines = (f"{n} {column(n, message)}\r\n" for n, message in self._left())
        return _ok_lines(self._summary(), "".join(lines).encode("ascii"))

    @_command(b"RETR", _State.TRANSACTION, _NUMBER)
    def _retr(self, number: bytes) -> bytes:
        octets = self._message(number).octets
        return _ok_lines(f"{self._faults.size(int(number), octets)} octets", octets)

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
            self._leave()  # Before the reply: the client may log in again as soon as it has that.
        return _ok("POP3 server signing off")
