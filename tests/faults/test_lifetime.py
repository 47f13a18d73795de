"""Objects come and go: cycles, interpreters, processes, exits."""

import gc
import os
import sys
import warnings
import weakref

import pytest

import poplib_c
from poplib_c import POP3

from .support import connect, run_program, tcp_pair

METHODS = ["noop", "stat", "list", "capa", "quit", "close", "getwelcome", "_getline", "_getresp"]


@pytest.mark.parametrize("name", METHODS)
def test_before_the_constructor(name):
    with pytest.raises(AttributeError):
        getattr(POP3.__new__(POP3), name)()


def test_readers_cannot_be_made():
    reader = type(made()[0].file)
    for make in (reader, lambda: reader.__new__(reader), lambda: object.__new__(reader)):
        with pytest.raises(TypeError):
            make()
    gc.collect()


def made():
    here, there = tcp_pair()
    with there, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        there.sendall(b"+OK\r\n")
        client = connect(here)
        file = client.file
        client.close()
        client.file = file
    return client, here


@pytest.mark.parametrize("attribute", ["me", "sock", "file"])
def test_cycles_are_collected(attribute):
    client, _sock = made()
    setattr(client, attribute, client)
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None


def test_a_reader_outlives_its_connection():
    here, there = tcp_pair()
    with there:
        there.sendall(b"+OK\r\nrest\r\n")
        client = connect(here)
        file = client.file
        client.file = client.sock = None
        del client
        gc.collect()
        assert file.readline() == b"rest\r\n"
        file.close()
    here.close()


def test_dropped_without_close():
    """The socket warns, as it does under poplib."""
    here, there = tcp_pair()
    with there:
        there.sendall(b"+OK\r\n")
        client = connect(here)
        del here
        with pytest.warns(ResourceWarning, match="unclosed"):
            del client
            gc.collect()


def test_exit_while_a_thread_is_blocked():
    run_program(
        """
        import threading, time
        from faults.support import connect, tcp_pair
        here, there = tcp_pair()
        there.sendall(b"+OK\\r\\n")
        client = connect(here)
        client.sock.settimeout(None)
        threading.Thread(target=client.noop, daemon=True).start()
        time.sleep(0.2)
        """
    )


def test_a_child_process_closes_its_copy():
    run_program(
        """
        import os
        from faults.support import connect, tcp_pair
        here, there = tcp_pair()
        there.sendall(b"+OK\\r\\n")
        client = connect(here)
        child = os.fork()
        if child == 0:
            client.file.close()
            client.sock.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        client._putcmd("NOOP")
        assert there.recv(100) == b"NOOP\\r\\n"
        there.sendall(b"+OK\\r\\n")
        assert client._getresp() == b"+OK"
        client.close()
        there.close()
        """
    )


@pytest.mark.skipif(sys.version_info < (3, 12), reason="interpreters with a GIL of their own")
def test_interpreters_of_their_own():
    """A whole session in each of several interpreters, one after the other."""
    run_program(
        """
        import sys, threading
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        from poplib_c.testing import POP3Server

        SESSION = '''
        import sys
        sys.path[:] = {path!r}
        import poplib_c
        client = poplib_c.POP3("127.0.0.1", {port}, timeout=5)
        client.user("alice")
        client.pass_("secret")
        assert client.retr(1)[1] == [b"hello"], client.retr(1)
        assert client.apop.__name__ == "apop" and poplib_c.POP3.timestamp.pattern
        client.quit()
        '''
        SESSION = "\\n".join(line.strip() for line in SESSION.splitlines())

        def session(port):
            for _ in range(5):
                one = interpreters.create()
                failed = interpreters.run_string(one, SESSION.format(path=sys.path, port=port))
                assert failed is None, failed
                interpreters.destroy(one)
                done.append(1)

        done = []
        servers = [POP3Server([b"hello"]), POP3Server([b"hello"])]
        for server in servers:
            server.start()
        threads = [threading.Thread(target=session, args=(s.port,)) for s in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for server in servers:
            server.stop()
        assert len(done) == 10
        """
    )


def test_many_sessions_leave_nothing(tmp_path):
    """Neither objects nor descriptors."""
    from poplib_c.testing import POP3Server

    def session():
        client = POP3(*server.address, timeout=5)
        client.user("alice")
        with pytest.raises(poplib_c.error_proto):
            client.pass_("wrong")
        client.quit()
        with pytest.raises(AttributeError):
            client.noop()

    with POP3Server([b"hello"], users={"alice": "secret"}) as server:
        for _ in range(20):
            session()
        gc.collect()
        objects, descriptors = len(gc.get_objects()), len(os.listdir("/dev/fd"))
        for _ in range(200):
            session()
        server.commands.clear()
        gc.collect()
        assert len(gc.get_objects()) - objects < 100
        assert len(os.listdir("/dev/fd")) <= descriptors + 2
