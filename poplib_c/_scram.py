"""SCRAM by the library scramp, version 1.4.6 or later.

Versions of scramp differ in what they check and escape, and the newest don't run on the oldest
Pythons. So this module escapes names once, and checks the server's first message before scramp
parses it. scramp has no channel binding ``tls-exporter`` (RFC 9266): for that binding this module
computes the proofs. No function raises while a password is in one of its local variables.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import importlib
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

# RFC 5802, section 7: server-first-message, and server-final-message.
_FIRST = re.compile(r"r=([!-+\--~]+),s=([A-Za-z0-9+/]+=*),i=([1-9][0-9]*)")
_FINAL = re.compile(r"v=[A-Za-z0-9+/]+=*")
_REFUSED = re.compile(r"e=[^,]+(,.*)?", re.DOTALL)

# RFC 7677, section 4, sets the minimum; the maximum limits the work that a server can cause.
_LEAST_ITERATIONS = 4096
_MOST_ITERATIONS = 1_000_000

# Channel bindings: RFC 9266; RFC 5929, section 4.
EXPORTER = "tls-exporter"
END_POINT = "tls-server-end-point"

# scramp sends the flag "y" if a mechanism without binding is given one; its data are not sent.
_ANY_CHANNEL = "tls-unique", b"-"

# Signature algorithms that sign a hash; Ed25519 is not one of them.
_HASHED = {"rsassa_pkcs1v15", "rsassa_pss", "dsa", "ecdsa"}

_MALFORMED = "the server's SCRAM message is malformed"


def require() -> Any:
    """Return the module scramp; the ImportError says how to install it."""
    try:
        return importlib.import_module("scramp")
    except ImportError as exc:
        raise ImportError(
            "SCRAM needs the library scramp: pip install poplib-c[scram]", name="scramp"
        ) from exc


def escape(name: str) -> str:
    """Return *name* escaped for a message (RFC 5802, section 5.1)."""
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")


@functools.cache
def _escapes_names() -> bool:
    probe = require().ScramClient(["SCRAM-SHA-1"], "=", "-")
    return "=3D" in probe.get_client_first()


class Client:
    """The client's side of one exchange."""

    def __init__(
        self, mechanism: str, binding: tuple[str, bytes] | None, could_bind: bool = False
    ) -> None:
        """Choose the flag of RFC 5802, section 6, that detects a downgrade.

        With *binding* it is "p"; with *could_bind* "y": the client has a binding, but believes
        that the server has none; else "n": the client has none.
        """
        self._mechanism = mechanism
        self._channel = _ANY_CHANNEL if binding is None and could_bind else binding
        self._nonce = secrets.token_urlsafe(24)
        self._step = self._take_first
        self._client: Any = None
        #: The client's first message.
        self.first = b""
        #: The response to the last message that was taken; None cancels the exchange.
        self.answer: bytes | None = None
        #: Whether the server has proved that it knows the password.
        self.verified = False

    def begin(self, mechanism: Any) -> str | None:
        """Make the first message for *mechanism*; return the problem with that, if any."""
        scramp = require()
        is_exported = self._channel is not None and self._channel[0] == EXPORTER
        make: Any = _ExporterClient if is_exported else scramp.ScramClient
        try:
            self._client = make(
                [self._mechanism],
                _prepared(_text(mechanism.user)),
                _text(mechanism._password),
                channel_binding=self._channel,
                c_nonce=self._nonce,
            )
            self.first = self._client.get_client_first().encode()
            # Old versions of scramp prepare the password only when they use it.
            scramp.core.saslprep(_text(mechanism._password))
        except UnicodeDecodeError:
            return "user and password must be UTF-8"
        except scramp.ScramException as exc:
            return f"user or password cannot be sent by SCRAM: {exc.args[0]}"
        return None

    def take(self, challenge: bytes) -> str | None:
        """Take a message of the server; return the problem with it, if any."""
        try:
            message = challenge.decode()
        except UnicodeDecodeError:
            return _MALFORMED
        try:
            return self._step(message)
        except MemoryError:
            interruption: BaseException = MemoryError()
        except Exception as exc:
            return f"{_MALFORMED}: {exc}"
        except BaseException as exc:  # Of a signal handler: a server can make this take a second.
            interruption = exc
        # Without the original traceback, whose frames hold the password.
        raise interruption.with_traceback(None)

    def _take_first(self, message: str) -> str | None:
        if _REFUSED.fullmatch(message):
            return self._refused()
        parts = _FIRST.fullmatch(message)
        if parts is None:
            return _MALFORMED
        nonce, iterations = parts[1], parts[3]
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            return "the server's SCRAM message belongs to another exchange"
        if len(iterations) > 7 or not _LEAST_ITERATIONS <= int(iterations) <= _MOST_ITERATIONS:
            return f"the server wants an unreasonable number of iterations: {iterations[:20]}"
        self._client.set_server_first(message)
        self.answer = self._client.get_client_final().encode()
        self._step = self._take_final
        return None

    def _take_final(self, message: str) -> str | None:
        if _REFUSED.fullmatch(message):
            return self._refused()
        if _FINAL.fullmatch(message) is None:
            return _MALFORMED
        try:
            self._client.set_server_final(message)
        except MemoryError:
            raise
        except Exception:
            return "the server does not know the password: its signature is wrong"
        self.verified = True
        self.answer = b""
        self._step = self._take_more
        return None

    def _refused(self) -> str | None:
        """Acknowledge a server-error; the server sends -ERR next (RFC 5802, section 7)."""
        self.answer = b""
        self._step = self._take_more
        return None

    def _take_more(self, message: str) -> str | None:
        self.answer = None
        return None


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def _prepared(user: str) -> str:
    """Return *user* in the form that the installed version of scramp expects."""
    if _escapes_names():
        return user
    return escape(require().core.saslprep(user))


class _ExporterClient:
    """Replaces scramp.ScramClient for ``tls-exporter``; takes the bare first message from it."""

    def __init__(
        self,
        mechanisms: list[str],
        user: str,
        password: str,
        channel_binding: tuple[str, bytes],
        c_nonce: str,
    ) -> None:
        (mechanism,) = mechanisms
        unbound = mechanism[: -len("-PLUS")]
        kind, data = channel_binding
        self._header = f"p={kind},,"
        self._channel = base64.b64encode(self._header.encode() + data).decode()
        self._digest = unbound[len("SCRAM-") :].replace("-", "").lower()
        client = require().ScramClient([unbound], user, password, c_nonce=c_nonce)
        first: str = client.get_client_first()
        self._bare = first[len("n,,") :]
        self._password: str = require().core.saslprep(password)
        self._server_first = ""
        self._signature = b""

    def get_client_first(self) -> str:
        return self._header + self._bare

    def set_server_first(self, message: str) -> None:
        self._server_first = message

    def get_client_final(self) -> str:
        """Return the final message, with the client's proof (RFC 5802, section 3)."""
        parts = _FIRST.fullmatch(self._server_first)
        assert parts is not None
        unproved = f"c={self._channel},r={parts[1]}"
        message = f"{self._bare},{self._server_first},{unproved}".encode()
        salt = base64.b64decode(parts[2], validate=True)
        password = self._password.encode()
        salted = hashlib.pbkdf2_hmac(self._digest, password, salt, int(parts[3]))
        key = self._hmac(salted, b"Client Key")
        proof = self._hmac(hashlib.new(self._digest, key).digest(), message)
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), message)
        proved = bytes(a ^ b for a, b in zip(key, proof))
        return f"{unproved},p={base64.b64encode(proved).decode()}"

    def set_server_final(self, message: str) -> None:
        signature = base64.b64decode(message[len("v=") :], validate=True)
        if not hmac.compare_digest(signature, self._signature):
            raise ValueError("wrong signature")

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._digest)


def channel_binding(sock: Any, kind: str | None = None) -> tuple[str, bytes]:
    """Return name and octets of a channel binding to *sock*'s TLS session.

    Without *kind*, the TLS version determines the binding (RFC 9266, section 3). The ssl module
    has none for TLS 1.3: there, the binding is the hash of the server's certificate. Raises
    ValueError if *sock* has no such binding.
    """
    kinds = _expected(sock) if kind is None else (kind,)
    for name, data in _found(sock, kinds):
        return name, data
    by = "" if kind is None else f" by {kind!r}"
    raise ValueError(f"there is no TLS session that SCRAM can be bound to{by}")


def bindings(sock: Any) -> list[str]:
    """Return the names of all channel bindings of *sock*, the one that servers expect first."""
    return [kind for kind, _ in _found(sock, dict.fromkeys((*_expected(sock), END_POINT)))]


def _expected(sock: Any) -> tuple[str, ...]:
    return (EXPORTER, END_POINT) if sock.version() == "TLSv1.3" else ("tls-unique",)


def _found(sock: Any, kinds: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    for kind in kinds:
        data = _binding(sock, kind)
        if data:
            yield kind, data


def _binding(sock: Any, kind: str) -> bytes | None:
    try:
        data: bytes | None = sock.get_channel_binding(kind)
    except ValueError:  # The ssl module doesn't support this kind.
        der = sock.getpeercert(binary_form=True) if kind == END_POINT else None
        data = None if der is None else certificate_hash(der)
    return data


def certificate_hash(der: bytes) -> bytes | None:
    """Return a certificate's hash (RFC 5929, section 4.1); None if its signature has none."""
    # scramp depends on asn1crypto.
    x509: Any = importlib.import_module("asn1crypto.x509")
    signature = x509.Certificate.load(der)["signature_algorithm"]
    if signature.signature_algo not in _HASHED:
        return None
    algorithm = signature.hash_algo
    return hashlib.new("sha256" if algorithm in ("md5", "sha1") else algorithm, der).digest()
