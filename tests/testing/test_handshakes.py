"""TLS handshakes that fail with the test server: other connections are not affected."""

import contextlib
import socket
import ssl
import threading

import pytest
from wire import drain, over_tls, raw

# In the server's threads an exception is printed, not raised.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

BOTH = pytest.mark.parametrize("kind", ["tls", "stls"])


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


UNFINISHED = {
    "nothing": b"",
    "half a header": b"\x16\x03",
    "a header": b"\x16\x03\x01\x40\x00",
    "half a hello": client_hello()[:100],
    "a hello": client_hello(),
}
GARBAGE = {
    "http": b"GET / HTTP/1.0\r\n\r\n",
    "pop": b"CAPA\r\n",
    "zeros": bytes(5000),
    "an alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "a bad hello": client_hello()[:11] + b"\xff" * 5000,
}


def with_ids(octets):
    return pytest.mark.parametrize("octets", octets.values(), ids=octets)


@BOTH
@with_ids(UNFINISHED)
def test_unfinished_handshakes_hold_up_nobody(serve, client_context, kind, octets):
    threads = threading.active_count()
    with serve(kind) as server, contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(raw(kind, server)) for _ in range(5)]
        for sock in waiting:
            sock.sendall(octets)
        with over_tls(kind, server, client_context) as wire:
            assert wire.login().startswith(b"+OK")
            assert wire.ask(b"QUIT").startswith(b"+OK")
        server.stop()
        assert threading.active_count() == threads
        for sock in waiting:
            drain(sock)


@BOTH
@with_ids(UNFINISHED)
def test_unfinished_handshakes_time_out(serve, kind, octets):
    with serve(kind, timeout=0.3) as server, raw(kind, server) as sock:
        sock.sendall(octets)
        assert b"-ERR" not in drain(sock)


@BOTH
@with_ids({**UNFINISHED, **GARBAGE})
@pytest.mark.parametrize("end", ["half-close", "close", "reset"])
def test_clients_that_hang_up_in_the_handshake(serve, client_context, kind, octets, end):
    threads = threading.active_count()
    with serve(kind) as server:
        with raw(kind, server) as sock:
            sock.sendall(octets)
            if end == "half-close":
                sock.shutdown(socket.SHUT_WR)
                assert b"-ERR" not in drain(sock)
            elif end == "reset":
                linger = b"\1\0\0\0\0\0\0\0"
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with over_tls(kind, server, client_context) as wire:
            assert wire.login().startswith(b"+OK")
    assert threading.active_count() == threads


@BOTH
@with_ids(GARBAGE)
def test_garbage_ends_the_connection(serve, kind, octets):
    with serve(kind) as server, raw(kind, server) as sock:
        sock.sendall(octets)
        received = drain(sock)
        assert received == b"" or received.startswith(b"\x15\x03")


@BOTH
def test_a_version_that_the_server_refuses(serve, client_context, ca, kind):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    ca.issue_cert("127.0.0.1").configure_cert(context)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    ca.configure_trust(old)
    with serve(kind, context=context) as server:
        with pytest.raises(ssl.SSLError, match="protocol version"), over_tls(kind, server, old):
            pass
        with over_tls(kind, server, client_context) as wire:
            assert wire.login().startswith(b"+OK")


@BOTH
def test_clients_that_do_not_trust_the_server(serve, client_context, kind):
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with serve(kind) as server:
        with pytest.raises(ssl.SSLCertVerificationError), over_tls(kind, server, stranger):
            pass
        with over_tls(kind, server, client_context) as wire:
            assert wire.login().startswith(b"+OK")
