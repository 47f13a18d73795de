"""SCRAM as objects: the examples of the RFCs, and servers that want to be taken for others."""

import base64
import datetime
import hashlib
import pickle

import pytest
import scramp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from secret import SECRET, places_of_secret

from poplib_c import _scram, error_proto, sasl


class Example:
    """An exchange as an RFC shows it."""

    def __init__(self, make, nonce, more, salt, proof, signature):
        self.make = make
        self.nonce = nonce
        self.client_first = f"n,,n=user,r={nonce}".encode()
        self.server_first = f"r={nonce}{more},s={salt},i=4096".encode()
        self.client_final = f"c=biws,r={nonce}{more},p={proof}".encode()
        self.server_final = f"v={signature}".encode()


EXAMPLES = [
    # RFC 5802, section 5
    Example(
        sasl.ScramSHA1,
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    # RFC 7677, section 3
    Example(
        sasl.ScramSHA256,
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]


@pytest.fixture(params=EXAMPLES, ids=["SHA-1", "SHA-256"])
def example(request, monkeypatch):
    """An example whose nonce is what the client chooses."""
    monkeypatch.setattr(_scram.secrets, "token_urlsafe", lambda size: request.param.nonce)
    return request.param


def test_the_examples_of_the_rfcs(example):
    mechanism = example.make("user", "pencil")
    for _ in range(2):
        assert mechanism.initial_response() == example.client_first
        assert mechanism(example.server_first) == example.client_final
        assert mechanism(example.server_final) == b""
        assert mechanism(b"v=") is None
        mechanism.success()


def test_a_server_that_ignores_the_initial_response(example):
    mechanism = example.make("user", "pencil")
    assert mechanism.initial_response() == example.client_first
    assert mechanism(b"") == example.client_first
    assert mechanism(example.server_first) == example.client_final
    with pytest.raises(sasl.SASLError):
        mechanism(b"")


def test_nonces_differ():
    mechanism = sasl.ScramSHA256("user", "pencil")
    messages = {mechanism.initial_response() for _ in range(10)}
    assert len(messages) == 10
    assert all(len(message) > len(b"n,,n=user,r=") + 20 for message in messages)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("a,b=c", b"a=2Cb=3Dc"),
        ("=2C", b"=3D2C"),
        ("Zoë", "Zoë".encode()),
        ("Zoë".encode(), "Zoë".encode()),
        # RFC 4013, section 3; and what becomes a comma by NFKC
        ("I\u00adX", b"IX"),
        ("\u00aa", b"a"),
        ("\u2168", b"IX"),
        ("a\uff0cb", b"a=2Cb"),
    ],
)
def test_names(name, sent):
    message = sasl.ScramSHA1(name, "pencil").initial_response()
    assert message.startswith(b"n,,n=" + sent + b",r=")
    assert _scram.unescape(_scram.escape(str(name))) == str(name)


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\ue000", "\u0221", b"\xff"])
def test_what_saslprep_prohibits(text):
    """RFC 4013, section 3, and the other kinds."""
    for arguments in ((text, "pencil"), ("user", text)):
        with pytest.raises(ValueError, match=r"cannot be sent by SCRAM|must be UTF-8"):
            sasl.ScramSHA256(*arguments).initial_response()


def test_passwords_are_prepared(example):
    """The soft hyphen goes, by SASLprep."""
    for password in ("pen\u00adcil", b"pencil"):
        mechanism = example.make("user", password)
        mechanism.initial_response()
        assert mechanism(example.server_first) == example.client_final


# Servers that are wrong


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "malformed"),
        (b"x", "malformed"),
        (b"\xff", "malformed"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92", "malformed"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=", "malformed"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=-4096", "malformed"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=4096 ", "malformed"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=\xd9\xa4096", "malformed"),
        (b"r={nonce}+,s=???,i=4096", "malformed"),
        (b"r={nonce}+,s=Q,i=4096", "malformed"),
        (b"m=x,r={nonce}+,s=QSXCR+Q6sek8bf92,i=4096", "malformed"),
        (b"r={nonce}\0,s=QSXCR+Q6sek8bf92,i=4096", "malformed"),
        (b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", "malformed"),
        (b"r={nonce},s=QSXCR+Q6sek8bf92,i=4096", "another exchange"),
        (b"r=another,s=QSXCR+Q6sek8bf92,i=4096", "another exchange"),
        (b"r=x{nonce},s=QSXCR+Q6sek8bf92,i=4096", "another exchange"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=4095", "iterations: 4095"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=1", "iterations: 1"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=1000001", "iterations: 1000001"),
        (b"r={nonce}+,s=QSXCR+Q6sek8bf92,i=" + 5000 * b"9", "iterations: 99999999999999999999$"),
    ],
)
def test_a_wrong_first_message(example, message, problem):
    mechanism = example.make("user", SECRET)
    mechanism.initial_response()
    mechanism.initial_response()
    # An empty challenge is only then one too many.
    mechanism(b"")
    with pytest.raises(sasl.SASLError, match=problem) as caught:
        mechanism(message.replace(b"{nonce}", example.nonce.encode()))
    assert not places_of_secret(caught.value)
    with pytest.raises(sasl.SASLError, match="has not proved"):
        mechanism.success()


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"v=" + base64.b64encode(20 * b"x"), "signature is wrong"),
        (b"v=" + base64.b64encode(32 * b"x"), "signature is wrong"),
        (b"v=x", "signature is wrong"),
        (b"v=", "malformed"),
        (b"", "malformed"),
        (b"x", "malformed"),
        (b"\xff", "malformed"),
    ],
)
def test_a_wrong_last_message(example, message, problem):
    mechanism = example.make("user", SECRET)
    mechanism.initial_response()
    mechanism(example.server_first)
    with pytest.raises(sasl.SASLError, match=problem) as caught:
        mechanism(message)
    assert not places_of_secret(caught.value)
    with pytest.raises(sasl.SASLError, match="has not proved"):
        mechanism.success()


def test_the_proof_for_another_password(example):
    """What an impostor has from listening to somebody else's exchange."""
    mechanism = example.make("user", "pencil2")
    mechanism.initial_response()
    mechanism(example.server_first)
    with pytest.raises(sasl.SASLError, match="signature is wrong"):
        mechanism(example.server_final)


def test_success_too_early(example):
    mechanism = example.make("user", SECRET)
    steps = [
        lambda: None,
        mechanism.initial_response,
        lambda: mechanism(b""),
        lambda: mechanism(example.server_first),
    ]
    for count in range(1, len(steps) + 1):
        for step in steps[:count]:
            step()
        with pytest.raises(sasl.SASLError, match="has not proved") as caught:
            mechanism.success()
        assert not places_of_secret(caught.value)


@pytest.mark.parametrize("refusal", [b"e=unknown-user", b"e=invalid-proof,x=y", b"e=no\nreason"])
def test_a_refusal_is_acknowledged(example, refusal):
    """-ERR is to follow; +OK would be an impostor's."""
    for first in (True, False):
        mechanism = example.make("user", "pencil")
        mechanism.initial_response()
        if not first:
            mechanism(example.server_first)
        assert mechanism(refusal) == b""
        assert mechanism(example.server_final) is None
        with pytest.raises(sasl.SASLError, match="has not proved"):
            mechanism.success()


# What it is bound to


class Exporting:
    """A socket's part that SCRAM-PLUS asks: a session of TLS 1.3."""

    def version(self):
        return "TLSv1.3"

    def get_channel_binding(self, kind):
        assert kind in ("tls-exporter", "tls-unique")
        return b"exported"


@pytest.mark.parametrize("make", [sasl.ScramSHA1Plus, sasl.ScramSHA256Plus])
@pytest.mark.parametrize(("user", "password"), [("user", "pencil"), ("a=b,c", "p\u00e4\u00a0,=")])
def test_what_is_bound_by_tls_exporter(monkeypatch, make, user, password):
    """_scram makes the proofs; scramp makes equal ones if the binding has a name that it knows."""
    mechanism = make(user, password, Exporting())
    assert mechanism.initial_response().startswith(b"p=tls-exporter,,n=")
    monkeypatch.setattr(_scram, "EXPORTER", "tls-unique")
    scram = scramp.ScramMechanism(make.name)
    keys = scram.make_auth_info(password)
    for shown in (password, "wrong"):
        mechanism = make(user, shown, Exporting())
        server = scram.make_server(lambda _: keys, channel_binding=("tls-unique", b"exported"))
        server.set_client_first(mechanism.initial_response().decode())
        answer = mechanism(server.get_server_first().encode()).decode()
        if shown == "wrong":
            with pytest.raises(scramp.ScramException):
                server.set_client_final(answer)
        else:
            server.set_client_final(answer)
            assert mechanism(server.get_server_final().encode()) == b""
            mechanism.success()


@pytest.mark.parametrize("final", [b"v=AAAA", b"v=A", b"v==", b"v="])
def test_wrong_messages_where_the_proofs_are_made_here(final):
    mechanism = sasl.ScramSHA256Plus("user", SECRET, Exporting())
    first = b"r=%bx,s=%b,i=4096"
    for salt in (b"c2FsdA==", b"c2FsdA", b"=="):
        nonce = mechanism.initial_response().rpartition(b"r=")[2]
        with pytest.raises(sasl.SASLError) as caught:
            mechanism(first % (nonce, salt))
            mechanism(final)
        assert not places_of_secret(caught.value)


def certificate(key, algorithm):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "poplib_c tests")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)
    return made.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_the_hash_of_a_certificate_is_its_signatures(algorithm):
    key = ec.generate_private_key(ec.SECP256R1())
    der = certificate(key, getattr(hashes, algorithm)())
    assert _scram.certificate_hash(der) == hashlib.new(algorithm, der).digest()


def test_a_certificate_without_a_hash():
    der = certificate(ed25519.Ed25519PrivateKey.generate(), None)

    class Sock:
        def version(self):
            return "TLSv1.3"

        def get_channel_binding(self, kind):
            raise ValueError(kind)

        def getpeercert(self, binary_form):
            assert binary_form
            return der

    with pytest.raises(ValueError, match="no TLS session"):
        sasl.ScramSHA256Plus("user", "pencil", Sock()).initial_response()


def test_the_error():
    error = sasl.SASLError("malformed")
    assert isinstance(error, error_proto)
    assert type(pickle.loads(pickle.dumps(error))) is sasl.SASLError
    assert str(error) == "malformed"


@pytest.mark.parametrize("name", ["set_server_first", "set_server_final"])
def test_no_memory_is_no_fault_of_the_server(example, monkeypatch, name):
    """MemoryError, without what would keep the password: the frames of the library."""

    def fail(client, message):
        raise MemoryError

    monkeypatch.setattr(f"scramp.ScramClient.{name}", fail)
    mechanism = example.make("user", SECRET)
    mechanism.initial_response()
    with pytest.raises(MemoryError) as caught:
        mechanism(example.server_first)
        mechanism(example.server_final)
    assert caught.value.__context__ is None
    assert not places_of_secret(caught.value)


def test_a_signal_while_a_proof_is_made(monkeypatch):
    """A server may have that take a second; what ends it keeps no password."""

    def interrupt(*arguments):
        raise KeyboardInterrupt

    mechanism = sasl.ScramSHA256Plus("user", SECRET, Exporting())
    nonce = mechanism.initial_response().rpartition(b"r=")[2]
    monkeypatch.setattr("hashlib.pbkdf2_hmac", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        mechanism(b"r=%bx,s=QSXCR+Q6sek8bf92,i=1000000" % nonce)
    assert not places_of_secret(caught.value)
