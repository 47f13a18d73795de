"""Each way to fail, hundreds of times: nothing is kept."""

import gc
import socket
import sys

import pytest

from poplib_c import POP3, error_proto

from .memory import resident
from .support import GREETING, SANITIZED, ByLines, OwnSocket, connect, open_descriptors

ROUNDS = 200


class Failure(Exception):
    pass


def fails(kind, function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except kind:
        return
    raise AssertionError(f"{function} did not raise {kind}")


def refused_greeting(here, there):
    there.sendall(b"-ERR no\r\n")
    fails(error_proto, connect, here)


def no_greeting(here, there):
    there.close()
    fails(error_proto, connect, here)


def greeting_that_never_comes(here, there):
    here.settimeout(1e-4)
    fails(socket.timeout, connect, here)


def greeting_that_is_too_long(here, there):
    there.sendall(b"+" + 2048 * b"x")
    fails(error_proto, connect, here)


def wrong_arguments(here, there):
    for arguments in ((), (1, 2, 3, 4)):
        fails(TypeError, POP3, *arguments)
    for wrong in (0, "x"):
        fails((TypeError, ValueError), connect, here, max_line=wrong)
    fails(TypeError, POP3, "mail.example.org", hots=1)


def greeted(path, cls=POP3, **options):
    """A path that begins with a connection."""

    def run(here, there):
        there.sendall(GREETING)
        client = connect(here, cls, **options)
        path(client, there)
        client.close()

    run.__name__ = path.__name__
    return run


def asked(client, there, reply, kind, get="_getlongresp"):
    client._putcmd("RETR 1")
    there.sendall(reply)
    fails(kind, getattr(client, get))


def refused(client, there):
    asked(client, there, b"-ERR no such message\r\n", error_proto)
    asked(client, there, b"-ERR no such message\r\n", error_proto, "_getresp")
    there.close()
    fails((error_proto, OSError), client.noop)


def cut_off(client, there):
    client._putcmd("RETR 1")
    there.sendall(b"+OK\r\na\r\nb")
    there.shutdown(socket.SHUT_WR)
    fails(error_proto, client._getlongresp)


def too_long(client, there):
    asked(client, there, b"+OK\r\na\r\n" + 4097 * b"x", error_proto)
    fails(error_proto, client.noop)


def timed_out(client, there):
    client.sock.settimeout(1e-4)
    asked(client, there, b"+OK\r\na\r\nb", socket.timeout)
    fails(OSError, client.noop)


def not_blocking(client, there):
    client.sock.settimeout(0)
    asked(client, there, b"+OK\r\na\r\nb", BlockingIOError)


def unasked(client, there):
    there.sendall(b"+OK who asked?\r\n")
    for _ in range(2):
        fails(error_proto, client.noop)


def control_characters(client, there):
    fails(ValueError, client.user, "a\r\nDELE 1")


def unencodable(client, there):
    fails(UnicodeEncodeError, client.user, "\udc80")
    client.encoding = "no-such-codec"
    fails(LookupError, client.user, "a")


def malformed_stat(client, there):
    client._shortcmd = lambda line: b"+OK 2"
    fails(error_proto, client.stat)


def failing_hooks(client, there):
    def fail(*arguments):
        raise Failure

    for name in ("_shortcmd", "_putcmd", "_putline", "_getresp"):
        setattr(client, name, fail)
        fails(Failure, client.noop)
        delattr(client, name)


def failing_lines(client, there):
    lines = iter([(b"+OK", 5), (b"a", 3), (b"a",)])
    client._getline = lambda: next(lines)
    fails(ValueError, client._getlongresp)
    fails(StopIteration, client._getresp)


def failing_file(client, there):
    client.file.close()
    fails(ValueError, client._getresp)
    client.file = None
    fails(AttributeError, client._getresp)


def failing_socket(client, there):
    asked(client, there, b"+OK\r\na\r\nb", Failure)


class Failing(OwnSocket):
    def recv_into(self, buffer):
        if self.count:
            raise Failure
        self.count += 1
        return super().recv_into(buffer)

    count = 0


def closed(client, there):
    client.close()
    fails(AttributeError, client.noop)
    fails(AttributeError, client.retr, 1)


def reset(client, there):
    there.close()
    fails(OSError, lambda: [client._putcmd("NOOP") for _ in range(3)])


class Answered:
    """A number that is answered while it is asked for."""

    def __init__(self, there, replies):
        self.there, self.replies = there, replies

    def __str__(self):
        self.there.sendall(self.replies)
        return "1"


def many(client, there):
    def numbers():
        yield from (Answered(there, b"+OK\r\na\r\n.\r\n-ERR\r\n"), "2\r\n", 3)
        raise Failure

    for options in ({}, {"lines": True}):
        iterator = client.retr_many(numbers(), **options)
        next(iterator)
        for kind in (ValueError, error_proto, Failure):
            fails(kind, next, iterator)
    fails(ValueError, client.retr_many, [1], errors="x")
    fails(TypeError, client.retr_many, 1)


def many_in_a_cycle(client, there):
    def numbers():
        yield Answered(there, b"+OK\r\na\r\n.\r\n+OK\r\nb\r\n")
        yield from range(50)
        yield iterator

    iterator = client.retr_many(numbers())
    next(iterator)
    there.close()
    fails((error_proto, OSError), client.noop)


def proved_and_cut_off(client, there):
    def capa():
        there.sendall(b"+OK 1 1\r\n")
        there.shutdown(socket.SHUT_WR)
        return {"PIPELINING": []}

    client.set_options(pipelining="auto")
    client.capa = capa
    fails(error_proto, next, client.retr_many([1, 2]))


PATHS = [
    refused_greeting,
    no_greeting,
    greeting_that_never_comes,
    greeting_that_is_too_long,
    wrong_arguments,
    *map(greeted, [refused, cut_off, timed_out, not_blocking, unasked, control_characters]),
    *map(greeted, [unencodable, malformed_stat, failing_hooks, failing_lines, failing_file]),
    *map(greeted, [closed, reset]),
    *[greeted(path, pipelining=True) for path in (many, many_in_a_cycle, proved_and_cut_off)],
    greeted(too_long, max_line=4096),
    greeted(cut_off, ByLines),
    greeted(too_long, ByLines, max_line=4096),
]


def left_in_a_cycle(here, there):
    there.sendall(GREETING)
    client = connect(here)
    client.itself = client
    here.close()


def usage():
    gc.collect()
    return len(gc.get_objects()), sys.getallocatedblocks(), open_descriptors(), resident()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("path", [*PATHS, left_in_a_cycle], ids=lambda path: path.__name__)
def test_failing_again_and_again(path):
    run(path, socket.socket, ROUNDS // 5)
    check_flat(lambda: run(path, socket.socket, ROUNDS))


def test_failing_socket_again_and_again():
    path = greeted(failing_socket)
    run(path, Failing, ROUNDS // 5)
    check_flat(lambda: run(path, Failing, ROUNDS))


def run(path, sock_class, rounds):
    for number in range(rounds):
        if number % 100 == 0:
            gc.collect()
        pair = socket.socketpair()
        with pair[1] as there:
            here = sock_class(fileno=pair[0].detach())
            here.settimeout(5)
            path(here, there)
            here.close()


def check_flat(work):
    """Less than one of anything for each round; a leak is there each time, other threads' once."""
    for _ in range(3):
        before = usage()
        work()
        objects, blocks, descriptors, memory = (b - a for a, b in zip(before, usage()))
        flat = objects < ROUNDS / 10, blocks < ROUNDS / 2, memory < ROUNDS * 4096 or SANITIZED
        if all(flat):
            break
    assert all(flat), (objects, blocks, memory)
    assert descriptors == 0
