"""Client certificates, and the choice of TLS versions and ciphers."""

import os
import pty
import ssl
from pathlib import Path

import pytest
from certificates import HOSTS
from cryptography.hazmat.primitives import serialization

from .support import TIMEOUT, failed, ok, url
from .test_connections import SCHEMES, context, pin

BOTH = pytest.mark.parametrize("scheme", ["pop3s", "pop3"])


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue(*HOSTS)


@pytest.fixture(scope="module")
def client(authority):
    return authority.issue("alice@example.org")


@pytest.fixture(scope="module")
def locked(client, tmp_path_factory):
    """The client's key with a passphrase."""
    path = tmp_path_factory.mktemp("key") / "key.pem"
    with open(client.key_file, "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open sesame"),
        )
    )
    return path


@pytest.fixture
def strict(serve, authority, certificate):
    """Starts a server for a scheme that wants a client certificate."""

    def strict(scheme, version=None):
        tls = context(certificate)
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(authority.ca_file)
        if version is not None:
            tls.maximum_version = version
        return serve([b"\n"], **{SCHEMES[scheme]: tls})

    return strict


@pytest.mark.parametrize(
    ("command", "scheme", "trust", "together"),
    [
        ("list", "pop3s", "cafile", False),
        ("check", "pop3", "fingerprint", False),
        ("fetch", "pop3s", "fingerprint", True),
        ("fetch", "pop3", "cafile", True),
    ],
)
def test_a_client_certificate(
    user, strict, authority, certificate, client, command, scheme, trust, together
):
    server = strict(scheme)
    cert = ["--cert", client.file, "--key", client.key_file]
    if together:
        both = user.home / "both.pem"
        both.write_text("".join(Path(path).read_text() for path in client[:2]))
        cert = ["--cert", both]
    options = ["--cafile", authority.ca_file]
    if trust == "fingerprint":
        options = ["--fingerprint", pin(certificate)]
    into = ["--maildir", user.maildir] if command == "fetch" else []
    ok(user.run(command, *into, *cert, *options, url(server, scheme=scheme)))


@pytest.mark.parametrize(
    ("scheme", "version"),
    [("pop3s", None), ("pop3s", ssl.TLSVersion.TLSv1_2), ("pop3", None)],
)
def test_no_client_certificate(user, strict, authority, scheme, version):
    place = url(strict(scheme, version), scheme=scheme)
    ended = user.run("list", "--cafile", authority.ca_file, place)
    assert "client certificate" in failed(ended, 69)
    assert "--cert" in ended.stderr
    assert ended.stdout == ""


@BOTH
def test_another_server(user, serve, authority, certificate, client, scheme):
    """With a context of its own, the certificate is verified as without one."""
    server = serve(**{SCHEMES[scheme]: context(certificate)})
    cert = ["--cert", client.file, "--key", client.key_file]
    place = url(server, scheme=scheme)
    ended = user.run("list", *cert, place)
    assert "the server's certificate is refused: unable to get local issuer" in ended.stderr
    other = authority.issue("localhost")
    ended = user.run("list", *cert, "--fingerprint", pin(other), place)
    assert "does not match --fingerprint" in ended.stderr
    assert not any(line.startswith((b"AUTH", b"USER")) for line in server.commands)


@BOTH
@pytest.mark.parametrize(
    ("version", "named"),
    # The ssl module has no tls-exporter, which servers expect with TLS 1.3.
    [(ssl.TLSVersion.TLSv1_2, []), (None, ["--mechanism", "SCRAM-SHA-256-PLUS"])],
)
def test_channel_binding(user, serve, authority, certificate, scheme, version, named):
    tls = context(certificate)
    if version is not None:
        tls.maximum_version = version
    mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
    server = serve(**{SCHEMES[scheme]: tls}, mechanisms=mechanisms)
    where = ["--cafile", authority.ca_file, "--tls-min", "1.2", url(server, scheme=scheme)]
    assert "done, by SCRAM-SHA-256-PLUS" in ok(user.run("check", *named, *where))


def test_a_passphrase(user, strict, authority, client, locked):
    """It is asked for once, however many connections there are."""
    cert = ["--cert", client.file, "--key", locked, "--cafile", authority.ca_file]
    arguments = ["list", *cert, url(strict("pop3s"), scheme="pop3s")]
    told = failed(user.run(*arguments), 64)
    assert told.startswith(f"--key {locked}: the key has a passphrase: run in a terminal")
    command, terminal = pty.openpty()
    try:
        with user.start(*arguments, stdin=terminal, start_new_session=True) as process:
            prompt = f"Passphrase of {locked}: "
            assert process.stderr.read(len(prompt)) == prompt
            os.write(command, b"open sesame\n")
            _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
        assert "Passphrase" not in errors
    finally:
        os.close(command)
        os.close(terminal)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--key", "{key}"], "--key needs --cert"),
        (["--cert", "{missing}"], "--cert {missing}: No such file or directory"),
        (["--cert", "{cert}", "--key", "{missing}"], "--key {missing}: No such file"),
        (["--cert", "{cert}"], "--cert {cert}: the file needs a certificate and its key in PEM"),
        (["--cert", "{cert}", "--key", "{other}"], "the key is not that of the certificate"),
        (["--cert", "{key}", "--key", "{key}"], "--cert needs a certificate in PEM"),
        (["--ciphers", "NO-SUCH"], "--ciphers NO-SUCH: OpenSSL has no such ciphers"),
        (["--ciphers", "aNULL"], "--ciphers aNULL: OpenSSL has no such ciphers"),
        (["--tls-min", "1.4"], "'1.4' is not a TLS version"),
        (["--cert", "{cert}", "--insecure"], "--insecure contradicts --cert"),
    ],
)
def test_wrong_options(user, server, certificate, client, options, told):
    names = {
        "cert": client.file,
        "key": client.key_file,
        "other": certificate.key_file,
        "missing": str(user.home / "missing"),
    }
    scheme = "pop3" if "--insecure" in options else "pop3s"
    ended = user.run("list", *[o.format(**names) for o in options], url(server, scheme=scheme))
    assert ended.returncode == 64
    assert told.format(**names) in ended.stderr
    assert server.commands == []


# Versions and ciphers


@BOTH
def test_the_oldest_version(user, serve, authority, certificate, scheme):
    tls = context(certificate)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    place = url(serve(**{SCHEMES[scheme]: tls}), scheme=scheme)
    trust = ["--cafile", authority.ca_file]
    report = ok(user.run("check", *trust, "--tls-min", "1.2", place))
    assert "TLSv1.2, " in report
    told = failed(user.run("check", *trust, "--tls-min", "1.3", place), 69)
    assert told.startswith("no TLS version in common with the server: ")


@pytest.mark.parametrize(("scheme", "version"), [("pop3s", "1.0"), ("pop3", "1.1")])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_old_server(user, serve, authority, certificate, scheme, version):
    tls = context(certificate)
    tls.set_ciphers("DEFAULT@SECLEVEL=0")
    tls.minimum_version = tls.maximum_version = {
        "1.0": ssl.TLSVersion.TLSv1,
        "1.1": ssl.TLSVersion.TLSv1_1,
    }[version]
    place = url(serve(**{SCHEMES[scheme]: tls}), scheme=scheme)
    trust = ["--cafile", authority.ca_file]
    ended = user.run("check", *trust, "--tls-min", version, place)
    assert ended.returncode == 0, ended
    assert ended.stderr == (
        f"python -m poplib_c: warning: --tls-min {version}: a man in the middle can choose "
        f"TLS {version}, which has known weaknesses, and allows old ciphers and weak "
        "certificates\n"
    )
    told = failed(user.run("check", *trust, place), 69)
    assert told.startswith("no TLS version in common with the server: ")


@pytest.mark.parametrize(
    ("scheme", "ciphers", "warning"),
    [
        ("pop3s", "ECDHE+AES256", None),
        ("pop3", "DEFAULT", None),
        (
            "pop3s",
            "DEFAULT@SECLEVEL=0",
            "--ciphers DEFAULT@SECLEVEL=0: security level 0 allows weak keys, signatures and "
            "ciphers: a man in the middle may be able to get the password and the mail",
        ),
    ],
)
def test_ciphers(user, serve, authority, certificate, scheme, ciphers, warning):
    tls = context(certificate)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    place = url(serve(**{SCHEMES[scheme]: tls}), scheme=scheme)
    ended = user.run("check", "--cafile", authority.ca_file, "--ciphers", ciphers, place)
    assert ended.returncode == 0
    assert "-AES256-" in ended.stdout
    assert ended.stderr == (f"python -m poplib_c: warning: {warning}\n" if warning else "")


@BOTH
def test_no_cipher_in_common(user, serve, authority, certificate, scheme):
    tls = context(certificate)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE-ECDSA-AES128-CCM")
    place = url(serve(**{SCHEMES[scheme]: tls}), scheme=scheme)
    trust = ["--cafile", authority.ca_file]
    told = failed(user.run("check", *trust, place), 69)
    assert told.startswith("the server refuses the TLS handshake: ")
    ok(user.run("check", *trust, "--ciphers", "ECDHE-ECDSA-AES128-CCM", place))


@BOTH
def test_never_without_certificates(user, serve, authority, scheme):
    """With an anonymous cipher anybody could be the server, and no certificate would tell."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ADH@SECLEVEL=0")
    server = serve(**{SCHEMES[scheme]: tls})
    where = ["--cafile", authority.ca_file, "--ciphers", "ALL@SECLEVEL=0"]
    ended = user.run("list", *where, url(server, scheme=scheme))
    assert ended.returncode == 69
    assert not any(line.startswith((b"AUTH", b"USER")) for line in server.commands)
