"""Streams whose next octets are not the reply that is waited for."""

import io
import select
import signal
import socket
import sys
import threading

import pytest
from scripted import Await, C, Pause, Raw, S, play

from poplib_c import POP3, error_proto

from .support import SHORT, TIMEOUT, WAYS, ByMethods, ByStatus

OUT = "-ERR out of step: "


def check_out_of_step(client, reason):
    """Every command fails and says why, and the connection can still be let go."""
    sock = client.sock
    for command in (client.noop, client.list, client.stat, client.capa, client.quit):
        with pytest.raises(error_proto) as caught:
            command()
        assert caught.value.args[0].startswith(OUT + reason)
    assert client.sock is client.file is None
    assert sock.fileno() == -1


ERRORS = [LookupError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration]


@pytest.mark.parametrize("error", ERRORS)
def test_error_between_two_lines(error):
    class Picky(POP3):
        def _getline(self):
            line, octets = super()._getline()
            if line == b"bad":
                raise error(line)
            return line, octets

    with play(S("+OK ready"), C("RETR 1"), S("+OK", "a", "bad", "+b", ".")) as server:
        client = Picky(server.host, server.port, TIMEOUT)
        with pytest.raises(error):
            client.retr(1)
        check_out_of_step(client, "a reply was abandoned half-way")
    assert server.wire == b"RETR 1\r\n"


@pytest.mark.parametrize(
    "pair, error",
    [
        (None, TypeError),
        ((b"a",), ValueError),
        ((b"a", 3, 3), ValueError),
        ((b"a", "3"), TypeError),
        ((None, 3), AttributeError),
        ((b"a", None), TypeError),
    ],
)
def test_line_of_a_wrong_shape(pair, error):
    class Odd(POP3):
        def _getline(self):
            line, octets = super()._getline()
            return pair if line == b"odd" else (line, octets)

    with play(S("+OK ready"), C("RETR 1"), S("+OK", "odd", "+b", ".")) as server:
        client = Odd(server.host, server.port, TIMEOUT)
        with pytest.raises(error):
            client.retr(1)
        check_out_of_step(client, "a reply was abandoned half-way")


@pytest.mark.parametrize("level", [1, 2])
def test_debug_output_that_cannot_be_written(monkeypatch, level):
    """Lines are shown one by one at level 2 alone; before sending, nothing is lost."""

    class Broken(io.StringIO):
        def write(self, text):
            if "last" in text:
                raise BrokenPipeError("no reader")
            return super().write(text)

    steps = [C("RETR 1"), S("+OK", "a", "last", "b", ".")]
    steps += [C("NOOP"), S("+OK done")] if level == 1 else []
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.set_debuglevel(level)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Broken())
            with pytest.raises(BrokenPipeError):
                client._shortcmd("last")
            if level == 1:
                assert client.retr(1)[1] == [b"a", b"last", b"b"]
            else:
                with pytest.raises(BrokenPipeError):
                    client.retr(1)
        if level == 1:
            assert client.noop() == b"+OK done"
            client.close()
        else:
            check_out_of_step(client, "a reply was abandoned half-way")


@pytest.mark.parametrize("way", WAYS)
def test_after_a_line_that_was_too_long(way):
    with play(S("+OK ready"), C("RETR 1"), S("+OK", 5000 * "x", "+b", ".")) as server:
        client = way(server.host, server.port, TIMEOUT, max_line=4096)
        with pytest.raises(error_proto) as caught:
            client.retr(1)
        assert caught.value.args == ("line too long",)
        check_out_of_step(client, "a line was too long")
    assert server.wire == b"RETR 1\r\n"


@pytest.mark.parametrize("name", ["sock", "_debugging"])
def test_attribute_that_is_gone(name):
    """It is a matter of attributes, not of the stream: once it is back, all is well."""
    with play(S("+OK ready"), C("NOOP"), S("+OK done")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        kept = getattr(client, name)
        delattr(client, name)
        for command in (client.noop, client.list):
            with pytest.raises(AttributeError):
                command()
        setattr(client, name, kept)
        assert client.noop() == b"+OK done"
        client.close()


def test_file_that_is_gone(wired):
    """The command is sent before the file is asked for; its reply is never an answer."""
    client, peer = wired()
    file = client.file
    del client.file
    with pytest.raises(AttributeError):
        client.noop()
    assert peer.recv(100) == b"NOOP\r\n"
    peer.sendall(b"+OK late\r\n")
    client.file = file
    assert select.select([client.sock], [], [], TIMEOUT)[0]
    with pytest.raises(error_proto, match="nobody asked for: b'\\+OK late'"):
        client.rset()


def test_file_that_is_gone_before_the_reply_is_read():
    with play(S("+OK ready"), C("NOOP"), S("+OK late"), C("RSET"), S("+OK done")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        file = client.file
        client._putcmd("NOOP")
        del client.file
        with pytest.raises(AttributeError):
            client._getresp()
        client.file = file
        with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
            client.rset()
        assert client._getresp() == b"+OK late"
        assert client.rset() == b"+OK done"
        client.close()


UNASKED = "the server sent a reply that nobody asked for: "


@pytest.mark.parametrize(
    "unasked, shown",
    [
        (b"+OK second\r\n", b"+OK second"),
        (b"-ERR idle for too long\r\n", b"-ERR idle for too long"),
        (b"+OK\n+OK\n", b"+OK"),
        (b".", b"."),
        (b"\r\n", b""),
        (b"\0\xff", b"\0\xff"),
        (5000 * b"x", 200 * b"x"),
    ],
)
def test_reply_that_comes_later(wired, unasked, shown):
    client, peer = wired()
    client._putcmd("NOOP")
    peer.sendall(b"+OK\r\n")
    assert client._getresp() == b"+OK"
    peer.sendall(unasked)
    assert select.select([client.sock], [], [], TIMEOUT)[0]
    with pytest.raises(error_proto) as caught:
        client.dele(1)
    assert caught.value.args[0].startswith(f"{OUT}{UNASKED}{shown!r}; ")
    check_out_of_step(client, UNASKED[:-2])
    assert peer.recv(100) == b"NOOP\r\n"


@pytest.mark.parametrize("way", [POP3, ByMethods])
def test_reply_that_comes_with_another(way):
    with play(S("+OK ready"), C("NOOP"), S("+OK", "+OK second")) as server:
        client = way(server.host, server.port, TIMEOUT)
        assert client.noop() == b"+OK"
        with pytest.raises(error_proto, match="nobody asked for: b'\\+OK second'"):
            client.dele(1)
        check_out_of_step(client, UNASKED[:-2])
    assert server.wire == b"NOOP\r\n"


def test_reply_that_comes_while_nobody_looks():
    """The server says good-bye after some idle time, and closes the connection later."""
    with play(S("+OK ready"), Pause(SHORT), S("-ERR autologout")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        assert select.select([client.sock], [], [], TIMEOUT)[0]
        with pytest.raises(error_proto, match="b'-ERR autologout'"):
            client.dele(1)
        client.close()
    assert server.wire == b""


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_SEQPACKET])
def test_reply_behind_a_lone_carriage_return(kind):
    """Where segments stay apart, as TLS records do, there is more behind the first."""
    ours, peer = socket.socketpair(socket.AF_UNIX, kind)
    with ours, peer:
        peer.sendall(b"+OK ready\r\n")

        class Given(POP3):
            def _create_socket(self, timeout):
                return ours

        client = Given("host", timeout=TIMEOUT)
        peer.sendall(b"\r")
        peer.sendall(b"+OK second\n")
        with pytest.raises(error_proto, match="nobody asked for: b'\\+OK second'"):
            client.dele(1)
        client.close()
        assert peer.recv(100) == b""


def test_error_before_anything_is_read():
    """The stream is where it was: the reply can be read."""

    class Late(POP3):
        ready = True

        def _getline(self):
            if not self.ready:
                raise LookupError
            return super()._getline()

    with play(S("+OK ready"), C("NOOP"), S("+OK"), C("RSET"), S("+OK done")) as server:
        client = Late(server.host, server.port, TIMEOUT)
        client.ready = False
        with pytest.raises(LookupError):
            client.noop()
        client.ready = True
        assert client._getresp() == b"+OK"
        assert client.rset() == b"+OK done"
        client.close()


@pytest.fixture
def foreign(wired):
    """A client, its peer, and a function that gives it a new file of the socket module's."""
    client, peer = wired(max_line=4096)

    def renew():
        client.file = client.sock.makefile("rb")

    client.file.close()
    renew()
    return client, peer, renew


def test_foreign_file_is_out_of_step_until_it_is_replaced(foreign):
    client, peer, renew = foreign
    client._putcmd("RETR 1")
    peer.sendall(b"+OK\r\n" + 4097 * b"x")
    with pytest.raises(error_proto, match="line too long"):
        client._getlongresp()
    for _ in range(2):
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
    renew()
    client._putcmd("NOOP")
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"
    client._putcmd("RETR 1")
    peer.sendall(b"+OK\r\na\r\n.\r\n")
    assert client._getlongresp() == (b"+OK", [b"a"], 3)
    assert peer.recv(100) == b"RETR 1\r\nNOOP\r\nRETR 1\r\n"


def test_reader_is_out_of_step_until_the_file_is_replaced(wired):
    client, peer = wired(max_line=4096)
    client._putcmd("RETR 1")
    peer.sendall(b"+OK\r\n" + 4097 * b"x")
    with pytest.raises(error_proto, match="line too long"):
        client._getlongresp()
    reader = client.file
    client.file = client.sock.makefile("rb")
    client._putcmd("NOOP")
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"
    client.file.close()
    client.file = reader
    with pytest.raises(error_proto, match="out of step"):
        client.noop()


def test_file_replaced_by_one_in_memory(wired):
    client, peer = wired(max_line=4096)
    client.file.close()
    client.file = io.BytesIO(b"+OK\r\na\r\nbroken off")
    with pytest.raises(error_proto, match="EOF"):
        client.list()
    client.file = io.BytesIO(b"+OK\r\n" + 5000 * b"x" + b"\r\n")
    with pytest.raises(error_proto, match="line too long"):
        client.list()
    with pytest.raises(error_proto, match="out of step"):
        client.list()
    client.file = io.BytesIO(b"+OK\r\na\r\n.\r\n")
    assert client.list() == (b"+OK", [b"a"], 3)
    assert peer.recv(100) == 3 * b"LIST\r\n"


@pytest.mark.parametrize("line", ["+OK\r\n", None, 5, bytearray(b"+OK\r\n")])
def test_file_that_returns_no_bytes(wired, line):
    client, _ = wired()
    client.file.close()

    class Odd:
        def readline(self, limit):
            return line

        def close(self):
            pass

    client.file = Odd()
    with pytest.raises(TypeError, match="should return bytes"):
        client.noop()


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt(), ValueError("closed")])
def test_file_that_fails(wired, error):
    client, peer = wired()
    client.file.close()

    lines = [b"+OK\r\n", b"a\r\n"]

    class Failing:
        def readline(self, limit):
            if lines:
                return lines.pop(0)
            raise error

        def close(self):
            pass

    client.file = Failing()
    with pytest.raises(type(error)) as caught:
        client.list()
    assert caught.value is error
    with pytest.raises(error_proto, match="out of step"):
        client.noop()
    assert peer.recv(100) == b"LIST\r\n"


# --- how a read was ended --------------------------------------------------------------------


@pytest.mark.parametrize("part", [b"", b"+OK\r\na\r\n"])
@pytest.mark.parametrize(
    "error", [ConnectionAbortedError("watchdog"), BrokenPipeError("no reader")]
)
@pytest.mark.parametrize("way", WAYS)
def test_handler_that_raises_what_broken_connections_raise(way, error, part):
    """The connection is whole, and the reply still to come."""

    def handler(*details):
        raise error

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with play(S("+OK ready"), C("RETR 1"), Raw(part)) as server:
            client = way(server.host, server.port, TIMEOUT)
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            with pytest.raises(type(error)) as caught:
                client.retr(1)
            assert caught.value is error
            with pytest.raises(error_proto, match="out of step"):
                client.noop()
            client.close()
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt, BrokenPipeError])
def test_error_after_the_status_line_of_a_long_reply(error):
    """Its lines are not the answers to what comes next."""

    class Picky(POP3):
        def _getresp(self):
            response = super()._getresp()
            if response == b"+OK message":
                raise error(response)
            return response

    go = threading.Event()
    with play(S("+OK ready"), C("RETR 1"), S("+OK message"), Await(go), S("+a", ".")) as server:
        client = Picky(server.host, server.port, TIMEOUT)
        with pytest.raises(error):
            client.retr(1)
        go.set()
        check_out_of_step(client, "a reply was abandoned half-way")
    assert server.wire == b"RETR 1\r\n"


def test_refusal_that_is_read_by_a_hook(wired):
    """It has no lines."""
    client, peer = wired(ByStatus)
    client._putcmd("RETR 1")
    peer.sendall(b"-ERR no\r\n")
    with pytest.raises(error_proto) as caught:
        client._getlongresp()
    assert caught.value.args == (b"-ERR no",)
    client._putcmd("NOOP")
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"
