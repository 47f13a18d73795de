"""POP3 for asyncio: the commands of poplib_c as coroutines.

    from poplib_c import aio

    async with aio.POP3_SSL("pop.example.org") as client:
        await client.login("alice", password)
        async for number, message in client.retr_many(await client.sizes()):
            ...

The event loop waits for the socket by add_reader() and add_writer(); all else is done by the code
of POP3. A cancelled command closes the connection.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Generator, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from _cpoplib import Channel  # type: ignore[attr-defined]
from _cpoplib import _apop_line as make_apop_line  # type: ignore[attr-defined]
from poplib_c import POP3 as _POP3
from poplib_c import POP3_PORT, POP3_SSL_PORT, _replies, error_proto
from poplib_c._auth import Exchange
from poplib_c._auth import _is_success as is_success
from poplib_c._login import Secret, Steps, login_oauth2_steps, login_steps
from poplib_c._peer import Peer
from poplib_c._policy import NO_CAPA

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["POP3", "POP3_SSL", "error_proto"]

_T = TypeVar("_T")
_V = TypeVar("_V")
_N = TypeVar("_N", int, str)
_Capabilities = dict[str, list[str]]
#: The status line, the lines, their octets.
_Reply = tuple[bytes, list[bytes], int]

# What a command's result is: enum channel_form.
_STATUS, _LINES, _OCTETS, _FILE, _SIZES, _UIDS = range(6)

# What to wait for: enum channel_wants.
_READ, _WRITE, _PROOF = 1, 2, 4

#: Results of retr_many() that are returned before other tasks have their turn.
_RESULTS_PER_TURN = 16


class POP3:
    """A POP3 connection; connect(), or ``async with``, opens it.

    timeout: seconds of silence after which socket.timeout is raised, or None. max_line, max_size
    and pipelining are those of poplib_c.POP3. sock: a connected socket to use, instead of one that
    connect() makes.

    One command at a time uses the connection; others wait for it.
    """

    encoding = _POP3.encoding
    timestamp = _POP3.timestamp
    welcome: bytes
    _is_verified = False
    _tls_established = False

    def __init__(
        self,
        host: str,
        port: int = POP3_PORT,
        *,
        timeout: float | None = 60,
        max_line: int | None = 16777216,
        max_size: int | None = None,
        pipelining: Any = "auto",
        sock: socket.socket | None = None,
    ) -> None:
        if timeout is not None and timeout <= 0:
            raise ValueError("timeout must be positive, or None for no timeout")
        self.host = host
        self.port = port
        self._timeout = timeout
        self._pipelining = pipelining
        self._options = (max_line, max_size, pipelining)
        self._new = Channel(*self._options)
        self._channel: Any = None
        self._given = sock
        self._lock: asyncio.Lock | None = None
        self._cancelled = False
        self._is_closed = False
        self._waiter: asyncio.Future[bool] | None = None
        self._watched: tuple[asyncio.AbstractEventLoop, int, int] | None = None

    # --- connecting and closing -------------------------------------------------------------

    async def connect(self) -> Self:
        """Connect, and read the greeting."""
        return await self._locked(self._connect)

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._channel is not None:
            if type is None:
                await self.quit()
            else:
                self.close()

    def close(self) -> None:
        """Close the connection. A command that is under way raises ConnectionAbortedError."""
        channel, self._channel = self._channel, None
        self._is_closed = True
        self._cancelled = False
        self._unwatch()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)
        if channel is not None:
            channel.close()

    @property
    def sock(self) -> Any:
        """The socket, a TLSSocket with TLS; None if there is no connection."""
        return None if self._channel is None else self._channel.sock

    def getwelcome(self) -> bytes:
        return self.welcome

    async def _connect(self) -> Self:
        if self._channel is not None:
            raise OSError(errno.EISCONN, "already connected; close() first")
        self._is_closed = False
        channel = self._new or Channel(*self._options)
        self._load(channel)
        sys.audit("poplib.connect", self, self.host, self.port)
        sock, self._given = self._given, None
        if sock is None:
            sock = await self._dial()
        try:
            sock.setblocking(False)
            channel.attach(sock)
        except BaseException:
            sock.close()
            raise
        self._new = None
        self._channel = channel
        try:
            await self._open(channel)
            self.welcome = await self._run(None)
        except BaseException:
            self.close()
            raise
        return self

    def _load(self, channel: Any) -> None:
        """Read what connect() needs of files."""

    async def _open(self, channel: Any) -> None:
        """Do what precedes the greeting."""

    async def _dial(self) -> socket.socket:
        """Return a socket that is connected to the first address that accepts."""
        loop = asyncio.get_running_loop()
        failure: BaseException = OSError("getaddrinfo returns an empty list")
        addresses = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        try:
            for family, kind, protocol, _, address in addresses:
                sock = socket.socket(family, kind, protocol)
                try:
                    await self._reach(sock, address)
                except OSError as exc:
                    sock.close()
                    if self._is_closed:
                        raise
                    failure = exc
                except BaseException:
                    sock.close()
                    raise
                else:
                    return sock
            raise failure
        finally:
            # The traceback of failure refers to this frame.
            del failure

    async def _reach(self, sock: socket.socket, address: Any) -> None:
        sock.setblocking(False)
        number = sock.connect_ex(address)
        if number in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
            if not await self._watch(sock.fileno(), _WRITE, self._timeout):
                raise socket.timeout("timed out")
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))

    async def _shake_hands(self, channel: Any) -> None:
        channel.begin_tls(self.host)
        await self._finish(channel.handshake)
        self._tls_established = True

    # --- one command at a time --------------------------------------------------------------

    async def _locked(self, work: Callable[..., Awaitable[_T]], *args: Any, **options: Any) -> _T:
        """Await work(*args, **options) while no other command uses the connection."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            try:
                return await work(*args, **options)
            except Exception:
                raise
            except BaseException:
                self.close()
                self._cancelled = True
                raise

    def _use(self) -> Any:
        """Return the channel; raise OSError if there is no connection."""
        if self._channel is not None:
            return self._channel
        if self._cancelled:
            text = "the connection was closed because a command was cancelled"
            raise ConnectionAbortedError(errno.ECONNABORTED, text)
        raise OSError(errno.ENOTCONN, "there is no connection; connect() makes one")

    async def _run(self, line: str | Secret | None, form: int = _STATUS, **more: Any) -> Any:
        """Send a command and return its result; the lock is held."""
        channel = self._use()
        await self._finish(channel.receive, self)
        # A line with a secret is in no variable.
        channel.start(self, line() if isinstance(line, Secret) else line, form, **more)
        return await self._finish(channel.step)

    async def _finish(self, step: Callable[..., Any], *args: Any) -> Any:
        while (result := step(*args)) is None:
            await self._wait()
        return result

    async def _wait(self) -> None:
        channel = self._channel
        bits, seconds = channel.wants
        if not bits:
            await asyncio.sleep(0)
            self._check_open(channel)
        elif not await self._watch(
            channel.sock.fileno(), bits, self._timeout if seconds is None else seconds
        ):
            self._check_open(channel)
            if seconds is None:
                channel.time_out()

    def _check_open(self, channel: Any) -> None:
        if self._is_closed or self._channel is not channel:
            text = "the connection was closed while it was in use"
            raise ConnectionAbortedError(errno.ECONNABORTED, text)

    async def _watch(self, fd: int, bits: int, seconds: float | None) -> bool:
        """Return whether the descriptor is ready before the seconds are over."""
        channel = self._channel
        self._check_open(channel)
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = None
        self._watched = (loop, fd, bits)
        try:
            if bits & _READ:
                loop.add_reader(fd, _wake, waiter, True)
            if bits & _WRITE:
                loop.add_writer(fd, _wake, waiter, True)
            if seconds is not None:
                timer = loop.call_later(seconds, _wake, waiter, False)
            is_ready: bool = await waiter
        except NotImplementedError:
            raise NotImplementedError(
                f"{type(loop).__name__} has no add_reader(); on Windows, use "
                "asyncio.SelectorEventLoop"
            ) from None
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
            self._unwatch()
        self._check_open(channel)
        return is_ready

    def _unwatch(self) -> None:
        """Let the loop forget the descriptor, before that is closed."""
        if self._watched is not None:
            (loop, fd, bits), self._watched = self._watched, None
            if loop.is_closed():
                return
            if bits & _READ:
                loop.remove_reader(fd)
            if bits & _WRITE:
                loop.remove_writer(fd)

    # --- commands ---------------------------------------------------------------------------

    # Methods with secrets are no coroutines: tracebacks show the arguments of those.

    def user(self, user: str) -> Awaitable[bytes]:
        return self._locked(_Inside(self).user, user)

    def pass_(self, pswd: str) -> Awaitable[bytes]:
        return self._locked(self._run, _pass_line(pswd))

    def rpop(self, user: str) -> Awaitable[bytes]:
        return self._locked(self._run, _line("RPOP", user))

    async def stat(self) -> tuple[int, int]:
        return _replies.stat(error_proto, await self._locked(self._run, "STAT"))

    async def list(self, which: Any = None) -> Any:
        return await self._listing("LIST", which)

    async def uidl(self, which: Any = None) -> Any:
        return await self._listing("UIDL", which)

    async def lang(self, tag: str | None = None) -> Any:
        return await self._listing("LANG", tag)

    async def _listing(self, verb: str, which: Any) -> Any:
        if which is None:
            return await self._locked(self._run, verb, _LINES)
        return await self._locked(self._run, _line(verb, which))

    async def retr(self, which: Any) -> _Reply:
        return await self._locked(self._run, _line("RETR", which), _LINES)

    async def top(self, which: Any, howmuch: Any) -> _Reply:
        return await self._locked(self._run, f"TOP {which} {howmuch}", _LINES)

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

    async def quit(self) -> bytes:
        return await self._locked(self._quit)

    async def _capa(self) -> _Capabilities:
        try:
            reply = await self._run("CAPA", _LINES)
        except error_proto as exc:
            if exc.response is None:
                raise
            raise error_proto(NO_CAPA)  # noqa: B904 (the refusal is the context, as in POP3)
        return _replies.capa(reply)

    async def _quit(self) -> bytes:
        try:
            response: bytes = await self._run("QUIT")
            return response
        finally:
            self.close()

    # --- whole messages ---------------------------------------------------------------------

    async def sizes(self) -> dict[int, int | None]:
        return await self._locked(self._run, "LIST", _SIZES)

    async def uids(self) -> dict[int, bytes]:
        return await self._locked(self._run, "UIDL", _UIDS)

    async def retr_bytes(self, which: Any) -> bytes:
        return await self._locked(self._run, f"RETR {which}", _OCTETS)

    async def top_bytes(self, which: Any, howmuch: Any) -> bytes:
        return await self._locked(self._run, f"TOP {which} {howmuch}", _OCTETS)

    async def retr_into(self, which: Any, file: Any) -> int:
        return await self._locked(self._run, f"RETR {which}", _FILE, file=file)

    # --- many messages ----------------------------------------------------------------------

    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: str = "raise",
        lines: bool = False,
    ) -> _Many[_N]:
        return _Many(self, "RETR", numbers, None, window, errors, delete, lines)

    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: Any,
        *,
        window: int = 128,
        delete: bool = False,
        errors: str = "raise",
        lines: bool = False,
    ) -> _Many[_N]:
        return _Many(self, "TOP", numbers, str(howmuch), window, errors, delete, lines)

    def dele_many(
        self, numbers: Iterable[_N], *, window: int = 128, errors: str = "raise"
    ) -> _Many[_N]:
        return _Many(self, "DELE", numbers, None, window, errors, False, False)

    async def _next(self, channel: Any, many: Any) -> Any:
        while (pair := channel.next(self, many)) is None:
            if channel.wants[0] == _PROOF:
                await self._prove(channel)
            else:
                await self._wait()
        return pair

    async def _prove(self, channel: Any) -> None:
        """Find out whether the server takes commands ahead of the replies to others."""
        if self._pipelining == "auto":
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

    def apop(self, user: str, password: str) -> Awaitable[bytes]:
        return self._locked(self._run, _apop_line(self, user, password))

    def auth(
        self, mechanism: Any, authobject: Any = None, initial_response: Any = None
    ) -> Awaitable[bytes]:
        return self._locked(self._auth, mechanism, authobject, Secret(initial_response))

    def login(
        self,
        user: str,
        password: str,
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
        encoding: str | None = None,
    ) -> Awaitable[bytes]:
        """Log in by the best mechanism that the server supports, as POP3.login() does."""
        peer = Peer(self, self._is_verified)
        secret = Secret(password)
        return self._locked(
            self._perform,
            login_steps(peer, user, secret, mechanisms, allow_insecure, encoding),
        )

    def login_oauth2(
        self,
        user: str,
        token: str | Callable[[], str | Awaitable[str]],
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
    ) -> Awaitable[bytes]:
        """Log in by an OAuth 2.0 token; a callable may return an awaitable."""
        peer = Peer(self, self._is_verified)
        return self._locked(
            self._perform,
            login_oauth2_steps(peer, user, Secret(token), mechanisms, allow_insecure),
        )

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

    async def _perform(self, steps: Steps[bytes]) -> bytes:
        """Perform the steps of a login, as poplib_c._login.run() does."""
        self._use()
        client = _Inside(self)
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
        channel.load_tls(keyfile, certfile, verify)
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
        pipelining: Any = "auto",
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
        self._tls = (keyfile, certfile, verify)
        self._is_verified = bool(verify)

    def _load(self, channel: Any) -> None:
        channel.load_tls(*self._tls)

    async def _open(self, channel: Any) -> None:
        await self._shake_hands(channel)


class _Inside:
    """The commands that steps of login() call, for the one who holds the connection."""

    def __init__(self, client: POP3) -> None:
        self._client = client

    def capa(self) -> Awaitable[_Capabilities]:
        return self._client._capa()

    def user(self, user: str) -> Awaitable[bytes]:
        return self._client._run(_line("USER", user))

    def pass_(self, pswd: str) -> Awaitable[bytes]:
        return self._client._run(_pass_line(pswd))

    def apop(self, user: str, password: str) -> Awaitable[bytes]:
        return self._client._run(_apop_line(self._client, user, password))

    def auth(self, mechanism: Any) -> Awaitable[bytes]:
        return self._client._auth(mechanism, None, Secret(None))


class _Many(AsyncIterator[tuple[_N, Any]]):
    """An asynchronous iterator over (number, result)."""

    def __init__(self, client: POP3, *arguments: Any) -> None:
        self._client = client
        self._channel = client._use()
        self._many = self._channel.many(*arguments)
        self._given = 0

    async def __anext__(self) -> tuple[_N, Any]:
        self._given += 1
        if self._given % _RESULTS_PER_TURN == 0:
            await asyncio.sleep(0)
        return await self._client._locked(self._next)

    async def _next(self) -> tuple[_N, Any]:
        if self._many is None:
            raise StopAsyncIteration
        self._client._use()
        pair: tuple[_N, Any] = await self._client._next(self._channel, self._many)
        return pair

    async def aclose(self) -> None:
        """End the iteration; the next command receives and drops what is pending."""
        if self._many is not None:
            self._many.close()
            self._many = None


def _line(verb: str, argument: Any) -> str:
    """Return the line as poplib formats it: % takes tuples and mappings in its own way."""
    return f"{verb} %s" % argument  # type: ignore[no-any-return]


def _pass_line(pswd: str) -> Secret:
    return Secret(functools.partial(_line, "PASS", pswd))


def _apop_line(client: POP3, user: str, password: str) -> Secret:
    return Secret(functools.partial(make_apop_line, client, user, password))


def _wake(waiter: asyncio.Future[bool], is_ready: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_ready)
