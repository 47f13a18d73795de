"""What the tests of auth() and of the login methods share."""

import base64
import contextlib
import gc
import socket
import weakref

from scripted import C, S, play
from secret import SECRET

from poplib_c import POP3, error_proto

from .support import TIMEOUT, ByMethods


def b64(text):
    return base64.b64encode(text).decode("ascii")


class Mechanism:
    """An object as those of poplib_c.sasl are."""

    def __init__(self, name="X-TEST", first=None, answers=()):
        self.name = name
        self.first = first
        self.answers = list(answers)
        self.challenges = []
        self.succeeded = 0

    def initial_response(self):
        return self.first

    def __call__(self, challenge):
        self.challenges.append(challenge)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def success(self):
        self.succeeded += 1


@contextlib.contextmanager
def talk(*steps, cls=POP3, in_step=True):
    """A client that plays the steps; NOOP behind them shows that it is in step."""
    steps = (*steps, C("NOOP"), S("+OK still here")) if in_step else steps
    with (
        play(S("+OK ready"), *steps) as server,
        contextlib.closing(cls(server.host, server.port, timeout=TIMEOUT)) as client,
    ):
        yield client
        if in_step:
            assert client.noop() == b"+OK still here"


def outlives(function, *steps):
    """Whether a client outlives its last name when function(client) has played the steps."""
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        gc.disable()
        try:
            with contextlib.suppress(error_proto):
                function(client)
            client.close()
            reference = weakref.ref(client)
            del client
            return reference() is not None
        finally:
            gc.enable()


PLAIN = "AUTH PLAIN " + b64(b"\0alice\0" + SECRET.encode())

#: The server's challenge of CRAM-MD5; and all of LOGIN but the last answer.
CRAM = C("AUTH CRAM-MD5"), S("+ " + b64(b"<1@h>"))
LOGIN = [C("AUTH LOGIN"), S("+ "), C("YWxpY2U="), S("+ "), C(b64(SECRET.encode()))]


class Elsewhere(socket.socket):
    """A socket whose peer is on another machine, as far as it says."""

    peer = ("192.0.2.1", 110)

    def getpeername(self):
        return self.peer


class Remote(ByMethods):
    sock_class = Elsewhere


def capa(*lines):
    return C("CAPA"), S("+OK", *lines, ".")


def login(client, **options):
    """Log in with the secret."""
    return client.login("alice", SECRET, **options)


def used(server):
    """The last command that begins a login."""
    verbs = (b"AUTH ", b"APOP ", b"USER ")
    commands = [line for line in server.commands if line.upper().startswith(verbs)]
    words = commands[-1].decode().split()
    return words[1] if words[0] == "AUTH" else words[0]
