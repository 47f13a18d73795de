"""Commands in the midst of those that were sent ahead of their replies."""

import pytest
from scripted import play

import poplib_c

from .ahead import DONE, OF_THREE, logged_in, pairs, replies, retr, tuples
from .support import run_program


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
