"""How much read_ahead sends ahead, and what happens to requests while it forgets others."""

import socket
import threading
import time

from poplib_c import POP3

from .support import TIMEOUT

MESSAGES = 1500


class Bursts(threading.Thread):
    """A server that answers when no more commands come; `seen` has what came together."""

    def __init__(self, end=b".\r\n", refused=b"", late=b"\0"):
        super().__init__(daemon=True)
        self.end = end
        self.refused = refused
        self.late = late
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc_info):
        self.join(TIMEOUT)
        self.listener.close()
        assert not self.is_alive()

    def answer(self, line):
        if line == self.refused:
            return b"-ERR no such message\r\n"
        if line.startswith(b"RETR"):
            return b"+OK\r\n" + line[5:] + b"\r\n" + self.end
        return {b"STAT": b"+OK %d 9\r\n" % MESSAGES}.get(line, b"+OK" + line[4:] + b" 9\r\n")

    def run(self):
        peer, _ = self.listener.accept()
        with peer:
            peer.sendall(b"+OK\r\n")
            peer.settimeout(TIMEOUT)
            while received := peer.recv(65536):
                peer.settimeout(0.05)
                try:
                    while more := peer.recv(65536):
                        received += more
                except socket.timeout:
                    pass
                peer.settimeout(TIMEOUT)
                self.seen.append(received.splitlines())
                replies = b"".join(map(self.answer, self.seen[-1]))
                first, late, rest = replies.partition(self.late)
                peer.sendall(first)
                if late:
                    time.sleep(0.2)
                    peer.sendall(late + rest)


def test_one_by_one_after_an_uncertain_end():
    with Bursts(end=b".\n") as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=True, read_ahead=8)
        client.stat()
        for number in range(1, 15):
            assert client.retr(number)[1] == [b"%d" % number]
        client.close()
    asked = [[line for line in burst if line.startswith(b"RETR")] for burst in server.seen]
    alone = [burst for burst in asked if b"RETR 12" in burst or b"RETR 14" in burst]
    assert alone == [[b"RETR 12"], [b"RETR 14"]]


def test_a_socket_of_methods_has_a_kilobyte_on_its_way():
    class Socket(socket.socket):
        def recv_into(self, *args):
            return super().recv_into(*args)

    class Client(POP3):
        def _create_socket(self, timeout):
            sock = Socket()
            sock.settimeout(timeout)
            sock.connect((self.host, self.port))
            return sock

    with Bursts() as server:
        client = Client(*server.address, timeout=TIMEOUT, pipelining=True, read_ahead=MESSAGES)
        client.stat()
        for number in range(1, MESSAGES + 1):
            client.retr(number)
        client.close()
    sizes = [sum(len(line) + 2 for line in burst) for burst in server.seen]
    assert 512 < max(sizes) <= 1024


def test_requests_that_a_finalizer_makes_while_others_are_dropped():
    class Late:
        def __del__(self):
            got.append(client.retr(50)[1])
            got.append(client.retr(51)[1])

    def fail():
        late = Late()
        raise KeyError(late)

    def read_ahead():
        """Message 3 is refused while the KeyError is handled, which becomes the context."""
        try:
            fail()
        except KeyError:
            client.retr(1)
            client.retr(2)

    got = []
    with Bursts(refused=b"RETR 3", late=b"52") as server:
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=True, read_ahead=8)
        client.stat()
        read_ahead()
        assert client.quit().startswith(b"+OK")
    assert got == [[b"50"], [b"51"]]
