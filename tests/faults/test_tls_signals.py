"""Signals that arrive in a handshake of TLS, and in what only a TLSSocket does (PEP 475)."""

import contextlib
import socket

import pytest

from poplib_c import POP3_SSL
from poplib_c.testing import POP3Server

from .signals import Interrupted, interrupted, pulses
from .support import SHORT, TIMEOUT, lasts
from .tls import HANDSHAKE, HOST, Relay

MESSAGE = b"".join(b"%d\r\n" % number * 20 for number in range(2000))

timeouts = pytest.mark.parametrize("timeout", [TIMEOUT, None])


def in_pieces(number, record, send):
    step = 50 if record[0] == HANDSHAKE else 1000
    for start in range(0, len(record), step):
        send(record[start : start + step])


@timeouts
def test_session_among_signals(server_context, timeout):
    """From the handshake on, records come in pieces."""
    handled = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(POP3Server([MESSAGE], tls=server_context))
        relay = stack.enter_context(Relay(server.address, in_pieces))
        stack.enter_context(pulses(lambda *details: handled.append(details), 0.001, 0.001))
        client = POP3_SSL(*relay.address, timeout=timeout)
        client.user("alice")
        client.pass_("secret")
        for _ in range(10):
            assert client.retr(1)[1] == MESSAGE.split(b"\r\n")[:-1]
        client.quit()
    assert handled


@pytest.fixture
def silence():
    """The address of a server that never says a word."""
    with socket.create_server((HOST, 0)) as listener:
        yield listener.getsockname()


@timeouts
def test_handler_that_raises_in_the_handshake(silence, timeout):
    with interrupted(), lasts(0), pytest.raises(Interrupted):
        POP3_SSL(*silence, timeout=timeout)


def test_time_left_for_the_handshake(silence):
    handled = []
    signals = pulses(lambda *details: handled.append(details), 0.01, 0.01)
    with signals, lasts(0.28), pytest.raises(socket.timeout) as caught:
        POP3_SSL(*silence, timeout=0.3)
    assert caught.value.args == ("The handshake operation timed out",)
    assert handled


@pytest.mark.parametrize("name", ["recv", "unwrap"])
def test_handler_that_closes_the_socket(ours, name):
    here, _ = ours
    closing = pulses(lambda *details: here.close(), SHORT, SHORT)
    with closing, lasts(0), pytest.raises(ConnectionAbortedError):
        getattr(here, name)()
    assert here.fileno() == -1
