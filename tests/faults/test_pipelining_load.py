"""Commands sent ahead over slow and narrow lines, in threads, with signals; as serially."""

import random
import signal
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poplib_c import POP3, error_proto
from poplib_c.testing import POP3Server

from .support import TIMEOUT, ByMethods, Call, OwnSocket


def login(client):
    client.user("alice")
    client.pass_("secret")
    return client


def stored(number, size=0):
    return b"Subject: %d\r\n\r\n.dot\r\n%s\r\n" % (number, size * b"x")


# --- narrow ---------------------------------------------------------------------------------


def narrow(sock):
    """Smaller ones than these make the system itself wait for its timers."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 8192)


class Narrow(POP3):
    sock_class = socket.socket

    def _create_socket(self, timeout):
        sock = self.sock_class()
        narrow(sock)
        sock.settimeout(timeout)
        sock.connect((self.host, self.port))
        return sock


class NarrowByMethods(Narrow):
    sock_class = OwnSocket


class Stubborn:
    """Answers each command whole before it reads on, through small buffers."""

    def __init__(self, size):
        self.body = (size // 64) * (62 * b"x" + b"\r\n")
        self.listener = socket.socket()
        narrow(self.listener)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(TIMEOUT)
            connection.sendall(b"+OK ready\r\n")
            pending = b""
            while received := connection.recv(64):
                pending += received
                while b"\r\n" in pending:
                    line, _, pending = pending.partition(b"\r\n")
                    number = line.split(b" ")[-1]
                    connection.sendall(b"+OK\r\n" + number + b"\r\n" + self.body + b".\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.listener.close()
        self.thread.join(TIMEOUT)
        assert not self.thread.is_alive()


@pytest.mark.parametrize("cls", [Narrow, NarrowByMethods])
def test_no_buffer_is_too_small(cls):
    """Far more octets of commands than the buffers of both sides take."""
    count, padding = 400, "0" * 400 if cls is Narrow else ""
    with Stubborn(100_000) as server:
        client = cls(*server.listener.getsockname(), timeout=TIMEOUT, pipelining=True)
        numbers = [padding + str(number) for number in range(count)]
        for number, message in client.retr_many(numbers, window=count):
            assert message == number.encode() + b"\r\n" + server.body
        client.close()


def test_no_buffer_is_too_small_over_tls(server_context):
    messages = [stored(number, 50_000) for number in range(1, 41)]

    with POP3Server(messages, stls=server_context) as server:
        client = Narrow(*server.address, timeout=TIMEOUT)
        client.stls()
        login(client)
        assert [m for _, m in client.retr_many(range(1, 41))] == messages
        client.close()


# --- slow -----------------------------------------------------------------------------------


class Delay:
    """A line with so many seconds each way between clients and a server."""

    def __init__(self, address, seconds):
        self.target, self.seconds = address, seconds
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.threads = []
        self.start(self.accept)

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        thread.start()
        self.threads.append(thread)
        return thread

    def accept(self):
        here, _ = self.listener.accept()
        there = socket.create_connection(self.target)
        with here, there:
            pumps = [*self.pump(here, there), *self.pump(there, here)]
            for pump in pumps:
                pump.join(TIMEOUT)

    def pump(self, source, sink):
        chunks, available = [], threading.Semaphore(0)

        def read():
            data = b"x"
            while data:
                data = source.recv(65536)
                chunks.append((time.monotonic() + self.seconds, data))
                available.release()

        def write():
            while True:
                available.acquire()
                due, data = chunks.pop(0)
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

        return self.start(read), self.start(write)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.listener.close()
        for thread in self.threads:
            thread.join(TIMEOUT)


def is_done_within(seconds, work, runs=3):
    """Whether one of some runs takes no longer: others may be delayed by other programs."""
    for _ in range(runs):
        start = time.monotonic()
        work()
        if time.monotonic() - start < seconds:
            return True
    return False


@pytest.mark.alone
@pytest.mark.parametrize("cls", [POP3, ByMethods])
@pytest.mark.parametrize("delay", [0.02, 0.1])
def test_few_round_trips(cls, delay):
    """Capabilities, the proof, two windows; the methods of a socket send no more than 1 KiB."""
    messages = [stored(number, 1000) for number in range(1, 201)]
    with POP3Server(messages) as server, Delay(server.address, delay) as line:
        client = login(cls(*line.address, timeout=TIMEOUT))

        def fetch():
            assert [m for _, m in client.retr_many(range(1, 201))] == messages

        assert is_done_within(2 * delay * (6 if cls is POP3 else 10) + 0.3, fetch)
        client.quit()


@pytest.mark.alone
def test_few_round_trips_for_a_loop():
    """One by one, these are 121 round trips of 20 ms."""
    messages = [stored(number, 1000) for number in range(1, 121)]
    with POP3Server(messages) as server, Delay(server.address, 0.01) as line:
        client = login(POP3(*line.address, timeout=TIMEOUT, read_ahead=60))

        def fetch():
            client.stat()
            for number in range(1, 121):
                assert b"\r\n".join([*client.retr(number)[1], b""]) == messages[number - 1]

        assert is_done_within(0.02 * 30, fetch)
        client.quit()


# --- many -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [POP3, ByMethods])
@pytest.mark.parametrize("window", [1, 7, 128, 100_000])
def test_ten_thousand(cls, window):
    """In any order, some of which there are none."""
    messages = [stored(number) for number in range(1, 9001)]
    numbers = list(range(1, 10_001))
    random.Random(window).shuffle(numbers)
    with POP3Server(messages) as server:
        client = login(cls(*server.address, timeout=30))
        seen = 0
        for number, message in client.retr_many(iter(numbers), window=window, errors="return"):
            assert number == numbers[seen]
            seen += 1
            if number > 9000:
                assert message.args == (b"-ERR no such message, only 9000 in maildrop",)
            else:
                assert message == messages[number - 1]
        assert seen == 10_000
        client.close()


# --- threads, signals -----------------------------------------------------------------------


def test_threads():
    messages = [stored(number) for number in range(1, 301)]
    with POP3Server(messages) as server:
        client = login(POP3(*server.address, timeout=TIMEOUT))

        def fetch(seed):
            numbers = list(range(1, 301))
            random.Random(seed).shuffle(numbers)
            for number, message in client.retr_many(numbers, window=20):
                assert message == messages[number - 1]
                if number % 50 == 0:
                    assert client.retr_bytes(number) == message
            return "done"

        calls = [Call(fetch, seed) for seed in range(3)]
        assert [call.end(30) for call in calls] == 3 * ["done"]
        client.quit()


def test_close_by_another_thread(wired):
    client, _ = wired(pipelining=True)
    iterator = client.retr_many(range(1, 100))
    call = Call(next, iterator)
    assert call.is_blocked()
    client.close()
    assert type(call.end()) is ConnectionAbortedError


def test_close_while_neither_side_goes_on(wired):
    client, _ = wired(pipelining=True)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    call = Call(next, client.retr_many([2000 * "1"] * 5000, window=5000))
    assert call.is_blocked(0.3)
    client.close()
    assert type(call.end()) is ConnectionAbortedError


def test_timeout_while_nothing_can_be_sent(wired):
    client, _ = wired(timeout=0.2, pipelining=True)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with pytest.raises(socket.timeout, match="0 of 5000 commands sent ahead were answered"):
        next(client.retr_many([2000 * "1"] * 5000, window=5000))


def test_reply_before_its_command_was_sent(wired):
    client, peer = wired(pipelining=True)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    peer.sendall(100 * b"+OK\r\n.\r\n")
    iterator = client.retr_many([100_000 * "1"] * 200, window=200)
    with pytest.raises(error_proto, match=r"nobody asked for|before its command was sent"):
        list(iterator)


def test_refusals_before_their_commands_were_sent(wired):
    client, peer = wired(pipelining=True)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    # More commands than can be on their way, and a refusal of each of them.
    iterator = client.retr_many([100_000 * "1"] * 200, window=200, errors="return")
    call = Call(list, iterator)
    assert call.is_blocked()
    peer.sendall(200 * b"-ERR come back later\r\n")
    exception = call.end()
    assert type(exception) is error_proto
    assert "before its command was sent" in str(exception)
    assert exception.__context__.args == (b"-ERR come back later",)
    assert list(iterator) == []
    with pytest.raises(error_proto, match="out of step"):
        client.noop()


def test_signal(wired):
    client, _ = wired(pipelining=True)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        iterator = client.retr_many(range(1, 10))
        with pytest.raises(KeyboardInterrupt):
            next(iterator)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert list(iterator) == []
    with pytest.raises(error_proto, match="out of step"):
        client.noop()


def test_handler_that_uses_the_connection(wired):
    client, peer = wired(pipelining=True)
    refused = []

    def use(*_):
        for function in (client.noop, lambda: next(client.retr_many([1]))):
            with pytest.raises(RuntimeError, match="reentrant call inside"):
                function()
            refused.append(function)

    before = signal.signal(signal.SIGALRM, use)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        answer = threading.Timer(0.3, peer.sendall, [2 * b"+OK\r\n.\r\n"])
        answer.start()
        assert list(client.retr_many([1, 2])) == [(1, b""), (2, b"")]
        answer.join()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert len(refused) == 2


# --- the same as serially -------------------------------------------------------------------


MESSAGES = [stored(number, 10 * number) for number in range(1, 8)]
NUMBERS = st.lists(st.integers(1, 9), max_size=9)
#: Class, pipelining, read_ahead; the first one is serial.
WAYS = [
    (POP3, False, 0),
    (POP3, True, 0),
    (POP3, "auto", 3),
    (POP3, True, 3),
    (ByMethods, True, 2),
]
START = st.tuples(
    st.sampled_from(["retr_many", "top_many"]),
    NUMBERS,
    st.integers(1, 5),
    st.sampled_from(["raise", "return"]),
    st.booleans(),
)
CALL = st.one_of(
    st.tuples(st.just("start"), START),
    st.tuples(st.just("next"), st.integers(0, 3)),
    st.tuples(st.just("drop"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["retr", "retr_bytes", "list", "uidl"]), st.integers(1, 9)),
    st.tuples(st.sampled_from(["noop", "stat", "sizes"]), st.none()),
)


def run(client, calls):
    """What each of the calls came to."""
    iterators, results = {}, []

    def outcome(function, *arguments):
        try:
            return repr(function(*arguments))
        except StopIteration:
            return "end"
        except error_proto as error:
            return repr(error)

    for name, argument in calls:
        if name == "start":
            method, numbers, window, errors, lines = argument
            arguments = [numbers, 1] if method == "top_many" else [numbers]
            options = {"window": window, "errors": errors, "lines": lines}
            iterators[len(iterators) % 4] = getattr(client, method)(*arguments, **options)
        elif name == "next" and argument in iterators:
            results.append(outcome(next, iterators[argument]))
        elif name == "drop":
            iterators.pop(argument, None)
        elif name not in ("next", "drop"):
            arguments = [] if argument is None else [argument]
            results.append(outcome(getattr(client, name), *arguments))
    return results


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(CALL, max_size=25))
def test_same_as_serially(calls):
    results = []
    with POP3Server(MESSAGES) as server:
        for cls, pipelining, read_ahead in WAYS:
            options = {"pipelining": pipelining, "read_ahead": read_ahead}
            client = login(cls(*server.address, timeout=TIMEOUT, **options))
            results.append(run(client, calls))
            assert client.noop() == b"+OK nothing done"
            client.close()
    assert results[1:] == (len(WAYS) - 1) * results[:1]


@settings(deadline=None, max_examples=50, suppress_health_check=list(HealthCheck))
@given(
    numbers=st.lists(st.integers(1, 9), unique=True),
    stop=st.integers(0, 9),
    window=st.integers(1, 5),
)
def test_same_deletions_as_serially(numbers, stop, window):
    left = []
    for pipelining in (False, True, "auto"):
        with POP3Server(MESSAGES) as server:
            client = login(POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining))
            iterator = client.retr_many(numbers, window=window, delete=True, errors="return")
            for _ in range(stop):
                next(iterator, None)
            del iterator
            client.quit()
            left.append(server.messages)
    assert left[1:] == 2 * left[:1]
