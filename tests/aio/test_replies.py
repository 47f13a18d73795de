"""Connections that end at every octet, and replies that nobody asked for: as with POP3."""

import asyncio
import contextlib
import threading

import pytest
from scripted import C, Close, Raw, S, StartTLS, play

from poplib_c import aio

from .support import TIMEOUT, loops, run
from .test_parity import DOUBTFUL, by_async, by_sync, call, lines, told

links = pytest.mark.parametrize("cls", ["POP3", "POP3_SSL"])

DIALOGUE = [
    *[S("+OK ready"), C("RETR 1"), lines("a", "..b"), C("NOOP"), S("-ERR [SYS/TEMP] no")],
    *[C("RETR 3"), C("RETR 4"), lines("c"), lines("d"), C("RETR 2"), DOUBTFUL],
]
CALLS = [call("retr", 1), call("noop"), call("retr_many", [3, 4]), call("retr_bytes", 2)]


def sent_by(steps):
    return sum(len(step.data) for step in steps if isinstance(step, Raw))


def first(steps, octets):
    """The steps until the server has sent so many octets and closes the connection."""
    for step in steps:
        if isinstance(step, Raw):
            data = step.data[:octets]
            octets -= len(data)
            yield Raw(data)
            if len(data) < len(step.data):
                break
        else:
            yield step
    yield Close()


@links
def test_the_end_at_every_octet(cls, server_context, authority):
    begun, options = [], {"pipelining": True}
    if cls == "POP3_SSL":
        begun, options["verify"] = [StartTLS(server_context)], authority.ca_file
    for octets in range(sent_by(DIALOGUE) + 1):
        outcomes = []
        for play_by in by_sync, by_async:
            with play(*begun, *first(DIALOGUE, octets)) as server:
                try:
                    outcomes.append(repr(play_by(server, CALLS, cls, options, TIMEOUT)))
                except Exception as exc:
                    outcomes.append(repr(told(exc)))
        assert outcomes[0] == outcomes[1], octets


@pytest.mark.parametrize(
    "steps, calls",
    {
        "with the greeting": ([S("+OK ready", "+OK early")], [call("noop"), call("quit")]),
        "with the answer": (
            [S("+OK ready"), C("STAT"), S("+OK 1 2", "+OK 3 4")],
            [call("stat"), call("stat"), call("noop")],
        ),
        "with the lines": (
            [S("+OK ready"), C("LIST"), S("+OK", "1 2", ".", "+OK 9")],
            [call("sizes"), call("list", 1), call("quit")],
        ),
        "after the last of many": (
            [S("+OK ready"), C("RETR 1"), C("RETR 2"), Raw(3 * b"+OK\r\na\r\n.\r\n")],
            [call("retr_many", [1, 2]), call("retr_many", [3])],
        ),
    }.values(),
)
@links
def test_replies_that_nobody_asked_for(steps, calls, cls, server_context, authority):
    begun, options = [], {"pipelining": True}
    if cls == "POP3_SSL":
        begun, options["verify"] = [StartTLS(server_context)], authority.ca_file
    outcomes = []
    for play_by in by_sync, by_async:
        with play(*begun, *steps) as server:
            outcomes.append(repr(play_by(server, calls, cls, options, TIMEOUT)))
    assert outcomes[0] == outcomes[1]
    assert "error_proto" in outcomes[0]


# --- fairness --------------------------------------------------------------------------------


async def turns(coroutine):
    """What the coroutine returns, and how often another task had its turn meanwhile."""
    task = asyncio.ensure_future(coroutine)
    count = 0
    while not task.done():
        await asyncio.sleep(0)
        count += 1
    return await task, count


class Message:
    """A step: the server sends a message of ``size`` octets, faster than it can be read."""

    def __init__(self, size):
        self.size = size

    def play(self, peer):
        peer.send(b"+OK\r\n")
        block = (b"x" * 62 + b"\r\n") * 4096
        for _ in range(self.size // len(block)):
            peer.send(block)
        peer.send(b".\r\n")


@loops
@links
def test_a_large_message_does_not_hold_the_loop(cls, new_loop, server_context, authority):
    size = 64 * 2**20
    begun, options = [], {}
    if cls == "POP3_SSL":
        begun, options = [StartTLS(server_context)], {"verify": authority.ca_file}

    async def main():
        client = getattr(aio, cls)(server.host, server.port, timeout=TIMEOUT, **options)
        await client.connect()
        message, count = await turns(client.retr_bytes(1))
        client.close()
        return len(message), count

    with play(*begun, S("+OK ready"), C("RETR 1"), Message(size)) as server:
        length, count = run(main(), new_loop)
    assert length == size
    assert count >= size / 2**20


@loops
def test_replies_that_are_all_there_do_not_hold_the_loop(new_loop):
    """Not even if none has to be waited for."""
    numbers = range(1, 1001)

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT, pipelining=True)
        await client.connect()
        many = client.retr_many(numbers, window=1000)
        await many.__anext__()
        assert await asyncio.get_running_loop().run_in_executor(None, sent.wait, TIMEOUT)

        async def rest():
            return [number async for number, _ in many]

        fetched, count = await turns(rest())
        client.close()
        return len(fetched), count

    sent = threading.Event()

    class Sent:
        def play(self, peer):
            sent.set()

    asked = [C(f"RETR {number}") for number in numbers]
    answers = Raw(b"+OK\r\nabc\r\n.\r\n" * len(numbers))
    with play(S("+OK ready"), *asked, answers, Sent()) as server:
        length, count = run(main(), new_loop)
    assert length == len(numbers) - 1
    assert count >= len(numbers) / 32


@links
def test_nothing_is_received_unless_it_is_awaited(cls, server_context, authority):
    size = 256 * 2**20
    begun, options = [], {"pipelining": True}
    if cls == "POP3_SSL":
        begun, options["verify"] = [StartTLS(server_context)], authority.ca_file
    stuck = threading.Event()

    class Flood:
        """Sends until there is no more room for half a second."""

        sent = 0

        def play(self, peer):
            block = b"+OK\r\n" + (b"x" * 62 + b"\r\n") * 1024 + b".\r\n"
            peer.connection.settimeout(0.5)
            with contextlib.suppress(OSError):
                while self.sent < size:
                    peer.send(block)
                    Flood.sent += len(block)
            stuck.set()

    async def main():
        client = getattr(aio, cls)(server.host, server.port, timeout=TIMEOUT, **options)
        await client.connect()
        many = client.retr_many(range(1, 1001), window=100)
        await many.__anext__()
        while not stuck.is_set():
            await asyncio.sleep(0.01)
        client.close()

    asked = [C(f"RETR {number}") for number in range(1, 101)]
    with play(*begun, S("+OK ready"), *asked, Flood()) as server:
        run(main())
    assert 0 < Flood.sent < size / 4
