"""Iterations that are left early, streams that end, and commands that go one by one."""

import gc
import io
import socket
import sys

import pytest
from scripted import Close, Pause, Raw, Reset, S, play

from poplib_c import POP3, error_proto
from poplib_c.testing import POP3Server

from .ahead import DONE, REFUSED, by_either, greeted, message, pairs, replies, retr
from .support import TIMEOUT, ByCommands, ByFile, ByLines, ByPutline, Endless

# --- what is left behind --------------------------------------------------------------------


def close(iterator):
    iterator.close()
    assert list(iterator) == []
    return iterator


def collect(iterator):
    cycle = [iterator]
    cycle.append(cycle)
    del cycle, iterator
    gc.collect()


def keep(iterator):
    return iterator


@by_either
@pytest.mark.parametrize("leave", [close, lambda iterator: None, collect, keep])
@pytest.mark.parametrize("arguments", [{}, {"lines": True}])
def test_leaving_early(cls, leave, arguments):
    steps = [*retr(1, 2, 3), *replies(1), REFUSED, message(5000 * b"x\r\n"), *DONE]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server, cls)
        iterator = client.retr_many([1, 2, 3], **arguments)
        assert next(iterator)[0] == 1
        kept = leave(iterator)
        del iterator
        assert client.noop() == b"+OK done"
        del kept
        client.close()


def test_nobody_keeps_what_was_left():
    with play(S("+OK ready"), *retr(1, 2), *replies(1, 2), *DONE) as server:
        client = greeted(server)
        before = sys.getrefcount(client)
        iterator = client.retr_many([1, 2])
        next(iterator)
        assert sys.getrefcount(client) == before + 1
        del iterator
        assert sys.getrefcount(client) == before
        client.noop()
        client.close()


def test_a_new_iteration_after_one_that_was_left():
    steps = [*retr(1, 2, 3), *replies(1), *retr(1, 2), *replies(2, 3, 11, 12)]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        for number, _ in client.retr_many([1, 2, 3]):
            assert number == 1
            break
        assert list(client.retr_many([1, 2])) == [(1, b"11\r\n"), (2, b"12\r\n")]
        client.close()


def test_closed_connection():
    with play(S("+OK ready"), *retr(1, 2), *replies(1)) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        next(iterator)
        client.close()
        with pytest.raises(AttributeError, match="closed"):
            next(iterator)
        assert list(iterator) == []
        with pytest.raises(AttributeError, match="closed"):
            next(client.retr_many([1, 2]))


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("begun", [True, False])
def test_closed_file_is_no_number_s(pipelining, begun):
    with play(S("+OK ready"), *retr(1), *replies(1)) as server:
        client = greeted(server, pipelining=pipelining)
        iterator = client.retr_many([1, 2, 3], window=1)
        if begun:
            assert next(iterator) == pairs(1)[0]
        else:
            assert client.retr_bytes(1) == b"1\r\n"
        client.file.close()
        with pytest.raises(ValueError, match="closed file"):
            next(iterator)
        assert list(iterator) == []
        client.close()


def test_another_file_in_the_middle():
    with play(S("+OK ready"), *retr(1, 2), *replies(1)) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        next(iterator)
        file, client.file = client.file, client.sock.makefile("rb")
        with pytest.raises(error_proto, match="another file has taken the place"):
            next(iterator)
        client.file.close()
        client.file = file
        client.close()


class ByProperty(POP3):
    """`.file` uses the connection, the next time it is asked for behind `skipped` others."""

    skipped = None
    other = None

    @property
    def file(self):
        if self.skipped == 0:
            self.skipped = None
            self.noop()
            return self.other or vars(self)["file"]
        if self.skipped is not None:
            self.skipped -= 1
        return vars(self)["file"]

    @file.setter
    def file(self, file):
        vars(self)["file"] = file


@pytest.mark.parametrize("skipped", range(4))
@pytest.mark.parametrize("other", [None, io.BytesIO()])
def test_answers_that_are_received_where_the_file_is_asked_for(skipped, other):
    with POP3Server([b"1", b"2", b"3", b"4"]) as server:
        client = ByProperty(*server.address, timeout=TIMEOUT, pipelining=True)
        client.user("alice"), client.pass_("secret")
        iterator = client.retr_many([1, 2, 3, 4], window=2)
        first = next(iterator)
        client.other = other
        client.skipped = skipped
        try:
            rest = list(iterator)
        except error_proto:
            assert other is not None
        else:
            assert [number for number, _ in [first, *rest]] == [1, 2, 3, 4]
        client.skipped = None
        client.quit()


ENDLESS = Endless(64 * 1024 * b"x" + b"\r\n", 64 * 1024 * 1024)

# --- ends of the stream ---------------------------------------------------------------------


WIRE = b"".join(b"+OK\r\n%d\r\n.\r\n" % number for number in (1, 2, 3))


@pytest.mark.parametrize("length", range(len(WIRE)))
def test_end_at_every_point_of_a_batch(length):
    whole = length // (len(WIRE) // 3)
    with play(S("+OK ready"), *retr(1, 2, 3), Raw(WIRE[:length]), Close()) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2, 3])
        for number in range(1, whole + 1):
            assert next(iterator) == (number, b"%d\r\n" % number)
        with pytest.raises(error_proto) as caught:
            next(iterator)
        assert str(caught.value) == (
            f"-ERR EOF: {whole} of 3 commands sent ahead were answered; "
            "pipelining=False sends one at a time"
        )
        assert list(iterator) == []
        with pytest.raises(error_proto, match="EOF"):
            client.quit()


@by_either
def test_silence(cls):
    with play(S("+OK ready"), *retr(1, 2, 3), *replies(1, 2), Pause(0.4)) as server:
        client = greeted(server, cls, timeout=0.1)
        iterator = client.retr_many([1, 2, 3])
        assert [next(iterator), next(iterator)] == pairs(1, 2)
        with pytest.raises(socket.timeout, match="2 of 3 commands sent ahead were answered"):
            next(iterator)
        with pytest.raises(OSError, match="cannot read from timed out object"):
            client.noop()
        client.close()


def test_end_while_another_command_waits():
    with play(S("+OK ready"), *retr(1, 2), *replies(1), Close()) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        assert next(iterator) == (1, b"1\r\n")
        with pytest.raises(error_proto, match="1 of 2 commands sent ahead"):
            client.noop()
        client.close()


@pytest.mark.parametrize("end", [Close(), Reset()])
@pytest.mark.parametrize("lines", [False, True])
def test_answers_that_are_held_come_before_the_error(end, lines):
    """Also where the next ones can't be asked for any more."""
    steps = [*retr(1, 2, 3, 4), Raw(b"".join(step.data for step in replies(1, 2, 3, 4))), *DONE]
    with play(S("+OK ready"), *steps, end) as server:
        client = greeted(server)
        iterator = client.retr_many(range(1, 9), window=4, lines=lines)
        assert next(iterator)[0] == 1
        client.noop()
        found = []
        with pytest.raises((error_proto, OSError)):
            for number, _ in iterator:
                found.append(number)
        assert found == [2, 3, 4]
        assert list(iterator) == []
        client.close()


def test_held_answers_behind_a_close():
    with play(S("+OK ready"), *retr(1, 2, 3, 4), *replies(1, 2, 3, 4), *DONE) as server:
        client = greeted(server)
        iterator = client.retr_many(range(1, 9), window=4)
        assert next(iterator) == (1, b"1\r\n")
        client.noop()
        client.close()
        assert [next(iterator) for _ in range(3)] == pairs(2, 3, 4)
        with pytest.raises(AttributeError, match="closed"):
            next(iterator)
        assert list(iterator) == []


def test_an_endless_message_that_was_left():
    """What nobody waits for is dropped, but not for ever: then the text says what to do."""
    with play(S("+OK ready"), *retr(1, 2), *replies(1), S("+OK"), ENDLESS) as server:
        client = greeted(server)
        for _ in client.retr_many([1, 2]):
            break
        with pytest.raises(error_proto, match=r"nobody waits for any more.*make another one"):
            client.noop()
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


def test_reading_by_hand_behind_the_end():
    with play(S("+OK ready"), *retr(1, 2), *replies(1), Close()) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        assert next(iterator) == (1, b"1\r\n")
        with pytest.raises(error_proto, match="EOF"):
            next(iterator)
        assert client.file.readline() == b""
        client.close()


def test_more_replies_than_commands():
    """Some of the messages may be others: the iteration itself says so."""
    with play(S("+OK ready"), *retr(1, 2), Raw(WIRE)) as server:
        client = greeted(server)
        iterator = client.retr_many([1, 2])
        assert [next(iterator), next(iterator)] == pairs(1, 2)
        with pytest.raises(error_proto, match="nobody asked for"):
            next(iterator)
        with pytest.raises(error_proto, match="nobody asked for"):
            client.noop()
        client.close()


# --- one by one -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cls, lines",
    [
        (ByCommands, False),
        (ByPutline, False),
        (ByCommands, True),
        (ByLines, True),
        (ByFile, True),
    ],
)
def test_through_what_is_overridden(cls, lines):
    steps = [*retr(1), *replies(1), *retr(2), *replies(2)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, cls)
        assert [n for n, _ in client.retr_many([1, 2], lines=lines)] == [1, 2]
        assert client.noop() == b"+OK done"
        client.close()


def test_set_options_in_the_middle():
    steps = [*retr(1, 2), *replies(1, 2), *retr(3), *replies(3), *retr(4), *replies(4)]
    steps += [*retr(5), *replies(5), *retr(6, 7), *replies(6, 7)]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        iterator = client.retr_many(range(1, 8), window=2)
        assert next(iterator) == (1, b"1\r\n")
        client.set_options(pipelining=False)
        assert [next(iterator) for _ in range(3)] == pairs(2, 3, 4)
        client.set_options(pipelining=True)
        assert list(iterator) == pairs(5, 6, 7)
        client.close()


def test_debug_output_and_audit_events(capsys):
    with play(S("+OK ready"), *retr(1, 2), *replies(1, 2)) as server:
        client = greeted(server)
        client.set_debuglevel(2)
        assert list(client.retr_many([1, 2])) == pairs(1, 2)
        client.close()
    assert capsys.readouterr().out == (
        "*cmd* 'RETR 1'\n*put* b'RETR 1'\n*cmd* 'RETR 2'\n*put* b'RETR 2'\n"
        "*resp* b'+OK'\n*resp* b'+OK'\n"
    )
