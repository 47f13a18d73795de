"""Commands in the midst of another one: from signal handlers, from what prints, from sockets."""

import io
import logging
import signal
import sys
import threading
import time

import pytest
from scripted import Await, C, Pause, S, play

from poplib_c import POP3, error_proto

from .support import SHORT, TIMEOUT, WAYS, ByLines, ByStatus, Call, OwnSocket, run_program

refused = pytest.raises(RuntimeError, match="reentrant call inside")


class Writer(io.StringIO):
    """Calls a function once, when ``word`` is printed."""

    def __init__(self, word, function):
        super().__init__()
        self.word = word
        self.function = function

    def write(self, text):
        if self.word in text and self.function is not None:
            function, self.function = self.function, None
            function()
        return super().write(text)


COMMANDS = [
    ("noop", ()),
    ("list", ()),
    ("_shortcmd", ("X",)),
    ("_longcmd", ("X",)),
    ("_putcmd", ("X",)),
    ("_putline", (b"X",)),
]


@pytest.mark.parametrize("name, arguments", COMMANDS)
def test_command_while_a_line_is_printed(monkeypatch, name, arguments):
    """The lines that are still to come are not its answer."""

    def use():
        with refused:
            getattr(client, name)(*arguments)

    steps = (C("RETR 1"), S("+OK", "a", "+b", "."), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.set_debuglevel(2)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Writer("b'a", use))
            assert client.retr(1) == (b"+OK", [b"a", b"+b"], 7)
            assert sys.stdout.function is None
        client.set_debuglevel(0)
        assert client.noop() == b"+OK done"
        client.close()


class Logged(logging.Handler):
    """Calls a function once, when ``word`` is logged."""

    def __init__(self, word, function):
        super().__init__()
        self.writer = Writer(word, function)

    def emit(self, record):
        self.writer.write(record.getMessage())


class Encoded(POP3):
    """Calls a function once, when a line is encoded."""

    function = None

    @property
    def encoding(self):
        function, self.function = self.function, None
        if function is not None:
            function()
        return "UTF-8"


class Looked(POP3):
    """Calls a function once, when .sock is looked up to send a line."""

    function = None

    @property
    def sock(self):
        function, self.function = self.function, None
        if function is not None:
            function()
        return self.__dict__["sock"]

    @sock.setter
    def sock(self, value):
        self.__dict__["sock"] = value


@pytest.mark.parametrize("way", ["*cmd*", "*put*", "C: NOOP", "encoding", "sock"])
def test_what_sees_a_line_sends_another_one_and_does_not_read(monkeypatch, way):
    """The answer to that is not the first one's, which is not sent."""

    def send():
        client._putcmd("STAT")

    steps = (C("STAT"), S("+OK 2 320"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server, monkeypatch.context() as patch:
        cls = {"encoding": Encoded, "sock": Looked}.get(way, POP3)
        client = cls(server.host, server.port, TIMEOUT)
        if cls is not POP3:
            client.function = send
        elif way == "C: NOOP":
            logger = logging.getLogger("poplib_c")
            patch.setattr(logger, "handlers", [Logged(way, send)])
            patch.setattr(logger, "isEnabledFor", lambda level: True)
        else:
            client.set_debuglevel(2)
            patch.setattr(sys, "stdout", Writer(way, send))
        with pytest.raises(error_proto, match="the reply to an earlier command was not read"):
            client.noop()
        assert client._getresp() == b"+OK 2 320"
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("word", ["b'+OK a\\r", "b'+OK a'"])
def test_command_after_the_line_that_is_printed(monkeypatch, word):
    """A reply of one line is over once that was read."""
    got = []
    steps = (C("A"), S("+OK a"), C("B"), S("+OK b"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.set_debuglevel(2)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Writer(word, lambda: got.append(client._shortcmd("B"))))
            assert client._shortcmd("A") == b"+OK a"
        assert got == [b"+OK b"]
        client.close()


@pytest.mark.parametrize("way", [POP3, ByLines, ByStatus])
@pytest.mark.parametrize("level", [0, 2])
def test_handler_among_many_lines(monkeypatch, way, level):
    """Wherever it comes, it is refused or answered with what is its own."""
    count = 100
    outcomes = []

    def handler(*details):
        try:
            outcomes.append(client.noop())
        except RuntimeError:
            outcomes.append(None)

    reply = [step for n in range(count) for step in (Signal(outcomes), S(f"+OK {n}"))]
    steps = (C("RETR 1"), S("+OK"), *reply, Pause(SHORT), S("."), C("RSET"), S("+OK done"))
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with play(S("+OK ready"), *steps) as server:
            client = way(server.host, server.port, TIMEOUT)
            client.set_debuglevel(level)
            monkeypatch.setattr(sys, "stdout", io.StringIO())
            assert client.retr(1)[1] == [b"+OK %d" % n for n in range(count)]
            assert client.rset() == b"+OK done"
            client.close()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert set(outcomes) == {None}


class Signal:
    """A step of a script: the main thread gets signals until it has handled one."""

    def __init__(self, outcomes):
        self.outcomes = outcomes

    def play(self, peer):
        before = len(self.outcomes)
        deadline = time.monotonic() + TIMEOUT
        while len(self.outcomes) == before and time.monotonic() < deadline:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            time.sleep(0.002)


class Interfering:
    """A file that uses the connection in the midst of a read."""

    def __init__(self, file, use):
        self.file = file
        self.use = use

    def readline(self, limit):
        self.use()
        return self.file.readline(limit)

    def close(self):
        self.file.close()


@pytest.mark.parametrize("name, arguments", COMMANDS)
@pytest.mark.parametrize("command", ["noop", "_getresp"])
def test_file_that_uses_the_connection(name, arguments, command):
    def use():
        with refused:
            getattr(client, name)(*arguments)

    with play(S("+OK ready"), C("NOOP"), S("+OK done")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.file = Interfering(client.file, use)
        if command == "_getresp":
            client._putcmd("NOOP")
        assert getattr(client, command)() == b"+OK done"
        client.close()


@pytest.mark.parametrize("name, arguments", COMMANDS)
def test_sendall_that_uses_the_connection(name, arguments):
    """Nothing goes out between the parts of a line."""

    class Split:
        def __init__(self, sock):
            self.sock = sock

        def sendall(self, data):
            self.sock.sendall(data[:2])
            with refused:
                getattr(client, name)(*arguments)
            self.sock.sendall(data[2:])

        def __getattr__(self, name):
            return getattr(self.sock, name)

    with play(S("+OK ready"), C("NOOP"), S("+OK done")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.sock = Split(client.sock)
        assert client.noop() == b"+OK done"
        client.close()


def test_hook_that_runs_a_command_before_it_reads():
    class Eager(POP3):
        def _getresp(self):
            if "welcome" in vars(self):
                with refused:
                    super()._shortcmd("B")
            return super()._getresp()

    with play(S("+OK ready"), C("A"), S("+OK a")) as server:
        client = Eager(server.host, server.port, TIMEOUT)
        assert client._shortcmd("A") == b"+OK a"
        client.close()


# --- locks ----------------------------------------------------------------------------------


class Handled:
    """A handler of SIGUSR1, and what the functions that it calls have raised."""

    def __init__(self, *functions):
        self.functions = functions
        self.errors = []
        self.ran = threading.Event()

    def __call__(self, *details):
        for function in self.functions:
            try:
                function()
            except Exception as error:
                self.errors.append(error)
        self.ran.set()

    def __enter__(self):
        self.before = signal.signal(signal.SIGUSR1, self)
        return self

    def __exit__(self, *details):
        signal.signal(signal.SIGUSR1, self.before)


def signal_while_blocked(call):
    """Signals the main thread once that call, in another thread, waits."""
    assert call.is_blocked()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)


def test_handler_inside_a_read_by_hand_while_a_thread_wants_a_command():
    """The thread waits for the reader; the handler does not wait for the thread."""
    done = threading.Event()
    steps = (Await(done), S("+OK late"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        other = []

        def disturb():
            time.sleep(SHORT)  # the read by hand has begun
            other.append(Call(client.noop))
            signal_while_blocked(other[0])
            handled.ran.wait(TIMEOUT)
            done.set()

        with Handled(client.rset) as handled:
            disturbing = Call(disturb)
            assert client.file.readline() == b"+OK late\r\n"
            assert disturbing.end() is None
        assert [type(error) for error in handled.errors] == [RuntimeError]
        assert other[0].end() == b"+OK done"
        client.close()


def test_handler_that_closes_and_goes_on():
    """With .file gone, it is the threads that tell that nobody would ever go on."""
    with play(S("+OK ready")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        other = []

        def disturb():
            time.sleep(SHORT)  # the read by hand has begun
            other.append(Call(client.noop))
            signal_while_blocked(other[0])

        with Handled(client.close, client.noop) as handled:
            disturbing = Call(disturb)
            with pytest.raises(ConnectionAbortedError):
                client.file.readline()
            assert disturbing.end() is None
        assert [type(error) for error in handled.errors] == [RuntimeError]
        assert type(other[0].end()) is ConnectionAbortedError


def test_recv_into_that_uses_the_connection_while_a_thread_wants_a_command(wired):
    begin, entered, blocked = (threading.Event() for _ in range(3))

    class Using(OwnSocket):
        def recv_into(self, *arguments):
            if not begin.is_set():
                return super().recv_into(*arguments)
            begin.clear()
            entered.set()
            assert blocked.wait(TIMEOUT)
            with refused:
                client.noop()
            return super().recv_into(*arguments)

    client, peer = wired(sock_class=Using)
    begin.set()
    reading = Call(client.file.readline)
    assert entered.wait(TIMEOUT)
    other = Call(client.rset)
    assert other.is_blocked()
    blocked.set()
    peer.sendall(b"+OK by hand\r\n")
    assert reading.end() == b"+OK by hand\r\n"
    assert peer.recv(100) == b"RSET\r\n"
    peer.sendall(b"+OK reset\r\n")
    assert other.end() == b"+OK reset"


def test_two_connections_in_opposite_order(wired):
    """Two threads whose hooks use each the other's connection: one is refused."""
    barrier = threading.Barrier(2, timeout=TIMEOUT)

    class Crossing(POP3):
        other = None

        def _putcmd(self, line):
            if line == "CROSS":
                barrier.wait()
                self.other.noop()
            super()._putcmd(line)

    (first, one), (second, two) = wired(Crossing), wired(Crossing)
    first.other, second.other = second, first
    calls = [Call(first._shortcmd, "CROSS"), Call(second._shortcmd, "CROSS")]
    refusals = [call.error for call in calls if not call.is_blocked(0.5)]
    assert [type(error) for error in refusals] == [RuntimeError]
    for peer, sock in ((one, first.sock), (two, second.sock)):
        peer.sendall(b"+OK\r\n")
        sock.shutdown(2)
    for call in calls:
        call.end()


def test_handler_with_a_connection_while_its_thread_waits_for_another():
    """The thread that the handler interrupts waits for nobody until it is over."""
    crossing, holding = threading.Event(), threading.Event()

    class First(POP3):
        def _putcmd(self, line):
            if line == "CROSS":
                crossing.set()
                assert holding.wait(TIMEOUT)
                second.noop()
            super()._putcmd(line)

    class Second(POP3):
        def _putcmd(self, line):
            if line == "HOLD":
                holding.set()
                assert other.is_blocked()
            super()._putcmd(line)

    steps = [C("CROSS"), S("+OK crossed"), C("RSET"), S("+OK reset")]
    with play(S("+OK ready"), *steps) as one:
        steps = [C("HOLD"), S("+OK held"), C("NOOP"), S("+OK done")]
        with play(S("+OK ready"), *steps) as two:
            first = First(one.host, one.port, TIMEOUT)
            second = Second(two.host, two.port, TIMEOUT)
            other = Call(first._shortcmd, "CROSS")
            assert crossing.wait(TIMEOUT)

            def disturb():
                time.sleep(SHORT)  # rset() waits for first
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

            with Handled(lambda: second._shortcmd("HOLD")) as handled:
                disturbing = Call(disturb)
                assert first.rset() == b"+OK reset"
                assert disturbing.end() is None
            assert handled.ran.is_set() and handled.errors == []
            assert other.end() == b"+OK crossed"
            first.close()
            second.close()


EXIT = """
    import sys, threading, time
    import poplib_c

    class Last:
        def __init__(self, client):
            self.client = client

        # At exit, globals may be None already.
        def __del__(self, clock=time.monotonic):
            start = clock()
            try:
                self.client.quit()
            except RuntimeError as error:
                print(error, clock() - start < 3)

    last = Last(poplib_c.POP3("127.0.0.1", int(sys.argv[1]), None))
    threading.Thread(target=last.client.noop, daemon=True).start()
    time.sleep(0.2)
"""


def test_exit_while_a_thread_has_the_connection():
    """What is left to do at exit does not wait for threads that run no more."""
    with play(S("+OK ready"), C("NOOP")) as server:
        output, _ = run_program(EXIT, server.port, timeout=20)
        assert server.wait_eof()
    text = "the connection is in use by a thread that ended with the interpreter"
    assert output == f"{text} True\n"


@pytest.mark.parametrize("way", WAYS)
def test_hooks_that_run_whole_commands(way):
    """Before the line is sent, and after the reply was read."""

    class Chatty(way):
        def _putcmd(self, line):
            if line == "A":
                assert self._shortcmd("BEFORE") == b"+OK before"
            super()._putcmd(line)

        def _getresp(self):
            response = super()._getresp()
            if response == b"+OK a":
                assert self._longcmd("AFTER") == (b"+OK after", [b"x"], 3)
            return response

    steps = (
        C("BEFORE"),
        S("+OK before"),
        C("A"),
        S("+OK a"),
        C("AFTER"),
        S("+OK after", "x", "."),
    )
    with play(S("+OK ready"), *steps) as server:
        client = Chatty(server.host, server.port, TIMEOUT)
        assert client._shortcmd("A") == b"+OK a"
        client.close()


TIME_STAMPS = """
import re
from poplib_c import POP3

compile = re.compile

def fail_late(pattern):
    re.compile = compile
    POP3.timestamp
    raise MemoryError

re.compile = fail_late
try:
    POP3.timestamp
except MemoryError:
    print("MemoryError")
"""


def test_a_pattern_that_is_compiled_meanwhile():
    assert run_program(TIME_STAMPS) == ("MemoryError\n", "")
