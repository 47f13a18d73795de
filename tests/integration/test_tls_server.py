"""The servers with TLS are what they are said to be; the client is the standard library's."""

import contextlib
import poplib
import socket
import ssl

import pytest
from certificates import WRONG_HOST

TIMEOUT = 30
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class POP3S(poplib.POP3_SSL):
    """Expects the certificate of expected_name, whatever host it connects to."""

    def __init__(self, expected_name, *arguments, **options):
        self.expected_name = expected_name
        super().__init__(*arguments, **options)

    def _create_socket(self, timeout):
        sock = socket.create_connection((self.host, self.port), timeout)
        return self.context.wrap_socket(sock, server_hostname=self.expected_name)


@pytest.fixture(params=["pop3s", "stls"])
def connect(request):
    """Makes a client that speaks TLS, from the start or by STLS."""
    with contextlib.ExitStack() as stack:

        def connect(server, context, host="localhost", expected_name=None):
            name = expected_name or host
            if request.param == "pop3s":
                client = POP3S(name, host, server.tls_port, timeout=TIMEOUT, context=context)
            else:
                client = poplib.POP3(host, server.port, timeout=TIMEOUT)
            # Not client.close(): that raises after a failed handshake.
            stack.callback(lambda: client.sock.close())
            stack.callback(client.file.close)
            if request.param == "stls":
                client.host = name
                client.stls(context)
            return client

        yield connect


@pytest.fixture
def connect_without_tls():
    with contextlib.ExitStack() as stack:
        yield lambda server: stack.enter_context(
            contextlib.closing(poplib.POP3("localhost", server.port, timeout=TIMEOUT))
        )


def trusting(ca_file, version=None, certificate=None):
    """A context for that version of TLS alone, with a certificate of the client's."""
    context = ssl.create_default_context(cafile=ca_file)
    if version is not None:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    if certificate is not None:
        context.load_cert_chain(certificate.file, certificate.key_file)
    return context


def login(client, server):
    mailbox = server.mailbox([b"Subject: x\n\nbody\n"])
    client.user(mailbox.user)
    client.pass_(mailbox.password)
    return client.stat()


def login_refusal(client, server):
    with pytest.raises(poplib.error_proto) as caught:
        login(client, server)
    return caught.value.args[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions(connect, dovecot, version):
    for host in ("localhost", *dovecot.hosts):
        client = connect(dovecot, trusting(dovecot.ca_file, version), host)
        assert client.sock.version() == version
        assert login(client, dovecot) == (1, 20)


def test_higher_version_is_preferred(connect, dovecot):
    assert connect(dovecot, trusting(dovecot.ca_file)).sock.version() == "TLSv1.3"


def test_stls_is_offered_until_there_is_tls(connect, connect_without_tls, dovecot):
    assert "STLS" in connect_without_tls(dovecot).capa()
    assert "STLS" not in connect(dovecot, trusting(dovecot.ca_file)).capa()


def test_without_tls(connect_without_tls, dovecot_without_tls):
    server = dovecot_without_tls
    assert server.tls_port is None
    client = connect_without_tls(server)
    assert "STLS" not in client.capa()
    with pytest.raises(poplib.error_proto, match="STLS"):
        client.stls(ssl.create_default_context())
    assert login(client, server) == (1, 20)


@pytest.mark.parametrize(
    "version, other, fixture",
    [("TLSv1.2", "TLSv1.3", "dovecot_tls_1_2"), ("TLSv1.3", "TLSv1.2", "dovecot_tls_1_3")],
)
def test_single_version(connect, request, version, other, fixture):
    server = request.getfixturevalue(fixture)
    client = connect(server, trusting(server.ca_file))
    assert client.sock.version() == version
    assert login(client, server) == (1, 20)
    # Dovecot 2.3 closes without an alert.
    with pytest.raises((ssl.SSLError, ConnectionResetError)) as caught:
        connect(server, trusting(server.ca_file, other))
    assert not isinstance(caught.value, ssl.SSLCertVerificationError)


@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificate(connect, dovecot_client_certificates, authority, version):
    server = dovecot_client_certificates
    certificate = authority.issue("client@example.org")
    client = connect(server, trusting(server.ca_file, version, certificate))
    assert login(client, server) == (1, 20)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_client_certificate(connect, dovecot_client_certificates, version):
    server = dovecot_client_certificates
    client = connect(server, trusting(server.ca_file, version))
    assert login_refusal(client, server).startswith(b"-ERR [AUTH]")


@pytest.mark.parametrize("version", VERSIONS)
def test_client_certificate_of_another(connect, dovecot_client_certificates, authority, version):
    server = dovecot_client_certificates
    certificate = authority.self_signed("client.example.org")
    client = connect(server, trusting(server.ca_file, version, certificate))
    assert login_refusal(client, server).startswith(b"-ERR [AUTH]")


def test_client_certificate_needs_tls(connect_without_tls, dovecot_client_certificates):
    client = connect_without_tls(dovecot_client_certificates)
    assert login_refusal(client, dovecot_client_certificates).startswith(b"-ERR")


def verification_error(connect, server, ca_file, **where):
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        connect(server, trusting(ca_file), **where)
    return caught.value.verify_message


def test_unknown_authority(connect, dovecot):
    assert "local issuer" in verification_error(connect, dovecot, None)


def test_expired(connect, dovecot_expired):
    server = dovecot_expired
    assert verification_error(connect, server, server.ca_file) == "certificate has expired"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_wrong_host(connect, dovecot_wrong_host, host):
    server = dovecot_wrong_host
    assert "mismatch" in verification_error(connect, server, server.ca_file, host=host)
    connect(server, trusting(server.ca_file), host, expected_name=WRONG_HOST)


def test_wildcard(connect, dovecot_wildcard):
    server = dovecot_wildcard
    connect(server, trusting(server.ca_file), expected_name="pop.example.org")
    for name in ("example.org", "a.pop.example.org", "localhost", "127.0.0.1"):
        error = verification_error(connect, server, server.ca_file, expected_name=name)
        assert "mismatch" in error, name


def test_self_signed(connect, dovecot_self_signed, authority):
    server = dovecot_self_signed
    assert "self" in verification_error(connect, server, authority.ca_file)
    client = connect(server, trusting(server.ca_file))
    assert login(client, server) == (1, 20)
