"""Calls of Channel, the connection of poplib_c.aio, for the walks; they wait without a loop."""

import contextlib
import io
import select
import socket

from _cpoplib import Channel
from poplib_c import error_proto
from poplib_c._aio import FILE, LINES, OCTETS, PROOF, SIZES, STATUS, UIDS

from .support import TIMEOUT

READ, WRITE = 1, 2
EVENTS = {READ: select.POLLIN, WRITE: select.POLLOUT, READ | WRITE: select.POLLIN | select.POLLOUT}


class Driven:
    """A Channel, and the waiting; as poplib_c.aio.POP3 does it."""

    encoding = "utf-8"

    def __init__(self, servers, tls=False, pipelining=True, user="alice"):
        self.channel = Channel(16777216, None, pipelining)
        port = servers.tls if tls else servers.plain
        sock = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        try:
            sock.setblocking(False)
            self.channel.attach(sock)
        except BaseException:
            sock.close()
            raise
        try:
            if tls:
                self.channel.load_tls(None, None, servers.ca)
                self.channel.begin_tls("127.0.0.1")
                self.finish(self.channel.handshake)
            self.run(None)
            self.run("USER alice")
            self.run("PASS secret")
        except BaseException:
            self.channel.close()
            raise

    def wait(self):
        bits, seconds = self.channel.wants
        assert self.channel.moved
        if bits:
            poll = select.poll()
            poll.register(self.channel.sock.fileno(), EVENTS[bits])
            if not poll.poll(1000 * (TIMEOUT if seconds is None else seconds)):
                assert seconds is not None, "nothing comes"

    def finish(self, step):
        while (result := step()) is None:
            self.wait()
        return result

    def receive(self):
        while self.channel.receive(self) is None:
            self.wait()

    def run(self, line, form=STATUS, file=None):
        self.receive()
        if file is None:
            self.channel.start(self, line, form)
        else:
            self.channel.start(self, line, form, file=file)
        return self.finish(self.channel.step)

    def all(self, many):
        results = []
        with contextlib.suppress(StopAsyncIteration):
            while True:
                pair = self.channel.next(self, many)
                if pair is not None:
                    results.append(pair)
                elif self.channel.wants[0] == PROOF:
                    self.prove()
                else:
                    self.wait()
        return results

    def prove(self):
        again = True
        while again:
            self.receive()
            self.channel.prove(self)
            self.receive()
            again = self.channel.settle()


def driven(use, **options):
    """A call of the table: use(client), of a client that is then closed."""

    def call(servers):
        client = Driven(servers, **options)
        try:
            return use(client)
        finally:
            client.channel.close()

    return call


def commands(client):
    return client.run("STAT"), client.run("LIST", LINES), client.run("RETR 3", OCTETS)


def listings(client):
    return client.run("LIST", SIZES), client.run("UIDL", UIDS)


def refused(client):
    try:
        client.run("RETR 99", LINES)
    except error_proto as error:
        if error.response is None:
            raise
        return error.args, client.run("NOOP")


def into_file(client):
    file = io.BytesIO()
    return client.run("RETR 3", FILE, file), file.getvalue()


def many(client):
    return client.all(client.channel.many("RETR", [1, 2, 3], None))


def abandoned(client):
    iterator = client.channel.many("TOP", [1, 2, 3], "1")
    while (first := client.channel.next(client, iterator)) is None:
        client.wait()
    iterator.close()
    return first, client.run("NOOP")


def deleted(client):
    return client.all(client.channel.many("DELE", [1, 2], None)), client.run("RSET")


def said(error):
    """The text. Before 3.12, CPython raises without one that it has no memory for."""
    if not error.args:
        raise MemoryError from error
    return str(error)


def timed_out(client):
    """No second greeting comes."""
    client.channel.start(client, None)
    assert client.channel.step() is None
    try:
        client.channel.time_out()
    except socket.timeout as error:
        return said(error)


def given_up(client):
    client.channel.abandon()
    try:
        client.run("NOOP")
    except error_proto as error:
        return said(error)


def to_the_end(client):
    return many(client), client.run("QUIT")


CHANNEL = {
    "Channel.attach Channel.start Channel.step Channel.close Channel.sock": driven(commands),
    "Channel.step rows": driven(listings),
    "Channel.step refused": driven(refused),
    "Channel.step file": driven(into_file),
    "Channel.many Channel.next Channel.receive Channel.wants Channel.moved": driven(many),
    "Channel.many abandoned": driven(abandoned),
    "Channel.many deleted": driven(deleted),
    "Channel.prove Channel.settle": driven(many, pipelining="auto"),
    "Channel.time_out": driven(timed_out),
    "Channel.abandon": driven(given_up),
    "Channel.load_tls Channel.begin_tls Channel.handshake": driven(to_the_end, tls=True),
}
