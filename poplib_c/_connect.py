"""Connecting within a deadline; the constructors call it if they are given one."""

from __future__ import annotations

from time import monotonic
from typing import Any

#: Seconds that a socket's timeout may differ from what was set.
ROUNDED = 1e-6


def within(left: float, socket: Any, address: tuple[Any, Any], timeout: Any) -> Any:
    """Do socket.create_connection(address, timeout), and take no more than ``left`` seconds.

    That function gives its whole timeout to each of the host's addresses. Where another one has
    taken its place, it is called, and given what is left for its timeout. What waits in
    socket.getaddrinfo() cannot be interrupted: it is only noticed afterwards.
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
        del failure  # Its traceback refers to this frame.


def _create(socket: Any, address: tuple[Any, Any], own: float | None, left: float) -> Any:
    """Call whatever has taken the function's place; another timeout than it was given stays."""
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
