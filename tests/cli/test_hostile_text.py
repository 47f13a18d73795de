"""Headers and certificates of any kind are shown, or what can't be read of them is not."""

import datetime
import encodings.aliases
import ipaddress
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poplib_c._cli import checking, listing
from poplib_c._cli.account import parse

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
