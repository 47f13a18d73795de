"""TLS with real servers: whom poplib_c trusts, and what it raises, as the ssl module would."""

import os
import poplib
import re
import shutil
import socket
import ssl
import subprocess
import sys

import pytest
from certificates import WRONG_HOST

import poplib_c

TIMEOUT = 30


@pytest.fixture
def everywhere(monkeypatch):
    """Every host is this one."""
    create = socket.create_connection

    def here(address, *arguments):
        return create(("127.0.0.1", address[1]), *arguments)

    monkeypatch.setattr(socket, "create_connection", here)


@pytest.fixture(params=["pop3s", "stls"])
def connect(request):
    """connect(module, server, host, **options): a client over TLS; by either way."""
    clients = []

    def connect(module, server, host="localhost", **options):
        if request.param == "pop3s":
            client = module.POP3_SSL(host, server.tls_port, timeout=TIMEOUT, **options)
            clients.append(client)
        else:
            client = module.POP3(host, server.port, timeout=TIMEOUT)
            clients.append(client)
            client.stls(**options)
        return client

    yield connect
    for client in clients:
        # poplib's close() raises after a failed handshake.
        if client.file is not None:
            client.file.close()
            client.sock.close()


def details(error):
    """What tells one error of the ssl module from another."""
    names = ("errno", "library", "reason", "verify_code", "verify_message")
    text = re.sub(r" \(_ssl\.c:\d+\)$", "", error.strerror)
    return type(error), text, *(getattr(error, name) for name in names)


def login(client, server):
    mailbox = server.mailbox([b"Subject: x\n\nbody\n"])
    client.user(mailbox.user)
    client.pass_(mailbox.password)
    return client.stat()


@pytest.fixture
def refusal(connect):
    """refusal(server, host, ca_file): the details of the error by verify=.

    They have to be those by context= through poplib, where the text is not our own.
    """

    def refusal(server, ca_file, host="localhost", own_text=False):
        with pytest.raises(ssl.SSLCertVerificationError) as theirs:
            connect(poplib, server, host, context=ssl.create_default_context(cafile=ca_file))
        with pytest.raises(ssl.SSLCertVerificationError) as ours:
            connect(poplib_c, server, host, verify=ca_file)
        expected, got = details(theirs.value), details(ours.value)
        if own_text:
            # "[...] certificate verify failed: MESSAGE", and MESSAGE.
            assert got[1].startswith(expected[1].rstrip("."))
            assert got[-1].startswith(expected[-1].rstrip("."))
            assert (got[0], *got[2:-1]) == (expected[0], *expected[2:-1])
        else:
            assert got == expected
        return got[-1]

    return refusal


# whom it trusts


def test_a_ca_file(connect, dovecot):
    for host in ("localhost", *dovecot.hosts):
        client = connect(poplib_c, dovecot, host, verify=dovecot.ca_file)
        assert login(client, dovecot) == (1, 20)
        context = ssl.create_default_context(cafile=dovecot.ca_file)
        theirs = connect(poplib, dovecot, host, context=context)
        assert client.sock.getpeercert() == theirs.sock.getpeercert()
        assert client.sock.getpeercert(True) == theirs.sock.getpeercert(True)
        assert client.sock.cipher() == theirs.sock.cipher()


def rehash(directory):
    subprocess.run(["openssl", "rehash", str(directory)], check=True, timeout=30)


def test_a_directory(connect, dovecot, tmp_path):
    shutil.copy(dovecot.ca_file, tmp_path / "ca.pem")
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(poplib_c, dovecot, verify=tmp_path)
    rehash(tmp_path)
    for verify in (tmp_path, str(tmp_path), os.fsencode(tmp_path)):
        assert login(connect(poplib_c, dovecot, verify=verify), dovecot) == (1, 20)


SYSTEM = """
import ssl, sys
import poplib_c
way, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    if way == "pop3s":
        client = poplib_c.POP3_SSL(host, port, timeout=30, verify=True)
    else:
        client = poplib_c.POP3(host, port, timeout=30)
        client.stls(verify=True)
except ssl.SSLCertVerificationError as error:
    print(error.verify_message)
else:
    print(client.sock.getpeercert()["subjectAltName"])
    client.quit()
"""


@pytest.mark.parametrize("way", ["pop3s", "stls"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", None])
def test_the_system(dovecot, tmp_path, way, variable):
    """verify=True; its store is OpenSSL's, which two variables replace."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT_")}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    if variable == "SSL_CERT_FILE":
        env[variable] = dovecot.ca_file
    elif variable == "SSL_CERT_DIR":
        shutil.copy(dovecot.ca_file, tmp_path / "ca.pem")
        rehash(tmp_path)
        env[variable] = str(tmp_path)
    port = dovecot.tls_port if way == "pop3s" else dovecot.port
    output = subprocess.run(
        [sys.executable, "-c", SYSTEM, way, "localhost", str(port)],
        env=env,
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
    ).stdout
    if variable is None:
        assert "unable to get local issuer certificate" in output
    else:
        assert "('DNS', 'localhost')" in output


def test_wildcard(connect, everywhere, refusal, dovecot_wildcard):
    server = dovecot_wildcard
    client = connect(poplib_c, server, "pop.example.org", verify=server.ca_file)
    assert login(client, server) == (1, 20)
    for host in ("example.org", "a.pop.example.org", "localhost", "127.0.0.1"):
        message = refusal(server, server.ca_file, host, own_text=True)
        assert message.endswith("but for: *.example.org")


def test_self_signed(connect, refusal, dovecot_self_signed, authority):
    server = dovecot_self_signed
    assert "self" in refusal(server, authority.ca_file)
    client = connect(poplib_c, server, verify=server.ca_file)
    assert login(client, server) == (1, 20)


def test_unknown_authority(refusal, dovecot, dovecot_self_signed):
    message = refusal(dovecot, dovecot_self_signed.ca_file)
    assert message == "unable to get local issuer certificate"


def test_expired(refusal, dovecot_expired):
    message = refusal(dovecot_expired, dovecot_expired.ca_file)
    assert message == "certificate has expired"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_wrong_host(connect, everywhere, refusal, dovecot_wrong_host, host):
    server = dovecot_wrong_host
    message = refusal(server, server.ca_file, host, own_text=True)
    assert message.endswith(f"is not valid for '{host}', but for: {WRONG_HOST}")
    connect(poplib_c, server, WRONG_HOST, verify=server.ca_file)


@pytest.mark.parametrize(
    "fixture", ["dovecot_expired", "dovecot_wrong_host", "dovecot_self_signed", "dovecot"]
)
def test_without_verification(request, connect, fixture):
    """As poplib: any certificate will do."""
    server = request.getfixturevalue(fixture)
    for module in (poplib, poplib_c):
        client = connect(module, server)
        assert login(client, server) == (1, 20)
        assert client.sock.getpeercert() == {}
        assert client.sock.getpeercert(True)


@pytest.mark.parametrize("content", [b"", b"no certificate\n", None])
def test_a_ca_file_without_certificates(connect, dovecot, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OSError) as theirs:
        ssl.create_default_context(cafile=str(path))
    with pytest.raises(OSError) as ours:
        connect(poplib_c, dovecot, verify=path)
    assert type(ours.value) is type(theirs.value)
    if content is None:
        assert ours.value.filename == str(path)


# versions


@pytest.mark.parametrize("way", ["pop3s", "pop3s context"])
def test_every_message_by_tls_1_2(make_library, messages, dovecot_tls_1_2, way):
    """By TLS 1.3 they come in test_messages.py."""
    mailbox = dovecot_tls_1_2.mailbox([message.stored for message in messages])
    client = make_library("poplib_c", dovecot_tls_1_2, way).login(mailbox)
    assert client.sock.version() == "TLSv1.2"
    wrong = [m.name for n, m in enumerate(messages, 1) if client.retr(n)[1] != m.lines]
    assert not wrong
    client.quit()


# clients' certificates


def login_refusal(client, server):
    with pytest.raises((poplib.error_proto, poplib_c.error_proto)) as caught:
        login(client, server)
    return caught.value.args[0]


def with_certificate(certificate):
    """A context of a client that shows it."""
    context = ssl._create_unverified_context()
    context.load_cert_chain(certificate.file, certificate.key_file)
    return context


def test_client_certificate(connect, dovecot_client_certificates, authority):
    server = dovecot_client_certificates
    certificate = authority.issue("client@example.org")
    files = {"certfile": certificate.file, "keyfile": certificate.key_file}
    context = with_certificate(certificate)
    for client in (
        connect(poplib, server, context=context),
        connect(poplib_c, server, context=context),
        connect(poplib_c, server, **files),
        connect(poplib_c, server, **files, verify=server.ca_file),
    ):
        assert login(client, server) == (1, 20)


def test_no_client_certificate(connect, dovecot_client_certificates):
    server = dovecot_client_certificates
    context = ssl._create_unverified_context()
    for client in (
        connect(poplib, server),
        connect(poplib, server, context=context),
        connect(poplib_c, server),
        connect(poplib_c, server, context=context),
    ):
        assert login_refusal(client, server).startswith(b"-ERR [AUTH]")


def test_client_certificate_of_another(connect, dovecot_client_certificates, authority):
    server = dovecot_client_certificates
    stranger = authority.self_signed("client.example.org")
    context = with_certificate(stranger)
    for client in (
        connect(poplib, server, context=context),
        connect(poplib_c, server, context=context),
        connect(poplib_c, server, certfile=stranger.file, keyfile=stranger.key_file),
    ):
        assert login_refusal(client, server).startswith(b"-ERR [AUTH]")


# the wrong port


@pytest.mark.parametrize("module", [poplib, poplib_c], ids=lambda module: module.__name__)
def test_plain_text_on_the_tls_port(dovecot, module):
    """Both wait for the other to begin."""
    with pytest.raises(socket.timeout):
        module.POP3("localhost", dovecot.tls_port, timeout=0.5)


@pytest.mark.parametrize("context", [False, True])
def test_tls_on_the_plain_port(dovecot, context):
    outcomes = []
    for module in (poplib, poplib_c):
        options = {"context": ssl.create_default_context()} if context else {}
        with pytest.raises(ssl.SSLError) as caught:
            module.POP3_SSL("localhost", dovecot.port, timeout=TIMEOUT, **options)
        error = caught.value
        text = re.sub(r" \(_ssl\.c:\d+\)$", "", error.strerror)
        outcomes.append((type(error), error.errno, error.library, error.reason, text))
    theirs, ours = outcomes
    assert ours == theirs


def test_stls_that_is_not_offered(dovecot_without_tls):
    for module in (poplib, poplib_c):
        client = module.POP3("localhost", dovecot_without_tls.port, timeout=TIMEOUT)
        with pytest.raises(module.error_proto) as caught:
            client.stls()
        assert caught.value.args == ("-ERR STLS not supported by server",)
        assert login(client, dovecot_without_tls) == (1, 20)
        client.quit()
