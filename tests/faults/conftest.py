"""A client with both ends of its connection in the test's hands, and guards."""

import contextlib
import gc
import os
import socket
import ssl
import warnings

import pytest
from links import Link

import poplib_c
from poplib_c import POP3, TLSSocket

from .support import GREETING, TIMEOUT, connect, open_descriptors, tcp_pair
from .tls import KINDS, greeted, tls_pair, tls_socket


def pytest_generate_tests(metafunc):
    """$STRESS repeats each test of the files test_threads*.py."""
    times = int(os.environ.get("STRESS") or 1)
    if times > 1 and metafunc.module.__name__.rpartition(".")[2].startswith("test_threads"):
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(times))


@pytest.fixture(autouse=True)
def no_descriptor_left(request):
    """Fails a test that leaves a descriptor open, or one too many closed."""
    before = open_descriptors()
    yield
    if request.session.testsfailed:
        return  # Tracebacks keep objects of failed tests alive, for some time.
    if open_descriptors() != before:
        gc.collect()
    assert open_descriptors() == before


@pytest.fixture
def no_resource_warning():
    """Nothing was left to be closed by the garbage collector."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(w.message) for w in caught if issubclass(w.category, ResourceWarning)] == []


@pytest.fixture
def link(request, server_context, client_context):
    """One of the links of links.py, which the test chooses (support.over_links)."""
    return Link(poplib_c, request.param, server_context, client_context)


@pytest.fixture
def wired(server_context):
    """``client, peer = wired()``: a greeted client, and the socket that its server would have.

    The client's .sock is of the class ``sock_class``; over TLS the peer is an ssl.SSLSocket.
    """
    contexts = {TLSSocket: lambda: None, ssl.SSLSocket: ssl._create_unverified_context}
    with contextlib.ExitStack() as stack:

        def wire(cls=POP3, timeout=TIMEOUT, sock_class=socket.socket, **options):
            if sock_class in contexts:
                options["context"] = contexts[sock_class]()
                return stack.enter_context(greeted(server_context, timeout=timeout, **options))
            here, there = tcp_pair(sock_class)
            stack.enter_context(there)
            stack.callback(here.close)
            there.sendall(GREETING)
            client = connect(here, cls, **options)
            stack.callback(release, client)
            client.sock.settimeout(timeout)
            return client, there

        yield wire


def release(client):
    """close(), whatever the test has made of the connection."""
    with contextlib.suppress(OSError, AttributeError):
        POP3.close(client)


@pytest.fixture(params=KINDS)
def pair(request, server_context):
    """What is tested, of each kind, and the server's end."""
    with contextlib.ExitStack() as stack:
        here, there = tls_pair(KINDS[request.param], server_context)
        stack.callback(here.close)
        stack.callback(there.close)
        yield here, there


@pytest.fixture
def ours(server_context):
    """A TLSSocket and the server's end."""
    here, there = tls_pair(tls_socket, server_context)
    with there, contextlib.closing(here):
        yield here, there
