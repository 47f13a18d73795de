"""What a connection shows of itself: repr() and session_state."""

import re
import socket
import threading

import pytest
from scripted import Await, C, Close, S, play

from poplib_c import POP3, POP3_SSL, error_proto
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, WAYS, Call, greeted

LOGINS = {
    "pass_": lambda client: (client.user("alice"), client.pass_("secret")),
    "apop": lambda client: client.apop("alice", "secret"),
    "auth": lambda client: client.auth("PLAIN", initial_response="\0alice\0secret"),
    "auth in two lines": lambda client: client.auth("PLAIN", lambda _: "\0alice\0secret"),
    "by hand": lambda client: (client.user("alice"), client._shortcmd("PASS secret")),
}


def shown(client):
    """What repr() says after the address; session_state is the last of it."""
    facts = re.fullmatch(r"<[\w.]+ 127\.0\.0\.1:\d+, (.*)>", repr(client))[1]
    assert facts.split(", ")[-1] == client.session_state
    return facts


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("login", LOGINS)
def test_states(way, login):
    with POP3Server(users={"alice": "secret"}) as server:
        client = way(*server.address, timeout=TIMEOUT)
        client.capa()
        assert shown(client) == "no TLS, authorization"
        with pytest.raises(error_proto):
            client._shortcmd("PASS guess")
        assert client.session_state == "authorization"
        LOGINS[login](client)
        assert shown(client) == "no TLS, transaction"
        client.quit()
        assert shown(client) == "closed"
        client.__init__(*server.address, timeout=TIMEOUT)
        assert client.session_state == "authorization"
        client.close()


@pytest.mark.parametrize("way", WAYS)
def test_states_out_of_use(way):
    done = threading.Event()
    for state, step, exception in (
        ("ended", Close(), error_proto),
        ("out of step", S("+OK" + 3000 * "x"), error_proto),
        ("timed out", Await(done), OSError),
    ):
        with play(S("+OK ready"), C("NOOP"), step) as server:
            client = greeted(server, way)
            client.sock.settimeout(SHORT if state == "timed out" else TIMEOUT)
            with pytest.raises(exception):
                client.noop()
            assert shown(client) == f"no TLS, {state}"
            client.close()
            done.set()


@pytest.mark.parametrize("own", [True, False])
def test_over_tls(server_context, client_context, own):
    with POP3Server(tls=server_context) as server:
        context = None if own else client_context
        client = POP3_SSL(*server.address, timeout=TIMEOUT, context=context)
        assert shown(client) == f"{client.sock.version()}, authorization"
        client.close()


def test_address():
    client = POP3.__new__(POP3)
    assert repr(client) == "<poplib_c.POP3 closed>"
    for host, port, expected in (
        ("mail.example.org", 110, "mail.example.org:110"),
        ("::1", "pop3", "[::1]:pop3"),
        ("evil\x1b[2J\n", 110, r"'evil\x1b[2J\n':110"),
        (b"host", None, "b'host':None"),
        (socket, 110, "<module>:110"),
    ):
        client.host, client.port = host, port
        assert repr(client) == f"<poplib_c.POP3 {expected}, closed>"


def test_nothing_foreign_is_called():
    class Untouchable:
        def __getattribute__(self, name):
            raise AssertionError(name)

    class Guarded(POP3):
        host = port = sock = file = property(lambda self: 1 / 0)

    client = Guarded.__new__(Guarded)
    vars(client).update(host="h", port=1, sock=Untouchable(), file=Untouchable())
    name = f"{__name__}.{Guarded.__qualname__}"
    assert repr(client) == f"<{name} h:1, authorization>"


def test_attributes_that_raise():
    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            raise ValueError

    client = POP3.__new__(POP3)
    client.__dict__ = {Key("file"): None}
    assert repr(client) == object.__repr__(client)


def test_while_another_thread_waits():
    go = threading.Event()
    with play(S("+OK ready"), C("NOOP"), Await(go), S("+OK")) as server:
        client = greeted(server)
        call = Call(client.noop)
        assert call.is_blocked()
        assert shown(client) == "no TLS, authorization"
        go.set()
        assert call.end() == b"+OK"
        client.close()


def test_a_subclass_may_have_the_name():
    class Own(POP3):
        def _create_socket(self, timeout):
            self.session_state = 7
            return super()._create_socket(timeout)

    with play(S("+OK ready")) as server:
        client = greeted(server, Own)
        assert client.session_state == 7
        assert repr(client).endswith(", no TLS, authorization>")
        client.close()
