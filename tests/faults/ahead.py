"""What the tests of commands sent ahead share."""

import pytest
from scripted import C, S

from poplib_c import POP3

from . import support
from .support import TIMEOUT, ByMethods
from .whole import message

by_either = pytest.mark.parametrize("cls", [POP3, ByMethods])


def greeted(server, cls=POP3, timeout=TIMEOUT, pipelining=True, **options):
    return support.greeted(server, cls, timeout, pipelining=pipelining, **options)


def retr(*numbers):
    return [C(f"RETR {number}") for number in numbers]


def replies(*numbers):
    return [message(b"%d\r\n" % number) for number in numbers]


def pairs(*numbers):
    return [(number, b"%d\r\n" % number) for number in numbers]


#: Another command, to see that the stream is in step.
DONE = [C("NOOP"), S("+OK done")]
REFUSED = S("-ERR no such message")
#: What the server is asked first.
ANNOUNCED = [C("CAPA"), S("+OK", "PIPELINING", ".")]


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


# --- read_ahead -----------------------------------------------------------------------------

#: Messages in the maildrop where it does not matter how many there are.
MANY = 99


def stat(count):
    return [C("STAT"), S(f"+OK {count} 999")]


def login(count=MANY):
    """Nothing is read ahead before the server has said how many messages there are."""
    return [S("+OK ready"), C("PASS b"), S("+OK"), *stat(count)]


def logged_in(server, cls=POP3, read_ahead=2, count=MANY, timeout=TIMEOUT, **options):
    options = {"pipelining": True, **options}
    client = greeted(server, cls, read_ahead=read_ahead, **options)
    client.pass_("b")
    assert client.stat() == (count, 999)
    client.sock.settimeout(timeout)
    return client


LOGIN = login()
OF_THREE = login(3)


def tuples(*numbers):
    return [(b"+OK", [b"%d" % number], len(str(number)) + 2) for number in numbers]


def dele(number):
    return [C(f"DELE {number}"), S("+OK")]
