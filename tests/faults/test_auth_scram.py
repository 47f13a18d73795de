"""SCRAM with auth(): the exchange of RFC 5802, and servers that know no password."""

import pytest
from scripted import C, S
from secret import SECRET, places_of_secret

from poplib_c import _scram, sasl

from .auth import b64, talk
from .support import WAYS

# RFC 5802, section 5
NONCE = "fyko+d2lbbFgONRv9qkxdawL"
WHOLE_NONCE = NONCE + "3rfcNHYJY1ZVvWVs7j"
SERVER_FIRST = f"r={WHOLE_NONCE},s=QSXCR+Q6sek8bf92,i=4096".encode()
PROOF = f"c=biws,r={WHOLE_NONCE},p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=".encode()
SIGNATURE = b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="

FIRST = C(f"AUTH SCRAM-SHA-1 {b64(f'n,,n=user,r={NONCE}'.encode())}")
ASKED = [FIRST, S("+ " + b64(SERVER_FIRST))]
PROVED = [*ASKED, C(b64(PROOF))]


@pytest.fixture(autouse=True)
def example(monkeypatch):
    monkeypatch.setattr(_scram.secrets, "token_urlsafe", lambda size: NONCE)


@pytest.mark.parametrize("cls", WAYS)
def test_the_example_of_the_rfc(cls):
    with talk(*PROVED, S("+ " + b64(SIGNATURE)), C(""), S("+OK in"), cls=cls) as client:
        assert client.auth(sasl.ScramSHA1("user", "pencil")) == b"+OK in"


def test_two_steps():
    """For servers that take no initial response; the object speaks when it is asked."""
    steps = [C("AUTH SCRAM-SHA-1"), S("+ "), C(b64(f"n,,n=user,r={NONCE}".encode()))]
    steps += [ASKED[1], C(b64(PROOF)), S("+ " + b64(SIGNATURE)), C(""), S("+OK in")]
    with talk(*steps) as client:
        assert client.auth("SCRAM-SHA-1", sasl.ScramSHA1("user", "pencil")) == b"+OK in"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (ASKED[:1], b"v=" + SIGNATURE),
        (ASKED[:1], SERVER_FIRST.replace(NONCE.encode(), b"another")),
        (ASKED[:1], SERVER_FIRST.replace(b"4096", b"1")),
        (ASKED[:1], SERVER_FIRST.replace(b"4096", b"99999999")),
        (PROVED, b"v=" + 27 * b"A" + b"="),
        (PROVED, b"v="),
        (PROVED, b""),
        (PROVED, SERVER_FIRST),
    ],
)
def test_an_impostor_is_told_nothing_more(steps, message):
    """The exchange is cancelled, and the connection can go on."""
    steps = [*steps, S("+ " + b64(message)), C("*"), S("-ERR [AUTH] cancelled")]
    with talk(*steps) as client, pytest.raises(sasl.SASLError) as caught:
        client.auth(sasl.ScramSHA1("user", "pencil"))
    assert isinstance(caught.value.args[0], str)


@pytest.mark.parametrize("steps", [ASKED[:1], PROVED])
def test_success_without_a_proof(steps):
    unproved = pytest.raises(sasl.SASLError, match="has not proved")
    with talk(*steps, S("+OK in"), in_step=False) as client, unproved:
        client.auth(sasl.ScramSHA1("user", "pencil"))


def test_the_secret_is_not_told():
    cancelled = [S("+ " + b64(b"nonsense")), C("*"), S("-ERR [AUTH] cancelled")]
    for steps, in_step in (([S("+OK in")], False), (cancelled, True)):
        error = pytest.raises(sasl.SASLError)
        with talk(FIRST, *steps, in_step=in_step) as client, error as caught:
            client.auth(sasl.ScramSHA1("user", SECRET))
        assert not places_of_secret(caught.value)
