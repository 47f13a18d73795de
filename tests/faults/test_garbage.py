"""The garbage collector: cycles through what a program hands over, resurrection, __del__()."""

import gc
import poplib
import weakref

import pytest
from scripted import C, S, StartTLS, play

import poplib_c
from poplib_c import POP3, sasl

from .auth import PLAIN, SECRET
from .support import TIMEOUT, any_order, warned

TWO = (C("RETR 1"), S("+OK", "a", "."), C("RETR 2"), S("+OK", "b", "."))


def iterator(client):
    """One that has begun, and holds a message of a window."""
    client.set_options(pipelining=True)
    client.kept = client.retr_many([1, 2])
    assert next(client.kept) == (1, b"a\r\n")


def numbers_of_an_iterator(client):
    """They refer to the connection, which refers to the iterator."""

    def numbers():
        yield 1
        yield len(vars(client))

    client.kept = client.retr_many(numbers(), window=1)
    assert next(client.kept) == (1, b"a\r\n")


def authobject(client):
    """The mechanism knows the connection that it was used on."""
    mechanism = sasl.Plain("alice", SECRET)
    mechanism.client = client
    client.kept = mechanism
    client.auth(mechanism)


def refused_authobject(client):
    """The exception's traceback has the frames of both."""

    def respond(challenge):
        raise LookupError(client)

    with pytest.raises(LookupError) as client.kept:
        client.auth("PLAIN", respond)


def hook(client):
    """A method of its own on the instance."""
    client._getline = lambda: POP3._getline(client)
    client.retr(1)


WAYS = {
    iterator: TWO,
    numbers_of_an_iterator: TWO[:2],
    authobject: (C(PLAIN), S("+OK")),
    refused_authobject: (C("AUTH PLAIN"), S("+ "), C("*"), S("-ERR")),
    hook: TWO[:2],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_cycles(way):
    """No name refers to the connection any more: it goes, and its socket with it."""
    with play(S("+OK ready"), *WAYS[way]) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        way(client)
        references = [weakref.ref(client), weakref.ref(client.file)]
        del client
        gc.collect()
        assert [reference() for reference in references] == [None, None]
        assert server.wait_eof()


@pytest.mark.parametrize("in_cycle", [False, True])
@pytest.mark.parametrize("module", [poplib, poplib_c])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_resurrection(module, in_cycle):
    """As poplib: the connection goes on, unless its socket, garbage with it, has closed itself."""
    risen = []

    class Phoenix(module.POP3):
        def __del__(self):
            risen.append(self)

    steps = (C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *([] if in_cycle else steps)) as server:
        client = Phoenix(server.host, server.port, TIMEOUT)
        client.itself = client if in_cycle else None
        del client
        gc.collect()
        client = risen.pop()
        if in_cycle:
            with pytest.raises(OSError, match="Bad file descriptor"):
                client.noop()
        else:
            assert client.noop() == b"+OK done"
        reference = weakref.ref(client)
        del client
        gc.collect()
        assert reference() is None and risen == []
        assert server.wait_eof()


@pytest.mark.parametrize("in_cycle", [False, pytest.param(True, marks=any_order)])
def test_quit_in_the_destructor(in_cycle):
    """The connection is whole when __del__() runs."""
    said = []

    class Polite(POP3):
        def __del__(self):
            said.append(self.quit())

    def drop():
        client = Polite(server.host, server.port, TIMEOUT)
        client.itself = client if in_cycle else None

    with play(S("+OK ready"), C("QUIT"), S("+OK bye")) as server:
        assert warned(drop) == []
    assert said == [b"+OK bye"]


@pytest.mark.parametrize("link", ["tls", "stls"])
@pytest.mark.parametrize("closed", [False, True])
def test_resource_warnings_over_tls(server_context, link, closed):
    """One for a connection that was not closed, as with poplib."""

    def session(module):
        first = [StartTLS(server_context)]
        capa = (C("CAPA"), S("+OK", "STLS", "."))
        steps = [*first, S("+OK ready")]
        if link == "stls":
            steps = [S("+OK ready"), *capa, C("STLS"), S("+OK"), *first]
        with play(*steps) as server:
            if link == "tls":
                client = module.POP3_SSL(server.host, server.port, timeout=TIMEOUT)
            else:
                client = module.POP3(server.host, server.port, TIMEOUT)
                client.stls()
            if closed:
                client.close()
            del client
            gc.collect()
            assert server.wait_eof()

    counts = [len(warned(lambda: session(module))) for module in (poplib, poplib_c)]  # noqa: B023
    assert counts == [not closed, not closed]
