"""Deadlines and sockets that are the user's, whose timeouts are made shorter for a while."""

import contextlib
import socket

import pytest

from poplib_c import POP3

from .deadline import PATIENT
from .support import SHORT, TIMEOUT, ByFile, ByMethods, Call, Lines, OwnSocket, lasts


def test_a_timeout_that_is_changed_meanwhile(wired):
    """It is the user's, and stays."""

    class Changing(OwnSocket):
        def recv_into(self, *arguments):
            try:
                return super().recv_into(*arguments)
            finally:
                self.settimeout(SHORT)

    client, peer = wired(sock_class=Changing, deadline=TIMEOUT)
    client._putcmd("NOOP")
    peer.sendall(b"+OK\r\n")
    assert client._getresp() == b"+OK"
    assert client.sock.gettimeout() == SHORT


def test_a_socket_without_timeouts(wired):
    """Only what it returns, and when, can end the wait."""

    class Odd(OwnSocket):
        gettimeout = property()

    client, peer = wired(timeout=None, sock_class=Odd)
    with client.deadline(SHORT):
        client._putcmd("NOOP")
        call = Call(client._getresp)
        assert call.is_blocked(2 * SHORT)
        peer.sendall(b"+OK")
        error = call.end()
    assert type(error) is socket.timeout
    assert "the deadline of 0.05 s has passed" in str(error)


def test_a_socket_that_never_waits(wired):
    client, _ = wired(sock_class=OwnSocket, deadline=TIMEOUT)
    client.sock.settimeout(0)
    client._putcmd("NOOP")
    with pytest.raises(BlockingIOError):
        client._getresp()
    assert client.sock.gettimeout() == 0


def test_a_timeout_of_its_own(wired):
    """That is not the deadline, and says so."""
    for kind in (socket.socket, OwnSocket):
        client, _ = wired(timeout=SHORT, sock_class=kind, deadline=PATIENT)
        with lasts(0.9 * SHORT), pytest.raises(socket.timeout) as caught:
            client.noop()
        assert caught.value.args == ("timed out",)


class Meddling(OwnSocket):
    """Its settimeout() does what ``meddle`` says, too."""

    meddle = None

    def settimeout(self, timeout):
        super().settimeout(timeout)
        if self.meddle is not None:
            self.meddle(timeout)


class ByMeddling(ByMethods):
    sock_class = Meddling


class ByFileOfMeddling(ByFile, ByMeddling):
    pass


meddling = pytest.mark.parametrize("cls", [ByMeddling, ByFileOfMeddling])


@contextlib.contextmanager
def meddled(cls, meddle, timeout=PATIENT):
    """A connection in a block, whose server answers with what it was told."""
    with Lines(lambda line: b"+OK " + line + b"\r\n") as server:
        client = cls(*server.address, timeout)
        with contextlib.closing(client), client.deadline(TIMEOUT):
            client.sock.meddle = meddle
            yield client


@meddling
def test_a_command_while_the_timeout_is_set(cls):
    """It is refused, for the reply that comes next is another's."""
    outcomes = []

    def meddle(timeout):
        try:
            outcomes.append(client._shortcmd("STAT"))
        except RuntimeError as error:
            outcomes.append(str(error)[:9])

    with meddled(cls, meddle) as client:
        assert client.noop() == b"+OK NOOP"
    assert outcomes == 4 * ["reentrant"]


@meddling
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, RecursionError])
def test_an_interrupt_while_the_timeout_is_restored(cls, error):
    """As a signal handler raises it."""

    def meddle(timeout):
        if timeout == PATIENT:
            raise error

    with meddled(cls, meddle) as client, pytest.raises(error):
        client.noop()


@meddling
def test_an_error_while_the_timeout_is_restored(cls):
    """The socket may have been closed."""

    def meddle(timeout):
        if timeout == PATIENT:
            raise OSError

    with meddled(cls, meddle) as client:
        assert client.noop() == b"+OK NOOP"


@meddling
def test_a_timeout_that_can_not_be_asked_for_once(cls):
    def meddle(timeout):
        client.sock.meddle = None
        client.sock.gettimeout = fail

    def fail():
        del client.sock.gettimeout
        raise LookupError

    with meddled(cls, meddle) as client:
        with pytest.raises(LookupError):
            client.noop()
        assert client.sock.gettimeout() == PATIENT


def test_without_a_deadline_no_more_is_asked_for(wired):
    """Than poplib does, of a file that is the user's."""
    asked = []

    class Noting(POP3):
        def __getattribute__(self, name):
            asked.append(name)
            return super().__getattribute__(name)

    client, peer = wired(cls=Noting)
    client.file = client.sock.makefile("rb")
    peer.sendall(b"+OK\r\n")
    asked.clear()
    assert client._getresp() == b"+OK"
    assert "file" in asked
    assert "sock" not in asked
