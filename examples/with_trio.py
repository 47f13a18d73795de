"""Print the sizes of the messages in a mailbox, with trio.

usage: python with_trio.py HOST[:PORT] USER

The password is in the environment, as POPLIB_C_PASSWORD.

poplib_c.aio is for asyncio. This is how its connection waits in another event loop. Channel, the
connection, is private: it may change in any version, so keep to one version of poplib_c.
"""

import math
import os
import socket
import sys
from typing import Any, Callable

import trio

from _cpoplib import Channel  # type: ignore[attr-defined]  # pyright: ignore
from poplib_c._aio import SIZES, STATUS

READ, WRITE = 1, 2


class Client:
    """Commands, one after the other. After a cancelled one the connection can only be closed."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.channel = Channel(None, None, False)

    async def connect(self, host: str, port: int) -> None:
        stream = await trio.open_tcp_stream(host, port)
        number = os.dup(stream.socket.fileno())
        await stream.aclose()
        self.channel.attach(socket.socket(fileno=number))
        self.channel.load_tls(None, None, True)
        self.channel.begin_tls(host)
        await self.finish(self.channel.handshake)
        await self.run(None)

    async def run(self, line: "str | None", form: int = STATUS) -> Any:
        self.channel.start(self, line, form)
        return await self.finish(self.channel.step)

    async def finish(self, step: Callable[[], Any]) -> Any:
        while (result := step()) is None:
            bits, seconds = self.channel.wants
            with trio.move_on_after(math.inf if seconds is None else seconds):
                if bits & WRITE:
                    await trio.lowlevel.wait_writable(self.channel.sock.fileno())
                elif bits & READ:
                    await trio.lowlevel.wait_readable(self.channel.sock.fileno())
                else:
                    await trio.lowlevel.checkpoint()
        return result


async def main(server: str, user: str) -> None:
    host, _, port = server.partition(":")
    client = Client()
    try:
        with trio.fail_after(60):
            await client.connect(host, int(port or 995))
            await client.run(f"USER {user}")
            await client.run("PASS " + os.environ["POPLIB_C_PASSWORD"])
            for number, size in (await client.run("LIST", SIZES)).items():
                print(number, "?" if size is None else size)
            await client.run("QUIT")
    finally:
        client.channel.close()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    trio.run(main, *sys.argv[1:])
