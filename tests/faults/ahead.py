"""What the tests of commands sent ahead share."""

import pytest
from scripted import C, S

from poplib_c import POP3

from .support import TIMEOUT, ByMethods
from .whole import message

by_either = pytest.mark.parametrize("cls", [POP3, ByMethods])


def greeted(server, cls=POP3, timeout=TIMEOUT, pipelining=True, **options):
    return cls(server.host, server.port, timeout, pipelining=pipelining, **options)


def retr(*numbers):
    return [C(f"RETR {number}") for number in numbers]


def replies(*numbers):
    return [message(b"%d\r\n" % number) for number in numbers]


def pairs(*numbers):
    return [(number, b"%d\r\n" % number) for number in numbers]


#: Another command, to see that the stream is in step.
DONE = [C("NOOP"), S("+OK done")]
REFUSED = S("-ERR no such message")
