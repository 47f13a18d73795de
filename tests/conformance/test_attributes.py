"""Instances and classes: plain attributes, subclasses, replaced sockets and files."""

import gc
import io
import re
import select
import socket
import weakref
from unittest import mock

import pytest
from links import through
from scripted import C, Raw, S, play

NAMES = ["host", "port", "_tls_established", "sock", "file", "_debugging", "welcome"]


@pytest.mark.row("Attributes")
def test_attributes_of_an_instance(pop):
    with play(S("+OK ready")) as server:
        client = pop.POP3(server.host, server.port, 5)
        assert list(vars(client)) == NAMES
        assert vars(client)["host"] == server.host
        assert vars(client)["port"] == server.port
        assert vars(client)["_tls_established"] is False
        assert type(vars(client)["sock"]) is socket.socket
        assert type(vars(client)["_debugging"]) is int
        assert vars(client)["welcome"] == b"+OK ready"
        client.close()


@pytest.mark.row("Attributes")
@pytest.mark.parametrize("name", [*NAMES, "anything", "encoding", "timestamp"])
def test_attributes_can_be_set_and_deleted(offline, name):
    client = offline()
    marker = object()
    setattr(client, name, marker)
    assert getattr(client, name) is vars(client)[name] is marker
    delattr(client, name)
    assert name not in vars(client)


@pytest.mark.differs("own_repr")
def test_repr(pop, ours, offline):
    expected = "<poplib_c.POP3 authorization>" if ours else f"<{pop.__name__}.POP3 object at "
    assert repr(offline()).startswith(expected)


def test_welcome_is_what_getwelcome_returns(offline):
    client = offline()
    client.welcome = marker = object()
    assert client.getwelcome() is marker
    del client.welcome
    with pytest.raises(AttributeError):
        client.getwelcome()


def test_defaults_of_the_class(pop):
    assert pop.POP3.encoding == "UTF-8"
    assert pop.POP3.timestamp.match(b"+OK POP3 <1896.697170952@dbc.mtview.ca.us>")
    assert isinstance(pop.POP3.timestamp, re.Pattern)
    assert pop.POP3.__name__ == pop.POP3.__qualname__ == "POP3"
    assert pop.POP3.__module__ == pop.__name__
    assert pop.POP3.__doc__


@pytest.mark.row("Class attributes", "Patched classes")
def test_classes_are_mutable(pop, offline, monkeypatch):
    monkeypatch.setattr(pop.POP3, "stat", lambda self: "patched")
    monkeypatch.setattr(pop.POP3, "added", property(lambda self: "added"), raising=False)
    monkeypatch.setattr(pop.POP3, "encoding", "latin-1")
    client = offline(b"+OK\r\n")
    assert (client.stat(), client.added) == ("patched", "added")
    client.user("J\xfcrgen")
    assert client.sock.sent == [b"USER J\xfcrgen\r\n"]


@pytest.mark.row("Patched classes")
def test_init_replaced_on_the_class(pop, offline, monkeypatch):
    def init(self, account):
        self.account = account

    monkeypatch.setattr(pop.POP3, "__init__", init)
    assert pop.POP3("alice").account == "alice"
    with pytest.raises(TypeError):
        pop.POP3("mail.example.org", 110)


@pytest.mark.row("Class attributes")
@pytest.mark.parametrize("where", ["subclass", "instance"])
def test_encoding_overridden(pop, offline, where):
    cls = pop.POP3
    if where == "subclass":
        cls = type("Latin", (pop.POP3,), {"encoding": "latin-1"})
    client = offline(b"+OK\r\n+OK\r\n", cls)
    if where == "instance":
        client.encoding = "latin-1"
    client.user("J\xfcrgen")
    client.pass_("\xa3")
    assert client.sock.sent == [b"USER J\xfcrgen\r\n", b"PASS \xa3\r\n"]
    with pytest.raises(UnicodeEncodeError):
        client.pass_("\u20ac")


def test_unknown_encoding(offline):
    client = offline()
    client.encoding = "no-such-codec"
    with pytest.raises(LookupError):
        client.noop()
    assert client.sock.sent == []


def test_weak_references(talk):
    with talk() as client:
        reference = weakref.ref(client)
        assert reference() is client
    del client
    gc.collect()
    assert reference() is None


def test_collected_in_a_cycle(offline):
    client = offline()
    client.itself = client
    client.command = client._shortcmd
    reference = weakref.ref(client)
    del client
    gc.collect()
    assert reference() is None


@pytest.mark.row("Defaults in a subclass")
def test_class_attributes_as_defaults(pop):
    class Lazy(pop.POP3):
        sock = None
        file = None

        def __init__(self):
            pass

    client = Lazy()
    assert client.close() is None
    assert client.sock is client.file is None


def test_an_instance_that_was_never_initialised(pop):
    client = pop.POP3.__new__(pop.POP3)
    assert vars(client) == {}
    for name in ("noop", "list", "getwelcome", "_getline", "close", "quit"):
        with pytest.raises(AttributeError):
            getattr(client, name)()


def test_new_ignores_arguments_as_it_does_for_subclasses(pop):
    class Factory(pop.POP3):
        def __new__(cls, *arguments, **keywords):
            return super().__new__(cls)

        def __init__(self, account, *, folder):
            self.account, self.folder = account, folder

    client = Factory("alice", folder="inbox")
    assert (client.account, client.folder) == ("alice", "inbox")


def test_made_by_hand_over_a_mock(pop):
    sock = mock.Mock(spec=["makefile", "sendall"])
    sock.makefile.return_value = io.BytesIO(b"+OK 2 320\r\n+OK\r\n1 120\r\n.\r\n")
    client = pop.POP3.__new__(pop.POP3)
    client.sock = sock
    client.file = sock.makefile("rb")
    client._debugging = 0
    assert client.stat() == (2, 320)
    assert client.list() == (b"+OK", [b"1 120"], 7)
    assert sock.sendall.mock_calls == [mock.call(b"STAT\r\n"), mock.call(b"LIST\r\n")]


@pytest.mark.row("Own _create_socket")
def test_a_mock_from_create_socket(pop):
    sock = mock.Mock(spec=["makefile", "sendall"])
    sock.makefile.return_value = io.BytesIO(b"+OK ready\r\n+OK 2 320\r\n")

    class Mocked(pop.POP3):
        def _create_socket(self, timeout):
            return sock

    client = Mocked("mail.example.org")
    assert client.welcome == b"+OK ready"
    assert client.stat() == (2, 320)
    assert client.sock is sock
    assert client.file is sock.makefile.return_value
    assert sock.makefile.mock_calls == [mock.call("rb")]


@pytest.mark.row("Own __init__")
def test_init_that_never_calls_the_original(pop):
    class Own(pop.POP3):
        def __init__(self, address):
            self.sock = socket.create_connection(address, 5)
            self.file = self.sock.makefile("rb")
            self._debugging = 0
            self.welcome = self._getresp()

    with play(S("+OK ready"), C("LIST"), S("+OK", "1 120", "."), C("QUIT"), S("+OK")) as server:
        client = Own((server.host, server.port))
        assert list(vars(client)) == ["sock", "file", "_debugging", "welcome"]
        assert client.list() == (b"+OK", [b"1 120"], 7)
        assert client.quit() == b"+OK"


def test_properties_for_sock_and_file(pop, talk):
    class Guarded(pop.POP3):
        @property
        def sock(self):
            return self.kept["sock"]

        @sock.setter
        def sock(self, sock):
            self.kept = {"sock": sock}

        @property
        def file(self):
            return self.kept["file"]

        @file.setter
        def file(self, file):
            self.kept["file"] = file

    with talk(C("RETR 1"), S("+OK", "a", "."), cls=Guarded) as client:
        assert "sock" not in vars(client) and "file" not in vars(client)
        assert client.retr(1) == (b"+OK", [b"a"], 3)


def test_getattr_hooks_of_a_subclass(pop, offline):
    class Lazy(pop.POP3):
        def __getattr__(self, name):
            if name == "_debugging":
                return 0
            raise AttributeError(name)

    client = offline(b"+OK\r\n", Lazy)
    del client._debugging
    assert client.noop() == b"+OK"


@pytest.mark.row("Mixins and diamonds")
def test_mixin_before_the_class(pop, offline):
    class Counting:
        def _shortcmd(self, line):
            self.commands = [*getattr(self, "commands", ()), line]
            return super()._shortcmd(line)

    class Counted(Counting, pop.POP3):
        pass

    client = offline(b"+OK\r\n+OK 0 0\r\n", Counted)
    client.noop()
    client.stat()
    assert client.commands == ["NOOP", "STAT"]


@pytest.mark.row("Mixins and diamonds")
def test_diamond(pop, offline):
    class Left(pop.POP3):
        def noop(self):
            return b"left " + super().noop()

    class Right(pop.POP3):
        def noop(self):
            return b"right " + super().noop()

    class Both(Left, Right):
        pass

    assert offline(b"+OK\r\n", Both).noop() == b"left right +OK"


def test_slots_in_a_subclass(pop, offline):
    class Slotted(pop.POP3):
        __slots__ = ("folder",)

    client = offline(b"+OK\r\n", Slotted)
    client.folder = "inbox"
    client.other = 1
    assert "folder" not in vars(client)
    assert client.noop() == b"+OK"


def test_own_names_are_free_for_subclasses(pop, talk):
    """Names that mean something to one implementation alone are not looked up."""

    class Busy(pop.POP3):
        max_line = "sixty"
        max_size = deadline = pipelining = read_ahead = lock = reader = None

    with talk(C("RETR 1"), S("+OK", "a", "."), cls=Busy) as client:
        assert client.retr(1) == (b"+OK", [b"a"], 3)


@pytest.mark.row("With statement")
def test_with_statement_of_a_subclass(pop):
    class Closing(pop.POP3):
        def __enter__(self):
            return self

        def __exit__(self, *details):
            self.close()

    with play(S("+OK ready")) as server:
        with Closing(server.host, server.port, 5) as client:
            assert client.getwelcome() == b"+OK ready"
        assert client.sock is None
        assert server.wait_eof()


@pytest.mark.row("The socket")
def test_sock_is_the_socket(talk):
    steps = (C("NOOP"), S("+OK"))
    with talk(*steps) as client:
        assert client.sock.getpeername() == (client.host, client.port)
        assert client.sock.gettimeout() == 5
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client._putcmd("NOOP")
        assert select.select([client.sock], [], [], 5)[0] == [client.sock]
        assert client._getresp() == b"+OK"
        assert select.select([client.sock], [], [], 0)[0] == []


@pytest.mark.row("Replaced in mid-session")
def test_sock_and_file_replaced(talk):
    with talk(C("NOOP"), S("+OK one")) as client:
        assert client.noop() == b"+OK one"
        with play(S("+OK other"), C("RETR 1"), S("+OK two", "a", ".")) as other:
            client.file.close()
            client.sock.close()
            client.sock = socket.create_connection((other.host, other.port), 5)
            client.file = client.sock.makefile("rb")
            assert client._getresp() == b"+OK other"
            assert client.retr(1) == (b"+OK two", [b"a"], 3)
            client.close()


@pytest.mark.row("Replaced in mid-session")
def test_file_wrapped(talk):
    class Wrapper:
        def __init__(self, file):
            self.file = file
            self.limits = []

        def readline(self, limit):
            self.limits.append(limit)
            return self.file.readline(limit)

        def close(self):
            self.file.close()

    steps = (C("NOOP"), S("+OK"), C("RETR 1"), S("+OK", "a", "..b", "."), C("NOOP"), S("+OK"))
    with talk(*steps) as client:
        client.noop()
        client.file = wrapper = Wrapper(client.file)
        assert client.retr(1) == (b"+OK", [b"a", b".b"], 7)
        assert len(wrapper.limits) == 4
        assert wrapper.limits[0] == 2049
        client.file = wrapper.file
        assert client.noop() == b"+OK"
        assert len(wrapper.limits) == 4


@pytest.mark.row("Replaced in mid-session")
def test_sock_wrapped(talk):
    class Wrapper:
        def __init__(self, sock):
            self._sock = sock
            self.sent = []

        def sendall(self, data):
            self.sent.append(data)
            self._sock.sendall(data)

        def __getattr__(self, name):
            return getattr(self._sock, name)

    with talk(C("USER alice"), S("+OK"), C("LIST"), S("+OK", ".")) as client:
        client.sock = Wrapper(client.sock)
        client.user("alice")
        client.list()
        assert client.sock.sent == [b"USER alice\r\n", b"LIST\r\n"]


class CountingSocket(socket.socket):
    """A socket whose methods are its own, as those of green threads are."""

    received = 0

    def recv_into(self, *arguments):
        count = super().recv_into(*arguments)
        self.received += count
        return count

    def sendall(self, data):
        self.sent = [*getattr(self, "sent", ()), bytes(data)]
        super().sendall(data)


@pytest.mark.row("Own _create_socket")
@through("plain")
def test_socket_with_methods_of_its_own(pop, talk):
    class Counted(pop.POP3):
        def _create_socket(self, timeout):
            sock = CountingSocket()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    with talk(C("RETR 1"), S("+OK", "a", "."), cls=Counted) as client:
        assert client.retr(1) == (b"+OK", [b"a"], 3)
        assert client.sock.sent == [b"RETR 1\r\n"]
        assert client.sock.received == len(b"+OK ready\r\n+OK\r\na\r\n.\r\n")


def test_one_end_of_a_socket_pair(pop):
    here, there = socket.socketpair()

    class Paired(pop.POP3):
        def _create_socket(self, timeout):
            here.settimeout(5)
            return here

    with there:
        there.sendall(b"+OK ready\r\n")
        client = Paired("mail.example.org")
        assert client.welcome == b"+OK ready"
        client._putcmd("STAT")
        assert there.recv(64) == b"STAT\r\n"
        there.sendall(b"+OK 2 320\r\n")
        assert client._getresp() == b"+OK 2 320"
        client.close()


def test_makefile_of_another_kind(pop):
    """A file without a buffer, for one."""

    class Unbuffered(socket.socket):
        def makefile(self, mode):
            return super().makefile(mode, buffering=0)

    class Proxied(pop.POP3):
        def _create_socket(self, timeout):
            sock = Unbuffered()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\na\r\n.\r\n")) as server:
        client = Proxied(server.host, server.port, 5)
        assert isinstance(client.file, io.RawIOBase)
        assert client.retr(1) == (b"+OK", [b"a"], 3)
        client.close()
