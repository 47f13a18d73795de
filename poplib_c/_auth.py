"""auth(): what the client says in an exchange of challenges and responses (RFC 5034).

The method of the client sends and receives. Tracebacks keep local variables: here no local
variable holds a response, only attributes do.
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Generator
from typing import Any

#: The longest AUTH command, line end included (RFC 5034, section 4).
_COMMAND_OCTETS = 255

#: A limit for endless servers; no mechanism needs as many.
_MOST_CHALLENGES = 64


class Exchange:
    """One exchange. respond: the callable that answers challenges, or None."""

    def __init__(self, error_proto: Any, mechanism: Any, authobject: Any) -> None:
        self._error_proto = error_proto
        self._mechanism = None if isinstance(mechanism, str) else mechanism
        self._name = mechanism if isinstance(mechanism, str) else _name_of(mechanism)
        self._respond = self._mechanism if authobject is None else authobject
        self._challenges = 0
        #: The initial response: any object from the program, then bytes; None once it was sent.
        self.first: Any = None
        #: The line to send next.
        self.line = ""

    def turns(self) -> Generator[None, Any, None]:
        """Yield whenever a line is to be sent, first AUTH; return after +OK.

        The caller sends the status line that answers it to this generator, or throws what was
        raised in its place. What is raised here before +OK leaves the server waiting for an answer
        if the caller's last reply was a challenge.
        """
        self._set_command()
        reply = yield
        while not is_success(reply):
            try:
                is_answered = self._set_answer(reply)
            except BaseException:
                with contextlib.suppress(Exception):
                    yield from self._cancel()
                raise
            if not is_answered:
                yield from self._cancel()
            reply = yield

    def _cancel(self) -> Generator[None, Any, None]:
        """Send "*", which the server must reject with -ERR (RFC 5034, section 4)."""
        self.line = "*"
        yield
        raise self._error_proto("the server did not let AUTH be cancelled")

    def _set_command(self) -> None:
        """Set the AUTH line.

        "=" stands for an empty initial response. One that is too long for the line is sent after
        an empty challenge.
        """
        _check_name(self._name)
        if self.first is None and self._mechanism is not None:
            self.first = _call_if_there(self._mechanism, "initial_response")
        if self.first is not None:
            self._convert_first("initial_response")
        if self._respond is not None and not callable(self._respond):
            kind = type(self._respond).__name__
            raise TypeError(f"authobject must be callable, not {kind}")
        if self._respond is None and self.first is None:
            raise TypeError("auth() needs an authobject or an initial_response")
        # The format of an enum's member is not always its text.
        self.line = "AUTH " + str.__str__(self._name)
        if self.first is not None:
            self._encoded = _encode(self.first) or "="
            if len(self.line) + len(self._encoded) + len(" \r\n") <= _COMMAND_OCTETS:
                self.line += " " + self._encoded
                self.first = None

    def _set_answer(self, reply: Any) -> bool:
        """Set the line that answers a challenge; return False to cancel.

        An initial response that had no place in the command answers an empty challenge; some
        servers send a text instead ("+ go ahead"), which has no other meaning.
        """
        if not isinstance(reply, bytes) or not (reply == b"+" or reply.startswith(b"+ ")):
            raise self._error_proto("the server's reply to AUTH is neither a challenge nor +OK")
        self._challenges += 1
        if self._challenges > _MOST_CHALLENGES:
            raise self._error_proto("the server sent too many challenges")
        if self.first is None:
            self.first = self._ask(reply[2:].rstrip(b" "))
            if self.first is None:
                return False
            self._convert_first("what authobject returns")
        self.line = _encode(self.first)
        self.first = None
        return True

    def _ask(self, text: bytes) -> Any:
        challenge = _decode(text)
        if challenge is not None:
            return None if self._respond is None else self._respond(challenge)
        prompt = getattr(self._respond, "prompt", None)
        if prompt is None:
            raise self._error_proto("the server's challenge is not base64")
        return prompt(text)

    def _convert_first(self, what: str) -> None:
        """Convert the response to bytes. encode() alone would raise an error that holds it."""
        kind = type(self.first)
        if isinstance(self.first, str):
            if not self.first.isascii():
                raise ValueError(f"{what} must be bytes, or str of ASCII characters alone")
            self.first = self.first.encode("ascii")
        with contextlib.suppress(TypeError):
            self.first = bytes(memoryview(self.first))
            return
        raise TypeError(f"{what} must be bytes, str or None, not {kind.__name__}")

    def success(self) -> None:
        """Let the authobject and the mechanism verify the server, after +OK."""
        if self.first is not None:
            raise self._error_proto("the server said +OK before the initial response")
        if self._respond is not None:
            _call_if_there(self._respond, "success")
        if self._mechanism is not None and self._mechanism is not self._respond:
            _call_if_there(self._mechanism, "success")


def is_success(reply: Any) -> bool:
    return isinstance(reply, bytes) and reply[:3].upper() == b"+OK"


def _name_of(mechanism: Any) -> Any:
    """Return the object's name; raise TypeError for a class, whose instance is needed."""
    if isinstance(mechanism, type) or not hasattr(mechanism, "name"):
        kind = type(mechanism).__name__
        raise TypeError(f"mechanism must be a str or an object of poplib_c.sasl, not {kind}")
    return mechanism.name


def _check_name(name: Any) -> None:
    """Raise unless *name* is that of a mechanism: the command contains it unchanged."""
    if not isinstance(name, str):
        raise TypeError(f"a mechanism's name must be str, not {type(name).__name__}")
    if not (name and name.isascii() and name.isprintable() and " " not in name):
        raise ValueError(f"no name of a mechanism: {name!r}")


def _call_if_there(obj: Any, name: str) -> Any:
    method = getattr(obj, name, None)
    return None if method is None else method()


def _encode(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def _decode(text: bytes) -> bytes | None:
    """Return the octets, or None if *text* is anything but whole groups of base64."""
    padding = len(text) - len(text.rstrip(b"="))
    try:
        octets = binascii.a2b_base64(text)
    except ValueError:
        return None
    # a2b_base64() skips what is no digit: then there are fewer octets.
    is_whole = padding <= 2 and 4 * (len(octets) + padding) == 3 * len(text)
    return octets if is_whole else None
