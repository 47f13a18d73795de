"""What the tests of auth() share."""

import base64
import contextlib

from scripted import C, S, play

from poplib_c import POP3

from .support import TIMEOUT


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
