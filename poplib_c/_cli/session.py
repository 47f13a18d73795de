"""One session with a mailbox: it delivers messages, records them and deletes them, in this order.

It deletes only messages that were delivered before a certain point (dialogue.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli import connection
from poplib_c._cli.choosing import Choice, choose
from poplib_c._cli.contents import is_uid
from poplib_c._cli.delivering import Deliveries
from poplib_c._cli.delivery import Output, Write, digest
from poplib_c._cli.dialogue import Dialogue
from poplib_c._cli.failures import Failure, Status, is_too_large, reason
from poplib_c._cli.job import messages
from poplib_c._cli.progress import Bar
from poplib_c._cli.run import Run

# Octets of the largest message fetched by a command sent ahead. Memory holds one at a time.
_SMALL = 1 << 18
_WINDOW = 64
_BATCH = 256  # messages from one certain point to the next


class _Watched:
    """An Output that reports octets to a progress bar as they arrive."""

    def __init__(self, output: Output, bar: Bar) -> None:
        self._output = output
        self._bar = bar

    def write(self, data: bytes) -> int:
        self._bar.advance(len(data))
        return self._output.write(data)


class _Sizes:
    """Compares sizes of messages with LIST, which may count a line end as one octet."""

    def __init__(self, sizes: Mapping[int, int | None], numbers: Iterable[int]) -> None:
        self._sizes = {number: sizes[number] for number in numbers}
        self._listed = set(self._sizes.values())
        self._odd: dict[int, bytes] = {}
        self._compared = self._alike = 0  # alike: LIST has such a size

    def compare(self, number: int, message: bytes) -> None:
        octets = {len(message), len(message) - message.count(b"\r\n")}
        self._compared += 1
        self._alike += not octets.isdisjoint(self._listed)
        if self._sizes[number] not in (None, *octets):
            self._odd[number] = digest(message)

    def odd(self) -> dict[int, bytes]:
        """Return the messages whose size differs from LIST, with digests of their headers.

        Returns none if LIST is wrong for most messages.
        """
        return self._odd if 2 * self._alike > self._compared else {}


class Session(Dialogue):
    def __init__(self, run: Run, client: POP3) -> None:
        super().__init__(run, client)
        self.deliveries = Deliveries(self)
        self._deleting: list[int] = []  # DELE succeeded; QUIT commits

    def work(self) -> bool:
        """Fetch and delete. Return whether another session has something to do."""
        run = self.run
        if self.is_first and self.contents.disagreement:
            run.fail(Failure(self.contents.disagreement))
        if not self.contents.has_uids and self.is_first:
            self._cope_without_uids()
        if not self.options.dry_run:
            self.deliveries.recover()
        if self.is_first:
            self.state.keep(is_uid)
        self.client.set_options(pipelining="auto" if run.pipelining else False)
        choice = choose(self)
        if self.options.dry_run:
            self._tell(choice)
            self._quit()
            return False
        self._fetch(self.deliveries.in_order(choice.fetch))
        self._delete([*choice.delete, *(self.safe if self.options.delete else ())])
        self._quit()
        return choice.postponed and not (run.stop.requested or self.deliveries.is_stopped)

    def _cope_without_uids(self) -> None:
        """Say what the run can't know. Raises Failure if it depends on that."""
        if self.options.keep_days is not None:
            raise Failure(
                "--keep-days needs unique ids, and the server has no UIDL", Status.UNAVAILABLE
            )
        if not (self.options.delete or self.options.all):
            self.run.progress.note(
                self.run.outcome.label,
                "the server has no unique ids (UIDL), so each run fetches all messages",
            )

    def _tell(self, choice: Choice) -> None:
        """Print what a run would do with each message."""
        octets = sum(self.contents.sizes[number] or 0 for number in choice.fetch)
        deleted = len(choice.delete) + (len(choice.fetch) if self.options.delete else 0)
        self.run.outcome.plan = len(choice.fetch), octets, deleted
        does = dict.fromkeys(choice.fetch, "fetched" + " and deleted" * self.options.delete)
        does.update(dict.fromkeys(choice.delete, "deleted: it was fetched before"))
        for number in self.contents.sizes:
            plan = does.get(number) or self.reasons.get(number) or self._known(number)
            name = f"{self.run.outcome.label}: {self.contents.name(number)}"
            self.run.progress.result(f"{name} would be {plan}")
            self.run.progress.record({**self.facts(number), "plan": plan})

    def _known(self, number: int) -> str:
        """Return why a message stays on the server that was delivered before."""
        record = self.state.find(self.keys[number])
        if record is not None and not record.headers:
            return (
                "left on the server: another program fetched it, so --delete and --keep-days "
                "do not delete it"
            )
        return "left on the server: it was fetched before"

    # Fetching

    def _fetch(self, numbers: list[int]) -> None:
        run = self.run
        self.phase = "RETR"
        self.client.set_options(max_size=self.options.max_size)
        if not run.is_shown:
            run.bar.start(len(numbers), sum(self.contents.sizes[n] or 0 for n in numbers))
            run.is_shown = True
        with self.deliveries.until_failure():
            for alone, group in itertools.groupby(numbers, key=self._is_alone):
                if alone:
                    self._fetch_alone(group)
                else:
                    while batch := [*itertools.islice(group, _BATCH)]:
                        self._fetch_ahead(batch)
        self.deliveries.flush()
        self.asked()
        missing = len(run.left.intersection(numbers)) if run.stop.requested else 0
        if missing:
            run.fail(Failure(f"interrupted: {messages(missing)} not fetched"))

    def _is_alone(self, number: int) -> bool:
        size = self.contents.sizes[number]
        is_large = self.options.headers is None and (size is None or size > _SMALL)
        return is_large or self.keys[number] in self.run.alone

    def _wanted(self, numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            if self.run.stop.requested or self.deliveries.is_stopped:
                return
            if self.deliveries.has_room(number):
                yield number

    def _fetch_alone(self, numbers: Iterable[int]) -> None:
        """Fetch messages of any size one by one, written as they arrive."""
        for number in self._wanted(numbers):
            self.asked(number)
            self.deliveries.commit_if_idle()
            try:
                if not self.deliveries.deliver(number, self._into(number)):
                    self.dropped = number
            except error_proto as error:
                self._refused(number, error)
            self.prove()
            self.asked()

    def _into(self, number: int) -> Write:
        if self.options.headers is not None:
            return lambda output: output.write(self.client.top_bytes(number, self.options.headers))
        return lambda output: self.client.retr_into(number, _Watched(output, self.run.bar))

    def _fetch_ahead(self, numbers: list[int]) -> None:
        """Fetch small messages by commands sent ahead of replies, up to a certain point."""
        limit = self.options.max_size
        held = min(limit or connection.MOST_IN_MEMORY, connection.MOST_IN_MEMORY)
        sizes = _Sizes(self.contents.sizes, numbers)
        again: set[int] = set()
        self.client.set_options(max_size=held)
        with self.deliveries.until_failure():
            for number, message in self.ask(self._wanted(numbers), self._many):
                if not isinstance(message, error_proto):
                    sizes.compare(number, message)
                    self.run.bar.advance(len(message))
                    self.deliveries.deliver(number, _writer(message))
                elif is_too_large(message) and held != limit and self.options.headers is None:
                    # LIST understated the size. The message is fetched alone after the others.
                    self.dropped = number
                    again.add(number)
                else:
                    self._refused(number, message)
                if self.run.stop.requested:
                    break
        if self.options.headers is None:
            again |= self._take_back_confused(sizes)
        self.asked()
        self.client.set_options(max_size=limit)
        self.prove()
        for number in again:
            self.run.alone.add(self.keys[number])
        self._fetch_alone(sorted(again))

    def _many(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        if self.options.headers is not None:
            howmuch = self.options.headers
            return self.client.top_many(numbers, howmuch, window=_WINDOW, errors="return")
        return self.client.retr_many(numbers, window=_WINDOW, errors="return")

    def _take_back_confused(self, sizes: _Sizes) -> set[int]:
        """Take back messages if both size and headers differ from what the server announces.

        After one reply too many and one too few, the next certain point is in step, but the
        messages between them are not those that were requested.
        """
        odd = sizes.odd()
        if not odd:
            return set()
        wrong, unknown = self.verify(odd)
        self.phase = "RETR"
        self.deliveries.flush()
        self.take_back(wrong | unknown)
        return wrong | unknown

    def _refused(self, number: int, error: error_proto) -> None:
        self.check_refused(error)
        if not is_too_large(error):
            self.leave(number, reason(error))
            return
        self.dropped = number
        is_wanted = self.options.max_size is not None and self.options.headers is None
        self.leave(
            number,
            "it is larger than --max-size" if is_wanted else reason(error),
            Status.DONE if is_wanted else Status.PARTIAL,
        )

    # Deleting

    def _delete(self, numbers: list[int]) -> None:
        """Mark messages as deleted. All were delivered before a certain point."""
        if self.fresh and self.options.delete:
            self.run.fail(
                Failure(
                    f"{messages(len(self.fresh))} not deleted: no reply to UIDL, LIST or STAT "
                    "shows that the server's other replies are in step"
                )
            )
        self.phase = "DELE"
        for number, response in self.ask(numbers, self._dele):
            if isinstance(response, error_proto):
                self.check_refused(response)
                self.give_up(number, f"is not deleted: {reason(response)}")
            else:
                self._deleting.append(number)

    def _dele(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        return self.client.dele_many(numbers, errors="return")

    def _quit(self) -> None:
        """Commit the deletions. If the connection is lost, the next run repeats them."""
        self.phase = "QUIT"
        self.client.quit()
        self.trust()  # No reply is left over, so each command had its own.
        run = self.run
        keys = [self.keys[number] for number in self._deleting]
        run.outcome.deleted += len(keys)
        run.advanced += len(keys)
        self.settle(keys)
        # Some servers keep the messages; a number without uid then names another message.
        self.state.forget(key for key in keys if not is_uid(key))


def _writer(message: bytes) -> Write:
    return lambda output: output.write(message)
