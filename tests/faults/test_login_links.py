"""login() shows the password over TLS and to this machine alone."""

import socket

import pytest
from scripted import C, S
from secret import SECRET

from poplib_c import POP3_SSL, error_proto
from poplib_c.testing import POP3Server

from .auth import PLAIN, Elsewhere, Remote, capa, login, talk, used
from .support import TIMEOUT, ByMethods


@pytest.mark.row("The login methods")
@pytest.mark.parametrize(
    "peer",
    [("192.0.2.1", 110), ("2001:db8::1", 110, 0, 0), ("::ffff:192.0.2.1", 110, 0, 0), ("", 0), (),
     ("mail.example.org", 110), (None, 1), "/a/path", b"", 7, ("127.0.0.1.example.org", 110)],
)  # fmt: skip
def test_the_password_is_not_shown_elsewhere(monkeypatch, peer):
    monkeypatch.setattr(Elsewhere, "peer", peer)
    with talk(*capa("SASL PLAIN LOGIN", "USER"), cls=Remote) as client:
        with pytest.raises(
            error_proto,
            match=r"not encrypted, and PLAIN, LOGIN, USER would show the password: use .*stls",
        ) as caught:
            login(client)
        assert isinstance(caught.value.args[0], str)


@pytest.mark.parametrize(
    "peer",
    [("127.0.0.1", 1), ("127.9.9.9", 1), ("::1", 1, 0, 0), ("::ffff:127.0.0.1", 1, 0, 0),
     ("::1%lo", 1, 0, 1)],
)  # fmt: skip
def test_this_machine_may_see_it(monkeypatch, peer):
    monkeypatch.setattr(Elsewhere, "peer", peer)
    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in"), cls=Remote) as client:
        assert login(client) == b"+OK in"


def test_whoever_allows_it():
    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in"), cls=Remote) as client:
        assert login(client, allow_insecure=True) == b"+OK in"


def test_a_proxy_here_is_not_a_server_here(monkeypatch):
    monkeypatch.setattr(Elsewhere, "peer", ("127.0.0.1", 1080))
    with talk(*capa("USER"), cls=Remote) as client:
        client.sock.proxy_peername = ("mail.example.org", 110)
        with pytest.raises(error_proto, match="not encrypted"):
            login(client)


def test_a_peer_that_is_gone():
    class Gone(Elsewhere):
        def getpeername(self):
            raise OSError("not connected")

    class ToGone(ByMethods):
        sock_class = Gone

    with (
        talk(*capa("USER"), cls=ToGone) as client,
        pytest.raises(error_proto, match="not encrypted"),
    ):
        login(client)


def test_a_unix_socket_is_here():
    class Local(Elsewhere):
        peer = ""
        family = socket.AF_UNIX

    class ByPath(ByMethods):
        sock_class = Local

    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in"), cls=ByPath) as client:
        assert login(client) == b"+OK in"


def test_what_does_not_show_it_may_be_used_elsewhere():
    with POP3Server([], users={"alice": SECRET}, mechanisms=["PLAIN", "CRAM-MD5"]) as server:
        client = Remote(*server.address, timeout=TIMEOUT)
        login(client)
        client.quit()
        assert used(server) == "CRAM-MD5"


@pytest.mark.parametrize("by_context", [False, True])
def test_tls_may_show_it(monkeypatch, server_context, client_context, by_context):
    from poplib_c import _peer

    monkeypatch.setattr(_peer, "_is_local", lambda sock: False)
    options = {"context": client_context} if by_context else {}
    with POP3Server(
        [], users={"alice": SECRET}, mechanisms=["PLAIN"], tls=server_context
    ) as server:
        client = POP3_SSL(*server.address, timeout=TIMEOUT, **options)
        login(client, mechanisms=["PLAIN"])
        client.quit()
