"""What read_ahead asks for: only messages that the server has named, and that are not deleted."""

import itertools

import pytest
from scripted import C, S, play

from poplib_c import error_proto

from .ahead import DONE, REFUSED, dele, greeted, logged_in, login, replies, retr, stat, tuples


def serially(*numbers):
    return [step for number in numbers for step in (*retr(number), *replies(number))]


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("asks", [True, False])
def test_loop_until_an_error(count, asks):
    """The message that is not there is asked for by the program alone."""
    numbers = range(1, count + 1)
    steps = [*stat(count), *retr(*numbers), *replies(*numbers)] if asks else serially(*numbers)
    with play(S("+OK ready"), *steps, *retr(count + 1), REFUSED, *DONE) as server:
        client = greeted(server, read_ahead=100)
        if asks:
            client.stat()
        found = []
        with pytest.raises(error_proto, match="no such message"):
            for number in itertools.count(1):
                found.append(client.retr(number))
        assert found == tuples(*numbers)
        assert client.noop() == b"+OK done"
        client.close()


def test_before_the_login():
    """What is refused says nothing."""
    steps = [C("STAT"), S("-ERR log in"), C("LIST"), S("-ERR log in"), *serially(1, 2)]
    with play(S("+OK ready"), *steps, *stat(4), *retr(3, 4), *replies(3, 4)) as server:
        client = greeted(server, read_ahead=2)
        for ask in (client.stat, client.sizes):
            with pytest.raises(error_proto, match="log in"):
                ask()
        assert [client.retr(number) for number in (1, 2)] == tuples(1, 2)
        client.stat()
        assert [client.retr(number) for number in (3, 4)] == tuples(3, 4)
        client.close()


@pytest.mark.parametrize("names", [("stat", "list"), ("list", "stat"), ("sizes", "uidl", "stat")])
def test_a_server_that_contradicts_itself(names):
    """STAT counts nine messages, a listing has two: these are certain."""
    listed = S("+OK", "1 5", "2 5", ".")
    said = {"stat": stat(9), "uidl": [C("UIDL"), listed]}
    steps = [step for name in names for step in said.get(name, [C("LIST"), listed])]
    with play(S("+OK ready"), *steps, *retr(1, 2), *replies(1, 2), *DONE) as server:
        client = greeted(server, read_ahead=9)
        for name in names:
            getattr(client, name)()
        assert client.retr(1) == tuples(1)[0]
        assert client.noop() == b"+OK done"
        client.close()


# --- deletions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines, delete",
    [
        (["DELE 3"], lambda client: client.dele(3)),
        (["DELE 5", "DELE 3"], lambda client: (client.dele("5"), client.dele("3"))),
        (["DELE 3"], lambda client: list(client.dele_many([3]))),
        (["dele 03"], lambda client: client._shortcmd("dele 03")),
        (["DELE 3"], lambda client: (client._putline(b"DELE 3"), client._getresp())),
    ],
)
def test_deleted_messages_are_not_asked_for(lines, delete):
    """Not before RSET, which gives them back."""
    steps = [step for line in lines for step in (C(line), S("+OK"))]
    steps += [*retr(1, 2), *replies(1, 2), *DONE, *retr(3, 4), REFUSED, *replies(4)]
    steps += [C("RSET"), S("+OK"), *serially(1), *retr(2, 3, 4), *replies(2, 3, 4), *DONE]
    with play(*login(4), *steps) as server:
        client = logged_in(server, count=4, read_ahead=9)
        delete(client)
        assert [client.retr(number) for number in (1, 2)] == tuples(1, 2)
        assert client.noop() == b"+OK done"
        with pytest.raises(error_proto, match="no such message"):
            client.retr(3)
        assert client.retr(4) == tuples(4)[0]
        client.rset()
        assert [client.retr(number) for number in (1, 2, 3, 4)] == tuples(1, 2, 3, 4)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("line", [b"DELE  2", b"DELE", b"DELE x", bytearray(b"DELE 4")])
def test_a_deletion_of_nobody_knows_which(line):
    """No message is known to be there, until the server is asked again."""
    steps = [C(line.decode()), S("+OK"), *serially(1), *stat(3), *retr(2, 3), *replies(2, 3)]
    with play(*login(4), *steps, *DONE) as server:
        client = logged_in(server, count=4)
        client._putline(line), client._getresp()
        assert client.retr(1) == tuples(1)[0]
        client.stat()
        assert [client.retr(number) for number in (2, 3)] == tuples(2, 3)
        assert client.noop() == b"+OK done"
        client.close()


# --- listings -------------------------------------------------------------------------------

LISTINGS = {"list": "LIST", "uidl": "UIDL", "sizes": "LIST", "uids": "UIDL"}


@pytest.mark.parametrize(
    "rows, ahead",
    [
        (["1 5", "2 5", "3 5"], [2, 3]),
        ([" 1 5", "2\t5", " 3"], [2, 3]),
        (["1 5", "3 5", "5 5"], []),
        (["1 5", "1001 5"], []),
        (["1 5", "1 5", "1 5"], []),
        (["1 5", "x"], []),
        (["1 5", 18 * "9" + " 5"], []),
        ([], []),
    ],
)
@pytest.mark.parametrize("listing", LISTINGS)
def test_messages_that_a_listing_leaves_out(listing, rows, ahead):
    steps = [C(LISTINGS[listing]), S("+OK", *rows, "."), *retr(1, *ahead), *replies(1, *ahead)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, read_ahead=9)
        getattr(client, listing)()
        assert client.retr(1) == tuples(1)[0]
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("listing", LISTINGS)
def test_deleted_messages_that_a_listing_leaves_out(listing):
    """The others keep their numbers (RFC 1939, section 5)."""
    steps = [*dele(1), C(LISTINGS[listing]), S("+OK", "2 5", "3 5", "4 5", ".")]
    steps += [*serially(2), *retr(3, 4), *replies(3, 4)]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, read_ahead=9)
        client.dele(1), getattr(client, listing)()
        assert [client.retr(number) for number in (2, 3, 4)] == tuples(2, 3, 4)
        assert client.noop() == b"+OK done"
        client.close()
