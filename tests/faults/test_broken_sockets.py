"""Sockets whose methods tell of a broken connection, or of nothing to be read."""

import contextlib
import errno
import poplib
import socket
import ssl

import pytest

import poplib_c
from poplib_c import POP3, error_proto

from .support import GREETING, TIMEOUT, ByFile, connect, tcp_pair
from .tls import tls_pair, wait_readable

modules = pytest.mark.parametrize("module", [poplib, poplib_c], ids=["poplib", "poplib_c"])


class Breaking(socket.socket):
    """Its methods raise ``error``, once that is set; ``refuses`` is what sendall() raises."""

    error = refuses = None
    calls = 0

    def _work(self, error, method, *arguments):
        if error is None:
            return method(*arguments)
        self.calls += 1
        raise error

    def recv_into(self, *arguments):
        return self._work(self.error, super().recv_into, *arguments)

    def sendall(self, data):
        return self._work(self.error or self.refuses, super().sendall, data)


@contextlib.contextmanager
def breaking(cls=POP3):
    here, there = tcp_pair(Breaking)
    with there:
        there.sendall(GREETING)
        client = connect(here, cls)
        yield client, there
        client.close()


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED])
@pytest.mark.parametrize("cls", [poplib.POP3, POP3, ByFile])
def test_a_connection_that_broke_while_sending(cls, number):
    """Later commands raise the error again."""
    with breaking(cls) as (client, _):
        client.sock.error = OSError(number, "broken")
        for call in (client.noop, client.noop, lambda: client.retr(1)):
            with pytest.raises(type(client.sock.error)) as caught:
                call()
            assert caught.value.errno == number


@pytest.mark.parametrize("cls", [POP3, ByFile])
def test_nothing_is_sent_after_that(cls):
    """Who raised it, and how much was sent, is not known."""
    with breaking(cls) as (client, there):
        client.sock.error = BrokenPipeError(errno.EPIPE, "by a signal handler")
        with pytest.raises(BrokenPipeError):
            client.dele(1)
        client.sock.error = None
        sock = client.sock
        for call in (client.noop, client.quit):
            with pytest.raises(BrokenPipeError):
                call()
        assert sock.fileno() == -1
        assert there.recv(100) == b""


@pytest.mark.parametrize("cls", [poplib.POP3, POP3, ByFile])
def test_a_connection_that_broke_while_receiving(cls):
    with breaking(cls) as (client, _):
        client._putcmd("NOOP")
        client.sock.error = ConnectionResetError(errno.ECONNRESET, "reset")
        for call in (client._getresp, client._getresp, client.noop):
            with pytest.raises(ConnectionResetError):
                call()


@pytest.mark.parametrize("cls", [poplib.POP3, POP3, ByFile])
def test_what_the_server_said_before_is_read(cls):
    with breaking(cls) as (client, there):
        there.sendall(b"+OK by hand\r\n-ERR closing\r\n")
        there.shutdown(socket.SHUT_WR)
        client.sock.refuses = BrokenPipeError(errno.EPIPE, "broken")
        with pytest.raises(BrokenPipeError):
            client._putcmd("NOOP")
        assert client.file.readline() == b"+OK by hand\r\n"
        with pytest.raises(Exception, match="-ERR closing"):
            client._getresp()
        with pytest.raises(Exception, match="-ERR EOF"):
            client._getline()
        with pytest.raises(BrokenPipeError):
            client.noop()


@pytest.mark.parametrize("cls", [POP3, ByFile])
def test_nothing_is_sent_where_receiving_said_that_it_broke(cls):
    """What was received before is gone with it, and no answer is waited for."""
    with breaking(cls) as (client, there):
        client._putcmd("NOOP")
        assert there.recv(100) == b"NOOP\r\n"
        there.sendall(b"+O")
        assert client.file.peek() == b"+O"
        client.sock.error = ConnectionResetError(errno.ECONNRESET, "reset")
        with pytest.raises(ConnectionResetError):
            client._getline()
        client.sock.error = None
        for call in (client.noop, lambda: client._putcmd("NOOP"), lambda: client.retr(1)):
            with pytest.raises(ConnectionResetError):
                call()
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(error_proto, match="-ERR EOF"):
            client._getline()
        with pytest.raises(ConnectionResetError):
            client.noop()
        client.close()
        assert there.recv(100) == b""


@pytest.mark.parametrize("cls", [POP3, ByFile])
def test_reads_of_a_broken_connection_are_in_step(cls):
    with breaking(cls) as (client, there):
        client.sock.refuses = BrokenPipeError(errno.EPIPE, "broken")
        with pytest.raises(BrokenPipeError):
            client.noop()
        there.sendall(3000 * b"x" + b"\r\n")
        with pytest.raises(error_proto, match="line too long"):
            client._getline()
        for call in (client._getline, client.noop, lambda: client._putcmd("NOOP")):
            with pytest.raises(error_proto, match="out of step: a line was too long"):
                call()


@pytest.mark.parametrize("error", [BrokenPipeError("no errno"), OSError(errno.EIO, "x")])
def test_what_else_is_raised_leaves_it_out_of_step(error):
    with breaking() as (client, _):
        client.sock.error = error
        with pytest.raises(type(error)):
            client.noop()
        assert client.sock.calls == 1
        with pytest.raises(error_proto, match="a command was sent in part"):
            client.noop()
        assert client.sock.calls == 1


@modules
def test_read_by_hand_that_would_block(server_context, module):
    """An ssl.SSLSocket says so by an error of its own; nothing of the stream is lost."""

    def make(address):
        context = ssl._create_unverified_context()
        return module.POP3_SSL(*address, timeout=TIMEOUT, context=context)

    client, there = tls_pair(make, server_context, GREETING)
    with there:
        client.sock.settimeout(0)
        for _ in range(2):
            with pytest.raises(ssl.SSLWantReadError):
                client.file.readline()
        there.sendall(b"+OK late\r\n")
        assert wait_readable(client.sock)
        assert client.file.readline() == b"+OK late\r\n"
        client.sock.settimeout(TIMEOUT)
        client._putcmd("NOOP")
        assert there.recv(100) == b"NOOP\r\n"
        there.sendall(b"+OK done\r\n")
        assert client._getresp() == b"+OK done"
        client.close()
