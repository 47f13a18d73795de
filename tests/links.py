"""The links that a client's connection goes over: plain TCP, and TLS in each way."""

import poplib

import pytest
from scripted import C, S, StartTLS, play

TIMEOUT = 5.0
#: One for each transport: the descriptor, our own TLS, and methods of a Python socket.
LINKS = ["plain", "tls", "tls context"]
#: After STLS the transports are the last two. For tests of what STLS replaces.
ALL_LINKS = [*LINKS, "stls", "stls context"]


def through(*names):
    """Marks a test for which other links than LINKS, or fewer of them, make sense."""
    return pytest.mark.parametrize("link", names, indirect=True)


class Link:
    """Plain TCP, TLS from the start, or TLS by STLS.

    Over TLS the client has a ssl.SSLContext, or none.
    """

    def __init__(self, pop, name, server_context, client_context):
        self._pop = pop
        self.way, *with_context = name.split()
        self._context = client_context if with_context else None
        self._start = StartTLS(server_context)
        #: The server's ssl.SSLContext where TLS is there from the start, or None.
        self.tls = server_context if self.way == "tls" else None
        #: Whether TLS is the ssl module's, as poplib's always is.
        self.by_ssl_module = self.way != "plain" and (bool(with_context) or pop is poplib)

    def opening(self, greeting):
        """The steps of a server until connect() returns."""
        steps = [S(greeting)]
        if self.way == "tls":
            steps.insert(0, self._start)
        elif self.way == "stls":
            steps += [C("CAPA"), S("+OK", "STLS", "."), C("STLS"), S("+OK"), self._start]
        return steps

    def play(self, *steps, greeting="+OK ready", **options):
        """A scripted server that plays the steps after the opening."""
        return play(*self.opening(greeting), *steps, **options)

    def class_of(self, cls):
        """The class whose instances connect through this link, as ``cls`` does; a POP3 class."""
        if self.way != "tls":
            return cls
        if cls is self._pop.POP3:
            return self._pop.POP3_SSL
        return type(cls.__name__, (cls, self._pop.POP3_SSL), {})

    def connect(self, server, cls=None, timeout=TIMEOUT, **options):
        """A greeted client.  ``timeout`` counts from then on, so that it may be short."""
        if self.way == "tls":
            options["context"] = self._context
        cls = self.class_of(cls or self._pop.POP3)
        client = cls(server.host, server.port, timeout=TIMEOUT, **options)
        if self.way == "stls":
            self._pop.POP3.stls(client, self._context)
        client.sock.settimeout(timeout)
        return client
