"""Whole messages from servers, and into files, of all kinds."""

import contextlib
import io
import os
import socket
import sys
import threading

import pytest
from scripted import EACH, Await, C, Close, Pause, Raw, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT, ByFile, ByLines, ByMethods, ByStatus, Call, Endless

# Each kind of line end, dots, and octets of any value.
SENT = b"a\r\n..b\r\n.c\r\n\r\n...\n\rd\r\r\ne\n\0\x80\xff\r\n..\r\n"
KEPT = b"a\r\n.b\r\n.c\r\n\r\n..\n\rd\r\r\ne\n\0\x80\xff\r\n.\r\n"

by_any = pytest.mark.parametrize("cls", [POP3, ByMethods, ByLines, ByStatus])


def message(data, status=b"+OK"):
    return Raw(status + b"\r\n" + data + b".\r\n")


def greeted(server, cls=POP3, timeout=TIMEOUT, **options):
    return cls(server.host, server.port, timeout, **options)


def fetches(client, number):
    """The message, by each of the methods."""
    yield client.retr_bytes(number)
    file = io.BytesIO()
    yield file.getvalue()[: client.retr_into(number, file)] or file.getvalue()


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


def test_nothing_is_sent_where_the_file_is_another_one():
    with play(S("+OK ready"), C("NOOP"), S("+OK done")) as server:
        client = greeted(server, ByFile)
        for function in (client.retr_bytes, lambda n: client.retr_into(n, io.BytesIO())):
            with pytest.raises(io.UnsupportedOperation, match="whole messages are read from"):
                function(1)
        assert client.noop() == b"+OK done"
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


# --- files ----------------------------------------------------------------------------------


LARGE = b"".join(b"%07d\r\n" % number for number in range(200_000))


@pytest.mark.parametrize("buffering", [0, -1])
def test_file_on_disk(tmp_path, buffering):
    with play(S("+OK ready"), C("RETR 1"), message(b"..\r\n" + LARGE)) as server:
        client = greeted(server)
        with open(tmp_path / "message", "wb", buffering=buffering) as file:
            file.write(b"before\n")
            assert client.retr_into(1, file) == len(LARGE) + 3
            file.write(b"behind\n")
        client.close()
    assert (tmp_path / "message").read_bytes() == b"before\n.\r\n" + LARGE + b"behind\n"


class Writer:
    def __init__(self, answer=lambda data: len(data)):
        self.answer = answer
        self.blocks = []

    def write(self, data):
        assert type(data) is bytes and data
        result = self.answer(data)
        self.blocks.append(data[:result])
        return result


def test_blocks_are_large_and_bounded():
    writer = Writer()
    with play(S("+OK ready"), C("RETR 1"), message(LARGE)) as server:
        client = greeted(server)
        assert client.retr_into(1, writer) == len(LARGE)
        client.close()
    assert b"".join(writer.blocks) == LARGE
    assert max(map(len, writer.blocks)) <= 1024 * 1024
    assert len(writer.blocks) < 1000


@pytest.mark.parametrize(
    "answer", [lambda data: None, lambda data: (len(data) + 1) // 2, lambda data: True]
)
def test_what_write_returns(answer):
    """None is all, as of files before io; an unbuffered one may write a part."""
    writer = Writer(answer)
    with play(S("+OK ready"), C("RETR 1"), message(b"abc\r\n")) as server:
        client = greeted(server)
        assert client.retr_into(1, writer) == 5
        client.close()
    assert b"".join(writer.blocks) == b"abc\r\n"


class Failure(Exception):
    pass


def fail(data):
    raise Failure


@pytest.mark.parametrize("data", [b"a\r\n", LARGE])
@pytest.mark.parametrize(
    "answer, error",
    [
        (fail, Failure),
        (lambda data: 0, OSError),
        (lambda data: -1, OSError),
        (lambda data: len(data) + 1, OSError),
        (lambda data: 2**80, OverflowError),
    ],
)
def test_failing_write_leaves_the_stream_in_step(data, answer, error):
    with play(S("+OK"), C("RETR 1"), message(data), C("NOOP"), S("+OK done")) as server:
        client = greeted(server)
        with pytest.raises(error):
            client.retr_into(1, Writer(answer))
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("buffering", [0, -1])
def test_file_that_takes_no_more(buffering):
    """Also where it is written to directly."""
    out, into = os.pipe()
    os.close(out)
    steps = (C("RETR 1"), message(LARGE), C("NOOP"), S("+OK done"))
    with play(S("+OK"), *steps) as server:
        client = greeted(server)
        file = open(into, "wb", buffering=buffering)  # noqa: SIM115
        with pytest.raises(BrokenPipeError):
            client.retr_into(1, file)
        assert client.noop() == b"+OK done"
        client.close()
        with contextlib.suppress(BrokenPipeError):
            file.close()


def test_failing_write_and_a_message_without_end():
    """Not all of it is read."""
    chunk = 1024 * 1024 * b"x" + b"\r\n"
    steps = (C("RETR 1"), Raw(b"+OK\r\n"), Endless(chunk, 64 * len(chunk)))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        with pytest.raises(Failure):
            client.retr_into(1, Writer(fail))
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


def test_failing_write_and_a_server_that_stops():
    steps = (C("RETR 1"), Raw(b"+OK\r\n" + LARGE), Pause(0.5))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, timeout=0.1)
        with pytest.raises(Failure):
            client.retr_into(1, Writer(fail))
        with pytest.raises(OSError, match="cannot read from timed out object"):
            client.noop()
        client.close()


def test_file_that_is_closed_meanwhile(tmp_path):
    """Its descriptor may be another file's by then: nothing goes there."""
    file = open(tmp_path / "message", "wb", buffering=0)  # noqa: SIM115
    number = file.fileno()
    late = threading.Event()
    steps = (C("RETR 1"), Raw(b"+OK\r\n" + LARGE), Await(late), Raw(b"end\r\n.\r\n"))
    with play(S("+OK"), *steps, C("NOOP"), S("+OK done")) as server:
        client = greeted(server)
        call = Call(client.retr_into, 1, file)
        assert call.is_blocked(0.2)
        file.close()
        other = open(tmp_path / "other", "wb", buffering=0)  # noqa: SIM115
        assert other.fileno() == number
        late.set()
        assert "closed file" in str(call.end())
        assert client.noop() == b"+OK done"
        client.close()
    other.close()
    assert (tmp_path / "other").read_bytes() == b""


def test_write_that_is_an_attribute_of_the_file(tmp_path):
    blocks = []
    with play(S("+OK ready"), C("RETR 1"), message(b"a\r\n")) as server:
        client = greeted(server)
        with open(tmp_path / "message", "wb", buffering=0) as file:
            file.write = blocks.append
            # None of an unbuffered file's is that it takes nothing now.
            with pytest.raises(BlockingIOError):
                client.retr_into(1, file)
        client.close()
    assert blocks == [b"a\r\n"]
    assert (tmp_path / "message").read_bytes() == b""


@pytest.mark.parametrize("cls", [io.FileIO, type("Own", (io.FileIO,), {})])
def test_unbuffered_file_that_does_not_wait(cls):
    """It is not full for ever, but what it has not taken is lost if nobody says so."""
    out, into = os.pipe()
    os.set_blocking(into, False)
    with play(S("+OK"), C("RETR 1"), message(LARGE), C("NOOP"), S("+OK done")) as server:
        client = greeted(server)
        blocked = pytest.raises(BlockingIOError)
        with open(out, "rb", buffering=0), cls(into, "wb") as file, blocked:
            client.retr_into(1, file)
        assert client.noop() == b"+OK done"
        client.close()


def test_interrupted_write_is_not_followed_by_reading():
    def interrupt(data):
        raise KeyboardInterrupt

    steps = (C("RETR 1"), Raw(b"+OK\r\n" + LARGE), Pause(0.2))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        with pytest.raises(KeyboardInterrupt):
            client.retr_into(1, Writer(interrupt))
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


@pytest.mark.parametrize("file", [None, 1, object()])
def test_no_file(file):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(AttributeError, match="write"):
            client.retr_into(1, file)
        client.close()


@pytest.mark.parametrize("closed", [True, False])
def test_file_that_cannot_be_written(tmp_path, closed):
    """Found out before anything is sent."""
    (tmp_path / "message").touch()
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with open(tmp_path / "message", "rb", buffering=0) as file:
            if closed:
                file.close()
            with pytest.raises(ValueError):
                client.retr_into(1, file)
        client.close()
    assert (tmp_path / "message").read_bytes() == b""


def test_write_that_uses_the_connection():
    refused = pytest.raises(RuntimeError, match="reentrant call inside")

    def use(data):
        for function in (client.noop, lambda: client.retr_bytes(2), client.file.readline):
            with refused:
                function()
        return len(data)

    with play(S("+OK"), C("RETR 1"), message(b"a\r\n"), C("NOOP"), S("+OK done")) as server:
        client = greeted(server)
        assert client.retr_into(1, Writer(use)) == 3
        assert client.noop() == b"+OK done"
        client.close()


def test_write_that_closes_the_connection():
    def close(data):
        client.close()
        return len(data)

    steps = (C("RETR 1"), Raw(b"+OK\r\n" + LARGE), Pause(0.2))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        with pytest.raises(ConnectionAbortedError):
            client.retr_into(1, Writer(close))


def test_close_while_a_pipe_is_full():
    """The thread is blocked in writing, not in the connection: it goes on, and finds out."""
    out, into = os.pipe()
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\n" + LARGE), Pause(0.3)) as server:
        client = greeted(server)
        with open(out, "rb", buffering=0) as reader, open(into, "wb", buffering=0) as writer:
            call = Call(client.retr_into, 1, writer)
            assert call.is_blocked(0.2)
            client.close()
            drained = threading.Thread(
                target=lambda: [None for _ in iter(lambda: reader.read(65536), b"")]
            )
            drained.start()
            assert type(call.end()) is ConnectionAbortedError
            writer.close()
            drained.join(TIMEOUT)


# --- max_size -------------------------------------------------------------------------------


by_lines_too = pytest.mark.parametrize("cls", [POP3, ByMethods])


@by_lines_too
@pytest.mark.parametrize(
    "name, arguments, command",
    [
        ("retr", (1,), "RETR 1"),
        ("top", (1, 2), "TOP 1 2"),
        ("list", (), "LIST"),
        ("uidl", (), "UIDL"),
        ("sizes", (), "LIST"),
        ("uids", (), "UIDL"),
        ("retr_bytes", (1,), "RETR 1"),
        ("top_bytes", (1, 2), "TOP 1 2"),
        ("retr_into", (1, Writer()), "RETR 1"),
    ],
)
def test_max_size(cls, name, arguments, command):
    """Exactly so many octets are allowed; of one more, the rest is dropped."""
    fitting = 50 * b"1 2\r\n"
    steps = (C(command), message(fitting), C(command), message(b"x" + fitting))
    with play(S("+OK ready"), *steps, C("NOOP"), S("+OK done")) as server:
        client = greeted(server, cls, max_size=250)
        getattr(client, name)(*arguments)
        with pytest.raises(error_proto) as caught:
            getattr(client, name)(*arguments)
        assert caught.value.args == ("reply larger than 250 octets",)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("cls", [ByLines, ByStatus, ByFile])
def test_max_size_line_by_line(cls):
    with play(S("+OK ready"), C("RETR 1"), message(100 * b"1 2\r\n")) as server:
        client = greeted(server, cls, max_size=250)
        with pytest.raises(error_proto, match="reply larger than 250 octets"):
            client.retr(1)
        client.close()


def test_max_size_of_a_reply_without_end():
    chunk = 1024 * b"12345678\r\n"
    steps = (C("RETR 1"), Raw(b"+OK\r\n"), Endless(chunk, 256 * 1024 * 1024))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, max_size=10_000)
        with pytest.raises(error_proto, match="reply larger than 10000 octets"):
            client.retr_bytes(1)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()
