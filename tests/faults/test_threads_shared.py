"""Connections, iterators, files and sockets that many threads use at once, in every way.

What each call comes to depends on who is first; here it matters that it comes to an end, with one
of the exceptions that the manual has for it.
"""

import contextlib
import sysconfig
import threading

import pytest

import poplib_c
from poplib_c import POP3, error_proto

from .support import TIMEOUT, WAYS, Call, Lines, run_program
from .tls import greeted, tls_pair, tls_socket

THREADS = 8
ROUNDS = 25

#: What a call may end with when others close, replace and read what it uses.
EXPECTED = (error_proto, OSError, ValueError, AttributeError, RuntimeError)


def answer(line):
    verb, _, word = line.rstrip().partition(b" ")
    if verb == b"RETR":
        return b"+OK\r\n" + b"line of " + word + b"\r\n.\r\n"
    if verb == b"LIST" and word:
        return b"+OK " + word + b" 120\r\n"
    if verb in {b"LIST", b"UIDL"}:
        return b"+OK\r\n1 120\r\n2 200\r\n.\r\n"
    if verb == b"CAPA":
        return b"+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n"
    return b"+OK 2 320\r\n"


def together(*functions, rounds=ROUNDS, expected=EXPECTED):
    """Calls each function again and again, in threads that begin at once."""
    begin = threading.Barrier(len(functions))

    def repeat(function):
        begin.wait(TIMEOUT)
        for number in range(rounds):
            with contextlib.suppress(*expected):
                function(number)

    calls = [Call(repeat, function) for function in functions]
    assert [call.end(30) for call in calls] == len(calls) * [None]


@pytest.mark.parametrize("way", WAYS)
def test_everything_at_once(way):
    """Commands, those sent ahead, listings, options and what is read by hand."""
    with Lines(answer) as server:
        client = way(*server.address, TIMEOUT, read_ahead=4)

        def many(number):
            for _, message in client.retr_many(range(1, 6), window=3):
                assert message.startswith(b"line of ")

        def options(number):
            client.set_options(max_size=10**6 + number, read_ahead=number % 5)
            poplib_c.install(read_ahead=number % 3)
            poplib_c.uninstall()

        together(
            lambda number: client.retr(number + 1),
            lambda number: client.retr_bytes(number + 1),
            lambda number: client.sizes() and client.uids(),
            lambda number: client.stat(),
            many,
            many,
            options,
            lambda number: (repr(client.file), client.file.closed, client.file.fileno()),
            rounds=8,
        )
        client.close()


def test_one_iterator():
    """Each message is given once, and by whichever next() is first."""
    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)
        iterator = client.retr_many(range(1, 1001), window=16)
        given = []

        def take(number):
            with contextlib.suppress(StopIteration):
                given.append(next(iterator)[0])

        # "iterator already executing"
        together(*THREADS * [take], rounds=40, expected=(ValueError,))
        assert sorted(given) == list(range(1, len(given) + 1))
        iterator.close()
        client.close()


def test_iterators_are_dropped_while_their_replies_come():
    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)

        def drop(number):
            iterator = client.retr_many(range(1, 20), window=8)
            next(iterator)

        together(*THREADS * [drop], rounds=10, expected=())
        assert client.stat() == (2, 320)
        client.close()


@pytest.mark.parametrize("way", WAYS)
def test_closed_in_the_middle(way):
    """By one thread, while the others are everywhere."""
    with Lines(answer) as server:
        for _ in range(5):
            client = way(*server.address, TIMEOUT)
            iterator = client.retr_many(range(1, 10**6), window=16)
            busy = threading.Event()

            def fetch(number, client=client, busy=busy):
                if number == ROUNDS // 3:
                    busy.set()
                client.retr(number + 1)

            def close(number, client=client, busy=busy):
                busy.wait(TIMEOUT)
                client.close()

            together(
                fetch,
                lambda number, client=client: client.uids(),
                *2 * [lambda number, iterator=iterator: next(iterator, None)],
                lambda number, client=client: (repr(client.file), client.file.fileno()),
                lambda number, client=client: client.quit() if number > 15 else client.noop(),
                close,
                close,
            )
            assert client.sock is None and client.file is None
            iterator.close()


def test_read_by_hand(wired):
    """Each line is read once."""
    client, peer = wired()
    reader, lines = client.file, []

    def read(number):
        lines.append(reader.readline())

    peer.sendall(b"".join(b"%d\r\n" % number for number in range(5 * ROUNDS)) + 4 * ROUNDS * b"x")
    together(*5 * [read], lambda number: (reader.closed, repr(reader), iter(reader)))
    assert sorted(lines, key=int) == [b"%d\r\n" % number for number in range(5 * ROUNDS)]
    together(
        *2 * [lambda number: reader.read1(1)],
        lambda number: reader.readinto(bytearray(1)),
        lambda number: reader.peek(),
        lambda number: reader.close() if number == ROUNDS - 1 else None,
    )


def test_attributes_change_under_way():
    """What is looked at for every command: __dict__, .sock, .file, hooks, globals."""

    class Changed(POP3):
        pass

    with Lines(answer) as server:
        client = Changed(*server.address, TIMEOUT)
        sock, file = client.sock, client.file

        def hide(number):
            client._getline = lambda: (b"+OK", 5)
            del client._getline

        def override(number):
            Changed._getresp = lambda self: super(Changed, self)._getresp()
            del Changed._getresp

        def replace(number):
            client.__dict__ = dict(client.__dict__)
            client.sock, client.file = sock, file

        def limits(number):
            poplib_c._MAXLINE = 2048 + number
            client._debugging = int(str(0 * number))

        together(
            *4 * [lambda number: client.retr(number + 1)],
            hide,
            override,
            replace,
            limits,
        )
        poplib_c._MAXLINE = 2048
        sock.close()
        file.close()


def test_tls_connections(server_context):
    """A connection and its TLSSocket: what it tells, and what goes past it."""
    with greeted(server_context) as (client, there):
        sock = client.sock

        def speak():
            with contextlib.suppress(OSError), there.makefile("rb") as lines:
                for line in lines:
                    there.sendall(answer(line))

        server = Call(speak)
        together(
            lambda number: client.retr(number + 1),
            lambda number: client.stat(),
            lambda number: client.uids(),
            lambda number: (sock.cipher(), sock.version(), sock.pending(), repr(sock)),
            lambda number: (sock.getpeercert(True), sock.get_channel_binding("tls-unique")),
            lambda number: sock.makefile("rb").close(),
            lambda number: client.close() if number == ROUNDS - 5 else client.noop(),
        )
        assert server.end() is None


def test_tls_sockets(server_context):
    here, there = tls_pair(tls_socket, server_context)

    def drain():
        with contextlib.suppress(OSError):
            while there.recv(65536):
                pass

    with there, contextlib.closing(here):
        peer = Call(drain)
        here.settimeout(0.001)
        together(
            *3 * [lambda number: here.sendall(100 * b"x")],
            *2 * [lambda number: here.recv(10)],
            lambda number: here.recv_into(bytearray(10)),
            lambda number: here.pending(),
            lambda number: here.settimeout(0.001 + number / 1e6),
        )
        here.shutdown(2)
        assert peer.end() is None


def test_connections_are_made_at_once():
    """What is cached at the first one: methods of sockets, the package, the pattern of APOP."""
    program = """
        import sys, threading
        import poplib_c

        begin = threading.Barrier(8)
        failures = []

        def session():
            begin.wait(10)
            try:
                client = poplib_c.POP3("127.0.0.1", int(sys.argv[1]), timeout=10)
                assert client.timestamp.match(b"+OK <a@b>")
                assert client.retr(1)[1] == [b"line of 1"]
                client.quit()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=session) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert failures == [], failures
    """
    with Lines(answer) as server:
        for _ in range(3):
            run_program(program, server.address[1])


def test_importing_leaves_the_gil_off(monkeypatch):
    """On a free-threaded build, as the extension declares; nothing warns."""
    monkeypatch.delenv("PYTHON_GIL", raising=False)
    program = """
        import sys

        has_gil = getattr(sys, "_is_gil_enabled", lambda: True)
        before = has_gil()
        import poplib_c, poplib_c.testing
        with poplib_c.testing.POP3Server([b"a"]) as server:
            with poplib_c.POP3(*server.address, timeout=20) as client:
                client.login("a", "b")
        print(before, has_gil())
    """
    output, errors = run_program(program)
    free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    assert (output, errors) == (f"{not free} {not free}\n", "")
