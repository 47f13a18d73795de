"""A command and its reply in one go, and what audit hooks may do in its midst."""

import collections
import socket

import pytest
from scripted import C, S, play

from poplib_c import POP3

from .support import TIMEOUT, run_program


class Asked(socket.socket):
    """Counts what it is asked."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.questions = collections.Counter()

    def fileno(self):
        self.questions["fileno"] += 1
        return super().fileno()

    def gettimeout(self):
        self.questions["gettimeout"] += 1
        return super().gettimeout()


@pytest.mark.parametrize(
    "call",
    [POP3.noop, lambda client: client.retr(1), lambda client: client.retr_bytes(1)],
    ids=["one line", "lines", "octets"],
)
def test_socket_is_asked_once_in_every_exchange(call):
    steps = [C("NOOP"), S("+OK")] if call is POP3.noop else [C("RETR 1"), S("+OK", "a", ".")]

    class Client(POP3):
        def _create_socket(self, timeout):
            sock = Asked()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    with play(S("+OK ready"), *steps, *steps) as server:
        client = Client(server.host, server.port, TIMEOUT)
        for _ in range(2):
            client.sock.questions.clear()
            call(client)
            assert client.sock.questions == {"fileno": 1, "gettimeout": 1}
        client.close()


class Name(str):
    """A str subclass equal to a name, but another object."""

    def __eq__(self, other):
        return str(self) == other

    __hash__ = str.__hash__


@pytest.mark.parametrize("make", [lambda name: "".join(name), Name], ids=["copy", "subclass"])
@pytest.mark.parametrize("name", ["_putline", "_getresp", "_getline"])
def test_hook_under_a_name_that_is_equal(make, name):
    """In an instance's __dict__, a key need not be what the interpreter has for names."""
    calls = []

    def hook(*arguments):
        calls.append(name)
        return getattr(POP3, name)(client, *arguments)

    with play(S("+OK ready"), C("NOOP"), S("+OK"), C("NOOP"), S("+OK")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        client.noop()
        vars(client)[make(name)] = hook
        client.noop()
        client.close()
    assert calls == [name]


def test_attributes_of_an_instance_under_names_that_are_equal():
    with play(S("+OK ready"), C("NOOP"), S("+OK"), C("LIST"), S("+OK", "1 2", ".")) as server:
        client = POP3(server.host, server.port, TIMEOUT)
        for name in ("sock", "file", "_debugging"):
            vars(client)["".join(name)] = vars(client).pop(name)
        client.more = [client]
        assert client.noop() == b"+OK"
        assert client.list() == (b"+OK", [b"1 2"], 5)
        client.close()


AUDITED = """
    import io, socket, sys
    from contextlib import redirect_stdout
    from poplib_c import POP3, error_proto

    here, there = socket.socketpair()
    there.settimeout(5)
    there.sendall(b"+OK ready\\r\\n")

    class Client(POP3):
        def _create_socket(self, timeout):
            return here

    client = Client("host", timeout=5)
    todo = []

    def hook(event, arguments):
        if event == "poplib.putline" and todo:
            todo.pop()(*arguments)

    def answer(text):
        return lambda *arguments: there.sendall(text + b"\\r\\n")

    sys.addaudithook(hook)
"""


def check_audited(program):
    run_program(AUDITED + program, timeout=30)


def test_audit_hook_that_answers():
    check_audited("""
    for n in range(3):
        todo.append(answer(b"+OK %d" % n))
        assert client.noop() == b"+OK %d" % n
    todo.append(answer(b"+OK\\r\\na\\r\\n."))
    assert client.retr(1) == (b"+OK", [b"a"], 3)
    todo.append(answer(b"+OK\\r\\na\\r\\n."))
    assert client.retr_bytes(1) == b"a\\r\\n"
    assert there.recv(100) == 3 * b"NOOP\\r\\n" + 2 * b"RETR 1\\r\\n"
    there.sendall(b"+OK unasked\\r\\n")
    todo.append(answer(b"+OK"))
    try:
        client.noop()
    except error_proto as error:
        assert "nobody asked for: b'+OK unasked'" in error.args[0]
    assert len(todo) == 1
    """)


def test_audit_hook_that_raises():
    """Nothing was sent, and the connection is as it was."""
    check_audited("""
    def veto(*arguments):
        raise LookupError(arguments[1])

    for call in (client.noop, lambda: client.retr(1), lambda: client.retr_bytes(1)):
        todo.append(veto)
        try:
            call()
        except LookupError:
            todo.append(answer(b"+OK"))
        assert client.rset() == b"+OK"
    assert there.recv(100) == 3 * b"RSET\\r\\n"
    """)


def test_audit_hook_that_uses_the_connection():
    check_audited("""
    def nested(*arguments):
        todo.append(answer(b"+OK nested"))
        assert client.rset() == b"+OK nested"
        there.sendall(b"+OK outer\\r\\n")

    todo.append(nested)
    assert client.noop() == b"+OK outer"
    assert there.recv(100) == b"RSET\\r\\nNOOP\\r\\n"
    """)


#: What is sent ahead goes on behind a refusal; read ahead is what a loop will ask for next.
CALLS = {
    "one line": "client.noop()",
    "lines": "client.retr(2)",
    "octets": "client.retr_bytes(2)",
    "deleted": "list(client.dele_many([2, 3]))",
    "sent ahead": "list(client.retr_many([2, 3]))",
    "sent ahead as lines": "list(client.retr_many(['2', '3'], lines=True))",
    "read ahead": "client.set_options(read_ahead=2); client.retr(2)",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("turned_on", [False, True], ids=["at once", "by steps"])
@pytest.mark.parametrize(
    "line, read, answer",
    [("STAT", "pass", b"+OK 2 320\r\n"), ("LIST", "client._getresp()", b"+OK\r\n1 2\r\n.\r\n")],
    ids=["nothing", "status line"],
)
def test_audit_hook_that_does_not_read_all(call, turned_on, line, read, answer):
    """What it has left is no command's answer: the command is not sent."""
    check_audited(f"""
    client.set_options(pipelining=True)
    todo.append(answer(b"+OK\\r\\n."))
    client.retr(1)

    def interfere(*arguments):
        there.sendall({answer!r})
        client._putcmd({line!r})
        {read}
        if {turned_on}:
            client._debugging = 0.0

    todo.append(interfere)
    try:
        {call}
    except error_proto as error:
        assert "out of step" in error.args[0]
    else:
        raise AssertionError
    assert there.recv(100) == b"RETR 1\\r\\n{line}\\r\\n"
    """)


def test_audit_hook_that_overrides_a_hook():
    check_audited("""
    def override(*arguments):
        client._getresp = lambda: b"+OK overridden"

    todo.append(override)
    assert client.noop() == b"+OK overridden"
    assert there.recv(100) == b"NOOP\\r\\n"
    """)


def test_audit_hook_that_turns_on_debug_output():
    check_audited("""
    def turn_on(*arguments):
        client.set_debuglevel(2)
        there.sendall(b"+OK\\r\\n")

    todo.append(turn_on)
    with redirect_stdout(io.StringIO()) as output:
        client.noop()
    assert output.getvalue() == "*get* b'+OK\\\\r\\\\n'\\n*resp* b'+OK'\\n"
    """)


def test_audit_hook_that_replaces_the_socket():
    """The line goes there, and the answer is read from the file, as with poplib."""
    check_audited("""
    class Double:
        def sendall(self, data):
            there.sendall(b"+OK " + data)

    def replace(*arguments):
        client.sock = Double()

    todo.append(replace)
    assert client.noop() == b"+OK NOOP"
    client.sock = here
    todo.append(answer(b"+OK"))
    client.noop()
    assert there.recv(100) == b"NOOP\\r\\n"
    """)


def test_audit_hook_that_closes_the_connection():
    check_audited("""
    todo.append(lambda *arguments: client.close())
    try:
        client.noop()
    except AttributeError as error:
        assert "the connection is closed" in str(error)
    else:
        raise AssertionError
    assert there.recv(100) == b""
    """)


def test_audit_hook_that_sends_ahead():
    """What it has sent ahead is answered first."""
    check_audited("""
    client.set_options(pipelining=True)

    def send_ahead(*arguments):
        todo.append(answer(b"+OK\\r\\na\\r\\n."))
        todo.append(answer(b"+OK\\r\\nb\\r\\n."))
        messages.append(client.retr_many([1, 2]))
        messages.append(next(messages[0]))
        there.sendall(b"+OK outer\\r\\n")

    messages = []
    todo.append(send_ahead)
    assert client.noop() == b"+OK outer"
    assert there.recv(100) == b"RETR 1\\r\\nRETR 2\\r\\nNOOP\\r\\n"
    assert len(messages) == 2 and len(list(messages[0])) == 1
    """)
