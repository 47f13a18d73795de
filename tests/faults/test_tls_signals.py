"""Signals that arrive in a handshake, and while TLS receives or sends (PEP 475)."""

import contextlib
import signal
import socket
import ssl

import pytest

from poplib_c import POP3_SSL
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, Call, lasts, run_program
from .test_signals import Interrupted, check_out_of_step, pulses
from .tls import HANDSHAKE, HOST, Relay, greeted, tls_pair, tls_socket

MESSAGE = b"".join(b"%d\r\n" % number * 20 for number in range(2000))

timeouts = pytest.mark.parametrize("timeout", [TIMEOUT, None])


class Handled(list):
    """A handler that returns, and counts."""

    def __call__(self, *details):
        self.append(details)


def interrupted():
    """Raises Interrupted in the block, once; a signal that comes before poll() waits goes by."""
    handled = []

    def handler(*details):
        handled.append(details)
        if len(handled) == 1:
            raise Interrupted

    return pulses(handler, 2 * SHORT, SHORT)


def in_pieces(number, record, send):
    step = 50 if record[0] == HANDSHAKE else 1000
    for start in range(0, len(record), step):
        send(record[start : start + step])


@timeouts
def test_session_among_signals(server_context, timeout):
    handled = Handled()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(POP3Server([MESSAGE], tls=server_context))
        relay = stack.enter_context(Relay(server.address, in_pieces))
        stack.enter_context(pulses(handled, 0.001, 0.001))
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
    handled = Handled()
    signals = pulses(handled, 0.01, 0.01)
    with signals, lasts(0.28), pytest.raises(socket.timeout) as caught:
        POP3_SSL(*silence, timeout=0.3)
    assert caught.value.args == ("The handshake operation timed out",)
    assert len(handled) > 5


@timeouts
@pytest.mark.parametrize("part", [b"", b"+O", b"+OK\r\na\r\nb"])
def test_handler_that_raises_while_receiving(server_context, timeout, part):
    with greeted(server_context, timeout=timeout) as (client, there):
        there.settimeout(TIMEOUT)
        call = Call(lambda: there.recv(100) and there.sendall(part))
        with interrupted(), lasts(0), pytest.raises(Interrupted):
            client.retr(1)
        assert call.end() is None
        check_out_of_step(client)


@timeouts
def test_handler_that_raises_while_sending(server_context, timeout):
    with greeted(server_context, timeout=timeout) as (client, _):
        with interrupted(), lasts(0), pytest.raises(Interrupted):
            client._putline(2**24 * b"x")
        check_out_of_step(client)


@pytest.mark.parametrize("name, arguments", [("_getresp", ()), ("_putline", (2**24 * b"x",))])
def test_time_left(server_context, name, arguments):
    handled = Handled()
    with greeted(server_context, timeout=0.3) as (client, _):
        command = getattr(client, name)
        with pulses(handled, 0.01, 0.01), lasts(0.28), pytest.raises(socket.timeout):
            command(*arguments)
    assert len(handled) > 5


@timeouts
def test_line_that_leaves_among_signals(server_context, timeout):
    handled = Handled()
    line = bytes(range(32, 128)) * 2**14

    def read():
        received = bytearray()
        while len(received) < len(line) + 2:
            received += there.recv(5000)
        return bytes(received)

    with greeted(server_context, timeout=timeout) as (client, there):
        call = Call(read)
        with pulses(handled, 0.001, 0.001):
            client._putline(line)
        assert call.end() == line + b"\r\n"


@pytest.mark.parametrize("name", ["recv", "unwrap"])
def test_handler_that_closes(server_context, name):
    here, there = tls_pair(tls_socket, server_context)
    with there:
        closing = pulses(lambda *details: here.close(), SHORT, SHORT)
        with closing, lasts(0), pytest.raises(ConnectionAbortedError):
            getattr(here, name)()
        assert here.fileno() == -1


def test_a_server_that_never_pauses(server_context):
    with greeted(server_context, max_line=None) as (client, there):

        def flood():
            there.sendall(b"+OK\r\n")
            try:
                while True:
                    there.sendall(2**16 * b"x")
            except (OSError, ssl.SSLError) as error:
                return type(error)

        call = Call(flood)
        with interrupted(), lasts(0), pytest.raises(Interrupted):
            client._getlongresp()
        check_out_of_step(client)
        assert issubclass(call.end(), OSError)


CTRL_C = """
    import sys, threading, os, signal
    import poplib_c

    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        client = poplib_c.POP3_SSL("127.0.0.1", int(sys.argv[1]), timeout=None)
        client._getresp()
    except KeyboardInterrupt:
        print("interrupted")
        raise
"""


def test_ctrl_c_in_the_handshake(silence):
    with lasts(0):
        output, errors = run_program(CTRL_C, silence[1], status=-signal.SIGINT)
    assert output == "interrupted\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_while_receiving(server_context):
    with POP3Server(tls=server_context) as server, lasts(0):
        output, errors = run_program(CTRL_C, server.port, status=-signal.SIGINT)
    assert output == "interrupted\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
