"""Servers that send a reply in pieces: each waits for the acknowledgement of the one before
(Nagle's algorithm), which the system would delay by 40 ms.
"""

import contextlib
import errno
import socket
import time

import pytest

from poplib_c import POP3, error_proto

from .support import TIMEOUT, ByMethods, Call, Lines, OwnSocket, connect, over_links

NUMBERS = range(1, 21)
WINDOW = 2
#: Half the time, at most, if acknowledgements are late: every message waits, or every WINDOW.
FAR_LESS = 0.2

BODY = b"Subject: pieces\r\n\r\n" + (b"x" * 76 + b"\r\n") * 8
WHOLE = BODY.replace(b"\r\n", b"\n")


def answer(line):
    if line.startswith(b"RETR"):
        return [b"+OK\r\n", BODY, b".\r\n"]
    return [b"+OK\r\n"]


def retr(client):
    return [b"\n".join([*client.retr(number)[1], b""]) for number in NUMBERS]


def retr_bytes(client):
    return [client.retr_bytes(number).replace(b"\r\n", b"\n") for number in NUMBERS]


def retr_many(client):
    messages = client.retr_many(NUMBERS, window=WINDOW)
    return [message.replace(b"\r\n", b"\n") for _, message in messages]


def seconds(function, *arguments):
    start = time.monotonic()
    assert function(*arguments) == [WHOLE] * len(NUMBERS)
    return time.monotonic() - start


needs_option = pytest.mark.skipif(
    not hasattr(socket, "TCP_QUICKACK"), reason="the system can't be told to acknowledge"
)
pipelined = pytest.mark.parametrize("pipelining", [True, False])


@pytest.mark.alone
@needs_option
@pytest.mark.parametrize(
    "fetch, pipelining, timeout",
    [
        (retr, False, TIMEOUT),
        (retr, False, None),
        (retr_bytes, False, TIMEOUT),
        (retr_many, False, TIMEOUT),
        (retr_many, True, TIMEOUT),
    ],
)
@over_links([POP3, ByMethods])
def test_no_piece_waits_for_a_late_acknowledgement(link, way, timeout, fetch, pipelining):
    with Lines(answer, link.tls) as server:
        client = link.connect(server, way, timeout, pipelining=pipelining)
        with contextlib.closing(client):
            fetch(client)  # A socket with methods of its own is found to be slow first.
            assert any(seconds(fetch, client) < FAR_LESS for _ in range(5))


@pipelined
@over_links([POP3, ByMethods])
def test_commands_that_are_sent_ahead_wait_for_no_acknowledgement(link, way, pipelining):
    def hurries():
        return client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    with Lines(answer, link.tls) as server:
        client = link.connect(server, way, pipelining=pipelining)
        with contextlib.closing(client):
            client.noop()
            assert not hurries()
            retr_many(client)
            assert hurries() == pipelining


# --- sockets with methods of their own ----------------------------------------------

PAUSE = 0.03


class Slow(OwnSocket):
    """Receives few octets at a time, after a pause; counts who asks for its descriptor."""

    pause = 0
    asked = received = 0

    def recv_into(self, buffer):
        self.received += 1
        time.sleep(self.pause)
        return super().recv_into(buffer[:50])

    def fileno(self):
        self.asked += 1
        return super().fileno()

    def counts(self, call, *arguments):
        """How often it was asked for its descriptor and received, during a call."""
        self.asked = self.received = 0
        call(*arguments)
        return self.asked, self.received


@contextlib.contextmanager
def slow(sock_class=Slow, **options):
    with Lines(answer) as server, sock_class() as sock:
        sock.settimeout(TIMEOUT)
        sock.connect(server.address)
        with contextlib.closing(connect(sock, **options)) as client:
            sock.pause = PAUSE
            yield client


@needs_option
def test_receiving_slowly_in_a_reply_is_noticed():
    with slow() as client:
        sock = client.sock
        assert sock.counts(client.noop) == (0, 1)
        asked, received = sock.counts(client.retr, 1)
        assert asked == received - 2 > 0
        sock.pause = 0
        asked, received = sock.counts(client.retr, 2)
        assert asked == received - 1
        assert sock.counts(client.noop) == (0, 1)


@pytest.mark.parametrize(
    "error", [None, OSError(errno.EBADF, "none"), AttributeError("fileno"), LookupError("no")]
)
def test_socket_without_a_descriptor(error):
    """It is asked again only after it was slow again."""

    class Without(Slow):
        def fileno(self):
            super().fileno()
            if error is None:
                return -1
            raise error

    with slow(Without, pipelining=True) as client:
        sock = client.sock
        asked, received = sock.counts(client.retr, 1)
        assert asked == received - 2 > 0
        sock.pause = 0
        asked, received = sock.counts(client.retr, 2)
        assert asked < received - 1
        assert retr_many(client) == [WHOLE] * len(NUMBERS)


@pytest.mark.parametrize("fetch", [retr, retr_many])
def test_exit_in_fileno_is_raised(fetch):
    class Leaving(Slow):
        def fileno(self):
            raise SystemExit(3)

    with slow(Leaving, pipelining=True) as client:
        with pytest.raises(SystemExit):
            fetch(client)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()


def serve(peer):
    with peer.makefile("rb") as lines:
        peer.sendall(b"+OK ready\r\n")
        for line in lines:
            for piece in answer(line):
                peer.sendall(piece)


@pipelined
@pytest.mark.parametrize("sock_class", [socket.socket, Slow])
def test_socket_that_is_none_of_tcp(sock_class, pipelining):
    ours, theirs = socket.socketpair()
    with theirs, sock_class(fileno=ours.detach()) as sock:
        serving = Call(serve, theirs)
        with contextlib.closing(connect(sock, pipelining=pipelining)) as client:
            sock.settimeout(TIMEOUT)
            if sock_class is Slow:
                sock.pause = PAUSE
                client.retr(1)
                sock.pause = 0
            assert retr(client) == retr_many(client) == [WHOLE] * len(NUMBERS)
        assert serving.end() is None
