"""KeyboardInterrupt and its like, where another exception is looked at or dropped."""

import socket
import threading

import pytest
from scripted import C, S, play

from poplib_c import POP3, error_proto

from .support import GREETING, TIMEOUT, ByLines, Call, Script, connect, greeted, tcp_pair

URGENT = [KeyboardInterrupt, SystemExit]


@pytest.fixture(params=URGENT)
def urgent(request):
    return request.param("urgent")


def raising(error):
    def raises(*arguments):
        raise error

    return raises


def test_while_a_failed_constructor_closes(urgent):
    class Stubborn(socket.socket):
        def close(self):
            super().close()
            raise urgent

    class Client(POP3):
        def _create_socket(self, timeout):
            sock = Stubborn()
            sock.connect((self.host, self.port))
            return sock

    with play(S("-ERR busy")) as server, pytest.raises(type(urgent)) as caught:
        Client(server.host, server.port, TIMEOUT)
    assert caught.value is urgent and type(urgent.__context__) is error_proto


def test_while_what_makefile_gave_is_closed(urgent):
    class Client(POP3):
        def __setattr__(self, name, value):
            if name == "file" and value is not None:
                value.close = raising(urgent)
                raise LookupError(name)
            super().__setattr__(name, value)

        def _create_socket(self, timeout):
            return Filed()

    class File:
        pass

    class Filed(socket.socket):
        def makefile(self, mode):
            return File()

    with pytest.raises(type(urgent)) as caught:
        Client("mail.example.org")
    assert caught.value is urgent and type(urgent.__context__) is LookupError


def test_while_a_failed_quit_closes(urgent):
    class Client(POP3):
        def close(self):
            super().close()
            raise urgent

    with play(S("+OK ready"), C("QUIT"), S("-ERR no")) as server:
        client = greeted(server, Client)
        with pytest.raises(type(urgent)) as caught:
            client.quit()
    assert caught.value is urgent and type(urgent.__context__) is error_proto


def test_while_an_error_of_the_connection_is_looked_at(urgent):
    class Odd(ConnectionError):
        errno = property(raising(urgent))

    class Double:
        sendall = staticmethod(raising(Odd()))

    with play(S("+OK ready")) as server:
        client = greeted(server)
        own, client.sock = client.sock, Double()
        with pytest.raises(type(urgent)):
            client.noop()
        client.sock = own
        client.close()


def test_while_a_refusal_is_looked_at(urgent):
    class Odd(error_proto):
        args = property(raising(urgent))

    with play(S("+OK ready"), C("RETR 1")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client._getresp = raising(Odd())
        with pytest.raises(type(urgent)):
            client.retr(1)
        client.close()


def test_while_the_file_is_closed_that_another_thread_was_in(urgent):
    entered, go = threading.Event(), threading.Event()

    class Waiting(Script):
        def _decref_socketios(self):
            super()._decref_socketios()
            raise urgent

    def wait(buffer):
        entered.set()
        go.wait(TIMEOUT)
        return 0

    here, there = tcp_pair(Waiting)
    with there:
        there.sendall(GREETING)
        client = connect(here)
        here.replace = wait
        call = Call(client.noop)
        assert entered.wait(TIMEOUT)
        client.close()
        go.set()
        assert call.end() is urgent
        assert type(urgent.__context__) is ConnectionAbortedError


class ByProperty(ByLines):
    """`.file` raises ``error``, once that is set."""

    error = None

    @property
    def file(self):
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        return vars(self)["file"]

    @file.setter
    def file(self, file):
        vars(self)["file"] = file


def test_while_a_reply_is_abandoned(urgent):
    class Client(ByProperty):
        def _getline(self):
            line = super()._getline()
            if line[0] == b"a":
                self.error = urgent
                raise LookupError
            return line

    with play(S("+OK ready"), C("RETR 1"), S("+OK", "a", ".")) as server:
        client = greeted(server, Client)
        with pytest.raises(type(urgent)) as caught:
            client.retr(1)
        assert caught.value is urgent
        client.close()


@pytest.mark.parametrize("error", [ValueError, error_proto])
def test_while_an_iterator_looks_whether_others_can_follow(urgent, error):
    class Client(ByProperty):
        def _putcmd(self, line):
            self.error = urgent
            raise error

    with play(S("+OK ready")) as server:
        client = greeted(server, Client)
        with pytest.raises(type(urgent)) as caught:
            list(client.retr_many([1, 2], errors="return"))
        assert caught.value is urgent
        client.close()


@pytest.mark.parametrize("error", [*URGENT, MemoryError, RecursionError])
def test_while_a_response_code_is_looked_for(error):
    class Odd(error_proto):
        args = property(raising(error))

    with pytest.raises(error):
        Odd(b"-ERR [AUTH]").code  # noqa: B018
