"""The limit of a reply's size, and what becomes of the rest."""

import re

import pytest
from scripted import C, Raw, S, play

from poplib_c import POP3, error_proto

from .support import ByFile, ByLines, ByMethods, ByStatus, Endless, greeted, run_program
from .whole import LARGE, Failure, Writer, by_any, fail, message

by_lines_too = pytest.mark.parametrize("cls", [POP3, ByMethods])


@by_lines_too
@pytest.mark.parametrize(
    "name, arguments, command",
    [
        ("retr", (1,), "RETR 1"),
        ("top", (1, 2), "TOP 1 2"),
        ("list", (), "LIST"),
        ("uidl", (), "UIDL"),
        ("sizes", (), "LIST"),
        ("uids", (), "UIDL"),
        ("retr_bytes", (1,), "RETR 1"),
        ("top_bytes", (1, 2), "TOP 1 2"),
        ("retr_into", (1, Writer()), "RETR 1"),
    ],
)
def test_max_size(cls, name, arguments, command):
    """Exactly so many octets are allowed; of one more, the rest is dropped."""
    fitting = 50 * b"1 2\r\n"
    steps = (C(command), message(fitting), C(command), message(b"x" + fitting))
    with play(S("+OK ready"), *steps, C("NOOP"), S("+OK done")) as server:
        client = greeted(server, cls, max_size=250)
        getattr(client, name)(*arguments)
        with pytest.raises(error_proto) as caught:
            getattr(client, name)(*arguments)
        assert caught.value.args == ("reply larger than 250 octets",)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("cls", [ByLines, ByStatus, ByFile])
def test_max_size_line_by_line(cls):
    with play(S("+OK ready"), C("RETR 1"), message(100 * b"1 2\r\n")) as server:
        client = greeted(server, cls, max_size=250)
        with pytest.raises(error_proto, match="reply larger than 250 octets"):
            client.retr(1)
        client.close()


def test_max_size_of_a_reply_without_end():
    chunk = 1024 * b"12345678\r\n"
    steps = (C("RETR 1"), Raw(b"+OK\r\n"), Endless(chunk, 256 * 1024 * 1024))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, max_size=10_000)
        with pytest.raises(error_proto, match="reply larger than 10000 octets"):
            client.retr_bytes(1)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


# An endless line, and what it costs who has said how much he wants.
ENDLESS_LINE = """
    import sys
    import poplib_c
    from faults.memory import peak
    from faults.support import ByLines

    cls = {"POP3": poplib_c.POP3, "ByLines": ByLines}[sys.argv[2]]
    client = cls("127.0.0.1", int(sys.argv[1]), 20, max_line=None, max_size=int(sys.argv[4]))
    before = peak() // 2**20
    try:
        getattr(client, sys.argv[3])(*sys.argv[5:])
    except poplib_c.error_proto as error:
        print(error.args[0])
    client.close()
    print(peak() // 2**20 - before)
"""


@pytest.mark.parametrize("cls", ["POP3", "ByLines"])
@pytest.mark.parametrize(
    "command, max_size, name, arguments",
    [("RETR 1", 1000, "retr", (1,)), ("LIST", 1000, "list", ()), ("CAPA", 10**9, "capa", ())],
)
def test_memory_for_a_line_over_max_size(cls, command, max_size, name, arguments):
    endless = Endless(1024 * 1024 * b"x", 64 * 1024 * 1024)
    with play(S("+OK ready"), C(command), Raw(b"+OK\r\n"), endless) as server:
        output, _ = run_program(ENDLESS_LINE, server.port, cls, name, max_size, *arguments)
    text, mebibytes = output.splitlines()
    assert re.match("reply larger than|line too long", text)
    assert int(mebibytes) < 16


@by_any
@pytest.mark.parametrize("data", [b"", b"\n", b"..\n", b"..x\r\n"])
def test_max_size_of_very_little(cls, data):
    """What is not counted does not count in a line alone, either."""
    octets = max(len(data) - data.startswith(b".."), 1)
    reply = Raw(b"+OK\n" + data + b".\n")
    steps = [step for _ in range(2) for step in (C("RETR 1"), reply)]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, cls, max_size=octets)
        assert client.retr(1)[2] == len(client.retr_bytes(1))
        client.close()


def test_lines_of_any_length_are_dropped():
    steps = (C("RETR 1"), message(b"a\r\n" + 100 * b"x" + b"\r\n" + LARGE), C("NOOP"), S("+OK"))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, max_line=20, max_size=10)
        with pytest.raises(error_proto, match="reply larger than 10 octets"):
            client.retr(1)
        assert client.noop() == b"+OK"
        client.close()


def test_failing_write_of_a_message_over_max_size():
    steps = (C("RETR 1"), message(LARGE), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, max_size=len(LARGE) - 1)
        with pytest.raises(Failure):
            client.retr_into(1, Writer(fail))
        assert client.noop() == b"+OK done"
        client.close()
