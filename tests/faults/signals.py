"""Signals to the main thread while a test blocks."""

import contextlib
import select
import signal
import threading

from .support import SHORT, TIMEOUT


class Interrupted(Exception):
    pass


@contextlib.contextmanager
def handled_by(handler):
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def pulses(handler, first=SHORT, pause=None, peer=None):
    """Signals the main thread after ``first`` seconds, then each ``pause`` seconds if given.

    The time starts when the block does or, with a peer, when that socket has received something.
    """
    begun, stop = threading.Event(), threading.Event()

    def send():
        begun.wait()
        if peer is not None:
            select.select([peer], [], [], TIMEOUT)
        wait = first
        while wait is not None and not stop.wait(wait):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            wait = pause

    with handled_by(handler):
        thread = threading.Thread(target=send, name="signals")
        thread.start()
        try:
            begun.set()
            yield
        finally:
            stop.set()
            thread.join(TIMEOUT)


def interrupted(peer=None):
    """Raises Interrupted in the block, once.

    A signal just before a system call that blocks does not end it; the next one does.
    """
    handled = []

    def handler(*details):
        handled.append(details)
        if len(handled) == 1:
            raise Interrupted

    return pulses(handler, pause=SHORT, peer=peer)
