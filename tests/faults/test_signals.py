"""Signals that arrive while a command sends or receives (PEP 475)."""

import contextlib
import errno
import os
import signal
import socket
import threading
import time

import pytest
from scripted import Anything, Await, C, Raw, S, play

from poplib_c import POP3, error_proto

from .signals import Interrupted, interrupted, pulses
from .support import (
    SOCKETS,
    TIMEOUT,
    WAYS,
    ByMethods,
    Call,
    Endless,
    lasts,
    over_links,
    run_program,
)

every_way = pytest.mark.parametrize("way", WAYS)
every_socket = pytest.mark.parametrize("sock_class", SOCKETS)


def interrupt(number, frame):
    raise Interrupted


def stop(number, frame):
    raise KeyboardInterrupt


def check_out_of_step(client):
    sock = client.sock
    for command in (client.noop, client.list):
        with lasts(0), pytest.raises(error_proto, match="out of step"):
            command()
    client.close()
    assert sock.fileno() == -1


@over_links(WAYS)
@pytest.mark.parametrize("part", [b"", b"+OK\r\nab"])
def test_time_left_after_handlers_that_return(way, link, part):
    handled = []
    with link.play(C("RETR 1"), Raw(part)) as server:
        client = link.connect(server, way, 0.3)
        signals = pulses(lambda *details: handled.append(details), 0.01, 0.01)
        with signals, lasts(0.28), pytest.raises(socket.timeout):
            client.retr(1)
        client.close()
    assert handled


@every_socket
def test_time_left_for_sending(wired, sock_class):
    handled = []
    client, _ = wired(timeout=0.3, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    signals = pulses(lambda *details: handled.append(details), 0.01, 0.01)
    with signals, lasts(0.28), pytest.raises(socket.timeout):
        client._putline(2**24 * b"x")
    assert handled


@every_way
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_message_that_arrives_among_signals(way, timeout):
    handled = []
    lines = [b"%d" % number * 20 for number in range(300)]
    reply = b"+OK\r\n" + b"\r\n".join(lines) + b"\r\n.\r\n"
    cut = range(0, len(reply), 101)
    with play(S("+OK ready"), C("RETR 1"), Raw(reply, cut), C("NOOP"), S("+OK")) as server:
        client = way(server.host, server.port, timeout)
        with pulses(lambda *details: handled.append(details), 0.002, 0.002):
            assert client.retr(1)[1] == lines
        assert client.noop() == b"+OK"
        client.close()
    assert handled


@every_socket
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_line_that_leaves_among_signals(wired, sock_class, timeout):
    handled = []
    client, peer = wired(timeout=timeout, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    line = bytes(range(32, 128)) * 2**14
    received = bytearray()

    def read_slowly():
        while len(received) < len(line) + 2:
            received.extend(peer.recv(2**17))
            time.sleep(0.001)

    reading = Call(read_slowly)
    with pulses(lambda *details: handled.append(details), 0.002, 0.002):
        client._putline(line)
    assert reading.end() is None
    assert received == line + b"\r\n"
    assert handled


@over_links(WAYS)
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
@pytest.mark.parametrize("part", [b"", b"+OK\r\na\r\nb"])
def test_handler_that_raises_while_receiving(way, link, timeout, part):
    with link.play(C("RETR 1"), Raw(part)) as server:
        client = link.connect(server, way, timeout)
        with interrupted(), lasts(0), pytest.raises(Interrupted):
            client.retr(1)
        check_out_of_step(client)


@every_socket
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_handler_that_raises_while_sending(wired, sock_class, timeout):
    client, peer = wired(timeout=timeout, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with interrupted(peer), lasts(0), pytest.raises(Interrupted):
        client._putline(2**24 * b"x")
    check_out_of_step(client)


@pytest.mark.parametrize("buffering", [0, -1])
def test_handler_that_raises_while_a_pipe_is_full(buffering):
    """The write that it ends has written a part: it says only that it is short."""
    out, into = os.pipe()
    data = 2**15 * (62 * b"x" + b"\r\n")
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\n" + data)) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        file = open(into, "wb", buffering=buffering)  # noqa: SIM115
        guard = threading.Timer(3, os.close, [out])
        guard.start()
        with pulses(stop), lasts(0), pytest.raises(KeyboardInterrupt):
            client.retr_into(1, file)
        guard.cancel()
        guard.join()
        os.close(out)
        with contextlib.suppress(BrokenPipeError):
            file.close()
        check_out_of_step(client)


@over_links(WAYS)
@pytest.mark.parametrize("line", [b"x\r\n", 100 * b"x" + b"\n", b""])
def test_a_server_that_never_pauses(way, link, line):
    """Ctrl-C ends the call at once: a handler need not wait for the end of a reply."""
    data = line * (2**16 // len(line)) if line else 2**16 * b"x"
    with link.play(C("RETR 1"), S("+OK"), Endless(data, 2**28)) as server:
        client = link.connect(server, way, TIMEOUT, max_line=None)
        with interrupted(), lasts(0), pytest.raises(Interrupted):
            client.retr(1)
        check_out_of_step(client)


def test_a_server_that_never_pauses_read_by_hand():
    steps = (C("RETR 1"), Endless(2**16 * b"x", 2**28))
    for read in ("read", "readline"):
        with play(S("+OK ready"), *steps) as server:
            client = POP3(server.host, server.port, TIMEOUT)
            client._putcmd("RETR 1")
            with pulses(interrupt), lasts(0), pytest.raises(Interrupted):
                getattr(client.file, read)()
            client.close()


def test_handler_that_uses_the_connection():
    with play(S("+OK ready"), C("RETR 1"), S("+OK", "a")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        refused = pytest.raises(RuntimeError, match="reentrant call inside <")
        with pulses(lambda *details: client.noop()), lasts(0), refused:
            client.retr(1)
        check_out_of_step(client)


@pytest.mark.parametrize("name", ["noop", "_getline", "_getresp", "_getlongresp", "list"])
def test_handler_that_notices_that_it_cannot(name):
    """Then the call goes on, and nothing is sent or lost."""
    go = threading.Event()
    caught = []

    def handler(*details):
        try:
            getattr(client, name)()
        except RuntimeError as error:
            caught.append(str(error))
        go.set()

    steps = (C("RETR 1"), S("+OK", "a"), Await(go), S("b", "."), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        with pulses(handler):
            assert client.retr(1) == (b"+OK", [b"a", b"b"], 6)
        assert client.noop() == b"+OK done"
        client.close()
    assert len(caught) == 1 and caught[0].startswith("reentrant call inside")


@pytest.mark.parametrize("name", ["readline", "read", "peek", "read1", "__next__", "readlines"])
def test_handler_that_reads_from_the_file(name):
    go = threading.Event()
    caught = []

    def handler(*details):
        with pytest.raises(RuntimeError, match="reentrant call inside") as error:
            getattr(client.file, name)()
        caught.append(error.type)
        go.set()

    with play(S("+OK ready"), C("NOOP"), Await(go), S("+OK done")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        with pulses(handler):
            assert client.noop() == b"+OK done"
        client.close()
    assert caught == [RuntimeError]


@over_links([POP3, ByMethods])
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_handler_that_closes(way, link, timeout):
    with link.play(C("NOOP")) as server:
        client = link.connect(server, way, timeout)
        sock = client.sock
        aborted = pytest.raises(ConnectionAbortedError)
        with pulses(lambda *details: client.close()), lasts(0), aborted as caught:
            client.noop()
        assert caught.value.errno == errno.ECONNABORTED
        assert caught.value.strerror == "the connection was closed while it was in use"
        assert sock.fileno() == -1
        assert server.wait_eof()
        with pytest.raises(AttributeError, match="the connection is closed"):
            client.noop()


def test_handler_that_changes_the_timeout():
    """The receive that was interrupted keeps its time, the next command has the new one."""
    with play(S("+OK ready"), C("A"), S("+OK a"), C("B")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        assert client._shortcmd("A") == b"+OK a"
        client.sock.settimeout(0.2)
        longer = pulses(lambda *details: client.sock.settimeout(TIMEOUT))
        with longer, lasts(0.15), pytest.raises(socket.timeout):
            client._shortcmd("B")
        client.close()


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_waiting_for_another_threads_command(timeout):
    """A handler runs while its thread waits for its turn, and may end the wait."""
    go = threading.Event()
    handled = []
    with play(S("+OK ready"), C("NOOP"), Await(go), S("+OK"), C("STAT"), S("+OK 2 320")) as server:
        client = POP3(server.host, server.port, timeout)
        other = Call(client.noop)
        assert other.is_blocked()
        with pulses(interrupt), lasts(0), pytest.raises(Interrupted):
            client.list()

        def handler(*details):
            handled.append(details)
            go.set()

        with pulses(handler):
            assert client.stat() == (2, 320)
        assert other.end() == b"+OK"
        client.close()
    assert len(handled) == 1


CTRL_C = """
    import os, signal, socket, sys, threading
    import poplib_c
    import poplib_c._tls

    cls, port = getattr(poplib_c, sys.argv[1]), int(sys.argv[2])
    client = cls.__new__(cls)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    try:
        if "in the constructor" in sys.argv:
            timer.start()
        client.__init__("127.0.0.1", port, timeout=None)
        timer.start()
        client.retr(1)
    except KeyboardInterrupt:
        print("interrupted")
        sock = getattr(client, "sock", None)
        if sock is not None:
            client.close()
            print(sock.fileno())
        raise
"""


@pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)
def test_ctrl_c(link):
    name = link.class_of(POP3).__name__
    with link.play(C("RETR 1"), S("+OK", "a")) as server, lasts(0):
        output, errors = run_program(CTRL_C, name, server.port, status=-signal.SIGINT)
        assert server.wait_eof()
    assert output == "interrupted\n-1\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")


@pytest.mark.parametrize("name", ["POP3", "POP3_SSL"])
def test_ctrl_c_in_the_constructor(name):
    """A server that never says a word, neither a greeting nor in a handshake."""
    with play(Anything()) as server, lasts(0):
        arguments = (name, server.port, "in the constructor")
        output, errors = run_program(CTRL_C, *arguments, status=-signal.SIGINT)
        assert server.wait_eof()
    assert output == "interrupted\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
