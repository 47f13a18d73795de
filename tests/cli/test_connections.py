"""Who the server is, and whether anybody else can read: nothing secret is sent before that."""

import base64
import hashlib
import select
import ssl

import pytest
from certificates import HOSTS, PAST, WRONG_HOST
from scripted import C, Close, S, play

from poplib_c._cli.connection import fingerprint
from poplib_c.testing.session import Session

from .support import failed, numbered, ok, url

SCHEMES = {"pop3s": "tls", "pops": "tls", "pop3": "stls", "pop": "stls"}


def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate.file, certificate.key_file)
    return made


@pytest.fixture(scope="module")
def certificates(authority):
    return {
        "good": authority.issue(*HOSTS),
        "expired": authority.issue(*HOSTS, not_after=PAST),
        "wrong": authority.issue(WRONG_HOST),
    }


@pytest.fixture
def secure(serve, certificates):
    """secure(scheme, name): a server with one message and that certificate, and its URL."""

    def secure(scheme="pop3s", name="good"):
        kind = {SCHEMES[scheme]: context(certificates[name])}
        server = serve([b"Subject: s\n\n"], **kind)
        return server, url(server, scheme=scheme)

    return secure


def pin(certificate):
    with open(certificate.file, encoding="ascii") as file:
        pem = file.read().partition("-----END CERTIFICATE-----\n")
    der = ssl.PEM_cert_to_DER_cert(pem[0] + pem[1])
    return "sha256:" + hashlib.sha256(der).hexdigest()


def nothing_secret_was_sent(server):
    return not any(
        line.startswith((b"USER", b"PASS", b"AUTH", b"APOP")) for line in server.commands
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_verified(user, secure, authority, scheme):
    _, place = secure(scheme)
    trust = ["--cafile", authority.ca_file]
    if scheme in ("pops", "pop"):
        user.environment["SSL_CERT_FILE"] = authority.ca_file
        trust = []
    ok(user.fetch(*trust, "--maildir", user.maildir, place))


@pytest.mark.parametrize(
    ("scheme", "name", "trusted", "why", "cure"),
    [
        (
            *("pop3s", "good", False, "unable to get local issuer certificate"),
            "; to trust it, use --cafile, or --fingerprint, with the value that 'check' prints",
        ),
        (
            *("pop3", "expired", True, "certificate has expired"),
            "to trust it, use --fingerprint without --cafile, with the value that 'check' prints",
        ),
        (
            *("pop3s", "wrong", True, "IP address mismatch"),
            "; connect by one of those names, or use --fingerprint without --cafile",
        ),
    ],
)
def test_refused_certificates(user, secure, authority, scheme, name, trusted, why, cure):
    server, place = secure(scheme, name)
    trust = ["--cafile", authority.ca_file] if trusted else []
    told = failed(user.fetch(*trust, "--maildir", user.maildir, place), 69)
    assert "the server's certificate is refused: " in told
    assert why in told
    assert told.endswith(cure)
    assert nothing_secret_was_sent(server)


@pytest.mark.parametrize("scheme", ["pop3s", "pop3"])
def test_pinned(user, secure, certificates, authority, scheme):
    """Even an expired one of somebody else's; with --cafile both must hold."""
    server, place = secure(scheme, "expired")
    into = ["--maildir", user.maildir, place]
    ok(user.fetch("--fingerprint", pin(certificates["expired"]), *into))
    colons = ":".join(pin(certificates["expired"])[7:][n : n + 2] for n in range(0, 64, 2))
    ok(user.fetch("--fingerprint", f"SHA256 Fingerprint={colons.upper()}", *into))
    server.commands.clear()
    told = failed(user.fetch("--fingerprint", pin(certificates["good"]), *into), 69)
    assert "does not match --fingerprint, so no password was sent: its fingerprint is " in told
    assert nothing_secret_was_sent(server)
    both = ["--fingerprint", pin(certificates["expired"]), "--cafile", authority.ca_file]
    assert "certificate has expired" in failed(user.fetch(*both, *into), 69)


HEX = hashlib.sha256(b"").hexdigest()
PAIRS = [HEX[n : n + 2] for n in range(0, 64, 2)]


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper(),
        f"sha256:{HEX}",
        f"SHA256:{HEX}",
        f"SHA-256: {HEX}",
        ":".join(PAIRS).upper(),
        " ".join(PAIRS),
        "sha256 Fingerprint=" + ":".join(PAIRS).upper() + "\n",
        "SHA256 Fingerprint=" + ":".join(PAIRS).upper(),
    ],
)
def test_fingerprints(text):
    assert fingerprint(text) == HEX


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (base64.b64encode(bytes(range(32))).decode(), "pins of public keys"),
        ("pin-sha256=" + base64.b64encode(bytes(range(32))).decode(), "pins of public keys"),
        ("sha256//" + base64.b64encode(bytes(range(32))).decode(), "pins of public keys"),
        ("SHA1 Fingerprint=" + ":".join(PAIRS[:20]), "by SHA-1, and SHA-256 is needed"),
        (HEX + HEX, "by SHA-512, and SHA-256 is needed"),
        (HEX[:-1], "a fingerprint has 64 hexadecimal digits"),
        (f"md5:{HEX}", "a fingerprint has 64 hexadecimal digits"),
        ("", "a fingerprint has 64 hexadecimal digits"),
    ],
)
def test_no_fingerprints(user, server, text, told):
    ended = user.run("list", "--fingerprint", text, url(server, scheme="pop3s"))
    assert ended.returncode == 64
    assert told in ended.stderr


@pytest.mark.parametrize("scheme", ["pop3s", "pop3"])
def test_not_verified(user, secure, scheme):
    _, place = secure(scheme, "expired")
    ended = user.fetch("--no-verify", "--maildir", user.maildir, place)
    assert ended.returncode == 0
    assert ended.stderr == (
        "python -m poplib_c: warning: --no-verify: the server's identity is not checked; a man in "
        "the middle can get the password and the mail\n"
    )


@pytest.mark.row("Encryption")
def test_no_stls(user, server):
    told = failed(user.fetch("--maildir", user.maildir, url(server)), 69)
    assert "the server has no STLS, so no password was sent: use pop3s:// (usually" in told
    assert nothing_secret_was_sent(server)


@pytest.mark.row("Encryption")
def test_stls_that_was_taken_out_on_the_way(user):
    with play(S("+OK"), C("CAPA"), S("+OK", "TOP", "."), timeout=10) as server:
        told = failed(user.fetch("--maildir", user.maildir, url(server)), 69)
    assert "the server has no STLS" in told


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("fetch", []),
        ("fetch", ["--tls-min", "1.2"]),
        ("fetch", ["--source", "127.0.0.1"]),
        ("check", []),
        ("list", []),
    ],
)
def test_a_port_without_tls(user, server, command, options):
    into = ["--maildir", user.maildir] if command == "fetch" else []
    told = failed(user.run(command, *into, *options, url(server, scheme="pop3s")), 76)
    assert "the server does not speak TLS on this port: try pop3://" in told


def test_a_tls_port_that_closes_at_once(user):
    with play(Close()) as server:
        told = failed(user.fetch("--maildir", user.maildir, url(server)), 75)
    assert "ended the connection before the greeting: if port " in told


def test_no_certificate_without_encryption(user, server, certificates):
    """A certificate that is asked for by name is not left unseen."""
    pinned = "--insecure", "--fingerprint", pin(certificates["good"])
    told = failed(user.fetch(*pinned, "--maildir", user.maildir, url(server)), 64)
    assert told == "--insecure contradicts --fingerprint: without TLS there is no certificate"
    assert server.commands == []


def test_no_such_file_of_certificates(user, secure):
    missing = user.home / "ca"
    told = failed(user.fetch("--cafile", missing, "--maildir", user.maildir, secure()[1]), 64)
    assert told == f"--cafile {missing}: No such file or directory"
    (user.home / "accounts").write_text(f'[account.work]\nurl = "{secure()[1]}"\n')
    given = "-c", user.home / "accounts", "--maildir", user.maildir
    assert failed(user.fetch(*given, "--cafile", missing), 64) == told


def test_ipv6(user, serve):
    server = serve([b"Subject: s\n\n"], host="::1")
    assert user.fetch("--insecure", "--maildir", user.maildir, url(server)).returncode == 0


def test_nobody_there(user, server):
    server.stop()
    told = failed(user.fetch("--maildir", user.maildir, url(server, scheme="pop3s")), 69)
    assert told.endswith(": Connection refused")


@pytest.mark.parametrize("options", [[], ["--no-pipelining"]])
@pytest.mark.parametrize("command", ["fetch", "check", "list"])
def test_commands_ahead_of_replies(user, serve, monkeypatch, command, options):
    ahead = []

    class Watching(Session):
        def _execute(self, line):
            if select.select([self._channel._sock], [], [], 0.2)[0] or self._channel._received:
                ahead.append(line)
            return super()._execute(line)

    monkeypatch.setattr("poplib_c.testing.Session", Watching)
    into = ["--maildir", user.maildir] if command == "fetch" else []
    server = serve(numbered(3))
    ended = user.run(command, "--insecure", *options, *into, url(server))
    assert ended.returncode == 0
    assert bool(ahead) == (not options)
