"""The option read_ahead: what a loop over retr() asks for next is on its way already."""

import io
import logging
import poplib
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted import C, S, play

from poplib_c import POP3, POP3_SSL, error_proto
from poplib_c.testing import POP3Server

from .ahead import (
    DONE,
    LOGIN,
    OF_THREE,
    REFUSED,
    by_either,
    dele,
    greeted,
    logged_in,
    login,
    replies,
    retr,
    stat,
    tuples,
)
from .support import (
    TIMEOUT,
    ByCommands,
    ByFile,
    ByLines,
    ByMethods,
    ByPutline,
    Lines,
    audited_lines,
)

# --- what is asked for, and when ------------------------------------------------------------


@by_either
def test_loop(cls):
    """Half of the messages are taken before the next ones are asked for, to the last one."""
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *retr(4), *replies(4)]
    steps += [*retr(5), *replies(5), *retr(6), *replies(6)]
    with play(*login(6), *steps, *DONE) as server:
        client = logged_in(server, cls, count=6)
        assert [client.retr(number) for number in range(1, 7)] == tuples(1, 2, 3, 4, 5, 6)
        assert client.noop() == b"+OK done"
        client.close()


@by_either
@pytest.mark.parametrize("method", ["retr", "retr_bytes"])
def test_from_the_second_message_in_a_row(cls, method):
    steps = [*retr(7), *replies(7), *retr(8, 9, 10), *replies(8, 9, 10), *retr(11), *replies(11)]
    with play(*LOGIN, *steps, *DONE) as server:
        client = logged_in(server, cls)
        client.set_options(read_ahead=2)
        found = [getattr(client, method)(number) for number in ("7", 8, "9")]
        whole = [b"7\r\n", b"8\r\n", b"9\r\n"]
        assert found == (whole if method == "retr_bytes" else tuples(7, 8, 9))
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("listing", ["list", "uidl", "sizes", "uids"])
def test_no_more_than_there_are(listing):
    command = {"sizes": "LIST", "uids": "UIDL"}.get(listing, listing.upper())
    steps = [C(command), S("+OK", "1 10", "2 10", "."), *retr(1, 2), *replies(1, 2)]
    with play(S("+OK ready"), *steps, *retr(3), REFUSED, *DONE) as server:
        client = greeted(server, read_ahead=9)
        getattr(client, listing)()
        assert [client.retr(number) for number in (1, 2)] == tuples(1, 2)
        with pytest.raises(error_proto, match="no such message"):
            client.retr(3)
        assert client.noop() == b"+OK done"
        client.close()


def test_deleted_messages_do_not_make_the_maildrop_shorter():
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *dele(1), *stat(3)]
    with play(*login(4), *steps, *retr(4), *replies(4)) as server:
        client = logged_in(server, count=4)
        assert client.retr(1) == tuples(1)[0]
        client.dele(1), client.stat()
        assert [client.retr(number) for number in (2, 3, 4)] == tuples(2, 3, 4)
        client.close()


def test_not_without_the_option():
    steps = [step for number in (1, 2, 3) for step in (*retr(number), *replies(number))]
    with play(*LOGIN, *steps) as server:
        client = logged_in(server, read_ahead=0)
        assert [client.retr(number) for number in (1, 2, 3)] == tuples(1, 2, 3)
        client.close()


@pytest.mark.parametrize("numbers", [(4, 6, 8), (3, 2, 1, 3), (2, 2, 2), ("a", "b"), (5, -1, 0)])
def test_not_where_no_message_is_the_next_one(numbers):
    with Lines(lambda line: b"+OK 9 9\r\n" + b".\r\n" * line.startswith(b"RETR")) as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=True, read_ahead=3)
        client.stat()
        for number in numbers:
            client.retr(number)
        client.close()
    assert server.received[1:] == [f"RETR {number}\r\n".encode() for number in numbers]


class Printing(POP3):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._debugging = 1


@pytest.mark.parametrize("cls", [ByCommands, ByPutline, ByLines, ByFile, Printing])
def test_not_where_somebody_would_see_it(cls):
    steps = [step for number in (1, 2, 3) for step in (*retr(number), *replies(number))]
    with play(*LOGIN, *steps) as server:
        client = logged_in(server, cls)
        assert [client.retr(number) for number in (1, 2, 3)] == tuples(1, 2, 3)
        client.close()


def test_what_is_printed_later(capsys):
    """Debug output is that of commands which are sent: what is held is asked for again."""
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *retr(2), *replies(2)]
    with play(*LOGIN, *steps) as server:
        client = logged_in(server)
        client.retr(1)
        client.set_debuglevel(1)
        assert client.retr(2) == tuples(2)[0]
        client.close()
    assert capsys.readouterr().out == "*cmd* 'RETR 2'\n"


def test_the_logger_is_asked_once_a_message(monkeypatch):
    asked = []
    steps = [*retr(1, 2, 3), *replies(1, 2, 3)]
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, count=3)
        client.retr(1)
        with monkeypatch.context() as patch:
            patch.setattr(logging.getLogger("poplib_c"), "isEnabledFor", asked.append)
            assert client.retr(2) == tuples(2)[0]
        client.close()
    assert asked == [logging.DEBUG]


def test_audit_events_are_those_of_the_loop():
    with Lines(lambda line: b"+OK 9 9\r\n" + b".\r\n" * line.startswith(b"RETR")) as server:
        events = audited_lines(
            """
            client = POP3("127.0.0.1", port, timeout=5, pipelining=True, read_ahead=5)
            client.stat()
            events.clear()
            for number in (1, "2", 3):
                client.retr(number)
            client.close()
            """,
            server.address[1],
        )
    assert events == [b"RETR 1", b"RETR 2", b"RETR 3"]
    assert len(server.received) > 4


# --- what comes in between ------------------------------------------------------------------


@by_either
def test_fetch_and_delete(cls):
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *dele(1), *retr(4), *replies(4), *dele(2)]
    steps += [*retr(5), *replies(5), *dele(3)]
    with play(*LOGIN, *steps, *DONE) as server:
        client = logged_in(server, cls)
        for number in (1, 2, 3):
            assert client.retr(number) == tuples(number)[0]
            assert client.dele(number) == b"+OK"
        assert client.noop() == b"+OK done"
        client.close()


def test_other_commands_keep_what_is_held():
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), C("TOP 1 0"), *replies(1), C("LIST 1")]
    steps += [S("+OK 1 9"), C("UIDL 1"), S("+OK 1 x"), *stat(3), *retr(1), *replies(1), *DONE]
    with play(*OF_THREE, *steps) as server:
        client = logged_in(server, count=3)
        client.retr(1)
        client.top(1, 0), client.list(1), client.uidl(1), client.stat()
        assert client.retr(1) == tuples(1)[0]
        assert [client.retr(number) for number in (2, 3)] == tuples(2, 3)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize(
    "line, delete",
    [
        ("DELE 2", lambda client: client.dele(2)),
        ("dele 2", lambda client: client._shortcmd("dele 2")),
        ("DELE 2", lambda client: (client._putline(b"DELE 2"), client._getresp())),
        ("DELE 2", lambda client: list(client.dele_many([2]))),
    ],
)
def test_deleted_message_is_asked_for_again(line, delete):
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), C(line), S("+OK"), *retr(2, 3), S("-ERR gone")]
    with play(*OF_THREE, *steps, *replies(3)) as server:
        client = logged_in(server, count=3)
        client.retr(1)
        delete(client)
        with pytest.raises(error_proto, match="gone"):
            client.retr(2)
        assert client.retr(3) == tuples(3)[0]
        client.close()


@pytest.mark.parametrize("line", ["RSET", "UTF8", "XOTHER"])
def test_commands_after_which_messages_may_be_others(line):
    steps = [*retr(1, 2, 3), *replies(1), REFUSED, *replies(3), C(line), S("+OK")]
    with play(*LOGIN, *steps, *retr(2, 3, 4), *replies(12, 13, 14)) as server:
        client = logged_in(server)
        client.retr(1)
        client._shortcmd(line)
        assert client.retr(2) == tuples(12)[0]
        client.close()


def test_messages_that_are_skipped():
    steps = [*retr(1, 2, 3, 4), *replies(1, 2, 3, 4), *retr(9), *replies(9)]
    with play(*LOGIN, *steps, *DONE) as server:
        client = logged_in(server, read_ahead=3)
        assert [client.retr(number) for number in (1, 3, 9)] == tuples(1, 3, 9)
        assert client.noop() == b"+OK done"
        client.close()


def test_another_form_is_asked_for_again():
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *retr(2, 3, 4), *replies(2, 3, 4)]
    with play(*LOGIN, *steps, *retr(3), *replies(3), *DONE) as server:
        client = logged_in(server)
        assert client.retr(1) == tuples(1)[0]
        assert client.retr_bytes(2) == b"2\r\n"
        file = io.BytesIO()
        assert client.retr_into(3, file) == 3
        assert file.getvalue() == b"3\r\n"
        assert client.noop() == b"+OK done"
        client.close()


def test_other_limits():
    steps = [*retr(1, 2, 3), *replies(1, 2, 3), *retr(2, 3, 4), *replies(22, 33, 44)]
    with play(*LOGIN, *steps, *DONE) as server:
        client = logged_in(server, max_size=3)
        assert client.retr(1) == tuples(1)[0]
        client.set_options(max_size=4)
        assert client.retr(2) == tuples(22)[0]
        client.set_options(read_ahead=0)
        assert client.noop() == b"+OK done"
        client.close()


def test_iterators_beside_it():
    with play(*LOGIN, *retr(1, 2, 3), *replies(1, 2), *retr(7, 8), *replies(3, 7, 8)) as server:
        client = logged_in(server)
        assert client.retr(1) == tuples(1)[0]
        assert list(client.retr_many([7, 8])) == [(7, b"7\r\n"), (8, b"8\r\n")]
        client.set_options(pipelining=False)
        client.close()


# --- the same as serially -------------------------------------------------------------------


MESSAGES = [b"Subject: %d\r\n\r\n.dot\r\n%s\r\n" % (n, 9 * n * b"x") for n in range(1, 9)]


@pytest.mark.parametrize("kind", ["POP3_SSL", "context", "stls", "stls context"])
def test_over_tls(kind, server_context, client_context):
    own = {"context": client_context} if "context" in kind else {}
    named = "stls" if "stls" in kind else "tls"
    with POP3Server(MESSAGES, **{named: server_context}) as server:
        options = {"timeout": TIMEOUT, "read_ahead": 3}
        host, port = "localhost", server.address[1]
        if named == "tls":
            client = POP3_SSL(host, port, **own, **options)
        else:
            client = POP3(host, port, **options)
            client.stls(**own)
        client.user("alice"), client.pass_("secret")
        for number in range(1, 9):
            assert b"\r\n".join(client.retr(number)[1]) + b"\r\n" == MESSAGES[number - 1]
            client.dele(number)
        client.quit()
        assert server.messages == []


NUMBER = st.integers(1, 9)
CALL = st.one_of(
    st.tuples(st.sampled_from(["retr", "retr_bytes", "dele", "list", "uidl"]), st.tuples(NUMBER)),
    st.tuples(st.just("top"), st.tuples(NUMBER, st.integers(0, 2))),
    st.tuples(st.sampled_from(["noop", "stat", "rset", "sizes", "list"]), st.just(())),
)
#: One after the other, with or without a call behind each.
LOOP = st.tuples(
    st.just("loop"),
    st.tuples(st.sampled_from(["retr", "retr_bytes"]), NUMBER, NUMBER, st.none() | CALL),
)


def run(client, calls):
    """What each of the calls came to."""
    results = []

    def call(name, arguments):
        try:
            results.append(repr(getattr(client, name)(*arguments)))
        except error_proto as error:
            results.append(repr(error))

    for name, arguments in calls:
        if name != "loop":
            call(name, arguments)
            continue
        method, start, stop, behind = arguments
        for number in range(start, stop + 1):
            call(method, [number])
            if behind == ("dele", (1,)):
                call("dele", [number])
            elif behind is not None:
                call(*behind)
    return results


@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(st.one_of(LOOP, CALL), max_size=8), read_ahead=st.integers(1, 12))
def test_same_as_serially(calls, read_ahead):
    results = []
    for cls, options in (
        (POP3, {}),
        (POP3, {"read_ahead": read_ahead, "pipelining": True}),
        (POP3, {"read_ahead": read_ahead}),
        (ByMethods, {"read_ahead": read_ahead, "pipelining": True}),
    ):
        with POP3Server(MESSAGES) as server:
            client = cls(*server.address, timeout=TIMEOUT, **options)
            client.user("alice"), client.pass_("secret")
            results.append([*run(client, calls), client.quit()])
            results[-1].append(server.messages)
    assert results[1:] == 3 * results[:1]


def test_same_as_poplib():
    """A legacy tool, with one message that is gone when its turn comes."""
    results = []
    for module, options in ((poplib, {}), (sys.modules["poplib_c"], {"read_ahead": 4})):
        with POP3Server(MESSAGES) as server:
            client = module.POP3(*server.address, timeout=TIMEOUT, **options)
            client.user("alice"), client.pass_("secret")
            found = [client.stat(), client.dele(5)]
            for number in range(1, 10):
                try:
                    found.append(client.retr(number))
                    found.append(client.dele(number))
                except module.error_proto as error:
                    found.append(repr(error))
            found += [client.quit(), server.messages]
            results.append(found)
    assert results[0] == results[1]
