"""``.file`` is a buffered binary reader that shares the stream with the commands."""

import contextlib
import errno
import io
import socket

import pytest
from scripted import C, Close, HalfClose, Raw, S

BODY = b"first\r\nsecond\n\r\nlast\r\n"


@pytest.fixture
def reading(talk):
    """``with reading() as client``: a reply of BODY waits behind its status line."""

    @contextlib.contextmanager
    def reading(*steps):
        with talk(C("RETR 1"), Raw(b"+OK\r\n" + BODY), *steps) as client:
            client._putcmd("RETR 1")
            assert client._getresp() == b"+OK"
            yield client

    return reading


def test_readline(reading):
    with reading() as client:
        assert client.file.readline() == b"first\r\n"
        assert client.file.readline(-1) == b"second\n"
        assert client.file.readline(0) == b""
        assert client.file.readline(100) == b"\r\n"
        assert client.file.readline(3) == b"las"
        assert client.file.readline(3) == b"t\r\n"
        assert client.file.readline == client.file.readline


def test_read(reading):
    with reading() as client:
        assert client.file.read(0) == b""
        assert client.file.read(3) == b"fir"
        assert client.file.read(len(BODY) - 3) == BODY[3:]


@pytest.mark.parametrize("arguments", [(), (-1,), (None,)])
def test_read_to_the_end(reading, arguments):
    with reading(HalfClose()) as client:
        assert client.file.read(*arguments) == BODY
        assert client.file.read() == client.file.read(5) == client.file.readline() == b""


def test_read_more_than_there_is(reading):
    with reading(HalfClose()) as client:
        assert client.file.read(1000) == BODY


def test_read1(reading):
    with reading() as client:
        assert client.file.read1(0) == b""
        assert client.file.read1(3) == b"fir"
        received = client.file.read1()
        while 3 + len(received) < len(BODY):
            received += client.file.read1(-1)
        assert received == BODY[3:]


@pytest.mark.parametrize("name", ["readinto", "readinto1"])
def test_readinto(reading, name):
    with reading() as client:
        buffer = bytearray(b"-----")
        assert getattr(client.file, name)(memoryview(buffer)[:3]) == 3
        assert buffer == b"fir--"
        assert client.file.read(4) == b"st\r\n"


def test_readinto_at_the_end(reading):
    with reading(HalfClose()) as client:
        buffer = bytearray(100)
        assert client.file.readinto(buffer) == len(BODY)
        assert buffer[: len(BODY)] == BODY
        assert client.file.readinto(buffer) == 0


def test_readlines(reading):
    with reading(HalfClose()) as client:
        assert client.file.readlines(8) == [b"first\r\n", b"second\n"]
        assert client.file.readlines() == [b"\r\n", b"last\r\n"]
        assert client.file.readlines() == []


def test_iteration(reading):
    with reading(HalfClose()) as client:
        assert iter(client.file) is client.file
        assert next(client.file) == b"first\r\n"
        assert list(client.file) == [b"second\n", b"\r\n", b"last\r\n"]
        with pytest.raises(StopIteration):
            next(client.file)


def test_peek(reading):
    with reading() as client:
        seen = client.file.peek()
        assert seen and BODY.startswith(seen)
        assert BODY.startswith(client.file.peek(3))
        assert client.file.read(len(BODY)) == BODY


def test_what_kind_of_file_it_is(reading):
    with reading() as client:
        assert isinstance(client.file, io.BufferedIOBase)
        assert client.file.fileno() == client.sock.fileno()
        assert client.file.readable() is True
        assert client.file.writable() is False
        assert client.file.seekable() is False
        assert client.file.isatty() is False
        assert client.file.closed is False
        assert client.file.flush() is None
        with pytest.raises(io.UnsupportedOperation):
            client.file.write(b"x")


def test_closed(reading):
    with reading() as client:
        file = client.file
        client.close()
        assert file.closed is True
        assert file.close() is None
        for name in ("readline", "read", "peek", "readlines", "fileno", "__next__"):
            with pytest.raises(ValueError):
                getattr(file, name)()


def test_closed_by_the_user(reading):
    with reading() as client:
        with client.file as file:
            assert file is client.file
        assert file.closed
        with pytest.raises(ValueError):
            client._getresp()


def test_wrapped_in_text(reading):
    with reading(HalfClose()) as client, io.TextIOWrapper(client.file, "ascii") as text:
        assert text.readlines() == ["first\n", "second\n", "\n", "last\n"]


def test_last_line_without_an_end(talk):
    with talk(C("NOOP"), Raw(b"+OK\r\npart"), Close()) as client:
        client.noop()
        assert client.file.readline() == b"part"
        assert client.file.readline() == b""


def test_timeout(talk):
    with talk(C("NOOP"), timeout=0.05) as client:
        client._putcmd("NOOP")
        with pytest.raises(socket.timeout):
            client.file.readline()
        with pytest.raises(OSError, match="cannot read from timed out object"):
            client.file.readline()


@pytest.mark.parametrize("limit", ["1", 1.5, [1]])
def test_wrong_arguments(reading, limit):
    with reading() as client:
        for name in ("readline", "read", "read1"):
            with pytest.raises(TypeError):
                getattr(client.file, name)(limit)
        with pytest.raises(TypeError):
            client.file.readinto(b"read-only")
        assert client.file.read(len(BODY)) == BODY


def test_lines_of_a_reply_read_from_the_file(reading):
    with reading(S("."), C("NOOP"), S("+OK done")) as client:
        assert client._getline() == (b"first", 7)
        assert client.file.readline() == b"second\n"
        assert client._getline() == (b"", 2)
        assert client.file.readline() == b"last\r\n"
        assert client.file.readline() == b".\r\n"
        assert client.noop() == b"+OK done"


def test_status_line_read_from_the_file(talk):
    steps = (C("XTND XLST"), S("+OK", "1", "."), C("NOOP"), S("+OK done"))
    with talk(*steps) as client:
        client._putcmd("XTND XLST")
        assert list(iter(client.file.readline, b".\r\n")) == [b"+OK\r\n", b"1\r\n"]
        assert client.noop() == b"+OK done"


def test_a_dialogue_past_the_commands(talk):
    steps = (C("AUTH PLAIN"), S("+ "), C("AGFAYg=="), S("+OK in"), C("NOOP"), S("+OK done"))
    with talk(*steps) as client:
        client.sock.sendall(b"AUTH PLAIN\r\n")
        assert client.file.readline() == b"+ \r\n"
        client.sock.sendall(b"AGFAYg==\r\n")
        assert client.file.readline() == b"+OK in\r\n"
        assert client.noop() == b"+OK done"


def test_a_dialogue_of_raw_commands(talk):
    steps = (C("AUTH LOGIN"), S("+ VXNlcg=="), C("YQ=="), S("+ UGFzcw=="), C("Yg=="), S("+OK in"))
    with talk(*steps) as client:
        assert client._shortcmd("AUTH LOGIN") == b"+ VXNlcg=="
        assert client._shortcmd("YQ==") == b"+ UGFzcw=="
        assert client._shortcmd("Yg==") == b"+OK in"


def test_a_closed_socket_is_kept_open_for_the_file(talk):
    """sock.close() frees no descriptor that .file still reads from."""
    with talk(C("NOOP"), S("+OK one"), C("RETR 1"), S("+OK two", "a", ".")) as client:
        assert client.noop() == b"+OK one"
        client.sock.close()
        assert client.file.fileno() >= 0
        assert client.retr(1) == (b"+OK two", [b"a"], 3)
        with pytest.raises(OSError) as caught:
            client.close()
        assert caught.value.errno == errno.EBADF
