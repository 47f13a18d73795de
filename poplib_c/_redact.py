"""Masks secrets in the lines of a connection, for the log, debug output and exceptions.

The package imports this module: commands are also logged while the interpreter exits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MASK = "***"

#: How many words of a command precede its secret.
_PUBLIC_WORDS = {b"APOP ": 2, b"AUTH ": 2, b"PASS ": 1}


def command(line: Any, is_response: bool = False) -> Any:
    """Return a command line (str or bytes) with a mask for its secret; *line* if it has none.

    is_response: the line answers a challenge, and all of it is secret, except "*", which cancels.
    """
    if isinstance(line, str):
        octets = str.encode(line, "utf-8", "surrogatepass")
        masked = command(octets, is_response)
        return line if masked is octets else masked.decode("utf-8", "surrogatepass")
    if not isinstance(line, bytes):
        return _MASK
    shown = (line if line == b"*" else b"") if is_response else _shown(line)
    return line if len(shown) == len(line) else shown + _MASK.encode()


def _shown(line: bytes) -> bytes:
    """Return the line up to its secret, or up to a control character."""
    for i, octet in enumerate(line):
        if octet < 0x20 or octet == 0x7F:
            line = line[:i]
            break
    secret = line.lstrip(b" ")
    words = _PUBLIC_WORDS.get(secret[:5].upper())
    if words is None:
        return line
    for _ in range(words):
        secret = secret.partition(b" ")[2].lstrip(b" ")
    return line[: len(line) - len(secret)]


def challenge(line: bytes) -> bytes:
    """Return a server's challenge, line end optional, with a mask for its base64."""
    text = line.rstrip(b"\r\n")
    return line if len(text) <= 2 else b"+ " + _MASK.encode() + line[len(text) :]


def unicode_error(error: UnicodeError, line: Any, reason: str) -> UnicodeError:
    """Return what to raise for *error*, which holds the command line."""
    masked = command(line)
    if masked is line:
        return error
    if isinstance(masked, bytes):
        masked = masked.decode("latin-1")
    encoding = error.encoding if isinstance(error, UnicodeEncodeError) else "unknown"
    start = len(masked) - len(_MASK)
    return UnicodeEncodeError(encoding, masked, start, len(masked), reason)


def logged_command(line: Any, is_response: bool) -> str:
    """Return the text of a record: one line."""
    return repr(command(line, is_response))[2:-1] if isinstance(line, bytes) else _MASK


def logged_status(line: bytes, is_challenge: bool) -> str:
    return repr(challenge(line) if is_challenge else line)[2:-1]
