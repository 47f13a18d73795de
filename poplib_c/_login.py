"""POP3.login() and POP3.login_oauth2(): make the attempts; _policy.py chooses those of login().

login_steps() and the other generators do no I/O: they yield steps, and a driver performs these. A
step is a callable: ``step(client)`` calls one method of the client. The driver sends its result to
the generator, or throws what it raised, whatever that is. run() drives the steps of POP3, whose
methods call login() and login_oauth2(), and hold the connection meanwhile. A driver for coroutines
awaits the result of each step.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Callable, Protocol, TypeVar

from poplib_c import POP3, error_proto
from poplib_c._peer import Peer
from poplib_c._policy import (
    IN_TWO_LINES,
    MECHANISMS,
    MECHANISMS_OAUTH2,
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

#: Steps that end in a value.
_Value = TypeVar("_Value")
Steps = Generator[Callable[[Any], Any], Any, _Value]

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

    def obtain(self, client: object) -> _Token:
        """Get a token: a step."""
        return _Token(self())


class _Token(Secret):
    """A token that a driver has got, and awaited if it is one for coroutines."""

    __slots__ = ()

    async def _wait(self) -> _Token:
        if self.is_awaitable:
            self._value = await self._value
        return self

    def __await__(self) -> Generator[Any, Any, _Token]:
        return self._wait().__await__()

    @property
    def is_awaitable(self) -> bool:
        return hasattr(self.kind, "__await__")

    def check(self) -> None:
        """Raise TypeError if the driver does not await."""
        if self.is_awaitable:
            getattr(self._value, "close", bool)()  # Else a coroutine warns: it was never awaited.
            raise TypeError(f"the token must be str, not {self.kind.__name__}")


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
    peer = Peer(client, is_verified)
    return run(
        login_steps(peer, user, secret, mechanisms, allow_insecure, encoding, history), client
    )


def login_oauth2(
    client: POP3,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
) -> bytes:
    return run(login_oauth2_steps(Peer(client), user, secret, mechanisms, allow_insecure), client)


def run(steps: Steps[_Value], client: POP3) -> _Value:
    """Perform the steps; return their value."""
    resume: Callable[[Any], Any] = steps.send
    outcome: Any = None
    try:
        while True:
            step = resume(outcome)
            try:
                outcome, resume = step(client), steps.send
            except BaseException as exc:
                outcome, resume = exc, steps.throw
    except StopIteration as end:
        value: _Value = end.value
        return value
    finally:
        steps.close()
        # The traceback of an exception refers to this frame: a cycle that would keep the client.
        del outcome, resume


def login_steps(
    peer: Peer,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
    encoding: str | None = None,
    history: History | None = None,
) -> Steps[bytes]:
    """Try the mechanisms that both sides support, as Policy says.

    history: what earlier connections have tried; a connection that ends in an attempt is recorded,
    too, and raises what it raises.
    """
    wanted = None if mechanisms is None else _chosen(mechanisms, MECHANISMS)
    if not isinstance(user, str) or not issubclass(secret.kind, str):
        raise TypeError("user and password must be str")
    history = History() if history is None else history
    client = peer.client
    before: Any = vars(client).get("encoding")
    if encoding is not None:
        client.encoding = encoding
    try:
        policy = yield from policy_steps(peer, wanted, allow_insecure, history)
        return (yield from _try_all(peer, user, secret, policy, history))
    finally:
        if encoding is not None and before is None:
            del client.encoding
        elif encoding is not None:
            client.encoding = before


def policy_steps(
    peer: Peer, wanted: Sequence[str] | None, allow_insecure: bool, history: History
) -> Steps[Policy]:
    """Return the Policy of a connection. Send CAPA, unless no mechanism of *wanted* needs it."""
    is_unlisted = wanted is not None and UNLISTED.issuperset(wanted)
    capabilities = None if is_unlisted else (yield from _capabilities())
    return Policy(peer, capabilities, wanted, history, allow_insecure=allow_insecure)


def _try_all(
    peer: Peer, user: str, secret: Secret, policy: Policy, history: History
) -> Steps[bytes]:
    unsendable: ValueError | None = None
    try:
        while (attempt := policy.next()) is not None:
            exchange = _Exchange(peer, attempt, policy.could_bind(attempt.name), user, secret)
            try:
                exchange.prepare()
            except ValueError as exc:
                policy.skip(attempt)
                unsendable = exc
                continue
            try:
                response = yield from exchange.steps()
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


def login_oauth2_steps(
    peer: Peer,
    user: str,
    secret: Secret,
    mechanisms: Iterable[str] | None = None,
    allow_insecure: bool = False,
) -> Steps[bytes]:
    """Send the token; if it is refused, and *secret* is a callable, send another one once.

    Some servers close the connection when they refuse: then nothing more is sent, and the refusal
    is raised.
    """
    name, why = yield from choice_oauth2_steps(peer, mechanisms, allow_insecure)
    if name is None:
        raise error_proto(why)
    refusals: list[error_proto] = []
    try:
        try:
            return (yield from _send_token(peer, name, user, secret, refusals))
        except error_proto as exc:
            if not secret.renewable or not _is_about_token(exc):
                raise
            refusals.append(exc)
        return (yield from _send_token(peer, name, user, secret, refusals))
    except (error_proto, OSError) as exc:
        if refusals and is_hang_up(exc):
            raise refusals[-1] from refusals[-1].__cause__
        raise
    finally:
        # The tracebacks of the refusals refer to this frame: a cycle that would keep the client.
        refusals.clear()


# --- what is possible -------------------------------------------------------------------


def choice_oauth2_steps(
    peer: Peer, mechanisms: Iterable[str] | None, allow_insecure: bool
) -> Steps[tuple[str | None, str]]:
    """Return the mechanism of login_oauth2() and the reason, or None and an error text."""
    names = _chosen(MECHANISMS_OAUTH2 if mechanisms is None else mechanisms, MECHANISMS_OAUTH2)
    capabilities = yield from _capabilities()
    if not (allow_insecure or peer.is_private):
        return None, insecure(f"{' or '.join(names)} would show the token")
    if capabilities is None and mechanisms is None:
        return "XOAUTH2", "the server has no CAPA"
    if capabilities is None:
        names = names[:1]
    name = next((name for name in names if is_listed(name, capabilities)), None)
    if name is None:
        return None, no_mechanism(capabilities or {}, names, is_wanted=True)
    skipped = ", ".join(names[: names.index(name)])
    return name, "the order for tokens" + (f"; not listed: {skipped}" if skipped else "")


def _chosen(mechanisms: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the names in the order to try them; raise ValueError for one not in *known*."""
    if isinstance(mechanisms, (str, bytes)):
        raise TypeError("mechanisms must be an iterable of names, not a single one")
    names = [name.upper() for name in mechanisms]
    for name in names:
        if name not in known:
            cure = "; for tokens, use login_oauth2()" if name in MECHANISMS_OAUTH2 else ""
            raise ValueError(f"unknown mechanism {name!r}; there are {', '.join(known)}{cure}")
    return names


def _ask_capa(client: Any) -> Any:
    # No lambda: without memory for its function, CPython 3.11 keeps the connection.
    return client.capa()


def _capabilities() -> Steps[Capabilities | None]:
    """Return the capabilities; None if the server doesn't support CAPA."""
    try:
        capabilities = yield _ask_capa
    except error_proto as exc:
        if exc.args[0] == NO_CAPA or exc.response is not None:
            return None
        raise
    return {name.upper(): arguments for name, arguments in capabilities.items()}


# --- one attempt ------------------------------------------------------------------------


class _Exchange:
    """One mechanism, and what was sent."""

    def __init__(
        self, peer: Peer, attempt: Try, could_bind: bool, user: str, secret: Secret
    ) -> None:
        self._client = peer.client
        self._attempt = attempt
        self._could_bind = could_bind
        self._user = user
        self._secret = secret
        self._responses = 0
        self._in_command = False

    def prepare(self) -> None:
        """Raise ValueError if user or secret can't be sent by this mechanism."""
        name, encoding = self._attempt.name, self._client.encoding
        forbidden = _CONTROLS if name in UNLISTED else frozenset()
        if not name.startswith("SCRAM-"):
            for what, value in (("user", Secret(self._user)), ("password", self._secret)):
                if not _fits(value, encoding, forbidden):
                    raise ValueError(f"{what} has characters that {name} can't send")
        if name not in UNLISTED:
            self._mechanism().initial_response()

    def steps(self) -> Steps[bytes]:
        name = self._attempt.name
        response: bytes
        if name == "APOP":
            self._note()
            response = yield self._send_apop
        elif name == "USER":
            self._note()
            yield self._send_user
            self._note()
            response = yield self._send_pass
        else:
            mechanism = self._mechanism()
            in_two_lines = self._attempt.form == IN_TWO_LINES
            self._in_command = name == "PLAIN" and not in_two_lines and _fits_command(mechanism)
            response = yield _Watched(mechanism, self._note, in_two_lines).authenticate
        return response

    def _send_apop(self, client: Any) -> Any:
        return client.apop(self._user, self._secret())

    def _send_user(self, client: Any) -> Any:
        return client.user(self._user)

    def _send_pass(self, client: Any) -> Any:
        return client.pass_(self._secret())

    def tell(self, policy: Policy, error: Exception) -> None:
        """Tell how the exchange has ended, unless it is the network that has failed."""
        if not isinstance(error, error_proto) and not is_hang_up(error):
            return
        in_command = self._in_command and self._responses == 1
        policy.refused(self._attempt, error, responses=self._responses, in_command=in_command)

    def _note(self) -> None:
        self._responses += 1

    def _mechanism(self) -> _Mechanism:
        from poplib_c import sasl

        name, form = self._attempt
        make: Any = sasl.WITH_PASSWORD[name]
        mechanism: _Mechanism
        if name.endswith("-PLUS"):
            mechanism = make(self._user, self._secret(), self._client.sock, binding=form)
        elif name.startswith("SCRAM-"):
            mechanism = scram = make(self._user, self._secret())
            scram._could_bind = self._could_bind
        else:
            encoding = self._client.encoding
            mechanism = make(self._user.encode(encoding), self._secret().encode(encoding))
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

    def authenticate(self, client: Any) -> Any:
        return client.auth(self)

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


def _send_token(
    peer: Peer, name: str, user: str, secret: Secret, refusals: list[error_proto]
) -> Steps[bytes]:
    """Log in by one token; the server's explanation is the cause of a refusal's exception.

    refusals: receives the refusal of the first of two forms.
    """
    from poplib_c import sasl

    token: _Token = yield secret.obtain
    token.check()
    mechanism: sasl.OAuthBearer | sasl.XOAuth2
    if name == "OAUTHBEARER":
        client = peer.client
        mechanism = sasl.OAuthBearer(user, token(), host=client.host, port=client.port)
    else:
        mechanism = sasl.XOAuth2(user, token())
    try:
        return (yield from _in_both_forms(mechanism, refusals))
    except error_proto as exc:
        if mechanism.error is not None:
            raise exc from sasl.OAuthError(mechanism.error)
        raise


def _in_both_forms(mechanism: _Mechanism, refusals: list[error_proto]) -> Steps[bytes]:
    """Send the token in the AUTH command; if the server refuses that form, after the command."""
    responses: list[None] = []
    note = functools.partial(responses.append, None)
    response: bytes
    try:
        response = yield _Watched(mechanism, note).authenticate
        return response
    except error_proto as exc:
        refused_at_once = len(responses) == 1 and _fits_command(mechanism)
        if exc.response is None or exc.code is not None or not refused_at_once:
            raise
        refusals.append(exc)
    response = yield _Watched(mechanism, note, in_two_lines=True).authenticate
    return response


def _fits_command(mechanism: _Mechanism) -> bool:
    """Whether auth() sends the initial response in the AUTH command."""
    octets = len(mechanism.initial_response() or b"")
    return len(f"AUTH {mechanism.name} \r\n") + (octets + 2) // 3 * 4 <= _LONGEST_COMMAND


def _is_about_token(error: error_proto) -> bool:
    return error.response is not None and error.code in (None, "AUTH")
