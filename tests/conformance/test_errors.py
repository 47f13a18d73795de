"""error_proto, and the OSErrors that pass through it."""

import errno
import pickle
import socket
import ssl
import time

import pytest
from links import through
from scripted import C, Close, Raw, Reset, S, play


def test_error_proto_is_a_plain_exception(pop):
    assert pop.error_proto.__bases__ == (Exception,)
    assert pop.error_proto.__name__ == pop.error_proto.__qualname__ == "error_proto"
    assert pop.error_proto.__module__ == pop.__name__


@pytest.mark.row("error_proto")
def test_the_reason_is_passed_to_the_constructor(pop):
    error = pop.error_proto(b"-ERR no")
    assert error.args == (b"-ERR no",)
    assert repr(error) == "error_proto(b'-ERR no')"
    assert str(error) == "b'-ERR no'"
    assert pop.error_proto().args == ()
    assert pop.error_proto("a", 1).args == ("a", 1)
    with pytest.raises(TypeError):
        pop.error_proto(reason="a")


def test_error_proto_takes_attributes_and_subclasses(pop):
    class Temporary(pop.error_proto):
        pass

    error = Temporary("-ERR later")
    error.retry = 60
    assert isinstance(error, pop.error_proto)
    assert (error.args, error.retry) == (("-ERR later",), 60)


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
@pytest.mark.parametrize("arguments", [(), (b"-ERR no",), ("-ERR EOF",), (b"a", 1)])
def test_error_proto_pickles(pop, protocol, arguments):
    error = pop.error_proto(*arguments)
    error.note = "kept"
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is pop.error_proto
    assert (again.args, again.note) == (arguments, "kept")


@pytest.mark.differs("own_error_proto")
def test_error_proto_is_the_modules_own(pop, ours):
    import poplib

    assert issubclass(pop.error_proto, poplib.error_proto) is not ours


@pytest.mark.row("error_proto")
def test_the_server_speaks_in_bytes_the_client_in_str(pop, talk):
    with talk(C("NOOP"), S("-ERR caf\xe9"), C("NOOP"), Close()) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == ("-ERR caf\xe9".encode(),)
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == ("-ERR EOF",)


def test_end_of_the_connection_before_the_greeting(pop):
    with play(Close()) as server:
        with pytest.raises(pop.error_proto) as caught:
            pop.POP3(server.host, server.port, 5)
        assert caught.value.args == ("-ERR EOF",)


@pytest.mark.row("Errors of sockets")
@pytest.mark.differs("tls_reset")
def test_reset_connection(pop, talk, link):
    """Some versions of the ssl module take it for the end of the stream."""
    with talk(C("NOOP"), Reset()) as client:
        with pytest.raises((ConnectionResetError, pop.error_proto)) as caught:
            client.noop()
        if type(caught.value) is pop.error_proto:
            assert link.by_ssl_module
        else:
            assert caught.value.errno == errno.ECONNRESET


@pytest.mark.differs("tls_reset")
def test_reset_connection_in_a_message(pop, talk, link):
    with talk(C("RETR 1"), S("+OK", "a"), Reset()) as client:
        with pytest.raises((ConnectionResetError, pop.error_proto)) as caught:
            client.retr(1)
        assert type(caught.value) is ConnectionResetError or link.by_ssl_module


@pytest.mark.row("Errors of sockets")
def test_sending_fails(offline):
    client = offline(b"+OK\r\n")
    error = BrokenPipeError(errno.EPIPE, "Broken pipe")

    def sendall(data):
        raise error

    client.sock.sendall = sendall
    with pytest.raises(BrokenPipeError) as caught:
        client.noop()
    assert caught.value is error


@pytest.mark.differs("tls_reset")
def test_sending_to_a_connection_that_is_gone(talk, link):
    with talk(Close()) as client:
        with pytest.raises(OSError) as caught:
            for _ in range(50):
                client._putcmd("NOOP")
                time.sleep(0.01)
        numbers = [errno.EPIPE, errno.ECONNRESET]
        if link.by_ssl_module:
            numbers.append(ssl.SSL_ERROR_EOF)
        assert caught.value.errno in numbers


@pytest.mark.row("Errors of sockets")
@pytest.mark.parametrize("part", [b"", b"+O", b"+OK\r", b"+OK\r\na\r\n", b"+OK\r\na\r\n."])
def test_timeout(talk, link, part):
    text = "timed out" if link.way == "plain" else "The read operation timed out"
    with talk(C("RETR 1"), Raw(part), timeout=0.05) as client:
        start = time.monotonic()
        with pytest.raises(socket.timeout) as caught:
            client.retr(1)
        assert time.monotonic() - start > 0.03
        assert type(caught.value) is socket.timeout
        assert caught.value.args == (text,)


def test_timeout_of_the_greeting(pop):
    with play() as server, pytest.raises(socket.timeout):
        pop.POP3(server.host, server.port, 0.05)


@pytest.mark.row("The socket")
def test_timeout_set_later_is_honoured(talk):
    with talk(C("NOOP")) as client:
        client.sock.settimeout(0.05)
        with pytest.raises(socket.timeout):
            client.noop()


@through("plain", "tls")
def test_timeout_counts_from_octet_to_octet(talk):
    """It is the socket's: a reply that trickles in may take longer as a whole."""
    with talk(C("NOOP"), Raw(b"+OK" + 400 * b"x" + b"\r\n", cut=range(1, 400)), timeout=0.3) as it:
        start = time.monotonic()
        assert it.noop() == b"+OK" + 400 * b"x"
        assert time.monotonic() - start > 0.3
