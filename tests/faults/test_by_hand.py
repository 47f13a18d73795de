"""Reading and writing by hand: through .file, through .sock, through what was put there."""

import io
import select
import socket

import pytest
from scripted import C, Raw, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT, ByFile, OwnSocket, measures_memory, run_program

NOTHING = [
    lambda file: file.read(0),
    lambda file: file.readline(0),
    lambda file: file.read1(0),
    lambda file: file.readinto(bytearray()),
    lambda file: file.peek(1),
    lambda file: file.read(3),
    lambda file: file.readinto(bytearray(3)),
]


@pytest.mark.parametrize("read", NOTHING)
def test_what_is_no_whole_line_is_no_answer(wired, read):
    client, peer = wired()
    client._putcmd("NOOP")
    peer.sendall(b"+OK")
    read(client.file)
    with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
        client.rset()
    peer.sendall(b"\r\n")
    assert client.file.readline().endswith(b"\r\n")
    client._putcmd("RSET")
    peer.sendall(b"+OK reset\r\n")
    assert client._getresp() == b"+OK reset"
    assert peer.recv(100) == b"NOOP\r\nRSET\r\n"


END = [
    lambda file: file.readline(),
    lambda file: file.read(3),
    lambda file: file.read1(),
    lambda file: file.readinto(bytearray(3)),
    lambda file: file.peek(),
]


@pytest.mark.parametrize("sock_class", [socket.socket, OwnSocket])
@pytest.mark.parametrize("read", END)
def test_end_of_the_stream_that_was_read_by_hand(wired, read, sock_class):
    """Nothing is unanswered behind it: sending and receiving say how it ended."""
    client, peer = wired(sock_class=sock_class)
    peer.shutdown(socket.SHUT_WR)
    client._putcmd("NOOP")
    assert not read(client.file)
    with pytest.raises(error_proto) as caught:
        client.user("alice")
    assert caught.value.args == ("-ERR EOF",)
    assert peer.recv(100) == b"NOOP\r\nUSER alice\r\n"


def test_what_is_unread_is_not_behind_the_end(wired):
    client, peer = wired()
    client._putcmd("NOOP")
    peer.sendall(b"+OK")
    peer.shutdown(socket.SHUT_WR)
    for _ in range(2):
        assert client.file.readline(1) in (b"+", b"O")
    with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
        client.rset()
    assert client.file.readline() == b"K"
    assert client.file.readline() == b""
    with pytest.raises(error_proto, match="-ERR EOF"):
        client.rset()


@pytest.mark.parametrize("line", [bytearray(b"STAT"), type("Own", (bytes,), {})(b"STAT")])
def test_line_of_a_kind_of_bytes(wired, line):
    client, peer = wired()
    client._putline(line)
    assert peer.recv(100) == b"STAT\r\n"
    with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
        client.noop()


class Wrapper:
    """Around a socket, and not it; its sendall() sends ``part`` octets and fails."""

    part = None

    def __init__(self, sock):
        self.sock = sock

    def sendall(self, data):
        self.sock.sendall(data[: self.part])
        if self.part is not None:
            raise socket.timeout("timed out")

    def __getattr__(self, name):
        return getattr(self.sock, name)


def test_command_sent_through_a_wrapper_of_the_socket(wired):
    client, peer = wired()
    client.sock = Wrapper(client.sock)
    client._putcmd("STAT")
    with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
        client.noop()
    peer.sendall(b"+OK 2 320\r\n")
    assert client._getresp() == b"+OK 2 320"
    assert peer.recv(100) == b"STAT\r\n"


@pytest.mark.parametrize("way", [POP3, ByFile])
def test_command_sent_in_part_through_a_wrapper(wired, way):
    client, peer = wired(way)
    client.sock = Wrapper(client.sock)
    client.sock.part = 3
    with pytest.raises(socket.timeout):
        client.dele(1)
    client.sock.part = None
    for command in (client.noop, lambda: client._putcmd("NOOP")):
        with pytest.raises(error_proto, match="a command was sent in part"):
            command()
    assert peer.recv(100) == b"DEL"


@pytest.mark.parametrize("name", ["peek", "read", "readline", "read1"])
@pytest.mark.parametrize("sock_class", [socket.socket, OwnSocket])
def test_read_by_hand_that_would_block(wired, name, sock_class):
    """Nothing of the stream is lost."""
    client, peer = wired(sock_class=sock_class)
    peer.sendall(b"+O")
    assert select.select([client.sock], [], [], TIMEOUT)[0]
    assert client.file.peek() == b"+O"
    client.sock.settimeout(0)
    if name in ("read", "readline"):
        with pytest.raises(BlockingIOError):
            getattr(client.file, name)()
    client.sock.settimeout(TIMEOUT)
    peer.sendall(b"K by hand\r\n")
    assert client.file.readline() == b"+OK by hand\r\n"
    client.sock.settimeout(0)
    with pytest.raises(BlockingIOError):
        getattr(client.file, name)()
    client.sock.settimeout(TIMEOUT)
    client._putcmd("NOOP")
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"


# --- foreign files ---------------------------------------------------------------------------


@pytest.mark.parametrize("part", [b"", b"+OK part"])
def test_foreign_file_that_must_not_wait(wired, part):
    """It seems to be at its end; what comes later answers no other command."""
    client, peer = wired(ByFile)
    peer.sendall(part)
    assert not part or select.select([client.sock], [], [], TIMEOUT)[0]
    client.sock.settimeout(0)
    with pytest.raises(error_proto) as caught:
        client.noop()
    assert caught.value.args == ("-ERR EOF",)
    client.sock.settimeout(TIMEOUT)
    peer.sendall(b"ial\r\n" if part else b"+OK answer to NOOP\r\n")
    for _ in range(2):
        with pytest.raises(error_proto, match="out of step"):
            client.dele(1)


def test_foreign_file_that_puts_another_in_its_place(wired):
    """What becomes of the one says nothing of the other."""
    client, peer = wired()
    client.file.close()
    new = io.BytesIO(b"+OK first\r\n+OK second\r\n")

    class Leaving:
        def readline(self, limit):
            client.file = new
            assert client._getresp() == b"+OK first"
            raise ValueError("broken")

    client.file = Leaving()
    client._putcmd("NOOP")
    with pytest.raises(ValueError, match="broken"):
        client._getresp()
    assert client._getresp() == b"+OK second"
    assert peer.recv(100) == b"NOOP\r\n"


RESIDENT = """
    import resource, sys
    import poplib_c

    def resident():
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() // 2**20

    client = poplib_c.POP3("127.0.0.1", int(sys.argv[1]), 20)
    before = resident()
    assert len(client.file.readline()) == 2**26 + 2
    client._putcmd("X" * 2**26)
    assert client._getresp() == b"+OK"
    print(resident() - before)
    client.close()
"""


@measures_memory
def test_memory_after_long_lines():
    """It is given back, whoever has read or written them."""
    steps = (Raw(2**26 * b"x" + b"\r\n"), C(2**26 * b"X"), S("+OK"))
    with play(S("+OK ready"), *steps, timeout=20) as server:
        output, _ = run_program(RESIDENT, server.port)
    assert int(output) < 40
