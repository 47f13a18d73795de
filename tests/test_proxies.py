"""The manual's subclasses that connect in their own way: with PySocks, or to another address."""

import contextlib
import socket
import ssl

import pytest
import socks
from manual import blocks_of_code
from proxying import Socks

import poplib_c
from poplib_c import error_proto
from poplib_c.testing import POP3Server

SUBCLASSES, REPLACEMENT, *_ = blocks_of_code("howto-proxies.rst")
(AT_ADDRESS,) = (block for block in blocks_of_code("tls.rst") if "class AtAddress" in block)
NAME = "mail.example.org"
MESSAGE = b"Subject: hello\r\n\r\nworld\r\n"


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
            proxy = stack.enter_context(Socks(server.address))
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


def test_another_address(context, authority):
    names = {}
    exec(AT_ADDRESS, names)
    with POP3Server([MESSAGE], users={"alice": "a"}, tls=context) as server:
        names["AtAddress"].address, port = server.address
        trust = {"timeout": 30, "verify": authority.ca_file}
        with names["AtAddress"](NAME, port, **trust) as client:
            fetch(client)
        with pytest.raises(ssl.SSLCertVerificationError):
            names["AtAddress"]("other.example.org", port, **trust)


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
