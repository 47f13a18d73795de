"""TLS in processes, interpreters and threads of their own."""

import contextlib
import os
import socket

import pytest

from poplib_c import POP3_SSL
from poplib_c.testing import POP3Server

from .support import TIMEOUT, Call, run_program
from .test_interpreters import COMMON
from .test_lifetime import wait_for
from .tls import greeted, wait_readable

LINES = [b"line %d" % number for number in range(1000)]
MESSAGE = b"\r\n".join(LINES) + b"\r\n"


@pytest.fixture
def server(server_context):
    with POP3Server([MESSAGE], tls=server_context) as server:
        yield server


def in_child(function):
    """Runs it in a fork; its exit status, which is 0 if it returns."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    return wait_for(child)


def noop(client, there):
    client._putcmd("NOOP")
    assert there.recv(100) == b"NOOP\r\n"
    there.sendall(b"+OK done\r\n")
    assert client._getresp() == b"+OK done"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("end", ["close", "drop"])
def test_fork(server_context, end):
    """A child that lets its copy go says nothing to the server; the parent's goes on."""

    def let_go():
        if end == "close":
            client.file.close()
            client.sock.close()
            assert client.sock.fileno() == -1
        else:
            vars(client).clear()

    with greeted(server_context) as (client, there):
        noop(client, there)
        assert in_child(let_go) == 0
        assert not wait_readable(there, 0)
        noop(client, there)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_and_a_connection_of_the_childs_own(server):
    def session():
        client = POP3_SSL(*server.address, timeout=TIMEOUT)
        talk(client)

    client = POP3_SSL(*server.address, timeout=TIMEOUT)
    assert in_child(session) == 0
    talk(client)


def talk(client):
    client.user("alice")
    client.pass_("secret")
    for _ in range(20):
        assert client.retr(1)[1] == LINES
    return client.quit()


@pytest.fixture
def servers(server_context):
    """Eight of them: a maildrop is one session's."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(POP3Server([MESSAGE], tls=server_context)) for _ in range(8)]


def test_threads_with_a_connection_each(servers):
    def session(address):
        return talk(POP3_SSL(*address, timeout=TIMEOUT))

    calls = [Call(session, server.address) for server in servers]
    for call in calls:
        assert call.end(20).startswith(b"+OK")


SESSION = """
SESSION = '''
import poplib_c

client = poplib_c.POP3_SSL("127.0.0.1", port, timeout=10)
client.user("alice")
client.pass_("secret")
for _ in range(20):
    assert len(client.retr(1)[1]) == 1000
assert client.sock.version() == "TLSv1.3"
try:
    client.dele(9)
except poplib_c.error_proto as error:
    assert error.args[0].startswith(b"-ERR")
else:
    raise AssertionError
client.quit()
'''
"""

ONE = """
execute(SESSION, port=int(sys.argv[1]))
"""


def test_interpreter(server):
    run_program(COMMON + SESSION + ONE, server.port)
    assert server.commands.count(b"RETR 1") == 20


SEVERAL = """
def session(port):
    execute(SESSION, port=port)
    done.append(True)

done = []
first, *others = map(int, sys.argv[1:])
threads = [threading.Thread(target=session, args=(port,)) for port in others]
for thread in threads:
    thread.start()
exec(SESSION, {"port": first})
for thread in threads:
    thread.join()
print(len(done))
"""


def test_interpreters_in_threads(servers):
    ports = [server.port for server in servers[:5]]
    output, _ = run_program(COMMON + SESSION + SEVERAL, *ports)
    assert output == "4\n"
    assert [server.commands.count(b"RETR 1") for server in servers[:5]] == 5 * [20]


LEFT_OPEN = """
execute('''
import poplib_c
client = poplib_c.POP3_SSL("127.0.0.1", port, timeout=10)
client.sock.itself = client.sock
client.user("alice")
''', port=int(sys.argv[1]))
print("destroyed")
"""


def test_interpreter_that_leaves_a_connection_open(server):
    output, _ = run_program(COMMON + LEFT_OPEN, server.port)
    assert output == "destroyed\n"


EXIT = """
    import os, sys, threading, time
    import poplib_c

    def call():
        if sys.argv[2] == "read":
            client._getresp()
        elif sys.argv[2] == "write":
            while True:
                client._putline(2**20 * b"x")
        else:
            poplib_c.POP3_SSL("127.0.0.1", int(sys.argv[3]), timeout=None)

    client = poplib_c.POP3_SSL("127.0.0.1", int(sys.argv[1]), timeout=None)
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    time.sleep(0.3)
    print(thread.is_alive())
"""


@pytest.mark.parametrize("where", ["read", "write", "handshake"])
def test_exit_with_a_thread_inside(server_context, where):
    """A thread that is blocked does not keep the interpreter from ending."""
    with socket.create_server(("127.0.0.1", 0)) as silent, POP3Server(tls=server_context) as pop:
        output, _ = run_program(EXIT, pop.port, where, silent.getsockname()[1], timeout=20)
    assert output == "True\n"
