"""What is said in auth(), login() and login_oauth2() is shown to nobody but the server."""

import base64
import io
import logging
import sys

import pytest
from scripted import C, S, play
from secret import SECRET, places_of_secret

from poplib_c import POP3, error_proto
from poplib_c.testing import POP3Server

from .auth import b64, talk
from .support import TIMEOUT, WAYS, ByLines, audited_lines

EXCHANGE = [
    C(f"AUTH X-TEST {b64(b'first ' + SECRET.encode())}"),
    S("+ " + b64(b"challenge")),
    C(b64(SECRET.encode())),
    S("+ "),
    C(""),
    S("+OK in"),
]

LEVEL_1 = """\
*cmd* 'AUTH X-TEST ***'
*cmd* '***'
*cmd* ''
"""

LEVEL_2 = r"""
*cmd* 'AUTH X-TEST ***'
*put* b'AUTH X-TEST ***'
*get* b'+ ***\r\n'
*resp* b'+ ***'
*cmd* '***'
*put* b'***'
*get* b'+ \r\n'
*resp* b'+ '
*cmd* ''
*put* b''
*get* b'+OK in\r\n'
*resp* b'+OK in'
"""[1:]


def authenticate(client):
    answers = {b"challenge": SECRET, b"": b""}
    return client.auth("X-TEST", answers.__getitem__, "first " + SECRET)


@pytest.mark.row("The auth method")
@pytest.mark.parametrize("cls", WAYS)
@pytest.mark.parametrize("level, printed", [(1, LEVEL_1), (2, LEVEL_2)])
def test_debug_output(capsys, cls, level, printed):
    with talk(*EXCHANGE, cls=cls) as client:
        client.set_debuglevel(level)
        authenticate(client)
        client.set_debuglevel(0)
    assert capsys.readouterr().out == printed


def test_what_is_printed_of_a_cancelled_exchange(capsys):
    with talk(C("AUTH X"), S("+ "), C("*"), S("-ERR no")) as client:
        client.set_debuglevel(1)
        with pytest.raises(error_proto):
            client.auth("X", lambda challenge: None)
        client.set_debuglevel(0)
    assert capsys.readouterr().out == "*cmd* 'AUTH X'\n*cmd* '*'\n"


def test_by_hand_it_is_printed_as_ever(capsys):
    with talk(C("AUTH PLAIN c2VjcmV0"), S("+OK")) as client:
        client.set_debuglevel(1)
        client._shortcmd("AUTH PLAIN c2VjcmV0")
        client.set_debuglevel(0)
    assert capsys.readouterr().out == "*cmd* 'AUTH PLAIN c2VjcmV0'\n"


@pytest.mark.parametrize("cls", WAYS)
def test_the_log(caplog, cls):
    caplog.set_level(logging.DEBUG, "poplib_c")
    with talk(*EXCHANGE, cls=cls) as client:
        authenticate(client)
    assert caplog.messages[1:-2] == [
        *("C: AUTH X-TEST ***", "S: + ***"),
        *("C: ***", "S: + "),
        *("C: ", "S: +OK in"),
    ]


def test_an_exchange_that_is_logged_from_its_middle_on(caplog):
    def answer(challenge):
        caplog.set_level(logging.DEBUG, "poplib_c")
        return SECRET

    with talk(C("AUTH X"), S("+ "), C(b64(SECRET.encode())), S("+OK")) as client:
        client.auth("X", answer)
    assert caplog.messages[:2] == ["C: ***", "S: +OK"]


@pytest.mark.row("The auth method")
def test_audit_events_have_the_lines_as_they_are_sent():
    """As those of PASS have: an audit hook is to see what goes out."""
    with play(S("+OK ready"), C("AUTH X"), S("+ "), C("c2VjcmV0"), S("+OK")) as server:
        events = audited_lines(
            """
            client = POP3("127.0.0.1", port, timeout=5)
            client.auth("X", lambda challenge: "secret")
            client.close()
            """,
            server.port,
        )
    assert events == [b"AUTH X", b"c2VjcmV0"]


@pytest.mark.parametrize("means", ["SCRAM-SHA-256", "CRAM-MD5", "APOP", "PLAIN", "LOGIN", "USER"])
@pytest.mark.parametrize("password", [SECRET, "wrong horse"])
def test_the_log_of_a_login(caplog, means, password):
    caplog.set_level(logging.DEBUG, "poplib_c")
    mechanisms = [means] if means not in ("APOP", "USER") else []
    with POP3Server([], users={"alice": password}, mechanisms=mechanisms) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        try:
            client.login("alice", SECRET, mechanisms=[means])
        except error_proto as error:
            check(error)
        client.quit()
        said = [word for line in server.commands for word in line.decode().split()]
    public = {
        "CAPA",
        "AUTH",
        "APOP",
        "USER",
        "PASS",
        "QUIT",
        "alice",
        *client.login.__doc__.split("'"),
    }
    secrets = {word for word in said if word not in public} | {SECRET}
    assert {word for word in secrets if word in caplog.text} == set()
    assert f"C: {server.commands[1].decode().split()[0]}" in caplog.text


def test_the_log_of_a_token(caplog):
    caplog.set_level(logging.DEBUG, "poplib_c")
    with POP3Server([], tokens={"alice": SECRET}) as server:
        for length in (1, 200):
            server.tokens["alice"] = length * SECRET
            client = POP3(*server.address, timeout=TIMEOUT)
            client.login_oauth2("alice", length * SECRET)
            client.quit()
        tokens = [line.split()[-1].decode() for line in server.commands if len(line) > 30]
    assert len(tokens) == 2
    assert {word for word in (*tokens, SECRET) if word in caplog.text} == set()
    assert "C: AUTH OAUTHBEARER ***" in caplog.text


# --- exceptions -----------------------------------------------------------------------------


def raised(function, *arguments, **options):
    """What it raises, without the frames of whoever calls it."""
    try:
        function(*arguments, **options)
    except BaseException as error:
        return error.with_traceback(error.__traceback__.tb_next)
    return pytest.fail("nothing was raised")


def check(error):
    assert places_of_secret(error) == []
    encoded = base64.b64encode(SECRET.encode()).decode().rstrip("=")
    assert encoded not in repr(error)


@pytest.mark.parametrize(
    "reply", ["-ERR [AUTH] no", "-ERR", "+ !!!", "+ERR", "+ " + 13000 * "A", "+OK", "+ AAAA"]
)
def test_of_auth(reply):
    steps = [C("AUTH X"), S("+ "), C(b64(SECRET.encode())), S(reply)]
    answers = [SECRET, None]
    if reply[:2] in ("+ ", "+E") and len(reply) < 100:
        steps += [C("*"), S("-ERR cancelled")]
    with talk(*steps, in_step=False) as client:
        if reply == "+OK":
            client.auth("X", lambda challenge: answers.pop(0))
        else:
            check(raised(client.auth, "X", lambda challenge: answers.pop(0)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("X", None, SECRET + "\xe9"),
        ("X", SECRET, None),
        ("X", None, [SECRET]),
        ("X\n", None, SECRET),
    ],
)
def test_of_arguments(arguments):
    with talk() as client:
        check(raised(client.auth, *arguments))


@pytest.mark.parametrize("answer", [SECRET + "\xe9", [SECRET]])
def test_of_answers(answer):
    with talk(C("AUTH X"), S("+ "), C("*"), S("-ERR")) as client:
        check(raised(client.auth, "X", lambda challenge: answer))


#: What no password can be encoded in, and text for that.
UNENCODABLE = [("UTF-8", "\ud800"), ("ascii", "\xe9"), ("latin-1", "\u20ac"), ("idna", 70 * "x")]


@pytest.mark.parametrize("cls", [POP3, ByLines])
@pytest.mark.parametrize("encoding, text", UNENCODABLE)
@pytest.mark.parametrize("password_first", [False, True])
@pytest.mark.parametrize(
    "login",
    [
        lambda client, password: client.pass_(password),
        lambda client, password: client.apop("alice", password),
        lambda client, password: client._shortcmd("pass " + password),
        lambda client, password: client._putcmd("PASS " + password),
    ],
    ids=["pass_", "apop", "_shortcmd", "_putcmd"],
)
def test_of_passwords_that_cannot_be_encoded(cls, encoding, text, password_first, login):
    """And nothing is sent."""
    password = SECRET + text if password_first else text + SECRET
    with talk(cls=cls) as client:
        client.welcome = b"+OK <1@x>"
        client.encoding = encoding
        error = raised(login, client, password)
        client.encoding = "UTF-8"
    check(error)
    assert isinstance(error, UnicodeEncodeError) and "set that to 'UTF-8'" in str(error)
    assert text not in repr(error.args)
    assert error.__context__ is error.__cause__ is None


@pytest.mark.parametrize("level", [1, 2])
def test_of_passwords_that_cannot_be_printed(monkeypatch, level):
    with talk() as client:
        client.set_debuglevel(level)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
            error = raised(client.pass_, SECRET + "\xe9")
        client.set_debuglevel(0)
    check(error)
    assert isinstance(error, UnicodeEncodeError) and "the encoding of the output" in str(error)
    assert error.__context__ is error.__cause__ is None


def test_of_octets_that_cannot_be_printed(monkeypatch):
    class Refusing(io.StringIO):
        def write(self, text):
            raise UnicodeEncodeError("ascii", text, 0, 1, "no")

    with talk() as client:
        client.set_debuglevel(1)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Refusing())
            error = raised(client._shortcmd, b"PASS " + SECRET.encode())
        client.set_debuglevel(0)
    check(error)
    assert isinstance(error, UnicodeEncodeError) and error.object == "PASS ***"


def test_what_is_no_secret_is_shown():
    with talk() as client:
        assert raised(client.user, "alice\ud800").object == "USER alice\ud800"
