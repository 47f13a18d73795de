"""Turns errors into one line and an exit status."""

from __future__ import annotations

import enum
import socket

from poplib_c import error_proto
from poplib_c._cli.texts import printable
from poplib_c._policy import LoginError, is_hang_up

_ADVICE = "; pipelining=", "; close this connection", ": close() this connection"
_NOT_SUPPORTED = "-ERR STLS not supported by server"


class Status(enum.IntEnum):
    """The exit status, as in sysexits.h. With several mailboxes, the highest is returned."""

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
        super().__init__(f"out of step: {text}", Status.TEMPORARY)


def usage(text: str) -> Failure:
    return Failure(text, Status.USAGE)


def failure(error: Exception) -> Failure:
    """Return the Failure for an exception that a connection or a file raised."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, error_proto):
        return _protocol(error)
    if getattr(error, "verify_message", None):  # an ssl.SSLCertVerificationError
        return Failure(
            f"the server's certificate is refused: {error.verify_message}; "  # type: ignore[attr-defined]
            "'check' shows it; to trust it, use --cafile or --fingerprint"
        )
    if getattr(error, "reason", None) == "WRONG_VERSION_NUMBER":  # an ssl.SSLError
        return Failure(
            "the server does not speak TLS on this port: try pop3://, which begins TLS by STLS",
            Status.TEMPORARY,
        )
    if isinstance(error, OSError):
        return Failure(reason(error), Status.TEMPORARY)
    return Failure(reason(error))


def _protocol(error: error_proto) -> Failure:
    if error.args[0] == _NOT_SUPPORTED:
        return Failure(
            "the server has no STLS, so no password was sent: use pop3s://, "
            "or --insecure to connect without encryption"
        )
    # A text comes from the client. Unless a limit ended the reply, the connection is broken.
    ended = isinstance(error.args[0], str) and not is_too_large(error)
    temporary = error.temporary or ended
    return Failure(reason(error), Status.TEMPORARY if temporary else Status.PARTIAL)


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
        return f"{last}{error.told('--mechanism')}"
    if isinstance(error, error_proto):
        said = error.args[0]
        if isinstance(said, bytes):
            return printable(said.decode("utf-8", "replace"))
        if said.startswith("-ERR EOF"):
            return "the server ended the connection"
        return _without_advice(printable(said.removeprefix("-ERR ")))
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return _without_advice(printable(told))


def _without_advice(text: str) -> str:
    for advice in _ADVICE:
        text = text.partition(advice)[0]
    return text
