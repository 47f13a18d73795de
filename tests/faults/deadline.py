"""What the tests of deadlines share."""

import contextlib
import re
import select
import socket
import threading

import pytest

from poplib_c import error_proto

from .support import SHORT, Call, lasts

#: Of a session or a block, in seconds; and the timeout of an operation, which is not to count.
ALLOWED = 0.3
PATIENT = 40.0


@contextlib.contextmanager
def passes(seconds=ALLOWED, begun=True):
    """The block ends by the deadline of so many seconds, and about then."""
    what = "close() this connection; " if begun else "nothing was sent; "
    start = re.escape(f"the deadline of {seconds:g} s has passed: {what}")
    with lasts(0.6 * seconds if begun else 0), pytest.raises(socket.timeout) as caught:
        yield
    assert type(caught.value) is socket.timeout
    assert re.match(start, str(caught.value)), caught.value


def check_cut(client):
    """A reply, or a command, was cut off: the connection can be closed, and no more."""
    out = (OSError, error_proto)
    with pytest.raises(out, match=r"cannot read from timed out object|out of step"):
        client.noop()
    sock = client.sock
    with pytest.raises(out):
        client.quit()
    assert client.sock is client.file is None
    assert sock.fileno() == -1


#: More than two ends and what is between them hold.
LONG_LINE = 2**24 * b"x"


@contextlib.contextmanager
def trickling(peer):
    """A server that reads a little now and then, for the length of the block."""
    stop = threading.Event()
    peer.settimeout(SHORT)

    def trickle():
        while not stop.wait(0.01):
            with contextlib.suppress(socket.timeout):
                peer.recv(2000)

    reading = Call(trickle)
    try:
        yield
    finally:
        stop.set()
        assert reading.end() is None


class Drip:
    """A step of a script: the octets over and over, one at a time, until the client leaves."""

    def __init__(self, data, first=b""):
        self.data = data
        self.first = first

    def play(self, peer):
        with contextlib.suppress(OSError):
            if self.first:
                peer.send(self.first)
            while True:
                for octet in self.pieces():
                    if select.select([peer.connection], [], [], 0.01)[0]:
                        return
                    peer.send(octet)

    def pieces(self):
        return [self.data[i : i + 1] for i in range(len(self.data))]


class Whole(Drip):
    """A step of a script: all the octets at once, over and over, until the client leaves."""

    def pieces(self):
        return [self.data]
