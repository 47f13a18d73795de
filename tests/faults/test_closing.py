"""Connections that are closed while they are in use."""

import errno
import socket
import threading

import pytest
from scripted import Await, C, Close, Raw, S, play

from poplib_c import POP3, TLSSocket

from .support import (
    SHORT,
    SOCKETS,
    TIMEOUT,
    ByLines,
    ByMethods,
    Call,
    Lines,
    OwnSocket,
    check_aborted,
    lasts,
    over_links,
)

WAYS = [POP3, ByLines, ByMethods]

ways = pytest.mark.parametrize("way", WAYS)
timeouts = pytest.mark.parametrize("timeout", [TIMEOUT, None])


@over_links(WAYS)
@timeouts
@pytest.mark.parametrize("part", [b"", b"+O", b"+OK\r\na\r\nb"])
def test_close_while_a_thread_receives(way, link, timeout, part):
    with link.play(C("RETR 1"), Raw(part)) as server:
        client = link.connect(server, way, timeout)
        sock = client.sock
        call = Call(client.retr, 1)
        assert call.is_blocked()
        client.close()
        check_aborted(call)
        assert client.sock is client.file is None
        assert sock.fileno() == -1
        assert server.wait_eof()
        with pytest.raises(AttributeError, match="the connection is closed"):
            client.noop()


@pytest.mark.parametrize("sock_class", SOCKETS)
@timeouts
def test_close_while_a_thread_sends(wired, sock_class, timeout):
    client, peer = wired(timeout=timeout, sock_class=sock_class)
    sock = client.sock
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    call = Call(client._putline, 2**24 * b"x")
    assert call.is_blocked()
    client.close()
    with lasts(0):
        error = call.end()
    if sock_class in (socket.socket, TLSSocket):
        check_aborted(call)
    else:
        assert isinstance(error, OSError)
    assert sock.fileno() == -1
    if sock_class in (socket.socket, OwnSocket):
        while peer.recv(2**20):
            pass


@pytest.mark.parametrize("name", ["readline", "read", "read1", "peek", "readlines", "__next__"])
@timeouts
def test_close_while_a_thread_reads_from_the_file(name, timeout):
    with play(S("+OK ready")) as server:
        client = POP3(server.host, server.port, timeout)
        call = Call(getattr(client.file, name))
        assert call.is_blocked()
        client.close()
        check_aborted(call)
        assert server.wait_eof()


@over_links(WAYS)
@timeouts
def test_file_closed_while_a_thread_receives(way, link, timeout):
    with link.play(C("NOOP")) as server:
        client = link.connect(server, way, timeout)
        call = Call(client.noop)
        assert call.is_blocked()
        file = client.file
        file.close()
        assert file.closed
        check_aborted(call)
        assert client.file is file
        assert client.sock.fileno() >= 0
        with pytest.raises(ValueError, match="closed file"):
            client._getresp()
        client.close()


@over_links([POP3])
def test_socket_closed_while_a_thread_receives(way, link):
    """The file keeps the connection open until it is closed too, as poplib's does."""
    go = threading.Event()
    with link.play(C("NOOP"), Await(go), S("+OK done")) as server:
        client = link.connect(server, way, TIMEOUT)
        call = Call(client.noop)
        assert call.is_blocked()
        client.sock.close()
        go.set()
        assert call.end() == b"+OK done"
        with pytest.raises(OSError) as caught:
            client.close()
        assert caught.value.errno == errno.EBADF
        assert server.wait_eof()


def test_close_while_threads_wait_for_their_turn():
    with play(S("+OK ready"), C("NOOP")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        first = Call(client.noop)
        assert first.is_blocked()
        others = [Call(client.stat) for _ in range(4)]
        assert others[0].is_blocked()
        client.close()
        check_aborted(first)
        for call in others:
            error = call.end()
            assert type(error) is AttributeError
            assert "the connection is closed" in str(error)
    assert server.wire == b"NOOP\r\n"


def test_close_while_threads_wait_for_the_file():
    with play(S("+OK ready")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        calls = [Call(client.file.readline) for _ in range(4)]
        assert all(call.is_blocked(SHORT / 4) for call in calls)
        client.close()
        for call in calls:
            check_aborted(call)
        assert server.wait_eof()


def test_close_in_many_threads():
    for _ in range(20):
        with play(S("+OK ready")) as server:
            client = POP3(server.host, server.port, TIMEOUT)
            calls = [Call(client.close) for _ in range(8)]
            assert [call.end() for call in calls] == 8 * [None]
            assert server.wait_eof()


def test_close_against_commands():
    """Whoever comes first: nothing hangs, and the errors are those of a closed connection."""
    kinds = (ConnectionAbortedError, AttributeError, ValueError)

    def talk(client):
        for _ in range(100):
            client.noop()

    with Lines(lambda line: b"+OK\r\n") as server:
        for number in range(60):
            client = POP3(*server.address, TIMEOUT)
            sock = client.sock
            call = Call(talk, client)
            call.join(number * 1e-4)
            client.close()
            outcome = call.end()
            assert outcome is None or isinstance(outcome, kinds)
            assert sock.fileno() == -1


@ways
def test_close_after_the_server_has_gone(way):
    with play(S("+OK ready"), C("NOOP"), S("+OK"), Close()) as server:
        client = way(server.host, server.port, TIMEOUT)
        client.noop()
        sock = client.sock
        client.close()
        assert sock.fileno() == -1


@ways
def test_close_in_a_hook(way):
    """The command that the hook belongs to ends; nothing that is gone is touched."""

    class Closing(way):
        def _getresp(self):
            response = super()._getresp()
            if "welcome" in vars(self):
                self.close()
            return response

    with play(S("+OK ready"), C("NOOP"), S("+OK")) as server:
        client = Closing(server.host, server.port, TIMEOUT)
        assert client.noop() == b"+OK"
        assert client.sock is client.file is None
        assert server.wait_eof()


@ways
def test_close_between_two_lines(way):
    class Closing(way):
        def _getline(self):
            line, octets = super()._getline()
            if line == b"last":
                self.close()
            return line, octets

    with play(S("+OK ready"), C("RETR 1"), S("+OK", "a", "last", "b", ".")) as server:
        client = Closing(server.host, server.port, TIMEOUT)
        with pytest.raises(AttributeError, match="the connection is closed"):
            client.retr(1)
        assert client.sock is client.file is None


def test_close_of_a_socket_that_is_shut_down_by_another_thread():
    with play(S("+OK ready"), C("NOOP")) as server:
        client = POP3(server.host, server.port, None)
        call = Call(client.noop)
        assert call.is_blocked()
        client.sock.shutdown(socket.SHUT_RDWR)
        assert call.end().args == ("-ERR EOF",)
        client.close()


@ways
def test_close_while_a_command_waits_for_the_file(way):
    """It found the connection open, and gets what the reader by hand gets."""
    with play(S("+OK ready")) as server:
        client = way(server.host, server.port, TIMEOUT)
        reading = Call(client.file.readline)
        assert reading.is_blocked()
        waiting = Call(client.noop)
        assert waiting.is_blocked()
        client.close()
        check_aborted(reading)
        check_aborted(waiting)
    assert server.wire == b""


def test_file_that_was_closed_before():
    with play(S("+OK ready")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.file.close()
        for command in (client.file.readline, client._getresp):
            with pytest.raises(ValueError, match="closed file"):
                command()
        client.close()


@pytest.mark.parametrize("end", ["close", "file.close"])
@pytest.mark.parametrize("name", ["noop", "list"])
def test_close_between_sending_and_reading(end, name):
    """By another thread: it is what a command says that was blocked then."""

    class Slow(POP3):
        def _putcmd(self, line):
            super()._putcmd(line)
            client = self if end == "close" else self.file
            assert Call(client.close).end() is None

    with play(S("+OK ready"), C(name.upper())) as server:
        client = Slow(server.host, server.port, TIMEOUT)
        check_aborted(Call(getattr(client, name)))
        client.close()


def test_close_of_a_socket_that_does_not_mind(wired):
    """What goes on being received is nobody's any more."""

    class Deaf(OwnSocket):
        data = ()

        def recv_into(self, buffer, *arguments):
            if not self.data:
                return super().recv_into(buffer, *arguments)
            part = self.data.pop(0) if len(self.data) > 1 else self.data[0]
            threading.Event().wait(0.001)
            buffer[: len(part)] = part
            return len(part)

    reads = ["retr", "readline", "read", "readlines"]
    for name in reads:
        client, _ = wired(sock_class=Deaf)
        client.sock.data = [b"+OK\r\n", b"a\r\n" if name in ("retr", "readlines") else b"a"]
        if name == "readline":
            client.sock.data.pop(0)
        read = client.retr if name == "retr" else getattr(client.file, name)
        call = Call(read, *[1] * (name == "retr"))
        assert call.is_blocked()
        client.close()
        check_aborted(call)


class Breaking(OwnSocket):
    """After close() its methods raise what ssl.SSLSocket raises with OpenSSL 3.6."""

    def recv_into(self, *arguments):
        received = super().recv_into(*arguments)
        if not received:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        return received

    def sendall(self, data):
        try:
            super().sendall(data)
        except OSError as exc:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe") from exc


@pytest.mark.parametrize("name", ["retr", "_putline", "readline", "read", "peek"])
def test_close_of_a_socket_that_says_that_it_broke(wired, name):
    client, _ = wired(sock_class=Breaking)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    arguments = {"retr": [1], "_putline": [2**24 * b"x"]}.get(name, [])
    call = Call(getattr(client if arguments else client.file, name), *arguments)
    assert call.is_blocked()
    client.close()
    check_aborted(call)
    assert type(call.end().__context__) is BrokenPipeError


def test_server_closed_a_socket_that_says_that_it_broke(wired):
    """Without close() here the exception of the socket is raised."""
    client, peer = wired(sock_class=Breaking)
    call = Call(client.noop)
    assert call.is_blocked()
    peer.shutdown(socket.SHUT_WR)
    assert type(call.end()) is BrokenPipeError


def test_close_while_the_socket_tells_its_descriptor(wired):
    class Slow(socket.socket):
        closing = None

        def fileno(self):
            if self.closing is not None:
                closing, self.closing = self.closing, None
                closing()
            return super().fileno()

    client, peer = wired(sock_class=Slow)
    client.sock.closing = lambda: Call(client.file.close).end()
    check_aborted(Call(client.file.readline))
    assert client.file.closed
    peer.sendall(b"nobody reads this\r\n")
