"""Messages fetched by each call, and whether they are the right ones."""

import io
import re

import pytest

from poplib_c import error_proto

from .support import greeted


def without_stuffing(data):
    """A dot after a bare LF, or LF CR, may or may not be a stuffed one: nobody can tell.

    So of several all but one are taken away, here and where poplib has taken one before."""
    return re.sub(rb"(^|\n\r?)\.\.+", rb"\1.", data)


def text_of(line):
    """What poplib makes of a line."""
    if line[-2:] == b"\r\n":
        return line[:-2]
    return line[1:-1] if line[:1] == b"\r" else line[:-1]


def lines_of(data):
    return [text_of(line + b"\n") for line in data.split(b"\n")[:-1]]


# --- all the calls --------------------------------------------------------------------------


def into(client, number):
    file = io.BytesIO()
    client.retr_into(number, file)
    return file.getvalue()


def alone(call):
    return lambda client, count: ((n, call(client, n)) for n in range(1, count + 1))


def iterator(method, *arguments, **options):
    return lambda client, count: getattr(client, method)(
        range(1, count + 1), *arguments, **options
    )


ALONE = {
    "retr_bytes": alone(lambda client, number: client.retr_bytes(number)),
    "top_bytes": alone(lambda client, number: client.top_bytes(number, 99)),
    "retr_into": alone(into),
    "retr_many": iterator("retr_many"),
    "retr_many, lines": iterator("retr_many", lines=True),
    "top_many": iterator("top_many", 99),
}
AHEAD = {
    "retr_many": iterator("retr_many"),
    "a small window": iterator("retr_many", window=2),
    "lines": iterator("retr_many", lines=True),
    "top_many": iterator("top_many", 99),
    "read_ahead": alone(lambda client, number: client.retr_bytes(number)),
    "read_ahead, lines": alone(lambda client, number: client.retr(number)),
}


def fetched(maildrop, cls, calls, name, **options):
    """What a call gives, in order, and the exception that ends it, or None.

    The first message of a loop is fetched by poplib's own retr(), even with read_ahead.
    """
    if "read_ahead" in name:
        options["read_ahead"] = 10
    messages, error = [], None
    client = greeted(maildrop, cls, **options)
    client.stat()
    try:
        for number, message in calls[name](client, len(maildrop.messages)):
            if isinstance(message, Exception):
                raise message
            messages.append((number, message))
    except error_proto as exception:
        error = exception
    client.close()
    return messages, error


def check_right(maildrop, messages):
    """Each is the one that was asked for."""
    for number, message in messages:
        expected = maildrop.messages[number - 1]
        if isinstance(message, tuple):
            message, expected = b"\n".join(message[1]), b"\n".join(lines_of(expected))
        assert without_stuffing(message) == without_stuffing(expected)


by_alone = pytest.mark.parametrize("name", ALONE)
by_ahead = pytest.mark.parametrize("name", AHEAD)
