"""Delivers one session's messages, and records each before and after."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from poplib_c._cli import planning
from poplib_c._cli.delivery import Wait, Write, digest, open_box
from poplib_c._cli.dialogue import Dialogue
from poplib_c._cli.failures import DeliveryFailure, Failure, Status
from poplib_c._cli.state import InFlight

_MOST_WITHOUT_ROOM = 5


class Deliveries:
    """Deliveries to the box of the run. is_stopped: the box takes no more messages."""

    def __init__(self, session: Dialogue) -> None:
        self._session = session
        self._state = session.state
        self._box = session.run.box
        self._order: dict[int, int] = {}  # from each message to fetch to the next one
        self._begun: tuple[int, InFlight] | None = None
        self._again: InFlight | None = None  # A killed run may have delivered it.
        self._room: int | None = None  # octets of the smallest message that did not fit
        self._without_room = 0
        self.is_stopped = False

    def recover(self) -> None:
        """Find out whether a killed run delivered the message that it had begun."""
        state, box = self._state, self._box
        entry = state.in_flight()
        if entry is None:
            return
        kind, _, path = entry.destination.partition(":")
        here = path == box.path and kind == box.kind
        try:
            place = box if here else open_box(kind, path, Wait(0.0))
        except Failure:  # The destination is gone, so there is nothing to look at.
            state.end()
            return
        place.discard(entry.ticket)
        beginning = place.beginning(entry.ticket)
        copies = self._session.copies[entry.uid]
        if beginning is not None:
            state.add(entry, digest(beginning), None)
        elif here and copies:
            self._again = entry if copies == 1 else entry._replace(size=None)
        else:
            state.end()

    def abandon(self) -> None:
        """Record that no delivery is under way any more."""
        if self._again is None:
            self._state.end()

    def in_order(self, numbers: Iterable[int]) -> list[int]:
        """Return messages in the order to fetch them: first one that a killed run had begun."""
        again = self._again and self._again.uid
        ordered = sorted(numbers, key=lambda n: again not in (None, self._session.keys[n]))
        self._order = dict(zip(ordered, ordered[1:]))
        return ordered

    def postpone(self, number: int) -> None:
        """Note that a message is delivered out of order."""
        self._order.pop(number, None)

    def has_room(self, number: int) -> bool:
        """Whether a message is smaller than all that had no room."""
        size = self._session.contents.sizes[number]
        return self._room is None or (size is not None and size < self._room)

    @contextlib.contextmanager
    def until_failure(self) -> Iterator[None]:
        """Let a DeliveryFailure end the block; the destination then takes no more messages."""
        try:
            yield
        except DeliveryFailure as error:
            self._session.run.fail(error)
            self.is_stopped = True

    def deliver(self, number: int, write: Write) -> bool:
        """Deliver a message and record it. Returns False if it had no room; a smaller one may.

        Raises DeliveryFailure if the destination takes no message at all.
        """
        session = self._session
        entry = self._begin(number)
        try:
            output = self._box.deliver(entry.ticket, write, again=entry is self._again)
        except DeliveryFailure as error:
            self._without_room += 1
            if error.status is not Status.TEMPORARY or self._without_room > _MOST_WITHOUT_ROOM:
                raise
            session.leave(number, str(error), error.status)
            self._room = session.contents.sizes[number] or 0
            return False
        following = self._order.get(number)
        self._begun = self._again = None
        if following is not None:
            self._begun = following, self._entry(following)
        self._state.add(entry, output.headers, output.octets, self._begun and self._begun[1])
        session.note_delivered(number, output.octets)
        return True

    def _begin(self, number: int) -> InFlight:
        """Record the future place of a message, unless add() recorded it."""
        if self._begun is not None and self._begun[0] == number:
            return self._begun[1]
        entry = self._entry(number)
        self._state.begin(entry)
        return entry

    def _entry(self, number: int) -> InFlight:
        session, box = self._session, self._box
        key = session.keys[number]
        if self._again is not None and self._again.uid == key:
            return self._again
        # If messages share a uid, the next run can't tell which one was delivered.
        size = planning.recorded(session.contents.sizes[number], session.copies[key])
        return InFlight(key, size, session.options.delete, f"{box.kind}:{box.path}", box.ticket())
