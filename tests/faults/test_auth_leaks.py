"""Authentication, good and failed, again and again: nothing is kept."""

import contextlib
import logging
import socket

import pytest

from poplib_c import POP3, error_proto

from .auth import Mechanism
from .test_leaks import ROUNDS, Failure, check_flat, fails, greeted, run


def answer(client, there, *replies):
    """What the server says to each line from now on."""
    left = list(replies)

    def putline(line):
        POP3._putline(client, line)
        there.sendall(left.pop(0) + b"\r\n")

    client._putline = putline


def succeeded(client, there):
    answer(client, there, b"+ ", b"+ YQ==", b"+OK")
    assert client.auth(Mechanism(first=300 * b"x", answers=["a"])) == b"+OK"


def refused(client, there):
    answer(client, there, b"+ ", b"-ERR [AUTH] no")
    try:
        client.auth("X", bytes)
    except error_proto as error:
        assert (error.code, error.temporary, error.response) == ("AUTH", False, error.args[0])


def cancelled(client, there):
    for reply in (b"+ !", b"+ERR"):
        answer(client, there, reply, b"-ERR")
        fails(error_proto, client.auth, "X", bytes)
    for answers in ([None], [Failure()], [1], ["\xe9"]):
        answer(client, there, b"+ YQ==", b"-ERR")
        fails(
            (error_proto, Failure, TypeError, ValueError), client.auth, Mechanism(answers=answers)
        )


def cancelled_in_vain(client, there):
    answer(client, there, b"+ ", b"+ ")
    fails(error_proto, client.auth, "X", lambda challenge: None)
    fails(error_proto, client.noop)


def wrong(client, there):
    for arguments in ((), ("X",), ("X\n", bytes), (1, bytes), ("X", None, 1), ("X", 1)):
        fails((TypeError, ValueError, AttributeError), client.auth, *arguments)


def reentered(client, there):
    answer(client, there, b"+ ", b"-ERR")
    fails(RuntimeError, client.auth, "X", lambda challenge: client.noop())


def doubted(client, there):
    class Doubts(Mechanism):
        def success(self):
            raise Failure

    answer(client, there, b"+OK")
    fails(Failure, client.auth, Doubts())


def logged_in(client, there):
    client.capa = lambda: {"USER": []}
    answer(client, there, b"+OK", b"+OK in")
    assert client.login("alice", "secret", allow_insecure=True) == b"+OK in"
    fails(error_proto, client.login, "alice", "secret", mechanisms=[])
    client.capa = lambda: {"SASL": ["XOAUTH2"]}
    answer(client, there, b"+ e30=", b"-ERR", b"+OK in")
    tokens = iter(["old", "new"])
    response = client.login_oauth2("alice", lambda: next(tokens), allow_insecure=True)
    assert response == b"+OK in"


PATHS = [succeeded, refused, cancelled, cancelled_in_vain, wrong, reentered, doubted, logged_in]


@contextlib.contextmanager
def logged():
    """Logging is on, and nobody keeps what it says."""
    logger = logging.getLogger("poplib_c")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_again_and_again(path):
    with logged():
        run(greeted(path), socket.socket, ROUNDS // 5)
        check_flat(lambda: run(greeted(path), socket.socket, ROUNDS))
