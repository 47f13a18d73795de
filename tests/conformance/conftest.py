"""One suite over two implementations.

``pop`` is the interpreter's own poplib, which is the oracle, and poplib_c.  A test that fails
on poplib is wrong, or it states a difference by name (see differences.py).
"""

import contextlib
import importlib
import io
import poplib
import socket

import pytest
from scripted import S, StartTLS, play

from . import differences

TIMEOUT = 5.0


def pytest_configure(config):
    config.addinivalue_line("markers", "differs(name): states both sides of a named difference")


@pytest.fixture(scope="session", params=["stdlib", "poplib_c"])
def pop(request):
    """The module under test."""
    return poplib if request.param == "stdlib" else importlib.import_module("poplib_c")


@pytest.fixture(scope="session")
def ours(pop):
    return pop is not poplib


@pytest.fixture(scope="session")
def talk(pop):
    """``with talk(*steps) as client``: a client that has been greeted plays the steps.

    ``timeout`` counts from then on, so that it may be short.
    """

    @contextlib.contextmanager
    def talk(*steps, greeting="+OK ready", cls=pop.POP3, timeout=TIMEOUT, **options):
        with play(S(greeting), *steps) as server:
            client = cls(server.host, server.port, TIMEOUT, **options)
            with contextlib.closing(client):
                client.sock.settimeout(timeout)
                yield client

    return talk


@pytest.fixture(scope="session")
def play_tls(server_context):
    """play(), with TLS from the start."""

    def play_tls(*steps, context=server_context, **options):
        return play(StartTLS(context), *steps, **options)

    return play_tls


@pytest.fixture(scope="session")
def takes_files(ours):
    """Whether POP3_SSL has keyfile and certfile, and takes all its arguments by position."""
    return ours or differences.poplib_takes_files()


class SocketDouble:
    """What poplib needs of a socket: no descriptor, no network."""

    def __init__(self, replies=b""):
        self.replies = replies
        self.sent = []
        self.calls = []

    def makefile(self, mode):
        self.calls.append(("makefile", mode))
        return io.BytesIO(self.replies)

    def sendall(self, data):
        self.sent.append(data)

    def shutdown(self, how):
        self.calls.append(("shutdown", how))

    def close(self):
        self.calls.append(("close",))


@pytest.fixture(scope="session")
def socket_double():
    return SocketDouble


@pytest.fixture(scope="session")
def offline(pop):
    """A client over a double, made without the constructor."""

    def offline(replies=b"", cls=pop.POP3):
        client = cls.__new__(cls)
        client.sock = SocketDouble(replies)
        client.file = client.sock.makefile("rb")
        client._debugging = 0
        client.welcome = b"+OK ready"
        return client

    return offline


@pytest.fixture
def default_timeout():
    """Sets socket.setdefaulttimeout() for a test."""
    before = socket.getdefaulttimeout()
    yield socket.setdefaulttimeout
    socket.setdefaulttimeout(before)
