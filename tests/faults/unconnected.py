"""Calls of clients that nothing has connected."""

import contextlib
import io

from poplib_c import POP3


def by_hand(servers):
    client = POP3.__new__(POP3)
    client._debugging = 0
    client.file = io.BytesIO(b"+OK by hand\r\n")
    return client._getresp()


class Sent:
    """A socket, as far as sending is concerned."""

    def sendall(self, data):
        pass


def whole_by_hand(servers):
    client = POP3.__new__(POP3)
    client._debugging = 0
    client.sock = Sent()
    client.file = io.BytesIO(b"+OK\r\n..a\r\n.\r\n")
    return client.retr_bytes(1)


class Finalized(POP3):
    """Once more it is used for everything when it ends, also if there is no memory for it."""

    def __del__(self):
        try:
            for use in LAST_USES:
                with contextlib.suppress(Exception):
                    use(self)
        except MemoryError:
            pass


LAST_USES = [
    lambda client: client.noop(),
    lambda client: client.retr(1),
    lambda client: client.retr_bytes(1),
    lambda client: list(client.dele_many([1])),
    lambda client: client.stls(),
    lambda client: client._getresp(),
    lambda client: client.set_options(read_ahead=1, pipelining=True),
    lambda client: client.deadline(60).__enter__(),
    lambda client: client.quit(),
    lambda client: client.close(),
    lambda client: client.__init__("127.0.0.1", -1),
]


def finalized(servers):
    Finalized.__new__(Finalized)
