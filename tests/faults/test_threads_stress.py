"""Threads that collide as often as possible; $STRESS repeats each test (conftest.py)."""

import contextlib
import gc
import io
import logging
import os
import random
import sys
import threading
import time
import weakref

import pytest

import poplib_c
from poplib_c import POP3, POP3_SSL, error_proto

from .support import TIMEOUT, WAYS, Call, Lines, over_links, wait_for

#: What a command may raise while another thread closes the connection.
CLOSED = (error_proto, OSError, ValueError, AttributeError, RuntimeError)

LISTED = range(1, 21)


def answer(line):
    """The replies name their commands: ECHO's word, the number of a message."""
    verb, _, word = line.rstrip().partition(b" ")
    if verb in {b"RETR", b"TOP"}:
        return b"+OK\r\n" + 50 * (b"line of " + word.split()[0] + b"\r\n") + b".\r\n"
    if verb in {b"LIST", b"UIDL"} and not word:
        return b"+OK\r\n" + b"".join(b"%d %d\r\n" % (n, 100 + n) for n in LISTED) + b".\r\n"
    if verb == b"CAPA":
        return b"+OK\r\nPIPELINING\r\nUIDL\r\nTOP\r\n.\r\n"
    if verb == b"STAT":
        return b"+OK 20 2210\r\n"
    return (b"+OK " + word).rstrip() + b"\r\n"


def content(number):
    return 50 * (b"line of %d\r\n" % number)


def together(*functions):
    """Calls the functions in threads that begin at once, and raises what one of them raises."""
    begin = threading.Barrier(len(functions))

    def run(function):
        begin.wait(TIMEOUT)
        function()

    calls = [Call(run, function) for function in functions]
    ends = [call.end(60) for call in calls]
    errors = [end for end in ends if isinstance(end, BaseException)]
    if errors:
        raise errors[0]


def times(count, function):
    """A function that calls ``function`` with 1 to count."""

    def repeat():
        for number in range(1, count + 1):
            function(number)

    return repeat


def closing(count, function):
    """Like times(), but the connection may be closed by another thread."""

    def tolerate(number):
        with contextlib.suppress(*CLOSED):
            function(number)

    return times(count, tolerate)


@contextlib.contextmanager
def collecting():
    """A thread collects garbage meanwhile."""
    stop = threading.Event()

    def collect():
        while not stop.wait(0.02):
            gc.collect()

    call = Call(collect)
    try:
        yield
    finally:
        stop.set()
        error = call.end()
        assert error is None


@pytest.fixture
def logged(monkeypatch):
    """The logger and sys.stdout take what the connection writes; the records."""
    records = []

    class Handler(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())

    logger, handler = logging.getLogger("poplib_c"), Handler()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def promises(client):
    """Functions for together(): each checks that its replies are those of its commands."""

    def echo(name):
        def one(number):
            word = f"{name}.{number}"
            assert client._shortcmd("ECHO " + word) == b"+OK " + word.encode()

        return one

    def lines(number):
        assert client.retr(number)[1] == 50 * [b"line of %d" % number]

    def octets(number):
        assert client.retr_bytes(number) == content(number)
        buffer = io.BytesIO()
        client.retr_into(number, buffer)
        assert buffer.getvalue() == content(number)

    def many(number):
        numbers = range(number, number + 10)
        got = [(n, bytes(message)) for n, message in client.retr_many(numbers, window=4)]
        assert got == [(n, content(n)) for n in numbers]

    def tables(number):
        assert client.stat() == (20, 2210)
        assert client.sizes() == {n: 100 + n for n in LISTED}
        assert client.uids() == {n: b"%d" % (100 + n) for n in LISTED}

    def deadlines(number):
        with client.deadline(60 + number), client.deadline(None):
            assert client.noop() == b"+OK"

    def options(number):
        client.set_options(max_size=10**6 + number, max_line=4096 + number, read_ahead=number % 5)

    def talk(number):
        logging.getLogger("poplib_c").setLevel([logging.DEBUG, logging.ERROR][number % 2])
        client.set_debuglevel(number % 3)

    def look(number):
        repr(client), repr(client.file), client.file.closed, client.file.fileno()
        sys.getsizeof(client), vars(client).copy(), client.getwelcome()

    def drop(number):
        iterator = client.top_many(range(1, 10), 5, window=4)
        assert next(iterator)[0] == 1

    return [
        times(10, echo("a")),
        times(10, echo("b")),
        times(6, lines),
        times(4, octets),
        times(2, many),
        times(2, many),
        times(4, tables),
        times(10, deadlines),
        times(10, deadlines),
        times(20, options),
        times(10, talk),
        times(20, look),
        times(2, drop),
    ]


@over_links(WAYS)
def test_each_reply_belongs_to_its_command(way, link, logged):
    with Lines(answer, link.tls) as server:
        client = link.connect(server, way, TIMEOUT)
        with collecting():
            together(*promises(client))
        client.quit()
    assert logged


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["exhausted", "closed", "dropped"])
def test_a_shared_iterator(way, end):
    """Each message is given once, to one thread."""
    with Lines(answer) as server:
        client = way(*server.address, TIMEOUT)
        iterators = [client.retr_many(range(1, 100), window=8)]
        given = []

        def take():
            while iterators:
                try:
                    number, message = next(iterators[0])
                except StopIteration:
                    return
                except (ValueError, IndexError):  # "iterator already executing"
                    time.sleep(0.0001)
                else:
                    assert bytes(message) == content(number)
                    given.append(number)

        def end_it():
            if end == "exhausted":
                return
            while len(given) < 30:
                assert client.noop() == b"+OK"
            if end == "dropped":
                iterators.clear()
            while iterators:
                with contextlib.suppress(ValueError):
                    iterators[0].close()
                    break

        together(*4 * [take], end_it, times(10, lambda number: client.stat()))
        assert sorted(given) == list(range(1, len(given) + 1))
        assert end != "exhausted" or len(given) == 99
        assert client.noop() == b"+OK"
        client.close()


@over_links(WAYS)
def test_closed_at_any_moment(way, link):
    chance = random.Random(1)
    with Lines(answer, link.tls) as server:
        for _ in range(4):
            client = link.connect(server, way, TIMEOUT)
            iterator = client.retr_many(range(1, 10**4), window=8)
            pause = chance.random() / 100

            def close(number, client=client, pause=pause):
                threading.Event().wait(pause)
                client.close()

            def look(number, client=client):
                repr(client), repr(client.file), client.file.closed, client.file.fileno()

            def options(number, client=client):
                client.set_options(read_ahead=number % 4)

            together(
                closing(10, lambda number, client=client: client.retr(number)),
                closing(10, lambda number, client=client: client.retr_bytes(number)),
                closing(10, lambda number, client=client: client._shortcmd("ECHO a")),
                *2 * [closing(20, lambda number, iterator=iterator: next(iterator, None))],
                closing(20, lambda number, client=client: client.deadline(9).__enter__()),
                closing(20, options),
                closing(20, look),
                closing(2, close),
                closing(1, close),
            )
            assert client.sock is None and client.file is None


@pytest.mark.parametrize("tls", [False, True])
def test_closed_while_it_is_constructed(tls, server_context, authority):
    """The other threads find the object before its constructor has ended."""
    base, options = (POP3_SSL, {"verify": authority.ca_file}) if tls else (POP3, {})

    class Early(base):
        def __new__(cls, *arguments, **options):
            clients.append(super().__new__(cls))
            return clients[-1]

    with Lines(answer, server_context if tls else None) as server:
        for _ in range(4):
            clients = []

            def early(use, clients=clients):
                def repeat():
                    while not clients:
                        pass
                    for _ in range(50):
                        with contextlib.suppress(*CLOSED):
                            use(clients[0])

                return repeat

            def construct():
                with contextlib.suppress(*CLOSED):
                    Early(*server.address, timeout=TIMEOUT, **options)

            together(
                construct,
                early(lambda client: client.close()),
                early(lambda client: client.stat()),
                early(lambda client: client.set_options(read_ahead=3)),
                early(lambda client: (repr(client), client.deadline(5).__enter__())),
                early(lambda client: next(client.retr_many([1, 2]))),
            )
            with contextlib.suppress(*CLOSED):
                clients[0].close()


def test_constructed_twice_at_once():
    """Each constructor may see what another one has set; nothing is left open."""
    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)

        def construct(number):
            client.__init__(*server.address, 0.2, read_ahead=number)

        together(*3 * [closing(5, construct)], times(40, lambda number: repr(client.file)))
        with contextlib.suppress(*CLOSED):
            client.close()
        gc.collect()


def test_stls_once(server_context, authority):
    """One thread upgrades the connection, before, between or after the commands of others."""

    class Upgrading(Lines):
        def _serve(self, connection):
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"+OK ready\r\n")
                lines = connection.makefile("rb", 0)
                for line in lines:
                    self.received.append(line)
                    connection.sendall(self.answer(line))
                    if line == b"STLS\r\n":
                        lines.close()
                        break
                tls = server_context.wrap_socket(connection, server_side=True)
                with tls, tls.makefile("rb") as lines:
                    for line in lines:
                        self.received.append(line)
                        tls.sendall(answer(line))

    def capable(line):
        return b"+OK\r\nSTLS\r\n.\r\n" if line == b"CAPA\r\n" else answer(line)

    upgraded = []

    def stls(client):
        try:
            client.stls(verify=authority.ca_file)
        except error_proto as error:
            assert "TLS session already established" in str(error)
        else:
            upgraded.append(client)

    with Upgrading(capable) as server:
        for number in range(4):
            client = POP3(*server.address, TIMEOUT)

            def echo(number, client=client):
                assert client._shortcmd(f"ECHO {number}") == b"+OK %d" % number

            together(
                *2 * [lambda client=client: stls(client)],
                *2 * [times(10, echo)],
                times(20, lambda number, client=client: repr(client.file)),
            )
            assert upgraded == [client]
            upgraded.clear()
            client.quit()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)
def test_garbage_of_many_threads(link):
    """Each thread leaves cycles of connections, iterators and blocks of deadlines."""
    left = weakref.WeakSet()

    def leave(number):
        client = link.connect(server, POP3, TIMEOUT)
        client.me = client
        client.iterator = client.retr_many([1, 2, 3], window=2)
        assert next(client.iterator)[0] == 1
        client.block = client.deadline(60)
        client.block.__enter__()
        left.add(client)

    with Lines(answer, link.tls) as server:
        with collecting():
            together(*4 * [times(5, leave)])
        gc.collect()
        assert not left


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)
def test_forks_of_one_thread(link):
    """The others go on, and the child makes a connection of its own."""
    with Lines(answer, link.tls) as server:
        client = link.connect(server, POP3, TIMEOUT)
        own = link.connect(server, POP3, TIMEOUT)

        def fork(number):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    assert own.file.fileno() >= 0 and repr(client)
                    with POP3(*plain.address, timeout=TIMEOUT) as new:
                        assert new.stat() == (20, 2210)
                    status = 0
                finally:
                    os._exit(status)
            assert wait_for(child) == 0

        def echo(number):
            assert client._shortcmd(f"ECHO {number}") == b"+OK %d" % number

        with Lines(answer) as plain:
            together(
                times(4, fork),
                *3 * [times(30, echo)],
                times(10, lambda number: client.retr_bytes(number)),
                times(20, lambda number: own.noop()),
            )
        assert client.stat() == own.stat() == (20, 2210)
        client.quit()
        own.quit()


def test_connections_share_a_configuration(server_context, authority):
    """Threads make, use and close TLS connections; the shared SSL_CTX appears meanwhile."""
    with Lines(answer, server_context) as server:

        def session(number):
            client = POP3_SSL(*server.address, timeout=TIMEOUT, verify=authority.ca_file)
            assert client.retr_bytes(number) == content(number)
            client.sock.cipher(), client.sock.getpeercert(True)
            client.quit()

        together(*6 * [times(5, session)])


def test_installed_and_uninstalled():
    """install() and uninstall() against constructors."""
    with Lines(answer) as server:

        def session(number):
            client = POP3(*server.address, TIMEOUT)
            assert client.retr_bytes(number) == content(number)
            client.quit()

        def install(number):
            poplib_c.install(read_ahead=number % 3)
            poplib_c.uninstall()

        together(*4 * [times(5, session)], times(20, install))
