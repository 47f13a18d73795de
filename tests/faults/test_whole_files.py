"""Whole messages over sockets that are not the system's own, and from files that are not ours."""

import io
import socket
import ssl

import pytest
from scripted import C, Close, Pause, Raw, S, StartTLS, play

from poplib_c import POP3, error_proto
from poplib_c.testing import POP3Server

from .support import TIMEOUT, WAYS, ByFile, ByMethods, connect, greeted

MESSAGES = [b"1\r\n\r\n.\r\n..dots\r\n\r\n", b"", b"3\r\n" + 100_000 * b"." + b"\r\n\0\x80\r\n"]


class Wrapper:
    """Around a socket, which it leaves makefile() to: the file is not over this object."""

    def __init__(self, sock):
        self.sock = sock

    def recv_into(self, *arguments):
        return self.sock.recv_into(*arguments)

    def sendall(self, data):
        self.sock.sendall(data)

    def __getattr__(self, name):
        return getattr(self.sock, name)


class Bare:
    """No more than poplib asks a socket for."""

    def __init__(self, sock):
        self.sock = sock

    def makefile(self, mode):
        return self.sock.makefile(mode)

    def sendall(self, data):
        self.sock.sendall(data)

    def shutdown(self, how):
        self.sock.shutdown(how)

    def close(self):
        self.sock.close()


class Unlimited:
    """A file whose readline() takes no notice of how much is wanted."""

    def __init__(self, file):
        self.file = file

    def readline(self, limit):
        return self.file.readline()

    def close(self):
        self.file.close()


class ByUnlimited(Bare):
    def makefile(self, mode):
        return Unlimited(self.sock.makefile(mode))


def over(kind):
    """A class of clients."""

    class Client(POP3):
        def _create_socket(self, timeout):
            return kind(socket.create_connection((self.host, self.port), timeout))

    return Client


KINDS = [*WAYS, *map(over, (Wrapper, Bare, ByUnlimited))]
IDS = [*(way.__name__ for way in WAYS), "Wrapper", "Bare", "ByUnlimited"]
by_each = pytest.mark.parametrize("cls", KINDS, ids=IDS)


@by_each
@pytest.mark.parametrize("options", [{}, {"pipelining": True, "read_ahead": 2}], ids=repr)
def test_any_kind_of_connection(cls, options):
    with POP3Server(MESSAGES) as server:
        client = cls(*server.address, timeout=TIMEOUT, deadline=60, **options)
        client.user("alice"), client.pass_("secret")
        assert list(client.sizes()) == list(client.uids()) == [1, 2, 3]
        assert [client.retr_bytes(n) for n in (1, 2, 3)] == MESSAGES
        assert client.top_bytes(1, 1) == b"1\r\n\r\n.\r\n"
        file = io.BytesIO()
        assert client.retr_into(3, file) == len(MESSAGES[2])
        assert file.getvalue() == MESSAGES[2]
        assert list(client.retr_many([1, 2, 3])) == list(enumerate(MESSAGES, 1))
        assert list(client.top_many([1], 0)) == [(1, b"1\r\n\r\n")]
        lines = list(client.retr_many([1, 2], lines=True))
        assert lines[0][1][1:] == ([b"1", b"", b".", b"..dots", b""], 18)
        assert [number for number, _ in client.dele_many([1, 2])] == [1, 2]
        with pytest.raises(error_proto):
            client.retr_bytes(1)
        client.set_options(max_size=1000)
        with pytest.raises(error_proto, match="reply larger than 1000 octets"):
            client.retr_bytes(3)
        assert client.noop().startswith(b"+OK")
        client.quit()


def test_a_file_over_tls_of_the_ssl_module(server_context, client_context):
    steps = (C("RETR 1"), S("+OK", "..a", "."), C("NOOP"), S("+OK done"))
    with play(StartTLS(server_context), S("+OK"), *steps) as server:

        class Client(POP3):
            def _create_socket(self, timeout):
                plain = socket.create_connection((self.host, self.port), timeout)
                return Wrapper(client_context.wrap_socket(plain, server_hostname="localhost"))

        client = Client(server.host, server.port, TIMEOUT)
        assert isinstance(client.sock.sock, ssl.SSLSocket)
        assert client.retr_bytes(1) == b".a\r\n"
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("cls", [ByFile, ByMethods])
class TestFailures:
    @pytest.mark.parametrize("data", [b"", b"+OK", b"+OK\r\na\r\n", b"+OK\r\na\r\n."])
    def test_end_of_the_stream(self, cls, data):
        with play(S("+OK ready"), C("RETR 1"), Raw(data), Close()) as server:
            client = greeted(server, cls)
            with pytest.raises(error_proto, match="-ERR EOF"):
                client.retr_bytes(1)
            client.close()

    def test_timeout(self, cls):
        with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\na\r\n"), Pause(0.5)) as server:
            client = greeted(server, cls, timeout=0.1)
            with pytest.raises(socket.timeout):
                client.retr_bytes(1)
            with pytest.raises(OSError, match="cannot read from timed out object"):
                client.noop()
            client.close()

    def test_deadline(self, cls):
        with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\na\r\n"), Pause(0.5)) as server:
            client = greeted(server, cls)
            with client.deadline(0.1), pytest.raises(socket.timeout):
                client.retr_bytes(1)
            client.close()

    def test_status_line_too_long(self, cls):
        with play(S("+OK ready"), C("RETR 1"), S("+OK " + 3000 * "x")) as server:
            client = greeted(server, cls)
            with pytest.raises(error_proto, match="line too long"):
                client.retr_bytes(1)
            with pytest.raises(error_proto, match="out of step"):
                client.noop()
            client.close()


class Lines:
    """A file that has these lines."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def readline(self, limit):
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    def close(self):
        pass


@pytest.mark.parametrize(
    "lines, kind, text",
    [
        (["+OK\r\n"], TypeError, "should return bytes, not str"),
        ([b"+OK\r\n", None], TypeError, "should return bytes, not NoneType"),
        ([b"+OK\r\n", KeyError("own")], KeyError, "own"),
    ],
)
def test_files_that_fail(lines, kind, text):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"+OK ready\r\n")
        client = connect(here)
        own, client.file = client.file, Lines(*lines)
        with pytest.raises(kind, match=text):
            client.retr_bytes(1)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        own.close()
        client.close()


@pytest.mark.parametrize(
    "line, text", [(b"", "-ERR EOF"), (b"+OK\r\n", "a reply came after the stream's end")]
)
def test_a_file_that_was_at_its_end(line, text):
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"+OK ready\r\n")
        client = connect(here)
        own, client.file = client.file, Lines(b"", line)
        with pytest.raises(error_proto, match="-ERR EOF"):
            client.retr_bytes(1)
        with pytest.raises(error_proto, match=text):
            client.retr_bytes(1)
        own.close()
        client.close()
