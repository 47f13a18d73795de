"""One session's replies: which are certain, which are doubtful, and what that makes of messages.

A delivered message is doubtful until a *certain point*: a reply that repeats what the listings
gave, which shows that each earlier reply answered its own command.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli.contents import Contents
from poplib_c._cli.delivery import digest
from poplib_c._cli.failures import Failure, Status, is_refusal, is_too_large
from poplib_c._cli.run import Run

_TRIED = 3  # TOP commands: if the server refuses all of them, it has no TOP


class Dialogue:
    """One connection of a run. After an error, the attributes say how far the session came.

    phase: the command that the server is answering. fresh: messages delivered since the last
    certain point, or received for the next commit. safe: messages from before that point. confirm:
    records that messages are certain. unfinished: messages that the session still has to deliver
    or, in a run that deletes, to delete. dropped: the message whose rest the client
    left unread, until the next reply. reasons: why messages are left.
    """

    def __init__(self, run: Run, client: POP3) -> None:
        """List the mailbox."""
        self.phase = ""
        self.fresh: list[int] = []
        self.safe: list[int] = []
        self.unfinished: set[int] = set()
        self.dropped: int | None = None
        self.reasons: dict[int, str] = {}
        self.run = run
        self.options = run.options
        self.state = run.state
        self.client = client
        self.contents = Contents(client, run.options)
        self.keys = {number: self.contents.key(number) for number in self.contents.sizes}
        self.copies = collections.Counter(self.keys.values())
        self.is_first = run.sessions == 0
        self.deletes = run.options.delete or run.options.keep_days is not None
        self.confirm: Callable[[Iterable[bytes]], object] = self.state.confirm
        self._asked: collections.deque[int] = collections.deque()  # without a reply so far
        run.sessions += 1

    # Commands

    def ask(
        self,
        numbers: Iterable[int],
        ask: Callable[[Iterator[int]], Iterator[tuple[int, Any]]],
    ) -> Iterator[tuple[int, Any]]:
        """Yield the server's answer for each number. *ask* may send commands ahead of replies."""
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

    def asked(self, *numbers: int) -> None:
        """Note that the next reply is about this message or, without a number, about none."""
        self._asked = collections.deque(numbers)

    @property
    def at(self) -> int | None:
        """The message that the next reply is about."""
        return self._asked[0] if self._asked else None

    def verify(self, expected: Mapping[int, bytes]) -> tuple[set[int], set[int]]:
        """Compare the headers of messages with digests.

        Returns the messages whose headers differ, and those whose headers the server did not send.
        """
        wrong: set[int] = set()
        run, keys = self.run, self.keys
        unknown = {n for n in expected if not run.has_top or keys[n] in run.unverified}
        numbers = [number for number in expected if number not in unknown]
        self.phase = "TOP"
        for part in numbers[:_TRIED], numbers[_TRIED:]:
            if len(unknown.intersection(numbers)) == _TRIED:
                unknown.update(part)
                break
            for number, headers in self.ask(part, self._top):
                if isinstance(headers, error_proto):
                    self.check_refused(headers)
                    unknown.add(number)
                elif digest(headers) != expected[number]:
                    wrong.add(number)
        return wrong, unknown

    def _top(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        return self.client.top_many(numbers, 0, errors="return")

    # Certain points

    def prove(self) -> None:
        """Ask for a certain point. If the reply is one, trust the messages before it."""
        number = self.fresh[-1] if self.fresh else 0
        if number and self.contents.is_in_step(self.client, number, self.run.unproved):
            self.trust()

    def trust(self) -> None:
        """Record that the fresh messages are those that the session asked for."""
        numbers = [*self.fresh]
        keys = [self.keys[number] for number in numbers]
        self.confirm(keys)
        self.settle(keys)
        self.run.advanced += len(numbers)
        self.safe += numbers
        self.fresh.clear()
        if not self.options.delete:
            self.unfinished.difference_update(numbers)

    def take_back(self, numbers: Collection[int]) -> set[bytes]:
        """Forget the delivery of messages that may be others. The files stay where they are."""
        keys = {self.keys[number] for number in numbers}
        self.state.forget(keys)
        self.run.doubt(keys)
        self.run.left.update(numbers)
        self.fresh = [number for number in self.fresh if number not in numbers]
        return keys

    # Messages that are done, or left

    def note_received(self, number: int) -> None:
        """Note that a message is whole, and will be committed."""
        self.dropped = None
        self.fresh.append(number)

    def note_delivered(self, number: int, octets: int, place: str) -> None:
        """Count a message that is in its place and recorded."""
        run = self.run
        run.delivered[self.keys[number]] = octets
        run.left.discard(number)
        run.outcome.fetched += 1
        run.outcome.octets += octets
        run.bar.message()
        facts = {
            "octets": octets,
            "destination": run.destination.kind,
            "place": place,
            "why": None,
        }
        run.progress.record({**self.facts(number), **facts})

    def note_undelivered(self, numbers: Collection[int]) -> None:
        """Note that received messages are not in their places."""
        if not numbers:
            return
        self.fresh = [number for number in self.fresh if number not in numbers]
        self.safe = [number for number in self.safe if number not in numbers]

    def settle(self, keys: Iterable[bytes]) -> None:
        """Forget that these messages have ended sessions."""
        runs = self.state.troubled()
        done = [key for key in keys if key in runs]
        if done:
            self.state.calm(done)
        for key in done:
            self.run.why.pop(key, None)

    def facts(self, number: int) -> dict[str, object]:
        """Return what names a message in --json."""
        return {"mailbox": self.run.outcome.label, **self.contents.facts(number)}

    def leave(self, number: int, why: str, status: Status = Status.PARTIAL) -> None:
        """Leave a message on the server for the rest of the run, and say so.

        status: DONE if an option asks for it.
        """
        self.settle([self.keys[number]])
        self.give_up(number, f"is left on the server: {why}", status)

    def give_up(self, number: int, why: str, status: Status = Status.PARTIAL) -> None:
        """Do nothing more with a message in this run, and say why."""
        self.run.refused.add(self.keys[number])
        self.unfinished.discard(number)
        self.reasons[number] = why.removeprefix("is ")
        told = f"{self.contents.name(number)} {why}"
        if status is Status.DONE:
            self.run.detail(told, self.facts(number))
        else:
            self.run.fail(Failure(told, status), self.facts(number))

    def check_refused(self, error: error_proto) -> None:
        """Raise *error* unless it concerns a single message."""
        if not is_refusal(error) and not is_too_large(error):
            raise error
