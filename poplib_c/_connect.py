"""Connects within a deadline: the constructors call within() if they are given one."""

from __future__ import annotations

from time import monotonic
from typing import Any

#: Seconds by which a socket's timeout may differ from the one that was set.
ROUNDED = 1e-6


def within(left: float, socket: Any, address: tuple[Any, Any], timeout: Any) -> Any:
    """Do socket.create_connection(address, timeout) within ``left`` seconds.

    create_connection() gives its whole timeout to each address of the host; this function shares
    ``left`` among them. A replacement of create_connection() is called, with ``left`` as its
    timeout if that is shorter. socket.getaddrinfo() cannot be interrupted: a deadline that passes
    in it is noticed afterwards.
    """
    end = monotonic() + left
    own = socket.getdefaulttimeout() if timeout is socket._GLOBAL_DEFAULT_TIMEOUT else timeout
    if getattr(socket.create_connection, "__globals__", None) is not vars(socket):
        return _create(socket, address, own, left)
    host, port = address
    failure = OSError("getaddrinfo returns an empty list")
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        remaining = end - monotonic()
        if remaining <= 0:
            raise socket.timeout("timed out")
        try:
            return _connect(socket.socket(family, kind, protocol), where, own, remaining)
        except OSError as exc:
            failure = exc
    try:
        raise failure
    finally:
        del failure  # The traceback of failure refers to this frame.


def _create(socket: Any, address: tuple[Any, Any], own: float | None, left: float) -> Any:
    """Call the replacement of create_connection(); keep a timeout that it set by itself."""
    if left <= 0:
        raise socket.timeout("timed out")
    held = _earlier(own, left)
    sock = socket.create_connection(address, held)
    has = sock.gettimeout()
    if has is not None and abs(has - held) < ROUNDED:
        sock.settimeout(own)
    return sock


def _earlier(own: float | None, left: float) -> float:
    return left if own is None else min(own, left)


def _connect(sock: Any, where: Any, own: float | None, left: float) -> Any:
    try:
        sock.settimeout(_earlier(own, left))
        sock.connect(where)
        sock.settimeout(own)
    except BaseException:
        sock.close()
        raise
    return sock
