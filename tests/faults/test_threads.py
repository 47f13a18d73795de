"""One connection and several threads, several connections and as many threads."""

import threading

import pytest
from scripted import Await, C, Pause, S, StartTLS, play

from poplib_c import POP3, POP3_SSL, error_proto

from .support import TIMEOUT, WAYS, Call, Lines, over_links, run_program

THREADS = 8
COMMANDS = 40


def answer(line):
    """ECHO x is answered by x, LINES x n by n lines with x, REFUSE x by an error."""
    verb, *words = line.split()
    text = b" ".join(words)
    if verb == b"ECHO":
        return b"+OK " + text + b"\r\n"
    if verb == b"REFUSE":
        return b"-ERR " + text + b"\r\n"
    if verb == b"STAT":
        return b"+OK 2 320\r\n"
    if verb == b"QUIT":
        return b"+OK bye\r\n"
    count = int(words[-1])
    return b"+OK " + text + b"\r\n" + count * (words[0] + b"\r\n") + b".\r\n"


def speak(client, name, refused):
    """A dialogue whose every reply names the command it belongs to."""
    for number in range(COMMANDS):
        word = f"{name}.{number}"
        assert client._shortcmd(f"ECHO {word}") == f"+OK {word}".encode()
        response, lines, octets = client._longcmd(f"LINES {word} {number}")
        assert response == f"+OK {word} {number}".encode()
        assert lines == number * [word.encode()]
        assert octets == number * (len(word) + 2)
        assert client.stat() == (2, 320)
        with pytest.raises(refused) as caught:
            client._longcmd(f"REFUSE {word}")
        assert caught.value.args == (f"-ERR {word}".encode(),)


def wire_of(name):
    for number in range(COMMANDS):
        word = f"{name}.{number}"
        for line in (f"ECHO {word}", f"LINES {word} {number}", "STAT", f"REFUSE {word}"):
            yield line.encode() + b"\r\n"


@over_links(WAYS)
@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_one_connection_in_many_threads(way, link, timeout):
    with Lines(answer, link.tls) as server:
        client = link.connect(server, way, timeout)
        calls = [Call(speak, client, f"t{n}", error_proto) for n in range(THREADS)]
        assert [call.end(20) for call in calls] == THREADS * [None]
        client.quit()
        expected = [line for n in range(THREADS) for line in wire_of(f"t{n}")]
        assert sorted(server.received) == sorted([*expected, b"QUIT\r\n"])


@over_links(WAYS)
def test_many_connections_in_many_threads(way, link):
    def session(name):
        client = link.connect(server, way, TIMEOUT)
        speak(client, name, error_proto)
        return client.quit()

    with Lines(answer, link.tls) as server:
        calls = [Call(session, f"t{n}") for n in range(THREADS)]
        assert [call.end(20) for call in calls] == THREADS * [b"+OK bye"]


def test_big_replies_in_many_threads():
    """While one thread's reply is built, another's waits for its turn."""

    def fetch(number):
        for _ in range(5):
            response, lines, _ = client._longcmd(f"LINES {number} 20000")
            assert response == f"+OK {number} 20000".encode()
            assert lines == 20000 * [str(number).encode()]

    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)
        calls = [Call(fetch, n) for n in range(THREADS)]
        assert [call.end(20) for call in calls] == THREADS * [None]
        client.quit()


def test_commands_by_hand_and_commands_in_turn():
    """_putcmd() and _getresp() take the connection each for itself."""
    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)

        def ask(number):
            client._putcmd(f"ECHO {number}")

        calls = [Call(ask, n) for n in range(THREADS)]
        assert [call.end() for call in calls] == THREADS * [None]
        calls = [Call(client._getresp) for n in range(THREADS)]
        replies = sorted(call.end() for call in calls)
        assert replies == sorted(b"+OK %d" % n for n in range(THREADS))
        assert client.stat() == (2, 320)
        client.quit()


def test_a_thread_waits_for_its_turn():
    """Nothing of its command is sent before the other's reply has been read."""
    go = threading.Event()
    steps = (C("LIST"), S("+OK", "1 120"), Await(go), S("."), C("STAT"), S("+OK 2 320"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        first = Call(client.list)
        assert first.is_blocked()
        second = Call(client.stat)
        assert second.is_blocked()
        assert server.wire == b"LIST\r\n"
        go.set()
        assert first.end() == (b"+OK", [b"1 120"], 7)
        assert second.end() == (2, 320)
        client.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_thread_waits_for_the_constructor(tls, server_context):
    """No command takes the greeting for its reply."""
    kind, first = (POP3_SSL, [StartTLS(server_context)]) if tls else (POP3, [])
    opened, go = threading.Event(), threading.Event()

    class Slow(kind):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name == "_debugging" and not hasattr(self, "welcome"):
                opened.set()
                assert go.wait(TIMEOUT)

    steps = (S("+OK ready"), C("NOOP"), S("+OK done"))
    with play(*first, Await(go), *steps) as server:
        client = Slow.__new__(Slow)
        made = Call(lambda: client.__init__(server.host, server.port, timeout=TIMEOUT))
        assert opened.wait(TIMEOUT)
        command = Call(client.noop)
        assert command.is_blocked()
        assert server.wire == b""
        go.set()
        assert (made.end(), command.end()) == (None, b"+OK done")
        client.close()


def test_the_turn_is_not_lost_by_errors():
    """Whatever a command ends with, the next thread gets its turn."""

    with Lines(answer) as server:
        client = POP3(*server.address, TIMEOUT)
        getresp = client._getresp

        def fail():
            raise LookupError(getresp())

        client._getresp = fail
        calls = [Call(client._shortcmd, f"ECHO {n}") for n in range(THREADS)]
        errors = [call.end() for call in calls]
        assert {type(error) for error in errors} == {LookupError}
        assert sorted(e.args[0] for e in errors) == sorted(b"+OK %d" % n for n in range(THREADS))
        client.close()


def test_the_turn_belongs_to_its_thread_through_hooks():
    """A hook may use the connection's methods without waiting for itself."""

    class Chatty(POP3):
        def _shortcmd(self, line):
            if line == "STAT":
                return super()._shortcmd("ECHO inner")
            return super()._shortcmd(line)

    with Lines(answer) as server:
        client = Chatty(*server.address, TIMEOUT)
        assert client._shortcmd("STAT") == b"+OK inner"
        calls = [Call(client._shortcmd, f"ECHO {n}") for n in range(THREADS)]
        assert [call.end() for call in calls] == [b"+OK %d" % n for n in range(THREADS)]
        client.quit()


EXIT = """
    import sys, threading
    import poplib_c

    client = poplib_c.POP3("127.0.0.1", int(sys.argv[1]), eval(sys.argv[2]))

    def fetch():
        print(client.retr(1)[1])
        client.close()

    threading.Thread(target=fetch).start()
    print("leaves", flush=True)
"""


@pytest.mark.parametrize("timeout", [TIMEOUT, None])
def test_exit_waits_for_a_thread_that_is_no_daemon(timeout):
    """As for any thread: the main one has ended, and the command goes on."""
    steps = (C("RETR 1"), S("+OK", "a"), Pause(0.3), S("b", "."))
    with play(S("+OK ready"), *steps) as server:
        output, errors = run_program(EXIT, server.port, timeout, timeout=20)
    assert (output, errors) == ("leaves\n[b'a', b'b']\n", "")
