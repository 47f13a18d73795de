"""Plays an example with a client of either module, and notes all that can be seen of it.

There is one thread and no waiting for a server: the server speaks from within the audit event
that announces a line, before the client sends it, or before the call.  What is not there when
it is read will not come, which the socket's short timeout says.
"""

import contextlib
import errno
import fcntl
import functools
import io
import os
import select
import socket
import ssl
import struct
import sys
import termios
import time

from .recording import NotedFile, Observer, Raised, Returned, Trace, state_of

TIMEOUT = 0.002
MAXLINE = 2048
LARGEST_PACKET = 4096  # The smallest room that either client offers to a recv().
_BUFFER = 1 << 20
_PATIENCE = 2.0
_BYTES_RECEIVED, _BYTES_SENT, _BYTES_SENT_AGAIN = 128, 200, 208  # in Linux' struct tcp_info


class _Kernel:
    """A server on a pair of sockets; ``packets`` keeps the segments apart."""

    def __init__(self, kind):
        mine, other = socket.socketpair(socket.AF_UNIX, kind)
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        mine.setblocking(False)
        self.mine, self.other = mine, other

    def client_socket(self):
        self.other.settimeout(TIMEOUT)
        return self.other

    def say(self, segment):
        for start in range(0, len(segment), LARGEST_PACKET):
            self.mine.sendall(segment[start : start + LARGEST_PACKET])

    def end(self, how):
        if how == "eof":
            self.mine.shutdown(socket.SHUT_WR)
        else:
            self.mine.close()

    def heard(self):
        """What the client has sent since the last call.

        At its end OpenSSL 3.5 may have an alert to send, which is a broken pipe.
        """
        parts = [b""]
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ssl.SSLError):
            while self.mine.fileno() >= 0 and self._receive(parts):
                pass
        return b"".join(parts)

    def _receive(self, parts):
        """False at the end.  A pair of sockets tells of a reset first, TCP tells of it last."""
        try:
            parts.append(self.mine.recv(65536))
        except ConnectionError:
            parts.append(self.mine.recv(65536))
        return parts[-1]

    def released(self):
        return self.other.fileno() == -1

    def close(self):
        self.mine.close()
        self.other.close()


class _Foreign(socket.socket):
    """A socket with a way of its own to send and to receive."""

    def recv_into(self, buffer, *arguments):
        return super().recv_into(memoryview(buffer)[:7], *arguments)

    def sendall(self, data, *arguments):
        for start in range(0, len(data), 5):
            super().sendall(data[start : start + 5], *arguments)


class _ForeignKernel(_Kernel):
    def __init__(self, kind):
        super().__init__(kind)
        self.other = _Foreign(fileno=self.other.detach())


class _Tcp(_Kernel):
    """Over 127.0.0.1, where a connection can be reset."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.other = socket.create_connection(listener.getsockname(), _PATIENCE)
            self.mine, _ = listener.accept()
        for side in (self.mine, self.other):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.mine.setblocking(False)

    def say(self, segment):
        before = self._queued()
        super().say(segment)
        self._wait(lambda: self._queued() == before + len(segment))

    def end(self, how):
        if how == "eof":
            super().end(how)
            self._wait_for_event(self.other, select.POLLRDHUP)
            return
        self.mine.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.mine.close()
        self._wait_for_event(self.other, select.POLLHUP)

    def heard(self):
        if not self.released() and self.mine.fileno() >= 0:
            self._wait(self._is_all_received)
        elif self.mine.fileno() >= 0:
            self._wait_for_event(self.mine, select.POLLRDHUP)
        return super().heard()

    def _queued(self):
        queued = fcntl.ioctl(self.other, termios.FIONREAD, bytes(4))
        return struct.unpack("i", queued)[0]

    def _is_all_received(self):
        sent = self._count(self.other, _BYTES_SENT) - self._count(self.other, _BYTES_SENT_AGAIN)
        return self._count(self.mine, _BYTES_RECEIVED) >= sent

    @staticmethod
    def _count(sock, place):
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        return struct.unpack_from("Q", info, place)[0]

    def _wait_for_event(self, sock, event):
        if sock.fileno() >= 0:
            poll = select.poll()
            poll.register(sock, event)
            self._wait(lambda: poll.poll(0))

    @staticmethod
    def _wait(condition):
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("octets do not arrive on the loopback interface")


class _Tls(_Kernel):
    """TLS by the ssl module; every segment is a record."""

    def __init__(self, contexts):
        super().__init__(socket.SOCK_STREAM)
        server, client = contexts
        options = {"do_handshake_on_connect": False}
        self.other.setblocking(False)
        self.mine = server.wrap_socket(self.mine, server_side=True, **options)
        self.other = client.wrap_socket(self.other, server_hostname="localhost", **options)
        waiting = [self.other, self.mine]
        while waiting:
            for side in tuple(waiting):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                    waiting.remove(side)

    def end(self, how):
        if how == "eof":
            with contextlib.suppress(ssl.SSLWantReadError):
                self.mine.unwrap()
        else:
            self.mine.close()


class _Octets(io.RawIOBase):
    """What a double's file reads: one segment at a time."""

    def __init__(self, double):
        self.double = double

    def readable(self):
        return True

    def readinto(self, buffer):
        segments = self.double.segments
        if not segments:
            if self.double.ended == "reset":
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            if self.double.ended:
                return 0
            raise socket.timeout("timed out")
        part, rest = segments[0][: len(buffer)], segments[0][len(buffer) :]
        buffer[: len(part)] = part
        segments[:1] = [rest] if rest else []
        return len(part)


class _Double:
    """Server and socket in one, without a descriptor."""

    def __init__(self):
        self.segments = []
        self.sent = []
        self.ended = None
        self.closed = False

    def makefile(self, mode):
        return io.BufferedReader(_Octets(self))

    def sendall(self, data):
        if self.ended == "reset":
            raise BrokenPipeError("gone")
        self.sent.append(data)

    def shutdown(self, how):
        pass

    def close(self):
        self.closed = True

    def client_socket(self):
        return self

    def say(self, segment):
        if segment:
            self.segments.append(segment)

    def end(self, how):
        self.ended = how

    def heard(self):
        sent, self.sent = self.sent, []
        return b"".join(sent)

    def released(self):
        return self.closed


def _connect(wire, contexts):
    if wire == "double":
        return _Double()
    if wire == "tls":
        return _Tls(contexts)
    if wire == "tcp":
        return _Tcp()
    if wire == "packets":
        return _Kernel(socket.SOCK_SEQPACKET)
    return (_ForeignKernel if wire == "foreign" else _Kernel)(socket.SOCK_STREAM)


class _Run:
    """One client and its server."""

    def __init__(self, example, contexts):
        self.observer = Observer()
        self.server = _connect(example.wire, contexts)
        self.said = bytearray()
        self.ended = None
        self.pending = None
        self.client = None

    def say(self, reply):
        if self.ended or self.server.released():
            return
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for segment in reply.segments:
                self.said += segment
                self.server.say(segment)
            if reply.end:
                self.ended = reply.end
                self.server.end(reply.end)

    def audited(self, event, arguments):
        self.observer.note("audit", event, *arguments[1:])
        if event == "poplib.putline" and self.pending is not None:
            pending, self.pending = self.pending, None
            self.say(pending)

    def unread(self):
        return bytes(self.said[self.observer.consumed :])

    def trace(self, step, function):
        """Runs it, as the step that it is."""
        self.observer.begin()
        speaks_first = step is None or step.speaks_first
        if step is not None:
            self.pending = None if speaks_first else step.reply
            if speaks_first:
                self.say(step.reply)
        at_start = self.observer.consumed
        unread = self.unread()
        try:
            outcome = Returned(function())
        except Exception as error:
            outcome = Raised(error)
        events = self.observer.end()
        if any(event.kind == "read" and lost_all(event.what) for event in events):
            self.observer.consumed = len(self.said)
        return Trace(
            step=step,
            outcome=outcome,
            events=events,
            wire=self.server.heard(),
            state=state_of(self.client),
            released=self.server.released(),
            unread=unread,
            stream=bytes(self.said[at_start:]),
            ended=self.ended,
        )


def lost_all(read):
    """Whether nothing more came: a BufferedReader drops the part of a line that it has then."""
    return isinstance(read, (socket.timeout, ConnectionError))


_current = None


def _audit(event, arguments):
    if _current is not None and event.startswith("poplib."):
        _current.audited(event, arguments)


@functools.lru_cache(None)
def _listen():
    """For good: from here on, the process has an audit hook."""
    sys.addaudithook(_audit)


class _NotedAttribute:
    """Sees to it that whatever becomes ``.file`` notes what is read from it."""

    def __get__(self, client, owner):
        if client is None:
            return self
        try:
            return client.__dict__["file"]
        except KeyError:
            raise AttributeError("file") from None

    def __set__(self, client, file):
        noted = file is None or isinstance(file, NotedFile)
        client.__dict__["file"] = file if noted else NotedFile(file, _current.observer)


@functools.cache
def _client_class(base, hooks, watched):
    def noting(name):
        def noted(self, *arguments):
            _current.observer.note("hook", name, *arguments)
            return getattr(super(Client, self), name)(*arguments)

        return noted

    members = {name: noting(name) for name in hooks}
    members["_create_socket"] = lambda self, timeout: _current.server.client_socket()
    if watched:
        members["file"] = _NotedAttribute()
    Client = type("Client", (base,), members)
    return Client


def _perform(module, client, step):
    if step.name == "set":
        name, value = step.args
        setattr(module if name == "_MAXLINE" else client, name, value)
        return None
    if step.name == "file.readline":
        return client.file.readline(*step.args)
    return getattr(client, step.name)(*step.args)


def play(module, example, contexts=None, watched=False):
    """The traces of the constructor and of each step.

    ``watched`` notes what the client reads from ``.file``, for which its attribute is replaced:
    so only poplib, which reads no other way, is played like this.
    """
    global _current
    _listen()
    _current = run = _Run(example, contexts)
    stdout, maxline = sys.stdout, module._MAXLINE
    sys.stdout, module._MAXLINE = run.observer, MAXLINE
    cls = _client_class(module.POP3, example.hooks, watched)
    try:

        def construct():
            run.client = cls("host", 11)

        run.say(example.greeting)
        traces = [run.trace(None, construct)]
        if run.client is not None:
            for step in example.steps:
                perform = functools.partial(_perform, module, run.client, step)
                traces.append(run.trace(step, perform))
    finally:
        sys.stdout, module._MAXLINE = stdout, maxline
        client, run.client = run.client, None
        with contextlib.suppress(Exception):
            if client is not None:
                module.POP3.close(client)
        run.server.close()
        _current = None
    return traces
