"""Commands in the midst of those that were sent ahead of their replies."""

import contextlib
import gc
import io
import logging
import signal
import socket
import sys
import threading

import pytest
from scripted import Await, C, S, play

import poplib_c
from poplib_c import error_proto

from .ahead import (
    DONE,
    LOGIN,
    OF_THREE,
    dele,
    greeted,
    logged_in,
    pairs,
    replies,
    retr,
    tuples,
)
from .support import ByMethods, Call, run_program


class Limit:
    """A _MAXLINE that calls a function when it is asked for the next time."""

    def __init__(self):
        self.function = None

    def __index__(self):
        function, self.function = self.function, None
        if function is not None:
            function()
        return 2048


@pytest.fixture
def limit(monkeypatch):
    limit = Limit()
    monkeypatch.setattr(poplib_c, "_MAXLINE", limit)
    return limit


def read_one_by_one(client):
    assert [client.retr(number) for number in (1, 2, 3)] == tuples(1, 2, 3)


def read_many(client):
    assert list(client.retr_many([1, 2, 3])) == pairs(1, 2, 3)


@pytest.mark.parametrize("read", [read_one_by_one, read_many])
def test_what_gives_the_limit_receives_the_replies(limit, read):
    """All of them: nothing is left to be received."""
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *DONE]
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, count=3)
        limit.function = lambda: client.noop()
        read(client)
        assert limit.function is None
        client.close()


def test_audit_hook_of_an_answer_asks_for_a_message():
    """What would be read ahead would be the answer to the challenge."""
    run_program("""
    import socket, sys
    from poplib_c import POP3

    here, there = socket.socketpair()
    there.settimeout(5)

    class Client(POP3):
        def _create_socket(self, timeout):
            return here

    there.sendall(b"+OK ready\\r\\n")
    client = Client("host", timeout=5, pipelining=True, read_ahead=2)
    refused = []

    def hook(event, arguments):
        if event != "poplib.putline":
            return
        if arguments[1] == b"YQ==":
            try:
                client.retr(1)
            except RuntimeError as error:
                refused.append(str(error))
        there.sendall(b"+ \\r\\n" if arguments[1] == b"AUTH X" else b"+OK\\r\\n")

    sys.addaudithook(hook)
    assert client.auth("X", lambda challenge: b"a") == b"+OK"
    assert there.recv(100) == b"AUTH X\\r\\nYQ==\\r\\n"
    assert len(refused) == 1 and "reentrant call inside" in refused[0]
    """)


# --- what the garbage collector shows -------------------------------------------------------


def is_shown(line):
    return type(line) is bytes and line.startswith(b"+OK shown")


class Thief(io.StringIO):
    """Takes the status lines away that are being shown."""

    def write(self, text):
        for found in gc.get_objects():
            if type(found) is list and found and all(map(is_shown, found)):
                found.clear()
        return super().write(text)


def test_output_that_takes_status_lines_away(caplog, monkeypatch):
    caplog.set_level(logging.DEBUG, "poplib_c")
    steps = [*retr(1, 2), S("+OK shown 1", "1", "."), S("+OK shown 2", "2", "."), *DONE]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        client.set_debuglevel(2)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Thief())
            # What is frozen is not searched, which takes long after many tests.
            gc.freeze()
            try:
                assert list(client.retr_many([1, 2])) == pairs(1, 2)
            finally:
                gc.unfreeze()
        client.set_debuglevel(0)
        assert caplog.messages[-2:] == ["S: +OK shown 1", "S: +OK shown 2"]
        assert client.noop() == b"+OK done"
        client.close()


class Two:
    """Taken for the number, it gives the deleted messages back."""

    def __init__(self, reset):
        self.reset = reset

    def __hash__(self):
        return hash(2)

    def __eq__(self, other):
        self.reset()
        return False


def test_what_is_among_the_numbers_of_deleted_messages():
    steps = [*dele(3), C("RSET"), S("+OK"), *retr(1, 2, 3), *replies(1, 2, 3), *DONE]
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, count=3)
        client.dele(3)
        for found in gc.get_referents(client):
            if type(found) is set:
                found.add(Two(client.rset))
        del found
        assert [client.retr(number) for number in (1, 2, 3)] == tuples(1, 2, 3)
        assert client.noop() == b"+OK done"
        client.close()


# --- while the Reader is waited for ---------------------------------------------------------


class Held(socket.socket):
    """A thread that reads by hand stays inside, and sends signals, until one was handled."""

    handled = None

    def gettimeout(self):
        if threading.current_thread() is threading.main_thread():
            return super().gettimeout()
        self.inside.set()
        while not self.handled.wait(0.002):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        raise KeyError("left")


class ByHeld(ByMethods):
    sock_class = Held


@contextlib.contextmanager
def handling(monkeypatch, client, function):
    """A signal handler calls it while the command of the block waits for the Reader."""
    sock = client.sock
    sock.inside, sock.handled = threading.Event(), threading.Event()
    begun = []

    def handler(*details):
        if begun and not sock.handled.is_set():
            sock.handled.set()
            function()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        by_hand = Call(client.file.read1, 1)
        assert sock.inside.wait(5)
        with monkeypatch.context() as patch:
            # The last that is asked before; and no Python code that a signal could come in.
            patch.setattr(logging.getLogger("poplib_c"), "isEnabledFor", begun.append)
            yield
        assert isinstance(by_hand.end(), KeyError)
    finally:
        signal.signal(signal.SIGUSR1, before)


def with_four(server):
    """A client that has the first two messages of eight, holds the third, and waits for two."""
    client = logged_in(server, ByHeld, read_ahead=4)
    assert [client.retr(number) for number in (1, 2)] == tuples(1, 2)
    return client


FOUR = [*LOGIN, *retr(1, 2, 3, 4, 5), S("+OK", "1", ".", "+OK", "2", ".", "+OK", "3", ".")]


def test_what_is_held_is_dropped_meanwhile(monkeypatch):
    steps = [*retr(6, 7), *replies(4, 5, 6, 7), *retr(3), *replies(3), *DONE]
    with play(*FOUR, *steps) as server:
        client = with_four(server)
        with handling(monkeypatch, client, lambda: client.set_options(max_size=99)):
            assert client.retr(3) == tuples(3)[0]
        assert client.noop() == b"+OK done"
        client.close()


def test_a_message_that_is_asked_for_meanwhile(monkeypatch):
    """Its number would not be the next one, whatever is in front of it."""

    def use():
        with pytest.raises(RuntimeError, match="reentrant call inside"):
            client.retr(3)

    with play(*FOUR, *retr(6, 7), *replies(4, 5, 6, 7), *DONE) as server:
        client = with_four(server)
        with handling(monkeypatch, client, use):
            assert client.retr(3) == tuples(3)[0]
        assert client.retr(4) == tuples(4)[0]
        assert client.noop() == b"+OK done"
        client.close()


def test_the_session_ends_meanwhile(monkeypatch):
    def end():
        with pytest.raises(RuntimeError, match="reentrant call inside"):
            client.quit()

    with play(*FOUR) as server:
        client = with_four(server)
        with handling(monkeypatch, client, end), pytest.raises(ConnectionAbortedError):
            client.retr(3)
        assert client.sock is None


@pytest.mark.parametrize("call", [poplib_c.POP3.noop, lambda client: client.retr(9)])
def test_replies_that_are_left_to_come_meanwhile(monkeypatch, call):
    """None of them is the command's, which is not sent."""
    left = threading.Event()
    iterators = []

    def use():
        iterators.append(client.retr_many([1, 2]))
        assert next(iterators[0]) == pairs(1)[0]

    steps = [*retr(1, 2), *replies(1), Await(left), *replies(2), C("NOOP"), S("+OK done")]
    with play(S("+OK ready"), *steps) as server:
        client = ByHeld(server.host, server.port, 5, pipelining=True)
        with (
            handling(monkeypatch, client, use),
            pytest.raises(error_proto, match="an earlier command is still to come"),
        ):
            call(client)
        left.set()
        assert client.noop() == b"+OK done"
        assert list(iterators[0]) == pairs(2)
        client.close()
