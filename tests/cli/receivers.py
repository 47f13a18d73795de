"""Servers that take mail by LMTP and SMTP."""

import asyncio
import threading

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from .support import TIMEOUT


class Kept:
    """The handler of a server, which keeps messages with their envelopes."""

    def __init__(self):
        self.messages = []
        self.sessions = set()

    async def handle_DATA(self, server, session, envelope):
        self.sessions.add(session.peer)
        self.messages.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return "250 kept"


class LongLines:
    line_length_limit = 1 << 20


class Server:
    """A real server in a thread, on a port or a socket."""

    def __init__(self, kind, path, handler):
        self._loop = loop = asyncio.new_event_loop()
        make = type("Long", (LongLines, {"lmtp": LMTP, "smtp": SMTP}[kind]), {})

        def factory():
            return make(handler, loop=loop, data_size_limit=None, decode_data=False)

        if path is None:
            starting = loop.create_server(factory, "127.0.0.1", 0)
        else:
            starting = loop.create_unix_server(factory, path)
        self._server = loop.run_until_complete(starting)
        self.place = path or f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=loop.run_forever)
        self._thread.start()

    def stop(self):
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(TIMEOUT)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()

    async def _stop(self):
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
