"""What servers say: status lines, line ends, dots, limits, and how the octets arrive."""

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import EACH, C, Raw, S, play

FEW = settings(max_examples=40, deadline=None)
MANY = settings(max_examples=300, deadline=None)


def text_of(line):
    """A line that ends in LF without its line end, by poplib's rule."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    if line.startswith(b"\r"):
        return line[1:-1]
    return line[:-1]


def long_reply(reply):
    """What retr() makes of a whole reply; a model of RFC 1939, section 3."""
    status, *lines = io.BytesIO(reply).readlines()
    texts, octets = [], 0
    for line in lines:
        text = text_of(line)
        if text == b".":
            return text_of(status), texts, octets
        stuffed = text.startswith(b"..")
        texts.append(text[stuffed:])
        octets += len(line) - stuffed
    raise AssertionError("the reply has no terminator")


def retr(pop, *pieces):
    """The result of retr() for a reply that arrives in these pieces."""
    with play(S("+OK ready"), C("RETR 1"), *pieces, C("NOOP"), S("+OK still here")) as server:
        client = pop.POP3(server.host, server.port, 5)
        result = client.retr(1)
        assert client.noop() == b"+OK still here"
        client.close()
    return result


@pytest.mark.row("A plus alone", "An error with a plus", "No text")
@pytest.mark.parametrize(
    "line",
    [
        b"+OK",
        b"+OK ",
        b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>",
        b"+ok lower case",
        b"+",
        b"+ ",
        b"+ERR boom",
        b"+\x00\xff",
        b"+OK\ttab",
        b"+OK caf\xc3\xa9 \xe9",
        b"+OK a\rb",
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_status_line_that_begins_with_plus(talk, line, end):
    with talk(C("NOOP"), Raw(line + end), greeting="+OK") as client:
        assert client.noop() == line


@pytest.mark.row("A greeting in lower case", "An error with a plus", "No text")
@pytest.mark.parametrize("line", [b"+OK", b"+", b"+ok lower case", b"+ERR boom"])
def test_greeting_that_begins_with_plus(pop, line):
    with play(Raw(line + b"\r\n")) as server:
        client = pop.POP3(server.host, server.port, 5)
        assert client.getwelcome() == client.welcome == line
        client.close()


@pytest.mark.row("An empty reply")
@pytest.mark.parametrize(
    "line", [b"", b"-", b"-ERR", b"-ERR [IN-USE] no", b" +OK", b"OK", b".", b"\x00+OK", b"\xff"]
)
@pytest.mark.parametrize("command", ["noop", "list"])
def test_status_line_that_does_not(pop, talk, line, command):
    steps = (C(command.upper()), Raw(line + b"\r\n"), C("RSET"), S("+OK"))
    with talk(*steps) as client:
        with pytest.raises(pop.error_proto) as caught:
            getattr(client, command)()
        assert caught.value.args == (line,)
        assert client.rset() == b"+OK"


@pytest.mark.row("Odd line ends")
@pytest.mark.parametrize(
    "wire, text",
    [
        (b"+OK\r\n", b"+OK"),
        (b"+OK\n", b"+OK"),
        (b"\r+OK\n", b"+OK"),
        (b"\r+OK\r\n", b"\r+OK"),
        (b"+OK\r\r\n", b"+OK\r"),
        (b"\r\r+OK\n", b"\r+OK"),
        (b"\n", b""),
        (b"\r\n", b""),
        (b"\r\r\n", b"\r"),
    ],
)
def test_line_ends_of_a_status_line(pop, talk, wire, text):
    with talk(C("NOOP"), Raw(wire), C("RSET"), S("+OK")) as client:
        if text.startswith(b"+"):
            assert client.noop() == text
        else:
            with pytest.raises(pop.error_proto) as caught:
                client.noop()
            assert caught.value.args == (text,)
        assert client.rset() == b"+OK"


BODIES = {
    "crlf": (b"a\r\nb\r\n.\r\n", [b"a", b"b"], 6),
    "lf": (b"a\nb\n.\n", [b"a", b"b"], 4),
    "lfcr": (b"a\n\rb\n\r.\n", [b"a", b"b"], 5),
    "cr cr lf": (b"a\r\r\nb\r\n.\r\n", [b"a\r", b"b"], 7),
    "leading cr and crlf": (b"\ra\r\n.\r\n", [b"\ra"], 4),
    "leading cr and lf": (b"\ra\n.\r\n", [b"a"], 3),
    "bare cr": (b"a\rb\r\n.\r\n", [b"a\rb"], 5),
    "cr alone": (b"\r\r\n\r\n.\r\n", [b"\r", b""], 5),
    "empty lines": (b"\r\n\n\r\n.\r\n", [b"", b"", b""], 5),
    "nul and 8-bit": (b"\x00\xff\r\n\x80\x00\r\n.\r\n", [b"\x00\xff", b"\x80\x00"], 8),
    "stuffed dots": (b"..\r\n..a\r\n...\r\n.\r\n", [b".", b".a", b".."], 11),
    "stuffed dot and lf": (b"..\n.\n", [b"."], 2),
    "unstuffed dots": (b".a\r\n.\t\r\n. \r\n.\r\n", [b".a", b".\t", b". "], 12),
    "dot and cr cr lf": (b".\r\r\n.\r\n", [b".\r"], 4),
    "dot and bare cr": (b".\ra\r\n.\r\n", [b".\ra"], 5),
    "dots after a cr": (b"\r..\n.\r\n", [b"."], 3),
    "dots after a cr, crlf": (b"\r..\r\n.\r\n", [b"\r.."], 5),
    "terminator after a cr": (b"a\r\n\r.\n", [b"a"], 3),
    "terminator and lf": (b"a\r\n.\n", [b"a"], 3),
    "terminator alone": (b".\r\n", [], 0),
    "minus": (b"-ERR\r\n+OK\r\n.\r\n", [b"-ERR", b"+OK"], 11),
}


@pytest.mark.row("Odd line ends", "Odd last lines", "No dot-stuffing")
@pytest.mark.parametrize("name", BODIES)
def test_lines_of_a_message(pop, name):
    body, lines, octets = BODIES[name]
    assert long_reply(b"+OK\r\n" + body)[1:] == (lines, octets)
    assert retr(pop, Raw(b"+OK\r\n" + body)) == (b"+OK", lines, octets)


@pytest.mark.parametrize("name", BODIES)
def test_lines_of_a_message_octet_by_octet(pop, name):
    body, lines, octets = BODIES[name]
    assert retr(pop, Raw(b"+OK\r\n" + body, cut=EACH)) == (b"+OK", lines, octets)


@pytest.mark.parametrize("name", BODIES)
def test_lines_of_a_message_through_a_double(offline, name):
    body, lines, octets = BODIES[name]
    assert offline(b"+OK\r\n" + body).retr(1) == (b"+OK", lines, octets)


def test_message_cut_at_every_octet(pop):
    reply = b"+OK 7 octets\r\n..\r\n.x\n\ry\n\r\n.\r\n"
    for position in range(1, len(reply)):
        assert retr(pop, Raw(reply, cut=[position])) == long_reply(reply), position


def test_greeting_cut_at_every_octet(pop):
    greeting = b"\r+OK <1@a>\n"
    for position in range(1, len(greeting)):
        with play(Raw(greeting, cut=[position])) as server:
            client = pop.POP3(server.host, server.port, 5)
            assert client.welcome == b"+OK <1@a>"
            client.close()


@pytest.mark.row("Odd line ends")
def test_server_that_ends_lines_in_lf_cr(pop):
    """The CR of each reply is unread until the next one."""
    steps = [Raw(b"+OK hi\n\r")]
    for _ in range(2):
        steps += [C("LIST"), Raw(b"+OK\n\r1 120\n\r.\n\r"), C("NOOP"), Raw(b"+OK\n\r")]
    with play(*steps, C("QUIT"), Raw(b"+OK bye\n\r")) as server:
        client = pop.POP3(server.host, server.port, 5)
        for _ in range(2):
            assert client.list() == (b"+OK", [b"1 120"], 7)
            assert client.noop() == b"+OK"
        assert client.quit() == b"+OK bye"


def test_many_lines(pop):
    lines = [b"%d" % number for number in range(50_000)]
    reply = b"+OK\r\n" + b"\r\n".join(lines) + b"\r\n.\r\n"
    assert retr(pop, Raw(reply)) == (b"+OK", lines, len(reply) - 8)


piece = st.one_of(
    st.sampled_from([b".", b"..", b"\r", b"\n", b"\r\n", b"+OK", b"-ERR", b"\x00", b"a"]),
    st.binary(max_size=4),
)
body = st.lists(piece, max_size=24).map(b"".join).map(lambda octets: octets + b"\n.\r\n")


def first_reply(octets):
    """A status line and the lines up to the first terminator."""
    reply = b"+OK\r\n"
    for line in io.BytesIO(octets):
        reply += line
        if text_of(line) == b".":
            break
    return reply


@FEW
@given(octets=body, data=st.data())
@example(octets=b"\r.\n", data=None)
def test_any_lines_in_any_segments(pop, octets, data):
    reply = first_reply(octets)
    cuts = st.sets(st.integers(1, len(reply) - 1), max_size=6)
    cut = data.draw(cuts) if data is not None else EACH
    assert retr(pop, Raw(reply, cut=cut)) == long_reply(reply)


@MANY
@given(octets=body)
def test_any_lines_through_a_double(offline, octets):
    reply = first_reply(octets)
    client = offline(reply + b"+OK\r\n")
    assert client.retr(1) == long_reply(reply)
    assert client.noop() == b"+OK"


@MANY
@given(octets=body)
def test_any_lines_through_an_overridden_getline(pop, offline, octets):
    class Own(pop.POP3):
        def _getline(self):
            line = self.file.readline()
            return text_of(line), len(line)

    reply = first_reply(octets)
    assert offline(reply, Own).retr(1) == long_reply(reply)


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_longest_status_line(pop, talk, end):
    line = b"+OK " + (2048 - 4 - len(end)) * b"x"
    with talk(C("NOOP"), Raw(line + end), C("NOOP"), Raw(line + b"x" + end)) as client:
        assert client.noop() == line
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == ("line too long",)


def test_longest_greeting(pop):
    greeting = b"+OK " + 2042 * b"x"
    with play(S(greeting)) as server:
        client = pop.POP3(server.host, server.port, 5)
        assert client.welcome == greeting
        client.close()
    with play(S(greeting + b"x")) as server:
        with pytest.raises(pop.error_proto) as caught:
            pop.POP3(server.host, server.port, 5)
        assert caught.value.args == ("line too long",)


def test_longest_refusal(pop, talk):
    with talk(C("LIST"), S("-" + 2045 * "x"), C("LIST"), S("-" + 2046 * "x")) as client:
        for reason in (b"-" + 2045 * b"x", "line too long"):
            with pytest.raises(pop.error_proto) as caught:
                client.list()
            assert caught.value.args == (reason,)


@pytest.mark.row("_MAXLINE")
def test_maxline_takes_effect_at_the_next_reply(pop, talk, monkeypatch):
    steps = [step for _ in range(3) for step in (C("NOOP"), S("+OK 89"))]
    with talk(*steps) as client:
        assert client.noop() == b"+OK 89"
        monkeypatch.setattr(pop, "_MAXLINE", 8)
        assert client.noop() == b"+OK 89"
        monkeypatch.setattr(pop, "_MAXLINE", 7)
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == ("line too long",)


def test_maxline_raised(pop, monkeypatch):
    greeting = b"+OK " + 100_000 * b"x"
    reply = b"+OK\r\n" + 100_000 * b"y" + b"\r\n.\r\n"
    monkeypatch.setattr(pop, "_MAXLINE", 200_000)
    with play(S(greeting), C("RETR 1"), Raw(reply)) as server:
        client = pop.POP3(server.host, server.port, 5)
        assert client.welcome == greeting
        assert client.retr(1) == long_reply(reply)
        client.close()


def test_maxline_through_a_double(pop, offline, monkeypatch):
    monkeypatch.setattr(pop, "_MAXLINE", 7)
    client = offline(b"+OK 7\r\n+OK 89\r\n")
    assert client.noop() == b"+OK 7"
    with pytest.raises(pop.error_proto) as caught:
        client.noop()
    assert caught.value.args == ("line too long",)


def test_replies_of_several_commands_in_one_segment(talk):
    steps = (C("NOOP"), C("LIST"), C("NOOP"), S("+OK 1", "+OK 2", "1 120", ".", "+OK 3"))
    with talk(*steps) as client:
        for command in ("NOOP", "LIST", "NOOP"):
            client._putcmd(command)
        assert client._getresp() == b"+OK 1"
        assert client._getlongresp() == (b"+OK 2", [b"1 120"], 7)
        assert client._getresp() == b"+OK 3"


def test_a_command_sent_while_another_is_unanswered(talk):
    steps = (C("A"), C("B"), S("+OK a", "+OK b"), C("C"), S("+OK c"), C("D"), S("+OK d"))
    with talk(*steps) as client:
        client._putcmd("A")
        client._putcmd("B")
        assert client._getresp() == b"+OK a"
        client._putcmd("C")
        assert client._getresp() == b"+OK b"
        assert client._getresp() == b"+OK c"
        assert client._shortcmd("D") == b"+OK d"
