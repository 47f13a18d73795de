"""One mailbox: its messages delivered, recorded and, if that is wanted, deleted, in this order."""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli import connection, planning
from poplib_c._cli.credentials import Credentials, authenticate
from poplib_c._cli.delivery import Box, Output, Wait, Write, digest, open_box
from poplib_c._cli.failures import (
    DeliveryFailure,
    Failure,
    failure,
    is_too_large,
    printable,
    reason,
)
from poplib_c._cli.job import Job, Outcome, Stop, messages
from poplib_c._cli.progress import Bar, Progress
from poplib_c._cli.state import Delivered, InFlight, State

# Messages up to this size are asked for ahead of one another and held in memory, one at a time.
_SMALL = 1 << 18
_WINDOW = 64
_UID_WIDTH = 70  # RFC 1939, section 7


def fetch(job: Job, credentials: Credentials, progress: Progress, stop: Stop) -> Outcome:
    """Fetch a mailbox; what goes wrong is told, and is in the outcome."""
    outcome = Outcome(str(job.account))
    bar = progress.bar(outcome.label)
    try:
        with contextlib.ExitStack() as opened:
            opened.callback(bar.close)
            wait = Wait(
                job.options.timeout,
                lambda text: progress.note(outcome.label, text),
                lambda: stop.requested,
            )
            box = open_box(*job.destination, wait)
            state = None
            if job.options.since_last or job.options.delete:
                state = opened.enter_context(State(job.options.state, _key(job)))

            def connect() -> POP3:
                connected = connection.connect(job.account, job.options)
                client = opened.enter_context(stop.closing(connected))
                authenticate(client, job.account, credentials, job.options)
                return client

            _Session(job.options, connect, box, state, outcome, bar, progress, stop).run()
    except (Failure, error_proto, OSError, ValueError, AttributeError, sqlite3.Error) as error:
        if isinstance(error, AttributeError) and not stop.aborted:
            raise  # It is what a command on a connection raises that abort() has closed.
        told = Failure("interrupted") if stop.aborted else failure(error)
        outcome.status = max(outcome.status, told.status)
        progress.error(outcome.label, str(told))
    return outcome


def _key(job: Job) -> str:
    """What the state is kept by: the mailbox, and whether whole messages are meant."""
    account = job.account
    part = "" if job.options.headers is None else "#headers"
    return f"{account.user}@{account.host}:{account.port}{part}"


class _Watched:
    """An Output whose octets are shown as they come."""

    def __init__(self, output: Output, bar: Bar) -> None:
        self._output = output
        self._bar = bar

    def write(self, data: bytes) -> int:
        self._bar.advance(len(data))
        return self._output.write(data)


class _Session:
    """From the login to QUIT."""

    def __init__(
        self,
        options: argparse.Namespace,
        connect: Callable[[], POP3],
        box: Box,
        state: State | None,
        outcome: Outcome,
        bar: Bar,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self._options = options
        self._connect = connect
        self._client = connect()
        self._box = box
        self._state = state
        self._outcome = outcome
        self._bar = bar
        self._progress = progress
        self._stop = stop
        self._sizes: dict[int, int | None] = {}
        self._uids: dict[int, bytes] = {}
        self._copies: collections.Counter[bytes] = collections.Counter()
        self._deleting: set[int] = set()  # delivered, and DELE is sent or about to be
        self._order: dict[int, int] = {}  # of each number that is fetched the next one
        self._begun: tuple[int, InFlight] | None = None
        self._again: InFlight | None = None

    def run(self) -> None:
        with connection.listings(self._client, self._options):
            self._sizes = self._client.sizes()
            self._uids = self._listed_uids()
        self._copies = collections.Counter(self._uids.values())
        if self._state is not None:
            self._recover(self._state)
        plan = self._plan()
        self._outcome.known = len(plan.known)
        for number in plan.large:
            self._leave(number, f"{self._sizes[number]} octets are more than --max-size")
        try:
            self._delete(plan.delete)
            self._fetch(self._in_flight_first(plan.fetch))
        except DeliveryFailure as error:
            self._fail(error)
        self._quit()

    # What is there, and what is to be done

    def _listed_uids(self) -> dict[int, bytes]:
        if self._state is None:
            return {}
        try:
            return self._client.uids()
        except error_proto as error:
            if not isinstance(error.args[0], bytes):
                raise
        if self._options.since_last:
            raise Failure("the server has no unique ids (UIDL), which --since-last goes by")
        self._state = None
        return {}

    def _recover(self, state: State) -> None:
        """Find out about the message that a killed run was about to deliver."""
        entry = state.in_flight()
        if entry is None:
            return
        kind, _, path = entry.destination.partition(":")
        here = path == self._box.path and kind == self._box.kind
        try:
            box = self._box if here else open_box(kind, path, Wait(0.0))
        except Failure:  # A place that is gone: nothing can be found out.
            state.end()
            return
        box.discard(entry.ticket)
        beginning = box.beginning(entry.ticket)
        if beginning is not None:
            state.add(entry, digest(beginning))
        elif here and self._copies[entry.uid]:
            self._again = entry if self._copies[entry.uid] == 1 else entry._replace(size=None)
        else:
            state.end()

    def _plan(self) -> planning.Plan:
        options = self._options
        delivered = {} if self._state is None else self._state.delivered()
        wanted = planning.Wanted(options.delete, options.since_last, options.max_size)
        plan = planning.make(self._sizes, self._uids, delivered, wanted)
        plan = self._doubted(plan, delivered)
        if self._state is not None:
            again = {self._uids.get(number) for number in plan.fetch}
            there = set(self._uids.values()) - again
            self._state.forget(uid for uid in delivered if uid not in there)
        return plan

    def _doubted(self, plan: planning.Plan, delivered: Mapping[bytes, Delivered]) -> planning.Plan:
        """Let those be fetched that have other headers than what was delivered: a uid may be
        another message's by now, even of the same size.
        """
        doubtful = set()
        left = dict.fromkeys(plan.delete)

        def look() -> None:
            for number, headers in self._client.top_many([*left], 0, errors="return"):
                if isinstance(headers, error_proto):
                    self._check_refused(headers)
                    doubtful.add(number)
                elif digest(headers) != delivered[self._uids[number]].headers:
                    doubtful.add(number)
                del left[number]

        self._certainly(look)
        return plan._replace(
            fetch=sorted(doubtful.union(plan.fetch)),
            delete=[number for number in plan.delete if number not in doubtful],
        )

    def _in_flight_first(self, numbers: list[int]) -> list[int]:
        again = self._again
        if again is not None:
            numbers = sorted(numbers, key=lambda number: self._uids.get(number) != again.uid)
        return numbers

    # Fetching

    def _fetch(self, numbers: list[int]) -> None:
        self._order = dict(zip(numbers, numbers[1:]))
        self._client.set_options(max_size=self._options.max_size)
        self._bar.start(len(numbers), sum(self._sizes[number] or 0 for number in numbers))
        done = self._outcome.fetched + self._outcome.left
        for large, group in itertools.groupby(numbers, key=self._is_large):
            if large:
                self._fetch_large(group)
            else:
                self._fetch_small(group)
        missing = len(numbers) - (self._outcome.fetched + self._outcome.left - done)
        if missing:
            self._fail(Failure(f"interrupted: {messages(missing)} not fetched"))
            self._outcome.left += missing

    def _is_large(self, number: int) -> bool:
        size = self._sizes[number]
        return self._options.headers is None and (size is None or size > _SMALL)

    def _fetch_large(self, numbers: Iterator[int]) -> None:
        """One by one, each in blocks, for messages of any size."""
        for number in numbers:
            if self._stop.requested:
                return
            try:
                self._deliver(number, self._into(number))
            except error_proto as error:
                self._refused(number, error)
                continue
            if self._options.delete:
                self._delete([number])

    def _into(self, number: int) -> Write:
        return lambda output: self._client.retr_into(number, _Watched(output, self._bar))

    def _fetch_small(self, numbers: Iterator[int]) -> None:
        """Asked for ahead of one another; each is marked when the loop comes back, so recorded."""
        limit = self._options.max_size
        # If a server that has told less sends more than that, and than what a connection drops
        # (16 MiB), the run ends.
        held = min(limit or connection.MOST_IN_MEMORY, connection.MOST_IN_MEMORY)
        larger: list[int] = []
        left = dict.fromkeys(numbers)

        def take() -> None:
            self._client.set_options(max_size=held)
            for number, message in self._asked_for(_until(self._stop, [*left])):
                if not isinstance(message, error_proto):
                    self._deliver(number, _writer(message))
                    self._bar.advance(len(message))
                    if self._options.delete:
                        self._deleting.add(number)
                elif is_too_large(message) and held != limit and self._options.headers is None:
                    # Larger than the server said: it comes again, behind the others.
                    self._order.pop(number, None)
                    larger.append(number)
                else:
                    self._refused(number, message)
                left.pop(number, None)
                if self._stop.requested:
                    if number in self._deleting:
                        self._delete([number])
                    break

        self._certainly(take)
        self._client.set_options(max_size=limit)
        self._fetch_large(iter(larger))

    def _certainly(self, take: Callable[[], None]) -> None:
        """Take messages that are asked for ahead; if where one of them ends is uncertain, begin
        again, where nothing is sent ahead: otherwise one mail could keep all the others away.

        What was marked as deleted is so once more.
        """
        try:
            take()
        except error_proto as error:
            if error.number is None:
                raise
            self._client.close()
            self._client = self._connect()
            self._client.set_options(pipelining=False)
            with connection.listings(self._client, self._options):
                if (self._client.sizes(), self._listed_uids()) != (self._sizes, self._uids):
                    raise error  # The next run finds out what there is now.
            self._delete(sorted(self._deleting))
            take()

    def _asked_for(self, numbers: Iterator[int]) -> Iterator[tuple[int, Any]]:
        if self._options.headers is not None:
            howmuch = self._options.headers
            return self._client.top_many(numbers, howmuch, window=_WINDOW, errors="return")
        return self._client.retr_many(
            numbers, window=_WINDOW, delete=self._options.delete, errors="return"
        )

    def _deliver(self, number: int, write: Write) -> None:
        """Deliver a message and record that: from here on it may be deleted on the server."""
        entry = self._begin(number)
        output = self._box.deliver(entry.ticket, write, again=entry is self._again)
        following = self._order.get(number)
        self._begun = self._again = None
        if self._state is not None and entry.uid:
            if following is not None and self._uids.get(following):
                self._begun = following, self._entry(following)
            self._state.add(entry, output.headers, self._begun and self._begun[1])
        self._outcome.fetched += 1
        self._outcome.octets += output.octets
        self._bar.message()

    def _begin(self, number: int) -> InFlight:
        """Have it recorded where this message is going to be."""
        if self._begun is not None and self._begun[0] == number:
            return self._begun[1]
        entry = self._entry(number)
        if self._state is not None and entry.uid:
            self._state.begin(entry)
        return entry

    def _entry(self, number: int) -> InFlight:
        uid = self._uids.get(number, b"")
        if self._again is not None and self._again.uid == uid:
            return self._again
        destination = f"{self._box.kind}:{self._box.path}"
        # Of messages that share a uid the next run can't tell which was delivered.
        size = self._sizes[number] if self._copies[uid] == 1 else None
        return InFlight(uid, size, self._options.delete, destination, self._box.ticket())

    # What went wrong with a message

    def _refused(self, number: int, error: error_proto) -> None:
        """The server refused a message or, if it has been delivered, its deletion."""
        self._check_refused(error)
        if number in self._deleting:
            self._deleting.discard(number)
            self._fail(Failure(f"{self._name(number)} is not deleted: {reason(error)}"))
        else:
            self._leave(number, reason(error))

    def _check_refused(self, error: error_proto) -> None:
        """Raise what is not about one message alone."""
        if not isinstance(error.args[0], bytes) and not is_too_large(error):
            raise error

    def _leave(self, number: int, why: str) -> None:
        self._outcome.left += 1
        self._fail(Failure(f"{self._name(number)} is left on the server: {why}"))

    def _name(self, number: int) -> str:
        uid = self._uids.get(number)
        if not uid:
            return f"message {number}"
        told = printable(uid[:_UID_WIDTH].decode("ascii", "replace"))
        return f"message {number} (uid {told}{'...' if len(uid) > _UID_WIDTH else ''})"

    def _fail(self, error: Failure) -> None:
        self._outcome.status = max(self._outcome.status, error.status)
        self._progress.error(self._outcome.label, str(error))

    # Deleting

    def _delete(self, numbers: list[int]) -> None:
        """Mark messages that are safe on disk as deleted."""
        self._deleting.update(numbers)
        for number, response in self._client.dele_many(numbers, errors="return"):
            if isinstance(response, error_proto):
                self._refused(number, response)

    def _quit(self) -> None:
        """Commit the deletions; those of a lost connection are made good by the next run."""
        self._client.quit()
        self._outcome.deleted = len(self._deleting)
        if self._state is not None:
            uids = (self._uids.get(number) for number in self._deleting)
            self._state.forget(uid for uid in uids if uid)


def _writer(message: bytes) -> Write:
    return lambda output: output.write(message)


def _until(stop: Stop, numbers: Iterable[int]) -> Iterator[int]:
    return itertools.takewhile(lambda _: not stop.requested, numbers)
