"""Whole messages from servers of all kinds."""

import io
import os
import socket
import sys

import pytest
from scripted import EACH, C, Close, Pause, Raw, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT, ByLines, ByStatus, Lines, greeted
from .whole import by_any, message

# Each kind of line end, dots, and octets of any value.
SENT = b"a\r\n..b\r\n.c\r\n\r\n...\n\rd\r\r\ne\n\0\x80\xff\r\n..\r\n"
KEPT = b"a\r\n.b\r\n.c\r\n\r\n..\n\rd\r\r\ne\n\0\x80\xff\r\n.\r\n"


@by_any
@pytest.mark.parametrize("cut", [(), EACH])
def test_octets_are_kept(cls, cut):
    """Through a user's methods for lines too: these are not asked."""
    reply = Raw(b"+OK\r\n" + SENT + b".\r\n", cut)
    steps = [step for _ in range(2) for step in (C("RETR 1"), reply)]
    with play(S("+OK ready"), *steps, C("TOP 1 2"), reply, C("NOOP"), S("+OK done")) as server:
        client = greeted(server, cls)
        assert client.retr_bytes(1) == KEPT
        file = io.BytesIO()
        assert client.retr_into(which=1, file=file) == len(KEPT)
        assert file.getvalue() == KEPT
        assert client.top_bytes(1, 2) == KEPT
        assert client.noop() == b"+OK done"
        client.close()


def test_a_server_that_ends_lines_in_lf_cr():
    steps = (C("RETR 1"), Raw(b"+OK\n\ra\n\r..b\n\r.\n\r"), C("NOOP"), Raw(b"+OK\n\r"))
    with play(Raw(b"+OK\n\r"), *steps) as server:
        client = greeted(server)
        assert client.retr_bytes(1) == b"\ra\n\r.b\n"
        assert client.noop() == b"+OK"
        client.close()


@by_any
def test_a_line_of_any_length(cls, monkeypatch):
    line = b"." + 3_000_000 * b"x"
    with play(S("+OK"), C("RETR 1"), message(b"." + line + b"\r\n")) as server:
        client = greeted(server, cls, max_line=1)
        assert client.retr_bytes(1) == line + b"\r\n"
        client.close()


@pytest.mark.parametrize(
    "status",
    [
        b"+OK",
        b"+OK 0 octets",
        b"+OK 1",
        b"+OK 10 20",
        b"+OK -5",
        b"+OK 999999999",
        b"+OK " + 30 * b"9",
    ],
)
@pytest.mark.parametrize("size", [0, 1, 5000, 100_000])
def test_size_is_not_what_the_server_says(status, size):
    data = size * b"x" + b"\r\n" if size else b""
    with play(S("+OK ready"), C("RETR 1"), message(data, status)) as server:
        client = greeted(server)
        received = client.retr_bytes(1)
        assert received == data
        assert sys.getsizeof(received) < size + 200
        client.close()


def test_nothing_is_allocated_for_what_is_only_announced():
    """Address space, not memory: it is not touched."""
    with play(S("+OK ready"), C("RETR 1"), message(b"", b"+OK 4000000000 octets")) as server:
        client = greeted(server)
        with open("/proc/self/statm") as file:
            before = int(file.read().split()[1])
        assert client.retr_bytes(1) == b""
        with open("/proc/self/statm") as file:
            after = int(file.read().split()[1])
        assert (after - before) * os.sysconf("SC_PAGE_SIZE") < 16 * 1024 * 1024
        client.close()


@by_any
def test_refusal(cls):
    refused = S("-ERR no such message")
    steps = [C("RETR 9"), refused, C("TOP 9 1"), refused, C("RETR 9"), refused]
    with play(S("+OK ready"), *steps, C("NOOP"), S("+OK done")) as server:
        client = greeted(server, cls)
        file = io.BytesIO()
        for function in (
            lambda: client.retr_bytes(9),
            lambda: client.top_bytes(9, 1),
            lambda: client.retr_into(9, file),
        ):
            with pytest.raises(error_proto) as caught:
                function()
            assert caught.value.args == (b"-ERR no such message",)
        assert file.getvalue() == b""
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("data", [b"+OK\r\n", b"+OK\r\na\r\n.", b"+OK\r\na\r\n..x", b"+O"])
def test_end_of_stream(data):
    with play(S("+OK ready"), C("RETR 1"), Raw(data), Close()) as server:
        client = greeted(server)
        server_gone = pytest.raises(error_proto, match="-ERR EOF")
        with server_gone:
            client.retr_bytes(1)
        client.close()


def test_timeout_leaves_the_stream():
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\nabc"), Pause(0.5)) as server:
        client = greeted(server, timeout=0.1)
        with pytest.raises(socket.timeout):
            client.retr_bytes(1)
        with pytest.raises(OSError, match="cannot read from timed out object"):
            client.noop()
        client.close()


def test_closed():
    with play(S("+OK ready")) as server:
        client = greeted(server)
        client.close()
        with pytest.raises(AttributeError, match="closed"):
            client.retr_bytes(1)


def test_control_characters():
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(ValueError, match="Control"):
            client.retr_bytes("1\r\nDELE 1")
        client.close()


def test_debug_output(capsys):
    with play(S("+OK ready"), C("RETR 1"), message(b"a\r\n")) as server:
        client = greeted(server)
        client.set_debuglevel(2)
        client.retr_bytes(1)
        client.close()
    assert capsys.readouterr().out == "*cmd* 'RETR 1'\n*put* b'RETR 1'\n*resp* b'+OK'\n"


def test_many_small_messages_that_were_announced_as_large():
    """A process has only so many mappings."""

    def mappings():
        with open("/proc/self/maps") as file:
            return len(file.readlines())

    with Lines(lambda line: b"+OK 99999999 octets\r\nx\r\n.\r\n") as server:
        client = POP3(*server.address, TIMEOUT)
        before = mappings()
        messages = [client.retr_bytes(1) for _ in range(200)]
        assert mappings() - before < 50
        assert set(messages) == {b"x\r\n"}
        client.close()


@pytest.mark.parametrize("cls", [ByLines, ByStatus])
def test_a_reply_nobody_asked_for_is_no_message(cls):
    """Although the user's methods read the others."""
    steps = (C("NOOP"), S("+OK", "+OK", "smuggled", "."))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, cls)
        client.noop()
        with pytest.raises(error_proto, match="a reply that nobody asked for"):
            client.retr_bytes(1)
        client.close()


def test_a_file_that_is_put_in_place_while_the_command_is_sent():
    """It has the reply."""

    class Swapping(POP3):
        def _putcmd(self, line):
            super()._putcmd(line)
            if line == "RETR 1":
                self.kept, self.file = self.file, self.sock.makefile("rb")

    steps = (C("RETR 1"), S("+OK m", "a", "."), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, Swapping)
        assert client.retr_bytes(1) == b"a\r\n"
        assert client.noop() == b"+OK done"
        client.kept.close()
        client.close()
