"""What the tests of poplib_c.aio share."""

import asyncio
import contextlib
import gc
import importlib.util
import os
import socket
import threading
import time
import types

import pytest

#: Of what does not happen in time only if something is wrong.
TIMEOUT = 20.0


LOOPS = [asyncio.new_event_loop]
if importlib.util.find_spec("uvloop") is not None:
    import uvloop

    LOOPS.append(uvloop.new_event_loop)

loops = pytest.mark.parametrize("new_loop", LOOPS, ids=lambda new: new.__module__.split(".")[0])


def run(main, new_loop=asyncio.new_event_loop):
    """Return what the coroutine returns, in a loop of its own, in which nothing may be left.

    A loop of uvloop does not show what it watches.
    """
    loop = new_loop()
    try:
        with complains(loop):
            result = loop.run_until_complete(main)
            loop.run_until_complete(asyncio.sleep(0))
        assert not asyncio.all_tasks(loop)
        if isinstance(loop, asyncio.SelectorEventLoop):
            assert len(loop._selector.get_map()) == 1, "a descriptor is watched"  # the loop's own
            assert not [timer for timer in loop._scheduled if not timer.cancelled()]
        return result
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@contextlib.contextmanager
def complains(loop):
    """Raises what the loop would only log."""
    complaints = []
    loop.set_exception_handler(lambda loop, context: complaints.append(context))
    yield
    gc.collect()
    assert not complaints


class Point:
    """Cancels the task that awaits a coroutine, when that is suspended for the number-th time."""

    def __init__(self, number):
        self.number = number
        self.passed = 0

    @types.coroutine
    def within(self, coroutine):
        iterator = coroutine.__await__()
        resume, value = iterator.send, None
        while True:
            try:
                future = resume(value)
            except StopIteration as end:
                return end.value
            if self.passed == self.number:
                asyncio.current_task().cancel()
            self.passed += 1
            try:
                value = yield future
                resume = iterator.send
            except BaseException as exc:
                resume, value = iterator.throw, exc

    @property
    def was_reached(self):
        return self.passed > self.number


def open_descriptors():
    return len(os.listdir("/dev/fd"))


def check_descriptors(before):
    """As many are open as before, once the servers of this process have closed theirs."""
    end = time.monotonic() + TIMEOUT
    while open_descriptors() != before and time.monotonic() < end:
        time.sleep(0.001)
    assert open_descriptors() == before


class Halves:
    """A line to a server: what the server sends comes in two pieces, each after a pause."""

    def __init__(self, address):
        self._target = address
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._start(self._accept)

    def _start(self, function, *arguments):
        threading.Thread(target=function, args=arguments, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                self._start(self._connect, here)

    def _connect(self, here):
        with here, socket.create_connection(self._target) as there:
            here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._pump, here, there)
            while data := there.recv(65536):
                with contextlib.suppress(OSError):
                    for half in data[: len(data) // 2], data[len(data) // 2 :]:
                        time.sleep(0.001)
                        here.sendall(half)

    def _pump(self, here, there):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                there.sendall(data)
        with contextlib.suppress(OSError):
            there.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
