"""The commands of one session, and which of its replies are certain or doubtful."""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli.contents import Contents
from poplib_c._cli.failures import is_refusal, is_too_large
from poplib_c._cli.run import Run


class Dialogue:
    """After an error, the attributes say how far the session has come.

    phase: the command that is being answered. fresh: messages delivered since the last certain
    point. unfinished: messages that are still to be delivered or, for certain, deleted. dropped:
    one of which a part was left unread, the last thing that happened.
    """

    def __init__(self, run: Run, client: POP3) -> None:
        """Ask what there is."""
        self.phase = ""
        self.fresh: list[int] = []
        self.unfinished: set[int] = set()
        self.dropped: int | None = None
        self._run = run
        self._options = run.options
        self._state = run.state
        self._client = client
        self._asked: collections.deque[int] = collections.deque()  # and not answered
        self._safe: list[int] = []  # delivered before the last certain point
        self._contents = Contents(client, run.options)
        self._keys = {number: self._contents.key(number) for number in self._contents.sizes}
        self._copies = collections.Counter(self._keys.values())

    def _ask(
        self,
        numbers: Iterable[int],
        ask: Callable[[Iterator[int]], Iterator[tuple[int, Any]]],
    ) -> Iterator[tuple[int, Any]]:
        """Yield what the server answers for each number; it may be asked ahead of the answers."""
        self._asked.clear()

        def taken() -> Iterator[int]:
            for number in numbers:
                self._asked.append(number)
                yield number

        for number, answer in ask(taken()):
            self._asked.popleft()
            if not (isinstance(answer, error_proto) and is_too_large(answer)):
                self.dropped = None
            yield number, answer

    @property
    def at(self) -> int | None:
        """The message that the server was to answer for."""
        return self._asked[0] if self._asked else None

    def key(self, number: int) -> bytes:
        return self._keys[number]

    def name(self, number: int) -> str:
        return self._contents.name(number)

    def has(self, number: int) -> bool:
        return number in self._keys

    def prove(self) -> None:
        """Ask for a certain point, and if there is one, trust the messages before it."""
        number = self.fresh[-1] if self.fresh else 0
        if number and self._contents.is_in_step(self._client, number, self._run.unproved):
            self.trust()

    @property
    def asking(self) -> str | None:
        """The command that prove() has sent and that has no reply yet."""
        return self._contents.asking

    def _settle(self, keys: Iterable[bytes]) -> None:
        """Forget which sessions these messages have ended: they are done."""
        runs = self._state.troubled()
        done = [key for key in keys if key in runs]
        if done:
            self._state.calm(done)
        for key in done:
            self._run.why.pop(key, None)

    def trust(self) -> None:
        """Record that the fresh messages are those that were asked for."""
        numbers = [*self.fresh]
        keys = [self._keys[number] for number in numbers]
        self._state.confirm(keys)
        self._settle(keys)
        self._run.advanced += len(numbers)
        self._safe += numbers
        self.fresh.clear()
        if not self._options.delete:
            self.unfinished.difference_update(numbers)

    def take_back(self, numbers: Collection[int]) -> set[bytes]:
        """Forget that messages were delivered which may be others; they stay where they are."""
        keys = {self._keys[number] for number in numbers}
        self._state.forget(keys)
        self._run.doubt(keys)
        self._run.left.update(numbers)
        self.fresh = [number for number in self.fresh if number not in numbers]
        return keys

    def _check_refused(self, error: error_proto) -> None:
        """Raise what is not about one message alone."""
        if not is_refusal(error) and not is_too_large(error):
            raise error
