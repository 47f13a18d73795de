"""Objects: what keeps them alive, what is freed, and objects that were never completed."""

import copy
import gc
import pickle
import poplib
import socket
import sys
import threading
import types
import weakref

import pytest
from scripted import Anything, Await, C, S, play

import _cpoplib
import poplib_c
from poplib_c import POP3

from .support import (
    FREE_THREADED,
    GREETING,
    TIMEOUT,
    any_order,
    connect,
    in_child,
    run_program,
    tcp_pair,
    warned,
)

Reader = _cpoplib.Reader


class Owned(socket.socket):
    """A socket that can refer to anything."""


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("way", ["attribute", "socket", "method", "file", "hook", "exception"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_cycles_are_collected(way, closed):
    here, there = tcp_pair(Owned)
    there.sendall(GREETING)
    client = connect(here)
    references = [weakref.ref(x) for x in (client, client.file, here)]
    if way == "attribute":
        client.itself = [client]
    elif way == "socket":
        here.owner = client
    elif way == "method":
        here.owner = client.noop
    elif way == "file":
        here.owner = client.file.readline
    elif way == "hook":
        client._getline = client._getline
    else:
        with pytest.raises(AttributeError) as client.error:
            client.nothing  # noqa: B018
    if closed:
        client.close()
    del client, here
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]
    assert there.recv(100) == b""
    there.close()


@pytest.mark.skipif(
    FREE_THREADED and sys.version_info < (3, 14),
    reason="CPython 3.13t never frees a class of a process that has started a thread",
)
def test_class_is_collected():
    class Own(POP3):
        pass

    Own.itself = Own.noop
    reference = weakref.ref(Own)
    del Own
    gc.collect()
    assert reference() is None


def test_weak_references_to_the_reader(wired):
    client, _ = wired()
    ended = []
    reference = weakref.ref(client.file, ended.append)
    assert reference() is client.file
    client.close()
    assert ended == [reference]
    assert reference() is None


def test_reader_that_outlives_the_client(wired):
    client, peer = wired()
    reader = client.file
    vars(client).clear()
    del client
    gc.collect()
    peer.sendall(b"+OK late\r\n")
    assert reader.readline() == b"+OK late\r\n"
    assert reader.fileno() >= 0
    reader.close()
    assert reader.closed


def test_method_that_outlives_the_client():
    with play(S("+OK ready"), C("NOOP"), S("+OK done")) as server:
        noop = POP3(server.host, server.port, TIMEOUT).noop
        gc.collect()
        assert noop() == b"+OK done"
        noop.__self__.close()


def left_open(module):
    with play(S("+OK ready")) as server:
        module.POP3(server.host, server.port, TIMEOUT)
        gc.collect()
        assert server.wait_eof()


def closed_socket_only(module):
    with play(S("+OK ready")) as server:
        module.POP3(server.host, server.port, TIMEOUT).sock.close()
        gc.collect()
        assert server.wait_eof()


def closed(module):
    with play(S("+OK ready")) as server:
        module.POP3(server.host, server.port, TIMEOUT).close()


@pytest.mark.parametrize("end", [left_open, closed_socket_only, closed])
def test_resource_warnings_are_those_of_poplib(end):
    expected = ["unclosed <socket.socket "] if end is left_open else []
    assert warned(lambda: end(poplib)) == expected
    assert warned(lambda: end(poplib_c)) == expected


METHODS = {
    "user": ("mrose",),
    "pass_": ("secret",),
    "rpop": ("mrose",),
    "apop": ("mrose", "tanstaaf"),
    "list": (1,),
    "uidl": (1,),
    "retr": (1,),
    "top": (1, 0),
    "dele": (1,),
    "_putline": (b"NOOP",),
    "_putcmd": ("NOOP",),
    "_shortcmd": ("NOOP",),
    "_longcmd": ("LIST",),
    "_create_socket": (5,),
}

NAMES = ["stat", "noop", "rset", "quit", "utf8", "capa", "close", "getwelcome"]
NAMES += ["_getline", "_getresp", "_getlongresp", "list", "uidl", *METHODS]


@pytest.mark.parametrize("name", NAMES)
def test_method_before_the_constructor(name):
    client = POP3.__new__(POP3)
    for _ in range(2):
        with pytest.raises(AttributeError):
            getattr(client, name)(*METHODS.get(name, ()))
    assert vars(client) == {}


@pytest.mark.parametrize("name", NAMES)
def test_method_of_something_else(name):
    for wrong in (object(), None, 5, poplib.POP3.__new__(poplib.POP3)):
        with pytest.raises(TypeError):
            getattr(POP3, name)(wrong, *METHODS.get(name, ()))


@pytest.mark.parametrize(
    "make",
    [
        lambda reader: Reader(),
        lambda reader: Reader(reader.file),
        lambda reader: Reader.__new__(Reader),
        lambda reader: object.__new__(Reader),
        lambda reader: type("Own", (Reader,), {}),
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
    ],
)
def test_readers_are_made_by_connections_alone(wired, make):
    client, peer = wired()
    with pytest.raises((TypeError, AttributeError)):
        make(client.file)
    client._putcmd("NOOP")
    peer.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_connections_do_not_pickle(wired, protocol):
    client, _ = wired()
    for thing in (client, client.file):
        with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
            pickle.dumps(thing, protocol)


@pytest.mark.parametrize("name", ["__class__", "__dict__"])
def test_class_and_dict_can_be_assigned(name):
    """They may be for any instance of a Python class; the connection goes on."""

    class Other(POP3):
        def noop(self):
            return b"other " + super().noop()

    with play(S("+OK ready"), C("NOOP"), S("+OK")) as server:
        client = type("Own", (POP3,), {})(server.host, server.port, TIMEOUT)
        if name == "__class__":
            client.__class__ = Other
            assert client.noop() == b"other +OK"
        else:
            client.__dict__ = dict(vars(client), extra=1)
            assert (client.extra, client.noop()) == (1, b"+OK")
        client.close()


def test_classes_of_several_bases():
    """A new instance finds its module by whatever way its class comes from POP3."""

    class Mixin:
        pass

    class First(POP3):
        pass

    class Both(First, poplib_c.POP3_SSL):
        pass

    class Last(Mixin, Both, metaclass=type("Meta", (type,), {})):
        __slots__ = ("extra",)

    for cls in (First, Both, Last):
        assert cls.__new__(cls).set_options() is None
    First.__bases__ = (poplib_c.POP3_SSL,)
    assert First.__new__(First).set_options() is None


EXIT = """
    import sys, threading, time
    import poplib_c

    cls, port, timeout = getattr(poplib_c, sys.argv[1]), int(sys.argv[2]), eval(sys.argv[3])
    calls = {
        "reading": lambda: client.retr(1),
        "sending": lambda: client._putline(2**26 * b"x"),
        "connecting": lambda: cls("127.0.0.1", int(sys.argv[5]), timeout=timeout),
    }
    client = cls("127.0.0.1", port, timeout=timeout)
    if sys.argv[4] == "connecting":
        client.close()  # The socket module may be gone when the client is freed.
    threads = [threading.Thread(target=calls[name], daemon=True) for name in sys.argv[4].split()]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    print(all(thread.is_alive() for thread in threads))
"""


@pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)
@pytest.mark.parametrize(
    "calls, timeout",
    [
        *[("reading", None), ("reading", 20), ("reading reading", None)],
        *[("sending", None), ("connecting", None)],
    ],
)
def test_exit_while_threads_are_blocked(link, calls, timeout):
    name, left = link.class_of(POP3).__name__, threading.Event()
    server = link.play(Await(left), Anything(), timeout=20)
    with server, socket.create_server(("127.0.0.1", 0)) as silent:
        arguments = (name, server.port, timeout, calls, silent.getsockname()[1])
        output, errors = run_program(EXIT, *arguments, timeout=20)
        left.set()
    assert output == "True\n"
    assert "Fatal" not in errors and "Traceback" not in errors


FINALIZED = """
    import sys
    import poplib_c

    class Last:
        def __init__(self, client):
            self.client = client

        def __del__(self):
            try:
                self.client.noop()
            except BaseException as error:
                print(type(error).__name__)
            else:
                print("done")

    client = poplib_c.POP3("127.0.0.1", int(sys.argv[1]), 5)
    if sys.argv[2] == "module":
        sys.last = Last(client)
        poplib_c.kept = client
    else:
        keep = Last(client)
        keep.itself = keep
"""


@pytest.mark.parametrize("where", ["module", "cycle"])
def test_use_while_the_interpreter_exits(where):
    """It works, or it raises."""
    with play(S("+OK ready"), C("NOOP"), S("+OK")) as server:
        output, _ = run_program(FINALIZED, server.port, where, timeout=10)
        assert output in ("done\n", "ImportError\n", "AttributeError\n", "TypeError\n", "")
        server.wait_eof()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork(wired):
    """The child uses the connection and lets its copy go; the parent's goes on."""
    client, peer = wired()

    def child():
        client._putcmd("CHILD")
        assert peer.recv(100) == b"CHILD\r\n"
        peer.sendall(b"+OK child\r\n")
        assert client._getresp() == b"+OK child"
        client.file.close()
        client.sock.close()

    assert in_child(child) == 0
    client._putcmd("PARENT")
    assert peer.recv(100) == b"PARENT\r\n"
    peer.sendall(b"+OK parent\r\n")
    assert client._getresp() == b"+OK parent"


COMMANDS_AT_EXIT = """
    import os, sys
    import poplib_c

    class Client(poplib_c.POP3):
        def __del__(self, write=os.write, modules=sys.modules):
            self.set_options(max_line=100, pipelining=False)
            results = self.stat(), self.capa(), self.quit(), len(modules)
            write(1, repr(results).encode())

    client = Client("127.0.0.1", int(sys.argv[1]), 5)
    client.cycle = client
"""


@any_order
def test_commands_while_the_interpreter_exits():
    """They work as with poplib, whose functions keep their module's globals."""
    stat, capa = (C("STAT"), S("+OK 2 320")), (C("CAPA"), S("+OK", "TOP", "."))
    with play(S("+OK ready"), *stat, *capa, C("QUIT"), S("+OK bye")) as server:
        output, errors = run_program(COMMANDS_AT_EXIT, server.port, timeout=10)
        assert server.wait_eof()
    assert (output, errors) == ("((2, 320), {'TOP': []}, b'+OK bye', 0)", "")


COMMAND_AFTER_THE_LAST_MODULE = """
    import os, socket, sys
    import poplib_c

    here, there = socket.socketpair()
    there.sendall(b"+OK ready\\r\\n+OK late\\r\\n")

    class Client(poplib_c.POP3):
        def _create_socket(self, timeout):
            return here

    class Last:
        def __init__(self):
            self.cycle = self
            self.client = Client("mail.example.org")
            self.write = os.write

        def __del__(self, Exception=Exception):
            try:
                self.client._getresp()
            except Exception:
                self.write(1, b"raised")

    sys.last = Last()
"""


def test_command_after_the_last_module():
    """It finds no module's globals, nor sys.modules, but the process ends as it should."""
    output, errors = run_program(COMMAND_AFTER_THE_LAST_MODULE, timeout=10)
    assert (output, errors) == ("raised", "")


IMPORTED_TWICE = """
    import socket, sys
    import poplib_c as old

    for name in list(sys.modules):
        if name.split(".")[0] in ("poplib_c", "_cpoplib"):
            del sys.modules[name]
    import poplib_c

    assert old.POP3 is not poplib_c.POP3
    client = old.POP3("127.0.0.1", int(sys.argv[1]), 5)
    for call in client.stat, client.stls, lambda: client.apop("alice", "secret"):
        try:
            call()
        except old.error_proto as error:
            print(error)
    client.quit()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        try:
            old.POP3_SSL(*silent.getsockname(), timeout=0.1)
        except OSError:
            print("timed out")
"""


def test_package_that_was_imported_twice():
    """The classes of the first import go on with their own exception and attributes."""
    asked = [C("STAT"), S("+OK 1"), C("CAPA"), S("+OK", "."), C("QUIT"), S("+OK bye")]
    with play(S("+OK ready"), *asked) as server:
        output, errors = run_program(IMPORTED_TWICE, server.port, timeout=10)
    assert output.splitlines() == [
        "Invalid STAT response format",
        "-ERR STLS not supported by server",
        "-ERR APOP not supported by server",
        "timed out",
    ]
    assert errors == ""


def test_package_that_was_replaced(monkeypatch, wired):
    """What sys.modules has now is what counts, and what it had last if it has none."""
    client, peer = wired()
    other = types.ModuleType("poplib_c")
    other._MAXLINE = 10
    monkeypatch.setitem(sys.modules, "poplib_c", other)
    for step in ("other", "none"):
        if step == "none":
            monkeypatch.delitem(sys.modules, "poplib_c")
        client._putcmd("NOOP")
        peer.sendall(b"+OK 5678\r\n")
        assert client._getresp() == b"+OK 5678"
    client._putcmd("NOOP")
    peer.sendall(b"+OK 56789\r\n")
    with pytest.raises(poplib_c.error_proto, match="line too long"):
        client._getresp()


SECOND_COPY = """
    import gc, importlib.util, socket
    import _cpoplib
    import poplib_c

    def load():
        spec = importlib.util.spec_from_file_location("_cpoplib", _cpoplib.__file__)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    gc.disable()
    for _ in range(2):
        module = load()
        here, there = socket.socketpair()
        there.sendall(b"+OK ready\\r\\n+OK late\\r\\n")

        class Client(module.POP3):
            def _create_socket(self, timeout):
                return here

        client = Client("mail.example.org")
        file = client.file
        client.cycle = [client, module, Client]
        del client, module, Client
        gc.collect()
        print(file.readline())
        file.close()
        here.close(), there.close()
        del file
        gc.collect()
"""


def test_reader_whose_module_is_collected():
    output, errors = run_program(SECOND_COPY)
    assert (output, errors) == (2 * "b'+OK late\\r\\n'\n", "")
