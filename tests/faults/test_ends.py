"""Where a message ends, and who may say so: no octet of one comes out as another.

Two kinds of servers send what they have stored.  One ends its lines in LF and stuffs the dots of
all of them.  The other stuffs dots after CRLF only: there a mail can hold a line of one dot.
"""

import io
import re
import ssl
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scripted import C, Close, S, play

from poplib_c import POP3, error_proto

from .ahead import by_either
from .support import Call, Lines, greeted, lasts
from .tls import greeted as greeted_tls
from .tls import make_context

FORGERY = (
    b"Subject: 1\r\n\r\nfirst\n.\n+OK\nSubject: FORGED as number 2\n\npay\n.\n"
    b"+OK\r\nSubject: FORGED as number 3\r\n\r\npay more\r\n"
)
#: Forgeries by each line that poplib takes for an end, but one.
FORGERIES = [FORGERY.replace(b"\n.\n", end) for end in (b"\n.\n", b"\n.\r\n", b"\n\r.\n")]
MESSAGES = [FORGERY, b"Subject: 2\r\n\r\ntwo\r\n", b"Subject: 3\r\n\r\nthree\r\n"]
STORED = [message.replace(b"\r\n", b"\n") for message in MESSAGES[1:]]


def after_crlf(message):
    """As sent by a server that stuffs dots after CRLF only."""
    end = b"" if message.endswith(b"\r\n") else b"\r\n"
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed + end, message + end


def after_lf(message):
    """As sent by a server that stuffs the dots of all lines, and ends its own in LF."""
    end = b"" if message.endswith(b"\n") else b"\n"
    stuffed = (b"\n" + message).replace(b"\n.", b"\n..")[1:]
    return stuffed + end, message + end


class Maildrop(Lines):
    """A server that has these messages; its status lines end in CRLF."""

    def __init__(self, messages, rule, announces=True, cuts=()):
        super().__init__(self.reply)
        self.sent, self.messages = zip(*map(rule, messages))
        self.announces = announces
        self.cuts = cuts
        self.host, self.port = self.address

    def message(self, number):
        octets = b" %d octets" % len(self.messages[number - 1]) * self.announces
        return b"+OK%s\r\n%s.\r\n" % (octets, self.sent[number - 1])

    def listing(self, value):
        rows = [b"%d %d\r\n" % (number, value) for number in range(1, len(self.sent) + 1)]
        return b"+OK\r\n" + b"".join(rows) + b".\r\n"

    def reply(self, line):
        verb, *arguments = line.split()
        if verb in (b"RETR", b"TOP"):
            return self.pieces(self.message(int(arguments[0])))
        if verb in (b"LIST", b"UIDL"):
            return self.listing(10) if not arguments else b"+OK %s 10\r\n" % arguments[0]
        if verb == b"STAT":
            return b"+OK %d 100\r\n" % len(self.sent)
        return b"+OK\r\nPIPELINING\r\n.\r\n" if verb == b"CAPA" else b"+OK\r\n"

    def pieces(self, reply):
        edges = [0, *sorted(cut % len(reply) for cut in self.cuts), len(reply)]
        for start, end in zip(edges, edges[1:]):
            time.sleep(0.001)
            yield reply[start:end]


def without_stuffing(data):
    """A dot after a bare LF, or LF CR, may or may not be a stuffed one: nobody can tell."""
    return re.sub(rb"(^|\n\r?)\.\.", rb"\1.", data)


def text_of(line):
    """What poplib makes of a line."""
    if line[-2:] == b"\r\n":
        return line[:-2]
    return line[1:-1] if line[:1] == b"\r" else line[:-1]


def lines_of(data):
    return [text_of(line + b"\n") for line in data.split(b"\n")[:-1]]


# --- all the calls --------------------------------------------------------------------------


def into(client, number):
    file = io.BytesIO()
    client.retr_into(number, file)
    return file.getvalue()


def alone(call):
    return lambda client, count: ((n, call(client, n)) for n in range(1, count + 1))


def iterator(method, *arguments, **options):
    return lambda client, count: getattr(client, method)(
        range(1, count + 1), *arguments, **options
    )


ALONE = {
    "retr_bytes": alone(lambda client, number: client.retr_bytes(number)),
    "top_bytes": alone(lambda client, number: client.top_bytes(number, 99)),
    "retr_into": alone(into),
    "retr_many": iterator("retr_many"),
    "retr_many, lines": iterator("retr_many", lines=True),
    "top_many": iterator("top_many", 99),
}
AHEAD = {
    "retr_many": iterator("retr_many"),
    "a small window": iterator("retr_many", window=2),
    "lines": iterator("retr_many", lines=True),
    "top_many": iterator("top_many", 99),
    "read_ahead": alone(lambda client, number: client.retr_bytes(number)),
    "read_ahead, lines": alone(lambda client, number: client.retr(number)),
}


def fetched(maildrop, cls, calls, name, **options):
    """What a call gives, in order, and the exception that ends it, or None.

    The first message of a loop is fetched by poplib's own retr(), even with read_ahead.
    """
    if "read_ahead" in name:
        options["read_ahead"] = 10
    messages, error = [], None
    client = greeted(maildrop, cls, **options)
    client.stat()
    try:
        for number, message in calls[name](client, len(maildrop.messages)):
            if isinstance(message, Exception):
                raise message
            messages.append((number, message))
    except error_proto as exception:
        error = exception
    client.close()
    return messages, error


def check_right(maildrop, messages):
    """Each is the one that was asked for."""
    for number, message in messages:
        expected = maildrop.messages[number - 1]
        if isinstance(message, tuple):
            message, expected = b"\n".join(message[1]), b"\n".join(lines_of(expected))
        assert without_stuffing(message) == without_stuffing(expected)


by_alone = pytest.mark.parametrize("name", ALONE)
by_ahead = pytest.mark.parametrize("name", AHEAD)
by_announcement = pytest.mark.parametrize("announces", [True, False])


@by_either
@by_alone
@by_announcement
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_alone_comes_whole(cls, name, announces, forgery):
    with Maildrop([forgery, *MESSAGES[1:]], after_crlf, announces) as maildrop:
        messages, error = fetched(maildrop, cls, ALONE, name, pipelining=False)
        assert error is None and len(messages) == 3
        check_right(maildrop, messages)


@by_either
@by_ahead
@by_announcement
@pytest.mark.parametrize("place", [0, 1])
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
        assert "fetch that message alone, with pipelining=False" in str(error)
        assert f"message {place + 2} " in str(error)


@by_either
@by_ahead
def test_a_forgery_that_comes_last_is_no_error(cls, name):
    with Maildrop([*MESSAGES[1:], FORGERY], after_crlf) as maildrop:
        messages, error = fetched(maildrop, cls, AHEAD, name, pipelining=True)
        assert error is None and len(messages) == 3
        check_right(maildrop, messages)


@by_either
@pytest.mark.parametrize("announces", [True, False])
@pytest.mark.parametrize("pipelining", [True, "auto", False])
@by_ahead
def test_messages_as_stored_in_lf(cls, name, announces, pipelining):
    """The server's own ends: found to be that, with PIPELINING as without."""
    with Maildrop([*STORED, *STORED], after_lf, announces) as maildrop:
        messages, error = fetched(maildrop, cls, AHEAD, name, pipelining=pipelining)
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


def late(reply, rest):
    """The rest of a message comes long after what looks like its end."""

    def answer(line):
        if line != b"RETR 1\r\n":
            return reply(line)
        return pieces()

    def pieces():
        yield b"+OK\r\nfirst\n.\n"
        time.sleep(0.8)
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
        maildrop.answer = late(maildrop.reply, rest)
        client = greeted(maildrop, cls)
        assert client.retr_bytes(1) == b"first\n"
        with pytest.raises(error_proto, match="out of step"):
            call(client)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


def test_octets_that_were_announced_are_waited_for_longer():
    with Maildrop([b"first\n.\n+OK\r\n"], after_crlf) as maildrop:
        whole = maildrop.message(1)
        cut = whole.index(b"+OK\r\n.")

        def answer(line):
            yield whole[:cut]
            time.sleep(0.5)
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


@by_ahead
@pytest.mark.parametrize("length", [65535, 65536, 65537, 131072])
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
