"""Headers, certificates and replies of any kind are shown, or told as an error."""

import contextlib
import datetime
import encodings.aliases
import io
import ipaddress
import json
import tempfile
from types import SimpleNamespace
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import Close, Raw, play

from poplib_c.__main__ import main
from poplib_c._cli import checking, listing
from poplib_c._cli.account import parse

from .support import TIMEOUT, Answers, url

few = settings(max_examples=150, deadline=None)


def is_harmless(value):
    text = json.dumps(value, ensure_ascii=False)
    return all(character.isprintable() or character.isspace() for character in text)


# Headers

CHARSETS = st.sampled_from(sorted(encodings.aliases.aliases.values()))
WORDS = st.builds(
    "=?{}?{}?{}?=".format,
    CHARSETS | st.text(max_size=9),
    st.sampled_from("bqBQx"),
    st.text(max_size=20) | st.text("0123456789ABCDEFabcdef=_+/", max_size=40),
)
DATES = st.from_regex(
    r"(Mon, )?[0-9]{1,5} (Jan|Foo) [0-9]{1,6} [0-9]{1,3}:[0-9]{1,3}(:[0-9]{1,3})? [+-]?[0-9]{1,7}"
)
VALUES = st.lists(WORDS | DATES | st.text(max_size=20), max_size=4).map(" ".join)
HEADERS = st.lists(
    st.tuples(st.sampled_from([b"Subject: ", b"From: ", b"Date: "]), VALUES.map(str.encode)),
    max_size=4,
).map(lambda lines: b"\n".join(map(b"".join, lines)))


@few
@given(HEADERS | st.binary() | st.binary(max_size=50).map(b"Subject: =?utf-8?q?%b?=".__mod__))
@example("Subject: =?ü?q?x?=\n\n".encode())
@example(b"Subject: =?unicode_escape?q?=5Cx?=\nDate: Mon, 1 Jan 2026 0:0 +999999\n\n")
def test_headers(headers):
    found = listing.fields(headers)
    assert is_harmless(found)
    date, sender, subject = (found[name] or "-" for name in ("date", "from", "subject"))
    assert len(listing._row(("1", "1", "a", date, sender, subject), 33)) < 1000


# Certificates

KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = st.lists(
    st.builds(
        x509.NameAttribute,
        st.sampled_from([x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME]),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
        st.sampled_from([_ASN1Type.UTF8String, _ASN1Type.BMPString, _ASN1Type.UniversalString]),
    ),
    max_size=3,
).map(x509.Name)
OIDS = st.sampled_from([x509.ObjectIdentifier("1.2.3"), x509.ObjectIdentifier("2.5.4.3")])
ASCII = st.text(st.characters(max_codepoint=127), max_size=9)
GENERAL_NAMES = st.one_of(
    st.builds(x509.DirectoryName, NAMES),
    st.builds(x509.RegisteredID, OIDS),
    st.builds(x509.OtherName, OIDS, st.just(b"\x0c\x01x")),
    st.builds(x509.IPAddress, st.ip_addresses()),
    *(st.builds(kind, ASCII) for kind in (x509.DNSName, x509.UniformResourceIdentifier)),
)
TIMES = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(9999, 12, 31))
MUTATIONS = st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=3)


@few
@given(NAMES, NAMES, st.lists(GENERAL_NAMES, max_size=3), st.tuples(TIMES, TIMES), MUTATIONS)
def test_certificates(subject, issuer, names, times, mutations):
    der = bytearray(certificate(subject, issuer, names, sorted(times)))
    for place, octet in mutations:
        der[int(place * len(der))] = octet
    report = checking.Report(parse("pop3s://a@b"))
    tls = {"version": "TLSv1.3", "cipher": "x", "begun": "x", "verified": True}
    report.facts.update(
        greeting="+OK", tls=tls, certificate=checking.certificate_facts(bytes(der))
    )
    assert is_harmless(report.facts)
    assert "\nFingerprint: " in report.text()


def certificate(subject, issuer, names, times):
    builder = x509.CertificateBuilder(issuer, subject, KEY.public_key(), 1, *times)
    names = x509.SubjectAlternativeName(names or [x509.DNSName("a")])
    signed = builder.add_extension(names, critical=False).sign(KEY, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def test_names_of_a_certificate():
    directory = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a, b")])
    names = [x509.DirectoryName(directory), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    times = [datetime.datetime(2020, 1, 1), datetime.datetime(9999, 12, 31)]
    facts = checking.certificate_facts(certificate(directory, x509.Name([]), names, times))
    assert facts["names"] == ["commonName=a, b", "127.0.0.1"]
    assert (facts["subject"], facts["issuer"]) == ("commonName=a, b", "")
    assert (facts["not_before"], facts["not_after"]) == ("2020-01-01", "9999-12-31")


# Replies

MAILBOX = {
    "": b"+OK hi <1.2@x>\r\n",
    "CAPA": b"+OK\r\nTOP\r\nUIDL\r\nPIPELINING\r\nSASL SCRAM-SHA-256 CRAM-MD5 PLAIN\r\n.\r\n",
    "AUTH": b"+ \r\n",
    "STAT": b"+OK 3 300\r\n",
    "LIST": b"+OK\r\n1 9\r\n2 300000\r\n3 5\r\n.\r\n",
    "UIDL": b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n",
    "TOP": b"+OK\r\nSubject: x\r\nDate: Thu, 26 Nov 2026 15:12:10 +0100\r\n\r\n.\r\n",
    "RETR": b"+OK\r\nSubject: x\r\n\r\nx\r\n.\r\n",
    "DELE": b"+OK\r\n",
    "QUIT": b"+OK\r\n",
}
COMMANDS = [
    *("", "list", "list --json", "check", "check --json", "fetch --mbox x/mbox --headers 1"),
    *("fetch --delete --since-last --state x/state --eml x/eml", "fetch --maildir x/Mail"),
]
PIECES = st.binary(max_size=3) | st.sampled_from(
    [b"\r\n", b"\r\n.\r\n", b"+OK", b"-ERR [IN-USE]", b"-1", b"9" * 18, b"9" * 19, b"9" * 30]
)


@st.composite
def changed(draw):
    """Some of the replies, with pieces cut out and put in."""
    replies = {}
    for verb in draw(st.sets(st.sampled_from(sorted(MAILBOX)), min_size=1, max_size=3)):
        reply = MAILBOX[verb]
        for _ in range(draw(st.integers(1, 3))):
            start = draw(st.integers(0, len(reply)))
            reply = reply[:start] + draw(PIECES) + reply[start + draw(st.integers(0, 5)) :]
        replies[verb] = reply if reply.endswith(b"\r\n") else reply + b"\r\n"
    return replies


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(COMMANDS), changed())
@example("check", {"AUTH": b"+OK\r\n"})
def test_replies(command, replies):
    """Whatever is wrong ends in a status. A server that waits for a command soon hangs up."""
    replies = {**MAILBOX, **replies}
    with contextlib.ExitStack() as opened:
        directory = opened.enter_context(tempfile.TemporaryDirectory())
        opened.enter_context(mock.patch.dict("os.environ", {"POPLIB_C_PASSWORD": "secret"}))
        output, errors = io.StringIO(), io.StringIO()
        opened.enter_context(contextlib.redirect_stdout(output))
        opened.enter_context(contextlib.redirect_stderr(errors))
        hurry = SimpleNamespace(play=lambda peer: setattr(server, "timeout", 0.2))
        steps = hurry, Raw(replies.pop("")), Answers(**replies), Close()
        server = opened.enter_context(play(*steps, timeout=TIMEOUT))
        given = command.replace("x/", f"{directory}/").split()
        if given:
            given += ["--insecure", "--timeout", "5", url(server)]
        assert main(given or [f"127.0.0.1:{server.port}", "alice", "secret"]) in (
            0,
            1,
            69,
            75,
            76,
            77,
        )
