"""What the tests of faults share."""

import ast
import contextlib
import errno
import gc
import os
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time
import warnings
from pathlib import Path

import pytest

import _cpoplib
import poplib_c
from poplib_c import POP3, TLSSocket

#: Of what does not happen in time only if something is wrong.
TIMEOUT = 20.0
SHORT = 0.05
GREETING = b"+OK ready\r\n"

SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))

#: Of tests of a cycle whose client uses its socket when it is freed.
any_order = pytest.mark.skipif(
    FREE_THREADED, reason="finalizes a cycle in any order, so perhaps the socket first"
)

measures_memory = pytest.mark.skipif(SANITIZED, reason="keeps what was freed")


def open_descriptors():
    return len(os.listdir("/dev/fd"))


def tcp_pair(sock_class=socket.socket):
    """Both ends of a TCP connection; the first is of the class."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = sock_class()
        here.settimeout(TIMEOUT)
        here.connect(listener.getsockname())
        there, _ = listener.accept()
    there.settimeout(TIMEOUT)
    return here, there


def connect(sock, cls=POP3, **options):
    """A client of class ``cls`` over a connected socket, which keeps its timeout."""
    # The class must not keep the socket alive: CPython 3.13t never frees a class.
    socks = [sock]

    class Connected(cls):
        def _create_socket(self, timeout):
            return socks.pop()

    return Connected("mail.example.org", **options)


class ByCommands(POP3):
    """Sends command lines through the method."""

    def _putcmd(self, line):
        super()._putcmd(line)


class ByPutline(POP3):
    """Sends lines through the method."""

    def _putline(self, line):
        super()._putline(line)


class ByLines(POP3):
    """Reads replies line by line, through the method."""

    def _getline(self):
        return super()._getline()


class ByStatus(POP3):
    """Reads status lines through the method, and lines in C one by one."""

    def _getresp(self):
        return super()._getresp()


def greeted(server, cls=POP3, timeout=TIMEOUT, **options):
    """A client; ``timeout`` counts from here on, so that it may be short."""
    client = cls(server.host, server.port, TIMEOUT, **options)
    client.sock.settimeout(timeout)
    return client


class OwnSocket(socket.socket):
    """A socket whose methods are its own, as those of green threads are."""

    def recv_into(self, *arguments):
        return super().recv_into(*arguments)

    def sendall(self, data):
        super().sendall(data)


class Script(socket.socket):
    """Its recv_into() does what ``replace`` says, once that is set."""

    replace = None

    def recv_into(self, buffer):
        if self.replace is None:
            return super().recv_into(buffer)
        return self.replace(buffer)


class ByMethods(POP3):
    """Reads and writes by the methods of its socket."""

    sock_class = OwnSocket

    def _create_socket(self, timeout):
        sock = self.sock_class()
        sock.settimeout(timeout)
        sock.connect((self.host, self.port))
        return sock


class ByFile(POP3):
    """Reads from the socket module's own file."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.file.close()
        self.file = self.sock.makefile("rb")


#: One class for each way in which replies are read.
WAYS = [POP3, ByLines, ByStatus, ByMethods, ByFile]

#: One class for each way in which octets are sent and received.
OVER_TLS = [TLSSocket, ssl.SSLSocket]
SOCKETS = [socket.socket, OwnSocket, *OVER_TLS]


def over_links(ways):
    """Parametrizes a test by ``way`` and ``link``: each way over TCP, and POP3 over TLS."""
    cases = [*((way, "plain") for way in ways), (POP3, "tls"), (POP3, "tls context")]
    return pytest.mark.parametrize("way, link", cases, indirect=["link"])


class Endless:
    """A step of a script: the server never pauses, until the client leaves."""

    def __init__(self, data, limit):
        self.data = data
        self.limit = limit

    def play(self, peer):
        with contextlib.suppress(OSError):
            for _ in range(self.limit // len(self.data)):
                if peer.gone:
                    return
                peer.send(self.data)


class Call(threading.Thread):
    """A call in a thread of its own."""

    def __init__(self, function, *arguments):
        super().__init__(name=f"call of {function!r}")
        self.call = (function, arguments)
        self.result = self.error = None
        self.start()

    def run(self):
        function, arguments = self.call
        try:
            self.result = function(*arguments)
        except BaseException as error:
            self.error = error

    def end(self, timeout=TIMEOUT):
        """Waits for its end; its result or, if it raised, that exception."""
        self.join(timeout)
        assert not self.is_alive(), f"{self.name} hangs"
        self._leave()
        return self.result if self.error is None else self.error

    def is_blocked(self, seconds=SHORT):
        self.join(seconds)
        return self.is_alive()

    def _leave(self):
        """Waits until the system's thread has gone, where /proc tells.

        join() may return before that.  If the process forks meanwhile, the child finds an
        allocator that is locked for ever, as ASan's is while a thread leaves.
        """
        deadline = time.monotonic() + TIMEOUT
        while os.path.exists(f"/proc/self/task/{self.native_id}") and time.monotonic() < deadline:
            time.sleep(0.001)


def warned(function):
    """The texts of the ResourceWarnings, without addresses and numbers."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function()
        gc.collect()
    return [str(w.message)[:24] for w in caught if issubclass(w.category, ResourceWarning)]


def wait_for(child):
    """The child's exit status; it is killed if it hangs."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def in_child(function):
    """Runs it in a fork; its exit status, which is 0 if it returns."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return wait_for(child)


class Lines:
    """A server of any number of connections that answers each line by ``answer(line)``: octets,
    or an iterable of pieces, each in a segment of its own.

    It speaks TLS if it has a server's ssl.SSLContext.
    """

    def __init__(self, answer, tls=None):
        self.answer = answer
        self.tls = tls
        self.received = []
        self._connections = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.host, self.port = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept, name="server of lines")]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(TIMEOUT)
                self._connections.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection):
        if self.tls is not None:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:  # The client has left.
                return
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            connection.sendall(GREETING)
            for line in lines:
                self.received.append(line)
                answer = self.answer(line)
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    connection.sendall(piece)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(TIMEOUT)


@contextlib.contextmanager
def full_server():
    """The address of a server that has no room for one more connection."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


def check_aborted(call):
    """A blocked call was woken at once, since its connection was closed."""
    with lasts(0):
        error = call.end()
    assert type(error) is ConnectionAbortedError
    assert error.errno == errno.ECONNABORTED
    assert error.strerror == "the connection was closed while it was in use"


@contextlib.contextmanager
def lasts(least):
    """The block takes at least ``least`` seconds, and does not wait for TIMEOUT."""
    start = time.monotonic()
    yield
    assert least <= time.monotonic() - start < TIMEOUT / 2


def environment():
    """The environment of a program that imports what this process can import."""
    places = {Path(_cpoplib.__file__).parent, Path(poplib_c.__file__).parents[1]}
    places.add(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}


def _preloading(library):
    """environment(), with a library in front of a sanitizer's."""
    libraries = [str(library), *os.environ.get("LD_PRELOAD", "").split()]
    options = os.environ.get("ASAN_OPTIONS", "")
    return {
        **environment(),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": f"{options}:verify_asan_link_order=0",
    }


def run_program(program, *arguments, status=0, timeout=200.0, preload=None):
    """Runs a program that may import what this process imports; its two outputs.

    preload: a library for LD_PRELOAD.
    """
    options = ["-X", "dev"] if sys.flags.dev_mode else ["-X", "faulthandler"]
    ended = subprocess.run(
        [sys.executable, *options, "-c", textwrap.dedent(program), *map(str, arguments)],
        env=environment() if preload is None else _preloading(preload),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert ended.returncode == status, f"exit status {ended.returncode}\n{ended.stderr}"
    return ended.stdout, ended.stderr


AUDITED = """
import sys
from poplib_c import POP3, TLSSocket

events = []


def hook(event, arguments):
    if event == "poplib.putline":
        events.append(arguments[1])


sys.addaudithook(hook)
port = int(sys.argv[1])
"""


def audited_lines(program, port):
    """A program's lines, by audit event: the hook stays until the process ends."""
    output, _ = run_program(AUDITED + textwrap.dedent(program) + "print(events)\n", port)
    return ast.literal_eval(output)
