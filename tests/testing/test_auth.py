"""The AUTH command of the test server (RFC 5034), by bare sockets and by mechanism objects."""

import base64
import ssl
import sys

import certificates
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from faults.support import run_program
from wire import ALICE, FIRST, Wire, over_tls

from poplib_c import POP3_SSL, _scram, error_proto, sasl
from poplib_c.testing import POP3Server

# In the server's threads an exception is printed, not raised.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

ALL = [
    *["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "ANONYMOUS"],
    *["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
]
TOKENS = {"alice": "ya29.token", "a,b=c": "comma"}
USERS = {**ALICE, "Zoë": "pass wörd", "a,b=c=2C": "comma"}
BAD_TOKEN = base64.b64encode(b"user=alice\1auth=Bearer old\1\1")


@pytest.fixture
def server():
    with POP3Server([FIRST], users=USERS, tokens=TOKENS, mechanisms=ALL) as server:
        yield server


def b64(octets):
    return base64.b64encode(octets)


def names(wire, command=b"CAPA"):
    """Return the mechanisms that CAPA lists, or those that AUTH lists."""
    assert wire.ask(command).startswith(b"+OK")
    lines = wire.rest().split(b"\r\n")[:-2]
    if command == b"CAPA":
        (lines,) = [line.split(b" ")[1:] for line in lines if line.startswith(b"SASL")] or [[]]
    return [line.decode() for line in lines]


# What is offered


def test_what_is_offered_by_itself():
    for options, expected in (
        ({}, ["PLAIN", "LOGIN", "CRAM-MD5"]),
        ({"tokens": TOKENS}, ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER"]),
        ({"mechanisms": ["anonymous"]}, ["ANONYMOUS"]),
        ({"mechanisms": ()}, []),
    ):
        with POP3Server(**options) as server, Wire(server) as wire:
            assert names(wire) == names(wire, b"AUTH") == expected
            assert wire.login().startswith(b"+OK")
            assert names(wire) == expected  # RFC 5034, section 3


@pytest.mark.parametrize("kind", ["tls", "stls"])
def test_channel_binding_is_offered_over_tls(server_context, client_context, kind):
    options = {"users": ALICE, "mechanisms": ALL[-2:], kind: server_context}
    with POP3Server(**options) as server:
        if kind == "stls":
            with Wire(server) as wire:
                assert names(wire) == []
                assert wire.ask(b"AUTH SCRAM-SHA-1-PLUS").startswith(b"-ERR")
        with over_tls(kind, server, client_context) as wire:
            assert names(wire) == ALL[-2:]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mechanisms": ["PLAIN", "GSSAPI"]}, ValueError),
        ({"mechanisms": "PLAIN"}, TypeError),
        ({"mechanisms": ["XOAUTH2"]}, ValueError),
        ({"mechanisms": ["OAUTHBEARER"], "users": ALICE}, ValueError),
        ({"mechanisms": ["SCRAM-SHA-1"]}, ValueError),
    ],
)
def test_wrong_options(options, error):
    with pytest.raises(error):
        POP3Server(**options)


def test_without_scramp(monkeypatch):
    monkeypatch.setitem(sys.modules, "scramp", None)
    POP3Server(users=ALICE, tokens=TOKENS)
    with pytest.raises(ImportError, match=r"pip install poplib-c\[scram\]"):
        POP3Server(users=ALICE, mechanisms=["SCRAM-SHA-256"])


def test_scramp_is_not_imported_without_need():
    program = """
        import sys
        from poplib_c.testing import POP3Server

        with POP3Server(users={"alice": "secret"}, tokens={}):
            print(*{"scramp", "ssl"} & {*sys.modules})
    """
    output, _ = run_program(program)
    assert output == "\n"


# Each mechanism


@pytest.mark.parametrize("initial", [True, False], ids=["one line", "two steps"])
@pytest.mark.parametrize(
    "make", [sasl.Plain, sasl.Login, sasl.CramMD5, sasl.ScramSHA1, sasl.ScramSHA256]
)
def test_passwords(server, make, initial):
    for user, password in USERS.items():
        with Wire(server) as wire:
            reply = wire.authenticate(make(user, password + "x"), initial)
            assert reply.startswith(b"-ERR [AUTH]")
            reply = wire.authenticate(make(user + "x", password), initial)
            assert reply.startswith(b"-ERR [AUTH]")
            assert wire.ask(b"STAT").startswith(b"-ERR")
            assert wire.authenticate(make(user, password), initial).startswith(b"+OK")
            assert wire.ask(b"STAT") == b"+OK 1 %d\r\n" % len(FIRST)


def test_everybody_is_let_in_without_users():
    with POP3Server(mechanisms=ALL[:3]) as server:
        for make in (sasl.Plain, sasl.Login, sasl.CramMD5):
            with Wire(server) as wire:
                assert wire.authenticate(make("any", "thing")).startswith(b"+OK")


def test_anothers_maildrop(wire):
    assert wire.authenticate(sasl.Plain("alice", "secret", "Zoë")).startswith(b"-ERR [AUTH]")
    assert wire.authenticate(sasl.Plain("alice", "secret", "alice")).startswith(b"+OK")


def test_anonymous(wire):
    assert wire.authenticate(sasl.Anonymous("guest")).startswith(b"+OK")


@pytest.mark.parametrize("initial", [True, False], ids=["one line", "two steps"])
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (sasl.XOAuth2, {"status": "401", "schemes": "bearer"}),
        (sasl.OAuthBearer, {"status": "invalid_token"}),
    ],
)
def test_tokens(server, make, error, initial):
    for user, token in TOKENS.items():
        with Wire(server) as wire:
            for wrong in (make(user, "old"), make("bob", token), make("bob", "None")):
                assert wire.authenticate(wrong, initial).startswith(b"-ERR [AUTH]")
                assert wrong.error == error
            assert wire.ask(b"STAT").startswith(b"-ERR")
            right = make(user, token)
            assert wire.authenticate(right, initial).startswith(b"+OK")
            assert right.error is None


def test_host_and_port(wire):
    mechanism = sasl.OAuthBearer("alice", "ya29.token", host="mail.example.org", port=995)
    assert wire.authenticate(mechanism).startswith(b"+OK")


def test_tokens_may_change(server, wire):
    server.tokens["alice"] = "new"
    assert wire.authenticate(sasl.XOAuth2("alice", "ya29.token")).startswith(b"-ERR [AUTH]")
    assert wire.authenticate(sasl.XOAuth2("alice", "new")).startswith(b"+OK")
    assert TOKENS["alice"] == "ya29.token"


@pytest.mark.parametrize("answer", [b"", b"AQ==", b"*", b"!", b64(b"anything")])
def test_a_bad_token_is_refused_whatever_the_answer(wire, answer):
    error = wire.ask(b"AUTH XOAUTH2 " + BAD_TOKEN)
    assert base64.b64decode(error[2:]) == b'{"status": "401", "schemes": "bearer"}'
    assert wire.ask(answer).startswith(b"-ERR")
    assert wire.ask(b"STAT").startswith(b"-ERR")


# Certificates


def authenticated(server, mechanism, context):
    with Wire(server, context) as wire:
        return wire.authenticate(mechanism)[:10].rstrip()


def test_external(ca):
    required = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(required)
    ca.configure_trust(required)
    required.verify_mode = ssl.CERT_OPTIONAL
    users = {"alice@example.org": "", "Alice": "", "carol": ""}
    without = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(without)
    with_certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(with_certificate)
    ca.issue_cert("alice@example.org", common_name="Alice").configure_cert(with_certificate)
    with POP3Server(users=users, mechanisms=ALL, tls=required, tokens={}) as server:
        for name in ("", "alice@example.org", "Alice"):
            assert authenticated(server, sasl.External(name), with_certificate)[:3] == b"+OK"
        for name in ("carol", "bob"):
            mechanism = sasl.External(name)
            assert authenticated(server, mechanism, with_certificate) == b"-ERR [AUTH"
        assert authenticated(server, sasl.External(), without) == b"-ERR [AUTH"
    with POP3Server(users={"carol": ""}, mechanisms=["EXTERNAL"], tls=required) as server:
        assert authenticated(server, sasl.External(), with_certificate) == b"-ERR [AUTH"
    with POP3Server(mechanisms=["EXTERNAL"]) as server, Wire(server) as wire:
        assert wire.authenticate(sasl.External("alice")).startswith(b"-ERR [AUTH]")


# Channel binding

PLUS = pytest.mark.parametrize("make", [sasl.ScramSHA1Plus, sasl.ScramSHA256Plus])
VERSIONS = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])

# No [AUTH]: the password may be right.
NO_BINDING = b"-ERR no such channel binding\r\n"


def contexts(ca, version):
    """Return contexts of a server and a client for one version of TLS."""
    made = []
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(protocol)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        made.append(context)
    ca.issue_cert("127.0.0.1").configure_cert(made[0])
    ca.configure_trust(made[1])
    return made


@PLUS
@VERSIONS
def test_channel_binding(ca, make, version):
    of_server, of_client = contexts(ca, version)
    server = POP3Server(users=USERS, mechanisms=ALL[-2:], tls=of_server)
    with server, Wire(server, of_client) as wire:
        wrong = make("alice", "wrong", wire.sock)
        assert wire.authenticate(wrong).startswith(b"-ERR [AUTH]")
        assert wire.authenticate(make("alice", "secret", wire.sock)).startswith(b"+OK")


@PLUS
@VERSIONS
def test_a_relay(ca, make, version):
    """A relay has a TLS session, or a certificate, of its own."""
    of_server, of_client = contexts(ca, version)
    of_relay, _ = contexts(ca, version)
    options = {"users": USERS, "mechanisms": ALL[-2:]}
    server, relay = POP3Server(tls=of_server, **options), POP3Server(tls=of_relay)
    with server, relay, Wire(server, of_client) as wire, Wire(relay, of_client) as deceived:
        mechanism = make("alice", "secret", deceived.sock)
        assert wire.authenticate(mechanism).startswith(b"-ERR [AUTH]")


@PLUS
def test_a_binding_that_is_asked_for(ca, make):
    of_server, _ = contexts(ca, "TLSv1_3")
    with POP3Server(users=USERS, mechanisms=ALL[-2:], tls=of_server) as server:
        client = POP3_SSL(*server.address, timeout=10)
        try:
            with pytest.raises(error_proto, match="no such channel binding") as caught:
                client.auth(make("alice", "secret", client.sock))
            assert caught.value.code is None
            for kind in ("tls-unique", "x"):
                with pytest.raises(ValueError, match=f"no TLS session .* by '{kind}'"):
                    client.auth(make("alice", "secret", client.sock, binding=kind))
            client.auth(make("alice", "secret", client.sock, binding="tls-server-end-point"))
        finally:
            client.close()


@VERSIONS
def test_the_bindings_of_both_kinds_of_socket(ca, version):
    """The C extension computes the hash of the end point by OpenSSL."""
    of_server, of_client = contexts(ca, version)
    end_point = "tls-server-end-point"
    expected = ["tls-exporter", end_point] if version == "TLSv1_3" else ["tls-unique"] * 2
    with POP3Server(users=USERS, mechanisms=ALL[-2:], tls=of_server) as server:
        client = POP3_SSL(*server.address, timeout=10)
        theirs = POP3_SSL(*server.address, timeout=10, context=of_client)
        try:
            for sock, name in zip((client.sock, theirs.sock), expected):
                kind, data = _scram.channel_binding(sock)
                assert kind == name
                assert data
                if name != end_point:
                    assert data == sock.get_channel_binding(name)
                bound = end_point, client.sock.get_channel_binding(end_point)
                assert _scram.channel_binding(sock, end_point) == bound
        finally:
            client.close()
            theirs.close()


def test_wrong_bindings(server_context, client_context):
    nothing = b",,n=alice,r=nonce"
    server = POP3Server(users=ALICE, mechanisms=ALL[-4:], tls=server_context)
    with server, Wire(server, client_context) as wire:
        for mechanism, header in (
            (b"SCRAM-SHA-1-PLUS", b"n"),
            (b"SCRAM-SHA-1-PLUS", b"y"),
            (b"SCRAM-SHA-1", b"p=tls-server-end-point"),
        ):
            command = b"AUTH %b %b" % (mechanism, b64(header + nothing))
            assert wire.ask(command).startswith(b"-ERR [AUTH]"), header
        for header in (b"p=tls-exporter", b"p=x"):
            assert wire.ask(b"AUTH SCRAM-SHA-1-PLUS " + b64(header + nothing)) == NO_BINDING


def test_a_server_that_shows_its_certificate_to_few(ca):
    """The server looks up its own certificate by a handshake without a client certificate."""
    of_server, of_client = contexts(ca, "TLSv1_2")
    of_server.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(of_server)
    ca.issue_cert("alice@example.org").configure_cert(of_client)
    server = POP3Server(users=ALICE, mechanisms=ALL[-2:], tls=of_server)
    with server, Wire(server, of_client) as wire:
        message = b64(b"p=tls-server-end-point,,n=alice,r=nonce")
        assert wire.ask(b"AUTH SCRAM-SHA-1-PLUS " + message) == NO_BINDING
        assert wire.ask(b"CAPA").startswith(b"+OK")


def test_a_server_whose_certificate_has_no_hash():
    key = ed25519.Ed25519PrivateKey.generate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with certificates.Authority() as authority:
        files = authority.self_signed("127.0.0.1", key=key)
        context.load_cert_chain(files.file, files.key_file)
        of_client = ssl.create_default_context(cafile=files.ca_file)
        server = POP3Server(users=ALICE, mechanisms=ALL[-2:], tls=context)
        with server, Wire(server, of_client) as wire:
            message = b64(b"p=tls-server-end-point,,n=alice,r=nonce")
            assert wire.ask(b"AUTH SCRAM-SHA-1-PLUS " + message) == NO_BINDING
            assert wire.ask(b"CAPA").startswith(b"+OK")


# The command


def test_names_in_any_case(wire):
    assert wire.ask(b"auth plain " + b64(b"\0alice\0secret")).startswith(b"+OK")


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH NOSUCH",
        b"AUTH  PLAIN",
        b"AUTH PLAIN  x",
        b"AUTH PLAIN x y",
        b"AUTH PLAIN !",
        b"AUTH PLAIN ==",
        b"AUTH PLAIN QQ",
        b"AUTH PLAIN " + b64(b"alice secret"),
        b"AUTH PLAIN " + b64(b"\0alice\0secret\0"),
        b"AUTH PLAIN =",
        b"AUTH CRAM-MD5 =",
        b"AUTH CRAM-MD5 " + b64(b"alice 0123456789abcdef0123456789abcdef"),
        b"AUTH XOAUTH2 " + b64(b"user=alice\1auth=Bearer ya29.token\1"),
        b"AUTH OAUTHBEARER " + b64(b"user=alice\1auth=Bearer ya29.token\1\1"),
        b"AUTH SCRAM-SHA-1 " + b64(b"n,,n=alice"),
        b"AUTH SCRAM-SHA-1 " + b64(b"n,,m=x,n=alice,r=nonce"),
    ],
)
def test_refused_at_once(wire, line):
    assert wire.ask(line).startswith(b"-ERR")
    assert wire.ask(b"AUTH PLAIN " + b64(b"\0alice\0secret")).startswith(b"+OK")


@pytest.mark.parametrize("answer", [b"*", b"!", b"=", b"QQ", b"x" * 10_000, b"STAT!"])
@pytest.mark.parametrize(
    ("command", "challenge"),
    [
        (b"AUTH PLAIN", b""),
        (b"AUTH LOGIN", b64(b"Username:")),
        (b"AUTH LOGIN " + b64(b"alice"), b64(b"Password:")),
    ],
)
def test_wrong_answers(wire, command, challenge, answer):
    assert wire.ask(command) == b"+ %b\r\n" % challenge
    assert wire.ask(answer).startswith(b"-ERR")
    assert wire.ask(b"AUTH PLAIN " + b64(b"\0alice\0secret")).startswith(b"+OK")


def test_the_last_message_of_scram_is_acknowledged_by_nothing(wire):
    class Talkative(sasl.ScramSHA256):
        def __call__(self, challenge):
            return super().__call__(challenge) or b"thanks"

    assert wire.authenticate(Talkative("alice", "secret")).startswith(b"-ERR")


def test_a_changed_proof(wire):
    class Changed(sasl.ScramSHA256):
        def __call__(self, challenge):
            return super().__call__(challenge)[:-8] + b"AAAAAAA="

    assert wire.authenticate(Changed("alice", "secret")).startswith(b"-ERR [AUTH]")


@pytest.mark.parametrize(("size", "line"), [(180, 255), (181, 259)])
def test_the_longest_command(size, line):
    """RFC 5034, section 4: a longer response is sent after a challenge."""
    token = "t" * (size - len("user=alice\1auth=Bearer \1\1"))
    mechanism = sasl.XOAuth2("alice", token)
    with POP3Server(tokens={"alice": token}) as server, Wire(server) as wire:
        reply = wire.authenticate(mechanism)
        assert len(server.commands[0] + b"\r\n") == line
        assert reply.startswith(b"+OK" if line == 255 else b"-ERR")
        if line != 255:
            assert wire.authenticate(mechanism, initial=False).startswith(b"+OK")


def test_initial_responses_that_are_ignored():
    with POP3Server(users=ALICE, two_step="ignored") as server, Wire(server) as wire:
        assert wire.ask(b"AUTH PLAIN " + b64(b"\0alice\0wrong")) == b"+ \r\n"
        assert wire.ask(b64(b"\0alice\0secret")).startswith(b"+OK")


@pytest.mark.parametrize("name", ["PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "APOP", "CAPA", "pass"])
def test_what_is_refused(name):
    """By a text, or by a connection that ends."""
    makes = {"PLAIN": sasl.Plain, "CRAM-MD5": sasl.CramMD5, "SCRAM-SHA-1": sasl.ScramSHA1}
    for text in ("[AUTH] hashed", None):
        options = {"users": ALICE, "mechanisms": [*makes], "refused": {name: text}}
        with POP3Server(**options) as server, Wire(server) as wire:
            if name in makes:
                reply = wire.authenticate(makes[name]("alice", "secret"))
            else:
                assert wire.ask(b"USER alice").startswith(b"+OK")
                reply = wire.ask(name.encode())
            assert reply == (b"" if text is None else b"-ERR [AUTH] hashed\r\n")


def test_two_steps(server):
    token = "t" * 3000
    with POP3Server(tokens={"alice": token}, two_step=True) as server:
        with Wire(server) as wire:
            assert wire.ask(b"AUTH XOAUTH2 " + BAD_TOKEN).startswith(b"-ERR Protocol error")
            assert wire.file.read() == b""
        with Wire(server) as wire:
            reply = wire.authenticate(sasl.XOAuth2("alice", token), initial=False)
            assert reply.startswith(b"+OK")


def test_auth_is_for_before_login(wire):
    assert wire.login().startswith(b"+OK")
    for command in (b"AUTH", b"AUTH PLAIN", b"AUTH PLAIN " + b64(b"\0alice\0secret")):
        assert wire.ask(command).startswith(b"-ERR")
    assert wire.ask(b"STAT").startswith(b"+OK")


def test_a_maildrop_in_use(server, wire):
    with Wire(server) as other:
        assert other.login().startswith(b"+OK")
        assert wire.authenticate(sasl.Plain("alice", "secret")).startswith(b"-ERR [IN-USE]")


def test_what_was_said_is_recorded(server, wire):
    wire.authenticate(sasl.Login("alice", "secret"))
    assert server.commands == [b"AUTH LOGIN", b64(b"alice"), b64(b"secret")]


def test_answers_sent_ahead(wire):
    wire.sock.sendall(b"AUTH LOGIN\r\n%b\r\n%b\r\nNOOP\r\n" % (b64(b"alice"), b64(b"secret")))
    replies = [wire.file.readline()[:3] for _ in range(4)]
    assert replies == [b"+ V", b"+ U", b"+OK", b"+OK"]
