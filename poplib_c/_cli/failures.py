"""Turns errors into one line and an exit status. No other file maps exceptions to statuses."""

from __future__ import annotations

import enum
import errno
import socket
import sqlite3

from poplib_c import error_proto
from poplib_c._cli.texts import printable
from poplib_c._policy import OAUTH2, LoginError, is_hang_up

_ADVICE = (
    "; use a longer timeout",
    *("; pipelining=", "; close this connection", ": close() this connection"),
)
_TOKENS = "--oauth2-token-command"
_NOT_SUPPORTED = "-ERR STLS not supported by server"
# Reasons of an ssl.SSLError, by their ends: OpenSSL's names of an alert differ in the beginning.
_TLS_REASONS = {
    "ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate: give --cert, and --key",
    "ALERT_HANDSHAKE_FAILURE": "the server refuses the TLS handshake: it may need other "
    "--ciphers, or a client certificate (--cert)",
    "ALERT_PROTOCOL_VERSION": "no TLS version in common with the server: --tls-min names the "
    "oldest to use",
    "DH_KEY_TOO_SMALL": "the server's key for the TLS handshake is too weak: "
    "--ciphers DEFAULT@SECLEVEL=1 accepts it",
}
_TLS_REASONS["UNSUPPORTED_PROTOCOL"] = _TLS_REASONS["ALERT_PROTOCOL_VERSION"]


class Status(enum.IntEnum):
    """The exit status, as in sysexits.h. texts.STATUS explains each."""

    DONE = 0
    PARTIAL = 1
    USAGE = 64
    NO_HOST = 68
    UNAVAILABLE = 69
    CANT_CREATE = 73
    IO = 74
    TEMPORARY = 75
    PROTOCOL = 76
    AUTHENTICATION = 77
    CONFIG = 78


#: The statuses, the gravest first: what keeps all mailboxes back; what keeps one back until
#: somebody acts, first a refused login, which may lock the account; what keeps one back for now;
#: a part.
GRAVITY = (
    *(Status.USAGE, Status.CONFIG, Status.AUTHENTICATION, Status.UNAVAILABLE, Status.NO_HOST),
    *(Status.CANT_CREATE, Status.IO, Status.PROTOCOL, Status.TEMPORARY, Status.PARTIAL),
    Status.DONE,
)
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHORTAGE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR}
_BROKEN = {errno.EIO, errno.EPIPE, errno.ENXIO, errno.ENODEV, errno.EBADF, errno.ESTALE}
_UNKNOWN_HOST = {
    getattr(socket, name, socket.EAI_NONAME)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
}


def gravest(*statuses: Status) -> Status:
    """Return the status of several parts."""
    return min(statuses, key=GRAVITY.index)


class Failure(Exception):
    """An error for the user: what happened, to which object, what to do."""

    def __init__(self, text: str, status: Status = Status.PARTIAL) -> None:
        super().__init__(text)
        self.status = status


class DeliveryFailure(Failure):
    """The destination takes no messages. They stay on the server."""


class NoRoom(DeliveryFailure):
    """The disk has no room for a message. A smaller one may have room."""

    def __init__(self, text: str) -> None:
        super().__init__(text, Status.TEMPORARY)


class Refused(DeliveryFailure):
    """The destination refused a message, which stays on the server. It may take others."""


class CapaFailure(Failure):
    """The server closes the connection or falls silent at CAPA."""


class OutOfStep(Failure):
    """A reply may have been taken for that of another command."""

    def __init__(self, text: str) -> None:
        super().__init__(f"out of step: {text}", Status.PROTOCOL)


def usage(text: str) -> Failure:
    return Failure(text, Status.USAGE)


def failure(error: Exception) -> Failure:
    """Return the Failure for an exception that a connection or a file raised."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, error_proto):
        return _protocol(error)
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":  # an ssl.SSLError
        return Failure(
            "the server does not speak TLS on this port: try pop3://, which begins TLS by STLS, "
            "or pop3s:// on another port (usually 995)",
            Status.PROTOCOL,
        )
    for end, told in _TLS_REASONS.items():
        if str(getattr(error, "reason", None)).endswith(end):
            return Failure(told, Status.UNAVAILABLE)
    return Failure(reason(error), _status(error))


def _status(error: Exception) -> Status:
    """Return the status for an exception that is no error_proto: of a connection, or of Python."""
    if isinstance(error, UnicodeError):  # The host can't be written in a query to the DNS.
        return Status.NO_HOST
    if isinstance(error, socket.gaierror):
        return Status.NO_HOST if error.errno in _UNKNOWN_HOST else Status.TEMPORARY
    if isinstance(error, ConnectionRefusedError):
        return Status.UNAVAILABLE
    if hasattr(error, "library") and not (is_end(error) or is_timeout(error)):  # an ssl.SSLError
        return Status.PROTOCOL
    if isinstance(error, sqlite3.Error):
        return storage(error)
    return Status.TEMPORARY if isinstance(error, (OSError, MemoryError)) else Status.PARTIAL


def storage(error: Exception) -> Status:
    """Return the status for an OSError or sqlite3.Error about a file or directory."""
    if isinstance(error, OSError):
        if error.errno in NO_ROOM | _SHORTAGE:
            return Status.TEMPORARY
        return Status.IO if error.errno in _BROKEN else Status.CANT_CREATE
    told = str(error)
    if "disk is full" in told or "locked" in told:
        return Status.TEMPORARY
    is_closed = "unable to open" in told or "readonly" in told
    return Status.CANT_CREATE if is_closed else Status.IO


def _protocol(error: error_proto) -> Failure:
    if error.args[0] == _NOT_SUPPORTED:
        return Failure(
            "the server has no STLS, so no password was sent: use pop3s:// (usually port 995)",
            Status.UNAVAILABLE,
        )
    if error.temporary or is_end(error):
        status = Status.TEMPORARY
    elif is_too_large(error):
        status = Status.PARTIAL
    else:
        status = Status.UNAVAILABLE if is_refusal(error) else Status.PROTOCOL
    return Failure(reason(error), status)


def is_too_large(error: error_proto) -> bool:
    return str(error.args[0]).startswith("reply larger than ")


def is_refusal(error: error_proto) -> bool:
    """Whether the server refused. Some servers refuse with a plus sign or an empty line."""
    said = error.args[0]
    return isinstance(said, bytes) and said[:1] in (b"-", b"+", b"")


def is_out_of_step(error: Exception) -> bool:
    """Whether a reply may have been taken for that of another command.

    A status line that is neither success nor refusal is a line of some other reply.
    """
    if isinstance(error, error_proto):
        said = error.args[0]
        return not is_refusal(error) and (
            isinstance(said, bytes) or said.startswith("-ERR out of step")
        )
    return isinstance(error, OutOfStep)


def undecided(error: Exception) -> int | None:
    """Return the number of the message whose end is uncertain, or None.

    The messages before it are right. Fetched alone, on a new connection, its end is certain.
    """
    number: int | None = getattr(error, "number", None)
    return number


def is_timeout(error: Exception) -> bool:
    return isinstance(error, (TimeoutError, socket.timeout))  # Python 3.9 has two.


def is_end(error: Exception) -> bool:
    """Whether the server closed or lost the connection."""
    return is_hang_up(error) or str(error).startswith("-ERR EOF: ")


def ending(error: Exception) -> str:
    """Return what happened to a session in the middle of a message."""
    if is_timeout(error):
        is_late = str(error).startswith("the deadline")
        return f"{reason(error) if is_late else 'the server fell silent'} in the middle of it"
    if is_end(error):
        return "the server closed the connection in the middle of it"
    return str(failure(error))


def reason(error: Exception) -> str:
    """Return an exception's text for users, without advice for programs."""
    if isinstance(error, LoginError):
        last = reason(error_proto(error.args[0]))
        return f"{last}{error.told('--mechanism', _TOKENS)}"
    if isinstance(error, error_proto):
        said = error.args[0]
        if isinstance(said, bytes):
            return printable(said.decode("utf-8", "replace"))
        if said.startswith("-ERR EOF"):
            return "the server ended the connection"
        told = said.removeprefix("-ERR ").replace(OAUTH2, _TOKENS)
        return _without_advice(printable(told))
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _without_advice(printable(told))


def _without_advice(text: str) -> str:
    for advice in _ADVICE:
        text = text.partition(advice)[0]
    return text
