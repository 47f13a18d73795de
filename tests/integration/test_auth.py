"""AUTH and APOP with real servers, by every mechanism."""

import re
import socket
import ssl

import pytest
from secret import SECRET, places_of_secret

from poplib_c import POP3, POP3_SSL, error_proto, sasl

from . import jwt
from .dovecot import AFAR
from .dovecot_config import ANONYMOUS, MECHANISMS

TIMEOUT = 30
MESSAGE = b"Subject: x\n\nbody\n"
PASSWORDS = [sasl.Plain, sasl.Login, sasl.CramMD5, sasl.ScramSHA1, sasl.ScramSHA256]
TOKENS = [sasl.XOAuth2, sasl.OAuthBearer]
# The first is how 2.3 says it, the second how 2.4 does.
IS_SHOWN = re.compile(
    rb"-ERR \[AUTH\] (Plaintext authentication disabled|Cleartext .* disallowed)"
)
REFUSED = b"-ERR [AUTH] Authentication failed."


@pytest.fixture(params=["plain", "pop3s", "pop3s context"])
def client(request, make_library, dovecot):
    return make_library("poplib_c", dovecot, request.param).connect()


@pytest.fixture(scope="session")
def mailbox(dovecot):
    """For tests that delete nothing."""
    return dovecot.mailbox([MESSAGE])


def two_steps(mechanism):
    """The mechanism as authobject: there is no initial response in the command."""
    return mechanism.name, mechanism


def one_object(mechanism):
    return (mechanism,)


# Dovecot takes half a second for most refusals.
ONCE = pytest.mark.parametrize("client", ["plain"], indirect=True)
FORMS = pytest.mark.parametrize("form", [one_object, two_steps])


def refusal(client, *arguments):
    with pytest.raises(error_proto) as caught:
        client.auth(*arguments)
    assert type(caught.value) is error_proto
    assert not places_of_secret(caught.value)
    return caught.value.args


def test_what_is_offered(client, dovecot):
    offered = client.capa()["SASL"]
    assert {*offered} == dovecot.offered(encrypted=hasattr(client.sock, "cipher"))
    assert client._longcmd("AUTH")[1] == [name.encode() for name in offered]


@FORMS
@pytest.mark.parametrize("make", PASSWORDS)
def test_passwords(client, mailbox, make, form):
    client.auth(*form(make(mailbox.user, mailbox.password)))
    assert client.stat() == (1, 20)
    assert client.quit().startswith(b"+OK")


@ONCE
@pytest.mark.parametrize("make", PASSWORDS)
def test_wrong_passwords(client, mailbox, make):
    """The connection is as it was."""
    assert refusal(client, make(mailbox.user, SECRET)) == (REFUSED,)
    client.auth(make(mailbox.user, mailbox.password))
    assert client.stat() == (1, 20)


@ONCE
@pytest.mark.parametrize("make", PASSWORDS)
def test_cancelled(client, mailbox, make):
    class Unwilling(make):
        def __call__(self, challenge):
            return None

    mechanism = Unwilling(mailbox.user, mailbox.password)
    (reason,) = refusal(client, mechanism.name, mechanism)
    assert reason.startswith(b"-ERR")
    client.auth(make(mailbox.user, mailbox.password))
    assert client.stat() == (1, 20)


@FORMS
@pytest.mark.parametrize("make", TOKENS)
def test_tokens(client, mailbox, make, form):
    mechanism = make(mailbox.user, lambda: jwt.token(mailbox.user))
    client.auth(*form(mechanism))
    assert mechanism.error is None
    assert client.stat() == (1, 20)
    assert client.quit().startswith(b"+OK")


@ONCE
@FORMS
@pytest.mark.parametrize(
    ("make", "error"),
    [
        (sasl.XOAuth2, {"status": "401", "schemes": "bearer"}),
        (sasl.OAuthBearer, {"status": "invalid_token"}),
    ],
)
def test_bad_tokens(client, mailbox, make, error, form):
    """Both have their way to go on after the server has said what is wrong."""
    user = mailbox.user
    options = {"key": b"another"} if form is one_object else {"lifetime": -1800}
    bad = jwt.token(user, **options)
    mechanism = make(user, bad)
    assert refusal(client, *form(mechanism)) == (REFUSED,)
    # 2.4 says more.
    assert mechanism.error.items() >= error.items()
    client.auth(make(user, jwt.token(user)))
    assert client.stat() == (1, 20)


@ONCE
def test_host_and_port(client, dovecot, mailbox):
    token = jwt.token(mailbox.user)
    client.auth(sasl.OAuthBearer(mailbox.user, token, host=client.host, port=client.port))
    assert client.stat() == (1, 20)


@ONCE
def test_short_tokens_are_sent_along(client, mailbox):
    """A JWT never is, and these are no JWT."""
    for make in TOKENS:
        mechanism = make(mailbox.user, SECRET)
        assert refusal(client, mechanism) == (REFUSED,)
        assert mechanism.error is not None


def test_anonymous(client, dovecot):
    if not (dovecot.directory / "users" / ANONYMOUS).exists():
        dovecot.mailbox([MESSAGE, MESSAGE], user=ANONYMOUS)
    client.auth(sasl.Anonymous("guest@example.org"))
    assert client.stat() == (2, 40)


@ONCE
def test_apop(client, mailbox):
    with pytest.raises(error_proto) as caught:
        client.apop(mailbox.user, mailbox.password + "x")
    assert caught.value.args == (REFUSED,)
    client.apop(mailbox.user, mailbox.password)
    assert client.stat() == (1, 20)


# The methods that choose


@pytest.mark.parametrize(
    "means", [None, *MECHANISMS[:6], "USER"], ids=lambda means: means or "the best"
)
def test_login(client, mailbox, means):
    mechanisms = None if means is None else [means]
    assert client.login(mailbox.user, mailbox.password, mechanisms=mechanisms).startswith(b"+OK")
    assert client.stat() == (1, 20)


@ONCE
@pytest.mark.parametrize("name", ["OAUTHBEARER", "XOAUTH2"])
def test_login_oauth2(client, mailbox, name):
    """The second token is good."""
    tokens = [jwt.token(mailbox.user), jwt.token(mailbox.user, lifetime=-1800)]
    client.login_oauth2(mailbox.user, tokens.pop, mechanisms=[name])
    assert tokens == []
    assert client.stat() == (1, 20)


@ONCE
def test_login_oauth2_by_a_bad_token(client, mailbox):
    with pytest.raises(error_proto) as caught:
        client.login_oauth2(mailbox.user, SECRET)
    assert caught.value.args == (REFUSED,)
    (said,) = caught.value.__cause__.args
    assert said["status"] == "invalid_token"
    assert not places_of_secret(caught.value)


# Channel binding

#: What poplib_c binds to by itself: tls-exporter with TLS 1.3, which the ssl module does not have.
BINDINGS = pytest.mark.parametrize(
    ("fixture", "link"),
    [
        ("dovecot_tls_1_3", "pop3s"),
        ("dovecot_tls_1_3", "stls"),
        ("dovecot_tls_1_2", "pop3s"),
        ("dovecot_tls_1_2", "pop3s context"),
    ],
)


@BINDINGS
@pytest.mark.parametrize("make", [sasl.ScramSHA1Plus, sasl.ScramSHA256Plus])
def test_channel_binding(request, make_library, fixture, link, make):
    """The binding to another session is refused, as is all of it by a server without."""
    server = request.getfixturevalue(fixture)
    mailbox = server.mailbox([MESSAGE])
    library = make_library("poplib_c", server, link)
    client, other = library.connect(), library.connect()
    bound = make(mailbox.user, mailbox.password, client.sock)
    if bound.name in server.syntax.bound_mechanisms:
        relayed = make(mailbox.user, mailbox.password, other.sock)
        assert refusal(client, relayed) == (REFUSED,)
        assert refusal(client, make(mailbox.user, SECRET, client.sock)) == (REFUSED,)
        client.auth(bound)
    else:
        (reason,) = refusal(client, bound)
        assert b"Unsupported authentication mechanism" in reason
        client.auth(sasl.ScramSHA256(mailbox.user, mailbox.password))
    assert client.stat() == (1, 20)


@BINDINGS
def test_login_with_channel_binding(request, make_library, capsys, fixture, link):
    server = request.getfixturevalue(fixture)
    mailbox = server.mailbox([MESSAGE])
    client = make_library("poplib_c", server, link).connect()
    client.set_debuglevel(1)
    client.login(mailbox.user, mailbox.password)
    best = ["SCRAM-SHA-256", *server.syntax.bound_mechanisms][-1]
    assert f"'AUTH {best} " in capsys.readouterr().out
    assert client.stat() == (1, 20)


def test_login_with_a_context_for_tls_1_3(make_library, capsys, dovecot_tls_1_3):
    """The ssl module has no binding that servers take."""
    mailbox = dovecot_tls_1_3.mailbox([MESSAGE])
    client = make_library("poplib_c", dovecot_tls_1_3, "pop3s context").connect()
    client.set_debuglevel(1)
    client.login(mailbox.user, mailbox.password)
    assert "'AUTH SCRAM-SHA-256 " in capsys.readouterr().out
    assert client.stat() == (1, 20)


# Names and passwords that are not easy


@ONCE
@pytest.mark.parametrize("make", PASSWORDS)
def test_a_password_that_is_not_ascii(dovecot, client, make):
    mailbox = dovecot.mailbox([MESSAGE], password="pässwört,=")
    client.auth(make(mailbox.user, mailbox.password))
    assert client.stat() == (1, 20)


# Certificates


def test_external(dovecot_external, authority):
    server = dovecot_external
    mailbox = server.mailbox([MESSAGE])
    certificate = authority.issue("client@example.org", common_name=mailbox.user)
    files = {"certfile": certificate.file, "keyfile": certificate.key_file}
    context = ssl._create_unverified_context()
    context.load_cert_chain(certificate.file, certificate.key_file)
    for authzid in ("", mailbox.user):
        for options in (files, {"context": context}):
            with POP3_SSL("127.0.0.1", server.tls_port, timeout=TIMEOUT, **options) as client:
                client.auth(sasl.External(authzid))
                assert client.stat() == (1, 20)
    with POP3_SSL("127.0.0.1", server.tls_port, timeout=TIMEOUT, **files) as client:
        assert refusal(client, sasl.External("another")) == (REFUSED,)
    client = POP3_SSL("127.0.0.1", server.tls_port, timeout=TIMEOUT)
    try:
        (reason,) = refusal(client, sasl.External())
        assert reason.startswith(b"-ERR [AUTH] Client didn't present")
    finally:
        client.close()


# Without TLS


class FromAfar(POP3):
    """A client that the server does not take for one on its own machine."""

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, (AFAR, 0))


@pytest.fixture
def remote(dovecot_strict):
    client = FromAfar("127.0.0.1", dovecot_strict.port, timeout=TIMEOUT)
    yield client
    client.close()


def test_what_shows_the_password_is_refused_without_tls(dovecot_strict, remote):
    mailbox = dovecot_strict.mailbox([MESSAGE])
    token = jwt.token(mailbox.user)
    offered = {*remote.capa()["SASL"]}
    for mechanism in (
        sasl.Plain(mailbox.user, mailbox.password),
        sasl.Login(mailbox.user, mailbox.password),
        sasl.XOAuth2(mailbox.user, token),
        sasl.OAuthBearer(mailbox.user, token),
    ):
        assert mechanism.name not in offered
        (reason,) = refusal(remote, mechanism)
        assert IS_SHOWN.match(reason)
    with pytest.raises(error_proto, match=" authentication disallowed "):
        remote.user(mailbox.user)
    remote.auth(sasl.ScramSHA256(mailbox.user, mailbox.password))
    assert remote.stat() == (1, 20)


def test_it_is_not_refused_after_stls(dovecot_strict, remote):
    mailbox = dovecot_strict.mailbox([MESSAGE])
    remote.stls()
    remote.auth(sasl.Plain(mailbox.user, mailbox.password))
    assert remote.stat() == (1, 20)
