"""login(): which means it tries on which connection, and when it stops."""

import hashlib
import hmac
import socket
import ssl
import sys

import pytest
from scripted import C, S, play
from secret import SECRET, places_of_secret

from poplib_c import POP3, POP3_SSL, error_proto
from poplib_c.testing import POP3Server

from .auth import CRAM, LOGIN, PLAIN, b64, capa, login, talk, used
from .support import TIMEOUT

# --- which means ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "capabilities, dialogue",
    [
        (["SASL PLAIN LOGIN", "USER"], [C(PLAIN), S("+OK in")]),
        (["sasl login plain"], [C(PLAIN), S("+OK in")]),
        (
            ["SASL LOGIN", "USER"],
            [*LOGIN, S("+OK in")],
        ),
        (["USER"], [C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]),
        (["TOP"], [C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]),
        ([], [C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]),
        (["SASL GSSAPI", "USER"], [C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]),
    ],
)
def test_the_best_of_what_the_server_has(capabilities, dialogue):
    with talk(*capa(*capabilities), *dialogue) as client:
        assert login(client) == b"+OK in"


def test_without_capabilities():
    with talk(
        C("CAPA"), S("-ERR what?"), C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")
    ) as client:
        assert login(client) == b"+OK in"


def test_a_connection_that_ends_at_capa():
    with talk(C("CAPA"), S("+OK"), in_step=False) as client:
        client.sock.shutdown(socket.SHUT_RD)
        with pytest.raises(error_proto, match="EOF"):
            login(client)


MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
PLUS = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]


@pytest.mark.row("The login methods")
@pytest.mark.parametrize("number", range(1, len(MECHANISMS) + 1))
def test_the_strongest_comes_first(number):
    order = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
    best = ["APOP", "APOP", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"]
    with POP3Server([], users={"alice": SECRET}, mechanisms=order[:number]) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        assert login(client)[:3] == b"+OK"
        assert client.stat() == (0, 0)
        client.quit()
        assert used(server) == best[number - 1]


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("by_context", [False, True])
def test_channel_binding_is_the_strongest(ca, client_context, by_context, version):
    """With TLS 1.3 that is tls-exporter, which the ssl module has at neither end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.maximum_version = ssl.TLSVersion[version]
    options = {"context": client_context} if by_context else {}
    users = {"alice": SECRET}
    with POP3Server([], users=users, mechanisms=MECHANISMS + PLUS, tls=context) as server:
        client = POP3_SSL(*server.address, timeout=TIMEOUT, **options)
        assert login(client)[:3] == b"+OK"
        client.quit()
        best = "SCRAM-SHA-256-PLUS" if version == "TLSv1_2" else "SCRAM-SHA-256"
        assert used(server) == best
        tried = {line.split()[1].decode() for line in server.commands if line[:4] == b"AUTH"}
        assert tried == ({best} if by_context or best == PLUS[1] else {best, *PLUS})


def test_a_channel_binding_of_its_own_kind(ca, client_context):
    """One that is named is used with what the ssl module has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with POP3Server([], users={"alice": SECRET}, mechanisms=PLUS, tls=context) as server:
        client = POP3_SSL(*server.address, timeout=TIMEOUT, context=client_context)
        assert client.sock.version() == "TLSv1.3"
        client.login("alice", SECRET, mechanisms=PLUS)
        client.quit()
        assert used(server) == PLUS[0]


def test_without_scramp(monkeypatch):
    monkeypatch.setitem(sys.modules, "scramp", None)
    with POP3Server([], users={"alice": SECRET}) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        login(client)
        client.quit()
        assert used(server) == "CRAM-MD5"
    steps = [*capa("SASL SCRAM-SHA-256 PLAIN"), C(PLAIN), S("+OK in")]
    with talk(*steps) as client:
        assert login(client) == b"+OK in"


def test_a_wrong_password_is_a_wrong_password():
    with POP3Server([], users={"alice": "other"}, mechanisms=MECHANISMS) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        with pytest.raises(error_proto) as caught:
            login(client)
        assert caught.value.code == "AUTH"
        client.quit()
        logins = [line for line in server.commands if line.startswith((b"AUTH", b"USER", b"APOP"))]
    assert len(logins) == 1


# --- what CAPA does not list ----------------------------------------------------------------


def test_capa_is_not_sent_without_need():
    """Some servers hang up at it, or answer +OK without a list."""
    steps = [C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]
    with talk(*steps) as client:
        assert login(client, mechanisms=["USER"]) == b"+OK in"
    steps = [*steps[:3], S("-ERR no")]
    with talk(*steps) as client, pytest.raises(error_proto, match="tried USER; mechanisms="):
        login(client, mechanisms=["APOP", "USER"])


# --- APOP -----------------------------------------------------------------------------------


@pytest.mark.row("Time stamps in login")
@pytest.mark.parametrize("stamp", ["<1.2@mail.example.org>", "<a!#$%@b>"])
def test_apop(stamp):
    digest = hashlib.md5((stamp + SECRET).encode()).hexdigest()
    steps = [*capa("SASL PLAIN", "USER"), C(f"APOP alice {digest}"), S("-ERR no")]
    with play(S(f"+OK ready {stamp}"), *steps) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        with pytest.raises(error_proto) as caught:
            login(client)
        client.close()
    assert caught.value.args == (b"-ERR no", (("APOP", "-ERR no"),))
    assert places_of_secret(caught.value) == []


@pytest.mark.row("Time stamps in login")
@pytest.mark.parametrize(
    "stamp",
    ["<>", "<a>", "<@>", "<a@>", "<@b>", "<a@b@c>", "<a b@c>", "<a@b\xe9>", "<a\x01@b>", "<<a@b>",
     "<a@b>>", "<a@b> <c@d>", "<a@b\x7f>", "none"],
)  # fmt: skip
def test_a_time_stamp_that_is_no_message_id(stamp):
    with play(
        S(f"+OK ready {stamp}".encode("latin-1")),
        *capa("USER"),
        *(C("USER alice"), S("+OK")),
        *(C(f"PASS {SECRET}"), S("+OK in")),
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        assert login(client) == b"+OK in"
        client.close()


# --- mechanisms= ----------------------------------------------------------------------------


def test_mechanisms_are_tried_in_their_order():
    with POP3Server([], users={"alice": SECRET}, mechanisms=MECHANISMS) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        login(client, mechanisms=("login", "SCRAM-SHA-256"))
        client.quit()
        assert used(server) == "LOGIN"


def test_what_the_server_does_not_list_is_left_out():
    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in")) as client:
        assert login(client, mechanisms=["CRAM-MD5", "APOP", "PLAIN"]) == b"+OK in"


@pytest.mark.parametrize(
    "mechanisms, text",
    [
        (None, "the server lists GSSAPI$"),
        (["CRAM-MD5"], "the server lists GSSAPI; looked for CRAM-MD5$"),
    ],
)
def test_nothing_is_left(mechanisms, text):
    with talk(*capa("SASL GSSAPI")) as client, pytest.raises(error_proto, match=text):
        login(client, mechanisms=mechanisms)


@pytest.mark.parametrize(
    "mechanisms, text",
    [([], "mechanisms is empty"), (["APOP"], "to log in: APOP: the greeting has no time stamp$")],
)
def test_nothing_is_left_that_capa_would_list(mechanisms, text):
    with talk() as client, pytest.raises(error_proto, match=text):
        login(client, mechanisms=mechanisms)


@pytest.mark.parametrize("mechanisms", [None, ["SCRAM-SHA-256"]])
def test_nothing_is_left_without_scramp(monkeypatch, mechanisms):
    monkeypatch.setitem(sys.modules, "scramp", None)
    steps = capa("SASL SCRAM-SHA-256")
    with talk(*steps) as client, pytest.raises(error_proto, match="library scramp: pip install"):
        login(client, mechanisms=mechanisms)


@pytest.mark.parametrize(
    "line, shown",
    [
        (b"SASL \x1b[2J GSSAPI", "lists '\\x1b[2J', GSSAPI"),
        (b"SASL \xff\0", "lists '\\udcff\\x00'"),
        (b"SASL " + 1000 * b"X", f"lists {500 * 'X'}..."),
    ],
)
def test_what_the_server_lists_is_shown_as_text(line, shown):
    with talk(*capa(line)) as client, pytest.raises(error_proto) as caught:
        login(client)
    assert str(caught.value).endswith(shown)


def test_nothing_is_left_without_capabilities():
    with talk(C("CAPA"), S("-ERR")) as client, pytest.raises(error_proto, match="has no CAPA"):
        login(client, mechanisms=["PLAIN"])


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"mechanisms": ["PLAN"]}, ValueError, "unknown mechanism 'PLAN'"),
        ({"mechanisms": ["XOAUTH2"]}, ValueError, r"for tokens, use login_oauth2\(\)$"),
        ({"mechanisms": "PLAIN"}, TypeError, "an iterable of names"),
        ({"mechanisms": 7}, TypeError, "not iterable"),
        ({"mechanism": "PLAIN"}, TypeError, "unexpected keyword"),
    ],
)
def test_wrong_options(options, error, text):
    with talk() as client, pytest.raises(error, match=text):
        login(client, **options)


@pytest.mark.parametrize("arguments", [(b"alice", "x"), ("alice", b"x"), ("alice", None), (1, 2)])
def test_names_and_passwords_are_str(arguments):
    with talk() as client, pytest.raises(TypeError, match="must be str"):
        client.login(*arguments)


def test_strings_of_other_classes():
    class Password(str):
        pass

    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in")) as client:
        assert client.login(Password("alice"), Password(SECRET)) == b"+OK in"


def test_a_connection_without_a_greeting():
    with talk(*capa("SASL PLAIN"), C(PLAIN), S("+OK in")) as client:
        del client.welcome
        assert login(client) == b"+OK in"


def test_after_close():
    with talk(in_step=False) as client:
        client.close()
        for function in (client.login, client.login_oauth2):
            with pytest.raises(AttributeError, match="the connection is closed"):
                function("alice", SECRET)


@pytest.mark.parametrize("arguments", [(), ("alice",), ("alice", "x", ["PLAIN"])])
def test_arguments(arguments):
    with talk() as client, pytest.raises(TypeError):
        client.login(*arguments)


# --- what cannot be sent --------------------------------------------------------------------


@pytest.mark.parametrize(
    "user, password", [("a\r\nb", "x"), ("a", "x\n"), ("a", "\t"), ("\ud800", "x")]
)
@pytest.mark.parametrize("means", ["USER", "APOP"])
def test_what_does_not_fit_a_command(user, password, means):
    with play(S("+OK <a@b>"), C("NOOP"), S("+OK")) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        with pytest.raises(ValueError, match=f"characters that {means} can't send"):
            client.login(user, password, mechanisms=[means])
        client.noop()
        client.close()


@pytest.mark.parametrize("password", [SECRET + "\0", SECRET + "\ud800"])
def test_what_does_not_fit_a_mechanism(password):
    with talk(*capa("SASL PLAIN")) as client, pytest.raises(ValueError) as caught:
        client.login("alice", password)
    assert places_of_secret(caught.value) == []


@pytest.mark.parametrize("way", ["attribute", "argument"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_encoding_of_user_and_password(encoding, way):
    """That of each mechanism that sends them, and of CRAM-MD5."""
    user, password = "Zoë".encode(encoding), "pass wörd".encode(encoding)
    digest = hmac.new(password, b"<1@h>", "md5").hexdigest().encode()
    dialogues = {
        "PLAIN": [C("AUTH PLAIN " + b64(b"\0" + user + b"\0" + password))],
        "LOGIN": [C("AUTH LOGIN"), S("+ "), C(b64(user)), S("+ "), C(b64(password))],
        "CRAM-MD5": [*CRAM, C(b64(user + b" " + digest))],
        "USER": [C(b"USER " + user), S("+OK"), C(b"PASS " + password)],
    }
    for name, dialogue in dialogues.items():
        listed = capa(f"SASL {name}") if name != "USER" else ()
        with talk(*listed, *dialogue, S("+OK in")) as client:
            options = {"encoding": encoding} if way == "argument" else {}
            if way == "attribute":
                client.encoding = encoding
            before = client.encoding
            client.login("Zoë", "pass wörd", mechanisms=[name], **options)
            assert client.encoding == before


def test_what_the_encoding_does_not_have():
    for name in ("PLAIN", "LOGIN", "CRAM-MD5"):
        with talk(*capa(f"SASL {name}")) as client:
            with pytest.raises(ValueError, match=f"characters that {name} can't send") as caught:
                client.login("alice", SECRET + "\u0416", encoding="latin-1")
            assert places_of_secret(caught.value) == []


def test_what_one_mechanism_can_not_send_another_may():
    """SASLprep prohibits the character."""
    steps = [
        *capa("SASL SCRAM-SHA-256 PLAIN"),
        C("AUTH PLAIN " + b64("\0alice\0\U0001f511".encode())),
    ]
    with talk(*steps, S("+OK in")) as client:
        assert client.login("alice", "\U0001f511") == b"+OK in"
    with (
        talk(*steps, S("-ERR [AUTH] no")) as client,
        pytest.raises(error_proto, match="tried PLAIN"),
    ):
        client.login("alice", "\U0001f511")


# --- what is overridden, and who else is there ----------------------------------------------


def test_overridden_methods_are_called():
    class Own(POP3):
        called = ()

        def capa(self):
            self.called += ("capa",)
            return {"USER": []}

        def user(self, user):
            self.called += ("user", user)

        def pass_(self, pswd):
            self.called += ("pass_", pswd)
            return b"+OK mine"

    with talk(cls=Own) as client:
        assert login(client) == b"+OK mine"
        assert client.called == ("capa", "user", "alice", "pass_", SECRET)
