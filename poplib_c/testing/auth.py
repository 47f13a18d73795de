"""The AUTH command of the test server (RFC 5034) and its SASL mechanisms.

A mechanism is a generator: it yields challenges, is sent the responses, and returns when the
client is authenticated. It raises Refusal otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Callable, Literal, NamedTuple

from poplib_c import _scram
from poplib_c.testing.channel import Channel
from poplib_c.testing.faults import Faults
from poplib_c.testing.maildrop import Refusal

# RFC 2449, section 4: octets of the longest command, line end included.
_MAX_COMMAND = 255

_DENIED = "[AUTH] invalid credentials"

Exchange = Generator[bytes, bytes, None]


class Accounts(NamedTuple):
    """Who may log in, and how; from the arguments of POP3Server."""

    users: Mapping[bytes, bytes] | None
    tokens: Mapping[str, str]
    mechanisms: tuple[bytes, ...]
    two_step: bool | Literal["ignored"]
    faults: Faults


class _Mechanism(NamedTuple):
    converse: Callable[[Accounts, Channel], Exchange]
    # Whether the command may have an initial response.
    client_first: bool = True
    # The argument of POP3Server that the mechanism needs.
    needs: str = ""


def accounts(
    users: Mapping[bytes, bytes] | None,
    tokens: Mapping[str, str] | None,
    mechanisms: Iterable[str] | None,
    two_step: bool | Literal["ignored"],
    faults: Faults,
) -> Accounts:
    """Check and complete the arguments of POP3Server.

    Raises ValueError if a mechanism is unknown or lacks its users or tokens, ImportError if SCRAM
    is named and scramp isn't installed.
    """
    if mechanisms is None:
        names = [b"PLAIN", b"LOGIN", b"CRAM-MD5"]
        names += [] if tokens is None else [b"XOAUTH2", b"OAUTHBEARER"]
    elif isinstance(mechanisms, str):
        raise TypeError("mechanisms must be an iterable of names, not a single one")
    else:
        names = [name.upper().encode() for name in mechanisms]
    given = {"users": users, "tokens": tokens}
    for name in names:
        if name not in MECHANISMS:
            raise ValueError(f"unknown mechanism {name.decode()!r}")
        needs = MECHANISMS[name].needs
        if needs and given[needs] is None:
            raise ValueError(f"{name.decode()} needs {needs}")
        if name.startswith(b"SCRAM-"):
            _scram.require()
    return Accounts(users, {} if tokens is None else tokens, tuple(names), two_step, faults)


def offered(accounts: Accounts, channel: Channel) -> list[bytes]:
    """Return the mechanisms for this connection: channel binding needs TLS."""
    return [
        name for name in accounts.mechanisms if channel.encrypted or not name.endswith(b"-PLUS")
    ]


def authenticate(
    accounts: Accounts, channel: Channel, name: bytes, initial: bytes | None, log: list[bytes]
) -> None:
    """Run the exchange after ``AUTH name initial``; raise Refusal if it fails.

    Responses are appended to *log*.
    """
    if name not in offered(accounts, channel):
        raise Refusal("unknown mechanism")
    mechanism = MECHANISMS[name]
    if initial is not None:
        if len(b"AUTH %b %b\r\n" % (name, initial)) > _MAX_COMMAND:
            raise Refusal("initial response too long for a command")
        if not mechanism.client_first:
            raise Refusal("the server speaks first in this mechanism")
        ignored = accounts.two_step == "ignored"
        initial = None if ignored else b"" if initial == b"=" else _decoded(initial)
    exchange = mechanism.converse(accounts, channel)
    try:
        challenge = next(exchange)
        while True:
            response = _ask(channel, challenge, log) if initial is None else initial
            initial = None
            accounts.faults.refuse(name)
            challenge = exchange.send(response)
    except StopIteration:
        return


def _ask(channel: Channel, challenge: bytes, log: list[bytes]) -> bytes:
    channel.write(b"+ %b\r\n" % base64.b64encode(challenge))
    line = channel.readline()
    log.append(line)
    if line == b"*":
        raise Refusal("authentication cancelled")
    return _decoded(line)


# RFC 4648, section 4; base64 of some Python versions accepts padding anywhere.
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def _decoded(text: bytes) -> bytes:
    if _BASE64.fullmatch(text) is None:
        raise Refusal("malformed base64")
    return base64.b64decode(text)


def _check_password(accounts: Accounts, user: bytes, password: bytes) -> None:
    if accounts.users is not None and accounts.users.get(user) != password:
        raise Refusal(_DENIED)


def _plain(accounts: Accounts, channel: Channel) -> Exchange:
    parts = (yield b"").split(b"\0")
    if len(parts) != 3:
        raise Refusal("malformed response")
    authzid, user, password = parts
    if authzid not in (b"", user):
        raise Refusal("[AUTH] no rights to another's maildrop")
    _check_password(accounts, user, password)


def _login(accounts: Accounts, channel: Channel) -> Exchange:
    user = yield b"Username:"
    password = yield b"Password:"
    _check_password(accounts, user, password)


def _cram_md5(accounts: Accounts, channel: Channel) -> Exchange:
    challenge = f"<{secrets.token_hex(16)}@localhost>".encode("ascii")
    user, _, digest = (yield challenge).rpartition(b" ")
    if accounts.users is None:
        return
    md5 = functools.partial(hashlib.md5, usedforsecurity=False)
    expected = hmac.new(accounts.users.get(user, b""), challenge, md5).hexdigest()
    if user not in accounts.users or digest != expected.encode("ascii"):
        raise Refusal(_DENIED)


def _external(accounts: Accounts, channel: Channel) -> Exchange:
    authzid = yield b""
    names = channel.client_names()
    if not names or (authzid or names[0]) not in names:
        raise Refusal("[AUTH] no certificate for that name")
    if accounts.users is not None and (authzid or names[0]) not in accounts.users:
        raise Refusal(_DENIED)


def _anonymous(accounts: Accounts, channel: Channel) -> Exchange:
    yield b""


_XOAUTH2 = re.compile(rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", re.IGNORECASE)
_OAUTHBEARER = re.compile(
    rb"n,(?:a=([^,\x01]*))?,\x01(?:(?:host=[^\x01]*|port=[0-9]+)\x01)*"
    rb"auth=Bearer ([^\x01]*)\x01\x01",
    re.IGNORECASE,
)


def _bearer(
    form: re.Pattern[bytes],
    error: Mapping[str, str],
    accounts: Accounts,
    channel: Channel,
) -> Exchange:
    parts = form.fullmatch((yield b""))
    if parts is None:
        raise Refusal("malformed response")
    user, token = (part.decode("utf-8", "replace") for part in (parts[1] or b"", parts[2]))
    if form is _OAUTHBEARER:
        user = _scram.unescape(user)
    if accounts.tokens.get(user) != token:
        # The exchange fails whatever the client answers (RFC 7628, section 3.2.3).
        yield json.dumps(error).encode("ascii")
        raise Refusal(_DENIED)


_GS2_HEADER = re.compile(r"(n|y|p=([A-Za-z0-9.-]+)),[^,]*,n=([^,]+),r=[^,]+")


def _scram_exchange(mechanism: str, accounts: Accounts, channel: Channel) -> Exchange:
    """Run SCRAM (RFC 5802); a failure is a Refusal, without a server-error before it."""
    first = (yield b"").decode("utf-8", "replace")
    header = _GS2_HEADER.match(first)
    if header is None:
        raise Refusal("malformed response")
    server = _scram_server(mechanism, accounts, channel, header)
    with _refusing():
        server.set_client_first(first)
        challenge = server.get_server_first().encode()
    final = (yield challenge).decode("utf-8", "replace")
    with _refusing():
        server.set_client_final(final)
        challenge = server.get_server_final().encode()
    if (yield challenge):
        raise Refusal("malformed response")


def _scram_server(
    mechanism: str, accounts: Accounts, channel: Channel, header: re.Match[str]
) -> Any:
    assert accounts.users is not None
    flag, kind, name = header.groups()
    # Old versions of scramp pass the name on still escaped.
    password = accounts.users.get(_scram.unescape(name).encode())
    if password is None:
        raise Refusal(_DENIED)
    scram = _scram.require().ScramMechanism(mechanism)
    with _refusing():
        keys = scram.make_auth_info(password.decode())
    binding = None
    if mechanism.endswith("-PLUS"):
        if not kind:
            raise Refusal("[AUTH] channel binding is missing")
        data = channel.binding(kind)
        if data is None:
            raise Refusal("no such channel binding")
        binding = kind, data
    elif kind:
        raise Refusal("[AUTH] channel binding is for another mechanism")
    elif flag == "y" and f"{mechanism}-PLUS".encode() in offered(accounts, channel):
        # RFC 5802, section 6: somebody has taken it from the list that the client received.
        raise Refusal("[AUTH] channel binding is supported")
    return scram.make_server(lambda user: keys, channel_binding=binding)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn scramp's exceptions into Refusal; their types differ between its versions."""
    try:
        yield
    except Exception:
        raise Refusal(_DENIED) from None


MECHANISMS: dict[bytes, _Mechanism] = {
    b"PLAIN": _Mechanism(_plain),
    b"LOGIN": _Mechanism(_login),
    b"CRAM-MD5": _Mechanism(_cram_md5, client_first=False),
    b"EXTERNAL": _Mechanism(_external),
    b"ANONYMOUS": _Mechanism(_anonymous),
    b"XOAUTH2": _Mechanism(
        functools.partial(_bearer, _XOAUTH2, {"status": "401", "schemes": "bearer"}),
        needs="tokens",
    ),
    b"OAUTHBEARER": _Mechanism(
        functools.partial(_bearer, _OAUTHBEARER, {"status": "invalid_token"}), needs="tokens"
    ),
    **{
        name.encode(): _Mechanism(functools.partial(_scram_exchange, name), needs="users")
        for name in (
            *("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"),
            *("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"),
        )
    },
}
