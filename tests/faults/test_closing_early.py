"""Constructors that another thread ends by close()."""

import contextlib
import random
import socket
import threading

import pytest
from scripted import StartTLS, play

import poplib_c
from poplib_c import POP3, POP3_SSL
from poplib_c.testing import POP3Server

from .support import TIMEOUT, Call, check_aborted, full_server, open_descriptors, run_program
from .test_tls_closing import Silence
from .tls import contexts

pytestmark = pytest.mark.usefixtures("no_resource_warning", "no_descriptor")

timeouts = pytest.mark.parametrize("timeout", [TIMEOUT, None])
deadlines = pytest.mark.parametrize("deadline", [None, TIMEOUT])
classes = pytest.mark.parametrize("cls", [POP3, POP3_SSL])


@pytest.fixture
def no_descriptor(server_context):
    """None is left open."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


class Constructor(Call):
    """A constructor in a thread of its own, and the instance from the beginning."""

    def __init__(self, cls, *arguments, **options):
        self.client = cls.__new__(cls)
        super().__init__(lambda: self.client.__init__(*arguments, **options))

    def check_close(self):
        """It is ended by close()."""
        assert self.is_blocked()
        assert self.client.close() is None
        self.check_closed()

    def check_closed(self):
        check_aborted(self)
        assert getattr(self.client, "sock", None) is getattr(self.client, "file", None) is None


@classes
@timeouts
@deadlines
def test_while_it_connects(cls, timeout, deadline):
    with full_server() as (host, port):
        Constructor(cls, host, port, timeout=timeout, deadline=deadline).check_close()


def test_while_a_socket_of_a_subclass_connects(monkeypatch):
    class Own(socket.socket):
        def connect(self, address):
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Own)
    with full_server() as (host, port):
        Constructor(POP3, host, port, timeout=TIMEOUT).check_close()


@contexts
@timeouts
def test_in_the_handshake(context, timeout):
    with play(Silence()) as server:
        given = {"context": context(), "timeout": timeout}
        Constructor(POP3_SSL, server.host, server.port, **given).check_close()
        assert server.wait_eof()


@pytest.mark.parametrize("cls, tls", [(POP3, False), (POP3_SSL, True)])
@timeouts
def test_before_the_greeting(cls, tls, server_context, timeout):
    with play(*[StartTLS(server_context)] * tls, Silence()) as server:
        Constructor(cls, server.host, server.port, timeout=timeout).check_close()
        assert server.wait_eof()


def test_again_after_a_constructor_that_was_ended():
    with POP3Server() as server, play(Silence()) as silent:
        first = Constructor(POP3, silent.host, silent.port, timeout=TIMEOUT)
        first.check_close()
        first.client.__init__(*server.address, timeout=TIMEOUT)
        first.client.quit()


@pytest.fixture
def listener(no_descriptor):
    """A listener with which no connection was begun when the test ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


@classes
def test_while_it_resolves_a_name(cls, monkeypatch, listener):
    """No step follows."""
    go = threading.Event()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", listener.getsockname())]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: go.wait(TIMEOUT) and found)
    call = Constructor(cls, "mail.example.org", timeout=TIMEOUT)
    assert call.is_blocked()
    assert call.client.close() is None
    assert call.is_blocked()
    go.set()
    call.check_closed()


def test_before_it_resolves_a_name(monkeypatch):
    """As while it reads trusted certificates, or waits for an audit hook."""
    go = threading.Event()

    class Slow(POP3):
        def __setattr__(self, name, value):
            assert name != "host" or go.wait(TIMEOUT)
            super().__setattr__(name, value)

    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: 1 / 0)
    call = Constructor(Slow, "mail.example.org")
    assert call.is_blocked()
    call.client.close()
    go.set()
    check_aborted(call)


@pytest.mark.parametrize("place", ["create_connection", "_create_socket"])
@classes
def test_while_code_of_the_program_connects(cls, place, monkeypatch):
    """It can't be interrupted: its socket is closed once it returns, and nothing is sent."""
    go = threading.Event()
    plain = socket.create_connection

    def create(address, timeout):
        sock = plain(address, timeout)
        assert go.wait(TIMEOUT)
        return sock

    class Own(cls):
        def _create_socket(self, timeout):
            return create((self.host, self.port), timeout)

    if place == "create_connection":
        monkeypatch.setattr(poplib_c.socket, place, create)
    silence = Silence()
    with play(silence) as server:
        kind = cls if place == "create_connection" else Own
        call = Constructor(kind, server.host, server.port, timeout=TIMEOUT)
        assert call.is_blocked()
        assert call.client.close() is None
        go.set()
        call.check_closed()
        assert server.wait_eof()
    assert not silence.octets


def test_exceptions_of_other_kinds_pass():
    """A signal handler's, for example; the others are the context."""
    go = threading.Event()

    class Interrupted(POP3):
        error = None

        def _create_socket(self, timeout):
            assert go.wait(TIMEOUT)
            raise self.error

    for error in (KeyboardInterrupt(), LookupError("mine")):
        go.clear()
        Interrupted.error = error
        call = Constructor(Interrupted, "mail.example.org")
        assert call.is_blocked()
        call.client.close()
        go.set()
        if isinstance(error, Exception):
            check_aborted(call)
            assert call.error.__context__ is error
        else:
            assert call.end() is error


def test_without_a_free_descriptor(server_context):
    """The handshake can't be ended by close() then, and nothing else goes wrong."""
    program = """
        import os, resource, sys
        from poplib_c import POP3_SSL
        POP3_SSL("127.0.0.1", int(sys.argv[1])).quit()
        os.close(free := os.dup(0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, free + 1))
        POP3_SSL("127.0.0.1", int(sys.argv[1])).quit()
    """
    with POP3Server(tls=server_context) as server:
        run_program(program, server.port)


@contexts
def test_at_random_moments(server_context, context):
    moments = random.Random(1081)
    aborted = 0
    with POP3Server([b"x\n"], tls=server_context) as server:
        for _ in range(60):
            given = {"context": context(), "timeout": TIMEOUT}
            call = Constructor(POP3_SSL, *server.address, **given)
            call.join(moments.uniform(0, 0.01))
            while True:
                with contextlib.suppress(AttributeError):
                    call.client.close()
                    break
            error = call.end()
            if error is not None:
                check_aborted(call)
                aborted += 1
            assert getattr(call.client, "sock", None) is None
    assert aborted
