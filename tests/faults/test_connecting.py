"""Connections that fail to come about: what is raised, and that nothing stays open."""

import contextlib
import errno
import socket

import pytest
from scripted import Close, Raw, Reset, S, play

from poplib_c import POP3, error_proto

from .support import Endless, full_server, lasts, open_descriptors

pytestmark = pytest.mark.usefixtures("no_resource_warning")


@contextlib.contextmanager
def fails(kind):
    """The block raises, and then nothing is open although the traceback is kept."""
    before = open_descriptors()
    with pytest.raises(kind) as caught:
        yield caught
    assert caught.value.__traceback__ is not None
    assert open_descriptors() == before


def test_refused():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with fails(ConnectionRefusedError):
            POP3("127.0.0.1", unused.getsockname()[1], 5)


def test_name_not_found(monkeypatch):
    def getaddrinfo(host, *details, **more):
        raise socket.gaierror(socket.EAI_NONAME, f"unknown: {host}")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with fails(socket.gaierror) as caught:
        POP3("mail.invalid", 110, 5)
    assert caught.value.args == (socket.EAI_NONAME, "unknown: mail.invalid")


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", "a..invalid"])
def test_name_that_cannot_be_encoded(host):
    with fails(UnicodeError):
        POP3(host, 110, 5)


def test_timeout_while_connecting():
    with full_server() as (host, port), lasts(0.15), fails(socket.timeout) as caught:
        POP3(host, port, 0.2)
    assert caught.value.args == ("timed out",)


@pytest.mark.parametrize(
    "steps, kind, reason",
    [
        ([S("-ERR too busy")], error_proto, b"-ERR too busy"),
        ([S("* OK IMAP4rev1")], error_proto, b"* OK IMAP4rev1"),
        ([Raw(b"\0\xff\n")], error_proto, b"\0\xff"),
        ([Raw(b"\n")], error_proto, b""),
        ([Raw(b"\r\r\n")], error_proto, b"\r"),
        ([Close()], error_proto, "-ERR EOF"),
        ([Raw(b"+OK ready"), Close()], error_proto, "-ERR EOF"),
        ([Raw(b"\x16\x03\x01\x02\0"), Close()], error_proto, "-ERR EOF"),
        ([Endless(4096 * b"+", 2**28)], error_proto, "line too long"),
        ([Endless(4096 * b"\0", 2**28)], error_proto, "line too long"),
        ([Reset()], ConnectionResetError, errno.ECONNRESET),
        ([], socket.timeout, "timed out"),
        ([Raw(b"+OK ready")], socket.timeout, "timed out"),
    ],
)
def test_greeting(steps, kind, reason):
    timeout = 0.1 if kind is socket.timeout else 5
    with lasts(0), fails(kind) as caught, play(*steps) as server:
        POP3(server.host, server.port, timeout)
    assert caught.value.args[0] == reason


@pytest.mark.parametrize("error", [LookupError("no"), KeyboardInterrupt(), MemoryError()])
def test_makefile_fails(error):
    class Fileless(socket.socket):
        def makefile(self, mode):
            raise error

    class Client(POP3):
        def _create_socket(self, timeout):
            sock = Fileless()
            sock.connect((self.host, self.port))
            return sock

    with fails(type(error)) as caught, play(S("+OK ready")) as server:
        Client(server.host, server.port, 5)
    assert caught.value is error


@pytest.mark.parametrize("name", ["_debugging", "welcome"])
def test_an_attribute_cannot_be_set(name):
    class Stubborn(POP3):
        def __setattr__(self, attribute, value):
            if attribute == name and value is not None:
                raise LookupError(attribute)
            super().__setattr__(attribute, value)

    with fails(LookupError) as caught, play(S("+OK ready")) as server:
        Stubborn(server.host, server.port, 5)
    assert caught.value.args == (name,)


def test_connected_again_without_success():
    with fails(error_proto), play(S("+OK first")) as first, play(S("-ERR second")) as second:
        client = POP3(first.host, first.port, 5)
        client.close()
        try:
            client.__init__(second.host, second.port, 5)
        finally:
            assert client.sock is client.file is None


@pytest.mark.parametrize("name", ["sock", "file"])
def test_what_cannot_be_stored_is_closed(name):
    made = []

    class Noting(socket.socket):
        def makefile(self, mode):
            made.append(super().makefile(mode))
            return made[0]

    class Stubborn(POP3):
        def _create_socket(self, timeout):
            made.append(Noting())
            made[0].connect((self.host, self.port))
            return made.pop()

        def __setattr__(self, attribute, value):
            if attribute == name and value is not None:
                raise LookupError(attribute)
            super().__setattr__(attribute, value)

    with fails(LookupError), play(S("+OK ready")) as server:
        Stubborn(server.host, server.port, 5)
    assert [file.closed for file in made] == [True] * (name == "file")


@pytest.mark.parametrize("wrong", [None, 5])
def test_makefile_of_no_use(wrong):
    class Odd(socket.socket):
        def makefile(self, mode):
            return wrong

    class Client(POP3):
        def _create_socket(self, timeout):
            sock = Odd()
            sock.connect((self.host, self.port))
            return sock

    with fails(AttributeError), play(S("+OK ready")) as server:
        Client(server.host, server.port, 5)
