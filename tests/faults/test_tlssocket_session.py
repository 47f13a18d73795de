"""What a TLSSocket tells of its session, and how TLS ends, beside ssl.SSLSocket."""

import contextlib
import hashlib
import hmac
import os
import socket
import ssl
import tempfile

import pytest

from .support import Call
from .tls import (
    HANDSHAKE,
    KINDS,
    Records,
    Relay,
    kinds,
    make_context,
    pass_on,
    ssl_socket,
    tls_pair,
    tls_socket,
    versions,
)


@contextlib.contextmanager
def paired(make, context, **options):
    here, there = tls_pair(make, context, **options)
    with there, contextlib.closing(here):
        yield here, there


@contextlib.contextmanager
def both(context, **options):
    """A TLSSocket, an SSLSocket, and the server's end of the first."""
    ours, theirs = paired(tls_socket, context, **options), paired(ssl_socket, context, **options)
    with ours as (here, there), theirs as (other, _):
        yield here, other, there


@pytest.fixture(scope="module")
def ca_file(authority):
    return authority.ca_file


# The certificate and the session


@pytest.mark.row("The socket")
@pytest.mark.parametrize("verified", [True, False])
@versions
def test_certificate(ca, ca_file, version, verified):
    context = make_context(ca, version)
    verify = ca_file if verified else None
    with both(context, verify=verify) as (ours, theirs, _):
        assert ours.getpeercert() == theirs.getpeercert()
        assert bool(ours.getpeercert()) is verified
        assert ours.getpeercert(False) == ours.getpeercert()
        der = ours.getpeercert(True)
        assert type(der) is bytes
        assert der == theirs.getpeercert(True) == ours.getpeercert(binary_form=1)


def test_certificate_is_a_new_dict_each_time(server_context, ca_file):
    with paired(tls_socket, server_context, verify=ca_file) as (ours, _):
        certificate = ours.getpeercert()
        certificate.clear()
        assert ours.getpeercert()["subjectAltName"]


@pytest.mark.row("The socket")
@versions
def test_what_was_agreed_on(ca, version):
    context = make_context(ca, version)
    with both(context) as (ours, theirs, there):
        assert ours.version() == theirs.version() == there.version()
        assert ours.cipher() == theirs.cipher() == there.cipher()
        assert ours.compression() is theirs.compression() is None
        assert ours.selected_alpn_protocol() is theirs.selected_alpn_protocol() is None
        assert ours.server_side is theirs.server_side is False
        assert ours.session_reused is theirs.session_reused is False
        assert ours.server_hostname == theirs.server_hostname == "127.0.0.1"


@kinds
def test_what_the_socket_underneath_is_asked(server_context, kind):
    with paired(KINDS[kind], server_context) as (here, there):
        assert here.getpeername() == there.getsockname()
        assert here.getsockname() == there.getpeername()
        assert os.fstat(here.fileno())
        assert (here.family, here.type) == (socket.AF_INET, socket.SOCK_STREAM)
        here.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        with pytest.raises(AttributeError):
            here.no_such_attribute  # noqa: B018


# Channel bindings


@kinds
def test_tls_unique(ca, kind):
    """Both ends of a connection have one binding; two connections have different ones."""
    context = make_context(ca, ssl.TLSVersion.TLSv1_2)
    bindings = set()
    for _ in range(2):
        with paired(KINDS[kind], context) as (here, there):
            binding = here.get_channel_binding()
            assert len(binding) == 12
            assert binding == there.get_channel_binding("tls-unique")
            assert binding == here.get_channel_binding(cb_type="tls-unique")
            bindings.add(binding)
    assert len(bindings) == 2


def test_tls_unique_is_nothing_in_tls_1_3(ca):
    context = make_context(ca, ssl.TLSVersion.TLSv1_3)
    with paired(tls_socket, context) as (ours, _):
        assert ours.get_channel_binding() is None


@versions
def test_server_end_point(ca, version):
    """The certificates of this authority are signed with SHA-256."""
    context = make_context(ca, version)
    with paired(tls_socket, context) as (ours, _):
        digest = hashlib.sha256(ours.getpeercert(True)).digest()
        assert ours.get_channel_binding("tls-server-end-point") == digest


@contextlib.contextmanager
def logged_secrets(context):
    """A dict that has, after the block, what the server logs: {label: [random, secret]}."""
    secrets = {}
    with tempfile.TemporaryDirectory() as folder:
        context.keylog_filename = os.path.join(folder, "keys")
        yield secrets
        with open(context.keylog_filename) as file:
            for line in file:
                if not line.startswith("#"):
                    label, *values = line.split()
                    secrets[label] = [bytes.fromhex(value) for value in values]


LABEL = b"EXPORTER-Channel-Binding"


def expand(digest, secret, info, octets):
    """HKDF-Expand (RFC 5869, section 2.3) up to one block."""
    return hmac.new(secret, info + b"\1", digest).digest()[:octets]


def expand_label(digest, secret, label, value, octets):
    """HKDF-Expand-Label (RFC 8446, section 7.1)."""
    label = b"tls13 " + label
    info = octets.to_bytes(2, "big") + bytes([len(label)]) + label + bytes([len(value)]) + value
    return expand(digest, secret, info, octets)


def digest_of(cipher):
    """The hash of a cipher suite."""
    return getattr(hashlib, cipher[0].replace("-", "_").rpartition("_")[2].lower())


def test_exporter_in_tls_1_3(ca):
    """Computed anew (RFC 8446, section 7.5) from the secret that the server logs."""
    context = make_context(ca, ssl.TLSVersion.TLSv1_3)
    with logged_secrets(context) as secrets, paired(tls_socket, context) as (ours, _):
        binding = ours.get_channel_binding("tls-exporter")
        digest = digest_of(ours.cipher())
    nothing = digest(b"").digest()
    _, secret = secrets["EXPORTER_SECRET"]
    derived = expand_label(digest, secret, LABEL, nothing, digest().digest_size)
    assert binding == expand_label(digest, derived, b"exporter", nothing, 32)


def test_exporter_in_tls_1_2(ca):
    """Computed anew (RFC 5705, section 4) from the master secret that the server logs."""
    context = make_context(ca, ssl.TLSVersion.TLSv1_2)
    received = []

    def plan(number, record, send):
        received.append(record)
        send(record)

    with logged_secrets(context) as secrets, relayed(context, plan) as (ours, _, _):
        binding = ours.get_channel_binding("tls-exporter")
        digest = digest_of(ours.cipher())
    client_random, master = secrets["CLIENT_RANDOM"]
    server_random = received[0][11:43]
    seed = LABEL + client_random + server_random + bytes(2)
    first = hmac.new(master, seed, digest).digest()
    assert binding == hmac.new(master, first + seed, digest).digest()[:32]


def test_exporter_of_two_connections(server_context):
    bindings = set()
    for _ in range(2):
        with paired(tls_socket, server_context) as (ours, _):
            bindings.add(ours.get_channel_binding("tls-exporter"))
    assert [len(binding) for binding in bindings] == [32, 32]


@kinds
@pytest.mark.parametrize("name", ["tls-nothing", "", "TLS-UNIQUE"])
def test_unknown_binding(server_context, kind, name):
    unknown = pytest.raises(ValueError, match="channel binding type not implemented")
    with paired(KINDS[kind], server_context) as (here, _), unknown:
        here.get_channel_binding(name)


# The end of TLS


@kinds
@versions
@pytest.mark.parametrize("first", ["client", "server"])
def test_unwrap(ca, kind, version, first):
    """What follows is plain text, in both directions, by the socket that it returns."""
    with paired(KINDS[kind], make_context(ca, version)) as (here, there):
        there.sendall(b"last")
        assert here.recv(100) == b"last"
        if first == "server":
            call = Call(there.unwrap)
            assert here.recv(100) == b""
            plain = here.unwrap()
        else:
            call = Call(there.recv, 100)
            unwrapping = Call(here.unwrap)
            assert call.end() == b""
            call = Call(there.unwrap)
            plain = unwrapping.end()
        other = call.end()
        plain.sendall(b"plain\r\n")
        assert other.recv(100) == b"plain\r\n"
        other.sendall(b"too\r\n")
        assert plain.recv(100) == b"too\r\n"
        if kind == "SSLSocket":
            assert plain is here
        else:
            for name, argument in [("recv", 1), ("send", b"x"), ("sendall", b"x")]:
                with pytest.raises(ValueError, match=r"^TLS was ended by unwrap\(\)"):
                    getattr(here, name)(argument)
            with pytest.raises(ValueError, match=r"^TLS was ended by unwrap\(\)"):
                here.recv_into(bytearray(1))
        for name in ("version", "cipher", "get_channel_binding"):
            assert getattr(here, name)() is None
        assert here.pending() == 0
        for call in (here.unwrap, here.read, lambda: here.write(b"x")):
            with pytest.raises(ValueError):
                call()


@kinds
@versions
def test_unwrap_with_data_to_be_read(ca, kind, version):
    """An error, and the data is lost."""
    with paired(KINDS[kind], make_context(ca, version)) as (here, there):
        there.sendall(b"unread")
        with pytest.raises(ssl.SSLError) as caught:
            here.unwrap()
        assert type(caught.value) is ssl.SSLError
        assert caught.value.reason == "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"
        assert there.recv(100) == b""


@kinds
def test_unwrap_without_an_answer(server_context, kind):
    with paired(KINDS[kind], server_context) as (here, there):
        here.settimeout(0.1)
        with pytest.raises(socket.timeout) as caught:
            here.unwrap()
        assert caught.value.args == ("The read operation timed out",)
        assert there.recv(100) == b""


def test_unwrap_with_an_end_for_an_answer(server_context):
    with paired(tls_socket, server_context) as (ours, there):
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(ssl.SSLEOFError):
            ours.unwrap()


# What would go past TLS


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.sendto(b"plain", ("127.0.0.1", 9)),
        lambda s: s.sendto(b"plain", 0, ("127.0.0.1", 9)),
        lambda s: s.sendmsg([b"plain"]),
        lambda s: s.sendfile(open(os.devnull, "rb")),  # noqa: SIM115
        lambda s: s.recvfrom(10),
        lambda s: s.recvfrom_into(bytearray(10)),
        lambda s: s.recvmsg(10),
        lambda s: s.recvmsg_into([bytearray(10)]),
        lambda s: s.dup(),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_refused(server_context, call):
    """Nothing is sent, nothing taken away: the session goes on."""
    with paired(tls_socket, server_context) as (ours, there):
        there.sendall(b"received")
        with pytest.raises(NotImplementedError):
            call(ours)
        assert ours.recv(100) == b"received"
        ours.sendall(b"sent")
        assert there.recv(100) == b"sent"


@contextlib.contextmanager
def relayed(context, plan=pass_on):
    """A TLSSocket, the server's end, and the relay between them."""
    with Relay(None, plan) as relay:

        def make(address):
            relay.server = address
            return tls_socket(relay.address)

        with paired(make, context) as (ours, there):
            yield ours, there, relay


@versions
def test_nothing_on_the_wire_is_plain(ca, version):
    """Every octet of a session is in a record, also of one whose calls fail."""
    with relayed(make_context(ca, version)) as (ours, there, relay):
        for octets in (b"PASS tanstaaf\r\n", b"", 9000 * b"tanstaaf "):
            ours.sendall(octets)
            for _ in range(len(octets)):
                assert there.recv(1)
        for name in ("sendto", "sendmsg"):
            with pytest.raises(NotImplementedError):
                getattr(ours, name)([b"tanstaaf"])
        there.shutdown(socket.SHUT_WR)
        assert ours.recv() == b""
        ours.close()
        assert there.recv(100) == b""
        records = [record for _, record in Records().feed(relay.upwards)]
    assert b"".join(records) == relay.upwards
    assert {record[1] for record in records} == {3}
    assert records[0][0] == HANDSHAKE
    assert b"tanstaaf" not in relay.upwards
