"""One session with a mailbox: messages delivered, recorded and deleted, in this order.

What was delivered is doubtful until a certain point: a reply that names what it is about, and so
shows that all replies before it were those of their commands. Only after one is anything deleted.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli import connection, planning
from poplib_c._cli.contents import is_uid
from poplib_c._cli.delivery import Output, Wait, Write, digest, open_box
from poplib_c._cli.dialogue import Dialogue
from poplib_c._cli.failures import DeliveryFailure, Failure, Status, is_too_large, reason
from poplib_c._cli.job import messages
from poplib_c._cli.progress import Bar
from poplib_c._cli.run import PATIENCE, SELDOM, Run
from poplib_c._cli.state import Delivered, InFlight

# Messages up to this size are asked for ahead of one another and held in memory, one at a time.
_SMALL = 1 << 18
_WINDOW = 64
_BATCH = 256  # messages from one certain point to the next
_CHECKED = 64  # messages known from earlier runs whose headers are compared in each run
_TRIED = 3  # of TOP: if so many are refused, and none is answered, the server has no TOP
_MOST_WITHOUT_ROOM = 5


class _Watched:
    """An Output whose octets are shown as they come."""

    def __init__(self, output: Output, bar: Bar) -> None:
        self._output = output
        self._bar = bar

    def write(self, data: bytes) -> int:
        self._bar.advance(len(data))
        return self._output.write(data)


class _Sizes:
    """Compares the sizes of messages with LIST's, which may count a line end as one octet."""

    def __init__(self, sizes: Mapping[int, int | None], numbers: Iterable[int]) -> None:
        self._sizes = {number: sizes[number] for number in numbers}
        self._listed = set(self._sizes.values())
        self._odd: dict[int, bytes] = {}
        self._compared = self._alike = 0  # alike: of a size that LIST has

    def compare(self, number: int, message: bytes) -> None:
        octets = {len(message), len(message) - message.count(b"\r\n")}
        self._compared += 1
        self._alike += not octets.isdisjoint(self._listed)
        if self._sizes[number] not in (None, *octets):
            self._odd[number] = digest(message)

    def odd(self) -> dict[int, bytes]:
        """Return the messages of another size, with digests of their headers.

        There are none if the server's sizes are wrong for most messages.
        """
        return self._odd if 2 * self._alike > self._compared else {}


class Session(Dialogue):
    """One connection's work."""

    def __init__(self, run: Run, client: POP3) -> None:
        super().__init__(run, client)
        self._first = run.sessions == 0
        self._order: dict[int, int] = {}  # of each number that is fetched the next one
        self._begun: tuple[int, InFlight] | None = None
        self._again: InFlight | None = None
        self._room: int | None = None  # octets, for which there was none
        self._without_room = 0
        self._is_stopped = False  # The destination takes no more messages.
        self._deleting: list[int] = []  # marked, and to be committed by QUIT
        run.sessions += 1

    def run(self) -> bool:
        """Fetch and delete. Return whether another session has something to do."""
        run = self._run
        if self._options.since_last and not self._contents.has_uids:
            raise Failure("--since-last needs unique ids, and the server has no UIDL")
        if self._first:
            self._begin_run()
        self._client.set_options(pipelining="auto" if run.pipelining else False)
        fetch, delete = self._plan()
        troubled = self._troubled(fetch | delete)
        self._leave_alone(troubled)
        now = sorted((fetch | delete) - troubled.keys())
        last = [number for number, due in troubled.items() if due]
        self.unfinished = {*now, *last}
        # A message that may end the session is tried when no deletion is left to be committed.
        postponed = self._options.delete and bool(now and last)
        chosen = now if postponed else [*now, *last]
        self._fetch(self._in_flight_first([number for number in chosen if number in fetch]))
        self._delete([*(number for number in chosen if number not in fetch), *self._safe])
        self._quit()
        return postponed and not (run.stop.requested or self._is_stopped)

    def _begin_run(self) -> None:
        if self._contents.disagreement:
            self._run.fail(Failure(self._contents.disagreement))
        self._recover()
        self._state.forget(key for key in self._state.delivered() if not is_uid(key))

    # What is there, and what is to be done

    def _recover(self) -> None:
        """Find out about the message that a killed run was about to deliver."""
        state, own = self._state, self._run.box
        entry = state.in_flight()
        if entry is None:
            return
        kind, _, path = entry.destination.partition(":")
        here = path == own.path and kind == own.kind
        try:
            box = own if here else open_box(kind, path, Wait(0.0))
        except Failure:  # A place that is gone: nothing can be found out.
            state.end()
            return
        box.discard(entry.ticket)
        beginning = box.beginning(entry.ticket)
        if beginning is not None:
            state.add(entry, digest(beginning), None)
        elif here and self._copies[entry.uid]:
            self._again = entry if self._copies[entry.uid] == 1 else entry._replace(size=None)
        else:
            state.end()

    def _plan(self) -> tuple[set[int], set[int]]:
        """Return what is to be fetched, and what was delivered before and is to be deleted."""
        options, run, keys = self._options, self._run, self._keys
        delivered = self._state.delivered()
        # What a run without --since-last and --delete knows it has delivered itself.
        since_last = options.since_last or not options.delete
        wanted = planning.Wanted(options.delete, since_last, options.max_size)
        plan = planning.make(self._contents.sizes, keys, delivered, wanted)
        doubted = self._doubted(plan, delivered)
        fetch = doubted.union(plan.fetch)
        known = set(plan.known) - doubted
        if not run.delivered:
            run.outcome.known = len(known)
        for number in plan.large:
            if keys[number] not in run.refused:
                octets = self._contents.sizes[number]
                self._leave(number, f"{octets} octets are more than --max-size")
        run.left = {*fetch, *plan.large}
        uncertain = {n for n in plan.large if not _is_certain(delivered.get(keys[n]))}
        kept = self._copies.keys() - {keys[number] for number in fetch | uncertain}
        self._state.forget(delivered.keys() - kept)
        self._settle(keys[number] for number in known)
        again = {keys[number] for number in doubted}
        run.doubt(again)
        run.alone |= again
        refused = {number for number, key in keys.items() if key in run.refused}
        return fetch - refused, set(plan.delete) - doubted - refused

    def _doubted(self, plan: planning.Plan, delivered: Mapping[bytes, Delivered]) -> set[int]:
        """Return those of which the headers are not what was delivered.

        A uid may be another message's by now, even of the same size. That is asked of all that are
        to be deleted, or came after the last certain point; of others, a few in each run.
        """
        keys = self._keys
        records = {number: delivered[keys[number]] for number in (*plan.delete, *plan.known)}
        expected = {number: record.headers for number, record in records.items()}
        needed = {*plan.delete, *(n for n in plan.known if not records[n].is_certain)}
        oldest = sorted(plan.known, key=lambda n: records[n].checked or 0) if self._first else []
        oldest = [n for n in oldest if n not in needed and self._copies[keys[n]] == 1]
        checked = [*sorted(needed), *oldest[:_CHECKED]]
        wrong, unknown = self._verify(checked, expected)
        wrong |= {n for n in needed if not self._is_whole(records[n], n)}
        if wrong:  # This server gives uids away again.
            checked += oldest[_CHECKED:]
            more, _ = self._verify(oldest[_CHECKED:], expected)
            wrong |= more
        doubted = wrong | (unknown & needed)
        self._state.confirm(keys[number] for number in checked if number not in doubted)
        self._run.advanced += sum(not records[n].is_certain for n in needed - doubted)
        return doubted

    def _is_whole(self, record: Delivered, number: int) -> bool:
        """What was delivered after the last certain point may have another message at its end."""
        return record.is_certain or record.octets in (None, self._contents.sizes[number])

    def _verify(
        self, numbers: list[int], expected: Mapping[int, bytes]
    ) -> tuple[set[int], set[int]]:
        """Compare digests of headers. Return what differs, and what the server has not told."""
        wrong: set[int] = set()
        run, keys = self._run, self._keys
        unknown = {n for n in numbers if not run.has_top or keys[n] in run.unverified}
        numbers = [number for number in numbers if number not in unknown]
        self.phase = "TOP"
        for part in numbers[:_TRIED], numbers[_TRIED:]:
            if len(unknown.intersection(numbers)) == _TRIED:
                unknown.update(part)
                break
            for number, headers in self._ask(part, self._top):
                if isinstance(headers, error_proto):
                    self._check_refused(headers)
                    unknown.add(number)
                elif digest(headers) != expected[number]:
                    wrong.add(number)
        return wrong, unknown

    def _top(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        return self._client.top_many(numbers, 0, errors="return")

    def _troubled(self, numbers: Collection[int]) -> dict[int, bool]:
        """Return those that have ended sessions, and whether they are to be tried now."""
        run, state = self._run, self._state
        runs = state.troubled()
        state.calm(key for key in runs if key not in self._copies)
        found = sorted((runs[key], n) for n in numbers if (key := self._keys[n]) in runs)
        return {
            n: self._keys[n] not in run.tried
            and (self._keys[n] in run.why or count < PATIENCE or count % SELDOM == 0)
            for count, n in found
        }

    def _leave_alone(self, troubled: Mapping[int, bool]) -> None:
        """Say so of those that are not to be tried in this run."""
        run = self._run
        for number, due in troubled.items():
            key = self._keys[number]
            if due or key in run.why or key in run.refused:
                continue
            run.refused.add(key)
            self._state.trouble(key)
            run.fail(
                Failure(
                    f"{self.name(number)} is skipped: it has ended a session in {PATIENCE} or "
                    f"more runs, and is tried in every {SELDOM}th run only"
                )
            )

    def _in_flight_first(self, numbers: list[int]) -> list[int]:
        again = self._again
        if again is not None:
            numbers = sorted(numbers, key=lambda number: self._keys[number] != again.uid)
        return numbers

    # Fetching

    def _fetch(self, numbers: list[int]) -> None:
        run = self._run
        self.phase = "RETR"
        self._order = dict(zip(numbers, numbers[1:]))
        self._client.set_options(max_size=self._options.max_size)
        if not run.is_shown:
            run.bar.start(len(numbers), sum(self._contents.sizes[n] or 0 for n in numbers))
            run.is_shown = True
        try:
            for alone, group in itertools.groupby(numbers, key=self._is_alone):
                if alone:
                    self._fetch_alone(group)
                else:
                    while batch := [*itertools.islice(group, _BATCH)]:
                        self._fetch_ahead(batch)
        except DeliveryFailure as error:
            self._stop_delivering(error)
        self._asked.clear()
        missing = len(run.left.intersection(numbers)) if run.stop.requested else 0
        if missing:
            run.fail(Failure(f"interrupted: {messages(missing)} not fetched"))

    def _is_alone(self, number: int) -> bool:
        size = self._contents.sizes[number]
        is_large = self._options.headers is None and (size is None or size > _SMALL)
        return is_large or self._keys[number] in self._run.alone

    def _fetch_alone(self, numbers: Iterable[int]) -> None:
        """One by one, each in blocks, for messages of any size."""
        for number in self._wanted(numbers):
            self._asked.append(number)
            try:
                if not self._deliver(number, self._into(number)):
                    self.dropped = number
            except error_proto as error:
                self._refused(number, error)
            self.prove()
            self._asked.clear()

    def _into(self, number: int) -> Write:
        if self._options.headers is not None:
            return lambda output: output.write(
                self._client.top_bytes(number, self._options.headers)
            )
        return lambda output: self._client.retr_into(number, _Watched(output, self._run.bar))

    def _fetch_ahead(self, numbers: list[int]) -> None:
        """Asked for ahead of one another, and held in memory; then a certain point."""
        limit = self._options.max_size
        held = min(limit or connection.MOST_IN_MEMORY, connection.MOST_IN_MEMORY)
        sizes = _Sizes(self._contents.sizes, numbers)
        again: set[int] = set()
        self._client.set_options(max_size=held)
        try:
            for number, message in self._ask(self._wanted(numbers), self._many):
                if not isinstance(message, error_proto):
                    if self._deliver(number, _writer(message)):
                        sizes.compare(number, message)
                    self._run.bar.advance(len(message))
                elif is_too_large(message) and held != limit and self._options.headers is None:
                    # The server understated its size: fetched again, after the others.
                    self.dropped = number
                    again.add(number)
                else:
                    self._refused(number, message)
                if self._run.stop.requested:
                    break
        except DeliveryFailure as error:
            self._stop_delivering(error)
        if self._options.headers is None:
            again |= self._take_back_confused(sizes)
        self._asked.clear()
        self._client.set_options(max_size=limit)
        self.prove()
        for number in again:
            self._order.pop(number, None)
            self._run.alone.add(self._keys[number])
        self._fetch_alone(sorted(again))

    def _take_back_confused(self, sizes: _Sizes) -> set[int]:
        """Take back messages that have neither the size nor the headers the server says.

        If the server sends one reply too many and later one too few, it is in step again at the
        next certain point, but the messages in between are others than those asked for.
        """
        odd = sizes.odd()
        if not odd:
            return set()
        wrong, unknown = self._verify([*odd], odd)
        self.phase = "RETR"
        self.take_back(wrong | unknown)
        return wrong | unknown

    def _stop_delivering(self, error: DeliveryFailure) -> None:
        self._run.fail(error)
        self._is_stopped = True

    def _many(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        if self._options.headers is not None:
            howmuch = self._options.headers
            return self._client.top_many(numbers, howmuch, window=_WINDOW, errors="return")
        return self._client.retr_many(numbers, window=_WINDOW, errors="return")

    def _wanted(self, numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            if self._run.stop.requested or self._is_stopped:
                return
            size = self._contents.sizes[number]
            if self._room is None or (size is not None and size < self._room):
                yield number

    def _deliver(self, number: int, write: Write) -> bool:
        """Deliver a message and record that; False: it had no room, smaller ones may have.

        A DeliveryFailure that is raised is about the place, whatever the message.
        """
        entry = self._begin(number)
        try:
            output = self._run.box.deliver(entry.ticket, write, again=entry is self._again)
        except DeliveryFailure as error:
            self._without_room += 1
            if error.status is not Status.TEMPORARY or self._without_room > _MOST_WITHOUT_ROOM:
                raise
            self._leave(number, str(error), error.status)
            self._room = self._contents.sizes[number] or 0
            return False
        self.dropped = None
        following = self._order.get(number)
        self._begun = self._again = None
        if following is not None:
            self._begun = following, self._entry(following)
        self._state.add(entry, output.headers, output.octets, self._begun and self._begun[1])
        self.fresh.append(number)
        run = self._run
        run.delivered[entry.uid] = output.octets
        run.left.discard(number)
        run.outcome.fetched += 1
        run.outcome.octets += output.octets
        run.bar.message()
        return True

    def abandon(self) -> None:
        """Record that nothing is being delivered any more."""
        if self._again is None:
            self._state.end()

    def _begin(self, number: int) -> InFlight:
        """Have it recorded where this message is going to be."""
        if self._begun is not None and self._begun[0] == number:
            return self._begun[1]
        entry = self._entry(number)
        self._state.begin(entry)
        return entry

    def _entry(self, number: int) -> InFlight:
        key, box = self._keys[number], self._run.box
        if self._again is not None and self._again.uid == key:
            return self._again
        # Of messages that share a uid the next run can't tell which was delivered.
        size = planning.recorded(self._contents.sizes[number], self._copies[key])
        return InFlight(key, size, self._options.delete, f"{box.kind}:{box.path}", box.ticket())

    # What the server or the options refuse

    def _refused(self, number: int, error: error_proto) -> None:
        self._check_refused(error)
        if is_too_large(error):
            self.dropped = number
        self._leave(number, reason(error))

    def _leave(self, number: int, why: str, status: Status = Status.PARTIAL) -> None:
        self._run.refused.add(self._keys[number])
        self._settle([self._keys[number]])
        self.unfinished.discard(number)
        self._run.fail(Failure(f"{self.name(number)} is left on the server: {why}", status))

    # Deleting

    def _delete(self, numbers: list[int]) -> None:
        """Mark messages as deleted that are safe on disk, and for certain what they are."""
        if not self._options.delete:
            return
        if self.fresh:
            self._run.fail(
                Failure(
                    f"{messages(len(self.fresh))} not deleted: no reply to UIDL, LIST or STAT "
                    "shows that the server's other replies are in step"
                )
            )
        self.phase = "DELE"
        for number, response in self._ask(numbers, self._dele):
            if isinstance(response, error_proto):
                self._check_refused(response)
                self._run.refused.add(self._keys[number])
                self.unfinished.discard(number)
                told = f"{self.name(number)} is not deleted: {reason(response)}"
                self._run.fail(Failure(told))
            else:
                self._deleting.append(number)

    def _dele(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        return self._client.dele_many(numbers, errors="return")

    def _quit(self) -> None:
        """Commit the deletions; those of a lost connection are made good by the next run."""
        self.phase = "QUIT"
        self._client.quit()
        self.trust()  # Nothing was left over.
        run = self._run
        keys = [self._keys[number] for number in self._deleting]
        run.outcome.deleted += len(keys)
        run.advanced += len(keys)
        self._settle(keys)
        # Some servers keep them; without uids the numbers are others' by now.
        self._state.forget(key for key in keys if not is_uid(key))


def _writer(message: bytes) -> Write:
    return lambda output: output.write(message)


def _is_certain(record: Delivered | None) -> bool:
    return record is None or record.is_certain
