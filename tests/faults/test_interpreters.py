"""Sub-interpreters, which from 3.12 on have a GIL of their own."""

from .support import Lines, run_program

COMMON = """\
import sys, threading

try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters  # before 3.13

def execute(code, **values):
    code = "".join(f"{name} = {value!r}\\n" for name, value in values.items()) + code
    run = getattr(interpreters, "exec", None) or interpreters.run_string
    identity = interpreters.create()
    failure = run(identity, f"import sys; sys.path[:] = {sys.path!r}\\n" + code)
    assert failure is None, failure
    interpreters.destroy(identity)

SESSION = '''
import poplib_c

client = poplib_c.POP3("127.0.0.1", port, 10)
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


ONE = """
execute(SESSION, port=int(sys.argv[1]))
"""


def test_a_session():
    with Lines(answer) as server:
        run_program(COMMON + ONE, server.address[1])
        assert len(server.received) == COMMANDS


SEVERAL = """
def session():
    execute(SESSION, port=int(sys.argv[1]))
    done.append(True)

done = []
threads = [threading.Thread(target=session) for _ in range(4)]
for thread in threads:
    thread.start()
exec(SESSION, {"port": int(sys.argv[1])})
for thread in threads:
    thread.join()
print(len(done))
"""


def test_sessions_in_threads():
    with Lines(answer) as server:
        output, _ = run_program(COMMON + SEVERAL, server.address[1])
        assert output == "4\n"
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
client = poplib_c.POP3("127.0.0.1", port, 10)
client.noop()
''', port=int(sys.argv[1]))
print("destroyed")
"""


def test_destroyed_with_an_open_connection():
    with Lines(answer) as server:
        output, _ = run_program(COMMON + LEFT_OPEN, server.address[1])
    assert output == "destroyed\n"
