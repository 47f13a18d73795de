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
from links import LINKS, TIMEOUT, Link
from scripted import StartTLS, play

from . import differences


def pytest_configure(config):
    config.addinivalue_line("markers", "differs(name): states both sides of a named difference")


def pytest_collection_modifyitems(items):
    """Leaves out links without a context for poplib, which always has an ssl.SSLContext."""
    items[:] = [
        item
        for item in items
        if not (
            hasattr(item, "callspec")
            and item.callspec.params.get("pop") == "stdlib"
            and item.callspec.params.get("link") in ("tls", "stls")
        )
    ]


@pytest.fixture(scope="session", params=["stdlib", "poplib_c"])
def pop(request):
    """The module under test."""
    return poplib if request.param == "stdlib" else importlib.import_module("poplib_c")


@pytest.fixture(scope="session")
def ours(pop):
    return pop is not poplib


@pytest.fixture
def make_link(pop, server_context, client_context):
    """make_link(name): a Link of that name."""
    return lambda name: Link(pop, name, server_context, client_context)


@pytest.fixture(params=LINKS)
def link(request, make_link):
    """Each of the links in turn; tests and modules for which some make no sense choose others."""
    return make_link(request.param)


@pytest.fixture
def talk(pop, link):
    """``with talk(*steps) as client``: a client that has been greeted plays the steps.

    It does so through every link.  ``timeout`` counts from then on, so that it may be short.
    """

    @contextlib.contextmanager
    def talk(*steps, greeting="+OK ready", cls=pop.POP3, timeout=TIMEOUT, **options):
        with (
            link.play(*steps, greeting=greeting) as server,
            contextlib.closing(link.connect(server, cls, timeout, **options)) as client,
        ):
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


class Green(socket.socket):
    """A socket whose methods are its own, as those of green threads are."""

    def recv_into(self, *arguments):
        return super().recv_into(*arguments)

    def sendall(self, data):
        super().sendall(data)


@pytest.fixture(scope="session")
def green(pop):
    """A subclass that connects by a Green."""

    class Greenish(pop.POP3):
        def _create_socket(self, timeout):
            sock = Green()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    return Greenish


@pytest.fixture(params=["POP3", "POP3_SSL"])
def unconnected(request, pop):
    """A subclass of each that asks for no network and notes what its socket was asked with."""

    class Unconnected(getattr(pop, request.param)):
        def _create_socket(self, timeout):
            self.asked = timeout
            return SocketDouble(b"+OK ready\r\n")

    return Unconnected


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
