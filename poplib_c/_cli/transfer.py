"""The destinations --lmtp and --smtp: a server that takes each message in its own transaction.

One connection serves a run. It is made again when it is lost.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import smtplib
import socket
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

from poplib_c._cli.delivery import Output
from poplib_c._cli.failures import DeliveryFailure, Refused, Status, failure, usage
from poplib_c._cli.handing import Handed, reading
from poplib_c._cli.texts import printable

_SMTP_PORT = 25
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^][:/\s]+)(?::([0-9]{1,5}))?")
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"
_DOMAIN = r"(?:[A-Za-z0-9_.-]{1,255}|\[[A-Za-z0-9:.]{1,50}\])"
_ADDRESS = re.compile(f"{_LOCAL}(?:@{_DOMAIN})?")
_RETURN_PATH = re.compile(
    rf"^Return-Path:[ \t]*<({_LOCAL}@{_DOMAIN})>[ \t]*$".encode(), re.MULTILINE | re.IGNORECASE
)
_HEADERS = 1 << 16  # octets in which to look for Return-Path
_BLOCK = 1 << 16
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)
_PATIENCE = 10  # times the timeout: for the reply to a whole message (RFC 5321, 4.5.3.2.6)
_SHOWN = 200  # characters of a reply
_CLOSING = 421
_MOST_OF_A_REPLY = 1 << 16  # octets


def split(kind: str, place: str) -> tuple[str, int]:
    """Return host and port, or the path of a socket and 0. Raises Failure if *place* is wrong."""
    path = os.path.expanduser(place)
    if kind == "lmtp" and path.startswith("/"):
        return path, 0
    match = _PLACE.fullmatch(place)
    port = int((match and match[2]) or (_SMTP_PORT if kind == "smtp" else 0))
    if match is None or not 0 < port < 65536:
        form = "HOST[:PORT]" if kind == "smtp" else "HOST:PORT, or the absolute path of a socket"
        raise usage(f"--{kind} {place}: write {form}")
    return match[1].strip("[]"), port


def recipient(kind: str, given: str | None, user: str) -> str:
    """Return the recipient. Raises Failure if there is none.

    An SMTP server may send mail on to where it came from, so the user is no default for it.
    """
    if given is None and kind == "smtp":
        raise usage("--smtp needs --recipient ADDRESS")
    address = user if given is None else given
    if not _ADDRESS.fullmatch(address):
        raise usage(f"{address} is no address for --{kind}: give --recipient ADDRESS")
    return address


class _Arriving(io.RawIOBase):
    """The replies of a server. Limits the time and the size of each."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._end = 0.0
        self._room = 0

    def expect(self, seconds: float) -> None:
        """Begin a reply, which must be whole after *seconds*."""
        self._end = time.monotonic() + seconds
        self._room = _MOST_OF_A_REPLY

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if self._room <= 0:
            raise OSError("the reply is too large")
        self._sock.settimeout(max(self._end - time.monotonic(), 0.001))
        count = self._sock.recv_into(into)
        self._room -= count
        return count


class _Limited(smtplib.SMTP):
    """Raises SMTPServerDisconnected for a reply that is too slow or too large.

    patience: seconds for the next reply, or None for the timeout.
    """

    patience: float | None = None
    _arriving: _Arriving | None = None

    def getreply(self) -> tuple[int, bytes]:
        sock = self.sock
        if sock is not None:
            if self.file is None:
                self._arriving = _Arriving(sock)
                self.file = io.BufferedReader(self._arriving)
            assert self._arriving is not None
            self._arriving.expect(self.patience or self.timeout)
        self.patience = None
        try:
            return super().getreply()
        except smtplib.SMTPResponseException as error:
            raise smtplib.SMTPServerDisconnected(
                _told(error.smtp_code, error.smtp_error)
            ) from None
        finally:
            if self.sock is not None:
                self.sock.settimeout(self.timeout)


class _LMTP(_Limited, smtplib.LMTP):
    """LMTP with limits."""


class Transfer(Handed):
    def __init__(self, kind: str, place: str, recipient: str, timeout: float) -> None:
        super().__init__(kind, place)
        self._address = split(kind, place)
        self._recipient = recipient
        self._timeout = timeout
        self._is_aborted = False
        self._client: _Limited | None = self._connect()

    def _connect(self) -> _Limited:
        host, port = self._address
        make = _LMTP if self.kind == "lmtp" else _Limited
        try:
            client = make(host, port, local_hostname=socket.gethostname(), timeout=self._timeout)
            client.ehlo_or_helo_if_needed()
        except smtplib.SMTPResponseException as error:
            raise DeliveryFailure(
                f"{self._name}: {_told(error.smtp_code, error.smtp_error)}", Status.TEMPORARY
            ) from None
        except (OSError, UnicodeError) as error:
            told = failure(error)
            raise DeliveryFailure(f"{self._name}: {told}", told.status) from None
        return client

    @property
    def _name(self) -> str:
        return f"{self.kind.upper()} server {self.path}"

    def close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.quit()
            self._lose()

    def abort(self) -> None:
        self._is_aborted = True
        sock = self._client.sock if self._client is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _lose(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def hand_over(self, output: Output) -> None:
        with reading(output) as message:
            sender = _sender(message.read(_HEADERS))
            client = self._begin(sender, output.octets)
            message.seek(0)
            self._send(client, message)

    def _begin(self, sender: str, octets: int) -> _Limited:
        """Begin a transaction, on a new connection if the one that exists is lost."""
        client = self._client
        if client is not None:
            try:
                self._announce(client, sender, octets)
                return client
            except smtplib.SMTPServerDisconnected as error:
                if self._is_aborted:
                    raise self._lost(str(error)) from None
                self._lose()
        client = self._client = self._connect()
        try:
            self._announce(client, sender, octets)
        except smtplib.SMTPServerDisconnected as error:
            raise self._lost(printable(str(error))) from None
        return client

    def _announce(self, client: _Limited, sender: str, octets: int) -> None:
        """Send MAIL, RCPT and DATA."""
        options = [f"SIZE={octets}"] if client.has_extn("size") else []
        if client.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        self._check(client, client.mail(sender, options), 2)
        self._check(client, client.rcpt(self._recipient), 2)
        self._check(client, client.docmd("DATA"), 3)

    def _send(self, client: _Limited, message: BinaryIO) -> None:
        try:
            for block in _stuffed(message):
                client.send(block)
        except smtplib.SMTPServerDisconnected:
            raise self._lost("the connection was lost in the middle of it") from None
        try:
            client.send(b".\r\n")
            client.patience = _PATIENCE * self._timeout
            reply = client.getreply()
        except smtplib.SMTPServerDisconnected:
            raise self._lost("no reply came after its end, so it may come twice") from None
        try:
            self._check(client, reply, 2)
        except smtplib.SMTPServerDisconnected as error:
            raise self._lost(printable(str(error))) from None

    def _check(self, client: _Limited, reply: tuple[int, bytes], good: int) -> None:
        """Raise Refused unless the reply's code begins with *good*. The connection stays usable.

        Raises SMTPServerDisconnected if the server closes the connection.
        """
        code, text = reply
        if code // 100 == good:
            return
        if code == _CLOSING:
            raise smtplib.SMTPServerDisconnected(_told(code, text))
        try:
            client.rset()
        except smtplib.SMTPServerDisconnected:
            self._lose()
        is_permanent = 500 <= code < 600
        status = Status.PARTIAL if is_permanent else Status.TEMPORARY
        raise Refused(f"{self._name}: {_told(code, text)}", status)

    def _lost(self, what: str) -> DeliveryFailure:
        self._lose()
        if self._is_aborted:
            return DeliveryFailure(f"{self._name}: interrupted in a message, which may come twice")
        return Refused(f"{self._name}: {what}", Status.TEMPORARY)


def _told(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return printable(f"{code} {said}")[:_SHOWN]


def _sender(beginning: bytes) -> str:
    """Return the address in the Return-Path of a message, or the empty one."""
    match = _RETURN_PATH.search(beginning.partition(b"\n\n")[0])
    return match[1].decode("ascii") if match else ""


def _stuffed(message: BinaryIO) -> Iterator[bytes]:
    """Yield a message with each line end as CR LF, and a second dot where a line begins with one.

    A CR or LF alone could end a line, and the message, for the server only.
    """
    last = b"\n"
    while block := message.read(_BLOCK) + message.readline():
        lines = _LINE_END.sub(b"\r\n", block)
        yield _DOT.sub(b"..", lines)
        last = lines[-1:]
    if last != b"\n":
        yield b"\r\n"
