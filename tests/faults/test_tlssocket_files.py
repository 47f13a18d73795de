"""Files over a TLSSocket, closing, and what keeps it alive, beside ssl.SSLSocket."""

import contextlib
import errno
import io
import socket
import ssl

import pytest

from .support import SHORT, TIMEOUT, Call, check_aborted
from .tls import has_ended, settle, wait_readable

# Files


@pytest.mark.parametrize("mode, kind", [("rb", io.BufferedReader), ("wb", io.BufferedWriter)])
def test_kinds_of_files(pair, mode, kind):
    here, _ = pair
    with here.makefile(mode) as file:
        assert type(file) is kind
    with here.makefile("rwb") as file:
        assert type(file) is io.BufferedRWPair
    with here.makefile("rb", 0) as file:
        assert type(file) is socket.SocketIO
    with here.makefile(mode[0], encoding="utf-8") as file:
        assert type(file) is io.TextIOWrapper
        assert file.mode == mode[0]
    for wrong in ("x", "a+", "rt"):
        with pytest.raises(ValueError):
            here.makefile(wrong)


def test_lines_of_a_file(pair):
    here, there = pair
    there.sendall(b"+OK\r\n" + 5000 * b"x" + b"\n\nlast")
    there.shutdown(socket.SHUT_WR)
    with here.makefile("rb", buffering=64) as file:
        assert file.readline() == b"+OK\r\n"
        assert list(file) == [5000 * b"x" + b"\n", b"\n", b"last"]
        assert file.readline() == b""


def test_text(pair):
    here, there = pair
    with here.makefile("rw", encoding="latin-1") as file:
        file.write("brötchen\n")
        file.flush()
        assert there.recv(100) == b"br\xf6tchen\n"
        there.sendall(b"k\xe4se\r\n")
        assert file.readline() == "käse\n"


def test_reading_and_writing(pair):
    here, there = pair
    with here.makefile("rwb") as file:
        file.write(b"NOOP\r\n")
        file.flush()
        assert there.recv(100) == b"NOOP\r\n"
        there.sendall(b"+OK\r\n")
        assert file.readline() == b"+OK\r\n"


def test_file_that_times_out(pair):
    here, there = pair
    here.settimeout(SHORT)
    with here.makefile("rb") as file:
        with pytest.raises(socket.timeout):
            file.readline()
        there.sendall(b"late\n")
        with pytest.raises(OSError, match="cannot read from timed out object"):
            file.readline()


def test_file_that_does_not_block(pair):
    here, there = pair
    here.settimeout(0)
    with here.makefile("rb", 0) as file:
        with pytest.raises(ssl.SSLWantReadError):
            file.read(10)
        there.sendall(b"x")
        assert wait_readable(here)
        assert file.read(10) == b"x"


# Closing


def is_open(there):
    """Whether the other side has not closed the connection."""
    return not wait_readable(there, SHORT)


def test_socket_closed_before_its_files(pair):
    """They go on working, to the end of the stream."""
    here, there = pair
    number = here.fileno()
    with here.makefile("rb") as first, here.makefile("wb") as second:
        here.close()
        assert here.fileno() == number
        there.sendall(b"one\ntwo\n")
        socket.socket.shutdown(there, socket.SHUT_WR)
        assert first.readline() == b"one\n"
        second.write(b"written")
        second.flush()
        assert there.recv(100) == b"written"
        assert first.read() == b"two\n"
        assert first.read() == b""
        first.close()
        assert here.fileno() == number
    assert here.fileno() == -1


def test_socket_closed_after_its_files(pair):
    here, there = pair
    here.makefile("rb").close()
    assert is_open(there)
    there.sendall(b"x")
    assert here.recv() == b"x"
    here.close()
    assert here.fileno() == -1
    here.close()
    assert there.recv(100) == b""


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.recv(1),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.send(b"x"),
        lambda s: s.sendall(b"x"),
        lambda s: s.getpeername(),
        lambda s: s.settimeout(1) or s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ],
)
def test_use_after_close(pair, use):
    here, _ = pair
    here.close()
    with pytest.raises(OSError) as caught:
        use(here)
    assert caught.value.errno == errno.EBADF
    assert here.version() is here.cipher() is None
    assert here.pending() == 0
    assert "closed" in repr(here)


def test_detach(pair):
    here, there = pair
    number = here.detach()
    assert here.fileno() == -1
    here.close()
    with pytest.raises(OSError):
        here.send(b"x")
    with socket.socket(fileno=number) as plain:
        plain.shutdown(socket.SHUT_WR)
    assert has_ended(there)


def test_with_statement(pair):
    here, there = pair
    with here as entered:
        assert entered is here
        there.sendall(b"x")
        assert here.recv() == b"x"
    assert here.fileno() == -1
    with pytest.raises(LookupError), here:
        raise LookupError


def test_nothing_is_said_at_the_end(ours):
    """close() is the end of the stream without close_notify."""
    here, there = ours
    settle(here, there)
    here.close()
    assert socket.socket.recv(there, 100) == b""


def test_shutdown_of_one_direction(ours):
    here, there = ours
    here.shutdown(socket.SHUT_WR)
    with pytest.raises(BrokenPipeError):
        here.send(b"x")
    assert there.recv(100) == b""


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
@pytest.mark.parametrize("part", [b"", b"\x17\x03\x03\x00\x40abc"])
@pytest.mark.parametrize("name", ["recv", "recv_into", "read", "unwrap"])
def test_close_while_a_thread_waits(ours, timeout, name, part):
    here, there = ours
    here.settimeout(timeout)
    socket.socket.sendall(there, part)
    call = Call(getattr(here, name), *([bytearray(10)] if name == "recv_into" else []))
    assert call.is_blocked()
    here.close()
    check_aborted(call)
    assert here.fileno() == -1


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_close_while_a_thread_sends(ours, timeout):
    here, _ = ours
    here.settimeout(timeout)
    call = Call(here.sendall, 2**24 * b"x")
    assert call.is_blocked()
    here.close()
    check_aborted(call)
    assert here.fileno() == -1


@pytest.mark.parametrize("pause", [0.001, 0.005, 0.01, 0.02])
def test_close_between_two_parts_of_what_is_sent(ours, pause):
    """Wherever it comes, it is the one call of sendall() that is interrupted."""
    here, there = ours

    def read():
        # A part only: sendall() does not return before close(), however slow this thread is.
        left = 2**25
        with contextlib.suppress(OSError):
            while left > 0 and (data := there.recv(2**16)):
                left -= len(data)

    reading = Call(read)
    call = Call(here.sendall, bytes(2**26))
    assert call.is_blocked(pause)
    here.close()
    check_aborted(call)
    assert reading.end() is None


def test_close_while_threads_wait_for_their_turn(ours):
    here, _ = ours
    calls = [Call(here.recv) for _ in range(4)]
    assert all(call.is_blocked(SHORT / 4) for call in calls)
    here.close()
    for call in calls:
        assert isinstance(call.end(2), OSError)
    assert here.fileno() == -1


def test_close_with_a_file_does_not_wake(ours):
    """The file holds the connection open, for whoever is in it."""
    here, there = ours
    with here.makefile("rb") as file:
        call = Call(file.readline)
        assert call.is_blocked()
        here.close()
        there.sendall(b"line\n")
        assert call.end() == b"line\n"
    assert here.fileno() == -1


def test_last_file_closed_while_a_thread_waits(ours):
    here, _ = ours
    with here.makefile("rb", 0) as file:
        here.close()
        call = Call(file.read, 10)
        assert call.is_blocked()
        file.close()
        assert isinstance(call.end(2), (OSError, ValueError))
    assert here.fileno() == -1
