"""The command list: shows the messages of a mailbox as a table or as JSON."""

from __future__ import annotations

import argparse
import collections
import contextlib
import email.parser
import json
import shutil
import textwrap
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from poplib_c import POP3, error_proto
from poplib_c._cli.contents import Contents
from poplib_c._cli.failures import (
    Failure,
    Status,
    ending,
    failure,
    gravest,
    is_out_of_step,
    reason,
    undecided,
)
from poplib_c._cli.logins import Logins
from poplib_c._cli.texts import printable

_HEADINGS = ("#", "octets", "unique-id", "date", "from", "subject")
_UID_WIDTH, _DATE_WIDTH, _FROM_WIDTH, _LEAST = 20, 16, 24, 16
_MOST_COMBINED = 4  # characters in one column of a terminal
_MOST_OF_HEADERS = 1 << 20  # octets
_MOST_FAILED = 10  # messages that are tried again
_MOST_DECODED = 1 << 12  # characters: decode_header() may take quadratic time
_parse = email.parser.HeaderParser().parsestr


class Listing:
    """The messages of a mailbox. notes: errors to print. status: the exit status."""

    def __init__(self, logins: Logins) -> None:
        self.status = Status.DONE
        self.notes: list[str] = []
        self._logins = logins
        self._pipelining = True
        self._failed: dict[int, str] = {}  # messages whose TOP has ended a session

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield an object for each message, with *error* if its headers did not come.

        A message that ends the session is tried again last, over a new connection.
        """
        with self._logins.connected() as client:
            contents = Contents(client, self._logins.options)
            if contents.disagreement:
                self._note(contents.disagreement)
            left = yield from self._ask(client, contents, [*contents.sizes])
        while left:
            with self._logins.connected() as client:
                again = Contents(client, self._logins.options)
                if (again.sizes, again.uids) != (contents.sizes, contents.uids):
                    raise Failure(
                        "the mailbox changed while it was listed: try again", Status.TEMPORARY
                    )
                left = yield from self._ask(client, contents, left)

    def _ask(
        self, client: POP3, contents: Contents, numbers: list[int]
    ) -> Generator[dict[str, Any], None, list[int]]:
        """Yield the objects of one session. Return the messages left for another session."""
        pipelining: Literal["auto", False] = "auto" if self._pipelining else False
        client.set_options(max_size=_MOST_OF_HEADERS, pipelining=pipelining)
        left = collections.deque(numbers)
        try:
            for number, headers in client.top_many(numbers, 0, errors="return"):
                left.popleft()
                if isinstance(headers, error_proto):
                    yield _message(contents, number, reason(headers))
                else:
                    yield _message(contents, number, headers)
            client.quit()
        except (error_proto, OSError) as error:
            if undecided(error) is not None and self._pipelining:
                self._pipelining = False
                return [*left]
            if is_out_of_step(error):
                raise
            if not left:  # It was QUIT.
                self._note(str(failure(error)), failure(error).status)
                return []
            number = left.popleft()
            told = f"{contents.name(number)}: {ending(error)}"
            if number not in self._failed and len(self._failed) < _MOST_FAILED:
                self._failed[number] = told
                return [*left, number]
            self._note(told)
            yield _message(contents, number, ending(error))
        return [*left]

    def _note(self, text: str, status: Status = Status.PARTIAL) -> None:
        self.notes.append(text)
        self.status = gravest(self.status, status)


def _message(contents: Contents, number: int, headers: bytes | str) -> dict[str, Any]:
    """Return the object of a message. headers: bytes, or a text that says why they are missing."""
    known = contents.facts(number)
    if isinstance(headers, str):
        return {**known, "date": None, "from": None, "subject": None, "error": headers}
    return {**known, **fields(headers)}


def fields(headers: bytes) -> dict[str, Any]:
    """Return date, sender and subject of untrusted headers."""
    # Raw headers should be ASCII (RFC 5322) or UTF-8 (RFC 6532).
    message = _parse(headers.decode("utf-8", "replace"))
    return {
        "date": _date(message.get("Date")),
        "from": _text(message.get("From")),
        "subject": _text(message.get("Subject")),
    }


def _text(value: Any) -> str | None:
    """Decode a header (RFC 2047). An invalid or very long one stays undecoded."""
    if value is None:
        return None
    text = str(value)
    if len(text) <= _MOST_DECODED:
        with contextlib.suppress(Exception):  # Exceptions of codecs have no common class.
            text = str(make_header(decode_header(text)))
    return printable(text)


def _date(value: Any) -> str | None:
    """Return a date in ISO 8601, or None if *value* is no date."""
    with contextlib.suppress(Exception):
        return parsedate_to_datetime(str(value)).isoformat()
    return None


def show(listing: Listing, options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines to print."""
    if options.json:
        yield from _json(listing.messages())
        return
    taken = 7 + 10 + _UID_WIDTH + _DATE_WIDTH + _FROM_WIDTH + 5 * 2
    subject = max(_LEAST, shutil.get_terminal_size().columns - taken)
    count = octets = 0
    for message in listing.messages():
        if not count:
            yield _row(_HEADINGS, subject)
        count += 1
        octets += message["size"] or 0
        cells = (
            str(message["number"]),
            "-" if message["size"] is None else str(message["size"]),
            printable(message["uid"] or "-"),
            (message["date"] or "-")[:_DATE_WIDTH].replace("T", " "),
            message["from"] or "-",
            message.get("error") or message["subject"] or "-",
        )
        yield _row(cells, subject)
    if not count:
        yield _row(_HEADINGS, subject)
    yield f"{count} messages, {octets} octets"


def _json(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a JSON list. Memory holds one object at a time."""
    before = "["
    for each in objects:
        yield before
        before = textwrap.indent(json.dumps(each, indent=2), "  ") + ","
    if before == "[":
        yield "[]"
    else:
        yield before[:-1]
        yield "]"


def _row(cells: tuple[str, ...], subject: int) -> str:
    number, octets, uid, date, sender, title = cells
    return (
        f"{number:>7}  {octets:>10}  {_fitted(uid, _UID_WIDTH)}  {_fitted(date, _DATE_WIDTH)}  "
        f"{_fitted(sender, _FROM_WIDTH)}  {_fitted(title, subject).rstrip()}"
    )


def _fitted(text: str, width: int) -> str:
    """Cut or fill *text* to *width* columns of a terminal."""
    text = text[: _MOST_COMBINED * width]
    columns = [_columns(character) for character in text]
    if sum(columns) > width:
        kept, used = 0, 3
        while used + columns[kept] <= width:
            used += columns[kept]
            kept += 1
        text = text[:kept] + "..."
        columns = [*columns[:kept], 1, 1, 1]
    return text + " " * (width - sum(columns))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
