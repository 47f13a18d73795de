"""POP3.login() and POP3.login_oauth2(): make the attempts; _policy.py chooses those of login().

The methods of POP3 call the functions here, and hold the connection meanwhile.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Callable, Protocol

from _cpoplib import TLSSocket  # type: ignore[attr-defined]
from poplib_c import POP3, error_proto
from poplib_c._policy import (
    IN_TWO_LINES,
    MECHANISMS,
    NO_CAPA,
    UNLISTED,
    Capabilities,
    History,
    Policy,
    Try,
    insecure,
    is_hang_up,
    is_listed,
    no_mechanism,
)

#: What login_oauth2() tries, best first.
MECHANISMS_OAUTH2 = ("OAUTHBEARER", "XOAUTH2")

_CONTROLS = frozenset([*range(32), 127])
_LONGEST_COMMAND = 255


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

    def prompt(self, text: bytes) -> bytes | None: ...


def login(
    client: POP3,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
    encoding: str | None = None,
    is_verified: bool = False,
    history: History | None = None,
) -> bytes:
    """Try the mechanisms that both sides support, as Policy says.

    is_verified: TLS is active, and somebody has verified the server's certificate. history: what
    earlier connections have tried; a connection that ends in an attempt is recorded, too, and
    raises what it raises.
    """
    wanted = None if mechanisms is None else _chosen(mechanisms, MECHANISMS)
    if not isinstance(user, str) or not issubclass(secret.kind, str):
        raise TypeError("user and password must be str")
    history = History() if history is None else history
    before: Any = vars(client).get("encoding")
    if encoding is not None:
        client.encoding = encoding
    try:
        policy = policy_for(client, wanted, allow_insecure, is_verified, history)
        return _try_all(client, user, secret, policy, history)
    finally:
        if encoding is not None and before is None:
            del client.encoding
        elif encoding is not None:
            client.encoding = before


def policy_for(
    client: POP3,
    wanted: Sequence[str] | None,
    allow_insecure: bool,
    is_verified: bool,
    history: History,
) -> Policy:
    """Return the Policy of a connection. Send CAPA, unless no mechanism of *wanted* needs it."""
    is_unlisted = wanted is not None and UNLISTED.issuperset(wanted)
    return Policy(
        client,
        None if is_unlisted else _capabilities(client),
        wanted,
        history,
        is_verified=is_verified or _is_verified(client.sock),
        may_show=allow_insecure or _is_private(client.sock),
        allow_insecure=allow_insecure,
    )


def _try_all(client: POP3, user: str, secret: Secret, policy: Policy, history: History) -> bytes:
    unsendable: ValueError | None = None
    try:
        while (attempt := policy.next()) is not None:
            exchange = _Exchange(client, attempt, policy.could_bind(attempt.name))
            try:
                exchange.prepare(user, secret)
            except ValueError as exc:
                policy.skip(attempt)
                unsendable = exc
                continue
            try:
                response = exchange.run(user, secret)
            except (error_proto, OSError) as exc:
                exchange.tell(policy, exc)
                if is_hang_up(exc) and isinstance(exc, error_proto):
                    raise history.error() from None
                if not isinstance(exc, error_proto) or (history.is_over and exc.response is None):
                    raise
            else:
                history.accept(attempt)
                return response
        withheld = policy.withheld()
        if unsendable is not None and not (history.tried or withheld):
            raise unsendable
        if not history.tried:
            raise error_proto(policy.why())
        if withheld and not history.is_over:
            raise error_proto(policy.why()) from history.error()
        raise history.error()
    finally:
        # The traceback of unsendable refers to this frame: a cycle that would keep the client.
        del unsendable


def login_oauth2(
    client: POP3,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
) -> bytes:
    """Send the token; if it is refused, and *secret* is a callable, send another one once."""
    wanted = MECHANISMS_OAUTH2 if mechanisms is None else mechanisms
    names = _chosen(wanted, MECHANISMS_OAUTH2)
    capabilities = _capabilities(client)
    if not (allow_insecure or _is_private(client.sock)):
        raise error_proto(insecure(f"{' or '.join(names)} would show the token"))
    if capabilities is None:
        names = names[:1] if mechanisms is not None else ["XOAUTH2"]
    name = next((name for name in names if is_listed(name, capabilities)), None)
    if name is None:
        raise error_proto(no_mechanism(capabilities or {}, names, is_wanted=True))
    try:
        return _send_token(client, name, user, secret)
    except error_proto as exc:
        if not secret.renewable or not _is_about_token(exc):
            raise
    return _send_token(client, name, user, secret)


# --- what is possible -------------------------------------------------------------------


def _chosen(mechanisms: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the names in the order to try them; raise ValueError for one not in *known*."""
    if isinstance(mechanisms, (str, bytes)):
        raise TypeError("mechanisms must be an iterable of names, not a single one")
    names = [name.upper() for name in mechanisms]
    for name in names:
        if name not in known:
            raise ValueError(f"unknown mechanism {name!r}; there are {', '.join(known)}")
    return names


def _capabilities(client: POP3) -> Capabilities | None:
    """Return the capabilities; None if the server doesn't support CAPA."""
    try:
        capabilities = client.capa()
    except error_proto as exc:
        if exc.args[0] == NO_CAPA or exc.response is not None:
            return None
        raise
    return {name.upper(): arguments for name, arguments in capabilities.items()}


# --- who can listen ---------------------------------------------------------------------


def _is_private(sock: Any) -> bool:
    return _is_encrypted(sock) or _is_local(sock)


def _is_encrypted(sock: Any) -> bool:
    """Whether *sock* uses TLS; the program decides whether the certificate is verified."""
    if isinstance(sock, TLSSocket):
        return sock.version() is not None
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket) and sock.version() is not None


def _is_verified(sock: Any) -> bool:
    """Whether an ssl.SSLContext has verified the certificate, and that it is the host's.

    A TLSSocket doesn't tell: the caller of login() passes is_verified.
    """
    if isinstance(sock, TLSSocket) or not _is_encrypted(sock):
        return False
    ssl = sys.modules["ssl"]
    context = sock.context
    return bool(context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname)


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


# --- one attempt ------------------------------------------------------------------------


class _Exchange:
    """One mechanism, and what was sent."""

    def __init__(self, client: POP3, attempt: Try, could_bind: bool) -> None:
        self._client = client
        self._attempt = attempt
        self._could_bind = could_bind
        self._responses = 0
        self._in_command = False

    def prepare(self, user: str, secret: Secret) -> None:
        """Raise ValueError if *user* or *secret* can't be sent by this mechanism."""
        name, encoding = self._attempt.name, self._client.encoding
        forbidden = _CONTROLS if name in UNLISTED else frozenset()
        if not name.startswith("SCRAM-"):
            for what, value in (("user", Secret(user)), ("password", secret)):
                if not _fits(value, encoding, forbidden):
                    raise ValueError(f"{what} has characters that {name} can't send")
        if name not in UNLISTED:
            self._mechanism(user, secret).initial_response()

    def run(self, user: str, secret: Secret) -> bytes:
        client, name = self._client, self._attempt.name
        if name == "APOP":
            self._note()
            return client.apop(user, secret())
        if name == "USER":
            self._note()
            client.user(user)
            self._note()
            return client.pass_(secret())
        mechanism = self._mechanism(user, secret)
        in_two_lines = self._attempt.form == IN_TWO_LINES
        self._in_command = name == "PLAIN" and not in_two_lines and _fits_command(mechanism)
        return client.auth(_Watched(mechanism, self._note, in_two_lines))

    def tell(self, policy: Policy, error: Exception) -> None:
        """Tell how the exchange has ended, unless it is the network that has failed."""
        if not isinstance(error, error_proto) and not is_hang_up(error):
            return
        in_command = self._in_command and self._responses == 1
        policy.refused(self._attempt, error, responses=self._responses, in_command=in_command)

    def _note(self) -> None:
        self._responses += 1

    def _mechanism(self, user: str, secret: Secret) -> _Mechanism:
        from poplib_c import sasl

        name, form = self._attempt
        make: Any = sasl.WITH_PASSWORD[name]
        mechanism: _Mechanism
        if name.endswith("-PLUS"):
            mechanism = make(user, secret(), self._client.sock, binding=form)
        elif name.startswith("SCRAM-"):
            mechanism = scram = make(user, secret())
            scram._could_bind = self._could_bind
        else:
            encoding = self._client.encoding
            mechanism = make(user.encode(encoding), secret().encode(encoding))
        return mechanism


def _fits(value: Secret, encoding: str, forbidden: frozenset[int]) -> bool:
    try:
        return forbidden.isdisjoint(value().encode(encoding))
    except UnicodeError:
        return False


class _Watched:
    """A mechanism that reports each response by note(); the text is not kept.

    in_two_lines: the AUTH command has no initial response; the first challenge asks for it.
    """

    def __init__(
        self, mechanism: _Mechanism, note: Callable[[], None], in_two_lines: bool = False
    ) -> None:
        self.name = mechanism.name
        self._mechanism = mechanism
        self._note = note
        self._is_owed = in_two_lines

    def initial_response(self) -> bytes | None:
        if self._is_owed:
            return None
        response = self._mechanism.initial_response()
        if response is not None:
            self._note()
        return response

    def __call__(self, challenge: bytes) -> bytes | None:
        return self._noted(self._mechanism, b"" if self._is_owed else challenge)

    def prompt(self, text: bytes) -> bytes | None:
        return self._noted(self._mechanism.prompt, text)

    def _noted(self, answer: Callable[[bytes], bytes | None], said: bytes) -> bytes | None:
        self._is_owed = False
        response = answer(said)
        if response is not None:
            self._note()
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
    responses: list[None] = []
    note = functools.partial(responses.append, None)
    try:
        return client.auth(_Watched(mechanism, note))
    except error_proto as exc:
        refused_at_once = len(responses) == 1 and _fits_command(mechanism)
        if exc.response is None or exc.code is not None or not refused_at_once:
            raise
        refusal = exc
    try:
        return client.auth(_Watched(mechanism, note, in_two_lines=True))
    except (error_proto, OSError) as exc:
        if isinstance(exc, error_proto) and exc.response is not None:
            raise
        # The server closed the connection after the first form.
        raise refusal from exc
    finally:
        # The traceback of refusal refers to this frame: a cycle that would keep the client.
        del refusal


def _fits_command(mechanism: _Mechanism) -> bool:
    """Whether auth() sends the initial response in the AUTH command."""
    octets = len(mechanism.initial_response() or b"")
    return len(f"AUTH {mechanism.name} \r\n") + (octets + 2) // 3 * 4 <= _LONGEST_COMMAND


def _is_about_token(error: error_proto) -> bool:
    return error.response is not None and error.code in (None, "AUTH")
