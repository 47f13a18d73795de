"""login_oauth2(): by which mechanism, in which form, and with which token."""

import base64
import contextlib
import errno
import socket

import pytest
from scripted import C, Close, S
from secret import SECRET, places_of_secret

from poplib_c import POP3, POP3_SSL, error_proto, sasl
from poplib_c.testing import POP3Server

from .auth import Remote, b64, capa, outlives, talk
from .support import TIMEOUT, ByMethods

TOKEN = "token"
ERROR = "+ " + b64(b'{"status":"401","schemes":"bearer"}')
SAYS = {"status": "401", "schemes": "bearer"}


def message(token=TOKEN):
    return b64(b"user=alice\1auth=Bearer " + token.encode() + b"\1\1")


def one_line(token=TOKEN):
    return C(f"AUTH XOAUTH2 {message(token)}")


def two_lines(token=TOKEN):
    return C("AUTH XOAUTH2"), S("+ "), C(message(token))


XOAUTH2 = capa("SASL PLAIN XOAUTH2")


class Bearer:
    """The client has to say OAUTHBEARER."""

    said = b""

    def play(self, peer):
        verb, name, message = peer.read_line(self).split()
        assert (verb, name) == (b"AUTH", b"OAUTHBEARER")
        Bearer.said = base64.b64decode(message)


def talk_to(server, cls=POP3):
    return contextlib.closing(cls(*server.address, timeout=TIMEOUT))


class Tokens:
    """A callable that gives the next token each time."""

    def __init__(self, *tokens):
        self.left = list(tokens)

    def __call__(self):
        return self.left.pop(0)


def login(client, token=TOKEN, **options):
    return client.login_oauth2("alice", token, **options)


@pytest.mark.row("The login methods")
def test_a_token_in_one_line():
    with talk(*XOAUTH2, one_line(), S("+OK in")) as client:
        assert login(client) == b"+OK in"


def test_oauthbearer_is_preferred():
    with POP3Server([], tokens={"alice": TOKEN}) as server:
        for mechanisms, used in ((None, b"OAUTHBEARER"), (["xoauth2", "OAUTHBEARER"], b"XOAUTH2")):
            with talk_to(server) as client:
                login(client, mechanisms=mechanisms)
            assert [line for line in server.commands if line.startswith(b"AUTH")][-1].split()[
                1
            ] == used


def test_it_says_where_it_has_connected_to():
    with talk(*capa("SASL OAUTHBEARER"), Bearer(), S("+OK in")) as client:
        login(client)
    assert f"host=127.0.0.1\1port={client.port}\1auth=Bearer token\1\1".encode() in Bearer.said


def test_without_capabilities():
    with talk(C("CAPA"), S("-ERR"), one_line(), S("+OK in")) as client:
        assert login(client) == b"+OK in"


@pytest.mark.parametrize("order", [["OAUTHBEARER", "XOAUTH2"], ["OAUTHBEARER"]])
def test_without_capabilities_the_first_of_mechanisms_is_tried(order):
    with talk(C("CAPA"), S("-ERR"), Bearer(), S("+OK in")) as client:
        assert login(client, mechanisms=order) == b"+OK in"


def test_a_long_token_takes_two_lines():
    token = 200 * "t"
    with talk(*XOAUTH2, *two_lines(token), S("+OK in")) as client:
        assert login(client, token) == b"+OK in"


@pytest.mark.parametrize("refusal", ["-ERR", "-ERR Protocol error 10"])
def test_a_server_that_wants_two_lines(refusal):
    with talk(*XOAUTH2, one_line(), S(refusal), *two_lines(), S("+OK in")) as client:
        assert login(client) == b"+OK in"


@pytest.mark.parametrize("end", [S("+OK in"), S("-ERR no"), Close()])
def test_the_first_refusal_does_not_keep_the_client(end):
    assert not outlives(login, *XOAUTH2, one_line(), S("-ERR"), *two_lines(), end)


def test_a_server_that_wants_two_lines_and_closes():
    """As the test server does, and Microsoft 365."""
    with POP3Server([], tokens={"alice": TOKEN}, two_step=True) as server:
        with talk_to(server) as client, pytest.raises(error_proto) as caught:
            login(client)
        assert caught.value.response is not None
        with talk_to(server) as client:
            server.tokens["alice"] = 300 * "t"
            assert login(client, 300 * "t")[:3] == b"+OK"


@pytest.mark.parametrize("cls", [POP3, POP3_SSL])
def test_no_second_token_for_a_server_that_wants_two_lines_and_closes(
    monkeypatch, server_context, cls
):
    monkeypatch.setattr("poplib_c._peer._is_local", lambda sock: True)
    tokens = Tokens("short", "never")
    tls = server_context if cls is POP3_SSL else None
    with (
        POP3Server([], tokens={"alice": TOKEN}, two_step=True, tls=tls) as server,
        talk_to(server, cls) as client,
        pytest.raises(error_proto) as caught,
    ):
        login(client, tokens)
    assert (caught.value.response is not None, caught.value.__cause__) == (True, None)
    assert tokens.left == ["never"]


@pytest.mark.parametrize("tokens", [["old", "new"], [200 * "t", 200 * "u"]])
def test_a_server_that_closes_after_its_refusal(tokens):
    """The second token can't be sent: the refusal of the first one is raised."""
    token = tokens[0]
    form = [one_line(token)] if len(token) < 200 else [*two_lines(token)]
    refused = [*form, S(ERROR), C(""), S("-ERR [AUTH] no"), Close()]
    with (
        talk(*XOAUTH2, *refused, in_step=False) as client,
        pytest.raises(error_proto) as caught,
    ):
        login(client, Tokens(*tokens))
    assert caught.value.args == (b"-ERR [AUTH] no",)
    assert caught.value.__cause__.args == (SAYS,)


class Failing(socket.socket):
    """A socket whose network fails when the token is to be sent in its own line."""

    def sendall(self, data, *flags):
        if bytes(data) == b"AUTH XOAUTH2\r\n":
            raise OSError(errno.ENETUNREACH, "network is unreachable")
        return super().sendall(data, *flags)


class OverFailing(ByMethods):
    sock_class = Failing


def test_a_network_that_fails_after_the_first_form():
    """The failure is raised: the server has not closed the connection with its refusal."""
    with (
        talk(*XOAUTH2, one_line(), S("-ERR"), cls=OverFailing, in_step=False) as client,
        pytest.raises(OSError) as caught,
    ):
        login(client)
    assert caught.value.errno == errno.ENETUNREACH


def test_a_long_token_that_is_refused_is_not_sent_again():
    token = 200 * "t"
    with talk(*XOAUTH2, *two_lines(token), S("-ERR no")) as client, pytest.raises(error_proto):
        login(client, token)


@pytest.mark.row("The login methods")
@pytest.mark.parametrize("form", [lambda: [one_line()], lambda: [*two_lines(200 * "t")]])
def test_what_the_server_says_of_a_bad_token(form):
    steps = form()
    token = TOKEN if len(steps) == 1 else 200 * "t"
    steps += [S(ERROR), C(""), S("-ERR [AUTH] no")]
    with talk(*XOAUTH2, *steps) as client, pytest.raises(error_proto) as caught:
        login(client, token)
    assert caught.value.args == (b"-ERR [AUTH] no",)
    assert isinstance(caught.value.__cause__, sasl.OAuthError)
    assert caught.value.__cause__.args == (SAYS,)


@pytest.mark.row("The login methods")
@pytest.mark.parametrize("refusal", [[S("-ERR [AUTH] expired")], [S(ERROR), C(""), S("-ERR no")]])
def test_another_token_is_asked_for_once(refusal):
    tokens = Tokens("old", "new", "never")
    with talk(*XOAUTH2, one_line("old"), *refusal, one_line("new"), S("+OK in")) as client:
        assert login(client, tokens) == b"+OK in"
    assert tokens.left == ["never"]


def test_but_not_twice():
    tokens = Tokens("old", "new", "never")
    refused = S("-ERR [AUTH] expired")
    with (
        talk(*XOAUTH2, one_line("old"), refused, one_line("new"), refused) as client,
        pytest.raises(error_proto, match="expired"),
    ):
        login(client, tokens)
    assert tokens.left == ["never"]


@pytest.mark.parametrize("code", ["IN-USE", "SYS/TEMP", "SYS/PERM", "LOGIN-DELAY"])
def test_nor_for_what_is_not_about_the_token(code):
    tokens = Tokens("one", "never")
    with (
        talk(*XOAUTH2, one_line("one"), S(f"-ERR [{code}] no")) as client,
        pytest.raises(error_proto) as caught,
    ):
        login(client, tokens)
    assert (caught.value.code, tokens.left) == (code, ["never"])


def test_nor_for_a_connection_that_ends():
    tokens = Tokens("one", "never")
    with (
        talk(*XOAUTH2, one_line("one"), in_step=False) as client,
        pytest.raises((error_proto, OSError)),
    ):
        login(client, lambda: (client.sock.shutdown(socket.SHUT_RD), tokens())[1])
    assert tokens.left == ["never"]


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt()])
def test_a_callable_that_raises(error):
    def raises():
        raise error

    with talk(*XOAUTH2) as client, pytest.raises(type(error)) as caught:
        login(client, raises)
    assert caught.value is error


@pytest.mark.parametrize(
    "token, error", [(7, TypeError), ("a\r\nb", ValueError), (None, TypeError)]
)
def test_what_is_no_token(token, error):
    for given in (token, lambda: token):
        with talk(*XOAUTH2) as client, pytest.raises(error):
            login(client, given)


def test_a_token_that_has_to_be_awaited():
    """And no coroutine warns that nobody has awaited it."""

    async def token():
        raise AssertionError("this must not run")

    with talk(*XOAUTH2) as client, pytest.raises(TypeError, match="must be str, not coroutine"):
        login(client, token)


def test_the_token_is_not_shown_elsewhere():
    tokens = Tokens()
    would_show = pytest.raises(
        error_proto, match="and OAUTHBEARER or XOAUTH2 would show the token"
    )
    with talk(*XOAUTH2, cls=Remote) as client, would_show:
        login(client, tokens)
    with talk(*XOAUTH2, one_line(), S("+OK in"), cls=Remote) as client:
        assert login(client, allow_insecure=True) == b"+OK in"


def test_over_tls(monkeypatch, server_context):
    from poplib_c import _peer

    monkeypatch.setattr(_peer, "_is_local", lambda sock: False)
    with (
        POP3Server([], tokens={"alice": TOKEN}, tls=server_context) as server,
        talk_to(server, POP3_SSL) as client,
    ):
        assert login(client)[:3] == b"+OK"


@pytest.mark.parametrize(
    "mechanisms, text",
    [
        (None, "the server lists PLAIN; looked for OAUTHBEARER, XOAUTH2"),
        (["OAUTHBEARER"], "the server lists PLAIN; looked for OAUTHBEARER"),
    ],
)
def test_a_server_without_them(mechanisms, text):
    with talk(*capa("SASL PLAIN")) as client, pytest.raises(error_proto, match=f"{text}$"):
        login(client, mechanisms=mechanisms)


@pytest.mark.parametrize("mechanisms, error", [(["PLAIN"], ValueError), ("XOAUTH2", TypeError)])
def test_wrong_mechanisms(mechanisms, error):
    with talk() as client, pytest.raises(error):
        login(client, mechanisms=mechanisms)


@pytest.mark.parametrize(
    "token", [SECRET, lambda: SECRET, SECRET + "\n", lambda: SECRET + "\ud800"]
)
def test_no_token_is_in_an_exception(token):
    refused = [one_line(SECRET), S(ERROR), C(""), S("-ERR [AUTH] no")]
    given = token() if callable(token) else token
    steps = refused * (2 if callable(token) else 1) if given == SECRET else []
    with talk(*XOAUTH2, *steps) as client, pytest.raises((error_proto, ValueError)) as caught:
        login(client, token)
    assert places_of_secret(caught.value) == []
