"""What servers may do inside a session over TLS."""

import contextlib
import poplib
import select
import socket
import ssl
import subprocess
import threading

import pytest

import poplib_c
from poplib_c import error_proto
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, Call
from .tls import HOST, Relay, contexts, greeted, make_context, versions, wait_readable

MODULES = [poplib, poplib_c]

modules = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


def answer(there, line, *records):
    """The server's part of a command."""
    assert there.recv(100) == line
    for record in records:
        there.sendall(record)


# Records


@modules
@versions
def test_records_of_one_octet(ca, version, module):
    reply = b"+OK\r\n" + b"line\r\n" * 20 + b".\r\n"
    with greeted(make_context(ca, version), module) as (client, there):
        call = Call(answer, there, b"RETR 1\r\n", *(bytes([octet]) for octet in reply))
        assert client.retr(1) == (b"+OK", [b"line"] * 20, 120)
        assert call.end() is None


@modules
@versions
@pytest.mark.parametrize("size", [16383, 16384, 16385])
def test_large_records(ca, version, module, size):
    lines = [b"%d" % number for number in range(50000)]
    reply = b"+OK\r\n" + b"\r\n".join(lines) + b"\r\n.\r\n"
    records = [reply[start : start + size] for start in range(0, len(reply), size)]
    with greeted(make_context(ca, version), module) as (client, there):
        call = Call(answer, there, b"RETR 1\r\n", *records)
        assert client.retr(1)[1] == lines
        assert call.end() is None


@versions
def test_a_long_line(ca, version):
    line = 2**20 * b"x"
    with greeted(make_context(ca, version)) as (client, there):
        call = Call(answer, there, b"RETR 1\r\n", b"+OK\r\n", line + b"\r\n.\r\n")
        assert client.retr(1) == (b"+OK", [line], len(line) + 2)
        assert call.end() is None


def test_half_a_record_is_no_reply(server_context):
    """Before a command there is nothing to read; its reply is in the rest of the record."""
    cut = threading.Event()

    def plan(number, record, send):
        if not cut.is_set():
            send(record)
        else:
            cut.clear()
            rest.append(lambda: send(record[10:]))
            send(record[:10])

    rest = []
    with Relay(None, plan) as relay, greeted(server_context, relay=relay) as (client, there):
        client._putcmd("A")
        answer(there, b"A\r\n", b"+OK a\r\n")
        assert client._getresp() == b"+OK a"
        cut.set()
        there.sendall(b"+OK b\r\n")
        assert wait_readable(client.sock)
        call = Call(client._shortcmd, "B")
        answer(there, b"B\r\n")
        assert call.is_blocked()
        rest[0]()
        assert call.end() == b"+OK b"


# Replies that nobody asked for


@pytest.mark.parametrize("apart", [True, False])
@versions
def test_reply_that_nobody_asked_for(ca, version, apart):
    """In the record of another reply, or in one of its own: the next command is refused."""
    with greeted(make_context(ca, version)) as (client, there):
        records = [b"+OK\r\n", b"+OK 2 320\r\n"]
        call = Call(answer, there, b"NOOP\r\n", *(records if apart else [b"".join(records)]))
        assert client.noop() == b"+OK"
        assert call.end() is None
        for _ in range(2):
            with pytest.raises(error_proto, match=r"out of step: .* nobody asked for"):
                client.stat()
        assert not wait_readable(there, SHORT)


@pytest.mark.parametrize("tickets", [0, 1, 30])
@contexts
def test_session_tickets_are_no_replies(ca, tickets, context):
    server = make_context(ca, ssl.TLSVersion.TLSv1_3)
    server.num_tickets = tickets
    with POP3Server([b"x"], tls=server) as pop:
        client = poplib_c.POP3_SSL(*pop.address, timeout=TIMEOUT, context=context())
        assert client.user("alice").startswith(b"+OK")
        assert client.pass_("secret").startswith(b"+OK")
        assert client.stat() == (1, 3)
        client.quit()


@pytest.fixture
def s_server(authority, unavailable):
    """``openssl s_server``, which changes keys when it is told to, as (address, process)."""

    @contextlib.contextmanager
    def start(version):
        certificate = authority.issue("localhost", HOST)
        with socket.create_server((HOST, 0)) as listener:
            port = listener.getsockname()[1]
        arguments = ["-accept", f"{HOST}:{port}", "-cert", certificate.file]
        arguments += ["-key", certificate.key_file, version, "-crlf", "-naccept", "1"]
        try:
            process = subprocess.Popen(
                ["openssl", "s_server", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
            )
        except FileNotFoundError:
            unavailable("openssl is missing")
        with process:
            try:
                expect(process, b"ACCEPT")
                yield (HOST, port), process
            finally:
                process.kill()

    return start


#: The last that it says of a handshake; of TLS 1.3 OpenSSL 3.5 has other words.
CONNECTED = b"Secure Renegotiation", b"forbids renegotiation"


def expect(process, *texts):
    """Reads what a program says up to one of the texts, all of it."""
    said = bytearray()
    while not any(text in said for text in texts):
        assert select.select([process.stdout], [], [], TIMEOUT)[0], bytes(said)
        octets = process.stdout.read(65536)
        assert octets, bytes(said)
        said += octets
    return bytes(said)


@modules
@pytest.mark.parametrize(
    "version, command", [("-tls1_3", b"k\n"), ("-tls1_3", b"K\n"), ("-tls1_2", b"r\n")]
)
def test_new_keys_between_commands(s_server, module, version, command):
    """KeyUpdate, with and without a request for one in return, and renegotiation."""
    with s_server(version) as (address, process):
        call = Call(connect, module, address)
        expect(process, *CONNECTED)
        process.stdin.write(b"+OK ready\n")
        client = call.end()
        for number in range(3):
            process.stdin.write(command)
            assert wait_readable(client.sock)
            call = Call(client._shortcmd, f"NOOP {number}")
            expect(process, b"NOOP %d" % number)
            process.stdin.write(b"+OK %d\n" % number)
            assert call.end() == b"+OK %d" % number
        client.close()


#: Renegotiations of one connection that are obeyed.
MOST_RENEGOTIATIONS = 32


def test_renegotiation_without_end(s_server):
    """Within one command, which goes on if the server does."""
    with s_server("-tls1_2") as (address, process):
        call = Call(connect, poplib_c, address)
        expect(process, *CONNECTED)
        process.stdin.write(b"+OK ready\n")
        client = call.end()
        call = Call(client.noop)
        expect(process, b"NOOP")
        done, refused = b"SSL_do_handshake -> 1\nRead BLOCK", b"no renegotiation"
        for _ in range(MOST_RENEGOTIATIONS):
            process.stdin.write(b"r\n")
            assert refused not in expect(process, done)
        # One that was asked for in the midst of the one before was part of that.
        for _ in range(MOST_RENEGOTIATIONS):
            process.stdin.write(b"r\n")
            if refused in expect(process, done, refused):
                break
        assert isinstance(call.end(), ssl.SSLError)
        client.close()


def connect(module, address):
    return module.POP3_SSL(*address, timeout=TIMEOUT)


# Certificates of clients


def requiring(ca, version):
    context = make_context(ca, version)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    return context


@versions
def test_client_certificate_that_is_missing(ca, version):
    """TLS 1.3 says so only when the greeting is read."""
    outcomes = []
    for module in MODULES:
        with POP3Server(tls=requiring(ca, version)) as server:
            with pytest.raises(ssl.SSLError) as caught:
                module.POP3_SSL(*server.address, timeout=TIMEOUT)
            outcomes.append((type(caught.value), caught.value.library, caught.value.reason))
    assert outcomes[0] == outcomes[1]
