"""What a server can do to a client that is in no other file; docs/evidence.rst has all.

Memory is measured in programs of their own, by the most that they have ever used.
"""

import os

import pytest
from scripted import Anything, C, HalfClose, Raw, S, play

from poplib_c import error_proto

from .ahead import DONE, REFUSED, by_either, greeted, replies, retr
from .support import WAYS, Endless, measures_memory, run_program

#: Lines, and rows; ``make hostile`` has more.
LINES = int(os.environ.get("HOSTILE", 200_000))

PROGRAM = """
    import resource, sys
    from faults.memory import peak
    from poplib_c import POP3, error_proto

    def ask(name):
        if name.endswith("_many"):
            return list(getattr(client, name)([1]))
        return getattr(client, name)(*[1] * name.startswith("retr"))

    port, name, max_size, room = int(sys.argv[1]), *sys.argv[2:]
    client = POP3("127.0.0.1", port, 30, max_size=int(max_size) or None, pipelining=False)
    before = peak()
    if int(room):
        with open("/proc/self/statm") as statm:
            used = resource.getpagesize() * int(statm.read().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (used + int(room), resource.RLIM_INFINITY))
    try:
        result = ask(name)
    except (error_proto, MemoryError) as error:
        print(type(error).__name__, *error.args)
    else:
        print(len(result))
    print(peak() - before)
    try:
        print(client.noop())
    except error_proto as error:
        print(error)
    client.close()
"""


def measure(server, name, max_size=0, room=0):
    """What a program says of the call, how much memory it took, and what the next command says."""
    output, errors = run_program(PROGRAM, server.port, name, max_size, room, timeout=600)
    assert errors == ""
    said, octets, then = output.splitlines()
    return said, int(octets), then


COMMANDS = {
    "retr": "RETR 1",
    "retr_bytes": "RETR 1",
    "retr_many": "RETR 1",
    "sizes": "LIST",
    "uids": "UIDL",
}


@measures_memory
@pytest.mark.parametrize("name", ["retr", "retr_bytes", "retr_many", "sizes", "uids"])
def test_memory_for_an_endless_reply_with_max_size(name):
    """The shortest lines there are, which take the most memory for their octets."""
    most = 50_000
    steps = (C(COMMANDS[name]), S("+OK"), Endless(2**16 * b"1 2\r\n", 2**28))
    with play(S("+OK ready"), *steps) as server:
        said, octets, then = measure(server, name, most)
    assert said == f"error_proto reply larger than {most} octets"
    assert then.startswith("-ERR out of step: ")
    assert octets < 20 * most + 2**21


@measures_memory
@pytest.mark.parametrize("name", ["retr", "retr_bytes"])
def test_endless_reply_without_max_size(name):
    """Nothing but memory bounds it: MemoryError, and the connection is of no use any more."""
    room = 2**26
    steps = (C("RETR 1"), S("+OK"), Endless(2**18 * b"ab\r\n", 2**32))
    with play(S("+OK ready"), *steps) as server:
        said, _, then = measure(server, name, room=room)
    assert said.startswith("MemoryError")
    assert then.startswith("-ERR out of step: ")


#: Octets of memory for each line or row: for objects of one or two octets, and their place.
EACH = {"retr": 64, "retr_bytes": 8, "sizes": 124, "uids": 140}


@measures_memory
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", EACH)
def test_memory_for_each_of_many_lines(name):
    """Ten million lines, or half as many rows of a listing, with ``make hostile``."""
    if name in ("retr", "retr_bytes"):
        lines = LINES * b"ab\r\n"
    else:
        lines = b"".join(b"%d 22\r\n" % number for number in range(1, LINES // 2 + 1))
    count = lines.count(b"\n")
    steps = (C(COMMANDS[name]), Raw(b"+OK\r\n" + lines + b".\r\n"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps, timeout=600) as server:
        said, octets, then = measure(server, name)
    expected = {"retr": 3, "retr_bytes": len(lines)}
    assert (said, then) == (str(expected.get(name, count)), "b'+OK done'")
    assert octets < EACH[name] * count + 2**21


# --- numbers --------------------------------------------------------------------------------

HUGE = 30 * "9"


@pytest.mark.parametrize(
    "reply, result",
    [
        ("+OK 1000000000 1", (10**9, 1)),
        (f"+OK {HUGE} {HUGE}", (int(HUGE), int(HUGE))),
        ("+OK -1 -5", (-1, -5)),
        (f"+OK 1 {5000 * '9'}", None),
    ],
)
def test_stat_of_any_numbers(reply, result):
    """A number as it is; a line over its limit is refused."""
    with play(S("+OK ready"), C("STAT"), S(reply)) as server:
        client = greeted(server)
        if result is None:
            with pytest.raises(error_proto, match="line too long"):
                client.stat()
        else:
            assert client.stat() == result
        client.close()


@pytest.mark.parametrize(
    "count, ahead",
    [("1000000000", 2), (18 * "9", 2), ("1" + 18 * "0", 0), (HUGE, 0), ("-1", 0), ("0", 0)],
)
def test_reading_ahead_in_a_maildrop_of_any_size(count, ahead):
    """As many messages as read_ahead says are asked for; a wild number says nothing."""
    numbers = range(1, ahead + 2)
    asked = [*retr(*numbers), *replies(*numbers)]
    with play(S("+OK ready"), C("STAT"), S(f"+OK {count} 1"), *asked, *DONE) as server:
        client = greeted(server, read_ahead=2)
        assert client.stat()[0] == int(count)
        assert client.retr(1)[1] == [b"1"]
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize("first", [10**18 - 2, 2**63 - 3, 2**64])
@pytest.mark.parametrize("count", [None, 2**63 - 1])
def test_reading_ahead_of_wild_numbers(first, count):
    """One by one, as they are: no message has such a number."""
    steps = [C("STAT"), S(f"+OK {count} 1")] if count else []
    for number in range(first, first + 4):
        steps += [*retr(number), REFUSED]
    with play(S("+OK ready"), *steps, *DONE) as server:
        client = greeted(server, read_ahead=1)
        if count:
            client.stat()
        for number in range(first, first + 4):
            with pytest.raises(error_proto, match="no such message"):
                client.retr(number)
        assert client.noop() == b"+OK done"
        client.close()


# --- replies that are out of turn -----------------------------------------------------------


@by_either
@pytest.mark.parametrize("early", [b"+OK early\r\n", b"-ERR early\r\n", b"+", b"\0"])
def test_reply_before_the_first_command(cls, early):
    """Behind the greeting: no command is sent, and so no password to whoever said that."""
    with play(Raw(b"+OK ready\r\n" + early)) as server:
        client = greeted(server, cls)
        for command in (client.user, client.pass_):
            with pytest.raises(error_proto, match="out of step"):
                command("secret")
        client.close()
    assert server.wire == b""


@pytest.mark.parametrize("way", WAYS)
def test_half_close(way):
    """A server that has nothing more to say, and goes on listening."""
    with play(S("+OK ready"), C("DELE 1"), S("+OK"), HalfClose(), Anything()) as server:
        client = greeted(server, way)
        assert client.dele(1) == b"+OK"
        sock = client.sock
        with pytest.raises(error_proto, match="-ERR EOF"):
            client.noop()
        with pytest.raises((error_proto, OSError)):
            client.quit()
        assert sock.fileno() == -1
    assert server.wire.startswith(b"DELE 1\r\nNOOP\r\n")
