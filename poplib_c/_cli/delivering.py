"""Delivers one session's messages in batches, and records each batch before and after.

The session's thread receives messages; a second thread, the committer, moves a batch into its
places and records it, by a few syncs for all of its messages. At most two batches exist: one that
is received, and one that is committed.
"""

from __future__ import annotations

import contextlib
import itertools
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from poplib_c._cli import planning, received
from poplib_c._cli.delivery import Box, Output, Wait, Write, digest
from poplib_c._cli.destinations import open_box
from poplib_c._cli.dialogue import Dialogue
from poplib_c._cli.failures import DeliveryFailure, Failure, NoRoom, Refused, Status
from poplib_c._cli.job import Threads
from poplib_c._cli.state import InFlight

_MOST_WITHOUT_ROOM = 5
_MOST_IN_A_ROW = 5  # messages that the destination refuses
# A batch is handed over when it has _MOST messages, _OCTETS, or, while the committer is idle, half
# as many messages or an age of _SECONDS.
_MOST, _OCTETS, _SECONDS = 128, 8 << 20, 0.5
_SYNCS = 16  # at a time, of all mailboxes together
_DESCRIPTORS = 16  # for each mailbox, and for the process, besides those of messages


class _Letter(NamedTuple):
    number: int
    entry: InFlight
    output: Output


class Deliveries(contextlib.AbstractContextManager["Deliveries"]):
    """Deliveries to the box of the run. Used in a with statement, whose end commits the rest.

    is_stopped: the box takes no more messages.
    """

    def __init__(self, session: Dialogue) -> None:
        self._session = session
        self._state = session.state
        jobs = session.options.jobs
        box = session.run.box
        self._most = 1 if box is not None and box.one_by_one else _batch_size(jobs)
        self._syncs = max(1, _SYNCS // jobs)
        self._pool = Threads(1 + self._syncs)
        self._batch: list[_Letter] = []
        self._octets = 0  # of the batch
        self._began = 0.0  # when the batch got its first message
        self._committing: Future[None] | None = None
        self._committed: list[_Letter] = []  # what _committing is about
        # The recorded places of messages to come, those that the committer records, and the
        # messages that will need places.
        self._places: dict[int, InFlight] = {}
        self._recording: dict[int, InFlight] = {}
        self._ahead: Iterator[int] = iter(())
        self._again: dict[bytes, list[InFlight]] = {}  # A killed run may have delivered them.
        self._certain: list[bytes] = []
        self._room: int | None = None  # octets of the smallest message that did not fit
        self._without_room = 0
        self._in_a_row = 0  # messages refused since the last delivery
        self._is_lost = False  # After an uncertain commit, nothing more is committed.
        self._troubled: dict[bytes, int] = {}  # when the session began
        self.is_stopped = False
        session.confirm = self._certain.extend

    @property
    def _box(self) -> Box:
        return self._session.run.destination

    def __exit__(self, *_: object) -> None:
        """Commit what was received, and forget the places that were not used."""
        with self._pool:
            try:
                self.flush()
                again = {entry.ticket for entries in self._again.values() for entry in entries}
                unused = [entry for entry in self._places.values() if entry.ticket not in again]
                self._state.end(unused)
            finally:
                self._session.confirm = self._state.confirm
                self._drop()

    # What a killed run has begun

    def recover(self) -> None:
        """Find out which messages a killed run has delivered."""
        self._troubled = self._state.troubled()
        delivered: list[tuple[InFlight, bytes, int | None]] = []
        ended: list[InFlight] = []
        copies = self._session.copies
        entries = sorted(self._state.in_flight(), key=lambda entry: entry.destination)
        for destination, group in itertools.groupby(entries, lambda entry: entry.destination):
            kind, _, path = destination.partition(":")
            here = path == self._box.path and kind == self._box.kind
            begun = [*group]
            try:
                place = self._box if here else open_box(kind, path, Wait(0.0))
            except Failure:  # The destination is gone, so there is nothing to look at.
                ended += begun
                continue
            found = place.recover([entry.ticket for entry in begun])
            for entry in begun:
                beginning = found.get(entry.ticket)
                if beginning is not None:
                    message = received.without(beginning, entry.ticket)
                    delivered.append((entry, digest(message), None))
                elif here and entry.ticket in found and entry.uid in copies:
                    again = entry if copies[entry.uid] == 1 else entry._replace(size=None)
                    self._again.setdefault(entry.uid, []).append(again)
                else:
                    ended.append(entry)
        self._state.end(ended)
        if delivered:
            self._state.add(delivered)

    def in_order(self, numbers: Iterable[int]) -> list[int]:
        """Return messages in the order to fetch them: first those that a killed run had begun."""
        keys = self._session.keys
        unused = {key: iter(entries) for key, entries in self._again.items()}
        ordered = sorted(numbers, key=lambda number: keys[number] not in unused)
        for number in ordered:
            entry = next(unused.get(keys[number], iter(())), None)
            if entry is not None:
                self._places[number] = entry
        self._box.expect(len(ordered))
        self._ahead = iter([number for number in ordered if number not in self._places])
        return ordered

    # Room

    def has_room(self, number: int) -> bool:
        """Whether a message is smaller than all that had no room."""
        size = self._session.contents.sizes[number]
        return self._room is None or (size is not None and size < self._room)

    def _fail(self, number: int, error: DeliveryFailure) -> None:
        """Leave a message that had no room, or was refused. Raises *error* in other cases."""
        if isinstance(error, Refused):
            self._refuse(number, error)
            return
        self._without_room += 1
        if not isinstance(error, NoRoom) or self._without_room > _MOST_WITHOUT_ROOM:
            raise error
        self._session.leave(number, str(error), error.status)
        sizes = self._room, self._session.contents.sizes[number] or 0
        self._room = min(size for size in sizes if size is not None)

    def _refuse(self, number: int, error: Refused) -> None:
        """Leave a message. Raises DeliveryFailure if several in a row were refused.

        The next run tries it after the others. Only a permanent refusal counts as one more run.
        """
        session = self._session
        key = session.keys[number]
        runs = self._troubled.get(key, 0)
        is_temporary = error.status is Status.TEMPORARY
        self._state.trouble(key, max(runs, 1) if is_temporary else runs + 1)
        session.give_up(number, f"is left on the server: {error}", error.status)
        self._in_a_row += 1
        if self._in_a_row >= _MOST_IN_A_ROW:
            raise DeliveryFailure(
                f"{self._in_a_row} messages in a row were refused; the run takes no more",
                error.status,
            )

    @contextlib.contextmanager
    def until_failure(self) -> Iterator[None]:
        """Let a DeliveryFailure end the block; the destination then takes no more messages."""
        try:
            yield
        except DeliveryFailure as error:
            self._session.run.fail(error)
            self.is_stopped = True

    # Receiving

    def deliver(self, number: int, write: Write) -> bool:
        """Receive a message, to be committed. Returns False if it had no room.

        Raises DeliveryFailure if the destination takes no message at all. Both may also be about
        messages that were received before.
        """
        entry = self._place(number)
        again = entry in self._again.get(entry.uid, ())
        try:
            output = self._box.open(entry.ticket, again)
            self._describe(output, number)
            try:
                write(output)
                output.finish()
            except BaseException:
                self._box.drop(output)
                raise
        except DeliveryFailure as error:
            self._fail(number, error)
            return False
        self._session.note_received(number)
        if not self._batch:
            self._began = time.monotonic()
            self._octets = 0
        self._octets += output.octets
        self._batch.append(_Letter(number, self._places.pop(number), output))
        if self._is_due():
            self._hand_over()
        return True

    def _describe(self, output: Output, number: int) -> None:
        session = self._session
        output.number, output.uid = number, session.contents.uids.get(number, b"")
        if session.options.received:
            account, ticket = session.run.account, output.ticket
            is_encrypted = not session.options.insecure
            date = self._box.date(ticket)
            output.received = received.header(account, is_encrypted, output.uid, ticket, date)

    def _is_due(self) -> bool:
        count = len(self._batch)
        if count >= self._most or self._octets >= _OCTETS:
            return True
        is_old = time.monotonic() - self._began >= _SECONDS
        return self._is_idle() and (2 * count >= self._most or is_old)

    def _is_idle(self) -> bool:
        return self._committing is None or self._committing.done()

    # Places: what may be delivered is recorded before its file exists

    def _place(self, number: int) -> InFlight:
        """Return the recorded place of a message. Records it, if no commit did."""
        if number not in self._places:
            self._collect()
        if number not in self._places:
            begun = self._choose_places([number, *itertools.islice(self._ahead, 2 * self._most)])
            self._state.begin(begun.values())
            self._places.update(begun)
        return self._places[number]

    def _choose_places(self, numbers: Iterable[int]) -> dict[int, InFlight]:
        """Return places for those of the messages that have none."""
        session, box = self._session, self._box
        placed = self._places.keys() | self._recording.keys()
        chosen = [number for number in dict.fromkeys(numbers) if number not in placed]
        places = {}
        for number, ticket in zip(chosen, box.tickets(len(chosen))):
            key = session.keys[number]
            # If messages share a uid, the next run can't tell which one was delivered.
            size = planning.recorded(session.contents.sizes[number], session.copies[key])
            where = f"{box.kind}:{box.path}"
            places[number] = InFlight(key, size, where, ticket)
        return places

    # Committing

    def commit_if_idle(self) -> None:
        """Begin to commit what was received, unless a commit is under way."""
        if self._batch and self._is_idle():
            self._hand_over()

    def flush(self) -> None:
        """Commit what was received. A DeliveryFailure stops the deliveries."""
        with self.until_failure():
            self._collect()
        if self.is_stopped and self._box.one_by_one:
            self._drop()
        with self.until_failure():
            if self._batch or self._certain:
                self._hand_over()
                self._collect()

    def _hand_over(self) -> None:
        """Let the committer have the batch, after the one before it."""
        self._collect()
        if self._is_lost:
            self._drop()
        room = 2 * self._most - len(self._places)
        self._recording = self._choose_places(itertools.islice(self._ahead, max(room, 0)))
        self._committed, self._batch = self._batch, []
        certain = [*self._certain]
        self._certain.clear()
        self._committing = self._pool.submit(
            self._commit, self._committed, [*self._recording.values()], certain
        )

    def _commit(self, batch: list[_Letter], begun: list[InFlight], certain: list[bytes]) -> None:
        """Deliver and record a batch: what the committer's thread does.

        Raises DeliveryFailure if it is uncertain what was delivered.
        """
        if batch:
            try:
                self._box.commit([letter.output for letter in batch], self._each)
            finally:
                for letter in batch:
                    self._box.drop(letter.output)
        delivered = [letter for letter in batch if letter.output.error is None]
        self._state.add(
            [(entry, output.headers, output.octets) for _, entry, output in delivered],
            begun,
            certain,
        )

    def _each(self, call: Callable[[Output], object], outputs: Sequence[Output]) -> None:
        """Call a function with each output, in several threads."""
        parts = [outputs[first :: self._syncs] for first in range(self._syncs)]
        for _ in self._pool.map(lambda part: [*map(call, part)], parts):
            pass

    def _collect(self) -> None:
        """Wait for the committer and note what became of its batch. Raises DeliveryFailure."""
        if self._committing is None:
            return
        committing, self._committing = self._committing, None
        try:
            committing.result()
        except BaseException:
            # Their places stay recorded, so that the next run looks for them.
            self._is_lost = True
            self._session.note_undelivered({letter.number for letter in self._committed})
            raise
        self._places.update(self._recording)
        self._recording = {}
        missing = {}
        for number, entry, output in self._committed:
            if output.error is None:
                self._in_a_row = 0
                self._session.note_delivered(number, output.octets, self._box.place(entry.ticket))
            else:
                missing[number] = output.error
                self._places[number] = entry
        self._session.note_undelivered(missing)
        for number, error in missing.items():
            self._fail(number, error)

    def _drop(self) -> None:
        """Give up what was received and not handed over."""
        self._session.note_undelivered({letter.number for letter in self._batch})
        for letter in self._batch:
            self._box.drop(letter.output)
            self._places[letter.number] = letter.entry
        self._batch.clear()


def _batch_size(jobs: int) -> int:
    """Return how many messages a batch may have, each with an open file. Two batches exist."""
    needed = _DESCRIPTORS + jobs * (_DESCRIPTORS + 2 * _MOST)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return _MOST
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return max(1, ((soft - _DESCRIPTORS) // jobs - _DESCRIPTORS) // 2)
