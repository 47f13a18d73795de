"""Sessions with a real server: what is kept, undone, refused, repeated and concurrent."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

THREADS = 8


def test_every_address(library, small_mailbox, dovecot):
    for host in dovecot.hosts:
        client = library.login(small_mailbox, host=host)
        assert client.sock.getpeername()[:2] == (host, dovecot.port)
        assert client.quit().startswith(b"+OK")


@pytest.mark.parametrize("link", ["plain", "pop3s", "stls"])
def test_quit_closes(library):
    client = library.connect()
    assert client.quit() == b"+OK Logging out"
    assert client.sock is None
    assert client.file is None


def test_deletion_is_undone_without_quit(library, small_mailbox):
    client = library.login(small_mailbox)
    client.dele(1)
    client.dele(3)
    client.close()
    assert library.login(small_mailbox).stat() == (3, 60)
    assert len(small_mailbox.files()) == 3


def test_mailbox_in_use(both, dovecot):
    """Dovecot waits some ten seconds for the lock, so both libraries ask at the same time."""
    mailbox = dovecot.mailbox([b"Subject: x\n\n"], pop3_lock_session="yes")
    theirs, _ = both
    holder = theirs.login(mailbox)
    with ThreadPoolExecutor(len(both)) as pool:
        asked = [
            pool.submit(library.refusal, library.connect().apop, mailbox.user, mailbox.password)
            for library in both
        ]
        reasons = [future.result() for future in asked]
    assert [reason[:13] for reason in reasons] == [b"-ERR [IN-USE]"] * len(both)
    holder.quit()
    for library in both:
        library.login(mailbox).quit()


@pytest.mark.parametrize("link", ["plain", "pop3s"])
def test_too_many_bad_commands(library):
    """Dovecot closes the connection; how the client learns of it is a matter of timing."""
    client = library.connect()
    for _ in range(20):
        try:
            reason = library.refusal(client._shortcmd, "XYZZY")
        except OSError:
            break
        if isinstance(reason, str):  # its farewell came unasked, or the end of the stream
            assert reason == "-ERR EOF" or "bad commands" in reason
            break
        assert reason.startswith(b"-ERR")
    else:
        pytest.fail("the connection is still open")


@pytest.mark.parametrize("link", ["plain", "pop3s"])
def test_many_connections_without_quit(library, small_mailbox):
    for number in range(50):
        client = library.login(small_mailbox)
        assert client.top(number % 3 + 1, 0)[0] == b"+OK"
        client.close()


@pytest.mark.parametrize("link", ["plain", "pop3s", "pop3s context"])
def test_threads_with_a_connection_each(make_library, dovecot, link, full_mailbox, messages):
    library = make_library("poplib_c", dovecot, link)
    start = threading.Barrier(THREADS, timeout=30)
    numbered = list(enumerate(messages, 1))

    def fetch(client, first):
        start.wait()
        shifted = numbered[first:] + numbered[:first]
        return [m.name for number, m in shifted if client.retr(number)[1] != m.lines]

    clients = [library.login(full_mailbox) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        started = [pool.submit(fetch, client, 10 * n) for n, client in enumerate(clients)]
        assert [future.result() for future in started] == [[]] * THREADS
