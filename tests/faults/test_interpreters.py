"""Sub-interpreters, which from 3.12 on have a GIL of their own."""

import pytest

from poplib_c import POP3

from .support import Lines, run_program

every_link = pytest.mark.parametrize("link", ["plain", "tls"], indirect=True)

COMMON = """\
import sys, threading

def execute(code, **values):
    code = "".join(f"{name} = {value!r}\\n" for name, value in values.items()) + code
    code = f"import sys; sys.path[:] = {sys.path!r}\\n" + code
    if sys.version_info >= (3, 14):
        from concurrent import interpreters

        interpreter = interpreters.create()
        interpreter.exec(code)
        interpreter.close()
        return
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters  # before 3.13
    run = getattr(interpreters, "exec", None) or interpreters.run_string
    identity = interpreters.create()
    failure = run(identity, code)
    assert failure is None, failure
    interpreters.destroy(identity)

SESSION = '''
import poplib_c

client = getattr(poplib_c, cls)("127.0.0.1", port, timeout=10)
client.user("mrose")
assert client.stat() == (2, 320)
for _ in range(20):
    response, lines, octets = client.retr(1)
    assert (len(lines), octets) == (1000, 6000)
try:
    client.dele(9)
except poplib_c.error_proto as error:
    assert error.args == (b"-ERR no such message",)
else:
    raise AssertionError
assert client.quit() == b"+OK bye"
'''
"""

COMMANDS = 24


def answer(line):
    if line.startswith(b"STAT"):
        return b"+OK 2 320\r\n"
    if line.startswith(b"RETR"):
        return b"+OK\r\n" + 1000 * b"line\r\n" + b".\r\n"
    if line.startswith(b"DELE"):
        return b"-ERR no such message\r\n"
    return b"+OK bye\r\n"


def run(program, link, server):
    """Runs a program in the place of which are cls and port; what it prints."""
    output, _ = run_program(COMMON + program, link.class_of(POP3).__name__, server.port)
    return output


ONE = """
execute(SESSION, cls=sys.argv[1], port=int(sys.argv[2]))
"""


@every_link
def test_a_session(link):
    with Lines(answer, link.tls) as server:
        run(ONE, link, server)
        assert len(server.received) == COMMANDS


SEVERAL = """
def session():
    execute(SESSION, **values)
    done.append(True)

values = {"cls": sys.argv[1], "port": int(sys.argv[2])}

done = []
threads = [threading.Thread(target=session) for _ in range(4)]
for thread in threads:
    thread.start()
exec(SESSION, values)
for thread in threads:
    thread.join()
print(len(done))
"""


@every_link
def test_sessions_in_threads(link):
    with Lines(answer, link.tls) as server:
        assert run(SEVERAL, link, server) == "4\n"
        assert len(server.received) == 5 * COMMANDS


MANY = """
import poplib_c

CODE = '''
import poplib_c
assert id(poplib_c.POP3) != other
poplib_c.POP3.encoding = "latin-1"
poplib_c.POP3.__signature__, poplib_c.POP3.timestamp
client = poplib_c.POP3.__new__(poplib_c.POP3)
client.itself = client
'''
for _ in range(10):
    execute(CODE, other=id(poplib_c.POP3))
assert poplib_c.POP3.encoding == "UTF-8"
"""


def test_one_after_the_other():
    """Each has types of its own, and they go with it."""
    run_program(COMMON + MANY)


LEFT_OPEN = """
execute('''
import poplib_c
client = getattr(poplib_c, cls)("127.0.0.1", port, timeout=10)
if cls == "POP3_SSL":
    client.sock.itself = client.sock
client.noop()
''', cls=sys.argv[1], port=int(sys.argv[2]))
print("destroyed")
"""


@every_link
def test_destroyed_with_an_open_connection(link):
    with Lines(answer, link.tls) as server:
        assert run(LEFT_OPEN, link, server) == "destroyed\n"
