"""Time: the socket's timeout holds for each receive and for each line sent."""

import contextlib
import errno
import socket
import ssl
import struct
import threading
import time

import pytest
from scripted import Await, C, Pause, Raw, S, play

from poplib_c import POP3, TLSSocket, error_proto

from .support import (
    OVER_TLS,
    SHORT,
    SOCKETS,
    TIMEOUT,
    WAYS,
    Call,
    OwnSocket,
    greeted,
    lasts,
    over_links,
)
from .tls import wait_readable

every_way = over_links(WAYS)
every_socket = pytest.mark.parametrize("sock_class", SOCKETS)

COMMANDS = [
    ("user", ("mrose",), "USER mrose"),
    ("pass_", ("secret",), "PASS secret"),
    ("rpop", ("mrose",), "RPOP mrose"),
    ("apop", ("mrose", "tanstaaf"), "APOP mrose c4c9334bac560ecc979e58001b3e22fb"),
    ("stat", (), "STAT"),
    ("list", (1,), "LIST 1"),
    ("list", (), "LIST"),
    ("uidl", (1,), "UIDL 1"),
    ("uidl", (), "UIDL"),
    ("retr", (1,), "RETR 1"),
    ("top", (1, 0), "TOP 1 0"),
    ("dele", (1,), "DELE 1"),
    ("noop", (), "NOOP"),
    ("rset", (), "RSET"),
    ("utf8", (), "UTF8"),
    ("capa", (), "CAPA"),
    ("_shortcmd", ("LAST",), "LAST"),
    ("_longcmd", ("XTND XLST",), "XTND XLST"),
]


#: What a timeout says, the last two over TLS.
TEXTS = ["timed out", "The read operation timed out", "The write operation timed out"]


@contextlib.contextmanager
def times_out(least=0.9 * SHORT, text="timed out"):
    with lasts(least), pytest.raises(socket.timeout) as caught:
        yield
    assert type(caught.value) is socket.timeout
    assert caught.value.args == (text,)


def receiving(link):
    """A call that waits for octets over the link times out."""
    return times_out(text=TEXTS[link.way == "tls"])


def sending(sock_class, least=0.9 * SHORT):
    """A call that sends by a socket of the class times out."""
    return times_out(least, TEXTS[2 if sock_class in OVER_TLS else 0])


def check_timed_out(client):
    """Every command fails, and the connection can still be let go."""
    sock = client.sock
    for command in (client.noop, client.list, client.stat, client._getresp):
        with lasts(0), pytest.raises(OSError) as caught:
            command()
        assert type(caught.value) is OSError
        assert caught.value.args == ("cannot read from timed out object",)
    with pytest.raises(OSError, match="cannot read from timed out object"):
        client.quit()
    assert client.sock is client.file is None
    assert sock.fileno() == -1


@pytest.mark.parametrize("name, arguments, wire", COMMANDS)
def test_silence_after_each_command(name, arguments, wire):
    with play(S("+OK <1896.697170952@dbc.mtview.ca.us>"), C(wire)) as server:
        client = greeted(server, timeout=SHORT)
        with times_out():
            getattr(client, name)(*arguments)
        check_timed_out(client)


def test_silence_after_quit():
    with play(S("+OK ready"), C("QUIT")) as server:
        client = greeted(server, timeout=SHORT)
        sock = client.sock
        with times_out():
            client.quit()
        assert client.sock is client.file is None
        assert sock.fileno() == -1
        assert server.wait_eof()


@every_way
@pytest.mark.parametrize("part", ["", "+OK\r", "+OK\r\na\r\n.\r"])
def test_silence_in_a_reply(way, link, part):
    with link.play(C("RETR 1"), Raw(part.encode())) as server:
        client = link.connect(server, way, SHORT)
        with receiving(link):
            client.retr(1)
        check_timed_out(client)


@every_way
def test_a_reply_that_comes_too_late(way, link):
    """It is nobody's: neither the next command's answer nor an error of its own."""
    left = threading.Event()
    with link.play(C("NOOP"), Await(left), S("+OK late")) as server:
        client = link.connect(server, way, SHORT)
        with receiving(link):
            client.noop()
        left.set()
        assert wait_readable(client.sock)
        check_timed_out(client)


@every_way
@pytest.mark.parametrize("reply", [b"+OK abcd\r\n", b"+OK\r\na\r\n.\r\n"])
def test_one_octet_at_a_time(way, link, reply):
    """Each is in time, the whole is not."""
    steps = [step for octet in reply for step in (Pause(0.05), Raw(bytes([octet])))]
    with link.play(C("RETR 1"), *steps) as server:
        client = link.connect(server, way, 0.4)
        with lasts(0.45):
            if reply.endswith(b".\r\n"):
                assert client.retr(1) == (b"+OK", [b"a"], 3)
            else:
                assert client._shortcmd("RETR 1") == b"+OK abcd"
        client.close()


@every_way
def test_timeout_changed_between_commands(way, link):
    steps = (C("A"), Pause(3 * SHORT), S("+OK a"), C("B"), Pause(3 * SHORT), S("+OK b"), C("C"))
    with link.play(*steps) as server:
        client = link.connect(server, way, SHORT)
        client.sock.settimeout(TIMEOUT)
        assert client._shortcmd("A") == b"+OK a"
        client.sock.settimeout(None)
        assert client._shortcmd("B") == b"+OK b"
        client.sock.settimeout(SHORT)
        with receiving(link):
            client._shortcmd("C")
        client.close()


@every_way
def test_no_timeout(way, link):
    """It waits until another thread lets it go on."""
    go = threading.Event()
    with link.play(C("NOOP"), Await(go), S("+OK")) as server:
        client = link.connect(server, way, None)
        call = Call(client.noop)
        assert call.is_blocked(3 * SHORT)
        go.set()
        assert call.end() == b"+OK"
        client.close()


def test_default_timeout_of_the_socket_module():
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SHORT)
    try:
        with times_out(), play() as server:
            POP3(server.host, server.port)
        with play(S("+OK ready"), C("NOOP")) as server:
            client = POP3(server.host, server.port)
            with times_out():
                client.noop()
            check_timed_out(client)
    finally:
        socket.setdefaulttimeout(before)


def test_timeout_of_the_kernel(wired):
    """SO_RCVTIMEO counts where the socket has no timeout of its own."""
    client, peer = wired(timeout=None)
    timeval = struct.pack("ll", 0, int(SHORT * 1e6))
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
    with times_out():
        client.noop()
    assert peer.recv(100) == b"NOOP\r\n"
    check_timed_out(client)


@every_socket
def test_no_time_at_all(wired, sock_class):
    client, peer = wired(sock_class=sock_class)
    client._putcmd("A")
    assert peer.recv(100) == b"A\r\n"
    peer.sendall(b"+OK a\r\n")
    assert wait_readable(client.sock)
    client.sock.settimeout(0)
    assert client._getresp() == b"+OK a"
    over_tls = sock_class in OVER_TLS
    with lasts(0), pytest.raises(ssl.SSLWantReadError if over_tls else BlockingIOError) as caught:
        client.noop()
    assert caught.value.errno == (ssl.SSL_ERROR_WANT_READ if over_tls else errno.EAGAIN)
    with pytest.raises(error_proto):
        client.noop()
    client.close()
    assert peer.recv(100) == b"NOOP\r\n"


def test_no_time_to_send(wired):
    client, _ = wired()
    fill(client.sock)
    client.sock.settimeout(0)
    with lasts(0), pytest.raises(BlockingIOError):
        client.noop()
    client.close()


def fill(sock):
    """Sends until the connection takes no more; how many octets that were."""
    timeout = sock.gettimeout()
    sock.settimeout(0)
    count = 0
    last = time.monotonic()
    # The system finds room again while it moves octets to the other end: at the latest when it
    # probes a full window, which Linux does after 0.2 seconds.
    while time.monotonic() - last < 6 * SHORT:
        try:
            count += sock.send(4096 * b"x")
        except BlockingIOError:
            time.sleep(SHORT / 20)
        else:
            last = time.monotonic()
    sock.settimeout(timeout)
    return count


def receive(peer, count):
    while count:
        count -= len(peer.recv(min(count, 65536)))


@every_socket
def test_a_server_that_reads_a_part_of_a_command(wired, sock_class):
    client, peer = wired(timeout=SHORT, sock_class=sock_class)
    sock = client.sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with sending(sock_class):
        client._putline(2**24 * b"x")
    with lasts(0), pytest.raises(error_proto, match="a command was sent in part"):
        client.noop()
    with pytest.raises(error_proto, match="a command was sent in part"):
        client.quit()
    assert sock.fileno() == -1
    received = b""
    with contextlib.suppress(ssl.SSLError):  # A record is cut.
        while data := peer.recv(2**20):
            received = data
    assert received.strip(b"x") == b""


def test_a_server_that_reads_nothing_of_a_command(wired):
    """Then nothing is lost: the command may be sent again."""
    client, peer = wired(timeout=SHORT)
    count = fill(client.sock)
    with times_out():
        client.noop()
    receive(peer, count)
    client._putcmd("NOOP")
    assert peer.recv(100) == b"NOOP\r\n"
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"


@pytest.mark.parametrize("sock_class", [socket.socket, OwnSocket, TLSSocket])
def test_timeout_of_a_command_that_trickles_away(wired, sock_class):
    """It holds for a line as a whole; an SSLSocket's holds for each part."""
    client, peer = wired(timeout=3 * SHORT, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    stop = threading.Event()

    def trickle():
        while not stop.wait(SHORT / 2):
            peer.recv(20000)

    reading = Call(trickle)
    with sending(sock_class, 2.7 * SHORT):
        client._putline(2**24 * b"x")
    stop.set()
    reading.end()


@pytest.mark.parametrize("timeout", [1e-9, 1e-4, 1e9])
def test_odd_timeouts(wired, timeout):
    client, peer = wired()
    client.sock.settimeout(timeout)
    client._putcmd("NOOP")
    if timeout < 1:
        with times_out(0):
            client._getresp()
        return
    peer.sendall(b"+OK\r\n")
    assert client._getresp() == b"+OK"
