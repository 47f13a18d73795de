"""Whole messages into files of all kinds."""

import contextlib
import io
import os
import threading

import pytest
from scripted import Await, C, Pause, Raw, S, play

from poplib_c import error_proto

from .support import (
    TIMEOUT,
    Call,
    Endless,
    greeted,
)
from .whole import LARGE, Failure, Writer, fail, message


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


@pytest.mark.parametrize("data", [b"a\r\n", LARGE])
@pytest.mark.parametrize(
    "answer, error",
    [
        (fail, Failure),
        (lambda data: 0, OSError),
        (lambda data: -1, OSError),
        (lambda data: len(data) + 1, OSError),
        (lambda data: 2**80, OSError),
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
