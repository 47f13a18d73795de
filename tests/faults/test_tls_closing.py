"""Handshakes that are ended by close(), and sessions over TLS at random moments."""

import contextlib
import errno
import random

import pytest
from scripted import play

from poplib_c import POP3, POP3_SSL
from poplib_c.testing import POP3Server

from .signals import pulses
from .support import SHORT, TIMEOUT, Call, check_aborted, lasts
from .tls import HANDSHAKE, OFFERED, contexts

timeouts = pytest.mark.parametrize("timeout", [TIMEOUT, None])


class Silence:
    """A step of a script: the server reads, and says nothing."""

    def __init__(self):
        self.octets = bytearray()

    def play(self, peer):
        with contextlib.suppress(OSError):
            while peer.connection.recv_into(chunk := bytearray(65536)):
                self.octets += chunk.rstrip(b"\0")


@contexts
@timeouts
def test_close_in_the_handshake_of_stls(context, timeout):
    with play(*OFFERED, Silence()) as server:
        client = POP3(server.host, server.port, timeout)
        sock = client.sock
        call = Call(client.stls, context())
        assert call.is_blocked()
        with contextlib.suppress(OSError):
            client.close()
        check_aborted(call)
        assert client.sock is client.file is None
        assert sock.fileno() == -1
        assert server.wait_eof()


@contexts
def test_handler_that_closes_in_the_handshake_of_stls(context):
    def handler(*details):
        with contextlib.suppress(OSError):
            client.close()

    with play(*OFFERED, Silence()) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        aborted = pytest.raises(ConnectionAbortedError)
        with pulses(handler, SHORT, SHORT), lasts(0), aborted as caught:
            client.stls(context())
        assert caught.value.errno == errno.ECONNABORTED
        assert server.wait_eof()


def check_reentrant(function, *arguments):
    """Keeps no traceback: the ssl module leaves its socket to the garbage collector."""
    try:
        function(*arguments)
    except RuntimeError as error:
        assert str(error).startswith("reentrant call inside <")
    else:
        raise AssertionError


@contexts
def test_handler_that_uses_the_connection_in_the_handshake_of_stls(context):
    """Refused: nothing is sent in plain text."""
    silence = Silence()
    with play(*OFFERED, silence) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        with pulses(lambda *details: client.user("mrose")), lasts(0):
            check_reentrant(client.stls, context())
        assert client.sock is client.file is None
        assert server.wait_eof()
    assert silence.octets[0] == HANDSHAKE
    assert b"mrose" not in silence.octets


# At random moments


def session(client):
    client.user("alice")
    client.pass_("secret")
    while True:
        assert client.retr(1)[1] == [b"x"] * 3000
        client._putline(1000 * b"NOOP\r\n" + b"NOOP")
        for _ in range(1001):
            client._getresp()


def check_outcome(error):
    assert isinstance(error, (OSError, AttributeError, ValueError)), error
    if type(error) is ValueError:
        assert "closed file" in str(error)
    if type(error) is AttributeError:
        assert "the connection is closed" in str(error)


@contexts
def test_close_at_random_moments_of_a_session(server_context, context):
    moments = random.Random(1939)
    with POP3Server([b"x\n" * 3000], tls=server_context) as server:
        for _ in range(40):
            client = POP3_SSL(*server.address, timeout=TIMEOUT, context=context())
            sock = client.sock
            call = Call(session, client)
            call.join(moments.uniform(0, 0.03))
            with contextlib.suppress(OSError):
                client.close()
            with lasts(0):
                check_outcome(call.end())
            assert sock.fileno() == -1


@contexts
def test_close_at_random_moments_of_stls(server_context, context):
    """Also in the handshake, and just behind it."""
    moments = random.Random(2595)
    with POP3Server(stls=server_context) as server:
        for _ in range(60):
            client = POP3(*server.address, timeout=TIMEOUT)
            plain = client.sock
            call = Call(secure, client, context())
            call.join(moments.uniform(0, 0.02))
            with contextlib.suppress(OSError):
                client.close()
            with lasts(0):
                check_outcome(call.end())
            assert client.sock is client.file is None
            assert plain.fileno() == -1


def secure(client, context):
    client.stls(context)
    while True:
        assert client.capa()
