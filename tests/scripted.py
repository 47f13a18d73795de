"""A server that plays a script over a real socket, octet for octet.

A script reads as the transcripts of RFC 1939 do:

    with play(
        S("+OK POP3 server ready"),
        C("STAT"),
        S("+OK 2 320"),
        C("QUIT"),
        S("+OK"),
    ) as server:
        client = poplib.POP3(server.host, server.port, timeout=5)
        assert client.stat() == (2, 320)
        client.quit()
    assert server.wire == b"STAT\r\nQUIT\r\n"

The client has to send exactly what the script expects, and nothing after it.  What it does
otherwise is raised at the end of the ``with`` block.  One server takes one connection.

With ``StartTLS(context)`` among the steps all that follows goes through TLS: as the first step
for POP3S, behind the reply to STLS for that.  ``wire`` has what the client said, decrypted.
"""

import contextlib
import select
import socket
import ssl
import struct
import threading
import time

#: Every octet in a segment of its own.
EACH = object()

_GAP = 0.001  # between two segments, so that the client can receive the first one alone


class ScriptError(AssertionError):
    """The client did something else than the script says."""


class Unplayed(ScriptError):
    """The client left, or the test ended, before the script did."""


class _Stopped(Exception):
    pass


class _Gone(Exception):
    pass


def _octets(text):
    return text if isinstance(text, bytes) else text.encode("utf-8")


class _Step:
    def __repr__(self):
        values = ", ".join(repr(value) for value in vars(self).values())
        return f"{type(self).__name__}({values})"


class Raw(_Step):
    """Sends octets as they are, a new segment beginning at each of the positions ``cut``."""

    def __init__(self, data, cut=()):
        self.data = data
        self.cut = range(1, len(data)) if cut is EACH else sorted(cut)

    def play(self, peer):
        edges = [0, *self.cut, len(self.data)]
        for number, (start, end) in enumerate(zip(edges, edges[1:])):
            if number:
                time.sleep(_GAP)
            peer.send(self.data[start:end])


class S(Raw):
    """The server says these lines, all in one segment unless ``cut``."""

    def __init__(self, *lines, cut=()):
        super().__init__(b"".join(_octets(line) + b"\r\n" for line in lines), cut)


class C(_Step):
    """The client has to say this line."""

    def __init__(self, line):
        self.line = _octets(line) + b"\r\n"

    def play(self, peer):
        line = peer.read_line(self)
        if line != self.line:
            raise ScriptError(f"the script says C: {self.line!r}, the client sent {line!r}")


class Anything(_Step):
    """The client may say what it likes: until it leaves, or ``once``."""

    def __init__(self, once=False):
        self.once = once

    def play(self, peer):
        peer.ignore(self.once)


class Pause(_Step):
    """The server does nothing for some seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def play(self, peer):
        time.sleep(self.seconds)


class Await(_Step):
    """The server waits until the test sets the event."""

    def __init__(self, event):
        self.event = event

    def play(self, peer):
        if not self.event.wait(peer.timeout):
            raise Unplayed(f"the event of {self!r} was not set")


class StartTLS(_Step):
    """The server's side of a TLS handshake, with a server's ssl.SSLContext."""

    def __init__(self, context):
        self.context = context

    def play(self, peer):
        try:
            peer.start_tls(self.context)
        except ssl.SSLError as error:
            raise Unplayed(f"the handshake failed: {error}") from None
        except _Gone:
            raise Unplayed("the client left in the handshake") from None


class RefusedTLS(StartTLS):
    """The client has to give up this handshake."""

    def play(self, peer):
        try:
            peer.start_tls(self.context)
        except (ssl.SSLError, _Gone):
            return
        raise ScriptError("the handshake succeeded")


class HalfClose(_Step):
    """The server has nothing more to say, and goes on reading."""

    def play(self, peer):
        peer.half_close()


class Close(_Step):
    """The server closes the connection; TLS with no word of goodbye, as many servers do."""

    def play(self, peer):
        peer.connection.close()


class Reset(_Step):
    """The server drops the connection with a RST."""

    def play(self, peer):
        linger = struct.pack("ii", 1, 0)
        peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        peer.connection.close()


class _NoTLS:
    """Octets as they are on the wire."""

    def encrypt(self, data):
        return data

    def decrypt(self, data):
        return data

    def half_close(self, connection):
        connection.shutdown(socket.SHUT_WR)


class _TLS:
    """A server's TLS session between two queues of octets."""

    def __init__(self, context):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def shake_hands(self, received):
        """Whether the handshake is over."""
        self._incoming.write(received)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def to_send(self):
        return self._outgoing.read()

    def encrypt(self, data):
        if data:
            self._session.write(data)
        return self.to_send()

    def decrypt(self, data):
        """Raises _Gone at the client's close_notify, and if it is no TLS."""
        self._incoming.write(data)
        decrypted = bytearray()
        while True:
            try:
                part = self._session.read(65536)
            except ssl.SSLWantReadError:
                return bytes(decrypted)
            except ssl.SSLError:
                raise _Gone from None
            if not part and not decrypted:
                raise _Gone
            if not part:
                return bytes(decrypted)
            decrypted += part

    def half_close(self, connection):
        """close_notify; the connection stays."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._session.unwrap()
        connection.sendall(self.to_send())


class _Peer:
    """The server's end of the connection."""

    def __init__(self, connection, server):
        self.connection = connection
        self.timeout = server.timeout
        self._server = server
        self._tls = _NoTLS()
        self._unread = bytearray()
        #: Whether the client was found to have left while sending.
        self.gone = False

    def send(self, data):
        """Sends to a client that may have left: the script notices when it reads."""
        self._send_raw(self._tls.encrypt(data))

    def _send_raw(self, data):
        if self.gone:
            return
        try:
            self.connection.sendall(data)
        except ConnectionError:
            self.gone = True

    def half_close(self):
        self._tls.half_close(self.connection)

    def start_tls(self, context):
        """Raises ssl.SSLError, or _Gone."""
        if self._unread:
            raise ScriptError(f"the client sent {bytes(self._unread)!r} before the handshake")
        session = _TLS(context)
        over = False
        while not over:
            received = self._receive_raw()
            if not received:
                raise Unplayed(f"the client did not go on with the handshake for {self.timeout} s")
            try:
                over = session.shake_hands(received)
            finally:
                self._send_raw(session.to_send())
        self._tls = session
        self._take(b"")

    def read_line(self, step):
        searched = 0
        while (end := self._unread.find(b"\n", searched) + 1) == 0:
            searched = len(self._unread)
            try:
                received = self._receive()
            except _Gone:
                raise Unplayed(f"the client left before {step!r}") from None
            if not received:
                raise Unplayed(f"the client sent nothing for {self.timeout} s: {step!r}")
        line = bytes(self._unread[:end])
        del self._unread[:end]
        return line

    def ignore(self, once):
        with contextlib.suppress(_Gone, _Stopped):
            while self._receive() and not once:
                pass
        self._unread.clear()

    def drain(self):
        """Reads until the client leaves or the test ends, and wants to see nothing."""
        try:
            while self._receive():
                pass
        except (_Gone, _Stopped):
            pass
        if self._unread:
            raise ScriptError(f"the script is over, the client sent {bytes(self._unread)!r}")

    def _receive(self):
        """False if nothing came."""
        data = self._receive_raw()
        if not data:
            return False
        self._take(data)
        return True

    def _take(self, data):
        data = self._tls.decrypt(data)
        self._unread += data
        self._server.record(data)

    def _receive_raw(self):
        """Nothing after the timeout."""
        if self.connection.fileno() < 0:
            raise _Gone
        if not self._server.wait_readable(self.connection):
            return b""
        try:
            data = self.connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._server.saw_eof.set()
            raise _Gone
        return data


class Server:
    """Plays its steps to the first client that connects; see the module's example."""

    host = "127.0.0.1"

    def __init__(self, *steps, timeout=5.0):
        self.timeout = timeout
        self.saw_eof = threading.Event()
        self.failure = None
        self._steps = steps
        self._wire = bytearray()
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="scripted server", daemon=True)
        self._thread.start()

    @property
    def wire(self):
        """What the client has sent; complete after the ``with`` block."""
        return bytes(self._wire)

    def wait_eof(self, timeout=5.0):
        """True once the client has closed its side; only where the script is over."""
        return self.saw_eof.wait(timeout)

    def stop(self):
        """Reads what has arrived, ends the script and the thread."""
        self._waker.close()
        self._thread.join(2 * self.timeout)
        self._listener.close()
        if self._thread.is_alive():
            raise ScriptError("the scripted server does not stop")
        self._wake.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.stop()
        consequence = error is not None and isinstance(self.failure, Unplayed)
        if self.failure is not None and not consequence:
            raise self.failure

    def wait_readable(self, sock):
        """False after the timeout.  What has arrived counts before the end of the test."""
        ready, _, _ = select.select([sock, self._wake], [], [], self.timeout)
        if sock in ready:
            return True
        if ready:
            raise _Stopped
        return False

    def record(self, data):
        self._wire += data

    def _run(self):
        step = "a connection"
        try:
            if not self.wait_readable(self._listener):
                raise Unplayed("no client connected")
            connection, _ = self._listener.accept()
            self._listener.close()  # Who connects again is refused.
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(self.timeout)
                peer = _Peer(connection, self)
                for step in self._steps:
                    step.play(peer)
                peer.drain()
        except _Stopped:
            self.failure = Unplayed(f"the test ended before {step!r}")
        except Exception as error:  # raised again by __exit__
            self.failure = error


play = Server
