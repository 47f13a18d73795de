"""What is in a mailbox: a table, or JSON."""

from __future__ import annotations

import argparse
import contextlib
import email.parser
import json
import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Any

from poplib_c import POP3, error_proto
from poplib_c._cli import connection
from poplib_c._cli.failures import reason
from poplib_c._cli.texts import printable

_HEADINGS = ("#", "octets", "unique-id", "date", "from", "subject")
_UID_WIDTH, _DATE_WIDTH, _FROM_WIDTH, _LEAST = 20, 16, 24, 16
_MOST_COMBINED = 4  # characters for each column of a terminal
_MOST_OF_HEADERS = 1 << 20  # octets
_MOST_DECODED = 1 << 12  # characters: decode_header() may take the square of their number
_parse = email.parser.HeaderParser().parsestr


def messages(client: POP3, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what is known of each message; error: why its headers are not."""
    with connection.listings(client, options):
        sizes, uids = client.sizes(), _uids(client)
    client.set_options(max_size=_MOST_OF_HEADERS)
    for number, headers in client.top_many(sizes, 0, errors="return"):
        uid = uids.get(number)
        known: dict[str, Any] = {
            "number": number,
            "size": sizes[number],
            "uid": None if uid is None else uid.decode("ascii", "backslashreplace"),
        }
        if isinstance(headers, error_proto):
            yield {**known, "date": None, "from": None, "subject": None, "error": reason(headers)}
        else:
            yield {**known, **fields(headers)}


def _uids(client: POP3) -> dict[int, bytes]:
    try:
        return client.uids()
    except error_proto as error:
        if isinstance(error.args[0], bytes):
            return {}  # UIDL is optional (RFC 1939, section 7).
        raise


def fields(headers: bytes) -> dict[str, Any]:
    """Return what is shown of a message's headers, which anybody may have written."""
    # Headers that are not encoded should be ASCII (RFC 5322), or UTF-8 (RFC 6532).
    message = _parse(headers.decode("utf-8", "replace"))
    return {
        "date": _date(message.get("Date")),
        "from": _text(message.get("From")),
        "subject": _text(message.get("Subject")),
    }


def _text(value: Any) -> str | None:
    """Decode a header (RFC 2047); what can't be decoded, or is very long, stays as it came."""
    if value is None:
        return None
    text = str(value)
    if len(text) <= _MOST_DECODED:
        with contextlib.suppress(Exception):  # What codecs raise has no common class.
            text = str(make_header(decode_header(text)))
    return printable(text)


def _date(value: Any) -> str | None:
    """Return a date in ISO 8601, or None if that is no date."""
    with contextlib.suppress(Exception):
        return parsedate_to_datetime(str(value)).isoformat()
    return None


def show(client: POP3, options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines to print."""
    if options.json:
        yield from _json(messages(client, options))
        return
    taken = 7 + 10 + _UID_WIDTH + _DATE_WIDTH + _FROM_WIDTH + 5 * 2
    subject = max(_LEAST, shutil.get_terminal_size().columns - taken)
    yield _row(_HEADINGS, subject)
    count = octets = 0
    for message in messages(client, options):
        count += 1
        octets += message["size"] or 0
        cells = (
            str(message["number"]),
            "?" if message["size"] is None else str(message["size"]),
            printable(message["uid"] or "-"),
            (message["date"] or "-")[:_DATE_WIDTH].replace("T", " "),
            message["from"] or "-",
            message.get("error") or message["subject"] or "-",
        )
        yield _row(cells, subject)
    yield f"{count} messages, {octets} octets"


def _json(objects: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a list, which is never in memory as a whole."""
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
    """Cut or fill *text* to so many columns of a terminal."""
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
