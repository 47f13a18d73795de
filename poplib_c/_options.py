"""Checks the options of a connection and of retr_many(): a function for each, named like it.

Each returns the int that C keeps; -1 stands for no limit. Also the defaults that signatures show.
"""

from __future__ import annotations

from _operator import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_READ_AHEAD = 65535


class _Shown(str):
    """A default in the signatures of C functions, which help() and inspect show as it is.

    inspect evaluates the names that these signatures give for defaults, and takes only numbers and
    texts.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


#: Of timeout; the constructors take it for socket._GLOBAL_DEFAULT_TIMEOUT.
SOCKET_DEFAULT = _Shown("<socket default>")
#: Of read_ahead: what install() has set, or 0.
INSTALLED = _Shown("<install() default>")
#: Of the arguments of set_options().
UNCHANGED = _Shown("<unchanged>")


def _limit(name: str, value: Any) -> int:
    if value is None:
        return -1
    if not isinstance(value, int):
        kind = type(value).__name__
        raise TypeError(f"{name} must be an int (octets) or None, not {kind}")
    if value <= 0:
        raise ValueError(f"{name} must be positive, or None for no limit")
    return value


def max_line(value: Any) -> int:
    return _limit("max_line", value)


def max_size(value: Any) -> int:
    return _limit("max_size", value)


def pipelining(value: Any) -> int:
    """Return a value of enum pop3_pipelining."""
    for choice, number in ((True, 1), (False, 2)):
        if value is choice:
            return number
    if not isinstance(value, str) or value != "auto":
        raise ValueError(f"pipelining must be 'auto', True or False, not {value!r}")
    return 0


def read_ahead(value: Any) -> int:
    if not isinstance(value, int):
        raise TypeError(f"read_ahead must be an int (messages), not {type(value).__name__}")
    if not 0 <= value <= _MOST_READ_AHEAD:
        raise ValueError(f"read_ahead must be from 0 to {_MOST_READ_AHEAD}")
    return value


def window(value: Any) -> int:
    number = index(value)
    if number < 1:
        raise ValueError("window must be at least 1")
    return number


def errors(value: Any) -> int:
    """Return whether errors are results."""
    if not isinstance(value, str) or value not in ("raise", "return"):
        raise ValueError(f"errors must be 'raise' or 'return', not {value!r}")
    return value == "return"


def delete(value: Any) -> int:
    return bool(value)


def lines(value: Any) -> int:
    return bool(value)
