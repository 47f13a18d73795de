"""The clients in Python to compare. All have poplib's methods.

poplib     the standard library
poplib_c   this package
list       the list limit: one call of C for each command, which makes the list (listlimit.c)
python     the fastest pure Python: recv_into() 256 kB, and bytes.split()
"""

import functools
import importlib
import socket
import ssl

ROOM = 262144


class Bare:
    """A connection with poplib's methods; command() sends a command and reads the reply."""

    def __init__(self, host, port, timeout, tls):
        sock = socket.create_connection((host, port), timeout)
        if tls:
            sock = ssl._create_unverified_context().wrap_socket(sock)
        self.sock = sock
        self.room = bytearray(ROOM)
        self.prepare()
        self.welcome = self.read(False)

    def prepare(self):
        self.view = memoryview(self.room)

    def read(self, multiline):
        """Read one reply and return what poplib returns."""
        end = b"\r\n.\r\n" if multiline else b"\r\n"
        length = self.sock.recv_into(self.view)
        pieces = [bytes(self.view[:length])]
        tail = pieces[0][-5:]
        while not tail.endswith(end):
            length = self.sock.recv_into(self.view)
            pieces.append(bytes(self.view[:length]))
            tail = (tail + pieces[-1][-5:])[-5:]
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if not multiline:
            return data[:-2]
        response, *lines = data.split(b"\r\n")
        del lines[-2:]
        stuffed = data.count(b"\r\n..")
        if stuffed:
            lines = [line[1:] if line.startswith(b"..") else line for line in lines]
        return response, lines, len(data) - len(response) - 5 - stuffed

    def command(self, line, multiline):
        self.sock.sendall(line)
        return self.read(multiline)

    def user(self, name):
        return self.command(b"USER %s\r\n" % name.encode(), False)

    def pass_(self, word):
        return self.command(b"PASS %s\r\n" % word.encode(), False)

    def noop(self):
        return self.command(b"NOOP\r\n", False)

    def list(self):
        return self.command(b"LIST\r\n", True)

    def uidl(self):
        return self.command(b"UIDL\r\n", True)

    def retr(self, number):
        return self.command(b"RETR %d\r\n" % number, True)

    def top(self, number, lines):
        return self.command(b"TOP %d %d\r\n" % (number, lines), True)

    def quit(self):
        response = self.command(b"QUIT\r\n", False)
        self.sock.close()
        return response


class ListLimit(Bare):
    def prepare(self):
        super().prepare()
        self.listlimit = importlib.import_module("listlimit")
        timeout = self.sock.gettimeout()
        self.arguments = self.sock.fileno(), -1 if timeout is None else int(timeout * 1000)
        if isinstance(self.sock, ssl.SSLSocket):
            self.arguments = self.sock.sendall, self.sock.recv_into
            self.exchange = self.listlimit.exchange_by
        else:
            self.exchange = self.listlimit.exchange

    def command(self, line, multiline):
        return self.exchange(*self.arguments, line, multiline, self.room)


@functools.cache
def shared_context(trusted):
    """Return the context by which all connections of poplib verify."""
    return ssl.create_default_context(cafile=trusted)


def connect(name, host, port, timeout=None, tls=False, trusted=None):
    """Connect with the named client, without logging in. timeout: None for no timeout.

    trusted: the path of certificates to verify the server's by; None: do not verify.
    """
    if name in ("list", "python"):
        return {"list": ListLimit, "python": Bare}[name](host, port, timeout, tls)
    module = importlib.import_module(name)
    kind = module.POP3_SSL if tls else module.POP3
    options = {} if timeout is None else {"timeout": timeout}
    if trusted is not None and name == "poplib":
        options["context"] = shared_context(trusted)
    elif trusted is not None:
        options["verify"] = trusted
    return kind(host, port, **options)
