"""What servers may do inside a session over TLS, and what the time limit means there."""

import contextlib
import poplib
import select
import socket
import ssl
import subprocess
import threading
import time

import pytest

import poplib_c
from poplib_c import error_proto
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, Call, lasts
from .tls import HOST, Relay, greeted, has_ended, make_context, wait_readable

MODULES = [poplib, poplib_c]
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

versions = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
modules = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
unverified = ssl._create_unverified_context


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
@pytest.mark.parametrize("context", [lambda: None, unverified], ids=["own", "context"])
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
    """KeyUpdate, with and without a request to do the same, and renegotiation: no replies."""
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


@versions
def test_client_certificate(authority, ca, version):
    certificate = authority.issue("alice@example.org")
    with POP3Server(tls=requiring(ca, version)) as server:
        client = poplib_c.POP3_SSL(
            *server.address,
            timeout=TIMEOUT,
            keyfile=certificate.key_file,
            certfile=certificate.file,
        )
        assert client.capa()
        client.quit()


# Time


def check_refused(client, kind, text):
    """Later commands send nothing, and quit() lets go of the socket."""
    sock = client.sock
    for command in (client.noop, client.list, client.stat):
        with lasts(0), pytest.raises(kind, match=text):
            command()
    with lasts(0), pytest.raises(kind, match=text):
        client.quit()
    assert client.sock is client.file is None
    assert sock.fileno() == -1


@versions
@pytest.mark.parametrize("part", [b"", b"+", b"+OK\r\n", b"+OK\r\na\r\n."])
def test_silence_in_a_reply(ca, version, part):
    for module in MODULES:
        with greeted(make_context(ca, version), module) as (client, there):
            client.sock.settimeout(SHORT)
            call = Call(answer, there, b"RETR 1\r\n", part)
            with lasts(0.9 * SHORT), pytest.raises(socket.timeout) as caught:
                client.retr(1)
            assert caught.value.args == ("The read operation timed out",)
            assert call.end() is None
            if module is poplib_c:
                there.sendall(b"\r\n.\r\n+OK late\r\n")
                check_refused(client, OSError, "cannot read from timed out object")
                assert has_ended(there)


@versions
def test_a_server_that_stops_reading(ca, version):
    """A command that was cut within a record is not followed by another."""
    for module in MODULES:
        with greeted(make_context(ca, version), module) as (client, _):
            client.sock.settimeout(SHORT)
            with lasts(0.9 * SHORT), pytest.raises(socket.timeout) as caught:
                client._putline(2**24 * b"x")
            assert caught.value.args == ("The write operation timed out",)
            if module is poplib_c:
                check_refused(client, error_proto, "a command was sent in part")


@versions
def test_timeout_of_each_operation(ca, version):
    """Each record is in time, the whole is not."""

    def reply_slowly():
        assert there.recv(100) == b"RETR 1\r\n"
        for record in (b"+OK\r\n", b"a\r\n", b"b\r\n", b"c\r\n", b".\r\n"):
            time.sleep(0.1)
            there.sendall(record)

    for module in MODULES:
        with greeted(make_context(ca, version), module, timeout=0.3) as (client, there):
            call = Call(reply_slowly)
            with lasts(0.45):
                assert client.retr(1) == (b"+OK", [b"a", b"b", b"c"], 9)
            assert call.end() is None


def test_timeout_changed_between_commands(server_context):
    with greeted(server_context) as (client, there):

        def late():
            assert there.recv(100) == b"NOOP\r\n"
            time.sleep(3 * SHORT)
            there.sendall(b"+OK\r\n")

        for timeout in (TIMEOUT, None):
            client.sock.settimeout(timeout)
            call = Call(late)
            assert client.noop() == b"+OK"
            assert call.end() is None
        client.sock.settimeout(SHORT)
        with lasts(0.9 * SHORT), pytest.raises(socket.timeout):
            client.noop()


@modules
def test_no_timeout(server_context, module):
    with greeted(server_context, module, timeout=None) as (client, there):
        call = Call(client.noop)
        assert call.is_blocked(3 * SHORT)
        answer(there, b"NOOP\r\n", b"+OK\r\n")
        assert call.end() == b"+OK"


@modules
def test_timeout_of_nothing(module):
    with pytest.raises(ValueError, match=r"Non-blocking socket \(timeout=0\) is not supported"):
        module.POP3_SSL(HOST, 1, timeout=0)


@modules
@versions
def test_not_blocking(ca, version, module):
    with greeted(make_context(ca, version), module) as (client, there):
        client.sock.settimeout(0)
        client._putcmd("NOOP")
        with lasts(0), pytest.raises(ssl.SSLWantReadError):
            client._getresp()
        answer(there, b"NOOP\r\n")


def test_not_blocking_with_the_reply_there(server_context):
    with greeted(server_context) as (client, there):
        client.sock.settimeout(0)
        client._putcmd("NOOP")
        answer(there, b"NOOP\r\n", b"+OK\r\n")
        assert wait_readable(client.sock)
        assert client._getresp() == b"+OK"


def test_half_a_record_is_no_reply(server_context):
    """Before a command there is nothing to read; its reply is what comes behind the rest."""
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
