"""POP3 for asyncio: the commands of poplib_c as coroutines::

    from poplib_c import aio

    async with aio.POP3_SSL("pop.example.org") as client:
        await client.login("alice", password)
        async for number, message in client.retr_many(await client.sizes()):
            ...

The event loop waits for the socket by add_reader() and add_writer(); all else is done by the code
of POP3. A cancelled command closes the connection.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Awaitable, Coroutine, Generator, Iterable
from typing import Any, Callable, Literal, TypeVar, Union, overload

from _cpoplib import _apop_line as make_apop_line  # type: ignore[attr-defined]
from poplib_c import POP3 as _POP3
from poplib_c import POP3_PORT, POP3_SSL_PORT, _replies, error_proto
from poplib_c._aio import FILE, LINES, OCTETS, PROOF, SIZES, UIDS, Connection, Many
from poplib_c._auth import Exchange, is_success
from poplib_c._login import Secret, Steps, login_oauth2_steps, login_steps
from poplib_c._peer import Peer
from poplib_c._policy import NO_CAPA

__all__ = ["POP3", "POP3_SSL", "error_proto"]

_T = TypeVar("_T")
_V = TypeVar("_V")
_N = TypeVar("_N", int, str)
_Pipelining = Union[Literal["auto"], bool]
_Capabilities = dict[str, list[str]]
#: The status line, the lines, their octets.
_Reply = tuple[bytes, list[bytes], int]


class POP3(Connection):
    """A POP3 connection; connect(), or ``async with``, opens it.

    timeout: seconds of silence after which socket.timeout is raised, or None. max_line, max_size
    and pipelining are those of poplib_c.POP3. sock: a connected socket to use, instead of one that
    connect() makes.

    One command at a time uses the connection; others wait for it.
    """

    encoding = _POP3.encoding
    timestamp = _POP3.timestamp

    def __init__(
        self,
        host: str,
        port: int = POP3_PORT,
        *,
        timeout: float | None = 60,
        max_line: int | None = 16777216,
        max_size: int | None = None,
        pipelining: _Pipelining = "auto",
        sock: socket.socket | None = None,
    ) -> None:
        super().__init__(host, port, timeout, (max_line, max_size, pipelining), sock)

    # --- commands ---------------------------------------------------------------------------

    # Methods with secrets are no coroutines: tracebacks show the arguments of those.

    def user(self, user: str) -> Coroutine[Any, Any, bytes]:
        return self._locked(_Inside(self).user, user)

    def pass_(self, pswd: str) -> Coroutine[Any, Any, bytes]:
        return self._locked(self._run, _pass_line(pswd))

    def rpop(self, user: str) -> Coroutine[Any, Any, bytes]:
        return self._locked(self._run, _line("RPOP", user))

    async def stat(self) -> tuple[int, int]:
        return _replies.stat(error_proto, await self._locked(self._run, "STAT"))

    @overload
    async def list(self, which: None = None) -> _Reply: ...
    @overload
    async def list(self, which: Any) -> bytes: ...
    async def list(self, which: Any = None) -> Any:
        return await self._listing("LIST", which)

    @overload
    async def uidl(self, which: None = None) -> _Reply: ...
    @overload
    async def uidl(self, which: Any) -> bytes: ...
    async def uidl(self, which: Any = None) -> Any:
        return await self._listing("UIDL", which)

    @overload
    async def lang(self, tag: None = None) -> _Reply: ...
    @overload
    async def lang(self, tag: str) -> bytes: ...
    async def lang(self, tag: str | None = None) -> Any:
        return await self._listing("LANG", tag)

    async def _listing(self, verb: str, which: Any) -> Any:
        if which is None:
            return await self._locked(self._run, verb, LINES)
        return await self._locked(self._run, _line(verb, which))

    async def retr(self, which: Any) -> _Reply:
        return await self._locked(self._run, _line("RETR", which), LINES)

    async def top(self, which: Any, howmuch: Any) -> _Reply:
        return await self._locked(self._run, f"TOP {which} {howmuch}", LINES)

    async def dele(self, which: Any) -> bytes:
        return await self._locked(self._run, _line("DELE", which))

    async def noop(self) -> bytes:
        return await self._locked(self._run, "NOOP")

    async def rset(self) -> bytes:
        return await self._locked(self._run, "RSET")

    async def utf8(self) -> bytes:
        return await self._locked(self._run, "UTF8")

    async def capa(self) -> _Capabilities:
        return await self._locked(self._capa)

    async def _capa(self) -> _Capabilities:
        try:
            reply = await self._run("CAPA", LINES)
        except error_proto as exc:
            if exc.response is None:
                raise
            raise error_proto(NO_CAPA)  # noqa: B904 (the refusal is the context, as in POP3)
        return _replies.capabilities_of(reply[1])

    # --- whole messages ---------------------------------------------------------------------

    async def sizes(self) -> dict[int, int | None]:
        return await self._locked(self._run, "LIST", SIZES)

    async def uids(self) -> dict[int, bytes]:
        return await self._locked(self._run, "UIDL", UIDS)

    async def retr_bytes(self, which: Any) -> bytes:
        return await self._locked(self._run, f"RETR {which}", OCTETS)

    async def top_bytes(self, which: Any, howmuch: Any) -> bytes:
        return await self._locked(self._run, f"TOP {which} {howmuch}", OCTETS)

    async def retr_into(self, which: Any, file: Any) -> int:
        return await self._locked(self._run, f"RETR {which}", FILE, file=file)

    # --- many messages ----------------------------------------------------------------------

    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["raise"] = ...,
        lines: Literal[False] = ...,
    ) -> Many[_N, bytes]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["raise"] = ...,
        lines: Literal[True],
    ) -> Many[_N, _Reply]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["return"],
        lines: Literal[False] = ...,
    ) -> Many[_N, bytes | error_proto]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["return"],
        lines: Literal[True],
    ) -> Many[_N, _Reply | error_proto]: ...
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: str = "raise",
        lines: bool = False,
    ) -> Many[_N, Any]:
        """Retrieve many messages: an asynchronous iterator over (number, message).

        The arguments are those of poplib_c.POP3.retr_many(). Leave a loop by ``break`` or
        aclose(): the next command receives and drops the pending replies.
        """
        return Many(self, "RETR", numbers, None, window, errors, delete, lines)

    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["raise"] = ...,
        lines: Literal[False] = ...,
    ) -> Many[_N, bytes]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["raise"] = ...,
        lines: Literal[True],
    ) -> Many[_N, _Reply]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["return"],
        lines: Literal[False] = ...,
    ) -> Many[_N, bytes | error_proto]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = ...,
        delete: bool = ...,
        errors: Literal["return"],
        lines: Literal[True],
    ) -> Many[_N, _Reply | error_proto]: ...
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = 128,
        delete: bool = False,
        errors: str = "raise",
        lines: bool = False,
    ) -> Many[_N, Any]:
        """Retrieve the headers and the first lines of many messages, as retr_many() does."""
        return Many(self, "TOP", numbers, str(howmuch), window, errors, delete, lines)

    @overload
    def dele_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        errors: Literal["raise"] = ...,
    ) -> Many[_N, bytes]: ...
    @overload
    def dele_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = ...,
        errors: Literal["return"],
    ) -> Many[_N, bytes | error_proto]: ...
    def dele_many(
        self, numbers: Iterable[_N], *, window: int = 128, errors: str = "raise"
    ) -> Many[_N, Any]:
        """Mark many messages as deleted: an asynchronous iterator over (number, response)."""
        return Many(self, "DELE", numbers, None, window, errors, False, False)

    async def _next(self, channel: Any, many: Any) -> Any:
        self._moved = None
        while (pair := channel.next(self, many)) is None:
            if channel.wants[0] == PROOF:
                await self._prove(channel)
            else:
                await self._wait()
        return pair

    async def _prove(self, channel: Any) -> None:
        """Find out whether the server takes commands ahead of the replies to others."""
        if self._options[-1] == "auto":
            try:
                able = "PIPELINING" in await self._capa()
            except error_proto as exc:
                if exc.args[0] != NO_CAPA:
                    raise
                able = False
            if not able:
                channel.settle(False)
                return
        again = True
        while again:
            await self._finish(channel.receive, self)
            channel.prove(self)
            await self._finish(channel.receive, self)
            again = channel.settle()

    # --- logging in -------------------------------------------------------------------------

    def apop(self, user: str, password: str) -> Coroutine[Any, Any, bytes]:
        return self._locked(self._run, _apop_line(self, user, password))

    def auth(
        self, mechanism: Any, authobject: Any = None, initial_response: Any = None
    ) -> Coroutine[Any, Any, bytes]:
        return self._locked(self._auth, mechanism, authobject, Secret(initial_response))

    def login(
        self,
        user: str,
        password: str,
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
        encoding: str | None = None,
    ) -> Coroutine[Any, Any, bytes]:
        secret = Secret(password)
        arguments = user, secret, mechanisms, allow_insecure, encoding
        return self._locked(self._perform, login_steps, *arguments)

    def login_oauth2(
        self,
        user: str,
        token: str | Callable[[], str | Awaitable[str]],
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
    ) -> Coroutine[Any, Any, bytes]:
        """Log in by an OAuth 2.0 token; a callable may return an awaitable."""
        arguments = user, Secret(token), mechanisms, allow_insecure
        return self._locked(self._perform, login_oauth2_steps, *arguments)

    async def _auth(self, mechanism: Any, authobject: Any, first: Secret) -> bytes:
        channel = self._use()
        exchange = Exchange(error_proto, mechanism, authobject)
        exchange.first = first()
        line = Secret(functools.partial(getattr, exchange, "line"))
        reply: bytes = b""
        is_answer = False

        async def send(_: None) -> Any:
            nonlocal reply, is_answer
            reply, was_answer, is_answer = b"", is_answer, True
            try:
                reply = await self._run(line, is_sasl=True)
            except Exception as exc:
                # The server still waits for the answer.
                if was_answer and not (isinstance(exc, error_proto) and exc.response):
                    self._abandon(channel)
                raise
            return reply

        try:
            await self._drive(exchange.turns(), send)
        except Exception as exc:
            if reply and not is_success(reply):
                self._abandon(channel)
            elif reply and not isinstance(exc, error_proto):
                self.close()
            raise
        try:
            exchange.success()
        except BaseException:
            self.close()
            raise
        return reply

    def _abandon(self, channel: Any) -> None:
        if self._channel is channel:
            channel.abandon()

    async def _perform(self, make: Callable[..., Steps[bytes]], *arguments: Any) -> bytes:
        """Perform the steps of a login, as poplib_c._login.run() does."""
        self._use()
        client = _Inside(self)
        steps = make(Peer(self, self._is_verified), *arguments)
        return await self._drive(steps, lambda step: step(client))

    async def _drive(
        self, steps: Generator[_T, Any, _V], perform: Callable[[_T], Awaitable[Any]]
    ) -> _V:
        """Await what the generator yields; send it the results, throw it the exceptions."""
        resume: Callable[[Any], Any] = steps.send
        outcome: Any = None
        try:
            while True:
                step = resume(outcome)
                try:
                    outcome, resume = await perform(step), steps.send
                except BaseException as exc:
                    outcome, resume = exc, steps.throw
        except StopIteration as end:
            value: _V = end.value
            return value
        finally:
            steps.close()
            # The traceback of an exception refers to this frame.
            del outcome, resume

    # --- TLS --------------------------------------------------------------------------------

    async def stls(
        self, *, keyfile: Any = None, certfile: Any = None, verify: Any = True
    ) -> bytes:
        """Begin TLS (STLS; RFC 2595); the server's certificate is verified unless verify=False."""
        return await self._locked(self._stls, keyfile, certfile, verify)

    async def _stls(self, keyfile: Any, certfile: Any, verify: Any) -> bytes:
        channel = self._use()
        channel.load_tls(keyfile, certfile, _checked(verify))
        _replies.check_plain(error_proto, self._tls_established)
        _replies.check_offer(error_proto, await self._capa())
        try:
            response: bytes = await self._run("STLS")
        except BaseException as exc:
            # The server may have begun TLS: nothing more is sent in plain text.
            if not isinstance(exc, error_proto) or exc.response is None:
                self.close()
            raise
        try:
            await self._shake_hands(channel)
        except BaseException:
            self.close()
            raise
        self._is_verified = bool(verify)
        return response


class POP3_SSL(POP3):
    """A POP3 connection over TLS; the server's certificate is verified unless verify=False.

    verify: True, False, or the path of trusted certificates.
    """

    def __init__(
        self,
        host: str,
        port: int = POP3_SSL_PORT,
        *,
        keyfile: Any = None,
        certfile: Any = None,
        verify: Any = True,
        timeout: float | None = 60,
        max_line: int | None = 16777216,
        max_size: int | None = None,
        pipelining: _Pipelining = "auto",
        sock: socket.socket | None = None,
    ) -> None:
        super().__init__(
            host,
            port,
            timeout=timeout,
            max_line=max_line,
            max_size=max_size,
            pipelining=pipelining,
            sock=sock,
        )
        self._tls = (keyfile, certfile, _checked(verify))

    def _load(self, channel: Any) -> None:
        channel.load_tls(*self._tls)

    async def _open(self, channel: Any) -> None:
        await self._shake_hands(channel)
        self._is_verified = bool(self._tls[2])


class _Inside:
    """The commands that steps of login() call, for the one who holds the connection."""

    def __init__(self, client: POP3) -> None:
        self._client = client

    def capa(self) -> Coroutine[Any, Any, _Capabilities]:
        return self._client._capa()

    def user(self, user: str) -> Coroutine[Any, Any, bytes]:
        return self._client._run(_line("USER", user))

    def pass_(self, pswd: str) -> Coroutine[Any, Any, bytes]:
        return self._client._run(_pass_line(pswd))

    def apop(self, user: str, password: str) -> Coroutine[Any, Any, bytes]:
        return self._client._run(_apop_line(self._client, user, password))

    def auth(self, mechanism: Any) -> Coroutine[Any, Any, bytes]:
        return self._client._auth(mechanism, None, Secret(None))


def _checked(verify: Any) -> Any:
    """Raise TypeError for None, which verifies nothing in POP3_SSL of poplib_c."""
    if verify is None:
        raise TypeError("verify must be True, False or the path of trusted certificates, not None")
    return verify


def _line(verb: str, argument: Any) -> str:
    """Return the line as poplib formats it: % takes tuples and mappings in its own way."""
    return f"{verb} %s" % argument  # type: ignore[no-any-return]


def _pass_line(pswd: str) -> Secret:
    return Secret(functools.partial(_line, "PASS", pswd))


def _apop_line(client: POP3, user: str, password: str) -> Secret:
    return Secret(functools.partial(make_apop_line, client, user, password))


for _name, _method in vars(POP3).items():
    # The methods that have no text of their own do what those of POP3 do.
    if callable(_method) and not _method.__doc__ and hasattr(_POP3, _name):
        _method.__doc__ = getattr(_POP3, _name).__doc__
