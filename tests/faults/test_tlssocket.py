"""TLSSocket moves bytes as ssl.SSLSocket does: each test calls both."""

import array
import socket
import ssl
import sys
import threading

import pytest

from .support import TIMEOUT, Call
from .tls import tls_pair, tls_socket

LARGE = bytes(range(256)) * 2**14


def skip_old(sock):
    """The ssl module of Python 3.9 knows less."""
    if isinstance(sock, ssl.SSLSocket) and sys.version_info < (3, 10):
        pytest.skip("not in the ssl module of Python 3.9")


def read_all(sock, octets):
    received = bytearray()
    while len(received) < octets:
        received += sock.recv(octets - len(received))
    return bytes(received)


# Receiving


@pytest.mark.parametrize(
    "receive, expected",
    [
        (lambda s: s.recv(), b"+OK hello\r\n"),
        (lambda s: s.recv(3), b"+OK"),
        (lambda s: s.recv(3, 0), b"+OK"),
        (lambda s: s.recv(buflen=4, flags=0), b"+OK "),
        (lambda s: s.recv(0), b""),
        (lambda s: s.read(), b"+OK hello\r\n"),
        (lambda s: s.read(2), b"+O"),
        (lambda s: s.read(len=2), b"+O"),
        (lambda s: s.read(0), b""),
    ],
)
def test_recv(pair, receive, expected):
    here, there = pair
    there.sendall(b"+OK hello\r\n")
    result = receive(here)
    assert type(result) is bytes
    assert result == expected
    assert read_all(here, 11 - len(result)) == b"+OK hello\r\n"[len(result) :]


@pytest.mark.parametrize(
    "receive, expected",
    [
        (lambda s, b: s.recv_into(b), b"abcdef"),
        (lambda s, b: s.recv_into(b, None), b"abcdef"),
        (lambda s, b: s.recv_into(b, 3), b"abc"),
        (lambda s, b: s.recv_into(b, nbytes=3, flags=0), b"abc"),
        (lambda s, b: s.recv_into(buffer=b, nbytes=8), b"abcdef"),
        (lambda s, b: s.recv_into(b, 0), b"abcdef"),
        (lambda s, b: s.recv_into(b, 100), b"abcdef"),
        (lambda s, b: s.recv_into(b, -1), b"abcdef"),
        (lambda s, b: s.recv_into(memoryview(b)[:2]), b"ab"),
        (lambda s, b: s.recv_into(memoryview(b)[1:3], 1), b"\0a"),
        (lambda s, b: s.recv_into(memoryview(b)[:0]), b""),
        (lambda s, b: s.read(4, b), b"abcd"),
        (lambda s, b: s.read(len=100, buffer=b), b"abcdef"),
    ],
)
def test_recv_into(pair, receive, expected):
    here, there = pair
    there.sendall(b"abcdef")
    buffer = bytearray(8)
    octets = receive(here, buffer)
    assert bytes(buffer) == expected + bytes(8 - len(expected))
    assert octets == len(expected.lstrip(b"\0"))
    assert read_all(here, 6 - octets) == b"abcdef"[octets:]


def test_recv_into_items_of_several_octets(pair):
    here, there = pair
    there.sendall(b"abcdefgh")
    numbers = array.array("L", [0, 0])
    # The ssl module before Python 3.11 takes the number of items for octets.
    items = isinstance(here, ssl.SSLSocket) and sys.version_info < (3, 11)
    octets = len(numbers) if items else 8
    assert here.recv_into(numbers) == octets
    assert numbers.tobytes()[:8] == b"abcdefgh"[:octets].ljust(8, b"\0")


@pytest.mark.parametrize(
    "receive, error",
    [
        (lambda s: s.recv(-1), ValueError),
        (lambda s: s.recv("3"), TypeError),
        (lambda s: s.recv(3.0), TypeError),
        (lambda s: s.recv(None), TypeError),
        (lambda s: s.recv(2**80), OverflowError),
        (lambda s: s.recv(3, socket.MSG_PEEK), ValueError),
        (lambda s: s.recv(3, flags=socket.MSG_DONTWAIT), ValueError),
        (lambda s: s.recv(3, 0, 0), TypeError),
        (lambda s: s.recv(size=3), TypeError),
        (lambda s: s.recv_into(b"bytes"), TypeError),
        (lambda s: s.recv_into(memoryview(bytearray(8))[::2]), (TypeError, BufferError)),
        (lambda s: s.recv_into(bytearray(8), 3, socket.MSG_PEEK), ValueError),
        (lambda s: s.recv_into(bytearray(8), "3"), TypeError),
        (lambda s: s.recv_into(), TypeError),
        (lambda s: s.read("3"), TypeError),
        (lambda s: s.read(-1), ValueError),
        (lambda s: s.read(3, b"bytes"), TypeError),
    ],
)
def test_wrong_ways_to_receive(pair, receive, error):
    """They take nothing away."""
    here, there = pair
    there.sendall(b"abc")
    with pytest.raises(error):
        receive(here)
    assert read_all(here, 3) == b"abc"


def test_large_messages_in_both_directions(pair):
    here, there = pair
    sending = Call(there.sendall, LARGE)
    assert read_all(here, len(LARGE)) == LARGE
    assert sending.end() is None
    receiving = Call(read_all, there, len(LARGE))
    assert here.sendall(LARGE) is None
    assert receiving.end() == LARGE


@pytest.mark.parametrize("notify", [True, False])
def test_end_of_the_stream(pair, notify):
    """With and without close_notify it is b'', again and again; what came before is there."""
    here, there = pair
    there.sendall(b"last")
    if notify:
        unwrapping = Call(there.unwrap)
    else:
        there.shutdown(socket.SHUT_WR)
    assert here.recv(100) == b"last"
    buffer = bytearray(8)
    for _ in range(2):
        assert here.recv(100) == b""
        assert here.recv_into(buffer) == 0
        assert here.read() == b""
    assert buffer == bytes(8)
    if notify:
        here.unwrap()
        unwrapping.end().close()


# Sending


@pytest.mark.parametrize(
    "send",
    [
        lambda s, d: s.send(d),
        lambda s, d: s.send(d, 0),
        lambda s, d: s.write(d),
        lambda s, d: s.sendall(d),
        lambda s, d: s.sendall(d, flags=0),
    ],
)
@pytest.mark.parametrize(
    "data", [b"STAT\r\n", bytearray(b"x"), memoryview(b"abc"), array.array("H", [1, 2]), b""]
)
def test_send(pair, send, data):
    here, there = pair
    octets = bytes(memoryview(data).cast("B")) if len(data) else b""
    if not octets:
        skip_old(here)
    assert send(here, data) in (None, len(octets))
    here.sendall(b"!")
    assert read_all(there, len(octets) + 1) == octets + b"!"


@pytest.mark.parametrize(
    "send, error",
    [
        (lambda s: s.send("STAT\r\n"), TypeError),
        (lambda s: s.sendall("STAT\r\n"), TypeError),
        (lambda s: s.write("STAT\r\n"), TypeError),
        (lambda s: s.send(None), TypeError),
        (lambda s: s.sendall(5), TypeError),
        (lambda s: s.send(memoryview(b"abcd")[::2]), (BufferError, TypeError)),
        (lambda s: s.sendall(memoryview(b"abcd")[::2]), (BufferError, TypeError)),
        (lambda s: s.send(b"x", socket.MSG_OOB), ValueError),
        (lambda s: s.sendall(b"x", socket.MSG_OOB), ValueError),
        (lambda s: s.send(), TypeError),
        (lambda s: s.sendall(), TypeError),
    ],
)
def test_wrong_ways_to_send(pair, send, error):
    """They send nothing."""
    here, there = pair
    with pytest.raises(error):
        send(here)
    here.sendall(b"!")
    assert there.recv(100) == b"!"


def test_send_takes_a_part(pair):
    """One that is not blocked takes what the other side has room for, and says how much."""
    here, there = pair
    # The system's own may grow beyond what is sent.
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**17)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**17)
    here.settimeout(0)
    sent = 0
    with pytest.raises(ssl.SSLWantWriteError):
        while sent < len(LARGE):
            sent += here.send(LARGE[sent : sent + 2**16])
    assert 0 < sent < len(LARGE)
    assert read_all(there, sent) == LARGE[:sent]


def test_after_want_write_the_same_is_sent_again(pair):
    here, there = pair
    here.settimeout(0)
    sent = 0
    receiving = Call(read_all, there, len(LARGE))
    while sent < len(LARGE):
        try:
            sent += here.send(LARGE[sent:])
        except ssl.SSLWantWriteError:
            here.settimeout(TIMEOUT)
            sent += here.send(LARGE[sent:])
            here.settimeout(0)
    assert receiving.end() == LARGE


# Threads


def test_a_reader_and_a_writer_in_threads(server_context):
    """The writer of a TLSSocket waits for its turn: nothing is lost or mixed up."""
    here, there = tls_pair(tls_socket, server_context)
    with here, there:
        stop = threading.Event()

        def echo():
            while not stop.is_set():
                data = there.recv(65536)
                if data:
                    there.sendall(data)

        echoing = Call(echo)
        calls = [Call(ask, here) for _ in range(4)]
        results = [call.end() for call in calls]
        assert sum(results) == 4 * 50
        stop.set()
        here.sendall(b"end")
        assert echoing.end() is None


def ask(sock):
    octets = 0
    for _ in range(50):
        sock.sendall(b"x")
        octets += len(sock.recv(1))
    return octets
