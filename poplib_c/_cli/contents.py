"""The contents of a mailbox by STAT, LIST and UIDL, and whether replies are in step with them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection
from typing import TypeVar

from poplib_c import POP3, error_proto
from poplib_c._cli import connection
from poplib_c._cli.failures import OutOfStep, is_refusal
from poplib_c._cli.texts import printable

_UID_WIDTH = 70  # RFC 1939, section 7
_MOST_UNLISTED = 16  # messages known from STAT alone; some servers hang up after 20 refusals
_MOST_TOLD = 10  # numbers in one line
_ANSWER = re.compile(rb"\+OK[ \t]+(\d{1,18})[ \t]+(.*?)[ \t]*")
_SIZED = re.compile(rb"\+OK[ \t]+(\d{1,18})[ \t]+(\d{1,18})(?!\S)")
_T = TypeVar("_T")


class Contents:
    """The messages of one session.

    sizes: None if LIST has no readable size. disagreement: the numbers that a list lacks, or None.
    has_uids: the server supports UIDL, or the mailbox is empty. asking: a command of is_in_step()
    without a reply so far.
    """

    def __init__(self, client: POP3, options: argparse.Namespace) -> None:
        """Send STAT, LIST and UIDL. A server may refuse to list an empty mailbox."""
        with connection.listings(client, options):
            self._stat = _unless_refused(client.stat)
            listed = _unless_refused(client.sizes)
            uids = _unless_refused(client.uids)
            count = 0 if self._stat is None else self._stat[0]
            if listed is None and not uids and (self._stat is None or count > 0):
                client.sizes()  # Raises the refusal.
        self.uids: dict[int, bytes] = uids or {}
        self.has_uids = uids is not None or not (listed or count)
        known = {*(listed or {}), *self.uids}
        beyond = range(1, min(count, len(known) + _MOST_UNLISTED) + 1)
        unlisted = [number for number in beyond if number not in known]
        if count > len(known):
            known.update(unlisted[: min(_MOST_UNLISTED, count - len(known))])
        self.sizes: dict[int, int | None] = {n: (listed or {}).get(n) for n in sorted(known)}
        self.disagreement = self._compare(listed or {}, uids, count)
        self._proved: set[str] = set()
        self.asking: str | None = None

    def _compare(
        self, listed: Collection[int], uids: Collection[int] | None, count: int
    ) -> str | None:
        lists = {"LIST": listed}
        if uids is not None:
            lists["UIDL"] = uids
        missing = {name: [n for n in self.sizes if n not in has] for name, has in lists.items()}
        told = [
            f"{_numbers(without)} not in {name}" for name, without in missing.items() if without
        ]
        if self._stat is not None and count != len(self.sizes):
            told.append(f"STAT says {count}, but there are {len(self.sizes)}")
        return f"the server's lists of messages disagree: {', '.join(told)}" if told else None

    def key(self, number: int) -> bytes:
        """Return the key of a message in the state.

        The key is the uid. Without one, it is number and size after a blank, which begins no uid;
        such a key is valid for one run.
        """
        return self.uids.get(number) or b" %d %d" % (number, self.sizes[number] or -1)

    def name(self, number: int) -> str:
        """Return the name of a message in errors."""
        uid, size = self.uids.get(number), self.sizes.get(number)
        facts = []
        if uid:
            told = printable(uid[:_UID_WIDTH].decode("ascii", "replace"))
            facts.append(f"uid {told}{'...' if len(uid) > _UID_WIDTH else ''}")
        if size is not None:
            facts.append(f"{size} octets")
        return f"message {number}" + (f" ({', '.join(facts)})" if facts else "")

    def facts(self, number: int) -> dict[str, object]:
        """Return what names a message in JSON."""
        uid = self.uids.get(number)
        told = None if uid is None else uid.decode("ascii", "backslashreplace")
        return {"number": number, "size": self.sizes[number], "uid": told}

    def is_in_step(self, client: POP3, number: int, without: Collection[str] = ()) -> bool:
        """Ask for a certain point: a reply that repeats what the listings gave.

        Returns whether one came; then each earlier reply answered its own command. Raises
        OutOfStep if a command that gave a certain point before gives none now. Use another number
        each time, so that a repeated reply proves nothing. Call it before deletions, which change
        STAT. without: commands that have ended a session.
        """
        uid, size = self.uids.get(number), self.sizes[number]
        asks: dict[str, tuple[Callable[[], object], object]] = {}
        if uid is not None:
            asks["UIDL"] = (lambda: _answer(client.uidl(number))), (number, uid)
        if size is not None:
            asks["LIST"] = (lambda: _sized(client.list(number))), (number, size)
        if self._stat is not None:
            asks["STAT"] = client.stat, self._stat
        for name, (ask, right) in asks.items():
            if name in without:
                continue
            self.asking = name
            answer = _unless_refused(ask)
            self.asking = None
            if answer == right:
                self._proved.add(name)
                return True
            if name in self._proved:
                raise OutOfStep(f"the reply to {name} answers another command")
        return False


def is_uid(key: bytes) -> bool:
    """Whether a key() is a uid, which is valid for more than one run."""
    return not key.startswith(b" ")


def _numbers(numbers: list[int]) -> str:
    told = ", ".join(map(str, numbers[:_MOST_TOLD])) + (", ..." if numbers[_MOST_TOLD:] else "")
    return f"{'message' if len(numbers) == 1 else 'messages'} {told}"


def _unless_refused(ask: Callable[[], _T]) -> _T | None:
    try:
        return ask()
    except error_proto as error:
        if not (is_refusal(error) or str(error.args[0]).startswith("Invalid STAT")):
            raise
        return None


def _answer(response: bytes) -> tuple[int, bytes] | None:
    match = _ANSWER.fullmatch(response)
    return match and (int(match[1]), match[2])


def _sized(response: bytes) -> tuple[int, int] | None:
    match = _SIZED.match(response)
    return match and (int(match[1]), int(match[2]))
