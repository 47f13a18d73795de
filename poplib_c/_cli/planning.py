"""Decides from listings and records whether to fetch, delete or leave each message."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from typing import NamedTuple

from poplib_c._cli.state import Delivered

UNKNOWN = -1  # a size


class Plan(NamedTuple):
    """Message numbers in ascending order."""

    fetch: list[int]
    delete: list[int]  # delivered by an earlier run, not deleted so far
    known: dict[int, int | None]  # delivered by an earlier run, and when last checked
    large: list[int]


class Wanted(NamedTuple):
    """The options that a plan depends on."""

    delete: bool
    since_last: bool
    max_size: int | None


def make(
    sizes: Mapping[int, int | None],
    uids: Mapping[int, bytes],
    find: Callable[[bytes], Delivered | None],
    wanted: Wanted,
) -> Plan:
    """Plan for each message of *sizes*. No message is lost, even if uids are not unique."""
    copies = collections.Counter(uids.values())
    plan = Plan([], [], {}, [])
    for number, size in sizes.items():
        record = find(uids[number])
        if record is not None and _is_known(record, size, copies[uids[number]], wanted):
            if wanted.delete:
                plan.delete.append(number)
            else:
                plan.known[number] = record.checked
        elif wanted.max_size is not None and size is not None and size > wanted.max_size:
            plan.large.append(number)
        else:
            plan.fetch.append(number)
    return plan


def recorded(size: int | None, copies: int) -> int | None:
    """Return the size to record for a message: None if others share its uid."""
    return None if copies != 1 else UNKNOWN if size is None else size


def _is_known(record: Delivered, size: int | None, copies: int, wanted: Wanted) -> bool:
    """Whether an earlier run delivered the message, as far as the listings show.

    RFC 1939 requires unique uids, but some servers give one uid to several messages, and some
    reuse uids. If in doubt, the run fetches the message again.
    """
    if not (wanted.since_last or (wanted.delete and record.deleting)):
        return False
    if copies == 1:
        return record.copies == 1 and record.size == recorded(size, copies)
    return record.copies == copies and record.is_certain and not wanted.delete
