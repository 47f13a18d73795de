"""Forks while a connection is in use, and what a child does to TLS."""

import os
import threading

import pytest
from scripted import Await, C, S, play

from poplib_c import POP3, POP3_SSL, TLSSocket
from poplib_c.testing import POP3Server

from .support import TIMEOUT, Call, in_child, lasts, open_descriptors, wait_for
from .tls import wait_readable

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FORKED = "the connection was in use by another thread when this process was forked"


every_link = pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)


@pytest.fixture
def in_use(link):
    """``client, call, answer``: a thread waits for the answer to NOOP until that is set."""
    answer = threading.Event()
    with link.play(C("NOOP"), Await(answer), S("+OK done")) as server:
        client = link.connect(server, timeout=TIMEOUT)
        call = Call(client.noop)
        assert call.is_blocked()
        yield client, call, answer
        client.close()


def check_refused(client):
    for use in (client.noop, client._getresp, client.file.readline, lambda: client._putcmd("A")):
        with lasts(0), pytest.raises(RuntimeError, match=FORKED):
            use()


@every_link
def test_while_another_thread_waits(in_use):
    """The child can't go on with what the thread has begun, but let its copy go."""
    client, call, answer = in_use

    def child():
        check_refused(client)
        before = open_descriptors()
        client.file.close()
        client.sock.close()
        assert open_descriptors() == before - 1
        vars(client).clear()

    assert in_child(child) == 0
    answer.set()
    assert call.end() == b"+OK done"


@every_link
def test_threads_of_the_child(in_use):
    """None of them is the parent's, though the system gives them its identity."""
    client, call, answer = in_use

    def child():
        calls = [Call(check_refused, client) for _ in range(8)]
        assert [call.end() for call in calls] == 8 * [None]

    assert in_child(child) == 0
    answer.set()
    assert call.end() == b"+OK done"


@every_link
def test_close_in_the_child(in_use):
    """It ends the connection, as it does whoever has it."""
    client, call, answer = in_use

    def child():
        before = open_descriptors()
        client.close()
        assert open_descriptors() == before - 1

    assert in_child(child) == 0
    assert str(call.end()) == "-ERR EOF"
    answer.set()


def test_in_a_hook():
    """The thread that forks has the connection in both processes."""

    class Forking(POP3):
        def _putcmd(self, line):
            if line == "NOOP":
                child = os.fork()
                if child == 0:
                    os._exit(self._shortcmd("CHILD") != b"+OK child")
                assert wait_for(child) == 0
            super()._putcmd(line)

    steps = (C("CHILD"), S("+OK child"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = Forking(server.host, server.port, TIMEOUT)
        assert client.noop() == b"+OK done"
        client.close()


def test_threads_behind_a_hook_that_forks():
    """The thread that has forked goes on with its command in the child, and others wait for it."""

    class Forking(POP3):
        child = None

        def _putcmd(self, line):
            if line == "NOOP":
                self.child = os.fork()
                if self.child == 0:
                    self.waiting = Call(self.rset)
                    assert self.waiting.is_blocked()
                else:
                    assert wait_for(self.child) == 0
            super()._putcmd(line)

    steps = (C("NOOP"), S("+OK child"), C("RSET"), S("+OK reset"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = Forking(server.host, server.port, TIMEOUT)
        response = None
        try:
            response = client.noop()
        finally:
            if client.child == 0:
                fine = response == b"+OK child" and client.waiting.end() == b"+OK reset"
                os._exit(0 if fine else 1)
        assert response == b"+OK done"
        client.close()


@pytest.mark.parametrize("end", ["close", "drop"])
def test_child_that_lets_tls_go(wired, end):
    """It says nothing to the server: the parent's connection goes on."""
    client, peer = wired(sock_class=TLSSocket)

    def noop():
        client._putcmd("NOOP")
        assert peer.recv(100) == b"NOOP\r\n"
        peer.sendall(b"+OK done\r\n")
        assert client._getresp() == b"+OK done"

    def let_go():
        if end == "close":
            client.file.close()
            client.sock.close()
            assert client.sock.fileno() == -1
        else:
            vars(client).clear()

    noop()
    assert in_child(let_go) == 0
    assert not wait_readable(peer, 0)
    noop()


def test_child_with_tls_of_its_own(server_context):
    def session():
        client = POP3_SSL(*server.address, timeout=TIMEOUT)
        assert client.capa()
        client.quit()

    with POP3Server(tls=server_context) as server:
        client = POP3_SSL(*server.address, timeout=TIMEOUT)
        assert in_child(session) == 0
        assert client.capa()
        client.quit()
