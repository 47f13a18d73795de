"""A server that floods the client with records of TLS that hold no reply."""

import contextlib
import socket
import ssl
import threading

import pytest

from poplib_c import POP3_SSL, error_proto

from .records import Records, make_context, plain
from .support import GREETING, TIMEOUT, Call, lasts, measures_memory, run_program

LIMIT = 0.5


@pytest.fixture
def flooding(ca, tmp_path):
    """``with flooding(serve) as port``: calls it, with the first connection's records, a function
    that sends, and one that waits for a line."""

    @contextlib.contextmanager
    def run(serve):
        keys = tmp_path / "keys"
        context = make_context(ca, keys)

        def accept():
            connection, _ = listener.accept()
            connection.settimeout(TIMEOUT)
            with context.wrap_socket(connection, server_side=True) as sock, plain(sock) as wire:
                records = Records(sock, keys)
                wire.sendall(records.data(GREETING))
                with contextlib.suppress(ConnectionError, BrokenPipeError):
                    serve(records, wire.sendall, lambda: sock.recv(100))

        with socket.create_server(("127.0.0.1", 0)) as listener:
            call = Call(accept)
            yield listener.getsockname()[1]
            assert call.end(2 * TIMEOUT) is None

    return run


KINDS = ["data", "warning", "key_update", "key_update_requested", "ticket"]
#: Those that OpenSSL takes, as many as come.
TAKEN = KINDS[2:]

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_flood_of_records_in_the_place_of_a_reply(flooding, kind):
    """Too many of a kind are refused; of the others, the time for all of them runs out."""
    over = threading.Event()

    def serve(records, send, hear):
        hear()
        while not over.wait(0.01):
            send(getattr(records, kind)())

    with flooding(serve) as port:
        timeout, error = (LIMIT, socket.timeout) if kind in TAKEN else (TIMEOUT, ssl.SSLError)
        client = POP3_SSL("127.0.0.1", port, timeout=timeout)
        with lasts(0), pytest.raises(error):
            client.noop()
        with pytest.raises(OSError):
            client.noop()
        client.close()
        over.set()


@every_kind
def test_burst_of_records_before_a_reply(flooding, kind):
    """All at once, and then the reply, which is that command's."""
    few, many = 4, 2000

    def serve(records, send, hear):
        for count in (few, many if kind in TAKEN else few):
            hear()
            octets = [getattr(records, kind)() for _ in range(count)]
            send(b"".join(octets) + records.data(b"+OK %d\r\n" % count))
        hear()

    with flooding(serve) as port:
        client = POP3_SSL("127.0.0.1", port, timeout=TIMEOUT)
        assert client.noop() == b"+OK %d" % few
        assert client.noop() == b"+OK %d" % (many if kind in TAKEN else few)
        client.close()


@pytest.mark.parametrize("count", [400, 2000])
def test_reply_behind_a_burst_of_tickets(flooding, count):
    """Sent before its command, it is not taken for that one's: the command is not sent."""
    sent = threading.Event()

    def serve(records, send, hear):
        hear()
        # The more has come, the more the client's system takes unasked.
        send(records.data(b"+OK\r\n") + b"".join(records.data(16000 * b"x") for _ in range(1000)))
        send(records.data(b"\r\n.\r\n"))
        hear()
        done = records.data(b"+OK done\r\n")
        tickets = b"".join(records.ticket() for _ in range(count))
        send(done + tickets + records.data(b"+OK early\r\n"))
        sent.set()
        assert b"NOOP" not in hear()

    with flooding(serve) as port:
        client = POP3_SSL("127.0.0.1", port, timeout=TIMEOUT)
        assert len(client.retr_bytes(1)) > 10_000_000
        assert client.noop() == b"+OK done"
        assert sent.wait(TIMEOUT)
        for _ in range(2):
            with pytest.raises(error_proto, match="out of step: the server sent "):
                client.noop()
        client.close()


MEMORY = """
    import sys
    import poplib_c
    from faults.memory import peak

    client = poplib_c.POP3_SSL("127.0.0.1", int(sys.argv[1]), timeout=20)
    client.noop()
    before = peak() // 2**20
    print(client.noop().decode())
    print(peak() // 2**20 - before)
    client.close()
"""


@measures_memory
def test_memory_for_a_flood_of_tickets(flooding):
    """20 MB of them; those before are not kept."""

    def serve(records, send, hear):
        hear()
        send(records.ticket() + records.data(b"+OK\r\n"))
        hear()
        for _ in range(20):
            send(b"".join(records.ticket() for _ in range(1000)))
        send(records.data(b"+OK done\r\n"))
        hear()

    with flooding(serve) as port:
        output, _ = run_program(MEMORY, port)
    text, mebibytes = output.splitlines()
    assert text == "+OK done"
    assert int(mebibytes) < 4
