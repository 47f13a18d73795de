"""What the test server does wrong, if a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Callable, TypeVar

from poplib_c.testing.maildrop import Refusal

_K = TypeVar("_K", str, int)
_V = TypeVar("_V")


class _Checked(MutableMapping[_K, _V]):
    """A mapping whose items are checked as they are set; names are stored in upper case."""

    def __init__(self, items: Mapping[_K, _V], check: Callable[[_K, _V], None]) -> None:
        self._check: Callable[[_K, _V], None] = check
        self._items: dict[_K, _V] = {}
        self.update(items)

    def __setitem__(self, key: _K, value: _V) -> None:
        key = _upper(key)
        self._check(key, value)
        self._items[key] = value

    def __getitem__(self, key: _K) -> _V:
        return self._items[_upper(key)]

    def __delitem__(self, key: _K) -> None:
        del self._items[_upper(key)]

    def __iter__(self) -> Iterator[_K]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


def _upper(key: _K) -> _K:
    return key.upper() if isinstance(key, str) else key


class Faults:
    """The arguments of POP3Server of these names; a test may change them at any time.

    *commands* and *mechanisms* are the names that the server knows.
    """

    def __init__(
        self,
        refused: Mapping[str, str | None],
        delays: Mapping[str, float],
        trickle: Mapping[str, float],
        cut: Mapping[str, int],
        sizes: Mapping[int, int],
        commands: set[str],
        mechanisms: set[str],
    ) -> None:
        def check(argument: str, names: set[str]) -> Callable[[str, Any], None]:
            def check(key: str, value: Any) -> None:
                if key not in names and key.partition(" ")[0] not in commands:
                    raise ValueError(f"{argument}: the server has no command {key!r}")
                _check_number(argument, key, value)

            return check

        self.refused = _Checked(refused, check("refused", mechanisms))
        self.delays = _Checked(delays, check("delays", commands))
        self.trickle = _Checked(trickle, check("trickle", commands))
        self.cut = _Checked(cut, check("cut", commands))
        self.sizes = _Checked(sizes, _check_size)

    def refuse(self, line: bytes) -> None:
        """Raise Refusal, or EOFError to close the connection, if *line* is to be refused."""
        key = _key(self.refused, line)
        if key in self.refused:
            text = self.refused[key]
            raise EOFError if text is None else Refusal(text)

    def delay(self, line: bytes) -> float:
        return self.delays.get(_key(self.delays, line), 0.0)

    def pause(self, line: bytes) -> float:
        """Return the seconds to wait before each octet of the reply."""
        return self.trickle.get(_key(self.trickle, line), 0.0)

    def left_of(self, line: bytes, reply: bytes) -> tuple[bytes, bool]:
        """Return what to send of the reply, and whether to close the connection after it."""
        limit = self.cut.get(_key(self.cut, line))
        if limit is None or len(reply) < limit:
            return reply, False
        return reply[:limit], True

    def size(self, number: int, octets: bytes) -> int:
        return self.sizes.get(number, len(octets))


def _check_number(argument: str, key: object, value: Any) -> None:
    if value is not None and not isinstance(value, str) and not value >= 0:
        raise ValueError(f"{argument}: the number for {key!r} must not be negative")


def _check_size(number: int, size: int) -> None:
    if number < 1:
        raise ValueError(f"sizes: messages are numbered from 1, not {number}")
    _check_number("sizes", number, size)


def _key(faults: Mapping[str, Any], line: bytes) -> str:
    """Return the longest key for a command line: that with its arguments, or its name."""
    words = line.decode("ascii", "replace").split(" ", 2)
    keys = (" ".join(words[:count]) for count in (3, 2))
    return next((key for key in keys if key in faults), words[0])
