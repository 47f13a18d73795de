"""Replies that are cut off, too long, or made of odd octets, in each way of reading."""

import pytest
from scripted import EACH, C, Close, Raw, S, play

from poplib_c import POP3, error_proto

from .support import GREETING, WAYS, ByFile, Endless, run_program

EOF = ("-ERR EOF",)
TOO_LONG = ("line too long",)

every_way = pytest.mark.parametrize("way", WAYS)


def greeted(server, way, **options):
    return way(server.host, server.port, 5, **options)


TRANSCRIPTS = [
    ("noop", (), "NOOP", b"+OK done\r\n"),
    ("dele", (1,), "DELE 1", b"-ERR no\n"),
    ("retr", (1,), "RETR 1", b"+OK\r\n..\r\n.x\r\n\r\n.\r\n"),
    ("list", (), "LIST", b"+OK\n1 2\n.\n"),
]


@every_way
@pytest.mark.parametrize("name, arguments, wire, reply", TRANSCRIPTS)
def test_cut_off_at_every_octet(way, name, arguments, wire, reply):
    for length in range(len(reply)):
        with play(S("+OK ready"), C(wire), Raw(reply[:length]), Close()) as server:
            client = greeted(server, way)
            sock = client.sock
            with pytest.raises(error_proto) as caught:
                getattr(client, name)(*arguments)
            assert caught.value.args == EOF, length
            if length % 2:
                client.close()
            else:
                with pytest.raises((error_proto, ConnectionError)):
                    client.quit()
            assert client.sock is client.file is None
            assert sock.fileno() == -1


@every_way
def test_cut_off_behind_an_earlier_reply(way):
    steps = (C("NOOP"), S("+OK 1"), C("RETR 1"), Raw(b"+OK\r\na\r\n."), Close())
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, way)
        assert client.noop() == b"+OK 1"
        with pytest.raises(error_proto) as caught:
            client.retr(1)
        assert caught.value.args == EOF
        client.close()


@every_way
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_longest_status_line(way, end):
    line = b"+" + (2047 - len(end)) * b"x"
    replies = [Raw(line + end), C("B"), Raw(line + b"x" + end)]
    with play(S("+OK ready"), C("A"), *replies) as server:
        client = greeted(server, way)
        assert client._shortcmd("A") == line
        with pytest.raises(error_proto) as caught:
            client._shortcmd("B")
        assert caught.value.args == TOO_LONG
        client.close()


@every_way
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_longest_message_line(way, end):
    line = (3000 - len(end)) * b"x"
    messages = [Raw(b"+OK\n" + line + end + b".\n"), C("RETR 2")]
    messages += [Raw(b"+OK\n" + line + b"x" + end + b".\n")]
    with play(S("+OK ready"), C("RETR 1"), *messages) as server:
        client = greeted(server, way, max_line=3000)
        assert client.retr(1) == (b"+OK", [line], 3000)
        with pytest.raises(error_proto) as caught:
            client.retr(2)
        assert caught.value.args == TOO_LONG
        client.close()


@every_way
def test_a_limit_at_the_edge_of_the_data(way):
    """One octet more than the limit allows, and the server has not yet sent a line end."""
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\n" + 3001 * b"x")) as server:
        client = greeted(server, way, max_line=3000)
        with pytest.raises(error_proto) as caught:
            client.retr(1)
        assert caught.value.args == TOO_LONG
        client.close()


any_option = pytest.mark.parametrize("option", ["max_line", "max_size"])


@any_option
@pytest.mark.parametrize("setting", ["2", 2.5, [2], object()])
def test_limit_of_a_wrong_type(option, setting):
    client = POP3.__new__(POP3)
    with pytest.raises(TypeError, match=f"{option} must be an int"):
        client.set_options(**{option: setting})
    with pytest.raises(TypeError, match=f"{option} must be an int"):
        POP3("mail.invalid", **{option: setting})


@any_option
@pytest.mark.parametrize("setting", [0, -1, -(2**31)])
def test_limit_that_is_not_positive(option, setting):
    client = POP3.__new__(POP3)
    with pytest.raises(ValueError, match=f"{option} must be positive"):
        client.set_options(**{option: setting})
    with pytest.raises(ValueError, match=f"{option} must be positive"):
        POP3("mail.invalid", **{option: setting})


def test_a_wrong_max_line_changes_nothing():
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\n" + 3000 * b"x" + b"\n.\n")) as server:
        client = greeted(server, POP3, max_line=3000)
        for wrong in (0, "4000"):
            with pytest.raises((TypeError, ValueError)):
                client.set_options(max_line=wrong)
        client.set_options()
        with pytest.raises(error_proto, match="line too long"):
            client.retr(1)
        client.close()


LONG_LINE = """
    import sys
    import poplib_c
    from faults.memory import peak

    client = poplib_c.POP3("127.0.0.1", int(sys.argv[1]), 20)
    before = peak() // 2**20
    try:
        client.retr(1)
    except poplib_c.error_proto as error:
        print(error.args[0])
    client.close()
    print(peak() // 2**20 - before)
"""


@pytest.mark.parametrize("octet", [b"x", b"\r", b"."])
@pytest.mark.parametrize("end", [b"", b"\r\n.\r\n"])
def test_memory_for_a_line_of_64_mib(octet, end):
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\n" + 2**26 * octet + end)) as server:
        output, _ = run_program(LONG_LINE, server.port)
    text, mebibytes = output.splitlines()
    assert text == TOO_LONG[0]
    assert 8 < int(mebibytes) < 100


BODIES = {
    "NUL": (b"a\0b\r\n\0\r\n", [b"a\0b", b"\0"]),
    "8-bit": (bytes(range(128, 256)) + b"\r\n\xff\r\n", [bytes(range(128, 256)), b"\xff"]),
    "LF": (b"a\n\nb\n", [b"a", b"", b"b"]),
    "CR": (b"a\rb\r\n\r\r\n\rc\r\n", [b"a\rb", b"\r", b"\rc"]),
    "LF CR": (b"a\n\rb\n\r\n\rc\n", [b"a", b"b", b"", b"c"]),
    "dots": (b"..\r\n...\r\n.a\r\n. \r\n.\0\r\n", [b".", b"..", b".a", b". ", b".\0"]),
    "controls": (b"\x1a\x04\x0b\x0c\x85\r\n", [b"\x1a\x04\x0b\x0c\x85"]),
}


@every_way
@pytest.mark.parametrize("cut", [(), EACH], ids=["whole", "octets"])
@pytest.mark.parametrize("body, lines", BODIES.values(), ids=BODIES)
def test_odd_octets(way, cut, body, lines):
    octets = len(body) - sum(line[:2] == b".." for line in body.splitlines())
    steps = (C("RETR 1"), Raw(b"+OK\r\n" + body + b".\r\n", cut), C("NOOP"), S("+OK done"))
    with play(Raw(GREETING), *steps) as server:
        client = greeted(server, way)
        assert client.retr(1) == (b"+OK", lines, octets)
        assert client.noop() == b"+OK done"
        client.close()


@every_way
@pytest.mark.parametrize(
    "reply, text",
    [
        (b"+OK \0\r\n", b"+OK \0"),
        (b"+\xff\xfe\r\n", b"+\xff\xfe"),
        (b"+OK a\rb\n", b"+OK a\rb"),
        (b"\r+OK\n", b"+OK"),
        (b"+\r\r\n", b"+\r"),
    ],
)
def test_odd_octets_in_a_status_line(way, reply, text):
    with play(S("+OK ready"), C("NOOP"), Raw(reply, EACH)) as server:
        client = greeted(server, way)
        assert client.noop() == text
        client.close()


def test_a_terminator_that_never_comes():
    """`. ` ends nothing: what follows it belongs to the message."""
    with play(S("+OK ready"), C("RETR 1"), S("+OK", "a", ". ", "b"), Close()) as server:
        client = greeted(server, ByFile)
        with pytest.raises(error_proto) as caught:
            client.retr(1)
        assert caught.value.args == EOF
        client.close()


@every_way
@pytest.mark.parametrize(
    "size, lines",
    [(1, b""), (2, b""), (2, b"..\n"), (5, b"..ab\r\n"), (3000, b"." + 2998 * b"." + b"\r\n")],
)
def test_all_lines_may_be_one(way, size, lines):
    """Exactly so many octets, where the dot and the terminator do not count."""
    with play(S("+OK ready"), C("RETR 1"), Raw(b"+OK\r\n" + lines + b".\r\n")) as server:
        client = greeted(server, way, max_size=size)
        assert client.retr(1)[2] == (size if lines else 0)
        client.close()


DROPPED = """
    import resource, sys
    from poplib_c import POP3, error_proto

    def most():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    client = POP3("127.0.0.1", int(sys.argv[1]), 5, max_line=None, max_size=1000)
    before = most()
    try:
        client.retr(1)
    except error_proto as error:
        print(error, (most() - before) // 4096)
    client.close()
"""


def test_what_is_dropped_is_not_kept():
    """A line without end, and its own limit lifted, is held by max_size."""
    steps = (C("RETR 1"), S("+OK"), Endless(2**20 * b"x", 2**28))
    with play(S("+OK ready"), *steps) as server:
        output, errors = run_program(DROPPED, server.port)
    assert (output, errors) == ("reply larger than 1000 octets 0\n", "")


def test_what_is_dropped_may_be_too_large_as_well():
    """write() has failed: that, and not the size, is what is told."""

    class Failing:
        def write(self, data):
            raise ZeroDivisionError

    reply = Raw(b"+OK\r\n" + 500_000 * b"x\r\n" + b".\r\n")
    steps = (C("RETR 1"), reply, C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, POP3, max_size=500_000)
        with pytest.raises(ZeroDivisionError):
            client.retr_into(1, Failing())
        assert client.noop() == b"+OK done"
        client.close()
