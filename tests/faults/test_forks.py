"""Forks while a connection is in use."""

import os
import threading

import pytest
from scripted import Await, C, S, StartTLS, play

from poplib_c import POP3, POP3_SSL

from .support import TIMEOUT, Call, lasts, open_descriptors
from .test_lifetime import wait_for
from .test_tls_processes import in_child

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FORKED = "the connection was in use by another thread when this process was forked"


@pytest.fixture(params=["plain", "tls"])
def in_use(request, server_context):
    """``client, call, answer``: a thread waits for the answer to NOOP until that is set."""
    answer = threading.Event()
    first = [StartTLS(server_context)] if request.param == "tls" else []
    steps = (S("+OK ready"), C("NOOP"), Await(answer), S("+OK done"))
    with play(*first, *steps) as server:
        cls = POP3_SSL if first else POP3
        client = cls(server.host, server.port, timeout=TIMEOUT)
        call = Call(client.noop)
        assert call.is_blocked()
        yield client, call, answer
        client.close()


def check_refused(client):
    for use in (client.noop, client._getresp, client.file.readline, lambda: client._putcmd("A")):
        with lasts(0), pytest.raises(RuntimeError, match=FORKED):
            use()


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


def test_threads_of_the_child(in_use):
    """None of them is the parent's, though the system gives them the same identity."""
    client, call, answer = in_use

    def child():
        calls = [Call(check_refused, client) for _ in range(8)]
        assert [call.end() for call in calls] == 8 * [None]

    assert in_child(child) == 0
    answer.set()
    assert call.end() == b"+OK done"


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
