"""Connects: within a deadline, and until close() is called in another thread."""

from __future__ import annotations

import _socket
import errno
import os
import select
import socket as standard
from math import inf
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: Seconds by which a socket's timeout may differ from the one that was set.
ROUNDED = 1e-6
#: The most seconds that poll() waits.
_LONGEST = 2e6


def connect(
    watch: Callable[[int], None],
    left: float,
    socket: Any,
    address: tuple[Any, Any],
    timeout: Any,
) -> Any:
    """Do socket.create_connection(address, timeout) within ``left`` seconds.

    create_connection() gives its whole timeout to each address of the host; this function shares
    ``left`` among them. A replacement of create_connection() is called, with ``left`` as its
    timeout if that is shorter. socket.getaddrinfo() cannot be interrupted: a deadline that passes
    in it, and close(), are noticed afterwards.

    watch(descriptor): has close() in another thread shut the descriptor down, none if it is -1;
    raises ConnectionAbortedError if close() was called before.
    """
    if getattr(socket.create_connection, "__globals__", None) is not vars(standard):
        return _create(socket, address, timeout, left)
    end = monotonic() + left
    default = timeout is standard._GLOBAL_DEFAULT_TIMEOUT  # type: ignore[attr-defined]
    own = standard.getdefaulttimeout() if default else timeout
    failure = OSError("getaddrinfo returns an empty list")
    host, port = address
    for *kind, _, where in standard.getaddrinfo(host, port, 0, standard.SOCK_STREAM):
        remaining = end - monotonic()
        if remaining <= 0:
            raise standard.timeout("timed out")
        watch(-1)
        try:
            return _open(watch, standard.socket(*kind), where, own, remaining)
        except OSError as exc:
            failure = exc
    try:
        raise failure
    finally:
        del failure  # The traceback of failure refers to this frame.


def _create(socket: Any, address: tuple[Any, Any], timeout: Any, left: float) -> Any:
    """Call the replacement of create_connection(); keep a timeout that it set by itself."""
    if left == inf:
        return socket.create_connection(address, timeout)
    if left <= 0:
        raise standard.timeout("timed out")
    own = socket.getdefaulttimeout() if timeout is socket._GLOBAL_DEFAULT_TIMEOUT else timeout
    held = _earlier(own, left)
    sock = socket.create_connection(address, held)
    has = sock.gettimeout()
    if has is not None and abs(has - held) < ROUNDED:
        sock.settimeout(own)
    return sock


def _earlier(own: float | None, left: float) -> float:
    return left if own is None else min(own, left)


def _open(watch: Any, sock: Any, where: Any, own: float | None, left: float) -> Any:
    """Connect the socket within ``left`` seconds or its timeout ``own``; close it on failure."""
    try:
        sock.settimeout(own)
        if type(sock).connect is _socket.socket.connect:
            sock.settimeout(0.0)
            _wait(watch, sock, sock.connect_ex(where), _earlier(own, left))
        else:  # Of a subclass, or patched: it may do more, so it has to block.
            watch(sock.fileno())
            if left != inf:
                sock.settimeout(_earlier(own, left))
            sock.connect(where)
        sock.settimeout(own)
    except BaseException:
        sock.close()
        raise
    return sock


def _wait(watch: Any, sock: Any, error: int, seconds: float) -> None:
    """Wait until the socket is connected. ``error``: what beginning that has returned.

    close() shuts the socket down, without effect before the beginning. So watch() comes later.
    """
    watch(sock.fileno())
    if error == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        if not poll.poll(None if seconds == inf else min(seconds, _LONGEST) * 1000):
            raise standard.timeout("timed out")
        error = sock.getsockopt(standard.SOL_SOCKET, standard.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
