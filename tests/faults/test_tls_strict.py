"""What must not weaken TLS that was asked for."""

import socket
import ssl
import threading

import pytest
import trustme
from scripted import C, RefusedTLS, S, StartTLS, play

import poplib_c

from .support import TIMEOUT, lasts

READY = S("+OK ready")


@pytest.mark.parametrize("touched", [False, True])
def test_a_context_from_before_does_not_stand_in_for_verify(server_context, tmp_path, touched):
    """The constructor is called again, with more to ask for."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    options = {} if touched else {"context": ssl._create_unverified_context()}
    with play(StartTLS(server_context), READY) as server:
        client = poplib_c.POP3_SSL(server.host, server.port, timeout=TIMEOUT, **options)
        assert client.context is not None
        client.close()
    with play(RefusedTLS(server_context)) as server, pytest.raises(ssl.SSLCertVerificationError):
        client.__init__(server.host, server.port, timeout=TIMEOUT, verify=str(other))


def test_keys_of_the_dict_may_replace_it(ca, tmp_path):
    """They are compared with ``context``, whose hash they share."""
    trust = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(trust))
    client = poplib_c.POP3_SSL.__new__(poplib_c.POP3_SSL)

    class Key(str):
        __slots__ = ()

        def __eq__(self, other):
            client.__dict__ = {}
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    client.__dict__ = {Key("context"): None}
    with pytest.raises(ConnectionRefusedError):
        client.__init__("127.0.0.1", _unused_port(), timeout=TIMEOUT, verify=str(trust))


@pytest.mark.parametrize("option", ["verify", "certfile"])
def test_a_context_of_the_class_excludes_options(tmp_path, ca, option):
    class Own(poplib_c.POP3_SSL):
        context = ssl._create_unverified_context()

    identity = tmp_path / "identity.pem"
    ca.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(str(identity))
    value = True if option == "verify" else str(identity)
    with pytest.raises(ValueError, match=option):
        Own("127.0.0.1", 1, **{option: value})


def test_a_common_name_is_no_name_whatever_the_socket(ca, tmp_path, monkeypatch):
    """SSLKEYLOGFILE lets a context of the ssl module's verify."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    trust = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(trust))
    client = poplib_c.POP3_SSL.__new__(poplib_c.POP3_SSL)
    with pytest.raises(ConnectionRefusedError):
        client.__init__("127.0.0.1", _unused_port(), timeout=TIMEOUT, verify=str(trust))
    assert client.context.hostname_checks_common_name is False
    assert client.context.verify_mode == ssl.CERT_REQUIRED


def test_the_least_version_whatever_the_socket(monkeypatch):
    monkeypatch.setattr(poplib_c.ssl, "create_default_context", _old_context)
    client = poplib_c.POP3_SSL.__new__(poplib_c.POP3_SSL)
    with pytest.raises(ConnectionRefusedError):
        client.__init__("127.0.0.1", _unused_port(), timeout=TIMEOUT, verify=True)
    assert client.context.minimum_version == ssl.TLSVersion.TLSv1_2


def _old_context(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


@pytest.mark.parametrize("native", [True, False])
def test_an_authority_that_is_no_root(ca, tmp_path, monkeypatch, native):
    """Who trusts it trusts what it has signed, by our own TLS and by the ssl module's."""
    if not native:
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    between, other = ca.create_child_ca(), ca.create_child_ca()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    between.issue_cert("127.0.0.1").configure_cert(context)
    for authority in (between, other):
        authority.cert_pem.write_to_path(str(tmp_path / f"{id(authority)}.pem"))
    with play(StartTLS(context), READY) as server:
        trust = str(tmp_path / f"{id(between)}.pem")
        client = poplib_c.POP3_SSL(server.host, server.port, timeout=TIMEOUT, verify=trust)
        assert isinstance(client.sock, ssl.SSLSocket) is not native
        client.close()
    with play(RefusedTLS(context)) as server:
        trust = str(tmp_path / f"{id(other)}.pem")
        with pytest.raises(ssl.SSLCertVerificationError):
            poplib_c.POP3_SSL(server.host, server.port, timeout=TIMEOUT, verify=trust)


def _unused_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_a_key_of_another_kind(ca, tmp_path):
    """It is found out before anything is connected."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued = ca.issue_cert("client@example.org", key_type=trustme.KeyType.RSA)
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    other = ca.issue_cert("client@example.org", key_type=trustme.KeyType.ECDSA)
    other.private_key_pem.write_to_path(str(key))
    with pytest.raises(ssl.SSLError, match="no private key for the certificate"):
        poplib_c.POP3_SSL("127.0.0.1", 1, certfile=str(certificate), keyfile=str(key))


class Interrupted(poplib_c.POP3):
    def _getresp(self):
        response = super()._getresp()
        if response == b"+OK begin":
            raise KeyboardInterrupt
        return response


def test_nothing_goes_out_in_plain_text_behind_stls():
    """The server has begun TLS, and the client was interrupted."""
    steps = (READY, C("CAPA"), S("+OK", "STLS", "."), C("STLS"), S("+OK begin"))
    with play(*steps) as server:
        client = Interrupted(server.host, server.port, TIMEOUT)
        with pytest.raises(KeyboardInterrupt):
            client.stls()
        with pytest.raises(AttributeError, match="closed"):
            client.user("secret")
        assert client.sock is None


def test_a_handshake_that_never_pauses_times_out():
    """HelloRequests, which OpenSSL skips, as fast as they are taken."""
    flood = 64 * (b"\x16\x03\x03\x40\x00" + 16384 * b"\0")
    ended = threading.Event()

    def send(listener):
        connection, _ = listener.accept()
        with connection:
            try:
                while not ended.is_set():
                    connection.sendall(flood)
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=send, args=(listener,))
        thread.start()
        try:
            with lasts(0), pytest.raises((socket.timeout, ssl.SSLError)):
                poplib_c.POP3_SSL("127.0.0.1", listener.getsockname()[1], timeout=0.5)
        finally:
            ended.set()
            thread.join(TIMEOUT)
