"""Sockets that are not the socket module's own, and methods put in their place."""

import socket

import pytest

from poplib_c import POP3

from .support import OwnSocket, connect, tcp_pair


class Counting(OwnSocket):
    def __init__(self):
        super().__init__()
        self.calls = []

    def recv_into(self, *arguments):
        self.calls.append("recv_into")
        return super().recv_into(*arguments)

    def sendall(self, data):
        self.calls.append(bytes(data))
        super().sendall(data)


def test_own_methods_are_called(wired):
    client, peer = wired(sock_class=Counting)
    client._putcmd("NOOP")
    peer.sendall(b"+OK\r\n")
    assert client._getresp() == b"+OK"
    assert client.sock.calls[0] == "recv_into"
    assert b"NOOP\r\n" in client.sock.calls


def test_a_method_patched_on_the_class(wired, monkeypatch):
    client, peer = wired()
    sent = []
    monkeypatch.setattr(socket.socket, "sendall", lambda self, data: sent.append(bytes(data)))
    client._putcmd("NOOP")
    assert sent == [b"NOOP\r\n"]
    monkeypatch.undo()
    client._putcmd("STAT")
    assert peer.recv(100) == b"STAT\r\n"


def test_a_method_patched_on_the_instance(wired):
    client, peer = wired(sock_class=Plain)
    sent = []
    client.sock.sendall = lambda data: sent.append(bytes(data))
    client._putcmd("NOOP")
    del client.sock.sendall
    client._putcmd("STAT")
    assert sent == [b"NOOP\r\n"]
    assert peer.recv(100) == b"STAT\r\n"


class Plain(socket.socket):
    """A subclass, so its instances have a dict."""


class Lying(Plain):
    answer = None

    def recv_into(self, buffer, *_):
        if self.answer is None:
            return super().recv_into(buffer)
        return self.answer(buffer)


@pytest.mark.parametrize(
    "answer, error",
    [
        (lambda buffer: len(buffer) + 1, OSError),
        (lambda buffer: -1, OSError),
        (lambda buffer: None, TypeError),
        (lambda buffer: "5", TypeError),
        (lambda buffer: 1 / 0, ZeroDivisionError),
    ],
)
def test_nonsense_from_recv_into(wired, answer, error):
    client, _peer = wired(sock_class=Lying)
    client.sock.answer = answer
    with pytest.raises(error):
        client._getresp()


def test_a_buffer_that_is_kept(wired):
    """A method may keep what it is given: writing to it later harms nothing."""
    kept = []

    def keep(buffer):
        kept.append(buffer)
        buffer[:5] = b"+OK\r\n"
        return 5

    client, _peer = wired(sock_class=Lying)
    client.sock.answer = keep
    assert client._getresp() == b"+OK"
    client.close()
    del client
    for buffer in kept:
        buffer[:] = b"x" * len(buffer)


@pytest.mark.parametrize("number", [-1, "5", None])
def test_nonsense_from_fileno(number):
    class Odd(Plain):
        def fileno(self):
            return number if odd else super().fileno()

    odd = False
    sock, peer = tcp_pair(Odd)
    with peer, sock:
        peer.sendall(b"+OK\r\n")
        client = connect(sock, POP3)
        odd = True
        with pytest.raises((OSError, TypeError)):
            client.noop()
        odd = False
        client.close()
