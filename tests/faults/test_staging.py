"""What the methods of a socket may do to the buffer they are given, and to who wakes them."""

import contextlib
import gc
import threading

import pytest

from .support import GREETING, TIMEOUT, Call, Script


def test_recv_into_that_makes_the_buffer_smaller(wired):
    """It has released the view of a bytearray that is ours, and that shrinks."""
    client, _ = wired(sock_class=Script)

    def replace(buffer):
        whole = buffer.obj
        for view in gc.get_objects():
            if type(view) is memoryview:
                with contextlib.suppress(ValueError):
                    if view.obj is whole:
                        view.release()
        del whole[1:]
        return 300

    client.sock.replace = replace
    with pytest.raises(OSError, match=r"recv_into\(\) returned 300 for a buffer of 1 octets"):
        client.noop()


def test_recv_into_that_stores_less_than_it_says(wired):
    """Nothing shows up that was in the process's memory before."""
    client, _ = wired(sock_class=Script)
    client.sock.replace = len
    assert client.file.read(60000).replace(GREETING, b"").strip(b"\0") == b""


@pytest.mark.parametrize("error", [OSError("no"), LookupError("no"), KeyboardInterrupt()])
def test_shutdown_that_raises_while_a_thread_is_woken(wired, error):
    """What does not say that the connection is over does not vanish."""
    go, entered = threading.Event(), threading.Event()

    class Waiting(Script):
        def shutdown(self, how):
            if not go.is_set():
                raise error
            super().shutdown(how)

    def replace(buffer):
        entered.set()
        go.wait(TIMEOUT)
        return 0

    client, _ = wired(sock_class=Waiting)
    client.sock.replace = replace
    call = Call(client.noop)
    assert entered.wait(TIMEOUT)
    try:
        client.file.close()
    except BaseException as raised:
        assert raised is error and not isinstance(error, OSError)
    else:
        assert isinstance(error, OSError)
    go.set()
    assert type(call.end()) is ConnectionAbortedError
