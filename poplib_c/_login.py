"""POP3.login() and POP3.login_oauth2(): which mechanisms they try, and when they stop.

The methods of POP3 call the functions here, and hold the connection meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Protocol

from poplib_c import POP3, TLSSocket, error_proto

#: What login() tries, best first.
MECHANISMS = (
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "APOP",
    "PLAIN",
    "LOGIN",
    "USER",
)

#: What login_oauth2() tries, best first.
MECHANISMS_OAUTH2 = ("OAUTHBEARER", "XOAUTH2")

#: These send the password itself.
_SHOWING = frozenset({"PLAIN", "LOGIN", "USER"})

_CONTROLS = frozenset([*range(32), 127])
_NO_CAPA = "-ERR CAPA not supported by server"
_LONGEST_COMMAND = 255
_LONGEST_LIST = 500

_Capabilities = dict[str, list[str]]


class Secret:
    """A password, a token, or a callable that returns a token; repr() doesn't show it.

    Tracebacks keep local variables. So functions here pass a Secret on, and call it only in the
    expression that uses the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def renewable(self) -> bool:
        return callable(self._value)

    @property
    def kind(self) -> type:
        return type(self._value)

    def __call__(self) -> Any:
        return self._value() if callable(self._value) else self._value


class _Mechanism(Protocol):
    name: str

    def initial_response(self) -> bytes | None: ...

    def __call__(self, challenge: bytes) -> bytes | None: ...


def login(
    client: POP3,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
) -> bytes:
    """Try the mechanisms that both sides support, best first, until the password was sent.

    A digest of the password counts as sent, too. A refusal before that, without a response code,
    means that the server doesn't support the mechanism, whatever its list says: the next one is
    tried. After any other refusal a weaker mechanism would be a second guess at the password, or
    what an attacker wants.
    """
    names = _chosen(mechanisms, MECHANISMS)
    if not isinstance(user, str) or not issubclass(secret.kind, str):
        raise TypeError("user and password must be str")
    capabilities = _capabilities(client)
    may_show = allow_insecure or _is_private(client.sock)
    withheld = []
    refusal = None
    try:
        for name in names:
            if not _is_possible(client, name, capabilities, mechanisms is not None):
                continue
            if name in _SHOWING and not may_show:
                withheld.append(name)
                continue
            attempt = _Attempt(client, name)
            try:
                return attempt.run(user, secret)
            except error_proto as exc:
                if attempt.is_over(exc):
                    raise
                refusal = exc
        if refusal is not None and not withheld:
            raise refusal
        raise error_proto(_why(withheld, capabilities, names)) from refusal
    finally:
        # The traceback of refusal refers to this frame: a cycle that would keep the client.
        del refusal


def login_oauth2(
    client: POP3,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
) -> bytes:
    """Send the token; if it is refused, and *secret* is a callable, send another one once."""
    names = _chosen(mechanisms, MECHANISMS_OAUTH2)
    capabilities = _capabilities(client)
    if not (allow_insecure or _is_private(client.sock)):
        raise error_proto(_insecure("the token"))
    if capabilities is None:
        names = names[:1] if mechanisms is not None else ["XOAUTH2"]
    name = next((name for name in names if _is_listed(name, capabilities)), None)
    if name is None:
        raise error_proto(_why([], capabilities, names))
    try:
        return _send_token(client, name, user, secret)
    except error_proto as exc:
        if not secret.renewable or not _is_about_token(exc):
            raise
    return _send_token(client, name, user, secret)


# --- what is possible -------------------------------------------------------------------


def _chosen(mechanisms: Iterable[str] | None, known: Sequence[str]) -> list[str]:
    """Return the names in the order to try them; raise ValueError for one not in *known*."""
    if mechanisms is None:
        return [*known]
    if isinstance(mechanisms, (str, bytes)):
        raise TypeError("mechanisms must be an iterable of names, not a single one")
    names = [name.upper() for name in mechanisms]
    for name in names:
        if name not in known:
            raise ValueError(f"unknown mechanism {name!r}; there are {', '.join(known)}")
    return names


def _capabilities(client: POP3) -> _Capabilities | None:
    """Return the capabilities; None if the server doesn't support CAPA."""
    try:
        capabilities = client.capa()
    except error_proto as exc:
        if exc.args[0] == _NO_CAPA or exc.response is not None:
            return None
        raise
    return {name.upper(): arguments for name, arguments in capabilities.items()}


def _is_listed(name: str, capabilities: _Capabilities | None) -> bool:
    """Whether the server lists the SASL mechanism, or lists no capabilities at all."""
    return capabilities is None or name in map(str.upper, capabilities.get("SASL", []))


def _is_possible(
    client: POP3, name: str, capabilities: _Capabilities | None, is_wanted: bool
) -> bool:
    if name == "APOP":
        return _has_message_id(client)
    if name == "USER":
        return not capabilities or "USER" in capabilities or "SASL" not in capabilities
    # Without a list, each attempt may be a refused command.
    if capabilities is None or not _is_listed(name, capabilities):
        return False
    if name.endswith("-PLUS"):
        return _has_scramp() and _can_bind(client.sock, is_wanted)
    return _has_scramp() if name.startswith("SCRAM-") else True


def _has_message_id(client: POP3) -> bool:
    """Whether the greeting's time stamp is an RFC 822 msg-id.

    A server that sends another text may compute the password from digests of texts that it
    chooses (CVE-2007-1558).
    """
    welcome = getattr(client, "welcome", None)
    match = client.timestamp.match(welcome) if isinstance(welcome, bytes) else None
    if match is None:
        return False
    stamp = match.group(1)[1:-1]
    local, _, domain = stamp.partition(b"@")
    visible = all(0x20 < octet < 0x7F and octet not in b"<>" for octet in stamp)
    return visible and bool(local) and bool(domain) and b"@" not in domain


def _has_scramp() -> bool:
    from poplib_c import _scram

    try:
        _scram.require()
    except ImportError:
        return False
    return True


def _can_bind(sock: Any, is_wanted: bool) -> bool:
    """Whether *sock* has the channel binding that servers expect; if *is_wanted*, any binding.

    With TLS 1.3 servers expect ``tls-exporter`` (RFC 9266, section 3), which the ssl module
    doesn't have. Dovecot 2.4.1 closes the connection if it receives another binding.
    """
    from poplib_c import _scram

    try:
        kind, _ = _scram.channel_binding(sock)
    except Exception:
        return False
    return is_wanted or kind != _scram.END_POINT


# --- who can listen ---------------------------------------------------------------------


def _is_private(sock: Any) -> bool:
    return _is_encrypted(sock) or _is_local(sock)


def _is_encrypted(sock: Any) -> bool:
    """Whether *sock* uses TLS; the program decides whether the certificate is verified."""
    if isinstance(sock, TLSSocket):
        return sock.version() is not None
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket) and sock.version() is not None


def _is_local(sock: Any) -> bool:
    """Whether the peer is this machine: it has a loopback address or a Unix socket.

    A proxy on this machine may lead to a server elsewhere: sockets of PySocks tell of a proxy by
    proxy_peername.
    """
    import ipaddress
    import socket

    if getattr(sock, "proxy_peername", None) is not None:
        return False
    try:
        if sock.family == getattr(socket, "AF_UNIX", None):
            return True
        address = ipaddress.ip_address(sock.getpeername()[0].partition("%")[0])
    except (AttributeError, IndexError, OSError, TypeError, ValueError):
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _insecure(what: str) -> str:
    return (
        f"-ERR the connection is not encrypted and would show {what}: "
        "use POP3_SSL, or stls() first, or allow_insecure=True"
    )


def _why(withheld: Sequence[str], capabilities: _Capabilities | None, names: Sequence[str]) -> str:
    """Return the error text if none of *names* can be tried: the cause, and what to do."""
    if withheld:
        return _insecure(f"the password to {', '.join(withheld)}")
    if capabilities is None:
        return (
            "-ERR no mechanism to log in: the server has no CAPA, and no time stamp for APOP; "
            "use auth(), which needs neither"
        )
    listed = [name.upper() for name in capabilities.get("SASL", [])]
    shown = ", ".join(map(_shown, listed)) or "no mechanism of SASL"
    if len(shown) > _LONGEST_LIST:
        shown = shown[:_LONGEST_LIST] + "..."
    text = f"-ERR no mechanism to log in that both sides support: the server lists {shown}"
    if len(names) < len(MECHANISMS):
        text += f"; looked for {', '.join(names) or 'none'}"
    if any(name.startswith("SCRAM-") and name in names for name in listed) and not _has_scramp():
        text += " (SCRAM needs the library scramp: pip install poplib-c[scram])"
    return text


def _shown(name: str) -> str:
    """Return the server's name of a mechanism, with characters escaped for a terminal."""
    return name if name.isascii() and name.isprintable() else ascii(name)


# --- one attempt ------------------------------------------------------------------------


class _Attempt:
    """One mechanism, and whether the password was sent."""

    def __init__(self, client: POP3, name: str) -> None:
        self._client = client
        self._name = name
        self._is_sent = False

    def run(self, user: str, secret: Secret) -> bytes:
        if self._name == "APOP":
            self._check_command(user, secret)
            self._is_sent = True
            return self._client.apop(user, secret())
        if self._name == "USER":
            self._check_command(user, secret)
            self._client.user(user)
            self._is_sent = True
            return self._client.pass_(secret())
        return self._client.auth(_Watched(self._mechanism(user, secret), self._note))

    def is_over(self, error: error_proto) -> bool:
        """Whether nothing else may be tried after this refusal."""
        return self._is_sent or error.response is None or error.code is not None

    def _note(self, is_first: bool) -> None:
        """Record that a response was sent; the first one of SCRAM holds no secret."""
        if not is_first or not self._name.startswith("SCRAM-"):
            self._is_sent = True

    def _check_command(self, user: str, secret: Secret) -> None:
        """Raise ValueError if *user* or *secret* can't be sent in a command line."""
        for what, value in (("user", Secret(user)), ("password", secret)):
            if not _fits(value, self._client.encoding):
                raise ValueError(f"{what} has characters that {self._name} can't send")

    def _mechanism(self, user: str, secret: Secret) -> _Mechanism:
        from poplib_c import sasl

        classes: dict[str, Callable[..., _Mechanism]] = {
            "SCRAM-SHA-256-PLUS": sasl.ScramSHA256Plus,
            "SCRAM-SHA-1-PLUS": sasl.ScramSHA1Plus,
            "SCRAM-SHA-256": sasl.ScramSHA256,
            "SCRAM-SHA-1": sasl.ScramSHA1,
            "CRAM-MD5": sasl.CramMD5,
            "PLAIN": sasl.Plain,
            "LOGIN": sasl.Login,
        }
        if self._name.endswith("-PLUS"):
            return classes[self._name](user, secret(), self._client.sock)
        return classes[self._name](user, secret())


def _fits(value: Secret, encoding: str) -> bool:
    try:
        return _CONTROLS.isdisjoint(value().encode(encoding))
    except UnicodeError:
        return False


class _Watched:
    """A mechanism that reports each response by note(); the text is not kept."""

    def __init__(self, mechanism: _Mechanism, note: Callable[[bool], None]) -> None:
        self.name = mechanism.name
        self._mechanism = mechanism
        self._note = note

    def initial_response(self) -> bytes | None:
        response = self._mechanism.initial_response()
        if response is not None:
            self._note(True)
        return response

    def __call__(self, challenge: bytes) -> bytes | None:
        response = self._mechanism(challenge)
        if response is not None:
            self._note(False)
        return response

    def success(self) -> None:
        success = getattr(self._mechanism, "success", None)
        if success is not None:
            success()


# --- tokens -----------------------------------------------------------------------------


def _send_token(client: POP3, name: str, user: str, secret: Secret) -> bytes:
    """Log in by one token; the server's explanation is the cause of a refusal's exception."""
    from poplib_c import sasl

    mechanism: sasl.OAuthBearer | sasl.XOAuth2
    if name == "OAUTHBEARER":
        mechanism = sasl.OAuthBearer(user, secret(), host=client.host, port=client.port)
    else:
        mechanism = sasl.XOAuth2(user, secret())
    try:
        return _in_both_forms(client, mechanism)
    except error_proto as exc:
        if mechanism.error is not None:
            raise exc from sasl.OAuthError(mechanism.error)
        raise


def _in_both_forms(client: POP3, mechanism: _Mechanism) -> bytes:
    """Send the token in the AUTH command; if the server refuses that form, after the command."""
    responses: list[bool] = []
    try:
        return client.auth(_Watched(mechanism, responses.append))
    except error_proto as exc:
        refused_at_once = responses == [True] and _fits_command(mechanism)
        if exc.response is None or exc.code is not None or not refused_at_once:
            raise
        refusal = exc
    try:
        return client.auth(mechanism.name, mechanism)
    except (error_proto, OSError) as exc:
        if isinstance(exc, error_proto) and exc.response is not None:
            raise
        # The server closed the connection after the first form.
        raise refusal from exc
    finally:
        # The traceback of refusal refers to this frame: a cycle that would keep the client.
        del refusal


def _fits_command(mechanism: _Mechanism) -> bool:
    """Whether auth() has sent the token in the AUTH command."""
    octets = len(mechanism.initial_response() or b"")
    return len(f"AUTH {mechanism.name} \r\n") + (octets + 2) // 3 * 4 <= _LONGEST_COMMAND


def _is_about_token(error: error_proto) -> bool:
    return error.response is not None and error.code in (None, "AUTH")
