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
    delete: list[int]  # delivered before, and due
    known: dict[int, int | None]  # delivered before, and when last checked
    large: list[int]


class Wanted(NamedTuple):
    """The options that a plan depends on.

    until: the messages delivered until then (in seconds since the epoch) are deleted.
    """

    delete: bool
    until: float
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
        count = copies[uids[number]]
        if record is not None and _is_known(record, size, count, wanted.delete):
            # The record of another program has no headers to compare with the message's.
            if count == 1 and record.headers and record.since <= wanted.until:
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


def _is_known(record: Delivered, size: int | None, copies: int, delete: bool) -> bool:
    """Whether the message was delivered before, as far as the listings show.

    RFC 1939 requires unique uids, but some servers give one uid to several messages, and some
    reuse uids. If in doubt, the run fetches the message again.
    """
    if not record.headers:
        return copies == 1
    if copies == 1:
        return record.copies == 1 and record.size == recorded(size, copies)
    return record.copies == copies and record.is_certain and not delete
