"""Where a message ends, and who may say so: no octet of one comes out as another.

forgeries.py has the messages and the servers.
"""

import importlib.util
import io
import itertools
import socket
import ssl
import threading
import time

import pytest
from forgeries import FORGERIES, FORGERY, MESSAGES, STORED, Maildrop, after_crlf, after_lf
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import C, Close, S, play

from poplib_c import POP3, Reader, error_proto

from .ahead import by_either
from .ends import AHEAD, ALONE, by_ahead, by_alone, check_right, fetched, lines_of
from .support import (
    GREETING,
    TIMEOUT,
    ByFile,
    ByMethods,
    Call,
    Script,
    connect,
    greeted,
    lasts,
    run_program,
    tcp_pair,
)
from .tls import greeted as greeted_tls
from .tls import make_context

by_announcement = pytest.mark.parametrize("announces", [True, False])


@pytest.mark.parametrize(
    "cls, name, announces, forgery",
    [
        *itertools.product([POP3, ByMethods], ["retr_bytes"], [True, False], FORGERIES),
        *itertools.product([POP3, ByMethods], [*ALONE][1:], [False], [FORGERY]),
    ],
)
def test_a_forgery_alone_comes_whole(cls, name, announces, forgery):
    with Maildrop([forgery, *MESSAGES[1:]], after_crlf, announces) as maildrop:
        messages, error = fetched(maildrop, cls, ALONE, name, pipelining=False)
        assert error is None and len(messages) == 3
        check_right(maildrop, messages)


@pytest.mark.parametrize(
    "cls, name, announces, place",
    [
        *itertools.product([POP3, ByMethods], ["retr_many"], [True, False], [0, 1]),
        *itertools.product([POP3, ByMethods], [*AHEAD][1:], [False], [1]),
    ],
)
def test_a_forgery_with_commands_ahead_is_an_error(cls, name, announces, place):
    """The error names the message; those before it were given."""
    drop = [*MESSAGES[1:]]
    drop.insert(place, FORGERY)
    drop.insert(0, b"zero\r\n")  # which read_ahead asks for alone
    with Maildrop(drop, after_crlf, announces) as maildrop:
        messages, error = fetched(maildrop, cls, AHEAD, name, pipelining=True)
        check_right(maildrop, messages)
        assert len(messages) == place + 1
        assert error.number == place + 2
        assert "fetch that message alone, by retr_bytes() or top_bytes()" in str(error)
        assert f"message {place + 2} " in str(error)


@by_either
@by_ahead
def test_a_forgery_that_comes_last_is_no_error(cls, name):
    with Maildrop([*MESSAGES[1:], FORGERY], after_crlf) as maildrop:
        messages, error = fetched(maildrop, cls, AHEAD, name, pipelining=True)
        assert error is None and len(messages) == 3
        check_right(maildrop, messages)


@by_announcement
@pytest.mark.parametrize("pipelining", ["auto", False])
@by_ahead
def test_messages_as_stored_in_lf(name, announces, pipelining):
    """The server's own ends: found to be that, with PIPELINING as without."""
    with Maildrop([*STORED, *STORED], after_lf, announces) as maildrop:
        messages, error = fetched(maildrop, POP3, AHEAD, name, pipelining=pipelining)
        assert error is None and len(messages) == 4
        check_right(maildrop, messages)


def test_an_end_of_which_the_server_announces_the_octets_costs_no_wait():
    with Maildrop(STORED * 100, after_lf) as maildrop:
        with lasts(0):
            messages, _ = fetched(maildrop, POP3, ALONE, "retr_bytes", pipelining=False)
        check_right(maildrop, messages)


def test_deletions_are_not_sent_among_ends_that_are_uncertain():
    with Maildrop(STORED * 4, after_lf) as maildrop:
        client = greeted(maildrop, pipelining=True)
        numbers = [number for number, _ in client.retr_many(range(1, 9), delete=True)]
        client.quit()
        assert numbers == list(range(1, 9))
        assert [line for line in maildrop.received if b"DELE" in line] == [
            b"DELE %d\r\n" % number for number in numbers
        ]


@pytest.mark.parametrize("end", [b"\n", b"\n\r"])
@by_ahead
def test_a_server_that_ends_all_lines_so_is_certain(name, end):
    with Maildrop(STORED, after_lf) as maildrop:
        reply = maildrop.reply
        maildrop.answer = (
            lambda line: b"".join(reply(line)).replace(b"\r\n", b"\n").replace(b"\n", end)
            if line[:4] in (b"RETR", b"TOP ")
            else reply(line)
        )
        messages, error = fetched(maildrop, POP3, AHEAD, name, pipelining=True)
        assert error is None
        assert [number for number, _ in messages] == [1, 2]
        for number, message in messages:
            expected = maildrop.messages[number - 1]
            if isinstance(message, tuple):
                assert message[1] == lines_of(expected)
            else:
                assert message.replace(b"\r", b"") == expected


# --- what is late ---------------------------------------------------------------------------


def late(reply, rest, returned):
    """The rest of a message comes when what looks like its end was taken for that."""

    def answer(line):
        if line != b"RETR 1\r\n":
            return reply(line)
        return pieces()

    def pieces():
        yield b"+OK\r\nfirst\n.\n"
        assert returned.wait(TIMEOUT)
        yield rest

    return answer


NEXT = {
    "retr_bytes": lambda client: client.retr_bytes(2),
    "retr_into": lambda client: client.retr_into(2, io.BytesIO()),
    "retr_many": lambda client: list(client.retr_many([2, 3])),
    "lines": lambda client: list(client.retr_many([2], lines=True)),
    "sizes": lambda client: client.sizes(),
    "uids": lambda client: client.uids(),
}


@by_either
@pytest.mark.parametrize("call", NEXT.values(), ids=NEXT)
def test_the_rest_of_a_message_that_comes_late_is_no_reply(cls, call):
    rest = b"+OK\r\n2 66\r\nSubject: FORGED\r\n.\r\n"
    with Maildrop(MESSAGES, after_crlf) as maildrop:
        returned = threading.Event()
        maildrop.answer = late(maildrop.reply, rest, returned)
        client = greeted(maildrop, cls)
        assert client.retr_bytes(1) == b"first\n"
        returned.set()
        with pytest.raises(error_proto, match="out of step"):
            call(client)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


@pytest.mark.parametrize("error", [socket.timeout, BlockingIOError, ssl.SSLWantReadError])
def test_a_timeout_that_is_shorter_than_the_pause(wired, error):
    """That nothing comes is what is waited for, whatever a socket's method says of it."""
    client, _ = wired(sock_class=Script)
    answers = [b"+OK 99 octets\r\nfirst\n.\n", error("nothing"), b"+OK\r\n", error("late")]

    def replace(buffer):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        buffer[: len(answer)] = answer
        return len(answer)

    client.sock.replace = replace
    assert client.retr_bytes(1) == b"first\n"
    assert client.noop() == b"+OK"
    with pytest.raises(error):
        client.noop()


class Patient:
    """A socket, as far as a Reader needs it: it waits for ever."""

    def __init__(self, sock):
        self.sock = sock
        for name in ("recv_into", "sendall", "fileno", "shutdown", "close", "_decref_socketios"):
            setattr(self, name, getattr(sock, name))

    def makefile(self, mode):
        return io.BufferedReader(socket.SocketIO(self, "r"))


def test_a_socket_without_timeouts_is_not_waited_for():
    here, there = tcp_pair()
    with here, there:
        here.settimeout(None)
        there.sendall(GREETING)
        client = connect(Patient(here))
        assert isinstance(client.file, Reader)
        call = Call(client.retr_bytes, 1)
        there.sendall(b"+OK\r\nfirst\n.\n")
        call.join(TIMEOUT)
        there.shutdown(socket.SHUT_RDWR)
        assert call.end() == b"first\n"
        client.close()


UNREAD = """
    import os, socket
    from faults.support import connect
    from faults.walk import Memory
    from poplib_c import error_proto

    failures = Memory()
    deletions = 0

    def answer(line):
        global deletions
        if line == b"LIST\\r\\n":
            return b"+OK\\r\\n1 9\\n.\\n"
        if line != b"NOOP\\r\\n":
            deletions += 1
            return b"+OK false\\r\\n+OK true\\r\\n"
        return b"+OK %d\\r\\n" % deletions

    def serve(peer):
        peer.sendall(b"+OK ready\\r\\n")
        for line in peer.makefile("rb"):
            peer.sendall(answer(line))

    def run(number):
        here, there = socket.socketpair()
        child = os.fork()
        if child == 0:
            here.close()
            serve(there)
            os._exit(0)
        there.close()
        client = connect(here, pipelining=True)
        client.list()
        failures.begin(None, number)
        try:
            list(client.dele_many([1, 2]))
        except (MemoryError, error_proto) as error:
            hit = failures.end()
        try:
            assert client.noop() == b"+OK 0"
        except error_proto as error:
            assert "out of step" in str(error)
        client.close()
        os.waitpid(child, 0)
        return hit

    number = 0
    while run(number):
        number += 1
    print(number)
"""


def test_without_memory_for_what_follows_the_next_reply(unavailable):
    """After a doubtful end it is wrong, whether it can be shown or not."""
    if importlib.util.find_spec("_testcapi") is None:
        unavailable("_testcapi is missing: install the package with CPython's own tests")
    output, _ = run_program(UNREAD)
    assert int(output) > 10


def test_octets_that_were_announced_are_waited_for_longer():
    with Maildrop([b"first\n.\n+OK\r\n"], after_crlf) as maildrop:
        whole = maildrop.message(1)
        cut = whole.index(b"+OK\r\n.")

        def answer(line):
            yield whole[:cut]
            time.sleep(0.4)
            yield whole[cut:]

        maildrop.answer = answer
        client = greeted(maildrop)
        assert client.retr_bytes(1) == maildrop.messages[0]
        client.close()


def test_a_stream_that_ends_at_an_uncertain_end_is_no_whole_message():
    with play(S("+OK ready"), C("RETR 1"), S("+OK", "first\n."), Close()) as server:
        client = greeted(server)
        with pytest.raises(error_proto, match="-ERR EOF"):
            client.retr_bytes(1)
        client.close()


def test_a_file_that_is_not_ours_is_not_waited_for():
    with Maildrop([*STORED, FORGERY, b"4\r\n"], after_lf) as maildrop:
        client = greeted(maildrop, ByFile)
        assert client.retr_bytes(1) == maildrop.messages[0]
        maildrop.announces = False
        with pytest.raises(error_proto, match="a line of one dot may end the message"):
            client.retr_bytes(2)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


def test_retr_is_over_at_once_as_in_poplib():
    with Maildrop(MESSAGES, after_crlf) as maildrop:
        client = greeted(maildrop)
        assert client.retr(1)[1] == [b"Subject: 1", b"", b"first"]
        with pytest.raises(error_proto, match="out of step"):
            client.retr(2)
        client.close()


# --- any octets -----------------------------------------------------------------------------

parts = st.sampled_from(
    b"a|.|\r|\n|\r\n|.\r\n|\n.\n|\n..\n|\n.\r\n|\n\r.\n|"
    b"+OK\r\n|+OK 3 octets\n|-ERR no\r\n|\n.\r\n+OK\r\nforged\r\n".split(b"|")
)
any_octets = st.lists(parts, max_size=12).map(b"".join)
drops = st.lists(any_octets, min_size=1, max_size=4)
cuts = st.lists(st.integers(0, 200), max_size=3)
by_any = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@by_alone
@by_any
@given(drop=drops, rule=st.sampled_from([after_crlf, after_lf]), cuts=cuts)
@example(drop=[b"x\n.\r\n", b"\n.\n"], rule=after_crlf, cuts=[6])
def test_any_message_alone_is_the_real_one(name, drop, rule, cuts):
    with Maildrop(drop, rule, cuts=cuts) as maildrop:
        messages, error = fetched(maildrop, POP3, ALONE, name, pipelining=False)
        assert error is None and len(messages) == len(drop)
        check_right(maildrop, messages)


@by_ahead
@by_any
@given(drop=drops, rule=st.sampled_from([after_crlf, after_lf]), cuts=cuts)
def test_any_message_is_the_real_one_or_an_error(name, drop, rule, cuts):
    drop = [b"zero\r\n"] * ("read_ahead" in name) + drop
    with Maildrop(drop, rule, cuts=cuts) as maildrop:
        messages, error = fetched(maildrop, POP3, AHEAD, name, pipelining=True)
        check_right(maildrop, messages)
        if error is None:
            assert len(messages) == len(drop)
        else:
            assert "out of step" in str(error)


@pytest.mark.parametrize(
    "name, length",
    [
        *(("retr_many", length) for length in (65535, 65536, 65537, 131072)),
        *((name, 65536) for name in [*AHEAD][1:]),
    ],
)
def test_a_long_line_whose_end_comes_in_pieces(name, length):
    drop = [b"x" * length + b"\r\n", b"2\r\n"]
    with Maildrop(drop, after_crlf) as maildrop:
        maildrop.cuts = [maildrop.message(1).index(b"\r\n.") + 1]
        messages, error = fetched(maildrop, POP3, AHEAD, name, pipelining=True)
        assert error is None and len(messages) == 2
        check_right(maildrop, messages)


# --- over TLS -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"context": True}], ids=["ours", "context"])
def test_ends_over_tls(ca, options):
    if options:
        options = {"context": ssl._create_unverified_context()}
    with greeted_tls(make_context(ca), **options) as (client, there):
        call = Call(client.retr_bytes, 1)
        assert there.recv(99) == b"RETR 1\r\n"
        there.sendall(b"+OK\r\na\n.\n")
        there.sendall(b"+OK\r\n.\r\n")
        assert call.end() == b"a\n.\n+OK\r\n"
        call = Call(client.retr_bytes, 2)
        assert there.recv(99) == b"RETR 2\r\n"
        there.sendall(b"+OK\r\nb\n.\r\n")
        assert call.end() == b"b\n"
        call = Call(client.noop)
        assert there.recv(99) == b"NOOP\r\n"
        there.sendall(b"+OK\r\n")
        assert call.end() == b"+OK"


# --- servers that are slow, or announce something else --------------------------------------


class Slow(Maildrop):
    """A server that needs longer for each message than silence is listened to."""

    def pieces(self, reply):
        time.sleep(0.4)
        yield reply


@by_ahead
def test_a_reply_that_is_left_over_late_is_found(name):
    drop = [b"zero\r\n"] * ("read_ahead" in name) + MESSAGES
    with Slow(drop, after_crlf, announces=False) as maildrop:
        messages, error = fetched(maildrop, POP3, AHEAD, name, pipelining=True)
        check_right(maildrop, messages)
        assert error.number == len(drop) - 2


@pytest.mark.parametrize(
    "answer", [b"-ERR no\r\n", b"+OK\r\n", b"+OK 2 10\r\n", b"+OK 1 octets\r\n"]
)
def test_a_server_that_does_not_list_the_message_proves_nothing(answer):
    with Maildrop(STORED, after_lf) as maildrop:
        reply = maildrop.reply
        maildrop.answer = lambda line: answer if line == b"LIST 1\r\n" else reply(line)
        client = greeted(maildrop, pipelining=True)
        with pytest.raises(error_proto, match="may end message 1 ") as caught:
            list(client.retr_many([1, 2]))
        assert caught.value.number == 1
        client.close()


def test_what_sees_the_command_of_the_proof_can_send_no_other():
    """It runs while the answers are held. An audit hook stays until its process ends."""
    run_program("""
    import sys
    from forgeries import STORED, Maildrop, after_lf
    from poplib_c import POP3, error_proto

    seen = []

    def hook(event, arguments):
        if event == "poplib.putline" and arguments[1] == b"LIST 1":
            seen.append(arguments[1])
            try:
                arguments[0].noop()
            except error_proto as error:
                assert "out of step" in str(error)
                seen.append("refused")

    sys.addaudithook(hook)
    with Maildrop(STORED, after_lf) as maildrop:
        client = POP3(*maildrop.address, timeout=30, pipelining=True)
        assert [number for number, _ in client.retr_many([1, 2])] == [1, 2]
        assert seen == [b"LIST 1", "refused"]
        client.quit()
    """)


class Numbers(Maildrop):
    """A server whose status lines begin with the message's number."""

    def message(self, number):
        reply = super().message(number)
        return reply.replace(b"+OK", b"+OK %d" % number, 1)


def test_a_message_that_has_as_many_octets_as_its_number():
    drop = [*STORED * 3, b"123456\n.\n+OK\r\nforged\r\n"]
    with Numbers(drop, after_crlf) as maildrop:
        maildrop.cuts = [maildrop.message(7).index(b"\n.\n") + 3]
        client = greeted(maildrop)
        assert client.retr_bytes(7) == maildrop.messages[6]
        client.close()


class Fewer(Maildrop):
    """A server that announces fewer octets than it sends."""

    def message(self, number):
        octets = self.messages[number - 1].index(b"\n.\n") + 1
        return b"+OK %d octets\r\n%s.\r\n" % (octets, self.sent[number - 1])


def test_a_server_that_has_announced_too_few_octets_is_not_believed():
    drop = [b"1\r\n\n.\n\r\n", b"12\n.\n+OK\r\nforged\r\n"]
    with Fewer(drop, after_crlf) as maildrop:
        client = greeted(maildrop)
        assert client.retr_bytes(1) == maildrop.messages[0]
        maildrop.cuts = [maildrop.message(2).index(b"\n.\n") + 3]
        assert client.retr_bytes(2) == maildrop.messages[1]
        client.close()


# --- where nothing is sent ahead, or read by other means ------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
def test_the_rest_of_a_message_that_comes_late_is_no_answer_to_a_deletion(pipelining):
    with Maildrop(MESSAGES, after_crlf) as maildrop:
        returned = threading.Event()
        maildrop.answer = late(maildrop.reply, b"+OK deleted\r\n.\r\n", returned)
        client = greeted(maildrop, pipelining=pipelining)
        assert client.retr_bytes(1) == b"first\n"
        returned.set()
        with pytest.raises(error_proto, match="out of step"):
            list(client.dele_many([2], errors="return"))
        client.close()


def test_a_message_that_is_too_large_may_go_on_in_another_file():
    with Maildrop([b"large\n.\n-ERR forged\r\n"], after_crlf, announces=False) as maildrop:
        client = greeted(maildrop, max_size=3)
        client.file = client.sock.makefile("rb")
        with pytest.raises(error_proto, match="larger than 3 octets"):
            client.retr_bytes(1)
        with pytest.raises(error_proto, match="out of step"):
            client.retr_bytes(1)
        client.close()
