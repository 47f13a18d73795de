"""What goes wrong with messages that were read ahead, and how it ends."""

import gc
import signal
import socket
import threading
import weakref

import pytest
from scripted import Await, C, Close, Pause, Raw, Reset, S, play

from poplib_c import error_proto

from .ahead import (
    ANNOUNCED,
    DONE,
    LOGIN,
    OF_THREE,
    REFUSED,
    by_either,
    greeted,
    logged_in,
    login,
    message,
    proved,
    replies,
    retr,
    stat,
    tuples,
)
from .support import SHORT, TIMEOUT, Call, Endless

# --- errors ---------------------------------------------------------------------------------


def test_refusal_is_that_message_s():
    steps = [*retr(1, 2, 3), *replies(1), REFUSED, *replies(3)]
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, count=3)
        client.retr(1)
        with pytest.raises(error_proto) as caught:
            client.retr(2)
        assert caught.value.args == (b"-ERR no such message",)
        assert client.retr(3) == tuples(3)[0]
        client.close()


def test_too_large_a_message_is_that_message_s():
    steps = [*retr(1, 2, 3), *replies(1), message(99 * b"x\r\n"), *replies(3)]
    with play(*OF_THREE, *steps, *DONE) as server:
        client = logged_in(server, count=3, max_size=50)
        client.retr(1)
        with pytest.raises(error_proto, match="reply larger than 50 octets"):
            client.retr(2)
        assert client.retr(3) == tuples(3)[0]
        assert client.noop() == b"+OK done"
        client.close()


def test_too_long_a_line_is_that_message_s():
    """It has arrived with the message in front of it."""
    wire = b"+OK\r\n1\r\n.\r\n+OK\r\n" + 3000 * b"x" + b"\r\n.\r\n"
    with play(*LOGIN, *retr(1, 2, 3), Raw(wire)) as server:
        client = logged_in(server, max_line=2048)
        assert client.retr(1) == tuples(1)[0]
        with pytest.raises(error_proto, match="line too long"):
            client.retr(2)
        with pytest.raises(error_proto, match="out of step"):
            client.retr(3)
        client.close()


WIRE = b"".join(b"+OK\r\n%d\r\n.\r\n" % number for number in (1, 2, 3))


@pytest.mark.parametrize("length", range(len(WIRE)))
def test_end_at_every_point_of_a_batch(length):
    whole = length // (len(WIRE) // 3)
    with play(*OF_THREE, *retr(1, 2, 3), Raw(WIRE[:length]), Close()) as server:
        client = logged_in(server, count=3)
        for number in range(1, whole + 1):
            assert client.retr(number) == tuples(number)[0]
        with pytest.raises(error_proto) as caught:
            client.retr(whole + 1)
        assert str(caught.value) == (
            f"-ERR EOF: {whole} of 3 commands sent ahead were answered; "
            "pipelining=False sends one at a time"
        )
        with pytest.raises(error_proto, match="EOF"):
            client.quit()


@by_either
def test_silence(cls):
    with play(*OF_THREE, *retr(1, 2, 3), *replies(1), Pause(0.4)) as server:
        client = logged_in(server, cls, count=3, timeout=0.1)
        assert client.retr(1) == tuples(1)[0]
        with pytest.raises(socket.timeout, match="1 of 3 commands sent ahead were answered"):
            client.retr(2)
        with pytest.raises(OSError, match="cannot read from timed out object"):
            client.retr(3)
        client.close()


@pytest.mark.parametrize("end", [Close(), Reset()])
def test_end_while_another_command_waits(end):
    with play(*LOGIN, *retr(1, 2, 3), *replies(1), end) as server:
        client = logged_in(server)
        assert client.retr(1) == tuples(1)[0]
        with pytest.raises((error_proto, OSError)):
            client.dele(1)
        with pytest.raises((error_proto, OSError)):
            client.retr(2)
        client.close()


def test_more_replies_than_commands():
    with play(*login(2), *retr(1, 2), Raw(WIRE)) as server:
        client = logged_in(server, count=2)
        assert client.retr(1) == tuples(1)[0]
        with pytest.raises(error_proto, match="nobody asked for"):
            client.retr(2)
        client.close()


@by_either
@pytest.mark.parametrize("line", ["Subject: x", "+ERR no", "-- "])
def test_messages_in_front_of_what_is_no_reply(cls, line):
    """They may be each other's: a program that can't know is not given them."""
    went_on = threading.Event()
    said = [*replies(1), Await(went_on), S("+OK", "1", ".", line, "+OK", "2", ".")]
    with play(*login(4), *retr(1, 2, 3, 4), *said) as server:
        client = logged_in(server, cls, count=4, read_ahead=3)
        assert client.retr(1) == tuples(1)[0]
        went_on.set()
        with pytest.raises(error_proto, match="neither"):
            client.noop()
        for call in (lambda: client.retr(2), lambda: client.dele(2), client.quit):
            with pytest.raises(error_proto, match="out of step"):
                call()


# --- servers --------------------------------------------------------------------------------


ASKED = [*ANNOUNCED, *proved(1, 2, 3)[:3]]
SERIALLY = [step for number in (1, 2, 3) for step in (*retr(number), *replies(number))]


@by_either
@pytest.mark.parametrize(
    "steps",
    [
        [*ANNOUNCED, *proved(1, 2, 3), *retr(1, 2, 3), *replies(1, 2, 3)],
        [C("CAPA"), S("+OK", "TOP", "."), *SERIALLY],
        [C("CAPA"), S("-ERR what?"), *SERIALLY],
        # Not in order.
        [*ASKED, S("+OK 2 10", "+OK 1 10", "+OK 3 10"), *SERIALLY],
        # Only the first one is taken.
        [*ASKED, S("+OK 1 10", "-ERR busy", "-ERR busy"), C("LIST 2"), S("+OK 2 10"), *SERIALLY],
    ],
)
def test_auto(cls, steps):
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, cls, count=3, pipelining="auto")
        assert [client.retr(number) for number in (1, 2)] == tuples(1, 2)
        assert client.retr(3) == tuples(3)[0]
        client.close()


@by_either
@pytest.mark.parametrize(
    "steps, error",
    [
        ([S("+OK 1 10"), Pause(0.4)], "1 of 3 commands sent ahead"),
        ([S("+OK 1 10"), Close()], "1 of 3 commands sent ahead"),
        ([S(*4 * ["+OK 1 10"])], "nobody asked for"),
    ],
)
def test_broken(cls, steps, error):
    with play(*LOGIN, *ASKED, *steps) as server:
        client = logged_in(server, cls, timeout=0.1, pipelining="auto")
        with pytest.raises((error_proto, socket.timeout), match=error):
            client.retr(1)
        client.close()


# --- ends -----------------------------------------------------------------------------------


@by_either
def test_quit_drops_what_is_on_its_way(cls):
    steps = [*retr(1, 2, 3), *replies(1), message(50_000 * b"x\r\n"), *replies(3)]
    with play(*LOGIN, *steps, C("QUIT"), S("+OK bye")) as server:
        client = logged_in(server, cls)
        client.retr(1)
        assert client.quit() == b"+OK bye"


class Tell:
    """A step of a script: the test learns that the server has come so far."""

    def __init__(self, event):
        self.event = event

    def play(self, peer):
        self.event.set()


def test_quit_that_is_interrupted_while_another_thread_has_the_connection():
    """Once, which is enough; and what was read ahead makes no difference."""
    waiting, done = threading.Event(), threading.Event()
    handled = []

    def interrupt(*details):
        handled.append(details)
        if len(handled) == 1:
            raise KeyError("interrupted")

    steps = [*retr(1, 2, 3), *replies(1, 2, 3), C("NOOP"), Tell(waiting), Await(done)]
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with play(*LOGIN, *steps) as server:
            client = logged_in(server)
            assert client.retr(1) == tuples(1)[0]
            noop = Call(client.noop)
            assert waiting.wait(TIMEOUT)
            signal.setitimer(signal.ITIMER_REAL, SHORT)
            with pytest.raises(KeyError):
                client.quit()
            assert client.sock is None
            assert isinstance(noop.end(), ConnectionAbortedError)
            done.set()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_quit_does_not_drop_for_ever():
    endless = Endless(64 * 1024 * b"x" + b"\r\n", 64 * 1024 * 1024)
    with play(*LOGIN, *retr(1, 2, 3), *replies(1), S("+OK"), endless) as server:
        client = logged_in(server)
        client.retr(1)
        with pytest.raises(error_proto, match="too large to be dropped"):
            client.quit()
        assert client.sock is None


def test_nobody_keeps_what_was_read_ahead():
    waiting = threading.Event()
    with play(*LOGIN, *retr(1, 2, 3), *replies(1, 2), Await(waiting)) as server:
        client = logged_in(server)
        client.retr(1)
        file, alive = client.file, weakref.ref(client)
        client.sock.close()
        client.cycle = client
        del client
        gc.collect()
        assert alive() is None
        file.close()
        waiting.set()


def test_another_connection_of_the_same_object():
    with play(*LOGIN, *retr(1, 2, 3), *replies(1, 2, 3)) as server:
        client = logged_in(server)
        client.retr(1)
        client.close()
        with pytest.raises(AttributeError, match="closed"):
            client.retr(2)
    steps = [*retr(1), *replies(11), *retr(2), *replies(12), *stat(4)]
    with play(S("+OK ready"), *steps, *retr(3, 4), *replies(13, 14), *DONE) as server:
        client.__init__(server.host, server.port, TIMEOUT)
        assert [client.retr(number) for number in (1, 2)] == tuples(11, 12)
        client.stat()
        assert client.retr(3) == tuples(13)[0]
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("value", [-1, 65536, 2**80])
def test_wrong_value(value):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises((ValueError, OverflowError)):
            client.set_options(read_ahead=value)
        client.close()


@pytest.mark.parametrize("value", [None, "1", 1.0])
def test_wrong_type(value):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(TypeError, match="read_ahead must be an int"):
            client.set_options(read_ahead=value)
        client.close()
