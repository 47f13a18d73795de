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


def test_deletion_is_committed_by_quit(library, small_mailbox):
    _, second, _ = small_mailbox.files()
    client = library.login(small_mailbox)
    uids = client.uidl()[1]
    assert client.dele(2).startswith(b"+OK")
    assert client.stat() == (2, 40)
    assert [line.split()[0] for line in client.list()[1]] == [b"1", b"3"]
    assert client.quit() == b"+OK Logging out, messages deleted."
    assert len(small_mailbox.files()) == 2
    assert second.name not in {path.name.split(":")[0] for path in small_mailbox.files()}

    client = library.login(small_mailbox)
    assert client.retr(2)[1] == [b"Subject: 3", b"", b"body"]
    assert [line.split()[1] for line in client.uidl()[1]] == [uids[n].split()[1] for n in (0, 2)]


def test_deletion_is_undone_without_quit(library, small_mailbox):
    client = library.login(small_mailbox)
    client.dele(1)
    client.dele(3)
    client.close()
    assert library.login(small_mailbox).stat() == (3, 60)
    assert len(small_mailbox.files()) == 3


def test_deletion_is_undone_by_rset(library, small_mailbox):
    client = library.login(small_mailbox)
    client.dele(1)
    assert library.refusal(client.retr, 1) == b"-ERR Message is deleted."
    assert client.rset() == b"+OK"
    assert client.retr(1)[1] == [b"Subject: 1", b"", b"body"]
    client.quit()
    assert len(small_mailbox.files()) == 3


def test_everything_deleted(library, small_mailbox):
    client = library.login(small_mailbox)
    for number in (1, 2, 3):
        client.dele(number)
    assert client.stat() == (0, 0)
    assert client.list()[1:] == client.uidl()[1:] == ([], 0)
    client.quit()
    assert small_mailbox.files() == []
    assert library.login(small_mailbox).stat() == (0, 0)


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


def test_many_connections(library, small_mailbox, dovecot):
    for number in range(150):
        client = library.login(small_mailbox, host=dovecot.hosts[number % len(dovecot.hosts)])
        assert client.stat() == (3, 60)
        client.quit()


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
