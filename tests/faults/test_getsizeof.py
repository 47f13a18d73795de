"""What sys.getsizeof() says of objects: their buffers count."""

import sys

from poplib_c import POP3, POP3_SSL
from poplib_c.testing import POP3Server

from .support import TIMEOUT, ByMethods

MESSAGES = [b"x\r\n" for _ in range(500)]
STAGING = 64 * 1024


def own_size(thing):
    return object.__sizeof__(thing)


def logged_in(server, cls=POP3):
    client = cls(*server.address, timeout=TIMEOUT)
    client.user("alice"), client.pass_("secret")
    return client


def test_reader(wired):
    client, peer = wired()
    peer.sendall(20_000 * b"x")
    octets = client.file.peek(1)
    assert client.file.__sizeof__() >= own_size(client.file) + len(octets)
    assert sys.getsizeof(client.file) > len(octets)


def test_reader_that_receives_by_methods():
    with POP3Server(MESSAGES) as server:
        client = logged_in(server, ByMethods)
        assert client.file.__sizeof__() > own_size(client.file) + STAGING
        client.quit()


def test_what_was_sent_ahead():
    with POP3Server(MESSAGES) as server:
        client = logged_in(server)
        client.set_options(pipelining=True)
        iterator = client.retr_many(range(1, 501), window=500)
        sizes = [thing.__sizeof__() for thing in (iterator, client.file)]
        next(iterator)
        # A few pointers and numbers for each.
        assert iterator.__sizeof__() >= sizes[0] + 500 * 16
        assert client.file.__sizeof__() >= sizes[1] + 500 * 16
        iterator.close()
        client.close()


def test_what_was_read_ahead():
    with POP3Server(MESSAGES) as server:
        client = logged_in(server)
        before = client.__sizeof__()
        assert before > own_size(client)
        client.set_options(pipelining=True, read_ahead=500)
        client.stat(), client.retr(1), client.retr(2)
        assert client.__sizeof__() >= before + 200 * 16
        client.close()


def test_tls_socket(server_context):
    with POP3Server([], tls=server_context) as server:
        client = POP3_SSL(*server.address, timeout=TIMEOUT)
        assert client.sock.__sizeof__() > own_size(client.sock)
        client.close()
