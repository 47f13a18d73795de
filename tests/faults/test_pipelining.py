"""Commands sent ahead of replies: order, errors, what comes in between."""

import socket
import threading
from operator import length_hint

import pytest
from scripted import EACH, Await, C, Raw, S, play

from poplib_c import POP3, error_proto

from .ahead import (
    DONE,
    REFUSED,
    answered,
    by_either,
    greeted,
    message,
    pairs,
    proved,
    replies,
    retr,
)
from .support import TIMEOUT, ByMethods, Lines, OwnSocket


@by_either
@pytest.mark.parametrize("cut", [(), EACH])
def test_all_commands_come_before_the_first_reply(cls, cut):
    data = b"".join(b"+OK\r\n..%d\r\n.\r\n" % number for number in (3, 1, 2))
    with play(S("+OK ready"), *retr(3, 1, 2), Raw(data, cut), *DONE) as server:
        client = greeted(server, cls)
        assert list(client.retr_many([3, 1, 2])) == [(n, b".%d\r\n" % n) for n in (3, 1, 2)]
        assert client.noop() == b"+OK done"
        client.close()


@by_either
def test_kinds_of_replies(cls):
    steps = [*retr(1, 2), *replies(1, 2), C("TOP 2 5"), C("TOP 1 5"), *replies(2, 1)]
    steps += [*proved(1, 2), C("DELE 1"), C("DELE 2"), S("+OK gone", "+OK gone too")]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, cls)
        lines = [(n, (b"+OK", [b"%d" % n], 3)) for n in (1, 2)]
        assert list(client.retr_many(iter([1, 2]), lines=True)) == lines
        assert list(client.top_many(["2", 1], 5)) == [("2", b"2\r\n"), (1, b"1\r\n")]
        assert list(client.dele_many((1, 2))) == [(1, b"+OK gone"), (2, b"+OK gone too")]
        assert client.noop() == b"+OK done"
        client.close()


def test_nothing_to_do():
    with play(S("+OK ready"), *DONE) as server:
        client = greeted(server, pipelining="auto")
        assert list(client.retr_many([])) == []
        iterator = client.dele_many(iter(()))
        assert next(iterator, None) is next(iterator, None) is None
        assert client.noop() == b"+OK done"
        client.close()


def test_numbers_without_end():
    """No more than 65535 are taken ahead, whatever the window is."""
    taken = []

    def numbers():
        for number in range(1, 65537):
            taken.append(number)
            yield number
        pytest.fail("too many")

    with Lines(answered) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=True)
        iterator = client.retr_many(numbers(), window=2**62)
        assert next(iterator) == (1, b"")
        assert len(taken) == 65535
        client.close()


def test_window():
    """Never more commands on their way, and more of them once half of it is free."""
    steps = [*retr(1, 2, 3, 4), *replies(1, 2), *retr(5, 6), *replies(3, 4)]
    steps += [*retr(7), *replies(5, 6, 7)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server)
        pulled = []
        numbers = (pulled.append(n) or n for n in range(1, 8))
        iterator = client.retr_many(numbers, window=4)
        assert pulled == []
        assert next(iterator) == (1, b"1\r\n")
        assert pulled == [1, 2, 3, 4]
        assert list(iterator) == pairs(2, 3, 4, 5, 6, 7)
        assert client.noop() == b"+OK done"
        client.close()


def test_commands_are_sent_together():
    """A few calls for many commands."""
    sizes = []
    numbers = range(1, 65)
    steps = [*retr(*numbers), *replies(*numbers)]

    class Counted(socket.socket):
        def sendall(self, data):
            sizes.append(len(data))
            super().sendall(data)

    class Counting(POP3):
        def _create_socket(self, timeout):
            sock = Counted()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, Counting)
        assert list(client.retr_many(numbers)) == pairs(*numbers)
        client.close()
    assert len(sizes) <= 3


# --- errors ---------------------------------------------------------------------------------


@by_either
@pytest.mark.parametrize("pipelining", [True, False])
def test_refusal_is_that_number_s(cls, pipelining):
    steps = [*retr(1, 9, 2), *replies(1), REFUSED, *replies(2)]
    if not pipelining:
        steps = [*retr(1), *replies(1), *retr(9), REFUSED, *retr(2), *replies(2)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, cls, pipelining=pipelining)
        iterator = client.retr_many([1, 9, 2])
        assert next(iterator) == (1, b"1\r\n")
        with pytest.raises(error_proto) as caught:
            next(iterator)
        assert caught.value.args == (b"-ERR no such message",)
        assert list(iterator) == pairs(2)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_errors_returned(pipelining):
    with Lines(lambda line: b"-ERR %s" % line) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        for method in (client.retr_many, client.dele_many):
            numbers, answers = zip(*method([1, 2, 3], errors="return"))
            assert numbers == (1, 2, 3)
            assert all(type(answer) is error_proto for answer in answers)
            assert b" 2" in answers[1].args[0]
        client.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_control_characters_are_that_number_s(pipelining):
    with Lines(lambda line: b"+OK\r\n.\r\n") as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        iterator = client.retr_many([1, "2\r\nDELE 2", 3], errors="return")
        assert next(iterator) == (1, b"")
        with pytest.raises(ValueError, match="Control"):
            next(iterator)
        assert list(iterator) == [(3, b"")]
        client.close()
    assert server.received == [b"RETR 1\r\n", b"RETR 3\r\n"]


@by_either
def test_too_large_a_message_is_that_number_s(cls):
    steps = [*retr(1, 2, 3), *replies(1), message(100 * b"x" + b"\r\n"), *replies(3)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, cls, max_size=50)
        (one, two, three) = client.retr_many([1, 2, 3], errors="return")
        assert [one, three] == pairs(1, 3)
        assert two[1].args == ("reply larger than 50 octets",)
        assert client.noop() == b"+OK done"
        client.close()


class Failure(Exception):
    pass


def failing(*numbers, error=Failure):
    yield from numbers
    raise error


@pytest.mark.parametrize("pipelining", [True, False])
def test_numbers_that_raise_do_so_at_their_turn(pipelining):
    with Lines(lambda line: b"+OK\r\n.\r\n") as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        iterator = client.retr_many(failing(1, 2))
        assert [next(iterator), next(iterator)] == [(1, b""), (2, b"")]
        with pytest.raises(Failure):
            next(iterator)
        assert list(iterator) == []
        with pytest.raises(KeyboardInterrupt):
            list(client.retr_many(failing(1, error=KeyboardInterrupt)))
        client.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"window": 0},
        {"window": -1},
        {"window": "2"},
        {"window": 2**80},
        {"errors": "ignore"},
        {"errors": None},
        {"numbers": 5},
        {"other": 1},
    ],
)
def test_wrong_arguments(arguments):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises((TypeError, ValueError, OverflowError)):
            client.retr_many(**{"numbers": [1], **arguments})
        client.close()


@pytest.mark.parametrize("numbers", ["12", "", b"12", bytearray(b"12"), memoryview(b"12")])
@pytest.mark.parametrize("name, more", [("retr_many", ()), ("top_many", (1,)), ("dele_many", ())])
def test_text_and_octets_are_no_iterable_of_numbers(numbers, name, more):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(TypeError, match="must be an iterable of message numbers, not "):
            getattr(client, name)(numbers, *more)
        client.close()


def test_iterators_are_made_by_connections():
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(TypeError, match="cannot create"):
            type(client.retr_many([]))()
        client.close()


@pytest.mark.parametrize("value", [1, 0, None, "on", b"auto"])
def test_wrong_option(value):
    with play(S("+OK ready")) as server:
        client = greeted(server)
        with pytest.raises(ValueError, match="pipelining must be"):
            client.set_options(pipelining=value)
        client.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_how_many_are_left(pipelining):
    def without_length():
        yield from (1, 2)

    with Lines(answered) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        for iterator in (
            client.retr_many({1: 0, 2: 0, 3: 0}, delete=True),
            client.top_many([1, 2, 3], 0, window=1),
            client.dele_many(iter(range(3))),
        ):
            assert length_hint(iterator) == 3
            assert [length_hint(iterator, -1) for _ in iterator] == [2, 1, 0]
        iterator = client.retr_many(without_length())
        assert length_hint(iterator, -1) == -1
        next(iterator)
        iterator.close()
        assert length_hint(iterator, -1) == 0
        client.close()


# --- deletion -------------------------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
def test_delete_what_the_caller_came_back_from(pipelining):
    with Lines(answered) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        for number, _ in client.retr_many(range(1, 9), delete=True, window=4):
            if number == 5:
                break
        client.noop()
        deleted = [line for line in server.received if line.startswith(b"DELE")]
        assert deleted == [b"DELE %d\r\n" % n for n in range(1, 5)]
        del server.received[:]
        assert len(list(client.retr_many(range(1, 9), delete=True))) == 8
        deleted = [line for line in server.received if line.startswith(b"DELE")]
        assert deleted == [b"DELE %d\r\n" % n for n in range(1, 9)]
        client.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_refused_deletion(pipelining):
    def answer(line):
        return b"-ERR read-only\r\n" if line.startswith(b"DELE") else answered(line)

    with Lines(answer) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)
        iterator = client.retr_many([1], delete=True)
        assert next(iterator) == (1, b"")
        with pytest.raises(error_proto, match="read-only"):
            next(iterator)
        assert list(iterator) == []
        results = list(client.retr_many([1, 2], delete=True, errors="return"))
        assert sorted(number for number, _ in results) == [1, 1, 2, 2]
        client.close()


# --- other commands, other iterators --------------------------------------------------------


@by_either
def test_another_command_in_between(cls):
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *DONE, C("STAT"), S("+OK 3 9")]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, cls)
        iterator = client.retr_many([1, 2, 3])
        assert next(iterator) == (1, b"1\r\n")
        assert client.noop() == b"+OK done"
        assert next(iterator) == (2, b"2\r\n")
        assert client.stat() == (3, 9)
        assert list(iterator) == pairs(3)
        client.close()


@by_either
def test_private_methods_in_between(cls):
    steps = [*retr(1, 2), *replies(1, 2), *DONE]
    for by_hand in (
        lambda client: (client._putcmd("NOOP"), client._getresp()),
        lambda client: (client._putline(b"NOOP"), client._getline()[0]),
        lambda client: (None, client._shortcmd("NOOP")),
    ):
        with play(S("+OK ready"), *steps) as server:
            client = greeted(server, cls)
            iterator = client.retr_many([1, 2])
            assert next(iterator) == (1, b"1\r\n")
            assert by_hand(client)[1] == b"+OK done"
            assert list(iterator) == pairs(2)
            client.close()


def test_reading_by_hand_is_refused():
    refused = threading.Event()
    steps = [*retr(1, 2), *replies(1), Await(refused), *replies(2)]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        assert next(iterator) == (1, b"1\r\n")
        for read in (client.file.readline, client.file.read1, client.file.peek):
            with pytest.raises(RuntimeError, match="1 replies to commands that were sent ahead"):
                read()
        refused.set()
        assert list(iterator) == pairs(2)
        client.close()


def test_unanswered_command_comes_first():
    with play(S("+OK ready"), C("NOOP"), S("+OK done"), *retr(1), *replies(1)) as server:
        client = greeted(server)
        client._putcmd("NOOP")
        with pytest.raises(error_proto, match="not read"):
            next(client.retr_many([1]))
        assert client._getresp() == b"+OK done"
        assert list(client.retr_many([1])) == pairs(1)
        client.close()


@by_either
def test_two_iterators(cls):
    steps = [*retr(1, 2, 3), *replies(1), C("TOP 1 0"), C("TOP 2 0"), *replies(2, 3, 11, 12)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, cls)
        whole, top = client.retr_many([1, 2, 3]), client.top_many([1, 2], 0)
        assert next(whole) == (1, b"1\r\n")
        assert next(top) == (1, b"11\r\n")
        assert next(whole) == (2, b"2\r\n")
        assert next(top) == (2, b"12\r\n")
        assert list(top) == []
        assert list(whole) == pairs(3)
        assert client.noop() == b"+OK done"
        client.close()


def test_line_that_has_no_room_behind_another_iterator_s():
    with Lines(lambda line: b"+OK\r\n.\r\n") as server:
        client = ByMethods(*server.address, timeout=TIMEOUT, pipelining=True)
        other = client.retr_many(range(1, 41), window=40)
        assert next(other) == (1, b"")
        assert [number for number, _ in client.top_many([1, 2], 1000 * "0")] == [1, 2]
        assert [number for number, _ in other] == list(range(2, 41))
        client.close()


class MeasuredSocket(OwnSocket):
    longest = 0

    def sendall(self, data):
        self.longest = max(self.longest, len(data))
        super().sendall(data)


class Measured(ByMethods):
    sock_class = MeasuredSocket


def test_deletions_of_messages_that_were_kept():
    with Lines(answered) as server:
        client = Measured(*server.address, timeout=TIMEOUT, pipelining=True)
        asked = range(1, 801)
        for number, _ in client.retr_many(asked, window=len(asked), delete=True):
            if number <= 10:
                client.noop()
        deleted = [line for line in server.received if line.startswith(b"DELE")]
        assert deleted == [b"DELE %d\r\n" % number for number in asked]
        assert client.sock.longest <= 1024
        client.close()


@pytest.mark.parametrize("pipelining", [True, False])
def test_numbers_that_use_the_connection(pipelining):
    with Lines(lambda line: b"+OK " + line + b".\r\n" * line.startswith(b"RETR")) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=pipelining)

        def numbers():
            for number in range(1, 6):
                assert client._shortcmd(f"LIST {number}") == b"+OK LIST %d" % number
                yield number

        found = [number for number, _ in client.retr_many(numbers(), window=3)]
        assert found == [1, 2, 3, 4, 5]
        client.close()


def test_numbers_that_use_the_iterator():
    with Lines(lambda line: b"+OK\r\n.\r\n") as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=True)

        def numbers():
            for use in (iterator.__next__, iterator.close):
                with pytest.raises(ValueError, match="already executing"):
                    use()
            yield 1

        iterator = client.retr_many(numbers())
        assert list(iterator) == [(1, b"")]
        client.close()
