"""Deadlines in handshakes of TLS, and while a record comes octet by octet."""

import contextlib
import ssl
import threading

import pytest
from scripted import Anything, S, StartTLS, play

from poplib_c import POP3, POP3_SSL

from .deadline import ALLOWED, PATIENT, Drip, Whole, check_cut, passes
from .tls import OFFERED, Relay, contexts, greeted, unverified

#: A record of 16 KiB, which takes its time.
RECORD = b"\x16\x03\x03\x3f\xff"
handshakes = pytest.mark.parametrize(
    "step, timeout", [(Whole(b""), None), (Drip(RECORD), PATIENT)], ids=["silence", "drip"]
)


class Slowly:
    """A relay's plan: from some record on, octet by octet, until the test ends."""

    def __init__(self, first):
        self.first = first
        self.over = threading.Event()

    def __call__(self, number, record, send):
        if number < self.first:
            send(record)
            return
        with contextlib.suppress(OSError):
            for octet in record:
                if self.over.wait(0.01):
                    return
                send(bytes([octet]))


# --- handshakes -------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_resource_warning")
@handshakes
@contexts
def test_handshake(context, step, timeout):
    with passes(), play(step, Anything()) as server:
        POP3_SSL(server.host, server.port, timeout=timeout, context=context(), deadline=ALLOWED)


@handshakes
@contexts
def test_handshake_of_stls(context, step, timeout):
    """It closes the connection, as any handshake that fails."""
    with play(*OFFERED, Anything(once=True), step, Anything()) as server:
        client = POP3(server.host, server.port, timeout)
        with passes(), client.deadline(ALLOWED):
            client.stls(context())
        assert client.sock is client.file is None


def test_an_interrupt_behind_a_handshake(server_context):
    """As a signal handler raises it while the timeout is restored: the socket is closed."""

    class Interrupted(ssl.SSLSocket):
        def settimeout(self, timeout):
            super().settimeout(timeout)
            if timeout == PATIENT:
                raise KeyboardInterrupt

    context = unverified()
    context.sslsocket_class = Interrupted
    with play(StartTLS(server_context), Anything()) as server, pytest.raises(KeyboardInterrupt):
        POP3_SSL(server.host, server.port, timeout=PATIENT, context=context, deadline=PATIENT / 2)


@contexts
def test_timeout_behind_a_handshake(server_context, context):
    with play(StartTLS(server_context), S("+OK ready")) as server:
        client = POP3_SSL(
            server.host, server.port, timeout=PATIENT, context=context(), deadline=PATIENT / 2
        )
        assert client.sock.gettimeout() == PATIENT
        client.close()


# --- replies ------------------------------------------------------------------------------------


@contexts
def test_record_octet_by_octet(server_context, context):
    """The octets of the reply are none until the record is whole."""
    plan = Slowly(first=10**9)
    options = {"timeout": PATIENT, "context": context()}
    with (
        Relay(None, plan) as relay,
        greeted(server_context, relay=relay, **options) as (client, there),
    ):
        plan.first = 0
        client._putcmd("NOOP")
        there.sendall(b"+OK " + 400 * b"x" + b"\r\n")
        with passes(), client.deadline(ALLOWED):
            client._getresp()
        plan.over.set()
        check_cut(client)


def test_a_constructor_of_pop3s_that_was_replaced(server_context, monkeypatch):
    """It goes on with what POP3_SSL was given."""
    plain = POP3.__init__

    def init(self, host, port, timeout):
        plain(self, host, port, timeout)

    monkeypatch.setattr(POP3, "__init__", init)
    with passes(0.2), play(StartTLS(server_context), Anything()) as server:
        POP3_SSL(server.host, server.port, timeout=PATIENT, deadline=0.2)
