"""The subclasses of docs/howto-proxies.rst, with PySocks and a small SOCKS5 server."""

import contextlib
import socket
import ssl
import threading

import pytest
import socks
from manual import blocks_of_code

import poplib_c
from poplib_c import error_proto
from poplib_c.testing import POP3Server

SUBCLASSES, REPLACEMENT, *_ = blocks_of_code("howto-proxies.rst")
NAME = "mail.example.org"
MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"


class Proxy:
    """SOCKS5 (RFC 1928) in a thread: one connection to a name, which goes to *address* instead."""

    def __init__(self, address):
        self._address = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.asked = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):  # shutdown(), where nobody came
            client = self._listener.accept()[0]
            with client, client.makefile("rb") as file:
                client.settimeout(30)
                self._greet(client, file)
                with socket.create_connection(self._address, 30) as server:
                    self._relay(client, server)

    def _greet(self, client, file):
        version, methods = file.read(2)
        file.read(methods)
        client.sendall(b"\x05\x00")
        version, command, _, kind, length = file.read(5)
        name = file.read(length).decode()
        self.asked.append((version, command, kind, name, int.from_bytes(file.read(2), "big")))
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))

    def _relay(self, client, server):
        back = threading.Thread(target=self._copy, args=(server, client))
        back.start()
        self._copy(client, server)
        back.join()

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def names():
    """What the page's first block defines."""
    names = {}
    exec(SUBCLASSES, names)
    return names


@pytest.fixture
def start(names):
    """start(**options): a server behind the proxy that ViaProxy uses."""
    with contextlib.ExitStack() as stack:

        def start(**options):
            server = stack.enter_context(POP3Server([MESSAGE], users={"alice": "a"}, **options))
            proxy = stack.enter_context(Proxy(server.address))
            names["ViaProxy"].proxy = proxy.address
            return proxy

        yield start


@pytest.fixture
def context(ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(NAME).configure_cert(context)
    return context


def fetch(client):
    client.login("alice", "a")
    assert list(client.retr_many([1, 1])) == [(1, MESSAGE)] * 2
    assert client.retr(1)[1] == MESSAGE.splitlines()


def test_plain(names, start):
    proxy = start()
    with names["ViaProxy"](NAME) as client:
        assert isinstance(client.sock, socks.socksocket)
        fetch(client)
    assert proxy.asked == [(5, 1, 3, NAME, 110)]


def test_no_readable_password_through_a_proxy_on_this_machine(names, start):
    start()
    client = names["ViaProxy"](NAME, timeout=30)
    with pytest.raises(error_proto, match="allow_insecure"):
        client.login("alice", "a", mechanisms=["PLAIN", "USER"])
    client.close()


def test_stls(names, start, context, authority):
    start(stls=context)
    with names["ViaProxy"](NAME, timeout=30) as client:
        client.stls(verify=authority.ca_file)
        assert isinstance(client.sock, poplib_c.TLSSocket)
        fetch(client)


def test_pop3s(names, start, context, authority):
    proxy = start(tls=context)
    with names["ViaProxySSL"](NAME, timeout=30, verify=authority.ca_file) as client:
        assert isinstance(client.sock, ssl.SSLSocket)
        fetch(client)
    assert proxy.asked == [(5, 1, 3, NAME, 995)]


def test_pop3s_is_verified(names, start, server_context, authority):
    start(tls=server_context)
    with pytest.raises(ssl.SSLCertVerificationError):
        names["ViaProxySSL"](NAME, timeout=30, verify=authority.ca_file)


def test_replaced_on_the_class(names, start, context, authority, monkeypatch):
    proxy = start(tls=context)
    monkeypatch.setattr(poplib_c.POP3, "_create_socket", poplib_c.POP3._create_socket)
    monkeypatch.setattr(poplib_c.POP3, "proxy", None, raising=False)
    try:
        exec(REPLACEMENT, names)
    finally:
        poplib_c.uninstall()
    poplib_c.POP3.proxy = proxy.address
    with poplib_c.POP3_SSL(NAME, timeout=30, verify=authority.ca_file) as client:
        assert isinstance(client.sock, poplib_c.TLSSocket)
        fetch(client)
    assert proxy.asked == [(5, 1, 3, NAME, 995)]


def test_no_proxy(names):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        names["ViaProxy"].proxy = listener.getsockname()
    with pytest.raises(socks.ProxyConnectionError):
        names["ViaProxy"](NAME, timeout=30)
