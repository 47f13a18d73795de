"""Tasks that are cancelled wherever they can be: nothing is left, and no reply is another's."""

import asyncio
import contextlib
import errno
import itertools
import threading

import pytest
from scripted import EACH, Await, C, Raw, S, Unplayed, play

from poplib_c import aio
from poplib_c.testing import POP3Server

from .support import TIMEOUT, Halves, Point, check_descriptors, loops, open_descriptors, run

MESSAGES = [b"Subject: %d\n\n.\n" % number for number in range(1, 6)]
WHOLE = [message.replace(b"\n", b"\r\n") for message in MESSAGES]

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


async def session(client, ca):
    """Every kind of waiting."""
    await client.connect()
    if ca is not None:
        await client.stls(verify=ca)
    await client.login("alice", "secret")
    assert await client.stat() == (5, sum(map(len, WHOLE)))
    assert [*await client.sizes()] == [*await client.uids()] == [1, 2, 3, 4, 5]
    assert await client.retr_bytes(2) == WHOLE[1]
    assert (await client.top(3, 0))[1] == [b"Subject: 3", b""]
    numbers = [*range(1, 6)] * 8
    many = client.retr_many(numbers)
    assert [pair async for pair in many] == [(n, WHOLE[n - 1]) for n in numbers]
    async for _ in client.retr_many([1, 2, 3]):
        break
    assert await client.list(4) == b"+OK 4 %d" % len(WHOLE[3])
    return await client.quit()


async def check_after(client):
    """The client that was cancelled: closed, or at rest with its own replies."""
    if client.sock is not None:
        assert (await client.stat())[0] == 5
        client.close()
        return False
    for _ in range(2):
        with pytest.raises(ConnectionAbortedError) as caught:
            await client.noop()
        assert caught.value.errno == errno.ECONNABORTED
        assert "because a command was cancelled" in str(caught.value)
    client.close()
    return True


def walk(new_loop, begin):
    """Cancels a session at each point: begin() returns a client and the rest of the session."""
    run(asyncio.sleep(0), new_loop)  # The first loop opens what all others share.
    closed = 0
    for number in itertools.count():
        point = Point(number)

        async def main(point=point):
            client, work = begin()
            task = asyncio.ensure_future(point.within(work))
            try:
                assert await task
            except asyncio.CancelledError:
                assert point.was_reached
                return await check_after(client)
            assert not point.was_reached
            return None

        before = open_descriptors()
        was_closed = run(main(), new_loop)
        check_descriptors(before)
        if was_closed is None:
            return number, closed
        closed += was_closed
    raise AssertionError


@loops
@pytest.mark.parametrize("link", ["plain", "tls", "stls"])
def test_at_every_point_of_a_session(new_loop, link, server_context, authority):
    kind = {"plain": {}, "tls": {"tls": server_context}, "stls": {"stls": server_context}}[link]
    with (
        POP3Server(MESSAGES, users={"alice": "secret"}, **kind) as origin,
        Halves(origin.address) as server,
    ):

        def begin():
            if link == "tls":
                client = aio.POP3_SSL(*server.address, verify=authority.ca_file, timeout=TIMEOUT)
            else:
                client = aio.POP3(*server.address, timeout=TIMEOUT)
            return client, session(client, authority.ca_file if link == "stls" else None)

        points, closed = walk(new_loop, begin)
    assert points >= closed > 3


@loops
def test_at_every_octet_of_a_reply(new_loop):
    """The server's script ends where the client left."""

    def begin():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        return client, dialogue(client)

    async def dialogue(client):
        await client.connect()
        assert (await client.retr(1))[1] == [b"a", b".b"]
        client.close()
        return True

    reply = Raw(b"+OK\r\na\r\n..b\r\n.\r\n", EACH)
    for number in itertools.count():
        point = Point(number)

        async def main(point=point):
            client, work = begin()
            with contextlib.suppress(asyncio.CancelledError):
                assert await asyncio.ensure_future(point.within(work))
                return
            await check_after(client)

        with contextlib.suppress(Unplayed), play(S("+OK ready"), C("RETR 1"), reply) as server:
            run(main(), new_loop)
        if not point.was_reached:
            break
    assert number > 2


@loops
def test_in_the_queue(new_loop):
    """Nothing happened: the command before it gets its reply, and so does the one after it."""

    async def main(go):
        async with aio.POP3(server.host, server.port, timeout=TIMEOUT) as client:
            first, second, third = (
                asyncio.ensure_future(client.list(number)) for number in (1, 2, 3)
            )
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            go.set()
            assert await asyncio.gather(first, third) == [b"+OK 1 10", b"+OK 3 30"]

    go = threading.Event()
    script = [S("+OK ready"), C("LIST 1"), Await(go), S("+OK 1 10"), C("LIST 3"), S("+OK 3 30")]
    with play(*script, C("QUIT"), S("+OK")) as server:
        run(main(go), new_loop)


@loops
def test_others_in_the_queue(new_loop):
    """They get no reply, least of all that of the command that was cancelled."""

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()
        first, second = (asyncio.ensure_future(client.list(number)) for number in (1, 2))
        while not server.wire:
            await asyncio.sleep(0.001)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(ConnectionAbortedError, match="a command was cancelled"):
            await second

    with play(S("+OK ready"), C("LIST 1")) as server:
        run(main(), new_loop)
    assert server.wire == b"LIST 1\r\n"


@loops
def test_close_by_another_task(new_loop):
    async def main():
        async with aio.POP3(server.host, server.port, timeout=TIMEOUT) as client:
            task = asyncio.ensure_future(client.noop())
            while not server.wire:
                await asyncio.sleep(0.001)
            client.close()
            with pytest.raises(ConnectionAbortedError, match="closed while it was in use"):
                await task

    with play(S("+OK ready"), C("NOOP")) as server:
        run(main(), new_loop)


def test_the_program_that_ends_in_a_session():
    """asyncio.run() cancels what is left."""

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()
        client.task = asyncio.ensure_future(client.noop())
        await asyncio.sleep(0)
        return client

    with play(S("+OK ready"), C("NOOP")) as server:
        client = asyncio.run(main())
        assert client.sock is None


@pytest.mark.parametrize("closes", [False, True])
def test_the_end_of_the_block(closes):
    """Deletions are not committed: the program learns it, unless it has closed the connection."""

    async def main():
        async with aio.POP3(server.host, server.port, timeout=TIMEOUT) as client:
            await client.dele(1)
            task = asyncio.ensure_future(client.noop())
            while not server.wire.endswith(b"NOOP\r\n"):
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
            if closes:
                client.close()

    with play(S("+OK ready"), C("DELE 1"), S("+OK"), C("NOOP")) as server:
        if closes:
            run(main())
        else:
            with pytest.raises(ConnectionAbortedError, match="a command was cancelled"):
                run(main())


def test_connect_again():
    async def main():
        client = aio.POP3(*server.address, timeout=TIMEOUT)
        task = asyncio.ensure_future(client.connect())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(2):
            await client.connect()
            await client.quit()

    with POP3Server() as server:
        run(main())
