"""Waiting for a TLSSocket: select(), pending(), time limits, signals"""

import contextlib
import select
import socket
import ssl
import time

import pytest

from .signals import pulses
from .support import SHORT, TIMEOUT, Call, lasts
from .tls import DATA, Relay, make_context, settle, tls_pair, tls_socket, wait_readable


def poll_readable(sock, seconds=TIMEOUT):
    """wait_readable() by poll()."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(1000 * seconds))


# select() and pending()


RECORD = b"0123456789"


@pytest.mark.parametrize("wait", [wait_readable, poll_readable])
def test_several_records_at_once(ours, wait):
    """They are received together; pending() tells what select() doesn't."""
    here, there = ours
    settle(here, there)
    for _ in range(5):
        there.sendall(RECORD)
    assert wait(here)
    assert here.recv(1) == b"0"
    received = b"0"
    while len(received) < 50:
        assert here.pending() > 0
        assert not wait(here, 0)
        received += here.recv(here.pending())
    assert received == 5 * RECORD
    assert here.pending() == 0
    assert not wait(here, 0)


def test_pending_of_one_record(pair):
    """Octets of a record that was received in part."""
    here, there = pair
    there.sendall(RECORD)
    assert here.recv(3) == b"012"
    assert here.pending() == 7
    assert here.recv(7) == b"3456789"
    assert here.pending() == 0


@pytest.mark.parametrize("cut", [1, 5, 20, -1])
def test_part_of_a_record(server_context, cut):
    """What is incomplete is not pending; select() tells of the rest."""
    armed, rest = [], []

    def plan(number, record, send):
        if record[0] != DATA or not armed:
            send(record)
        else:
            rest.append(lambda: send(record[cut:]))
            send(record[:cut])

    with Relay(None, plan) as relay:

        def make(address):
            relay.server = address
            return tls_socket(relay.address)

        here, there = tls_pair(make, server_context)
        with there, contextlib.closing(here):
            settle(here, there)
            armed.append(True)
            there.sendall(RECORD)
            assert wait_readable(here)
            here.settimeout(0)
            for _ in range(2):
                with pytest.raises(ssl.SSLWantReadError):
                    here.recv()
                assert here.pending() == 0
                assert not wait_readable(here, 0)
            rest[0]()
            assert wait_readable(here)
            assert here.recv() == RECORD


def test_tickets_are_nothing_to_read(ca):
    """select() may tell of them; recv() then wants more."""
    context = make_context(ca, ssl.TLSVersion.TLSv1_3)
    here, there = tls_pair(tls_socket, context)
    with there, contextlib.closing(here):
        assert wait_readable(here)
        assert here.pending() == 0
        here.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            here.recv()
        assert not wait_readable(here, 0)


def test_records_before_an_end(ours):
    """What pending() decrypts may be the end; it is told where it comes."""
    here, there = ours
    settle(here, there)
    there.sendall(RECORD)
    call = Call(there.unwrap)
    assert wait_readable(here)
    assert here.recv(1) == b"0"
    while not here.pending():
        time.sleep(0.001)
    assert here.recv() == RECORD[1:]
    assert here.pending() == 0
    assert here.recv() == b""
    assert here.pending() == 0
    here.close()
    call.end()


# Waiting


@pytest.mark.parametrize(
    "call", [lambda s: s.recv(1), lambda s: s.recv_into(bytearray(1)), lambda s: s.read(1)]
)
def test_not_blocking(pair, call):
    here, there = pair
    here.setblocking(False)
    assert here.gettimeout() == 0
    for _ in range(2):
        with lasts(0), pytest.raises(ssl.SSLWantReadError) as caught:
            call(here)
        assert caught.value.errno == ssl.SSL_ERROR_WANT_READ
        assert caught.value.args[1].startswith("The operation did not complete (read)")
    there.sendall(b"x")
    assert wait_readable(here)
    call(here)
    here.setblocking(True)
    assert here.gettimeout() is None


@pytest.mark.parametrize("timeout", [0, 0.5, 5, None])
def test_timeout_that_was_set(pair, timeout):
    here, _ = pair
    here.settimeout(timeout)
    assert here.gettimeout() == timeout
    assert here.getblocking() is (timeout != 0)


def test_timeout_of_receiving(pair):
    here, there = pair
    here.settimeout(SHORT)
    for call in (here.recv, here.read, lambda: here.recv_into(bytearray(1))):
        with lasts(0.9 * SHORT), pytest.raises(socket.timeout) as caught:
            call()
        assert caught.value.args == ("The read operation timed out",)
    there.sendall(b"late")
    assert here.recv() == b"late"


def test_timeout_of_sending(pair):
    here, _ = pair
    here.settimeout(SHORT)
    with lasts(0.9 * SHORT), pytest.raises(socket.timeout) as caught:
        here.sendall(2**24 * b"x")
    assert caught.value.args == ("The write operation timed out",)


def test_timeout_that_another_thread_changes(pair):
    """What has begun keeps its own; what comes then has the new one."""
    here, _ = pair
    here.settimeout(4 * SHORT)
    call = Call(here.recv)
    assert call.is_blocked()
    here.settimeout(TIMEOUT)
    assert type(call.end(2)) is socket.timeout


def test_no_timeout(pair):
    here, there = pair
    here.settimeout(None)
    call = Call(here.recv)
    assert call.is_blocked(3 * SHORT)
    there.sendall(b"x")
    assert call.end() == b"x"


# Signals


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.recv(),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.send(b"x"),
        lambda s: s.sendall(b"x"),
        lambda s: s.unwrap(),
        lambda s: s.pending(),
        lambda s: s.get_channel_binding("tls-exporter"),
    ],
)
def test_use_in_a_handler(ours, use):
    """Refused in the middle of a call, which goes on."""
    here, there = ours
    errors = []

    def handler(*details):
        with pytest.raises(RuntimeError, match=r"reentrant call inside <poplib_c\.TLSSocket "):
            use(here)
        errors.append(RuntimeError)
        there.sendall(b"go on")

    with pulses(handler):
        assert here.recv() == b"go on"
    assert len(errors) == 1


def test_what_a_handler_may_ask(ours):
    here, there = ours
    answers = []

    def handler(*details):
        answers.extend([here.version(), here.cipher(), here.getpeercert(True), here.fileno()])
        there.sendall(b"go on")

    with pulses(handler):
        assert here.recv() == b"go on"
    assert answers == [here.version(), here.cipher(), here.getpeercert(True), here.fileno()]
