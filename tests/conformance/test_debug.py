"""set_debuglevel() output and audit events, word for word."""

import subprocess
import sys

import pytest
from scripted import C, Close, S, play

SESSION = [
    *(C("USER J\xfcrgen"), S("+OK go on")),
    *(C("PASS secret"), S("+OK 2 messages")),
    *(C("STAT"), S("+OK 2 320 octets")),
    *(C("LIST"), S("+OK", "1 120", "2 200", ".")),
    *(C("UIDL 1"), S("-ERR what?")),
    *(C("RETR 1"), S("+OK", "..dot", "", ".")),
    *(C("CAPA"), S("+OK", "TOP", ".")),
    *(C("QUIT"), S("+OK bye")),
]

LEVEL_1 = """\
*cmd* 'USER J\xfcrgen'
*cmd* 'PASS secret'
*cmd* 'STAT'
*stat* [b'+OK', b'2', b'320', b'octets']
*cmd* 'LIST'
*cmd* 'UIDL 1'
*cmd* 'RETR 1'
*cmd* 'CAPA'
*cmd* 'QUIT'
"""

LEVEL_2 = r"""
*cmd* 'USER Jürgen'
*put* b'USER J\xc3\xbcrgen'
*get* b'+OK go on\r\n'
*resp* b'+OK go on'
*cmd* 'PASS secret'
*put* b'PASS secret'
*get* b'+OK 2 messages\r\n'
*resp* b'+OK 2 messages'
*cmd* 'STAT'
*put* b'STAT'
*get* b'+OK 2 320 octets\r\n'
*resp* b'+OK 2 320 octets'
*stat* [b'+OK', b'2', b'320', b'octets']
*cmd* 'LIST'
*put* b'LIST'
*get* b'+OK\r\n'
*resp* b'+OK'
*get* b'1 120\r\n'
*get* b'2 200\r\n'
*get* b'.\r\n'
*cmd* 'UIDL 1'
*put* b'UIDL 1'
*get* b'-ERR what?\r\n'
*resp* b'-ERR what?'
*cmd* 'RETR 1'
*put* b'RETR 1'
*get* b'+OK\r\n'
*resp* b'+OK'
*get* b'..dot\r\n'
*get* b'\r\n'
*get* b'.\r\n'
*cmd* 'CAPA'
*put* b'CAPA'
*get* b'+OK\r\n'
*resp* b'+OK'
*get* b'TOP\r\n'
*get* b'.\r\n'
*cmd* 'QUIT'
*put* b'QUIT'
*get* b'+OK bye\r\n'
*resp* b'+OK bye'
"""[1:]


def run_session(pop, client):
    client.getwelcome()
    client.user("J\xfcrgen")
    client.pass_("secret")
    client.stat()
    client.list()
    with pytest.raises(pop.error_proto):
        client.uidl(1)
    client.retr(1)
    client.capa()
    client.quit()


@pytest.mark.row("Methods")
@pytest.mark.parametrize(
    "level, output",
    [(0, ""), (False, ""), (1, LEVEL_1), (True, LEVEL_1), (2, LEVEL_2), (9, LEVEL_2)],
)
def test_output_of_a_session(pop, talk, capsys, level, output):
    with talk(*SESSION) as client:
        assert client.set_debuglevel(level) is None
        assert client._debugging is level
        run_session(pop, client)
    assert capsys.readouterr().out == output


def test_debugging_set_on_the_instance(pop, talk, capsys):
    with talk(*SESSION) as client:
        client._debugging = 1
        run_session(pop, client)
    assert capsys.readouterr().out == LEVEL_1


def test_debugging_set_on_the_class(pop, offline, capsys):
    class Loud(pop.POP3):
        _debugging = 1

    client = offline(b"+OK\r\n", Loud)
    del client._debugging
    client.noop()
    assert capsys.readouterr().out == "*cmd* 'NOOP'\n"


def test_the_constructor_is_silent_and_sets_the_level_to_zero(pop, capsys):
    class Loud(pop.POP3):
        _debugging = 2

    with play(S("+OK ready")) as server:
        client = Loud(server.host, server.port, 5)
        assert client._debugging == 0
        client.close()
    assert capsys.readouterr().out == ""


def test_a_property_makes_the_greeting_visible(pop, capsys):
    class Loud(pop.POP3):
        @property
        def _debugging(self):
            return 2

        @_debugging.setter
        def _debugging(self, level):
            pass

    with play(S("+OK ready")) as server:
        Loud(server.host, server.port, 5).close()
    assert capsys.readouterr().out == "*get* b'+OK ready\\r\\n'\n*resp* b'+OK ready'\n"


def test_output_where_reading_fails(pop, talk, capsys):
    with talk(C("NOOP"), Close()) as client:
        client.set_debuglevel(2)
        with pytest.raises(pop.error_proto):
            client.noop()
    assert capsys.readouterr().out == "*cmd* 'NOOP'\n*put* b'NOOP'\n*get* b''\n"


def test_a_line_that_is_too_long_is_not_shown(pop, talk, capsys):
    with talk(C("NOOP"), S("+OK" + 3000 * ".")) as client:
        client.set_debuglevel(2)
        with pytest.raises(pop.error_proto):
            client.noop()
    assert capsys.readouterr().out == "*cmd* 'NOOP'\n*put* b'NOOP'\n"


def test_a_command_that_cannot_be_encoded_is_shown(offline, capsys):
    client = offline()
    client.set_debuglevel(2)
    with pytest.raises(UnicodeEncodeError):
        client.user("\udcff")
    assert capsys.readouterr().out == "*cmd* 'USER \\udcff'\n"


AUDITED = """
import importlib, sys

pop = importlib.import_module(sys.argv[1])
host, port, level = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
events, clients = [], []

def hook(event, arguments):
    if event.startswith("poplib."):
        client, *rest = arguments
        clients.append(client)
        print(event, rest)
        if rest == [b"RSET"]:
            raise RuntimeError("vetoed")
    elif event == "socket.connect":
        print(event)

sys.addaudithook(hook)
client = getattr(pop, sys.argv[5])(host, port, timeout=5)
client.set_debuglevel(level)
client.stat()
try:
    client.rset()
except RuntimeError as error:
    print(error)
client.retr(1)
client.quit()
print(all(one is client for one in clients))
"""

EVENTS = """\
poplib.connect ['{host}', {port}]
socket.connect
poplib.putline [b'STAT']
poplib.putline [b'RSET']
vetoed
poplib.putline [b'RETR 1']
poplib.putline [b'QUIT']
True
"""

EVENTS_AND_COMMANDS = """\
poplib.connect ['{host}', {port}]
socket.connect
*cmd* 'STAT'
*put* b'STAT'
poplib.putline [b'STAT']
*get* b'+OK 2 320\\r\\n'
*resp* b'+OK 2 320'
*stat* [b'+OK', b'2', b'320']
*cmd* 'RSET'
*put* b'RSET'
poplib.putline [b'RSET']
vetoed
*cmd* 'RETR 1'
*put* b'RETR 1'
poplib.putline [b'RETR 1']
*get* b'+OK\\r\\n'
*resp* b'+OK'
*get* b'a\\r\\n'
*get* b'.\\r\\n'
*cmd* 'QUIT'
*put* b'QUIT'
poplib.putline [b'QUIT']
*get* b'+OK bye\\r\\n'
*resp* b'+OK bye'
True
"""


@pytest.mark.row("Audit events")
@pytest.mark.parametrize("cls", ["POP3", "POP3_SSL"])
@pytest.mark.parametrize("level, output", [(0, EVENTS), (2, EVENTS_AND_COMMANDS)])
def test_audit_events(pop, play_tls, cls, level, output):
    """In a process of its own, for a hook cannot be removed.  A veto keeps a line back."""
    steps = [
        *(S("+OK ready"), C("STAT"), S("+OK 2 320")),
        *(C("RETR 1"), S("+OK", "a", "."), C("QUIT"), S("+OK bye")),
    ]
    with (play if cls == "POP3" else play_tls)(*steps, timeout=20) as server:
        arguments = [pop.__name__, server.host, str(server.port), str(level), cls]
        child = subprocess.run(
            [sys.executable, "-c", AUDITED, *arguments],
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
        )
    where = {"host": server.host, "port": server.port}
    assert child.stdout.decode().splitlines() == output.format(**where).splitlines()
