"""Sockets that are no plain ones: methods of their own, proxies, and what they may do wrong."""

import errno
import functools
import io
import os
import socket

import pytest
from scripted import C, S, play

from poplib_c import Reader, error_proto

from .support import GREETING, SHORT, TIMEOUT, Call, OwnSocket, Script, connect, tcp_pair


def reply(client, peer, text=b"+OK done\r\n"):
    """NOOP and its reply, by hand."""
    client._putcmd("NOOP")
    assert peer.recv(100) == b"NOOP\r\n"
    peer.sendall(text)
    return client._getresp()


class Counting(socket.socket):
    """Counts the calls of its methods."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.calls = []

    def recv_into(self, *arguments):
        self.calls.append("recv_into")
        return super().recv_into(*arguments)

    def sendall(self, data):
        self.calls.append("sendall")
        return super().sendall(data)


def test_methods_of_a_subclass(wired):
    client, peer = wired(sock_class=Counting)
    assert reply(client, peer) == b"+OK done"
    assert client.sock.calls == ["recv_into", "sendall", "recv_into"]


@pytest.mark.parametrize("name", ["recv_into", "sendall"])
def test_one_method_of_a_subclass(wired, name):
    calls = []

    def method(self, *arguments):
        calls.append(name)
        return getattr(socket.socket, name)(self, *arguments)

    client, peer = wired(sock_class=type("Half", (socket.socket,), {name: method}))
    assert reply(client, peer) == b"+OK done"
    assert set(calls) == {name}


@pytest.mark.parametrize("name", ["recv_into", "sendall"])
def test_method_of_an_instance(wired, name):
    """Set on a socket that has a __dict__, in the middle of a session, and taken away again."""
    cls = type("Open", (socket.socket,), {})
    client, peer = wired(sock_class=cls)
    calls = []

    def method(*arguments):
        calls.append(name)
        return getattr(cls, name)(client.sock, *arguments)

    assert reply(client, peer) == b"+OK done"
    setattr(client.sock, name, method)
    assert reply(client, peer) == b"+OK done"
    assert calls == [name]
    delattr(client.sock, name)
    assert reply(client, peer) == b"+OK done"
    assert calls == [name]


@pytest.mark.parametrize("name", ["recv_into", "sendall"])
def test_method_patched_on_the_class_of_all_sockets(wired, monkeypatch, name):
    client, peer = wired()
    calls = []
    original = getattr(socket.socket, name)

    def method(self, *arguments):
        if self is client.sock:
            calls.append(name)
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, name, method)
        assert reply(client, peer) == b"+OK done"
    assert calls == [name]
    assert reply(client, peer) == b"+OK done"
    assert calls == [name]


@pytest.mark.parametrize("hook", ["__getattribute__", "__getattr__"])
def test_socket_that_looks_attributes_up_for_itself(wired, hook):
    calls = []

    def look(self, name):
        calls.append(name)
        if hook == "__getattr__":
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    client, peer = wired(sock_class=type("Looking", (socket.socket,), {hook: look}))
    assert reply(client, peer) == b"+OK done"
    assert hook == "__getattr__" or {"recv_into", "sendall"} <= set(calls)


class Stream(io.RawIOBase):
    """Reads from a socket, and swaps case."""

    def __init__(self, sock):
        self.sock = sock

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self.sock.recv(len(buffer)).swapcase()
        buffer[: len(data)] = data
        return len(data)


class Proxy:
    """Something like a socket, as the SOCKS and TLS libraries have it."""

    def __init__(self, sock):
        self.inner = sock

    def makefile(self, mode):
        return io.BufferedReader(Stream(self.inner))

    def sendall(self, data):
        self.inner.sendall(data.swapcase())

    def shutdown(self, how):
        self.inner.shutdown(how)

    def close(self):
        self.inner.close()


def test_proxy_with_a_file_of_its_own():
    with play(S("+ok READY"), C("retr 1"), S("+ok", "A", ".."), S("."), C("noop"), S("+ok")) as s:
        client = connect(Proxy(socket.create_connection((s.host, s.port), TIMEOUT)))
        assert type(client.file) is io.BufferedReader
        assert client.welcome == b"+OK ready"
        assert client.retr(1) == (b"+OK", [b"a", b"."], 6)
        assert client.noop() == b"+OK"
        client.close()
        assert s.wait_eof()


@pytest.mark.parametrize("place", ["socket.socket", "subclass", "instance"])
def test_makefile_that_is_overridden(monkeypatch, place):
    """It is called as poplib calls it; a Reader may take the place of what it returns."""
    original, modes = socket.socket.makefile, []
    monkeypatch.setitem(globals(), "SocketIO", socket.SocketIO)  # as gevent's module has it

    def makefile(self, mode):
        modes.append(mode)
        return original(self, mode)

    class Subclass(socket.socket):
        pass

    here, there = tcp_pair(Subclass)
    if place == "instance":
        here.makefile = functools.partial(makefile, here)
    else:
        cls = Subclass if place == "subclass" else socket.socket
        monkeypatch.setattr(cls, "makefile", makefile, raising=False)
    with there:
        there.sendall(GREETING)
        client = connect(here)
        assert modes == ["rb"]
        assert type(client.file) is Reader
        client.close()


def test_file_of_another_socket(wired):
    """makefile() may read from anywhere: its file is what is read."""
    other, other_peer = socket.socketpair()

    class Crossed(socket.socket):
        def makefile(self, mode):
            return other.makefile(mode)

    with other, other_peer:
        other_peer.sendall(b"+OK other\r\n")
        client, peer = wired(sock_class=Crossed)
        assert type(client.file) is io.BufferedReader
        assert client.welcome == b"+OK other"
        client._putcmd("NOOP")
        assert peer.recv(100) == b"NOOP\r\n"
        other_peer.sendall(b"+OK crossed\r\n")
        assert client._getresp() == b"+OK crossed"


@pytest.mark.parametrize(
    "result, error",
    [
        (lambda buffer: len(buffer) + 1, OSError),
        (lambda buffer: -1, OSError),
        (lambda buffer: -(2**62), OSError),
        (lambda buffer: 2**100, OverflowError),
        (lambda buffer: None, TypeError),
        (lambda buffer: "1", TypeError),
        (lambda buffer: b"+OK\r\n", TypeError),
        (lambda buffer: 1.0, TypeError),
    ],
)
def test_recv_into_that_returns_nonsense(wired, result, error):
    client, _ = wired(sock_class=Script)
    client.sock.replace = result
    with pytest.raises(error):
        client.noop()
    with pytest.raises(error_proto, match="out of step"):
        client.noop()


@pytest.mark.parametrize(
    "error, after",
    [
        (ConnectionResetError(errno.ECONNRESET, "reset"), (error_proto, OSError)),
        (OSError(errno.EIO, "broken"), error_proto),
        (LookupError("no"), error_proto),
        (KeyboardInterrupt(), error_proto),
        (MemoryError(), error_proto),
        (socket.timeout("timed out"), OSError),
    ],
)
def test_recv_into_that_raises(wired, error, after):
    client, _ = wired(sock_class=Script)

    def replace(buffer):
        raise error

    client.sock.replace = replace
    with pytest.raises(type(error)) as caught:
        client.noop()
    assert caught.value is error
    with pytest.raises(after):
        client.noop()
    client.close()


def test_recv_into_that_says_the_end(wired):
    client, _ = wired(sock_class=Script)
    client.sock.replace = lambda buffer: 0
    with pytest.raises(error_proto) as caught:
        client.noop()
    assert caught.value.args == ("-ERR EOF",)


def test_recv_into_that_keeps_its_buffer(wired):
    """It writes there later, and changes nothing that was received."""
    client, peer = wired(sock_class=Script)
    kept = []

    def keep(buffer):
        scribble()
        kept.append(buffer)
        return socket.socket.recv_into(client.sock, buffer)

    def scribble():
        for buffer in kept:
            buffer[:] = b"!" * len(buffer)

    client.sock.replace = keep
    client._putcmd("RETR 1")
    lines = [b"%d" % number for number in range(50000)]
    sending = Call(peer.sendall, b"+OK\r\n" + b"\r\n".join(lines) + b"\r\n.\r\n")
    reply = client._getlongresp()
    assert sending.end() is None
    client.close()
    scribble()
    assert reply == (b"+OK", lines, sum(map(len, lines)) + 2 * len(lines))
    assert len(kept) > 2


def test_recv_into_that_releases_its_buffer(wired):
    client, peer = wired(sock_class=Script)

    def release(buffer):
        count = socket.socket.recv_into(client.sock, buffer)
        buffer.release()
        return count

    client.sock.replace = release
    assert reply(client, peer) == b"+OK done"


@pytest.mark.parametrize("name", ["noop", "list", "_getline", "_getresp"])
def test_recv_into_that_uses_the_connection(wired, name):
    client, _ = wired(sock_class=Script)
    client.sock.replace = lambda buffer: getattr(client, name)()
    with pytest.raises(RuntimeError, match="reentrant call inside"):
        client.noop()
    with pytest.raises(error_proto, match="out of step"):
        client.noop()


def test_recv_into_that_closes_the_connection(wired):
    client, _ = wired(sock_class=Script)

    def replace(buffer):
        client.close()
        buffer[:5] = b"+OK\r\n"
        return 5

    client.sock.replace = replace
    sock = client.sock
    assert client.noop() == b"+OK"
    assert client.sock is client.file is None
    assert sock.fileno() == -1
    with pytest.raises(AttributeError, match="closed"):
        client.noop()


def test_recv_into_that_drops_the_connection(wired):
    """The last reference goes while it is in use."""
    client, peer = wired(sock_class=Script)
    sock = client.sock
    peer.sendall(b"+OK\r\n")
    holder = [client]

    def replace(buffer):
        holder.clear()
        return socket.socket.recv_into(sock, buffer)

    sock.replace = replace
    file = client.file
    read = [file.readline]
    del client, file
    assert read.pop()() == b"+OK\r\n"


def test_sendall_that_raises(wired):
    """How much it has sent is not known."""

    class Failing(socket.socket):
        def sendall(self, data):
            if data == b"DELE 1\r\n":
                self.send(data[:3])
                raise LookupError("no")
            super().sendall(data)

    client, peer = wired(sock_class=Failing)
    with pytest.raises(LookupError):
        client.dele(1)
    with pytest.raises(error_proto, match="a command was sent in part"):
        client.noop()
    assert peer.recv(100) == b"DEL"


def test_sendall_gets_octets_that_stay_as_they_are(wired):
    class Keeping(socket.socket):
        kept = ()

        def sendall(self, data):
            self.kept = (*self.kept, data)
            super().sendall(data)

    client, _ = wired(sock_class=Keeping)
    client._putcmd("A")
    client._putcmd("B")
    assert client.sock.kept == (b"A\r\n", b"B\r\n")
    assert {type(data) for data in client.sock.kept} == {bytes}


@pytest.mark.parametrize(
    "result, error",
    [
        (lambda self: -1, OSError),
        (lambda self: "3", TypeError),
        (lambda self: None, TypeError),
        (lambda self: 2**40, OverflowError),
        (lambda self: 1 / 0, ZeroDivisionError),
    ],
)
def test_fileno_that_is_none(wired, result, error):
    client, peer = wired(sock_class=type("Odd", (socket.socket,), {}))
    type(client.sock).fileno = result
    for command in (client.noop, client.list, client.file.readline):
        with pytest.raises(error) as caught:
            command()
        if error is OSError:
            assert caught.value.errno == errno.EBADF
    del type(client.sock).fileno
    assert reply(client, peer) == b"+OK done"


def test_fileno_of_no_socket(wired):
    client, _ = wired(sock_class=type("Odd", (socket.socket,), {}))
    with open(os.devnull) as file:
        type(client.sock).fileno = lambda self: file.fileno()
        with pytest.raises(OSError) as caught:
            client.noop()
    assert caught.value.errno == errno.ENOTSOCK


@pytest.mark.parametrize(
    "result, error",
    [
        (lambda self: "soon", TypeError),
        (lambda self: [], TypeError),
        (lambda self: 1 / 0, ZeroDivisionError),
        (lambda self: 10**400, OverflowError),
    ],
)
def test_gettimeout_that_is_nonsense(wired, result, error):
    client, peer = wired(sock_class=type("Odd", (socket.socket,), {}))
    type(client.sock).gettimeout = result
    with pytest.raises(error):
        client.noop()
    del type(client.sock).gettimeout
    assert reply(client, peer) == b"+OK done"


@pytest.mark.parametrize("timeout", [-1, 0, float("nan"), SHORT, SHORT / 1000, False])
def test_gettimeout_that_is_odd(wired, timeout):
    """It never waits longer than it was told to."""
    client, _ = wired(sock_class=type("Odd", (socket.socket,), {}))
    type(client.sock).gettimeout = lambda self: timeout
    with pytest.raises((BlockingIOError, socket.timeout)):
        client.noop()


def test_detached_socket(wired):
    client, peer = wired()
    descriptor = client.sock.detach()
    try:
        for command in (client.noop, client.file.readline):
            with pytest.raises(OSError) as caught:
                command()
            assert caught.value.errno == errno.EBADF
        with pytest.raises(OSError):
            client.close()
        assert client.sock is client.file is None
        os.write(descriptor, b"mine")
        assert peer.recv(100) == b"mine"
    finally:
        os.close(descriptor)


def test_socket_replaced_by_one_of_its_kind(wired):
    """A duplicate is not what the file reads from: it is written to by its own methods."""
    client, peer = wired()
    first = client.sock
    with Counting(fileno=os.dup(first.fileno())) as duplicate:
        duplicate.settimeout(TIMEOUT)
        client.sock = duplicate
        assert reply(client, peer) == b"+OK done"
        assert duplicate.calls == ["sendall"]
        client.sock = first
        assert reply(client, peer) == b"+OK done"
        assert duplicate.calls == ["sendall"]


@pytest.mark.parametrize("sock_class", [socket.socket, OwnSocket])
def test_both_replaced(wired, sock_class):
    """A session goes on over another connection, as behind a handshake of the user's."""
    client, peer = wired(sock_class=sock_class)
    second, second_peer = wired(sock_class=sock_class)
    old = client.sock, client.file
    client.sock, client.file = second.sock, second.file
    assert reply(client, second_peer) == b"+OK done"
    client.sock, client.file = old
    assert reply(client, peer) == b"+OK done"
