"""What stls() leaves of the plain socket and its file, which somebody may have kept."""

import contextlib
import gc
import socket
import threading
import time
import warnings

import pytest
from scripted import C, Close, S, StartTLS, play

from poplib_c import POP3, POP3_SSL
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, Call, open_descriptors
from .tls import OFFERED, contexts

NOOP = (C("NOOP"), S("+OK done"))


def of_kind(kind, cls=POP3):
    """A client whose plain socket is of the class."""

    class Client(cls):
        def _create_socket(self, timeout):
            sock = kind()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    return Client


class Kept(socket.socket):
    """A subclass whose bytes go by the descriptor."""


@contexts
@pytest.mark.parametrize("kind", [socket.socket, Kept])
def test_nothing_reaches_under_tls(server_context, context, kind):
    steps = (*OFFERED, StartTLS(server_context), *NOOP, *NOOP)
    with play(*steps) as server:
        client = of_kind(kind)(server.host, server.port, TIMEOUT)
        sock, file = client.sock, client.file
        client.stls(context())
        assert sock.fileno() == -1
        for name, arguments in [("sendall", [b"x"]), ("recv", [1]), ("shutdown", [2])]:
            with pytest.raises(OSError):
                getattr(sock, name)(*arguments)
        with pytest.raises(ValueError):
            file.readline()
        assert client.noop() == b"+OK done"
        file.close()
        sock.close()
        sock.detach()
        del sock, file
        gc.collect()
        assert client.noop() == b"+OK done"
        client.close()
        assert server.wait_eof()


@pytest.mark.parametrize("default", [None, 0.01, 60])
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_timeout(server_context, default, timeout):
    """It is the plain socket's, whatever new sockets have."""
    with play(*OFFERED, StartTLS(server_context), *NOOP) as server:
        client = POP3(server.host, server.port, timeout)
        try:
            socket.setdefaulttimeout(default)
            client.stls()
        finally:
            socket.setdefaulttimeout(None)
        assert client.sock.gettimeout() == timeout
        assert client.sock.getblocking()
        assert client.noop() == b"+OK done"
        client.close()


def test_a_socket_closed_before(server_context):
    """Its file has kept it open, and TLS does after that."""
    with play(*OFFERED, StartTLS(server_context), *NOOP) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.sock.close()
        client.stls()
        assert client.noop() == b"+OK done"
        client.close()
        assert server.wait_eof()


@pytest.mark.parametrize("name", ["__init__", "settimeout"])
def test_a_socket_that_cannot_be_replaced(server_context, monkeypatch, name):
    """The handshake was made: the connection is closed, once."""
    before = open_descriptors()
    original = getattr(socket.socket, name)

    def interrupted(*arguments, **options):
        result = original(*arguments, **options)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return result

    with play(*OFFERED, StartTLS(server_context)) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        client = POP3(server.host, server.port, TIMEOUT)
        sock = client.sock
        monkeypatch.setattr(socket.socket, name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.stls()
        monkeypatch.undo()
        assert client.sock is client.file is None
        assert sock.fileno() == -1
        assert server.wait_eof()
        del client, sock
        gc.collect()
    assert open_descriptors() == before


@contexts
def test_failed_handshakes_leave_nothing_open(context):
    before = open_descriptors()
    with play(*OFFERED, Close()) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        sock, file = client.sock, client.file
        with pytest.raises(OSError):
            client.stls(context())
        assert sock.fileno() == -1
        assert file.closed
    sock.close()
    file.close()
    del client
    gc.collect()
    assert open_descriptors() == before


class Slow(POP3):
    """Other threads run while the attributes of the TLS session are set."""

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name in ("sock", "file"):
            time.sleep(SHORT)


@contexts
def test_a_thread_that_waits_for_the_plain_file(server_context, context):
    """It never gets in: neither does it read of TLS, nor is that ended with it."""
    calls = []

    class Waited(Slow):
        def _shortcmd(self, line):
            response = super()._shortcmd(line)
            calls.append(Call(wait_for, self.file))
            return response

    def wait_for(file):
        # After the last use of the file in plain text.
        time.sleep(SHORT)
        return file.readline()

    class Pause:
        def play(self, peer):
            time.sleep(4 * SHORT)

    with play(*OFFERED, Pause(), StartTLS(server_context), *NOOP) as server:
        client = Waited(server.host, server.port, TIMEOUT)
        client.stls(context())
        del Waited._shortcmd
        assert client.noop() == b"+OK done"
        assert type(calls[0].end()) is ConnectionAbortedError
        client.close()


def test_socket_class_replaced_by_a_function(server_context, monkeypatch):
    """As programs do that bind what they connect to an address: TLS makes no new connection."""
    original = socket.socket

    def bound(*arguments, **options):
        sock = original(*arguments, **options)
        if threading.current_thread() is threading.main_thread():
            sock.bind(("127.0.0.1", 0))
        return sock

    with POP3Server(tls=server_context) as server:
        monkeypatch.setattr(socket, "socket", bound)
        client = POP3_SSL(*server.address, timeout=TIMEOUT)
        monkeypatch.undo()
        assert client.capa()
        with contextlib.suppress(OSError):
            client.quit()
