"""Clients for the test server that owe nothing to this project, and messages for it."""

import base64
import contextlib
import functools
import poplib
import socket

TIMEOUT = 10
ALICE = {"alice": "secret"}
FIRST = b"Subject: one\r\n\r\nbody\r\n"
SECOND = b"Subject: two\r\n\r\n.\r\n..\r\n.dots\r\nno dots\r\n"
THIRD = b"Subject: three\r\n\r\n1\r\n2\r\n3\r\n"


class Wire:
    """A client that sends and receives octets."""

    def __init__(self, server, context=None):
        self.server = server
        self.sock = socket.create_connection(server.address, timeout=TIMEOUT)
        self.file = self.sock.makefile("rb")
        if context is not None:
            self.start_tls(context)
        self.greeting = self.file.readline()

    def start_tls(self, context):
        """Shake hands. An end without close_notify is an error, if *context* doesn't ignore it."""
        self.file.close()
        self.sock = context.wrap_socket(
            self.sock, server_hostname=self.server.host, suppress_ragged_eofs=False
        )
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.file.close()
        self.sock.close()

    def ask(self, line):
        """Send a command, return the first line of its reply."""
        self.sock.sendall(line + b"\r\n")
        return self.file.readline()

    def rest(self):
        """The rest of a multi-line reply as transmitted, with its termination."""
        lines = list(iter(self.file.readline, b".\r\n"))
        return b"".join(lines) + b".\r\n"

    def login(self):
        assert self.ask(b"USER alice").startswith(b"+OK")
        return self.ask(b"PASS secret")

    def authenticate(self, mechanism, initial=True):
        """AUTH by an object of poplib_c.sasl, in one line if it has an *initial* response.

        Return the last reply.
        """
        first = mechanism.initial_response()
        command = b"AUTH " + mechanism.name.encode()
        if initial and first is not None:
            reply = self.ask(command + b" " + (base64.b64encode(first) or b"="))
        else:
            reply = self.ask(command)
            if first is not None and reply == b"+ \r\n":
                reply = self.ask(base64.b64encode(first))
        while reply.startswith(b"+ "):
            answer = mechanism(base64.b64decode(reply[2:]))
            reply = self.ask(b"*" if answer is None else base64.b64encode(answer))
        if reply.startswith(b"+OK") and hasattr(mechanism, "success"):
            mechanism.success()
        return reply


@contextlib.contextmanager
def logged_in(server, user="alice", password="secret"):
    """The standard library's client; what it leaves without quit() is a lost connection."""
    client = poplib.POP3(*server.address, timeout=TIMEOUT)
    try:
        client.user(user)
        client.pass_(password)
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def over_tls(kind, server, context):
    """A Wire to a server that has *kind*, "tls" or "stls", up to the end of the handshake."""
    with Wire(server, context if kind == "tls" else None) as wire:
        if kind == "stls":
            assert wire.ask(b"STLS").startswith(b"+OK")
            wire.start_tls(context)
        yield wire


@contextlib.contextmanager
def raw(kind, server):
    """A socket to such a server, up to the beginning of the handshake."""
    with socket.create_connection(server.address, timeout=TIMEOUT) as sock:
        if kind == "stls":
            with sock.makefile("rb") as file:
                file.readline()
                sock.sendall(b"STLS\r\n")
                assert file.readline().startswith(b"+OK")
        yield sock


def drain(sock):
    """What a socket receives until its end, which is to come within the time limit."""
    return b"".join(iter(functools.partial(sock.recv, 65536), b""))
