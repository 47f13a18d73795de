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


def proved(*numbers):
    """What shows that replies come in order, before the first deletion."""
    asked = [C(f"LIST {number}") for number in numbers]
    return [*asked, S(*[f"+OK {number} 10" for number in numbers])]


def answered(line):
    """What a maildrop says that has all messages, each one an empty one."""
    verb, _, number = line.strip().partition(b" ")
    if verb == b"LIST":
        return b"+OK %s 10\r\n" % number
    return b"+OK\r\n" + b".\r\n" * (verb in (b"RETR", b"TOP"))
