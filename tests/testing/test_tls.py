"""The test server over TLS and with STLS, by the standard library's poplib and by ssl."""

import contextlib
import functools
import poplib
import socket
import ssl
import subprocess
import sys
import textwrap
import threading

import pytest
from wire import ALICE, FIRST, SECOND, THIRD, TIMEOUT, Wire, drain, over_tls, raw

from poplib_c.testing import POP3Server

# In the server's threads an exception is printed, not raised.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")

BOTH = pytest.mark.parametrize("kind", ["tls", "stls"])


@pytest.fixture
def strict_context(ca):
    """A client's context for which an end without close_notify is an error."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0x80)
    ca.configure_trust(context)
    return context


@pytest.fixture
def dial(strict_context):
    return functools.partial(over_tls, context=strict_context)


@contextlib.contextmanager
def poplib_client(kind, server, context):
    if kind == "tls":
        client = poplib.POP3_SSL(*server.address, timeout=TIMEOUT, context=context)
    else:
        client = poplib.POP3(*server.address, timeout=TIMEOUT)
    try:
        if kind == "stls":
            client.stls(context=context)
        yield client
    finally:
        client.close()


def capabilities(wire):
    assert wire.ask(b"CAPA").startswith(b"+OK")
    return wire.rest().split(b"\r\n")[:-2]


# Sessions


@BOTH
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_every_command_of_poplib(serve, ca, kind, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    ca.configure_trust(context)
    with serve(kind) as server:
        with poplib_client(kind, server, context) as client:
            assert client.sock.version() == version.replace("_", ".")
            client.utf8()
            client.user("alice")
            client.pass_("secret")
            sizes = [len(FIRST), len(SECOND), len(THIRD)]
            assert client.stat() == (3, sum(sizes))
            assert client.list()[1] == [b"%d %d" % pair for pair in enumerate(sizes, 1)]
            assert client.list(2) == b"+OK 2 %d" % len(SECOND)
            assert client.uidl(3) == b"+OK " + client.uidl()[1][2]
            assert client.retr(2)[1:] == (SECOND.split(b"\r\n")[:-1], len(SECOND))
            assert client.top(3, 1)[1] == [b"Subject: three", b"", b"1"]
            assert client.noop().startswith(b"+OK")
            client.dele(1)
            client.rset()
            client.dele(2)
            assert client.quit().startswith(b"+OK")
        assert server.messages == [FIRST, THIRD]
        assert server.commands[-1] == b"QUIT"


@BOTH
def test_apop(serve, client_context, kind):
    with serve(kind) as server, poplib_client(kind, server, client_context) as client:
        with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\] "):
            client.apop("alice", "wrong")
        client.apop("alice", "secret")
        assert client.stat()[0] == 3


@BOTH
def test_ipv6(serve, client_context, kind):
    server = serve(kind, host="::1")
    with server, poplib_client(kind, server, client_context) as client:
        assert client.user("alice").startswith(b"+OK")
        assert client.sock.getpeername()[:2] == server.address


@BOTH
@pytest.mark.parametrize(
    ("message", "transmitted"),
    [
        (SECOND, b"Subject: two\r\n\r\n..\r\n...\r\n..dots\r\nno dots\r\n.\r\n"),
        (bytes(range(256)).replace(b"\n", b"") + b"\n", None),
        (b"x" * 16_383, None),
        (b"x" * 100_000, None),
        (b"line\r\n" * 200_000, None),
        (b"", None),
    ],
    ids=["dots", "octets", "record", "line", "lines", "empty"],
)
def test_messages_are_the_same_octets(serve, dial, kind, message, transmitted):
    with serve(kind, [message]) as server, dial(kind, server) as wire:
        wire.login()
        octets = server.messages[0]
        assert wire.ask(b"RETR 1") == b"+OK %d octets\r\n" % len(octets)
        assert wire.rest() == (transmitted or octets + b".\r\n")


@BOTH
def test_commands_sent_ahead_of_a_slow_reader(serve, dial, kind):
    message = b"Subject: large\r\n\r\n" + b"line\r\n" * 200_000
    with serve(kind, [message]) as server, dial(kind, server) as wire:
        wire.login()
        wire.sock.sendall(b"RETR 1\r\n" * 8 + b"DELE 1\r\nQUIT\r\nNOOP\r\n")
        for _ in range(8):
            assert wire.file.readline() == b"+OK %d octets\r\n" % len(message)
            assert wire.rest() == message + b".\r\n"
        assert [line[:3] for line in wire.file] == [b"+OK", b"+OK"]
        assert server.messages == []


@BOTH
def test_an_octet_at_a_time(serve, dial, kind):
    with serve(kind) as server, dial(kind, server) as wire:
        for octet in b"USER alice\r\nPASS secret\r\nSTAT\r\n":
            wire.sock.sendall(bytes([octet]))
        replies = [wire.file.readline() for _ in range(3)]
    assert replies[2] == b"+OK 3 %d\r\n" % len(FIRST + SECOND + THIRD)


@BOTH
def test_connections_are_served_side_by_side(serve, dial, kind):
    with serve(kind) as server, contextlib.ExitStack() as stack:
        wires = [stack.enter_context(dial(kind, server)) for _ in range(10)]
        for wire in reversed(wires):
            assert b"PIPELINING" in capabilities(wire)


def test_nothing_comes_before_the_handshake(serve):
    with serve("tls") as server, raw("tls", server) as sock:
        sock.settimeout(0.3)
        with pytest.raises(socket.timeout):
            sock.recv(1)


# STLS


def test_stls_is_announced_while_it_is_possible(serve, client_context):
    with serve("stls") as server:
        with Wire(server) as wire:
            before = capabilities(wire)
            wire.ask(b"STLS")
            wire.start_tls(client_context)
            after = capabilities(wire)
            assert before.count(b"STLS") == 1
            assert after == [name for name in before if name != b"STLS"]
            wire.login()
            assert capabilities(wire) == after
        with Wire(server) as wire:
            wire.login()
            assert capabilities(wire) == after


def test_stls_is_refused_after_login(serve):
    with serve("stls") as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"STLS").startswith(b"-ERR")
        assert wire.ask(b"NOOP").startswith(b"+OK")


def test_stls_takes_no_argument(serve):
    with serve("stls") as server, Wire(server) as wire:
        assert wire.ask(b"STLS now").startswith(b"-ERR")
        assert b"STLS" in capabilities(wire)


@BOTH
def test_stls_is_refused_over_tls(serve, dial, kind):
    with serve(kind) as server, dial(kind, server) as wire:
        assert wire.ask(b"STLS").startswith(b"-ERR")
        assert b"STLS" not in capabilities(wire)
        assert wire.login().startswith(b"+OK")
        assert wire.ask(b"STLS").startswith(b"-ERR")
        assert wire.ask(b"NOOP").startswith(b"+OK")


def test_stls_is_unknown_without_a_context():
    with POP3Server(users=ALICE) as server, Wire(server) as wire:
        assert b"STLS" not in capabilities(wire)
        assert wire.ask(b"STLS").startswith(b"-ERR")
        assert wire.login().startswith(b"+OK")


def test_stls_may_be_left_alone(serve):
    with serve("stls") as server, Wire(server) as wire:
        assert wire.login().startswith(b"+OK")
        assert wire.ask(b"STAT").startswith(b"+OK 3 ")


def test_stls_forgets_the_user(serve, client_context):
    with serve("stls") as server, Wire(server) as wire:
        assert wire.ask(b"USER alice").startswith(b"+OK")
        assert wire.ask(b"STLS").startswith(b"+OK")
        wire.start_tls(client_context)
        assert wire.ask(b"PASS secret").startswith(b"-ERR")
        assert wire.login().startswith(b"+OK")


@pytest.mark.parametrize(
    "injected", [b"USER alice\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n", b"XYZZY\r\n" * 300, b"NO"]
)
def test_what_comes_behind_stls_is_thrown_away(serve, client_context, injected):
    with serve("stls") as server, Wire(server) as wire:
        wire.sock.sendall(b"STLS\r\n" + injected)
        assert wire.file.readline().startswith(b"+OK")
        wire.start_tls(client_context)
        assert wire.ask(b"STAT").startswith(b"-ERR")
        assert capabilities(wire)
        assert server.commands == [b"STLS", b"STAT", b"CAPA"]


def test_plain_text_in_place_of_a_handshake_is_no_command(serve):
    with serve("stls") as server, raw("stls", server) as sock:
        sock.sendall(b"USER alice\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n")
        assert b"-ERR" not in drain(sock)
        assert server.commands == [b"STLS"]
        assert server.messages == [FIRST, SECOND, THIRD]


# The end


@BOTH
def test_quit_ends_with_close_notify(serve, dial, kind):
    with serve(kind) as server, dial(kind, server) as wire:
        assert wire.ask(b"QUIT").startswith(b"+OK")
        assert wire.file.read() == b""


@BOTH
def test_idle_connections_end_with_close_notify(serve, dial, kind):
    with serve(kind, timeout=0.5) as server, dial(kind, server) as wire:
        wire.login()
        assert wire.ask(b"DELE 1").startswith(b"+OK")
        assert wire.file.read() == b""
        assert server.messages == [FIRST, SECOND, THIRD]


@BOTH
def test_close_notify_is_answered(serve, dial, kind):
    with serve(kind) as server, dial(kind, server) as wire:
        wire.login()
        wire.sock.sendall(b"DELE 1\r\nQUIT")
        assert wire.file.readline().startswith(b"+OK")
        with wire.sock.unwrap() as plain:
            assert drain(plain) == b""
        assert server.messages == [FIRST, SECOND, THIRD]


@BOTH
@pytest.mark.parametrize("linger", [b"\0" * 8, b"\1\0\0\0\0\0\0\0"], ids=["fin", "rst"])
def test_a_lost_connection_deletes_nothing(serve, dial, kind, linger):
    with serve(kind) as server:
        with dial(kind, server) as wire:
            wire.login()
            wire.ask(b"DELE 1")
            wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with dial(kind, server) as wire:
            assert wire.login().startswith(b"+OK")
            assert wire.ask(b"STAT").startswith(b"+OK 3 ")


@BOTH
def test_octets_that_are_not_tls_end_a_session(serve, dial, kind):
    with serve(kind) as server, dial(kind, server) as wire:
        wire.login()
        wire.ask(b"DELE 1")
        socket.socket.sendall(wire.sock, b"QUIT\r\n")
        with pytest.raises(ssl.SSLError, match="alert"):
            wire.file.read()
        assert server.messages == [FIRST, SECOND, THIRD]


def test_stop_ends_connections_in_every_situation(serve, dial):
    large = b"x\r\n" * 10_000_000
    for kind in ("tls", "stls"):
        threads = threading.active_count()
        with serve(kind, [large]) as server, contextlib.ExitStack() as stack:
            idle, reading, unfinished = (stack.enter_context(dial(kind, server)) for _ in range(3))
            shaking = stack.enter_context(raw(kind, server))
            unfinished.sock.sendall(b"half a comm")
            reading.login()
            reading.sock.sendall(b"RETR 1\r\n")
            assert reading.file.readline().startswith(b"+OK")
            server.stop()
            assert threading.active_count() == threads
            assert drain(shaking) == b""
            for wire in (idle, unfinished):
                with pytest.raises(ssl.SSLError, match=r"(?i)eof"):
                    wire.file.read()
        assert server.messages == [large]


def run(program, *arguments):
    finished = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        timeout=30,
        check=False,
    )
    return finished.returncode, finished.stdout, finished.stderr


@BOTH
def test_nothing_is_left_to_warn_about(tmp_path, ca, kind):
    program = """
        import poplib, socket, ssl, sys
        from poplib_c.testing import POP3Server

        kind, certificate, authority = sys.argv[1:]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        trusting = ssl.create_default_context(cafile=authority)

        def connect(octets):
            sock = socket.create_connection(server.address, timeout=10)
            if kind == "stls":
                sock.recv(512)
                octets = b"STLS\\r\\n" + octets
            sock.sendall(octets)
            return sock

        with POP3Server([b"text"], **{kind: context}) as server:
            for octets in (b"", b"CAPA\\r\\n", b"\\x16\\x03\\x01\\x40\\x00"):
                connect(octets).close()
            sock = connect(b"")
            if kind == "stls":
                sock.recv(512)
            try:
                ssl.create_default_context().wrap_socket(sock, server_hostname="127.0.0.1")
            except ssl.SSLCertVerificationError:
                pass
            clients = []
            for _ in range(2):
                if kind == "tls":
                    client = poplib.POP3_SSL(*server.address, timeout=10, context=trusting)
                else:
                    client = poplib.POP3(*server.address, timeout=10)
                    client.stls(trusting)
                clients.append(client)
            quitting, lost = clients
            quitting.quit()
            shaking = connect(b"")
        lost.close()
        shaking.close()
    """
    certificate, authority = tmp_path / "server.pem", tmp_path / "ca.pem"
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    ca.cert_pem.write_to_path(str(authority))
    assert run(program, kind, str(certificate), str(authority)) == (0, b"", b"")


# Arguments


def test_tls_and_stls_exclude_each_other(server_context):
    with pytest.raises(ValueError, match="exclude"):
        POP3Server(tls=server_context, stls=server_context)


@BOTH
@pytest.mark.parametrize("context", [True, "context", ssl.SSLContext, socket.socket])
def test_a_context_is_an_sslcontext(kind, context):
    with pytest.raises(TypeError, match=rf"\b{kind} must be an ssl.SSLContext"):
        POP3Server(**{kind: context})


@BOTH
def test_a_context_is_for_servers(client_context, kind):
    with pytest.raises(ValueError, match=rf"\b{kind} must be a server's context"):
        POP3Server(**{kind: client_context})


def test_contexts_are_keyword_arguments(server_context):
    with pytest.raises(TypeError):
        POP3Server([], server_context)


def test_ssl_is_imported_for_tls_alone():
    program = """
        import poplib_c.testing, socket, sys

        with poplib_c.testing.POP3Server() as server:
            with socket.create_connection(server.address, timeout=10) as sock:
                assert sock.recv(512).startswith(b"+OK")
        print(*sorted({"ssl", "_ssl"} & set(sys.modules)))
    """
    assert run(program) == (0, b"\n", b"")
