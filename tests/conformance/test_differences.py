"""The differences on purpose: what poplib does, and what poplib_c does instead.

Others stand beside the rows that they belong to: the constructor, close(), the module.
"""

import ast
import pathlib
import socket

import pytest
from links import through
from scripted import C, Close, Raw, S, play

from . import differences

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F)]


def test_every_difference_is_tested_and_named():
    named = set()
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.differs":
                named.add(node.args[0].value)
    assert named == set(differences.DIFFERENCES)


@pytest.fixture(scope="module")
def refuses_controls(ours):
    return ours or differences.poplib_refuses_control_characters()


@pytest.mark.differs("control_characters")
def test_control_character_in_an_argument(offline, refuses_controls):
    for character in CONTROLS:
        client = offline(b"+OK\r\n")
        argument = f"a{character}b"
        if not refuses_controls:
            client.user(argument)
            assert client.sock.sent == [f"USER {argument}\r\n".encode()]
            continue
        with pytest.raises(ValueError) as caught:
            client.user(argument)
        assert caught.value.args == ("Control characters not allowed in commands",)
        assert client.sock.sent == [], ascii(character)


@pytest.mark.differs("control_characters")
@pytest.mark.parametrize(
    "name, arguments, wire",
    [
        ("user", ("a\r\nDELE 1",), b"USER a\r\nDELE 1\r\n"),
        ("pass_", ("a\nb",), b"PASS a\nb\r\n"),
        ("rpop", ("a\rb",), b"RPOP a\rb\r\n"),
        ("apop", ("a\n", ""), b"APOP a\n 88619db570587f35a6761a4982138641\r\n"),
        ("list", ("1\r\n",), b"LIST 1\r\n\r\n"),
        ("retr", ("1\r\n",), b"RETR 1\r\n\r\n"),
        ("dele", ("1\r\n",), b"DELE 1\r\n\r\n"),
        ("top", (1, "1\r\n"), b"TOP 1 1\r\n\r\n"),
        ("uidl", ("1\r\n",), b"UIDL 1\r\n\r\n"),
        ("_putcmd", ("NOOP\r\nDELE 1",), b"NOOP\r\nDELE 1\r\n"),
        ("_shortcmd", ("NOOP\x00",), b"NOOP\x00\r\n"),
        ("_longcmd", ("LIST\t1",), b"LIST\t1\r\n"),
    ],
)
def test_control_character_in_any_command(offline, refuses_controls, name, arguments, wire):
    client = offline(b"+OK\r\n.\r\n")
    client.welcome = b"+OK <a@b>"
    if not refuses_controls:
        getattr(client, name)(*arguments)
        assert client.sock.sent == [wire]
        return
    with pytest.raises(ValueError):
        getattr(client, name)(*arguments)
    assert client.sock.sent == []


@pytest.mark.differs("hidden_secret")
@pytest.mark.parametrize(
    "name, arguments, shown",
    [
        ("pass_", ("a\udc80",), "PASS "),
        ("apop", ("bob\udc80", "x"), "APOP bob\udc80 "),
        ("apop", ("bob", "x\udc80"), ""),
    ],
)
def test_a_secret_that_can_not_be_encoded(offline, ours, name, arguments, shown):
    client = offline(b"+OK\r\n")
    client.welcome = b"+OK <a@b>"
    with pytest.raises(UnicodeEncodeError) as caught:
        getattr(client, name)(*arguments)
    assert caught.value.object.startswith(shown)
    assert (caught.value.object == f"{shown}***") == ours
    assert client.sock.sent == []


@pytest.mark.differs("control_characters")
def test_a_refused_command_is_not_sent(talk, refuses_controls):
    injected = [] if refuses_controls else [C("USER a"), C("DELE 1"), S("+OK")]
    with talk(*injected, C("NOOP"), S("+OK done")) as client:
        if refuses_controls:
            with pytest.raises(ValueError):
                client.user("a\r\nDELE 1")
        else:
            assert client.user("a\r\nDELE 1") == b"+OK"
        assert client.noop() == b"+OK done"


@pytest.mark.differs("control_characters")
def test_where_control_characters_are_looked_for(pop, offline, refuses_controls, capsys):
    """After the debug line and the encoding, before _putline() and its audit event."""

    class Noting(pop.POP3):
        def _putline(self, line):
            self.put = line

    client = offline(cls=Noting)
    client.set_debuglevel(2)
    with pytest.raises(UnicodeEncodeError):
        client._putcmd("A\n\udcff")
    if refuses_controls:
        with pytest.raises(ValueError):
            client._putcmd("B\n")
        assert not hasattr(client, "put")
    else:
        client._putcmd("B\n")
        assert client.put == b"B\n"
    assert capsys.readouterr().out == "*cmd* 'A\\n\\udcff'\n*cmd* 'B\\n'\n"


def test_putline_takes_control_characters(offline):
    client = offline()
    client._putline(b"A\r\nB\x00")
    assert client.sock.sent == [b"A\r\nB\x00\r\n"]


FORMAT = "Invalid STAT response format"
NUMBERS = "Invalid STAT response data: non-numeric values"


@pytest.mark.row("A malformed drop listing")
@pytest.mark.differs("malformed_stat")
@pytest.mark.parametrize(
    "reply, text, error",
    [
        ("+OK", FORMAT, IndexError),
        ("+OK 2", FORMAT, IndexError),
        ("+OK two", FORMAT, ValueError),
        ("+OK two 3", NUMBERS, ValueError),
        ("+OK 2 three", NUMBERS, ValueError),
        ("+OK 2 3.5", NUMBERS, ValueError),
        ("+OK 0x2 3", NUMBERS, ValueError),
        ("+OK 2 \u0663", NUMBERS, ValueError),
        ("+OK messages 2 octets 320", NUMBERS, ValueError),
    ],
)
def test_malformed_stat(pop, talk, ours, capsys, reply, text, error):
    checks = ours or differences.poplib_checks_stat()
    with talk(C("STAT"), S(reply), C("NOOP"), S("+OK done")) as client:
        client.set_debuglevel(1)
        with pytest.raises(pop.error_proto if checks else error) as caught:
            client.stat()
        if checks:
            assert caught.value.args == (text,)
        assert capsys.readouterr().out == f"*cmd* 'STAT'\n*stat* {reply.encode().split()}\n"
        assert client.noop() == b"+OK done"


@pytest.mark.row("No CAPA")
def test_capa_that_times_out(talk):
    with talk(C("CAPA"), S("+OK", "TOP"), timeout=0.05) as client, pytest.raises(socket.timeout):
        client.capa()


@pytest.mark.row("No CAPA")
@pytest.mark.differs("capa_failure")
@pytest.mark.parametrize(
    "steps, reason",
    [
        ([Close()], "-ERR EOF"),
        ([S("+OK", "TOP"), Close()], "-ERR EOF"),
        ([S("+OK" + 3000 * "."), Close()], "line too long"),
    ],
)
def test_capa_of_a_lost_connection(pop, talk, ours, steps, reason):
    with talk(C("CAPA"), *steps) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.capa()
        expected = reason if ours else "-ERR CAPA not supported by server"
        assert caught.value.args == (expected,)


@pytest.mark.differs("capa_lines")
@pytest.mark.parametrize(
    "lines, capabilities, error",
    [
        (["TOP", "", "UIDL"], {"TOP": [], "UIDL": []}, IndexError),
        (["", " \t", "UIDL"], {"UIDL": []}, IndexError),
        ([b"IMPLEMENTATION caf\xe9"], {"IMPLEMENTATION": ["caf\udce9"]}, UnicodeDecodeError),
        ([b"\xc3\xa9 x"], {"\udcc3\udca9": ["x"]}, UnicodeDecodeError),
    ],
)
def test_odd_lines_of_capa(talk, ours, lines, capabilities, error):
    with talk(C("CAPA"), S("+OK", *lines, "."), C("NOOP"), S("+OK done")) as client:
        if ours:
            assert client.capa() == capabilities
        else:
            with pytest.raises(error):
                client.capa()
        assert client.noop() == b"+OK done"


#: Lines of 64 octets with their ends, as many as a reply to CAPA may have.
MOST_CAPABILITIES = 1024 * [62 * "X"]


@pytest.mark.parametrize("level", [0, 2])
def test_most_capabilities(talk, level):
    steps = (C("CAPA"), S("+OK", *MOST_CAPABILITIES, "."), C("NOOP"), S("+OK done"))
    with talk(*steps) as client:
        client.set_debuglevel(level)
        assert client.capa() == {62 * "X": []}
        assert client.noop() == b"+OK done"


@through("plain")
@pytest.mark.differs("capa_limit")
@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("name", ["capa", "stls"])
@pytest.mark.parametrize(
    "lines",
    [[*MOST_CAPABILITIES, ""], 40_000 * [""], [70_000 * "X"], 33_000 * ["", "X"]],
    ids=["one more", "blank", "a long one", "short"],
)
def test_too_many_capabilities(pop, talk, ours, monkeypatch, level, name, lines):
    if not ours:
        monkeypatch.setattr(pop, "_MAXLINE", 2**20)
        lines = [line or "Y" for line in lines]
    with talk(C("CAPA"), S("+OK", *lines, ".")) as client:
        client.set_debuglevel(level)
        if not ours:
            assert client.capa()
            return
        with pytest.raises(pop.error_proto) as caught:
            getattr(client, name)()
        # Where lines are printed one by one, one of them is over its own limit.
        alone = level == 2 and len(lines) == 1
        expected = "line too long" if alone else "reply larger than 65536 octets"
        assert caught.value.args == (expected,)


def test_a_list_has_no_such_limit(talk):
    lines = [f"{number} 1234" for number in range(10_000)]
    with talk(C("LIST"), S("+OK", *lines, ".")) as client:
        assert len(client.list()[1]) == 10_000


LONG = 100_000


@pytest.mark.differs("long_message_lines")
@pytest.mark.parametrize("name, arguments", [("retr", (1,)), ("top", (1, 0)), ("list", ())])
def test_long_message_line(pop, talk, ours, name, arguments):
    wire = " ".join([name.upper(), *map(str, arguments)])
    with talk(C(wire), S("+OK", LONG * "x", ".." + LONG * "y", ".")) as client:
        if ours:
            lines = [LONG * b"x", b"." + LONG * b"y"]
            assert getattr(client, name)(*arguments) == (b"+OK", lines, 2 * LONG + 5)
            return
        with pytest.raises(pop.error_proto) as caught:
            getattr(client, name)(*arguments)
        assert caught.value.args == ("line too long",)


@pytest.mark.differs("long_message_lines")
def test_long_message_line_through_a_double(pop, offline, ours):
    client = offline(b"+OK\r\n" + LONG * b"x" + b"\r\n.\r\n")
    if ours:
        assert client.retr(1) == (b"+OK", [LONG * b"x"], LONG + 2)
        return
    with pytest.raises(pop.error_proto):
        client.retr(1)


@through("plain", "tls")
@pytest.mark.differs("own_calls")
@pytest.mark.parametrize("way", ["constructor", "set_options"])
@pytest.mark.parametrize(
    "limit, longest", [(4096, 4096), (2049, 2049), (100, 2048), (16 * 1024 * 1024, None)]
)
def test_max_line(pop, talk, ours, way, limit, longest):
    longest = longest or limit
    if not ours:
        with pytest.raises(TypeError):
            pop.POP3("127.0.0.1", 1, 5, max_line=limit)
        return
    options = {"max_line": limit} if way == "constructor" else {}
    line = (longest - 2) * "x"
    steps = (C("RETR 1"), S("+OK", line, "."), C("RETR 2"), S("+OK", line + "x", "."))
    with talk(*steps, **options) as client:
        if way == "set_options":
            client.set_options(max_line=limit)
        assert client.retr(1) == (b"+OK", [line.encode()], longest)
        with pytest.raises(pop.error_proto) as caught:
            client.retr(2)
        assert caught.value.args == ("line too long",)


@through("plain", "tls")
@pytest.mark.differs("own_calls")
def test_no_max_line(pop, talk, ours):
    if not ours:
        assert not hasattr(pop.POP3, "set_options")
        return
    line = 17 * 1024 * 1024 * "x"
    with talk(C("RETR 1"), S("+OK", line, "."), max_line=None) as client:
        assert client.retr(1)[1] == [line.encode()]


def test_a_long_status_line_stays_an_error(pop, talk):
    with talk(C("LIST"), S("+OK" + 2048 * ".", ".")) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.list()
        assert caught.value.args == ("line too long",)


@pytest.mark.differs("truncated_reply")
@pytest.mark.parametrize("reply", [b"+OK hello\r\n", b"+OK\n", b"-ERR no\r\n", b"\r+OK\n"])
def test_status_line_cut_off_at_every_octet(pop, talk, ours, reply):
    for length in range(len(reply)):
        with talk(C("NOOP"), Raw(reply[:length]), Close()) as client:
            got = outcome(pop, client.noop)
        assert got == ("-ERR EOF" if ours else poplibs_cut(reply[:length])), length


def poplibs_cut(part):
    """poplib takes the last octet for the line end, whatever it is."""
    if not part:
        return "-ERR EOF"
    return part[1:-1] if part[:1] == b"\r" else part[:-1]


def outcome(pop, command):
    """What it returns, or the reason of its error_proto."""
    try:
        return command()
    except pop.error_proto as error:
        return error.args[0]


@pytest.mark.row("A greeting without a line end")
@pytest.mark.differs("truncated_reply")
def test_greeting_without_a_line_end(pop, ours):
    with play(Raw(b"+OK hi"), Close()) as server:
        if ours:
            with pytest.raises(pop.error_proto) as caught:
                pop.POP3(server.host, server.port, 5)
            assert caught.value.args == ("-ERR EOF",)
            return
        client = pop.POP3(server.host, server.port, 5)
        assert client.welcome == b"+OK h"
        client.close()


@pytest.mark.row("The end within a message")
@pytest.mark.differs("truncated_reply")
def test_message_cut_off_at_every_octet(pop, talk, ours):
    """poplib takes the message for complete where the octet lost stood behind a dot."""
    reply = b"+OK\r\na\r\n.x\r\n..y\r\n.\r\n"
    complete = {}
    for length in range(len(reply)):
        with talk(C("RETR 1"), Raw(reply[:length]), Close()) as client:
            got = outcome(pop, lambda: client.retr(1))
        if isinstance(got, tuple):
            complete[length] = got
        else:
            assert got == "-ERR EOF" or (not ours and (length, got) == (1, b"")), length
    if ours:
        assert complete == {}
        return
    assert complete == {
        10: (b"+OK", [b"a"], 3),
        14: (b"+OK", [b"a", b".x"], 7),
        19: (b"+OK", [b"a", b".x", b".y"], 11),
    }
