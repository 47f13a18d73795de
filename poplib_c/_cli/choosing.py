"""Which messages one session fetches, deletes and leaves alone."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from poplib_c._cli import planning
from poplib_c._cli.dialogue import Dialogue
from poplib_c._cli.failures import Failure, Status
from poplib_c._cli.run import PATIENCE, SELDOM
from poplib_c._cli.state import Delivered

_DAY = 24 * 60 * 60
_CHECKED = 64  # messages known from earlier runs whose headers each run compares


class Choice(NamedTuple):
    """Message numbers, in the order to take them. postponed: another session has the others."""

    fetch: list[int]
    delete: list[int]
    postponed: bool


def choose(session: Dialogue) -> Choice:
    """Choose from what is listed, what earlier runs recorded and what ended earlier sessions."""
    fetch, delete = _plan(session)
    troubled = _troubled(session, fetch | delete)
    _leave_alone(session, troubled)
    now = sorted((fetch | delete) - troubled.keys())
    last = [number for number, due in troubled.items() if due]
    session.unfinished = {*now, *last}
    # A message that may end the session waits until no deletion is left to be committed.
    postponed = session.deletes and not session.options.dry_run and bool(now and last)
    chosen = now if postponed else [*now, *last]
    return Choice(
        [number for number in chosen if number in fetch],
        [number for number in chosen if number not in fetch],
        postponed,
    )


def _plan(session: Dialogue) -> tuple[set[int], set[int]]:
    """Return the messages to fetch, and those to delete that an earlier run delivered."""
    options, run, keys, state = session.options, session.run, session.keys, session.state

    def find(key: bytes) -> Delivered | None:
        return None if options.all and key not in run.delivered else state.find(key)

    wanted = planning.Wanted(options.delete, _until(options), options.max_size)
    with state.snapshot():
        plan = planning.make(session.contents.sizes, keys, find, wanted)
    doubted = _doubted(session, plan)
    fetch = doubted.union(plan.fetch)
    known = plan.known.keys() - doubted
    if not run.delivered:
        run.outcome.known = len(known)
    for number in plan.large:
        if keys[number] not in run.refused:
            session.leave(number, "it is larger than --max-size", Status.DONE)
    run.left = {*fetch, *plan.large}
    large = _records(session, plan.large)
    uncertain = {number for number, record in large.items() if not record.is_certain}
    kept = session.copies.keys() - {keys[number] for number in fetch | uncertain}
    state.keep(kept.__contains__)
    session.settle(keys[number] for number in known)
    again = {keys[number] for number in doubted}
    run.doubt(again)
    run.alone |= again
    refused = {number for number, key in keys.items() if key in run.refused}
    return _first(session, fetch - refused), set(plan.delete) - doubted - refused


def _until(options: argparse.Namespace) -> float:
    """Return the latest time of delivery of the messages that are deleted now."""
    if options.keep_days is not None:
        return time.time() - float(options.keep_days * _DAY)
    return math.inf if options.delete else -math.inf


def _first(session: Dialogue, fetch: set[int]) -> set[int]:
    """Return the messages that --max-messages allows: those of the lowest numbers."""
    most = session.options.max_messages
    if most is None:
        return fetch
    first = set(sorted(fetch)[: max(0, most - len(session.run.delivered))])
    for number in sorted(fetch - first):
        session.leave(number, f"--max-messages {most} is reached", Status.DONE)
    return first


def _doubted(session: Dialogue, plan: planning.Plan) -> set[int]:
    """Return the known messages whose headers are not those that were delivered.

    A server may give a uid to another message later, even to one of equal size. The headers of
    all messages to delete are compared, and of all after the last certain point; of others, those
    of a few in each run.
    """
    keys = session.keys
    needed = {*plan.delete, *(n for n, checked in plan.known.items() if checked is None)}
    records = _records(session, sorted(needed))
    oldest = []
    if session.is_first:
        oldest = [n for n in plan.known if n not in needed and session.copies[keys[n]] == 1]
        oldest.sort(key=lambda n: plan.known[n] or 0)
    now, later = oldest[:_CHECKED], oldest[_CHECKED:]
    wrong, unknown = session.verify(_headers({**records, **_records(session, now)}))
    # A message delivered after the last certain point may have the end of another one.
    wrong |= {
        number
        for number, record in records.items()
        if not (record.is_certain or record.octets in (None, session.contents.sizes[number]))
    }
    if wrong:  # The server reuses uids.
        now = oldest
        wrong |= session.verify(_headers(_records(session, later)))[0]
    doubted = wrong | (unknown & needed)
    session.state.confirm(keys[number] for number in {*needed, *now} - doubted)
    session.run.advanced += sum(not records[n].is_certain for n in needed - doubted)
    return doubted


def _records(session: Dialogue, numbers: Iterable[int]) -> dict[int, Delivered]:
    found = ((number, session.state.find(session.keys[number])) for number in numbers)
    return {number: record for number, record in found if record is not None}


def _headers(records: Mapping[int, Delivered]) -> dict[int, bytes]:
    """Return the digests of headers, which messages of another program do not have."""
    return {number: record.headers for number, record in records.items() if record.headers}


def _troubled(session: Dialogue, numbers: Collection[int]) -> dict[int, bool]:
    """Return the messages that have ended sessions, and whether this session tries them."""
    run, state, keys = session.run, session.state, session.keys
    runs = state.troubled()
    state.calm(key for key in runs if key not in session.copies)
    found = sorted((runs[key], n) for n in numbers if (key := keys[n]) in runs)
    return {
        n: keys[n] not in run.tried
        and (keys[n] in run.why or count < PATIENCE or count % SELDOM == 0)
        for count, n in found
    }


def _leave_alone(session: Dialogue, troubled: Mapping[int, bool]) -> None:
    """Name the messages that the run does not try."""
    run = session.run
    for number, due in troubled.items():
        key = session.keys[number]
        if due or key in run.why or key in run.refused:
            continue
        run.refused.add(key)
        session.state.trouble(key)
        name = session.contents.name(number)
        run.fail(
            Failure(
                f"{name} is skipped: it has ended a session, or was refused, in {PATIENCE} or "
                f"more runs, and is tried in every {SELDOM}th run only"
            ),
            session.facts(number),
        )
