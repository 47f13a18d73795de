"""TLSSocket as an object: its attributes, and what keeps it alive"""

import gc
import weakref

import pytest

from poplib_c import TLSSocket
from poplib_c._tls_socket import complete

from .support import warned
from .tls import KINDS, greeted, kinds, settle, tls_pair, tls_socket


def test_attributes_of_its_own(pair):
    here, _ = pair
    here.note = "mine"
    assert here.note == "mine"
    assert vars(here)["note"] == "mine"
    del here.note
    assert not hasattr(here, "note")


@pytest.mark.parametrize("name", ["recv_into", "sendall"])
def test_methods_set_on_the_instance(server_context, name):
    """The connection uses them, and its own again when they are gone."""
    calls = []

    def method(*arguments):
        calls.append(name)
        return original(*arguments)

    def noop():
        client._putcmd("NOOP")
        assert there.recv(100) == b"NOOP\r\n"
        there.sendall(b"+OK done\r\n")
        return client._getresp()

    with greeted(server_context) as (client, there):
        original = getattr(client.sock, name)
        assert noop() == b"+OK done"
        setattr(client.sock, name, method)
        assert noop() == b"+OK done"
        assert calls == [name]
        delattr(client.sock, name)
        assert noop() == b"+OK done"
        assert calls == [name]


def test_a_type_that_was_completed_in_part():
    """The next call adds the rest, after an exception or meanwhile, in another thread."""

    class Interrupted(type):
        left = 0

        def __setattr__(cls, name, value):
            if not Interrupted.left:
                raise KeyboardInterrupt
            Interrupted.left -= 1
            super().__setattr__(name, value)

    def new(left):
        Interrupted.left = left
        return Interrupted("Own", (), {})

    whole = new(1000)
    complete(whole)
    assert {"makefile", "close", "sendto", "dup"} < set(vars(whole))
    for left in range(1000 - Interrupted.left):
        part = new(left)
        with pytest.raises(KeyboardInterrupt):
            complete(part)
        Interrupted.left = 1000
        complete(part)
        assert set(vars(part)) == set(vars(whole))


def test_instances_are_made_by_connections_alone(ours):
    here, _ = ours
    for make in (
        TLSSocket,
        lambda: TLSSocket(here),
        lambda: TLSSocket.__new__(TLSSocket),
        lambda: object.__new__(TLSSocket),
        lambda: type("Own", (TLSSocket,), {}),
    ):
        with pytest.raises(TypeError):
            make()


@kinds
def test_dropped_without_close(server_context, kind):
    here, there = tls_pair(KINDS[kind], server_context)
    settle(here, there)
    reference = weakref.ref(here)
    boxes = [here]
    del here
    assert [text[:8] for text in warned(boxes.clear)] == ["unclosed"]
    assert reference() is None
    assert there.recv(100) == b""
    there.close()


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("way", ["attribute", "method", "file", "exception"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_cycles_are_collected(server_context, way, closed):
    here, there = tls_pair(tls_socket, server_context)
    settle(here, there)
    reference = weakref.ref(here)
    if way == "attribute":
        here.itself = [here]
    elif way == "method":
        here.recv = here.recv
    elif way == "file":
        here.file = here.makefile("rb")
    else:
        with pytest.raises(AttributeError) as here.error:
            here.nothing  # noqa: B018
    if closed:
        here.close()
    del here
    gc.collect()
    assert reference() is None
    assert there.recv(100) == b""
    there.close()


def test_reader_keeps_the_session(server_context):
    with greeted(server_context) as (client, there):
        reader, reference = client.file, weakref.ref(client.sock)
        vars(client).clear()
        gc.collect()
        assert reference() is not None
        there.sendall(b"+OK late\r\n")
        assert reader.readline() == b"+OK late\r\n"
        reference().close()
        reader.close()
        del reader
        gc.collect()
        assert reference() is None
        assert there.recv(100) == b""


def test_file_keeps_the_session(server_context):
    here, there = tls_pair(tls_socket, server_context)
    reference = weakref.ref(here)
    with there, here.makefile("rb") as file:
        here.close()
        del here
        gc.collect()
        there.sendall(b"x\n")
        assert file.readline() == b"x\n"
        assert reference().fileno() >= 0
    assert reference() is None
