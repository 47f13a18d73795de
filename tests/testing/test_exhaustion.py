"""The test server if the process runs out of resources, or a mailbox fails."""

import contextlib
import mailbox
import os
import socket
import subprocess
import sys
import textwrap
import threading

import pytest
from wire import ALICE, FIRST, TIMEOUT, Wire

from poplib_c.testing import POP3Server

OUT_OF_DESCRIPTORS = """
    import resource, socket, time
    from poplib_c.testing import POP3Server

    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    with POP3Server([b"text"]) as server:
        clients = []
        try:
            while True:
                clients.append(socket.create_connection(server.address, timeout=10))
        except OSError:
            pass
        before = time.process_time()
        time.sleep(1)
        print(time.process_time() - before < 0.5)
        waiting = clients.pop()
        for client in clients:
            client.close()
        print(waiting.recv(3))
        waiting.close()
"""


def test_out_of_descriptors():
    """The server waits without using the processor, and accepts once descriptors are free."""
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(OUT_OF_DESCRIPTORS)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (finished.stdout, finished.stderr) == ("True\nb'+OK'\n", "")


@contextlib.contextmanager
def no_thread_called(monkeypatch, word):
    start = threading.Thread.start

    def refuse(thread):
        if word in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield


def test_no_thread_for_a_connection(monkeypatch):
    """The server closes that connection and serves the next client."""
    with POP3Server([FIRST], users=ALICE) as server:
        refused = no_thread_called(monkeypatch, "-connection")
        with refused, socket.create_connection(server.address, timeout=TIMEOUT) as sock:
            assert sock.recv(100) == b""
        with Wire(server) as wire:
            assert wire.login().startswith(b"+OK")


def test_no_thread_for_the_server(monkeypatch):
    """The server closes its descriptors, and can be started later."""
    server = POP3Server([FIRST], users=ALICE)
    before = len(os.listdir("/dev/fd"))
    refused = pytest.raises(RuntimeError, match="can't start new thread")
    with no_thread_called(monkeypatch, "POP3Server"), refused:
        server.start()
    assert len(os.listdir("/dev/fd")) == before
    with server, Wire(server) as wire:
        assert wire.login().startswith(b"+OK")


@pytest.mark.parametrize("error", [TypeError("no order"), LookupError(), RuntimeError("no")])
def test_mailbox_that_fails(error):
    """For any exception the client gets a reply, and may log in again."""

    class Failing(mailbox.Mailbox):
        fails = True

        def __init__(self):
            pass

        def keys(self):
            if self.fails:
                raise error
            return [1]

        def get_bytes(self, key):
            return FIRST

    box = Failing()
    with POP3Server(box, users=ALICE) as server, Wire(server) as wire:
        assert wire.login().startswith(b"-ERR [SYS/TEMP] ")
        box.fails = False
        assert wire.login().startswith(b"+OK")
        assert wire.ask(b"STAT") == b"+OK 1 %d\r\n" % len(FIRST)
