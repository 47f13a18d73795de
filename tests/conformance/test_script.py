"""The scripted server itself: that what goes wrong in a script is not lost."""

import contextlib
import socket
import ssl
import threading

import pytest
from scripted import Await, C, RefusedTLS, S, ScriptError, StartTLS, Unplayed, play


def connect(server):
    return socket.create_connection((server.host, server.port), 5)


@pytest.mark.parametrize("sent", [b"NOOP\n", b"noop\r\n", b"NOOP \r\n", b"\r\n"])
def test_another_line_than_the_script_says(sent):
    failing = pytest.raises(ScriptError, match="the script says")
    with failing, play(C("NOOP")) as server, connect(server) as client:
        client.sendall(sent)
        assert client.recv(64) == b""


@pytest.mark.parametrize("sent", [b"QUIT\r\n", b"Q"])
def test_more_than_the_script_says(sent):
    failing = pytest.raises(ScriptError, match="the script is over")
    with failing, play(C("NOOP")) as server, connect(server) as client:
        client.sendall(b"NOOP\r\n" + sent)


@pytest.mark.parametrize("sent", [b"", b"NOOP\r", b"NOOP"])
def test_less_than_the_script_says(sent):
    failing = pytest.raises(Unplayed, match="the client left")
    with failing, play(C("NOOP")) as server, connect(server) as client:
        client.sendall(sent)


def test_a_client_that_stays_silent():
    failing = pytest.raises(Unplayed, match="sent nothing")
    with failing, play(C("NOOP"), timeout=0.3) as server, connect(server) as client:
        assert client.recv(64) == b""


def test_no_client_at_all():
    with pytest.raises(Unplayed, match="the test ended"), play(S("+OK ready")):
        pass


def test_an_event_that_is_not_set():
    failing = pytest.raises(Unplayed, match="was not set")
    with failing, play(Await(threading.Event()), timeout=0.3) as server, connect(server) as client:
        assert client.recv(64) == b""


def test_the_error_of_the_test_is_not_hidden_by_its_consequence():
    with pytest.raises(LookupError), play(C("NOOP")) as server, connect(server):
        raise LookupError


def test_the_error_of_the_script_is_not_hidden_by_its_consequence():
    failing = pytest.raises(ScriptError)
    with failing as caught, play(C("NOOP")) as server, connect(server) as client:
        client.sendall(b"LIST\r\n")
        raise LookupError(client.recv(64))
    assert isinstance(caught.value.__context__, LookupError)


@contextlib.contextmanager
def encrypted(server, context):
    with connect(server) as sock, context.wrap_socket(sock, server_hostname=server.host) as client:
        yield client


def test_tls_that_the_client_does_not_trust(server_context):
    failing, refused = pytest.raises(Unplayed, match="handshake"), pytest.raises(ssl.SSLError)
    context = ssl.create_default_context()
    with failing, play(StartTLS(server_context)) as server, refused, encrypted(server, context):
        pass


def test_tls_is_not_refused(server_context, client_context):
    step, failing = RefusedTLS(server_context), pytest.raises(ScriptError, match="succeeded")
    with failing, play(step) as server, encrypted(server, client_context) as client:
        assert client.recv(64) == b""


@pytest.mark.parametrize("sent", [b"NOOP\r\n", b""])
def test_a_client_without_tls(server_context, sent):
    failing = pytest.raises(Unplayed, match="handshake")
    with failing, play(StartTLS(server_context), timeout=0.3) as server, connect(server) as client:
        client.sendall(sent)
        client.recv(64)


def test_more_than_the_script_says_over_tls(server_context, client_context):
    step, failing = StartTLS(server_context), pytest.raises(ScriptError, match="script is over")
    with failing, play(step) as server, encrypted(server, client_context) as client:
        client.sendall(b"QUIT\r\n")
