"""A reply that was abandoned, or that nobody asked for: poplib takes what comes next for the
answer to the next command, poplib_c raises.

Where a script's steps are given to poplib alone, poplib_c sends nothing.
"""

import os
import signal
import socket
import ssl
import threading

import pytest
from scripted import Await, C, Close, Raw, S


def check_out_of_step(pop, client):
    """Every command fails, and the connection can still be let go."""
    sock = client.sock
    for command in (client.noop, client.list, client.stat, client.capa):
        with pytest.raises(pop.error_proto) as caught:
            command()
        assert type(caught.value.args[0]) is str
    with pytest.raises(pop.error_proto):
        client.quit()
    assert client.sock is client.file is None
    assert sock.fileno() == -1


@pytest.mark.differs("out_of_step")
def test_after_a_status_line_that_was_too_long(pop, talk, ours):
    again = [] if ours else [C("NOOP")]
    with talk(C("NOOP"), S("+OK" + 2046 * "." + "+rest"), *again) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == ("line too long",)
        if ours:
            check_out_of_step(pop, client)
        else:
            assert client.noop() == b"+rest"


@pytest.mark.differs("out_of_step")
def test_after_a_message_line_that_was_too_long(pop, talk, ours):
    options = {"max_line": 4096} if ours else {}
    again = [] if ours else [C("NOOP")]
    lines = ["a", 8192 * ".", "+rest", "."]
    with talk(C("RETR 1"), S("+OK", *lines), *again, **options) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.retr(1)
        assert caught.value.args == ("line too long",)
        if ours:
            check_out_of_step(pop, client)
        else:
            with pytest.raises(pop.error_proto, match="line too long"):
                client.noop()


@pytest.mark.differs("out_of_step")
def test_after_an_error_between_two_lines(pop, talk, ours):
    class Picky(pop.POP3):
        def _getline(self):
            line, octets = super()._getline()
            if line == b"bad":
                raise LookupError(line)
            return line, octets

    again = [] if ours else [C("NOOP")]
    with talk(C("RETR 1"), S("+OK", "bad", "+rest", "."), *again, cls=Picky) as client:
        with pytest.raises(LookupError):
            client.retr(1)
        if ours:
            check_out_of_step(pop, client)
        else:
            assert client.noop() == b"+rest"


@pytest.mark.differs("out_of_step")
def test_after_an_interrupt(pop, talk, ours):
    class Interrupted(Exception):
        pass

    def interrupt(number, frame):
        raise Interrupted

    left = threading.Event()
    again = [] if ours else [C("NOOP")]
    steps = [C("RETR 1"), S("+OK", "a"), Await(left), S("+rest", "."), *again]
    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        with talk(*steps) as client:
            timer.start()
            with pytest.raises(Interrupted):
                client.retr(1)
            left.set()
            if ours:
                check_out_of_step(pop, client)
            else:
                assert client.noop() == b"+rest"
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.differs("out_of_step")
@pytest.mark.parametrize("part", ["", "+O", "+OK\r\n", "+OK\r\na\r\n"])
def test_after_a_timeout(talk, ours, part):
    again = [] if ours else [C("NOOP"), C("LIST"), C("QUIT")]
    with talk(C("RETR 1"), Raw(part.encode()), *again, timeout=0.05) as client:
        sock = client.sock
        with pytest.raises(socket.timeout):
            client.retr(1)
        for command in (client._getresp, client.noop, client.list, client.quit):
            with pytest.raises(OSError) as caught:
                command()
            assert type(caught.value) is OSError
            assert caught.value.args == ("cannot read from timed out object",)
        assert (client.sock is client.file is None) is ours
        assert (sock.fileno() == -1) is ours


def test_close_after_a_timeout(talk):
    with talk(C("NOOP"), timeout=0.05) as client:
        sock = client.sock
        with pytest.raises(socket.timeout):
            client.noop()
        client.close()
        assert sock.fileno() == -1


def test_after_the_end_of_the_connection(pop, talk, link):
    kinds = [pop.error_proto, ConnectionError]
    if link.way != "plain":
        kinds.append(ssl.SSLError)
    with talk(C("NOOP"), Close()) as client:
        with pytest.raises(pop.error_proto):
            client.noop()
        for command in (client.noop, client.list):
            with pytest.raises(tuple(kinds)):
                command()


@pytest.mark.row("Two replies")
@pytest.mark.differs("unasked_reply")
@pytest.mark.parametrize(
    "command, wire, lines, unasked",
    [
        ("noop", "NOOP", ["+OK"], ["+OK second"]),
        ("noop", "NOOP", ["-ERR no"], ["+OK second"]),
        ("list", "LIST", ["+OK", "1 120", "."], ["+OK second"]),
        ("list", "LIST", ["+OK", ".", "+a lone dot was not stuffed"], ["."]),
        ("list", "LIST", ["-ERR no", "+with lines all the same"], ["."]),
        ("noop", "NOOP", ["+OK", "+continued"], []),
    ],
)
def test_reply_nobody_asked_for(pop, talk, ours, command, wire, lines, unasked):
    again = [] if ours else [C("RSET")]
    with talk(C(wire), S(*lines, *unasked), *again) as client:
        if lines[0].startswith("+"):
            getattr(client, command)()
        else:
            with pytest.raises(pop.error_proto):
                getattr(client, command)()
        if ours:
            check_out_of_step(pop, client)
        else:
            assert client.rset().startswith(b"+")


@pytest.mark.differs("unasked_reply")
def test_greeting_of_two_lines(pop, talk, ours):
    again = [] if ours else [C("NOOP")]
    with talk(*again, greeting="+OK ready\r\n+OK really") as client:
        assert client.getwelcome() == b"+OK ready"
        if ours:
            check_out_of_step(pop, client)
        else:
            assert client.noop() == b"+OK really"


@pytest.mark.row("Two replies")
@pytest.mark.differs("unasked_reply")
@pytest.mark.parametrize("size", [1, 2, 4096])
def test_octets_nobody_asked_for(pop, talk, ours, size):
    """They need not be a whole line."""
    again = [] if ours else [C("RSET"), S("+OK")]
    with talk(C("NOOP"), Raw(b"+OK\r\n" + size * b"+"), *again) as client:
        client.noop()
        if ours:
            check_out_of_step(pop, client)
        elif size < 2048:
            assert client.rset() == size * b"+" + b"+OK"
        else:
            with pytest.raises(pop.error_proto):
                client.rset()


@pytest.mark.differs("unasked_reply")
def test_command_while_another_is_unanswered(pop, talk, ours):
    again = [] if ours else [C("RSET"), S("+OK second")]
    with talk(C("NOOP"), S("+OK first"), *again) as client:
        client._putcmd("NOOP")
        if ours:
            with pytest.raises(pop.error_proto) as caught:
                client.rset()
            assert type(caught.value.args[0]) is str
        else:
            assert client.rset() == b"+OK first"


def test_unread_octets_can_be_read(talk):
    """What nobody asked for is still there for who asks."""
    with talk(C("NOOP"), S("+OK", "+OK second")) as client:
        client.noop()
        assert client.file.readline() == b"+OK second\r\n"
    with talk(C("NOOP"), S("+OK", "+OK second")) as client:
        client.noop()
        assert client._getresp() == b"+OK second"


def test_three_commands_and_then_their_replies(talk):
    replies = (S("+OK 1"), S("+OK 2"), S("+OK 3"))
    with talk(C("A"), C("B"), C("C"), *replies, C("NOOP"), S("+OK done")) as client:
        for command in "ABC":
            client._putcmd(command)
        assert [client._getresp() for _ in range(3)] == [b"+OK 1", b"+OK 2", b"+OK 3"]
        assert client.noop() == b"+OK done"


def test_commands_written_past_putcmd(talk):
    with talk(C("A"), S("+OK 1"), C("B"), S("+OK 2"), C("NOOP"), S("+OK done")) as client:
        client._putline(b"A")
        assert client._getresp() == b"+OK 1"
        client.sock.sendall(b"B\r\n")
        assert client._getresp() == b"+OK 2"
        assert client.noop() == b"+OK done"


def test_an_error_at_the_end_of_a_reply(pop, talk):
    class Picky(pop.POP3):
        def _getlongresp(self):
            raise LookupError(super()._getlongresp())

    steps = (C("RETR 1"), S("+OK", "a", "."), C("NOOP"), S("+OK done"))
    with talk(*steps, cls=Picky) as client:
        with pytest.raises(LookupError):
            client.retr(1)
        assert client.noop() == b"+OK done"


def test_refusals_leave_the_stream_in_step(pop, talk):
    steps = [step for number in range(3) for step in (C(f"RETR {number}"), S(f"-ERR {number}"))]
    with talk(*steps, C("NOOP"), S("+OK done")) as client:
        for number in range(3):
            with pytest.raises(pop.error_proto) as caught:
                client.retr(number)
            assert caught.value.args == (b"-ERR %d" % number,)
        assert client.noop() == b"+OK done"
