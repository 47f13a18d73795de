"""The SASL mechanisms as objects: what they say, what they refuse, and that they tell nobody."""

import copy
import os
import pickle
import re
import subprocess
import sys
import textwrap

import pytest
from faults.support import run_program
from manual import DOCS
from secret import SECRET, places_of_secret

from poplib_c import _scram, error_proto, sasl

# Every class with a password or a token, made with the secret.
WITH_SECRET = [
    lambda secret=SECRET: sasl.Plain("alice", secret),
    lambda secret=SECRET: sasl.Login("alice", secret),
    lambda secret=SECRET: sasl.CramMD5("alice", secret),
    lambda secret=SECRET: sasl.XOAuth2("alice", secret),
    lambda secret=SECRET: sasl.OAuthBearer("alice", secret),
    lambda secret=SECRET: sasl.ScramSHA1("alice", secret),
    lambda secret=SECRET: sasl.ScramSHA256("alice", secret),
    lambda secret=SECRET: sasl.ScramSHA1Plus("alice", secret, Bound()),
    lambda secret=SECRET: sasl.ScramSHA256Plus("alice", secret, Bound()),
]


class Bound:
    """A socket's part that SCRAM-PLUS asks: a session of TLS 1.2."""

    def __init__(self, data=b"finished"):
        self.data = data

    def version(self):
        return "TLSv1.2"

    def get_channel_binding(self, kind):
        assert kind == "tls-unique"
        return self.data


# The messages


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        # RFC 4616, section 4
        (sasl.Plain("tim", "tanstaaftanstaaf"), b"\0tim\0tanstaaftanstaaf"),
        (sasl.Plain("Kurt", "xipj3plmq", "Ursel"), b"Ursel\0Kurt\0xipj3plmq"),
        (sasl.Plain("Zoë", b"\xff"), b"\0Zo\xc3\xab\0\xff"),
        (sasl.External(), b""),
        # RFC 4422, appendix A.4
        (sasl.External("fred@example.com"), b"fred@example.com"),
        # RFC 4505, section 3
        (sasl.Anonymous("sirhc"), b"sirhc"),
        # Google's and Microsoft's description
        (
            sasl.XOAuth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"),
            b"user=someuser@example.com\1"
            b"auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1",
        ),
        # RFC 7628, section 4.1
        (
            sasl.OAuthBearer(
                "user@example.com",
                "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
                host="server.example.com",
                port=143,
            ),
            b"n,a=user@example.com,\1host=server.example.com\1port=143\1"
            b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
        ),
        (sasl.OAuthBearer("a,b=c", b"t"), b"n,a=a=2Cb=3Dc,\1auth=Bearer t\1\1"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_one_message(mechanism, message):
    """As an initial response, or as the answer to the first challenge; any number of times."""
    for _ in range(2):
        assert mechanism.initial_response() == message
        assert mechanism(b"") == message
        assert mechanism(b"") is None
        assert mechanism.initial_response() == message
        assert mechanism.prompt(b"go ahead") == message
        assert mechanism.initial_response() == message
        if "OAUTH" not in mechanism.name:
            assert mechanism(b"what?") == message
            assert mechanism(b"what?") is None


def test_one_message_for_who_does_not_know_initial_responses():
    """imaplib and smtplib call the object alone."""
    assert sasl.Plain("tim", "secret")(b"") == b"\0tim\0secret"
    assert sasl.XOAuth2("tim", "secret")(b"") == b"user=tim\1auth=Bearer secret\1\1"
    assert sasl.ScramSHA1("tim", "secret")(b"").startswith(b"n,,n=tim,r=")
    assert sasl.ScramSHA1("tim", "secret")(b"what?") is None


def test_login():
    mechanism = sasl.Login("tim", "pass wörd")
    for _ in range(2):
        assert mechanism.initial_response() is None
        assert mechanism(b"Username:") == b"tim"
        assert mechanism(b"") == b"pass w\xc3\xb6rd"
        assert mechanism(b"Password:") is None
        assert mechanism.prompt(b"Password:") is None


RFC2195 = b"<1896.697170952@postoffice.reston.mci.net>"
RFC2195_RESPONSE = b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_cram_md5():
    mechanism = sasl.CramMD5("tim", "tanstaaftanstaaf")
    for _ in range(2):
        assert mechanism.initial_response() is None
        assert mechanism(RFC2195) == RFC2195_RESPONSE
        assert mechanism(RFC2195) is None
    mechanism.initial_response()
    assert mechanism(b"") is None


def test_cram_md5_where_md5_is_barred(tmp_path, unavailable):
    """OpenSSL 3 asked for algorithms with the property of its FIPS module."""
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text(
        "openssl_conf = conf\n[conf]\nalg_section = algorithms\n"
        "[algorithms]\ndefault_properties = fips=yes\n"
    )
    program = f"""
        import hashlib, hmac, ssl, sys
        from poplib_c import sasl

        try:
            hmac.new(b"key", b"", "md5")
            hashlib.md5(b"")
        except ValueError:
            print("barred")
        else:
            print("MD5 works,", ssl.OPENSSL_VERSION)
        print(sasl.CramMD5("tim", "tanstaaftanstaaf")({RFC2195!r}))
    """
    output = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "OPENSSL_CONF": str(configuration)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
        text=True,
    ).stdout
    state, response = output.splitlines()
    if "OpenSSL 1" in state:
        unavailable(f"MD5 cannot be barred: {state}")
    # Where OpenSSL refuses it, Python 3.14 has one of its own, for HMAC too.
    assert state == "barred" or sys.version_info >= (3, 14)
    assert response == repr(RFC2195_RESPONSE)


# What cannot be sent


@pytest.mark.parametrize(
    "make",
    [
        lambda text: sasl.Plain(text, "p"),
        lambda text: sasl.Plain("u", text),
        lambda text: sasl.Plain("u", "p", text),
        lambda text: sasl.Login(text, "p"),
        lambda text: sasl.Login("u", text),
        lambda text: sasl.CramMD5(text, "p"),
        lambda text: sasl.CramMD5("u", text),
        lambda text: sasl.XOAuth2(text, "t"),
        lambda text: sasl.XOAuth2("u", text),
        lambda text: sasl.XOAuth2("u", lambda: text).initial_response(),
        lambda text: sasl.OAuthBearer(text, "t"),
        lambda text: sasl.OAuthBearer("u", text),
        lambda text: sasl.OAuthBearer("u", "t", host=text),
        lambda text: sasl.External(text),
        lambda text: sasl.Anonymous(text),
        lambda text: sasl.ScramSHA256(text, "p"),
        lambda text: sasl.ScramSHA256("u", text),
    ],
)
def test_what_cannot_be_sent(make):
    for text in ("a\0b", b"a\0b", "\0", "lone \ud800"):
        with pytest.raises(ValueError, match=r"must not contain|cannot be encoded"):
            make(text)
    for value in (1, ["t"], bytearray(b"t")):
        with pytest.raises(TypeError, match="must be str or bytes"):
            make(value)


@pytest.mark.parametrize("control", ["\1", "\n", "\r", "\x7f"])
def test_oauth_takes_no_control_characters(control):
    for make in (sasl.XOAuth2, sasl.OAuthBearer):
        for arguments in (("u" + control, "t"), ("u", "t" + control), ("u", b"t\1")):
            with pytest.raises(ValueError, match="must not contain a control character"):
                make(*arguments)
    assert sasl.Plain("u", "p" + control).initial_response() == b"\0u\0p" + control.encode()


def test_other_arguments():
    with pytest.raises(TypeError, match="port must be an int"):
        sasl.OAuthBearer("u", "t", port="143")
    with pytest.raises(ValueError, match="255"):
        sasl.Anonymous("x" * 256)
    assert sasl.Anonymous("x" * 255).initial_response() == b"x" * 255
    with pytest.raises(ValueError, match="authzid must be empty"):
        sasl.ScramSHA1("u", "p", "other")
    with pytest.raises(ValueError, match="needs a socket with TLS"):
        sasl.ScramSHA1Plus("u", "p", object())
    with pytest.raises(ValueError, match="no TLS session"):
        sasl.ScramSHA1Plus("u", "p", Bound(None)).initial_response()


# OAuth

# RFC 7628, section 4.2; Google's description
BAD_TOKEN = {
    "status": "invalid_token",
    "scope": "example_scope",
    "openid-configuration": "https://example.com/.well-known/openid-configuration",
}
BAD_TOKEN_JSON = (
    b'{"status":"invalid_token","scope":"example_scope",'
    b'"openid-configuration":"https://example.com/.well-known/openid-configuration"}'
)
GOOGLE_JSON = b'{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}\n'


@pytest.mark.parametrize(
    ("make", "answer"), [(sasl.XOAuth2, b""), (sasl.OAuthBearer, b"\1")], ids=["XOAUTH2", "BEARER"]
)
class TestOAuth:
    @pytest.mark.parametrize(
        ("challenge", "error"),
        [
            (BAD_TOKEN_JSON, BAD_TOKEN),
            (
                GOOGLE_JSON,
                {"status": "401", "schemes": "bearer", "scope": "https://mail.google.com/"},
            ),
            (b"{}", {}),
            (b"no token", {"raw": "no token"}),
            (b"[1]", {"raw": "[1]"}),
            (b"\xff", {"raw": "\ufffd"}),
            (b"[" * 100_000, {"raw": "[" * 100_000}),
        ],
    )
    def test_a_refusal(self, make, answer, challenge, error):
        mechanism = make("alice", "token")
        assert mechanism.error is None
        mechanism.initial_response()
        assert mechanism(challenge) == answer
        assert mechanism.error == error
        assert mechanism(challenge) is None
        assert mechanism(b"") is None
        mechanism.initial_response()
        assert mechanism.error is None

    def test_a_token_is_asked_for_at_each_beginning(self, make, answer):
        tokens = iter(["first", b"second"])
        mechanism = make("alice", lambda: next(tokens))
        assert b"Bearer first\1" in mechanism.initial_response()
        assert b"Bearer first\1" in mechanism(b"")
        assert b"Bearer second\1" in mechanism.initial_response()
        with pytest.raises(StopIteration):
            mechanism.initial_response()
        with pytest.raises(StopIteration):
            mechanism(b"")

    def test_a_token_that_cannot_be_sent_is_not_sent_later(self, make, answer):
        tokens = iter(["bad\1", "good"])
        mechanism = make("alice", lambda: next(tokens))
        with pytest.raises(ValueError, match="must not contain"):
            mechanism.initial_response()
        assert b"Bearer good\1" in mechanism(b"")

    def test_a_refusal_with_a_server_that_asks_first(self, make, answer):
        mechanism = make("alice", "token")
        assert mechanism(b"") == make("alice", "token").initial_response()
        assert mechanism(b"{}") == answer


def test_the_error_as_an_exception():
    error = sasl.OAuthError(BAD_TOKEN)
    assert str(error).startswith("status: invalid_token, scope: example_scope, openid-")
    assert isinstance(error, error_proto)
    assert pickle.loads(pickle.dumps(error)).args == (BAD_TOKEN,)


def test_the_error_is_shown_as_text():
    error = sasl.OAuthError({"status": "\x1b[2J\ud800\n", "scope": "\u00fc"})
    assert str(error) == "status: \\x1b[2J\\ud800\\n, scope: \u00fc"


# Secrets


def test_all_mechanisms_are_here_and_in_the_manual():
    classes = {name for name in sasl.__all__ if not name.endswith("Error")}
    without_secret = {"Anonymous", "External"}
    assert {type(make()).__name__ for make in WITH_SECRET} == classes - without_secret
    page = (DOCS / "mechanisms.rst").read_text()
    assert {*re.findall(r"^``(\w+)\(.*\)``  ", page, re.M)} == classes


@pytest.mark.parametrize("make", WITH_SECRET)
def test_objects_do_not_tell(make):
    mechanism = make()
    mechanism.initial_response()
    assert repr(mechanism) == str(mechanism) == f"{type(mechanism).__name__}('alice')"
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="hold a secret") as caught:
            copying(mechanism)
        assert not places_of_secret(caught.value)
    assert repr(sasl.Anonymous("alice")) == "Anonymous()"


@pytest.mark.parametrize("make", WITH_SECRET)
def test_refusals_do_not_tell(make, monkeypatch):
    scram = make().name.startswith("SCRAM")
    refused = [SECRET + "\0", SECRET.encode() + b"\0", SECRET + "\ud800", [SECRET]]
    if scram:
        refused += [SECRET + "\ue000", SECRET.encode() + b"\xff"]  # by SASLprep, and no UTF-8
    for secret in refused:
        with pytest.raises((ValueError, TypeError)) as caught:
            make(secret).initial_response()
        assert not places_of_secret(caught.value), secret
    monkeypatch.setitem(sys.modules, "scramp", None)
    if scram:
        with pytest.raises(ImportError) as caught:
            make()
        assert not places_of_secret(caught.value)


@pytest.mark.parametrize("make", [sasl.XOAuth2, sasl.OAuthBearer])
def test_tokens_that_are_asked_for_are_not_told(make):
    for secret in (SECRET + "\1", [SECRET]):
        with pytest.raises((ValueError, TypeError)) as caught:
            make("alice", lambda secret=secret: secret).initial_response()
        assert not places_of_secret(caught.value)
    with pytest.raises(TypeError) as caught:
        make("alice", SECRET, port=[]) if make is sasl.OAuthBearer else make(SECRET)
    assert not places_of_secret(caught.value)


def test_a_teller_is_found():
    def tell(secret):
        raise KeyError

    with pytest.raises(KeyError) as caught:
        tell(SECRET)
    assert places_of_secret(caught.value, tests_too=True) == ["secret in tell()"]
    assert places_of_secret(ValueError(f"what {SECRET}?"))
    error = ValueError()
    error.__context__ = KeyError(SECRET)
    assert places_of_secret(error)


# SCRAM comes with a library


def test_scramp_is_imported_when_it_is_used():
    program = """
        import sys
        from poplib_c import sasl

        sasl.Plain("u", "p").initial_response()
        before = "scramp" in sys.modules
        sasl.ScramSHA1("u", "p")
        print(before, "scramp" in sys.modules)
    """
    output, _ = run_program(program)
    assert output == "False True\n"


def test_without_scramp(monkeypatch):
    monkeypatch.setitem(sys.modules, "scramp", None)
    for make in (sasl.ScramSHA1, sasl.ScramSHA256):
        with pytest.raises(ImportError, match=r"pip install poplib-c\[scram\]") as caught:
            make("u", "p")
        assert caught.value.name == "scramp"
    with pytest.raises(ImportError, match=r"pip install poplib-c\[scram\]"):
        sasl.ScramSHA1Plus("u", "p", Bound())
    with pytest.raises(ImportError, match=r"pip install poplib-c\[scram\]"):
        _scram.require()
