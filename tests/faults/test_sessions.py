"""The with statement, and LIST and UIDL as data."""

import pytest
from scripted import C, Close, Raw, S, play

from poplib_c import POP3, error_proto

from .support import ByFile, greeted

# --- with -----------------------------------------------------------------------------------


def test_the_block_ends_with_quit():
    with play(S("+OK ready"), C("DELE 1"), S("+OK"), C("QUIT"), S("+OK bye")) as server:
        with greeted(server) as client:
            assert type(client) is POP3
            client.dele(1)
        assert client.sock is client.file is None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, error_proto])
def test_an_exception_commits_nothing(error):
    with play(S("+OK ready"), C("DELE 1"), S("+OK")) as server:
        with pytest.raises(error), greeted(server) as client:
            client.dele(1)
            raise error
        assert client.sock is client.file is None


@pytest.mark.parametrize("end", ["quit", "close"])
def test_ended_inside(end):
    steps = (C("QUIT"), S("+OK bye")) if end == "quit" else ()
    with play(S("+OK ready"), *steps) as server, greeted(server) as client:
        getattr(client, end)()


def test_quit_that_fails():
    with play(S("+OK ready"), C("QUIT"), S("-ERR not all were deleted")) as server:
        with pytest.raises(error_proto) as caught, greeted(server) as client:
            pass
        assert caught.value.args == (b"-ERR not all were deleted",)
        assert client.sock is None


def test_methods_of_a_subclass_are_called():
    class Own(POP3):
        def quit(self):
            calls.append("quit")
            return super().quit()

        def close(self):
            calls.append("close")
            super().close()

    calls = []
    with play(S("+OK ready"), C("QUIT"), S("+OK bye")) as server, greeted(server, Own):
        pass
    assert calls == ["quit", "close"]
    calls.clear()
    with play(S("+OK ready")) as server, pytest.raises(OSError), greeted(server, Own):
        raise OSError
    assert calls == ["close"]


def test_without_a_connection():
    with POP3.__new__(POP3):
        pass
    with pytest.raises(TypeError, match="__exit__"):
        POP3.__new__(POP3).__exit__(None)


# --- LIST and UIDL --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines, sizes",
    [
        ([], {}),
        ([b"1 120", b"2 200"], {1: 120, 2: 200}),
        ([b"1  120", b" 2\t 200 ", b"\t3\t7"], {1: 120, 2: 200, 3: 7}),
        ([b"1 120 octets", b"2 0 (empty)"], {1: 120, 2: 0}),
        # The message is there, whatever its size is.
        ([b"1", b"2 ", b"3\t", b" 4 \t "], {1: None, 2: None, 3: None, 4: None}),
        ([b"1 ?", b"2 (150)", b"3 12abc", b"4 5,000"], dict.fromkeys([1, 2, 3, 4])),
        ([b"1 -5", b"2 +5", b"3 -2147483648", b"4 1.5"], dict.fromkeys([1, 2, 3, 4])),
        ([b"1 " + 18 * b"9", b"2 " + 19 * b"9"], {1: 10**18 - 1, 2: None}),
        ([b"1 9223372036854775808", b"2 \xff", b"3 7\x00"], dict.fromkeys([1, 2, 3])),
        # Rows that name no message.
        ([b"", b" ", b"x 1", b"-1 5", b"1:5", b"(2) 5", b"0 5", b"000 5", b"\xff 1"], {}),
        ([30 * b"9" + b" 1", 19 * b"1", b"2\x00 3"], {}),
        # The last row counts.
        ([b"007 1", b"7 2"], {7: 2}),
        ([b"1 120", b"1 ?", b"2", b"2 5"], {1: None, 2: 5}),
    ],
)
@pytest.mark.parametrize("cls", [POP3, ByFile])
def test_sizes(cls, lines, sizes):
    with play(S("+OK ready"), C("LIST"), S("+OK", *lines, ".")) as server:
        client = greeted(server, cls)
        assert client.sizes() == sizes
        client.close()


def test_rows_are_in_the_order_of_the_server():
    steps = [C("LIST"), S("+OK", "3 1", "1 1", "2 1", "3 4", ".")]
    steps += [C("UIDL"), S("+OK", "2 b", "1 a", ".")]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        assert list(client.sizes().items()) == [(3, 4), (1, 1), (2, 1)]
        assert list(client.uids().items()) == [(2, b"b"), (1, b"a")]
        client.close()


def test_messages_without_size_or_id_are_retrieved():
    steps = [C("LIST"), S("+OK", "1 3", "2 -1", "3", "."), C("UIDL"), S("+OK", "1 a", "2", ".")]
    steps += [C(f"RETR {number}") for number in (1, 2, 3)]
    steps += [S("+OK", number, ".") for number in "123"]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, pipelining=True)
        sizes, uids = client.sizes(), client.uids()
        whole = [(1, b"1\r\n"), (2, b"2\r\n"), (3, b"3\r\n")]
        assert list(client.retr_many(sizes)) == whole
        assert [uids.get(number) for number in sizes] == [b"a", None, None]
        client.close()


@pytest.mark.parametrize(
    "lines, uids",
    [
        ([b"1 abc", b"2 d"], {1: b"abc", 2: b"d"}),
        ([b"1 \t abc ", b"2 a b\tc"], {1: b"abc", 2: b"a b\tc"}),
        ([b"1 \xff/../\x80", b"2 " + 500 * b"u"], {1: b"\xff/../\x80", 2: 500 * b"u"}),
        ([b"1 same", b"2 same"], {1: b"same", 2: b"same"}),
        ([b"1", b"2 ", b"3\t\t", b"", b"x y", b"0 a", b"4:a", 19 * b"1" + b" a"], {}),
        ([b"1 a", b"1 b"], {1: b"b"}),
    ],
)
@pytest.mark.parametrize("cls", [POP3, ByFile])
def test_uids(cls, lines, uids):
    with play(S("+OK ready"), C("UIDL"), S("+OK", *lines, ".")) as server:
        client = greeted(server, cls)
        assert client.uids() == uids
        client.close()


@pytest.mark.parametrize("name, command", [("sizes", "LIST"), ("uids", "UIDL")])
def test_refused(name, command):
    steps = (C(command), S("-ERR no"), C(command), Raw(b"+OK\r\n1 2\r\n"), Close())
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        with pytest.raises(error_proto) as caught:
            getattr(client, name)()
        assert caught.value.args == (b"-ERR no",)
        with pytest.raises(error_proto, match="-ERR EOF"):
            getattr(client, name)()
        client.close()


def test_lines_of_a_user():
    """Where _longcmd() is overridden, what it returns is taken."""

    class Own(POP3):
        reply = (b"+OK", (b"1 2", b"3 4"), 10)

        def _longcmd(self, line):
            return self.reply

    client = Own.__new__(Own)
    assert client.sizes() == {1: 2, 3: 4}
    assert client.uids() == {1: b"2", 3: b"4"}
    client.reply = (b"+OK", ["1 2"], 5)
    with pytest.raises(TypeError):
        client.sizes()
