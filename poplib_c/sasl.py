"""SASL mechanisms for POP3.auth() (RFC 4422, RFC 5034).

    from poplib_c import POP3_SSL, sasl

    client = POP3_SSL("mail.example.org", verify=True)
    client.auth(sasl.Plain("alice", "secret"))

A mechanism is any object with these members:

``name``
    The name of the mechanism in the AUTH command, such as ``"PLAIN"``.
``initial_response()``
    Begins an exchange. Returns the bytes that may be sent in the AUTH command, before base64, or
    None if the server speaks first.
``mechanism(challenge)``
    Returns the response to a challenge, as bytes, or None to cancel the exchange. An exception
    cancels the exchange, too.
``prompt(text)`` (optional)
    Called instead of ``mechanism(challenge)`` with the text of a challenge that isn't base64.
    Without it, such a challenge ends the exchange.
``success()`` (optional)
    Called after the server's ``+OK``; raises SASLError if the server has not proved its identity.

An object may be used for any number of exchanges, one at a time. ``repr()`` shows the class and
the user. No exception raised here has the secret in its text or in a local variable of its
traceback. Mechanisms can't be pickled or copied (TypeError).

Passwords and tokens are str, sent as UTF-8, or bytes, sent unchanged. Only the SCRAM mechanisms
apply SASLprep (RFC 4013): for PLAIN it is the server's task (RFC 4616, section 2), and LOGIN,
CRAM-MD5 and the OAuth mechanisms don't use it. A value that can't be sent raises ValueError, and
one that is neither str nor bytes TypeError, when the object is made. For SCRAM, and for a token
from a callable, initial_response() raises.
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
    """The server's message is malformed, or doesn't prove that the server knows the password.

    The proof is part of the mutual authentication of RFC 5802. args[0] is a str.
    """


class OAuthError(SASLError):
    """The server's explanation of a refused token; the cause of the error_proto that follows.

    args[0] is the dict from the server's JSON (RFC 7628, section 3.2.2), like the mechanism's
    ``error``.
    """

    def __str__(self) -> str:
        text = ", ".join(f"{name}: {value}" for name, value in self.args[0].items())
        # Escape control characters: they could command a terminal.
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _fault(what: str, value: object, forbidden: frozenset[int]) -> Exception | None:
    """Return the exception to raise for *value* of the argument *what*, or None.

    The caller raises it: a traceback that begins here would keep this frame, and so the value. A
    UnicodeEncodeError would keep the value, too: it holds the whole text.
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
    """The base of all mechanisms; it keeps arguments as attributes."""

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

    def prompt(self, text: bytes) -> bytes | None:
        """Answer a challenge that isn't base64; raise SASLError, as this mechanism can't."""
        raise SASLError("the server's challenge is not base64")

    def _check(self, *names: str, forbidden: frozenset[int] = _NUL) -> None:
        """Raise TypeError or ValueError if an attribute of *names* can't be sent."""
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
    """A mechanism of one message, which the client sends.

    The first challenge asks for the message, whatever text some servers put there ("go ahead"):
    the AUTH command had no initial response, or the server ignored it.
    """

    def _message(self) -> bytes:
        raise NotImplementedError

    def initial_response(self) -> bytes:
        """Begin an exchange and return the message."""
        self._turn = 0
        return self._message()

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the message for the first challenge, else None."""
        return self._message() if self._next_turn() == 1 else None

    def prompt(self, text: bytes) -> bytes | None:
        """Take *text* for an empty challenge."""
        return self(b"")


class Plain(_ClientFirst):
    """PLAIN (RFC 4616): sends the password; an eavesdropper can read it.

    *user* is the owner of the password. *authzid*, the authorization identity, is the owner of the
    mailbox, if that is another user. Raises ValueError if an argument contains NUL.
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
    """A mechanism with a user and a password, and no other argument."""

    def __init__(self, user: _Text, password: _Text) -> None:
        self.user = user
        self._password = password
        del password
        self._check("user", "_password")


class Login(_ByPassword):
    """LOGIN: user and password as responses to two prompts; no RFC, for servers without PLAIN.

    The response to the first challenge is the user's name, to the second the password, whatever
    their texts. Raises ValueError if an argument contains NUL.
    """

    name = "LOGIN"

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the user's name, then the password, then None."""
        turn = self._next_turn()
        if turn > 2:
            return None
        return _octets(self.user if turn == 1 else self._password)

    def prompt(self, text: bytes) -> bytes | None:
        """Take a prompt in clear text for a challenge."""
        return self(text)


class CramMD5(_ByPassword):
    """CRAM-MD5 (RFC 2195): sends a digest, from which an eavesdropper may guess the password.

    It works if MD5 is forbidden for security (FIPS), with the hashlib of Python 3.9 and later.
    Raises ValueError if an argument contains NUL.
    """

    name = "CRAM-MD5"

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the user's name and the digest; None for an empty or a second challenge."""
        if self._next_turn() > 1 or not challenge:
            return None
        # For the name "md5" hmac takes OpenSSL's MD5, which FIPS forbids.
        md5 = functools.partial(hashlib.md5, usedforsecurity=False)
        digest = hmac.new(_octets(self._password), challenge, md5).hexdigest()
        return b"%b %b" % (_octets(self.user), digest.encode("ascii"))


class _Bearer(_ClientFirst):
    """OAuth 2.0: sends a token; the server explains a refusal before it sends -ERR."""

    #: The response to the server's explanation.
    _acknowledgement: bytes
    #: The token of this exchange; None before initial_response().
    _current: _Text | None = None

    def __init__(self, user: _Text, token: _Text | Callable[[], _Text]) -> None:
        self.user = user
        self._token = token
        del token
        #: The server's explanation of a refusal in this exchange, a dict, or None.
        self.error: dict[str, Any] | None = None
        self._check("user", forbidden=_CONTROLS)
        if not callable(self._token):
            self._check("_token", forbidden=_CONTROLS)

    def initial_response(self) -> bytes:
        """Begin an exchange: call the token, if it is a callable, and return the message."""
        self.error = self._current = None
        self._current = self._token() if callable(self._token) else self._token
        fault = _fault("token", self._current, _CONTROLS)
        if fault is not None:
            self._current = None
            raise fault
        return super().initial_response()

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the message for an empty challenge; keep an explanation, and acknowledge it.

        A challenge before initial_response() asks for the message, whatever its text.
        """
        if self._current is None:
            return self.initial_response()
        if self.error is not None:
            return None
        if not challenge:
            return super().__call__(challenge)
        self.error = _parsed(challenge)
        return self._acknowledgement

    def _credentials(self) -> bytes:
        assert self._current is not None
        return b"auth=Bearer %b\1\1" % _octets(self._current)


def _parsed(challenge: bytes) -> dict[str, Any]:
    text = challenge.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"raw": text}


class XOAuth2(_Bearer):
    """XOAUTH2 (Google, Microsoft): an OAuth 2.0 access token instead of a password.

    *token* is the token, or a callable without arguments that returns it; each exchange begins
    with a call of it. Raises ValueError if an argument contains control characters.

    ``error`` is the server's explanation of a refusal: a dict from its JSON, such as
    ``{"status": "401", "schemes": "bearer"}``, or ``{"raw": text}`` for any other text; None
    without an explanation.
    """

    name = "XOAUTH2"
    _acknowledgement = b""

    def _message(self) -> bytes:
        return b"user=%b\1%b" % (_octets(self.user), self._credentials())


class OAuthBearer(_Bearer):
    """OAUTHBEARER (RFC 7628), the standard form of XOAUTH2.

    *user*, *token* and ``error`` are those of XOAuth2. *host* and *port* are what the client
    connected to; some servers require them.
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
        # RFC 5801, section 4: in a saslname only these two characters are escaped.
        user = _octets(self.user).replace(b"=", b"=3D").replace(b",", b"=2C")
        host = b"" if self._host is None else b"host=%b\1" % _octets(self._host)
        port = b"" if self._port is None else b"port=%d\1" % self._port
        return b"n,a=%b,\1%b%b%b" % (user, host, port, self._credentials())


class External(_ClientFirst):
    """EXTERNAL (RFC 4422, appendix A): the server knows the client by its certificate.

    *authzid* is the owner of the mailbox; if it is empty, the server chooses. Raises ValueError if
    it contains NUL.
    """

    name = "EXTERNAL"

    def __init__(self, authzid: _Text = "") -> None:
        self._authzid = authzid
        self._check("_authzid")

    def _message(self) -> bytes:
        return _octets(self._authzid)


class Anonymous(_ClientFirst):
    """ANONYMOUS (RFC 4505).

    *trace* is a text for the server's log, such as a mail address. Raises ValueError if it has
    more than 255 characters, or control characters.
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

    The server's proof comes last. If it is wrong, SASLError cancels the exchange; if the server
    sends +OK without a proof, success() raises SASLError.
    """

    def __init__(self, user: _Text, password: _Text, authzid: _Text = "") -> None:
        self.user = user
        self._password = password
        del password
        _scram.require()
        self._client: _scram.Client | None = None
        self._check("user", "_password")
        if authzid:
            raise ValueError("authzid must be empty: the library scramp doesn't support it")

    #: Whether the connection has a channel binding, and the server lists no -PLUS mechanism.
    _could_bind = False

    def _binding(self) -> tuple[str, bytes] | None:
        return None

    def initial_response(self) -> bytes:
        """Begin an exchange and return the client's first message.

        Raises ValueError if user or password isn't UTF-8 or has characters that SASLprep (RFC
        4013) prohibits, or if there is no channel binding.
        """
        self._turn = 0
        self._client = _scram.Client(self.name, self._binding(), self._could_bind)
        problem = self._client.begin(self)
        if problem is not None:
            raise ValueError(problem)
        return self._client.first

    def __call__(self, challenge: bytes) -> bytes | None:
        """Return the response to the server's message; raise SASLError if the message is wrong."""
        if self._client is None:
            return self.initial_response() if not challenge else None
        turn = self._next_turn()
        if turn == 1 and not challenge:
            return self._client.first
        problem = self._client.take(challenge)
        if problem is not None:
            raise SASLError(problem)
        return self._client.answer

    def prompt(self, text: bytes) -> bytes | None:
        """Take *text* for an empty challenge."""
        return self(b"")

    def success(self) -> None:
        """Raise SASLError unless the server has proved that it knows the password.

        Close the connection then: the ``+OK`` may be an impostor's.
        """
        client, self._client = self._client, None
        if client is None or not client.verified:
            raise SASLError("the server has not proved that it knows the password")


class ScramSHA1(_Scram):
    """SCRAM-SHA-1 (RFC 5802), by the library scramp: ``pip install poplib-c[scram]``.

    SASLprep is applied to *user* and *password*. Raises ValueError unless *authzid* is empty, as
    scramp has no authorization identities, and ImportError if scramp isn't installed.
    """

    name = "SCRAM-SHA-1"


class ScramSHA256(ScramSHA1):
    """SCRAM-SHA-256 (RFC 7677); the arguments are those of ScramSHA1."""

    name = "SCRAM-SHA-256"


class ScramSHA1Plus(_Scram):
    """SCRAM-SHA-1-PLUS: SCRAM bound to the TLS session; a man in the middle can't relay it.

    *sock* is the connection's ``.sock``, a TLSSocket or an ssl.SSLSocket. *binding* names the
    channel binding: ``tls-unique``, ``tls-server-end-point`` (RFC 5929) or ``tls-exporter``
    (RFC 9266). None means ``tls-unique`` before TLS 1.3 and ``tls-exporter`` with it. With an
    ssl.SSLSocket, which has no ``tls-exporter``, None means ``tls-server-end-point`` with TLS 1.3.
    Raises ValueError if *sock* has no TLS; initial_response() raises ValueError if there is no
    such binding.
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


#: The mechanisms that login() can use, by name.
WITH_PASSWORD = {
    mechanism.name: mechanism
    for mechanism in (
        *(ScramSHA1, ScramSHA1Plus, ScramSHA256, ScramSHA256Plus),
        *(Plain, Login, CramMD5),
    )
}
