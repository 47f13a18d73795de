"""close() and quit(): what is released, in which order, whatever fails on the way."""

import errno
import select
import socket
import sys
import threading
from unittest import mock

import pytest
from links import ALL_LINKS, through
from scripted import Await, C, Close, Reset, S


class Journal:
    """A socket and a file that note what is done to them, and fail where told."""

    def __init__(self, **failures):
        self.calls = []
        self.failures = failures
        self.sock = self._make("sock", ["shutdown", "close"])
        self.file = self._make("file", ["close"])

    def _make(self, owner, names):
        def method(name):
            def noted(self_, *arguments):
                self.calls.append((f"{owner}.{name}", *arguments))
                if f"{owner}_{name}" in self.failures:
                    raise self.failures[f"{owner}_{name}"]

            return noted

        return type(owner, (), {name: method(name) for name in names})()

    def client(self, pop):
        client = pop.POP3.__new__(pop.POP3)
        client.sock, client.file, client._debugging = self.sock, self.file, 0
        return client


ORDER = [("file.close",), ("sock.shutdown", socket.SHUT_RDWR), ("sock.close",)]


def test_order(pop):
    journal = Journal()
    client = journal.client(pop)
    assert client.close() is None
    assert journal.calls == ORDER
    assert client.sock is client.file is None
    assert client.close() is None
    assert journal.calls == ORDER


def test_attributes_are_none_before_anything_is_closed(pop):
    journal = Journal()
    client = journal.client(pop)
    seen = []
    type(journal.file).close = lambda file: seen.append((client.file, client.sock))
    type(journal.sock).close = lambda sock: seen.append((client.file, client.sock))
    client.close()
    assert seen == [(None, journal.sock), (None, None)]


@pytest.mark.parametrize("missing", ["sock", "file"])
def test_one_of_them_is_none(pop, missing):
    journal = Journal()
    client = journal.client(pop)
    setattr(client, missing, None)
    client.close()
    assert journal.calls == [call for call in ORDER if not call[0].startswith(missing)]
    assert client.sock is client.file is None


@pytest.mark.parametrize("missing", ["sock", "file"])
def test_one_of_them_is_missing(pop, missing):
    journal = Journal()
    client = journal.client(pop)
    delattr(client, missing)
    with pytest.raises(AttributeError):
        client.close()
    assert journal.calls == [call for call in ORDER if not call[0].startswith(missing)]


def test_shutdown_of_a_connection_that_is_gone(pop):
    error = OSError(errno.ENOTCONN, "Transport endpoint is not connected")
    journal = Journal(sock_shutdown=error)
    journal.client(pop).close()
    assert journal.calls == ORDER


@pytest.mark.parametrize("kind", [OSError, LookupError])
@pytest.mark.parametrize("step", ["file_close", "sock_shutdown", "sock_close"])
def test_errors_are_raised_after_everything_is_closed(pop, step, kind):
    error = kind(errno.EIO, step)
    journal = Journal(**{step: error})
    client = journal.client(pop)
    with pytest.raises(kind) as caught:
        client.close()
    assert caught.value is error
    assert journal.calls == ORDER
    assert client.sock is client.file is None


def test_the_last_error_wins(pop):
    first, last = OSError(errno.EIO, "file"), OSError(errno.EIO, "close")
    journal = Journal(file_close=first, sock_close=last)
    with pytest.raises(OSError) as caught:
        journal.client(pop).close()
    assert caught.value is last
    assert caught.value.__context__ is first


@through(*ALL_LINKS)
def test_the_server_sees_the_end(link):
    with link.play() as server:
        client = link.connect(server)
        said = server.wire
        sock, file = client.sock, client.file
        client.close()
        assert server.wait_eof()
        assert sock.fileno() == -1
        assert file.closed
        client.close()
    assert server.wire == said


@pytest.mark.parametrize("end", [Close(), Reset()], ids=repr)
def test_after_the_server_has_gone(talk, end):
    greeted = threading.Event()
    with talk(Await(greeted), end) as client:
        sock = client.sock
        greeted.set()
        assert select.select([sock], [], [], 5)[0] == [sock]
        client.close()
        assert sock.fileno() == -1


def test_shutdown_while_another_thread_reads(talk):
    """A connection that is shut down ends the call."""
    outcome = []
    with talk(C("NOOP")) as client:
        asked = threading.Event()
        client._putcmd("NOOP")

        def read():
            asked.set()
            try:
                outcome.append(client._getresp())
            except Exception as error:
                outcome.append(type(error))

        thread = threading.Thread(target=read)
        thread.start()
        asked.wait(5)
        thread.join(0.2)
        assert thread.is_alive() and not outcome
        client.sock.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert len(outcome) == 1 and issubclass(outcome[0], Exception)


@through(*ALL_LINKS)
def test_quit(link):
    with link.play(C("QUIT"), S("+OK bye")) as server:
        client = link.connect(server)
        sock = client.sock
        assert client.quit() == b"+OK bye"
        assert client.sock is client.file is None
        assert sock.fileno() == -1
        assert server.wait_eof()
        assert client.close() is None


def test_quit_over_a_double(offline):
    client = offline(b"+OK bye\r\n")
    sock, file = client.sock, client.file
    assert client.quit() == b"+OK bye"
    assert sock.sent == [b"QUIT\r\n"]
    assert sock.calls[1:] == [("shutdown", socket.SHUT_RDWR), ("close",)]
    assert file.closed


@through(*ALL_LINKS)
def test_what_still_works_after_close(pop, talk):
    with talk() as client:
        client.close()
        assert client.getwelcome() == b"+OK ready"
        assert client.set_debuglevel(1) is None
        with pytest.raises(TypeError):
            client._putcmd(b"NOOP")


@pytest.mark.differs("use_after_close")
@pytest.mark.parametrize("name", ["noop", "stat", "list", "capa", "_getline", "_getresp"])
def test_use_after_close(talk, ours, name):
    with talk() as client:
        client.close()
        with pytest.raises(AttributeError) as caught:
            getattr(client, name)()
        assert ("closed" in str(caught.value)) is ours


@pytest.mark.differs("use_after_close")
def test_quit_after_quit(talk, ours):
    with talk(C("QUIT"), S("+OK")) as client:
        client.quit()
        with pytest.raises(AttributeError) as caught:
            client.quit()
        assert ("closed" in str(caught.value)) is ours


@pytest.mark.differs("quit_releases")
@pytest.mark.parametrize("reply, reason", [("-ERR not all gone", b"-ERR not all gone"), ("", b"")])
def test_quit_refused(pop, talk, ours, reply, reason):
    with talk(C("QUIT"), S(reply)) as client:
        sock = client.sock
        with pytest.raises(pop.error_proto) as caught:
            client.quit()
        assert caught.value.args == (reason,)
        assert (client.sock is None) is ours
        assert (sock.fileno() == -1) is ours


@pytest.mark.differs("quit_releases")
def test_quit_unanswered(pop, talk, ours):
    with talk(C("QUIT"), Close()) as client:
        sock = client.sock
        with pytest.raises(pop.error_proto) as caught:
            client.quit()
        assert caught.value.args == ("-ERR EOF",)
        assert (sock.fileno() == -1) is ours


@pytest.mark.differs("quit_releases")
def test_quit_that_times_out(talk, ours):
    with talk(C("QUIT"), timeout=0.05) as client:
        sock = client.sock
        with pytest.raises(socket.timeout):
            client.quit()
        assert (client.sock is client.file is None) is ours
        assert (sock.fileno() == -1) is ours


@pytest.mark.differs("quit_releases")
def test_quit_with_a_hook_that_fails(pop, talk, ours):
    class Failing(pop.POP3):
        def _shortcmd(self, line):
            raise LookupError(line)

    with talk(cls=Failing) as client:
        with pytest.raises(LookupError):
            client.quit()
        assert (client.sock is None) is ours


def closing(pop, file_error, sock_error):
    """close() of a connection whose file and socket raise when they are closed; what it raises."""
    client = pop.POP3.__new__(pop.POP3)
    client.file, client.sock = mock.Mock(), mock.Mock()
    client.file.close.side_effect = file_error
    client.sock.close.side_effect = sock_error
    with pytest.raises(Exception) as caught:
        client.close()
    return caught.value


def contexts(error):
    chain = []
    while error is not None and len(chain) < 10:
        chain.append(error)
        error = error.__context__
    return [repr(error) for error in chain]


def test_contexts_of_what_closing_raises(pop):
    def fail():
        try:
            raise KeyError("inner")
        except KeyError:
            raise OSError("sock") from None

    error = closing(pop, LookupError("file"), fail)
    assert contexts(error) == ["OSError('sock')", "KeyError('inner')", "LookupError('file')"]


def test_contexts_where_closing_raises_the_same_twice(pop):
    error = OSError("both")
    assert closing(pop, error, error) is error
    assert error.__context__ is None


def test_what_is_being_handled_while_closing(pop):
    """As in a `finally` block."""
    seen = []

    def look():
        seen.append(sys.exc_info()[1])

    error = LookupError("file")
    assert closing(pop, error, look) is error
    assert seen == [error]
    assert sys.exc_info() == (None, None, None)


def test_closing_in_an_except_block(pop):
    try:
        raise KeyError("outer")
    except KeyError as outer:
        error = closing(pop, LookupError("file"), OSError("sock"))
        assert sys.exc_info()[1] is outer
    assert contexts(error) == ["OSError('sock')", "LookupError('file')", "KeyError('outer')"]
