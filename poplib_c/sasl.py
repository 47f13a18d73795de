"""SASL mechanisms for POP3.auth() (RFC 4422, RFC 5034).

    from poplib_c import POP3_SSL, sasl

    client = POP3_SSL("mail.example.org", verify=True)
    client.auth(sasl.Plain("alice", "secret"))

A mechanism is an object with these, and any object that has them will do:

``name``
    What the mechanism is called in the AUTH command: ``"PLAIN"``.
``initial_response()``
    Begins an exchange and returns what may be sent along with the command, as bytes before base64;
    None if it is the server that speaks first.
``mechanism(challenge)``
    The answer to a challenge: bytes, or None to cancel the exchange. Exceptions cancel it, too.
``success()`` (optional)
    Called when the server has said ``+OK``; raises SASLError if it has not shown who it is.

An object may be used for any number of exchanges, one at a time. ``repr()`` has the class and the
user; the secret is in no text of any exception raised here and no local variable of its traceback,
and mechanisms cannot be pickled or copied (TypeError).

Passwords and tokens are str, sent as UTF-8, or bytes, sent as they are. SASLprep (RFC 4013) is
applied by the SCRAM mechanisms alone: in PLAIN it is the server's task (RFC 4616, section 2), and
LOGIN, CRAM-MD5 and the OAuth mechanisms have none. What cannot be sent is refused when the object
is made, or, for a token that is asked for and for SCRAM, by initial_response(): ValueError, or
TypeError where it is neither str nor bytes.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from typing import Any, Callable, NoReturn, Union

from poplib_c import _scram, error_proto

__all__ = [
    "Anonymous",
    "CramMD5",
    "External",
    "Login",
    "OAuthBearer",
    "OAuthError",
    "Plain",
    "SASLError",
    "ScramSHA1",
    "ScramSHA1Plus",
    "ScramSHA256",
    "ScramSHA256Plus",
    "XOAuth2",
]

_Text = Union[str, bytes]

_NUL = frozenset(b"\0")
_CONTROLS = frozenset([*range(32), 127])
_MAX_TRACE = 255


class SASLError(error_proto):
    """What the server says makes no sense, or does not prove that it knows the password.

    The second is RFC 5802's mutual authentication. args[0] is a str.
    """


class OAuthError(SASLError):
    """What the server says is wrong with a token; the cause of the error_proto that follows.

    args[0] is the dict of the server's JSON (RFC 7628, section 3.2.2), as the mechanism's error.
    """

    def __str__(self) -> str:
        text = ", ".join(f"{name}: {value}" for name, value in self.args[0].items())
        # A server's text is not to be a terminal's commands.
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _fault(what: str, value: object, forbidden: frozenset[int]) -> Exception | None:
    """The exception for *value* as the argument *what*, if it is wrong.

    Not raised here, as its traceback would keep this frame, and so the value. For the same reason
    a UnicodeEncodeError, which has the whole text, is not let through.
    """
    if not isinstance(value, (str, bytes)):
        return TypeError(f"{what} must be str or bytes, not {type(value).__name__}")
    try:
        octets = _octets(value)
    except UnicodeEncodeError:
        return ValueError(f"{what} cannot be encoded in UTF-8")
    if forbidden.intersection(octets):
        kind = "NUL" if forbidden is _NUL else "a control character"
        return ValueError(f"{what} must not contain {kind}")
    return None


def _octets(value: _Text) -> bytes:
    return value.encode() if isinstance(value, str) else value


class _Mechanism:
    """What all have in common; arguments are kept as attributes, the name behind an underscore."""

    name: str

    def initial_response(self) -> bytes | None:
        """Begin an exchange in which the server speaks first: return None."""
        self._turn = 0
        return None

    _turn = 0

    def _next_turn(self) -> int:
        """Count the challenges of this exchange."""
        self._turn += 1
        return self._turn

    def _check(self, *names: str, forbidden: frozenset[int] = _NUL) -> None:
        """Raise TypeError or ValueError if what is kept under one of *names* cannot be sent."""
        for name in names:
            fault = _fault(name.lstrip("_"), getattr(self, name), forbidden)
            if fault is not None:
                raise fault

    def __repr__(self) -> str:
        user = vars(self).get("user")
        return f"{type(self).__name__}({'' if user is None else repr(user)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} objects hold a secret and cannot be pickled")


class _ClientFirst(_Mechanism):
    """A mechanism of one message, the client's.

    An empty challenge asks for it. That is how it is sent where the command has no initial
    response; a server that ignores those may ask once although it got one.
    """

    def _message(self) -> bytes:
        raise NotImplementedError

    def initial_response(self) -> bytes:
        """Begin an exchange and return the message."""
        self._turn = 0
        return self._message()

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the message if the first challenge is empty, else None."""
        return self._message() if self._next_turn() == 1 and not challenge else None


class Plain(_ClientFirst):
    """PLAIN (RFC 4616): shows the password to the server, and to whoever reads the connection.

    *user* is whose password it is; *authzid* whose mailbox, if it is another's (the
    authorization identity). NUL is refused in all three: ValueError.
    """

    name = "PLAIN"

    def __init__(self, user: _Text, password: _Text, authzid: _Text = "") -> None:
        self.user = user
        self._password = password
        self._authzid = authzid
        del password
        self._check("user", "_password", "_authzid")

    def _message(self) -> bytes:
        return b"\0".join(map(_octets, (self._authzid, self.user, self._password)))


class _ByPassword(_Mechanism):
    """A mechanism that has no more than a user and a password."""

    def __init__(self, user: _Text, password: _Text) -> None:
        self.user = user
        self._password = password
        del password
        self._check("user", "_password")


class Login(_ByPassword):
    """LOGIN: user and password as answers to two prompts; of no RFC, for servers without PLAIN.

    The first challenge is answered with the user's name and the second with the password,
    whatever the server writes in them. NUL is refused in both: ValueError.
    """

    name = "LOGIN"

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the user's name, then the password, then None."""
        turn = self._next_turn()
        if turn > 2:
            return None
        return _octets(self.user if turn == 1 else self._password)


class CramMD5(_ByPassword):
    """CRAM-MD5 (RFC 2195): the password is not sent, but can be guessed from what is.

    It works where MD5 is barred from security uses (FIPS), with every hashlib from Python 3.9 on.
    NUL is refused in both arguments: ValueError.
    """

    name = "CRAM-MD5"

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the user's name and the digest; None for a challenge that is empty or not the
        only one."""
        if self._next_turn() > 1 or not challenge:
            return None
        # Given by name, "md5", hmac takes OpenSSL's, which FIPS bars.
        md5 = functools.partial(hashlib.md5, usedforsecurity=False)
        digest = hmac.new(_octets(self._password), challenge, md5).hexdigest()
        return b"%b %b" % (_octets(self.user), digest.encode("ascii"))


class _Bearer(_ClientFirst):
    """OAuth 2.0: a token, and a refusal that says why before the server says -ERR."""

    #: What acknowledges a refusal.
    _acknowledgement: bytes

    def __init__(self, user: _Text, token: _Text | Callable[[], _Text]) -> None:
        self.user = user
        self._token = token
        del token
        #: What the server said of the token in this exchange, as a dict, or None.
        self.error: dict[str, Any] | None = None
        self._check("user", forbidden=_CONTROLS)
        if not callable(self._token):
            self._check("_token", forbidden=_CONTROLS)

    def initial_response(self) -> bytes:
        """Begin an exchange: ask for the token, if it is a callable, and return the message."""
        self.error = self._asked = None
        self._asked = self._token() if callable(self._token) else self._token
        fault = _fault("token", self._asked, _CONTROLS)
        if fault is not None:
            self._asked = None
            raise fault
        return super().initial_response()

    _asked: _Text | None = None

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the message for an empty challenge; keep an error, and acknowledge it."""
        if not challenge:
            if self._asked is None:
                return self.initial_response()
            return super().__call__(challenge) if self.error is None else None
        if self.error is not None:
            return None
        self.error = _parsed(challenge)
        return self._acknowledgement

    def _credentials(self) -> bytes:
        assert self._asked is not None
        return b"auth=Bearer %b\1\1" % _octets(self._asked)


def _parsed(challenge: bytes) -> dict[str, Any]:
    text = challenge.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"raw": text}


class XOAuth2(_Bearer):
    """XOAUTH2 (Google's, and Microsoft's): an OAuth 2.0 access token in the place of a password.

    *token* is the token, or a callable without arguments that returns it, and that is called at
    each exchange's beginning. Control characters are refused: ValueError.

    ``error`` is what the server said of a token it refused: a dict from its JSON, such as
    ``{"status": "401", "schemes": "bearer"}``, or ``{"raw": text}`` if it was something else; None
    if it said nothing.
    """

    name = "XOAUTH2"
    _acknowledgement = b""

    def _message(self) -> bytes:
        return b"user=%b\1%b" % (_octets(self.user), self._credentials())


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628), the standard's form of XOAUTH2.

    *user* and *token* are as in XOAuth2, and so is ``error``; *host* and *port* are what the
    client connected to, for servers that want to know.
    """

    name = "OAUTHBEARER"
    _acknowledgement = b"\1"

    def __init__(
        self,
        user: _Text,
        token: _Text | Callable[[], _Text],
        *,
        host: _Text | None = None,
        port: int | None = None,
    ) -> None:
        try:
            super().__init__(user, token)
        finally:
            del token
        self._host = host
        self._port = port
        if host is not None:
            self._check("_host", forbidden=_CONTROLS)
        if not (port is None or isinstance(port, int)):
            raise TypeError(f"port must be an int or None, not {type(port).__name__}")

    def _message(self) -> bytes:
        # RFC 5801, section 4: saslname, in which these two are the only ones escaped.
        user = _octets(self.user).replace(b"=", b"=3D").replace(b",", b"=2C")
        host = b"" if self._host is None else b"host=%b\1" % _octets(self._host)
        port = b"" if self._port is None else b"port=%d\1" % self._port
        return b"n,a=%b,\1%b%b%b" % (user, host, port, self._credentials())


class External(_ClientFirst):
    """EXTERNAL (RFC 4422, appendix A): who one is, the server knows already, by a certificate.

    *authzid* is whose mailbox to open; empty, the server chooses. NUL is refused: ValueError.
    """

    name = "EXTERNAL"

    def __init__(self, authzid: _Text = "") -> None:
        self._authzid = authzid
        self._check("_authzid")

    def _message(self) -> bytes:
        return _octets(self._authzid)


class Anonymous(_ClientFirst):
    """ANONYMOUS (RFC 4505).

    *trace* is for the server's log, such as a mail address: up to 255 characters, without
    control characters (ValueError).
    """

    name = "ANONYMOUS"

    def __init__(self, trace: _Text = "") -> None:
        self._trace = trace
        self._check("_trace", forbidden=_CONTROLS)
        if len(trace) > _MAX_TRACE:
            raise ValueError(f"trace must not be longer than {_MAX_TRACE} characters")

    def _message(self) -> bytes:
        return _octets(self._trace)


class _Scram(_Mechanism):
    """SCRAM: neither side sends the password, both prove that they know it.

    The server's proof comes last. If it is wrong, the exchange is cancelled by SASLError; if the
    server says +OK without one, SASLError is raised by success().
    """

    def __init__(self, user: _Text, password: _Text, authzid: _Text = "") -> None:
        self.user = user
        self._password = password
        del password
        _scram.require()
        self._client: _scram.Client | None = None
        self._check("user", "_password")
        if authzid:
            raise ValueError("authzid must be empty: the library scramp has no other")

    def _binding(self) -> tuple[str, bytes] | None:
        return None

    def initial_response(self) -> bytes:
        """Begin an exchange and return the client's first message.

        ValueError: user or password has what SASLprep (RFC 4013) prohibits, or octets that are
        no UTF-8; or there is no channel to bind to.
        """
        self._turn = 0
        self._client = _scram.Client(self.name, self._binding())
        problem = self._client.begin(self)
        if problem is not None:
            raise ValueError(problem)
        return self._client.first

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the answer to the server's first or last message; SASLError if it is wrong."""
        if self._client is None:
            return self.initial_response() if not challenge else None
        turn = self._next_turn()
        if turn == 1 and not challenge:
            return self._client.first
        problem = self._client.take(challenge)
        if problem is not None:
            raise SASLError(problem)
        return self._client.answer

    def success(self) -> None:
        """Raise SASLError unless the server has proved that it knows the password.

        It may be an impostor's ``+OK`` then: close the connection.
        """
        client, self._client = self._client, None
        if client is None or not client.verified:
            raise SASLError("the server has not proved that it knows the password")


class ScramSHA1(_Scram):
    """SCRAM-SHA-1 (RFC 5802), through the library scramp: ``pip install poplib-c[scram]``.

    *user* and *password* are prepared by SASLprep. *authzid* must be empty, as scramp has no
    authorization identities: ValueError. ImportError: scramp is not installed.
    """

    name = "SCRAM-SHA-1"


class ScramSHA256(ScramSHA1):
    """SCRAM-SHA-256 (RFC 7677); the arguments are those of ScramSHA1."""

    name = "SCRAM-SHA-256"


class ScramSHA1Plus(_Scram):
    """SCRAM-SHA-1-PLUS: SCRAM bound to the TLS session, so that nobody can relay it.

    *sock* is the connection's ``.sock``, a TLSSocket or an ssl.SSLSocket. *binding* is what to
    bind to: ``tls-unique``, ``tls-server-end-point`` (RFC 5929) or ``tls-exporter`` (RFC 9266).
    None means the first before TLS 1.3 and the last with it, and ``tls-server-end-point`` with
    TLS 1.3 of the ssl module, which has no other. ValueError: *sock* has no TLS; or, from
    initial_response(), no such binding.
    """

    name = "SCRAM-SHA-1-PLUS"

    def __init__(
        self, user: _Text, password: _Text, sock: Any, *, binding: str | None = None
    ) -> None:
        try:
            super().__init__(user, password)
        finally:
            del password
        if not hasattr(sock, "get_channel_binding"):
            raise ValueError(f"{self.name} needs a socket with TLS")
        self._sock = sock
        self._kind = binding

    def _binding(self) -> tuple[str, bytes]:
        return _scram.channel_binding(self._sock, self._kind)


class ScramSHA256Plus(ScramSHA1Plus):
    """SCRAM-SHA-256-PLUS; the arguments are those of ScramSHA1Plus."""

    name = "SCRAM-SHA-256-PLUS"
