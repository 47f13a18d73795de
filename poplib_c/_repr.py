"""repr() of a connection, for debuggers and logs.

It sends nothing, waits for nothing, and calls no method of a subclass or of a foreign socket.
"""

from __future__ import annotations

import sys
from typing import Any

import _cpoplib

_module: Any = _cpoplib


def describe(client: Any) -> str:
    """Return <class host:port, TLS version, state>; object's repr() if that fails."""
    try:
        return _describe(client)
    except (MemoryError, RecursionError):
        raise
    except Exception:
        return object.__repr__(client)


def _describe(client: Any) -> str:
    kind = type(client)
    attributes = object.__getattribute__(client, "__dict__")
    state = _module.POP3._get_state(client)
    facts = []
    if "host" in attributes:
        facts.append(_address(attributes["host"], attributes.get("port")))
    if state != "closed":
        facts += _encryption(attributes.get("sock"))
    facts.append(state)
    return f"<{kind.__module__}.{kind.__qualname__} {', '.join(facts)}>"


def _address(host: object, port: object) -> str:
    shown = _word(host)
    return f"[{shown}]:{_word(port)}" if ":" in shown else f"{shown}:{_word(port)}"


def _word(value: object) -> str:
    """Return a printable text for what a program has set as host or port."""
    if type(value) is str and value.isprintable() and len(value) < 256:
        return value
    simple = value is None or type(value) in (str, bytes, int)
    return f"{value!r:.256}" if simple else f"<{type(value).__name__}>"


def _encryption(sock: Any) -> list[str]:
    """Return the version of TLS; nothing for a socket whose methods may do anything."""
    kind = type(sock)
    ssl, socket = sys.modules.get("ssl"), sys.modules.get("socket")
    if kind is _module.TLSSocket:
        version = kind.version(sock)
    elif ssl is not None and issubclass(kind, ssl.SSLSocket):
        version = ssl.SSLSocket.version(sock)
    elif socket is not None and issubclass(kind, socket.socket):
        version = None
    else:
        return []
    return [version or "no TLS"]
