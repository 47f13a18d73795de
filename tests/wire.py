"""Clients for the test server that owe nothing to this project, and messages for it."""

import contextlib
import poplib
import socket

TIMEOUT = 10
ALICE = {"alice": "secret"}
FIRST = b"Subject: one\r\n\r\nbody\r\n"
SECOND = b"Subject: two\r\n\r\n.\r\n..\r\n.dots\r\nno dots\r\n"
THIRD = b"Subject: three\r\n\r\n1\r\n2\r\n3\r\n"


class Wire:
    """A client that sends and receives octets."""

    def __init__(self, server):
        self.sock = socket.create_connection(server.address, timeout=TIMEOUT)
        self.file = self.sock.makefile("rb")
        self.greeting = self.file.readline()

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
