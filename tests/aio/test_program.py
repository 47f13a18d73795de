"""Whole programs, in which no warning is tolerated."""

import socket
import subprocess
import sys

from faults.support import environment

from poplib_c.testing import POP3Server

PROGRAM = """
import asyncio, sys
from poplib_c import aio

PORT, SILENT, CA = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

async def main():
    asyncio.get_running_loop().slow_callback_duration = 60
    async with aio.POP3_SSL("localhost", PORT, verify=CA) as client:
        await client.login("alice", "secret")
        print(await client.stat(), [n async for n, _ in client.retr_many(await client.sizes())])
    client = aio.POP3_SSL("localhost", PORT, verify=CA)
    await client.connect()
    client.close()
    try:
        async with aio.POP3_SSL("localhost", PORT, timeout=5):
            raise AssertionError
    except OSError as error:
        print(type(error).__name__)
    task = asyncio.ensure_future(aio.POP3("127.0.0.1", SILENT).connect())
    await asyncio.sleep(0.05)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")
    aio.POP3("127.0.0.1")

asyncio.run(main(), debug=True)
"""


def test_without_warnings(server_context, authority):
    server = POP3Server([b"a\n", b"b\n"], users={"alice": "secret"}, tls=server_context)
    with server, socket.create_server(("127.0.0.1", 0)) as silent:
        arguments = [server.port, silent.getsockname()[1], authority.ca_file]
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM, *map(str, arguments)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=50,
        )
    assert ended.stderr == ""
    assert ended.stdout == "(2, 6) [1, 2]\nSSLCertVerificationError\ncancelled\n"
    assert ended.returncode == 0
