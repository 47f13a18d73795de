"""The connection of poplib_c.aio: connects, waits, closes; one command at a time uses it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from _cpoplib import Channel  # type: ignore[attr-defined]
from poplib_c._login import Secret

if TYPE_CHECKING:
    from typing_extensions import Self

_T = TypeVar("_T")
_N = TypeVar("_N", int, str)

# What a command's result is: enum channel_form.
STATUS, LINES, OCTETS, FILE, SIZES, UIDS = range(6)

# What to wait for: enum channel_wants.
_READ, _WRITE = 1, 2
PROOF = 4

#: Results of retr_many() that are returned before other tasks have their turn.
_RESULTS_PER_TURN = 16


class Connection:
    """The base of POP3: all but the commands."""

    welcome: bytes
    _is_verified = False
    _tls_established = False

    def __init__(
        self,
        host: str,
        port: int,
        timeout: float | None,
        options: tuple[Any, Any, Any],
        sock: socket.socket | None,
    ) -> None:
        if timeout is not None and not timeout > 0:
            raise ValueError("timeout must be positive, or None for no timeout")
        self.host = host
        self.port = port
        self._timeout = timeout
        self._options = options
        self._new = Channel(*self._options)
        self._channel: Any = None
        self._given = sock
        self._is_given = sock is not None
        self._lock: asyncio.Lock | None = None
        self._holder: asyncio.Task[Any] | None = None
        self._cancelled = False
        self._is_closed = False
        self._waiter: asyncio.Future[bool] | None = None
        self._moved: tuple[int, int] | None = None
        self._silent_since = 0.0
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
        if type is None and (self._channel is not None or self._cancelled):
            await self.quit()
        elif self._channel is not None:
            self.close()

    async def quit(self) -> bytes:
        """Sign off: commit deletions, close the connection, also if this raises."""
        return await self._locked(self._quit)

    def close(self) -> None:
        """Close the connection. A command that is under way raises ConnectionAbortedError."""
        channel, self._channel = self._channel, None
        self._is_closed = True
        self._cancelled = False
        self._unwatch()
        waiter = self._waiter
        if waiter is not None and not waiter.done() and not waiter.get_loop().is_closed():
            waiter.set_result(False)
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
        if self._is_given and self._given is None:
            # Connecting to host would bypass the proxy or the tunnel of the socket.
            text = "the connection by sock= is over; make another client with another socket"
            raise OSError(errno.ENOTCONN, text)
        self._is_closed = self._tls_established = self._is_verified = False
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
        self._check_open(None)
        try:
            for family, kind, protocol, _, address in addresses:
                try:
                    return await self._reach(socket.socket(family, kind, protocol), address)
                except OSError as exc:
                    if self._is_closed:
                        raise
                    failure = exc
            raise failure
        finally:
            # The traceback of failure refers to this frame.
            del failure

    async def _reach(self, sock: socket.socket, address: Any) -> socket.socket:
        try:
            sock.setblocking(False)
            number = sock.connect_ex(address)
            if number in (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR):
                if not await self._watch(sock.fileno(), _WRITE, self._timeout):
                    raise socket.timeout("timed out")
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, os.strerror(number))
        except BaseException:
            sock.close()
            raise
        return sock

    async def _shake_hands(self, channel: Any) -> None:
        channel.begin_tls(self.host)
        await self._finish(channel.handshake)
        self._tls_established = True

    # --- one command at a time --------------------------------------------------------------

    async def _locked(self, work: Callable[..., Awaitable[_T]], *args: Any, **options: Any) -> _T:
        """Await work(*args, **options) while no other command uses the connection."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        task = asyncio.current_task()
        if task is not None and task is self._holder:
            raise RuntimeError("a command of this task uses the connection, and awaits this one")
        async with self._lock:
            self._holder = task
            try:
                return await work(*args, **options)
            except Exception:
                raise
            except BaseException:
                self.close()
                self._cancelled = True
                raise
            finally:
                self._holder = None

    def _use(self) -> Any:
        """Return the channel; raise OSError if there is no connection."""
        if self._channel is not None:
            return self._channel
        if self._cancelled:
            text = "the connection was closed because a command was cancelled"
            raise ConnectionAbortedError(errno.ECONNABORTED, text)
        raise OSError(errno.ENOTCONN, "there is no connection; connect() makes one")

    async def _run(self, line: str | Secret | None, form: int = STATUS, **more: Any) -> Any:
        """Send a command and return its result; the lock is held."""
        channel = self._use()
        await self._finish(channel.receive, self)
        # A line with a secret is in no variable.
        channel.start(self, line() if isinstance(line, Secret) else line, form, **more)
        return await self._finish(channel.step)

    async def _quit(self) -> bytes:
        try:
            response: bytes = await self._run("QUIT")
            return response
        finally:
            self.close()

    async def _finish(self, step: Callable[..., Any], *args: Any) -> Any:
        self._moved = None
        while (result := step(*args)) is None:
            await self._wait()
        return result

    async def _wait(self) -> None:
        channel = self._channel
        if channel is None:
            self._check_open(channel)
        bits, seconds = channel.wants
        left = self._left(channel) if seconds is None else seconds
        if seconds is None and left is not None and left <= 0:
            channel.time_out()
        elif bits:
            await self._watch(channel.sock.fileno(), bits, left)
        else:
            await asyncio.sleep(0)
            self._check_open(channel)

    def _left(self, channel: Any) -> float | None:
        """Return for how many seconds silence may go on.

        Records of TLS without octets are silence, too: a flood of them wakes the waiter.
        """
        now = asyncio.get_running_loop().time()
        if self._moved is None or self._moved != channel.moved:
            self._moved = channel.moved
            self._silent_since = now
        return None if self._timeout is None else self._silent_since + self._timeout - now

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


class Many(AsyncIterator[tuple[_N, _T]]):
    """An asynchronous iterator over (number, result)."""

    def __init__(self, client: Any, *arguments: Any) -> None:
        self._client = client
        self._channel = client._use()
        self._many = self._channel.many(*arguments)
        self._given = 0

    async def __anext__(self) -> tuple[_N, _T]:
        self._given += 1
        if self._given % _RESULTS_PER_TURN == 0:
            await asyncio.sleep(0)
        pair: tuple[_N, _T] = await self._client._locked(self._next)
        return pair

    async def _next(self) -> tuple[_N, _T]:
        if self._many is None:
            raise StopAsyncIteration
        self._client._use()
        self._client._check_open(self._channel)
        pair: tuple[_N, _T] = await self._client._next(self._channel, self._many)
        return pair

    async def aclose(self) -> None:
        """End the iteration; the next command receives and drops what is pending."""
        if self._many is not None:
            self._many.close()
            self._many = None


def _wake(waiter: asyncio.Future[bool], is_ready: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_ready)
