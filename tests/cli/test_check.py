"""What a server is, as a report and as JSON."""

import argparse
import json
import re

import pytest
from certificates import HOSTS, PAST
from cryptography import x509
from scripted import Anything, C, Close, S, play

from poplib_c._cli import checking
from poplib_c._cli.account import parse
from poplib_c._cli.arguments import parser

from .support import failed, ok, url
from .test_connections import context, nothing_secret_was_sent, pin

RESTS = {"tls": "pop3s", "stls": "pop3"}


@pytest.fixture
def certificate(authority):
    return authority.issue(*HOSTS)


@pytest.mark.parametrize("kind", RESTS)
def test_report(user, serve, authority, certificate, kind):
    server = serve([b"\n"] * 3, **{kind: context(certificate)})
    place = url(server, scheme=RESTS[kind])
    report = ok(user.run("check", "--cafile", authority.ca_file, place))
    rows = dict(re.split(r": +", line, maxsplit=1) for line in report.splitlines())
    begun = "by STLS" if kind == "stls" else "from the first octet on"
    assert rows["Server"] == place
    assert rows["Greeting"].startswith("+OK POP3 server ready <")
    assert re.fullmatch(rf"TLSv1\.3, TLS_[A-Z0-9_]+, {begun}", rows["TLS"])
    assert rows["Verified"] == "yes"
    assert rows["Issuer"].startswith("organizationName=trustme")
    assert rows["Names"] == "localhost, 127.0.0.1, 0:0:0:0:0:0:0:1"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d to \d{4}-\d\d-\d\d \(\d+ days left\)", rows["Valid"])
    assert rows["Fingerprint"] == pin(certificate)
    assert ("Capabilities before tls" in rows) == (kind == "stls")
    assert "PIPELINING" in rows["Capabilities after tls"]
    assert "PIPELINING" in rows["Capabilities after login"]
    assert rows["Login"] == "done, by PLAIN"
    assert rows["Pipelining"] == "announced, and works"
    assert len(server.messages) == 3


def test_json(user, serve, authority, certificate):
    server = serve(stls=context(certificate))
    facts = json.loads(ok(user.run("check", "--json", "--cafile", authority.ca_file, url(server))))
    assert facts["tls"]["verified"] is True
    assert facts["tls"]["version"] == "TLSv1.3"
    assert facts["capabilities"]["before_tls"]["STLS"] == []
    assert "STLS" not in facts["capabilities"]["after_tls"]
    assert facts["certificate"]["fingerprint"] == pin(certificate)
    assert facts["certificate"]["days_left"] > 0
    assert facts["pipelining"] == {"announced": True, "works": True}
    assert facts["login"] == "done"


def test_without_a_user_there_is_no_login(user, serve, authority, certificate):
    server = serve(tls=context(certificate))
    user.environment.pop("POPLIB_C_PASSWORD")
    place = url(server, scheme="pop3s").replace("alice@", "")
    report = ok(user.run("check", "--cafile", authority.ca_file, place))
    assert re.search(r"^Login: +not tried$", report, re.MULTILINE)
    assert nothing_secret_was_sent(server)


@pytest.mark.parametrize("kind", RESTS)
def test_a_certificate_that_is_refused_is_shown(user, serve, authority, kind):
    server = serve(**{kind: context(authority.issue(*HOSTS, not_after=PAST))})
    place = url(server, scheme=RESTS[kind])
    ended = user.run("check", "--cafile", authority.ca_file, place)
    assert ended.returncode == 69
    assert re.search(r"^Verified: +NO: the server's certificate is refused: ", ended.stdout, re.M)
    assert re.search(r"^Valid: .* to 2001-01-01 \(EXPIRED\)$", ended.stdout, re.MULTILINE)
    assert re.search(r"^Login: +not tried$", ended.stdout, re.MULTILINE)
    assert nothing_secret_was_sent(server)


def test_another_certificate_than_the_pinned_one(user, serve, authority, certificate):
    server = serve(tls=context(certificate))
    other = pin(authority.issue(*HOSTS))
    place = url(server, scheme="pop3s")
    ended = user.run("check", "--fingerprint", other, place)
    assert ended.returncode == 69
    assert f"its fingerprint is {pin(certificate)}" in ended.stdout
    assert nothing_secret_was_sent(server)


def test_a_certificate_that_nobody_verifies(user, serve, certificate):
    place = url(serve(tls=context(certificate)), scheme="pop3s")
    report = user.run("check", "--no-verify", place).stdout
    assert "\nVerified:                 NO: --no-verify\n" in report
    assert "\nLogin:                    done, by CRAM-MD5\n" in report


def test_a_certificate_with_a_directory_name(user, serve, authority):
    directory = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "\x1b[2J")])
    certificate = authority.self_signed("localhost", x509.DirectoryName(directory))
    place = url(serve(tls=context(certificate)), scheme="pop3s")
    report = user.run("check", "--no-verify", place).stdout
    assert re.search(r"^Names: +localhost, commonName=\ufffd\[2J$", report, re.MULTILINE)


def test_without_encryption(user, server):
    ended = user.run("check", "--insecure", url(server))
    assert ended.returncode == 0
    assert "TLS:                      none: the connection is not encrypted\n" in ended.stdout
    assert "Capabilities before tls:  TOP, " in ended.stdout


@pytest.mark.parametrize("with_user", [True, False])
def test_a_server_without_stls(user, server, with_user):
    """What the server has said is reported before the error, also with several mailboxes."""
    place = url(server) if with_user else url(server).replace("alice@", "")
    ended = user.run("check", place)
    assert "the server has no STLS, so no password was sent" in failed(ended, 69)
    rows = dict(re.split(r": +", line, maxsplit=1) for line in ended.stdout.splitlines())
    assert rows["Greeting"].startswith("+OK POP3 server ready <")
    assert "PIPELINING" in rows["Capabilities before tls"]
    assert (rows["Login"], rows["Pipelining"]) == ("not tried", "announced")
    objects = json.loads(user.run("check", "--json", place, place).stdout)
    assert "PIPELINING" in objects[0]["capabilities"]["before_tls"]
    assert objects[0]["error"].startswith("the server has no STLS")
    assert nothing_secret_was_sent(server)


@pytest.mark.parametrize("refusal", [[S("-ERR no")], [S("+OK"), Close()]])
def test_tls_that_fails_after_stls(user, refusal):
    asked = C("CAPA"), S("+OK", "STLS", ".")
    with play(S("+OK hi"), *asked, C("STLS"), *refusal) as server:
        ended = user.run("check", url(server))
    failed(ended, 75 if len(refusal) > 1 else 69)
    assert "Greeting:                +OK hi\n" in ended.stdout
    assert "Capabilities before tls: STLS\n" in ended.stdout


def options(**changed):
    given = parser().parse_args(["check", "--insecure", "--timeout", "5", "pop3://127.0.0.1"])
    return argparse.Namespace(**{**vars(given), **changed})


LISTED, OTHER = ("+OK", "PIPELINING", "."), ("+OK", "PIPELINING", "SASL PLAIN", ".")


@pytest.mark.parametrize(
    ("replies", "works"),
    [
        (LISTED * 3, True),
        (OTHER + LISTED * 2, True),  # A proxy has rewritten the first reply alone.
        (LISTED, False),
        (LISTED * 2, False),
        (LISTED * 4, False),
        (("+OK bye", *LISTED * 3), False),
    ],
)
def test_pipelining(monkeypatch, replies, works):
    """It is broken where replies are missing, doubled or out of order."""
    monkeypatch.setattr(checking, "_PATIENCE", 1)
    asked = [C("CAPA"), S(*LISTED), *[C("CAPA")] * 3, C("QUIT")]
    ended = [S(*replies, "+OK bye"), Close()] if works else [S(*replies), Anything()]
    with play(S("+OK hi"), *asked, *ended) as server:
        report = checking.check(parse(f"pop3://127.0.0.1:{server.port}"), options(), None)
    assert report.facts["pipelining"] == {"announced": True, "works": works}
    works = ", and works" if works else ", but does NOT work"
    assert report.text().endswith(f"announced{works}")


@pytest.mark.parametrize("order", ["01234", "10234", "02134", "01123"])
def test_pipelining_after_a_login(user, order):
    replies = [S(*LISTED), S("+OK 0 0"), S("+OK"), S(*LISTED), S("+OK 0 0")]
    sent = map(C, ["CAPA", "STAT", "NOOP", "CAPA", "STAT", "QUIT"])
    steps = [
        S("+OK"),
        C("CAPA"),
        S(*LISTED),
        C("USER alice"),
        S("+OK"),
        C("PASS secret"),
        S("+OK"),
    ]
    steps += [C("CAPA"), S(*LISTED), *sent, *(replies[int(n)] for n in order), S("+OK"), Close()]
    with play(*steps) as server:
        facts = json.loads(user.run("check", "--json", "--insecure", url(server)).stdout)
    assert facts["pipelining"] == {"announced": True, "works": order == "01234"}


def test_the_mechanism(user, serve, authority, certificate):
    """Which one a login would begin with, and why no better one."""
    server = serve(tls=context(certificate), mechanisms=["PLAIN", "CRAM-MD5"])
    place = url(server, scheme="pop3s").replace("alice@", "")
    for arguments, name, why in (
        (
            ["--cafile", authority.ca_file],
            "PLAIN",
            "the order for verified connections; not listed: SCRAM-SHA-256-PLUS, SCRAM-SHA-256, ",
        ),
        (["--no-verify"], "CRAM-MD5", "the order for unverified connections; not listed: SCRAM-"),
        (["--no-verify", "--mechanism", "APOP"], "APOP", "named by --mechanism"),
        (["--no-verify", "--mechanism", "LOGIN"], "none", "no mechanism to log in that both"),
    ):
        report = user.run("check", *arguments, place).stdout
        (told,) = re.findall(r"^Mechanism: +(.*)$", report, re.MULTILINE)
        assert told.startswith(f"{name}: {why}")


def test_the_mechanism_that_the_server_accepts(user, serve, authority, certificate):
    options = {"mechanisms": ["SCRAM-SHA-256", "PLAIN"], "refused": {"SCRAM-SHA-256": "no"}}
    server = serve(tls=context(certificate), **options)
    arguments = ["--json", "--cafile", authority.ca_file, url(server, scheme="pop3s")]
    facts = json.loads(ok(user.run("check", *arguments)))
    mechanism = facts["mechanism"]
    assert (mechanism["name"], mechanism["accepted"]) == ("SCRAM-SHA-256", "PLAIN")


@pytest.mark.parametrize(
    ("listed", "arguments", "name", "why"),
    [
        (["XOAUTH2", "OAUTHBEARER"], [], "OAUTHBEARER", "the order for tokens"),
        (["XOAUTH2"], [], "XOAUTH2", "the order for tokens; not listed: OAUTHBEARER"),
        (["XOAUTH2"], ["--mechanism", "XOAUTH2"], "XOAUTH2", "named by --mechanism"),
        (["PLAIN"], [], None, "no mechanism to log in that both sides support: the server"),
    ],
)
def test_the_mechanism_for_a_token(user, serve, listed, arguments, name, why):
    server = serve(mechanisms=listed, tokens={"alice": "token"})
    token = ["--oauth2-token-command", "echo token"]
    ended = user.run("check", "--json", "--insecure", *token, *arguments, url(server))
    facts = json.loads(ended.stdout)
    assert (facts["mechanism"]["name"], facts["mechanism"]["accepted"]) == (name, name)
    assert facts["mechanism"]["why"].startswith(why)
    assert (facts["login"] == "done") == (name is not None)


def test_a_server_without_capa():
    with play(S("+OK \x1b]0;hi"), C("CAPA"), S("-ERR no"), C("QUIT"), S("+OK")) as server:
        report = checking.check(parse(f"pop3://127.0.0.1:{server.port}"), options(), None)
    assert report.facts["greeting"] == "+OK \ufffd]0;hi"
    assert report.facts["capabilities"]["before_tls"] is None
    assert report.text().endswith("Pipelining: not announced")
