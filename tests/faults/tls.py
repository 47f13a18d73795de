"""Both ends of a TLS connection, and what may stand between them."""

import contextlib
import select
import socket
import ssl
import struct
import threading

import pytest
from scripted import C, S

import poplib_c
from poplib_c import POP3_SSL

from .support import GREETING, TIMEOUT, Call

HOST = "127.0.0.1"

HANDSHAKE = 22
ALERT = 21
DATA = 23


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

unverified = ssl._create_unverified_context

contexts = pytest.mark.parametrize("context", [lambda: None, unverified], ids=["own", "context"])
versions = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)

#: The steps of a script up to the handshake of stls().
OFFERED = (S("+OK ready"), C("CAPA"), S("+OK", "STLS", "."), C("STLS"), S("+OK begin"))


class Bare(POP3_SSL):
    """Awaits no greeting, and keeps no file."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.file.close()

    def _getresp(self):
        return b""


def tls_socket(address, verify=None):
    """A TLSSocket, which nothing else refers to; verify is the file of a CA."""
    return Bare(*address, timeout=TIMEOUT, verify=verify).sock


def ssl_socket(address, verify=None):
    """The ssl module's counterpart, made as poplib makes it."""
    make = ssl._create_stdlib_context if verify is None else ssl.create_default_context
    context = make(cafile=verify)
    sock = socket.create_connection(address, TIMEOUT)
    try:
        return context.wrap_socket(sock, server_hostname=address[0])
    except BaseException:
        sock.close()
        raise


#: Both answer each call alike.
KINDS = {"TLSSocket": tls_socket, "SSLSocket": ssl_socket}

kinds = pytest.mark.parametrize("kind", KINDS)


def make_context(ca, version=None):
    """A server's context for one test, with one version of TLS if that is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", HOST, "::1").configure_cert(context)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def accept(listener, context, first):
    """The server's end, an ssl.SSLSocket that sends each write at once, and has sent ``first``."""
    connection, _ = listener.accept()
    connection.settimeout(TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        there = context.wrap_socket(connection, server_side=True)
        there.sendall(first)
    except BaseException:
        connection.close()
        raise
    return there


def tls_pair(make, context, first=b"", **options):
    """What ``make`` makes, and the server's end, which has sent ``first``."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(TIMEOUT)
        call = Call(accept, listener, context, first)
        try:
            here = make(listener.getsockname(), **options)
        finally:
            there = call.end()
    if isinstance(there, BaseException):
        here.close()
        raise there
    return here, there


def wait_readable(sock, seconds=TIMEOUT):
    """Whether select() says that the socket can be read, at the latest then."""
    return bool(select.select([sock], [], [], seconds)[0])


@contextlib.contextmanager
def greeted(context, /, module=poplib_c, timeout=TIMEOUT, relay=None, **options):
    """A greeted client and the server's end, with a relay between them if one is given."""

    def make(address):
        if relay is not None:
            relay.server, address = address, relay.address
        return module.POP3_SSL(*address, timeout=timeout, **options)

    client, there = tls_pair(make, context, GREETING)
    with there:
        try:
            yield client, there
        finally:
            with contextlib.suppress(OSError, AttributeError):
                client.close()


def has_ended(there):
    """Whether nothing was sent by a client that has gone without close_notify.

    OpenSSL 3.5 tells of the alert for that, which can't be sent any more.
    """
    try:
        return there.recv(100) == b""
    except BrokenPipeError:
        return True


def settle(here, there):
    """Receives what comes behind a handshake, and an octet: nothing is left unread."""
    there.sendall(b"!")
    assert here.recv(1) == b"!"
    assert not wait_readable(here, 0)


class Records:
    """Octets of one direction, taken apart into TLS records."""

    def __init__(self):
        self._octets = bytearray()

    def feed(self, octets):
        """Yield each record that is complete now, (type, octets with the header)."""
        self._octets += octets
        while len(self._octets) >= 5:
            end = 5 + int.from_bytes(self._octets[3:5], "big")
            if len(self._octets) < end:
                return
            record = bytes(self._octets[:end])
            del self._octets[:end]
            yield record[0], record


class Cut(Exception):
    """A relay's plan has come to its end: the client sees the end of the stream."""


class Reset(Cut):
    """The client sees a reset."""


class Relay:
    """Between clients and a server; a plan says what becomes of each record for the client.

    ``plan(number, record, send)`` is called in the relay's thread for the records of a connection
    in turn.  Returning False means silence from then on; Cut and Reset may be raised.  What the
    client sends goes to the server as it is, and is kept in ``upwards``.
    """

    def __init__(self, server, plan):
        self.server = server
        self.plan = plan
        self.upwards = bytearray()
        self._listener = socket.create_server((HOST, 0))
        self.address = self._listener.getsockname()
        self._wake, self._waker = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="relay")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *details):
        self._waker.close()
        self._thread.join(2 * TIMEOUT)
        self._listener.close()
        self._wake.close()
        assert not self._thread.is_alive(), "the relay hangs"

    def _wait(self, *socks):
        """Those that can be read; nothing at the end of the test."""
        ready, _, _ = select.select([self._wake, *socks], [], [])
        return [] if self._wake in ready else ready

    def _run(self):
        while self._wait(self._listener):
            client, _ = self._listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, contextlib.suppress(ConnectionError):
                self._serve(client)

    def _serve(self, client):
        self._reset = False
        with socket.create_connection(self.server, TIMEOUT) as server:
            try:
                self._carry(client, server)
            except Cut as cut:
                self._reset = type(cut) is Reset
        if self._reset:
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        while self._wait(client) and client.recv(65536):
            pass

    def _carry(self, client, server):
        records, number, silent = Records(), 0, False
        while True:
            ready = self._wait(client, server)
            if client in ready:
                octets = client.recv(65536)
                if not octets:
                    raise Cut
                self.upwards += octets
                server.sendall(octets)
            elif server in ready:
                octets = server.recv(65536)
                for _, record in records.feed(octets):
                    if not silent:
                        silent = self.plan(number, record, client.sendall) is False
                    number += 1
                if not octets and not silent:
                    raise Cut
                if not octets:
                    self._wait(client)
                    return
            else:
                return


def pass_on(number, record, send):
    """A plan that changes nothing."""
    send(record)
