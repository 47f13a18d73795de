"""What the server does wrong if a test asks for it."""

import socket
import threading
import time

import pytest
from wire import ALICE, FIRST, SECOND, Wire, over_tls

from poplib_c.testing import POP3Server


def apart(**faults):
    """Parametrizes a test by a server that has a fault from its start, or gets it later."""

    def early():
        return POP3Server([FIRST, SECOND], users=ALICE, **faults)

    def late():
        server = POP3Server([FIRST, SECOND], users=ALICE)
        for name, value in faults.items():
            if isinstance(value, dict):
                getattr(server, name).update(value)
            else:
                setattr(server, name, value)
        return server

    return pytest.mark.parametrize("make", [early, late])


@apart(refused={"UIDL": "unknown command"})
def test_no_unique_ids(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"UIDL") == wire.ask(b"uidl 1") == b"-ERR unknown command\r\n"
        assert wire.ask(b"CAPA").startswith(b"+OK")
        assert b"TOP\r\nUSER\r\n" in wire.rest()
        del server.refused["UIDL"]
        assert wire.ask(b"UIDL 1").startswith(b"+OK 1 ")


@apart(locked=True)
@pytest.mark.parametrize("log_in", [b"PASS secret", b"AUTH PLAIN AGFsaWNlAHNlY3JldA=="])
def test_a_locked_maildrop(make, log_in):
    with make() as server, Wire(server) as wire:
        for locked in (True, False):
            server.locked = locked
            wire.ask(b"USER alice")
            assert wire.ask(log_in).startswith(b"-ERR [IN-USE]" if locked else b"+OK")
            assert server.locked is locked


@apart(sizes={1: 7})
def test_wrong_sizes(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"LIST 1") == b"+OK 1 7\r\n"
        wire.ask(b"LIST")
        assert wire.rest() == b"1 7\r\n2 %d\r\n.\r\n" % len(SECOND)
        assert wire.ask(b"RETR 1") == b"+OK 7 octets\r\n"
        assert wire.rest() == FIRST + b".\r\n"


@pytest.mark.parametrize("kind", ["plain", "tls"])
@pytest.mark.parametrize("octets", [0, 9, 20])
def test_hanging_up_in_the_middle(kind, octets, server_context, client_context):
    tls = None if kind == "plain" else server_context
    with POP3Server([FIRST, SECOND], cut={"retr": octets}, tls=tls) as server:
        with over_tls(kind, server, client_context) as wire:
            wire.login()
            assert wire.ask(b"DELE 2").startswith(b"+OK")
            reply = wire.ask(b"RETR 1") + wire.file.read()
            assert reply == (b"+OK %d octets\r\n" % len(FIRST) + FIRST)[:octets]
        assert server.messages == [FIRST, SECOND]


@apart(cut={"RETR 2": 9}, refused={"retr 1": "gone", "RETR": "busy"}, delays={"NOOP": 0})
def test_faults_of_one_message(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"RETR 1") == b"-ERR gone\r\n"
        assert wire.ask(b"RETR 2") == b"-ERR busy"
        assert wire.file.read() == b""
        assert server.refused == {"RETR 1": "gone", "RETR": "busy"}
        del server.refused["retr"], server.cut["retr 2"]
        with Wire(server) as wire:
            wire.login()
            assert wire.ask(b"retr 2").startswith(b"+OK")


@apart(cut={"RETR": 10, "STAT": 12})
def test_a_reply_that_is_too_short_to_cut(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"STAT") == b"+OK 2 %d\r\n" % len(FIRST + SECOND)
        assert wire.ask(b"RETR 9") == b"-ERR no su"
        assert wire.file.read() == b""


def test_a_cut_is_no_reset():
    """A socket that is closed with a command unread resets the connection."""
    server = POP3Server([FIRST], cut={"RETR": 9}, delays={"RETR": 0.2})
    with server, Wire(server) as wire:
        wire.login()
        wire.sock.sendall(b"RETR 1\r\n")
        while server.commands[-1] != b"RETR 1":
            time.sleep(0.001)
        wire.sock.sendall(b"DELE 1\r\n")
        assert wire.file.read() == (b"+OK %d octets" % len(FIRST))[:9]


@apart(trickle={"NOOP": 0.01})
def test_a_trickle(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        begun = time.monotonic()
        wire.sock.sendall(b"NOOP\r\n")
        octets = [wire.sock.recv(100) for _ in range(5)]
        assert time.monotonic() - begun >= 0.05
        assert b"".join(octets) == b"+OK n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"refused": {"UIDLL": "no"}},
        {"delays": {"NOOP": -1}},
        {"delays": {"PLAIN": 1}},
        {"trickle": {"": 1}},
        {"trickle": {"RETR": float("nan")}},
        {"cut": {"RETR 2": -1}},
        {"cut": {"RETRY 2": 1}},
        {"sizes": {0: 1}},
        {"sizes": {1: -1}},
    ],
)
def test_faults_that_cannot_be(wrong):
    ((name, fault),) = wrong.items()
    with pytest.raises(ValueError, match=name):
        POP3Server(**wrong)
    server = POP3Server()
    faults = getattr(server, name)
    with pytest.raises(ValueError, match=name):
        faults.update(fault)
    assert not faults and repr(faults) == "{}"


def test_faults_of_the_greeting():
    with POP3Server(refused={"GREETING": "[SYS/TEMP] busy"}) as server:
        with Wire(server) as wire:
            assert wire.greeting == b"-ERR [SYS/TEMP] busy\r\n"
        server.refused["GREETING"] = None
        with Wire(server) as wire:
            assert wire.greeting == b""
        del server.refused["GREETING"]
        server.cut["GREETING"] = 3
        with Wire(server) as wire:
            assert wire.greeting == b"+OK"


@apart(delays={"NOOP": 0.3})
def test_a_delay(make):
    with make() as server, Wire(server) as wire:
        wire.login()
        begun = time.monotonic()
        wire.sock.sendall(b"STAT\r\nNOOP\r\n")
        assert wire.file.readline().startswith(b"+OK 2 ")
        assert wire.file.readline().startswith(b"+OK")
        assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("kind", ["plain", "tls"])
def test_a_latency(kind, server_context, client_context):
    """It passes once for commands sent at once, and for each command that waits for a reply."""
    tls = None if kind == "plain" else server_context
    with POP3Server([FIRST], latency=0.2, tls=tls) as server:
        begun = time.monotonic()
        with over_tls(kind, server, client_context) as wire:
            wire.login()
            assert time.monotonic() - begun >= 0.6
            sent = time.monotonic()
            wire.sock.sendall(b"NOOP\r\n" * 1000)
            for _ in range(1000):
                assert wire.file.readline() == b"+OK nothing done\r\n"
            assert 0.2 <= time.monotonic() - sent < 100  # not 1000 times 0.2


def test_a_half_closed_connection_is_answered_after_the_latency():
    with POP3Server([FIRST], latency=0.05) as server, Wire(server) as wire:
        wire.sock.sendall(b"USER alice\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n")
        wire.sock.shutdown(socket.SHUT_WR)
        assert len(wire.file.readlines()) == 4
    assert server.messages == []


@pytest.mark.parametrize("fault", ["delays", "trickle"])
def test_stop_ends_a_delay(fault):
    """The delay is longer than stop() waits, which would raise."""
    with POP3Server(**{fault: {"NOOP": 3600}}) as server, Wire(server) as wire:
        wire.login()
        wire.sock.sendall(b"STAT\r\nNOOP\r\n")
        wire.file.readline()
    assert not [thread for thread in threading.enumerate() if "POP3Server" in thread.name]
