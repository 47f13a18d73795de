"""A server that floods the client with records of TLS that hold no reply."""

import asyncio
import contextlib
import socket
import threading

import pytest
from faults.records import Records, make_context, plain
from faults.support import GREETING, Call

from poplib_c import aio

from .support import TIMEOUT, run


@pytest.mark.parametrize("pause", [0.01, 0.0], ids=["steadily", "without a pause"])
@pytest.mark.parametrize("kind", ["key_update", "ticket"])
def test_flood_of_records_in_the_place_of_a_reply(kind, pause, ca, tmp_path):
    """They are silence: the time runs out. The loop is not held meanwhile."""
    over = threading.Event()
    context = make_context(ca, tmp_path / "keys")

    def serve():
        connection, _ = listener.accept()
        connection.settimeout(TIMEOUT)
        with context.wrap_socket(connection, server_side=True) as sock, plain(sock) as wire:
            records = Records(sock, tmp_path / "keys")
            wire.sendall(records.data(GREETING))
            sock.recv(100)
            with contextlib.suppress(OSError):
                while not over.wait(pause):
                    wire.sendall(getattr(records, kind)())

    async def main():
        client = aio.POP3_SSL(*listener.getsockname(), verify=False, timeout=0.5)
        await client.connect()
        task = asyncio.ensure_future(client.noop())
        assert await asyncio.wait([task], timeout=TIMEOUT) == ({task}, set())
        with pytest.raises(socket.timeout):
            await task
        client.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        call = Call(serve)
        try:
            run(main())
        finally:
            over.set()
        assert call.end(2 * TIMEOUT) is None
