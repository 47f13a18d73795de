"""The class POP3Server: its arguments, its messages, starting and stopping."""

import contextlib
import email.message
import mailbox
import poplib
import re
import socket
import subprocess
import sys
import textwrap
import threading

import pytest
from wire import ALICE, FIRST, SECOND, THIRD, TIMEOUT, Wire, logged_in

from poplib_c.testing import POP3Server

# Messages


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (b"a: b\n\nc\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\n\nc\r\n", b"a: b\r\n\r\nc\r\n"),
        (b"a: b\r\n\r\nno end", b"a: b\r\n\r\nno end\r\n"),
        (b"", b""),
        (b"\n", b"\r\n"),
        (b"bare \r stays\r", b"bare \r stays\r\r\n"),
        (b"\0\x80\xff\n", b"\0\x80\xff\r\n"),
        ("é\n", b"\xc3\xa9\r\n"),
        (b"x" * 100_000, b"x" * 100_000 + b"\r\n"),
    ],
)
def test_line_ends_are_all_that_changes(given, sent):
    with POP3Server([given]) as server, Wire(server) as wire:
        wire.login()
        assert server.messages == [sent]
        assert wire.ask(b"LIST 1") == b"+OK 1 %d\r\n" % len(sent)
        assert wire.ask(b"RETR 1").startswith(b"+OK")
        assert wire.rest() == sent + b".\r\n"


@pytest.mark.parametrize(
    ("message", "stuffed"),
    [
        (SECOND, b"Subject: two\r\n\r\n..\r\n...\r\n..dots\r\nno dots\r\n.\r\n"),
        (b".first\r\n", b"..first\r\n.\r\n"),
        (b".\r\n.\r\n.\r\n", b"..\r\n..\r\n..\r\n.\r\n"),
    ],
)
def test_dot_stuffing_is_not_counted(message, stuffed):
    with POP3Server([message]) as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"STAT") == b"+OK 1 %d\r\n" % len(message)
        wire.ask(b"RETR 1")
        assert wire.rest() == stuffed
        wire.ask(b"TOP 1 99")
        assert wire.rest() == stuffed


@pytest.mark.parametrize("kind", [email.message.Message, email.message.EmailMessage])
def test_email_messages(kind):
    message = kind()
    message["Subject"] = "hello"
    message.set_payload("From here\n")
    assert POP3Server([message]).messages == [b"Subject: hello\r\n\r\nFrom here\r\n"]


@pytest.mark.parametrize("messages", [b"text", "text", [1], [None], [bytearray(b"text")]])
def test_messages_of_a_wrong_type(messages):
    with pytest.raises(TypeError):
        POP3Server(messages)


@pytest.mark.parametrize(
    ("message", "count", "expected"),
    [
        (THIRD, 0, b"Subject: three\r\n\r\n"),
        (THIRD, 2, b"Subject: three\r\n\r\n1\r\n2\r\n"),
        (THIRD, 3, THIRD),
        (THIRD, 4, THIRD),
        (THIRD, 99999999999999999999, THIRD),
        (b"Subject: only\r\n", 1, b"Subject: only\r\n"),
        (b"\r\nbody\r\nmore\r\n", 1, b"\r\nbody\r\n"),
        (b"\r\n\r\n\r\n", 1, b"\r\n\r\n"),
        (b"", 1, b""),
    ],
)
def test_top(message, count, expected):
    with POP3Server([message]) as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"TOP 1 %d" % count).startswith(b"+OK")
        assert wire.rest() == expected + b".\r\n"


# Unique-ids


def uids(server):
    with logged_in(server) as client:
        lines = [line.split(b" ") for line in client.uidl()[1]]
        client.quit()
    return {int(number): uid for number, uid in lines}


def test_unique_ids_are_unique_and_well_formed():
    with POP3Server([FIRST, FIRST, SECOND, b"", FIRST], users=ALICE) as server:
        found = list(uids(server).values())
    assert len(set(found)) == 5
    assert all(re.fullmatch(rb"[!-~]{1,70}", uid) for uid in found)


def test_unique_ids_are_the_same_in_every_server():
    with POP3Server([FIRST, SECOND, FIRST], users=ALICE) as server:
        found = uids(server)
    with POP3Server([THIRD, FIRST, FIRST], users=ALICE) as server:
        others = uids(server)
    assert (others[2], others[3]) == (found[1], found[3])
    assert others[1] not in found.values()


def test_unique_ids_stay_when_other_messages_go():
    with POP3Server([FIRST, FIRST, SECOND, FIRST], users=ALICE) as server:
        before = uids(server)
        with logged_in(server) as client:
            client.dele(1)
            client.quit()
        assert uids(server) == {1: before[2], 2: before[3], 3: before[4]}


# Mailboxes


def maildir(path):
    box = mailbox.Maildir(path / "maildir")
    for number, message in enumerate((FIRST, SECOND, THIRD)):
        name = path / "maildir" / "new" / f"{1700000000 + number}.M{number}.example.org"
        name.write_bytes(message.replace(b"\r\n", b"\n"))
    return box


def mbox(path):
    box = mailbox.mbox(path / "mbox")
    for message in (FIRST, SECOND, THIRD):
        box.add(message.replace(b"\r\n", b"\n"))
    box.flush()
    return box


@pytest.mark.parametrize("make", [maildir, mbox])
def test_deletions_are_committed_to_a_mailbox_at_quit(tmp_path, make):
    with contextlib.closing(make(tmp_path)) as box, POP3Server(box, users=ALICE) as server:
        assert server.messages == [FIRST, SECOND, THIRD]
        before = uids(server)
        with logged_in(server) as client:
            client.dele(1)
        assert len(box) == 3
        with logged_in(server) as client:
            assert client.retr(2)[1] == SECOND.split(b"\r\n")[:-1]
            client.dele(2)
            client.quit()
        assert server.messages == [FIRST, THIRD]
        assert uids(server) == {1: before[1], 2: before[3]}
        with contextlib.closing(type(box)(box._path, create=False)) as again:
            assert sorted(message["Subject"] for message in again) == ["one", "three"]


def test_a_mailbox_that_somebody_has_locked_keeps_its_messages(tmp_path):
    with contextlib.closing(mbox(tmp_path)) as box, POP3Server(box, users=ALICE) as server:
        with logged_in(server) as client:
            client.dele(1)
            (tmp_path / "mbox.lock").touch()
            with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\] "):
                client.quit()
        assert len(box) == 3
        (tmp_path / "mbox.lock").unlink()
        with logged_in(server) as client:
            client.dele(1)
            client.quit()
        assert server.messages == [SECOND, THIRD]


def test_a_mailbox_that_cannot_be_read(tmp_path):
    with contextlib.closing(maildir(tmp_path)) as box, POP3Server(box, users=ALICE) as server:
        found = box.keys()
        box.keys = lambda: [*found, "9-gone"]
        with Wire(server) as wire:
            assert wire.login().startswith(b"-ERR [SYS/TEMP] ")
            del box.keys
            assert wire.login().startswith(b"+OK")


# Life cycle


def test_start_and_stop_may_be_repeated():
    server = POP3Server([FIRST], users=ALICE)
    server.stop()
    server.start()
    address = server.address
    server.start()
    assert server.address == address
    with logged_in(server) as client:
        client.dele(1)
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=TIMEOUT)
    with server:
        assert server.address == address
        assert server.messages == [FIRST]
        with logged_in(server) as client:
            assert client.stat()[0] == 1


def test_stop_ends_connections_in_every_situation():
    large = b"x\r\n" * 10_000_000
    threads = threading.active_count()
    with POP3Server([large], users=ALICE) as server, contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(4)]
        wires[1].sock.sendall(b"half a comm")
        wires[2].login()
        wires[2].sock.sendall(b"DELE 1\r\nRSET\r\nRETR 1\r\n")
        assert wires[2].file.readline().startswith(b"+OK")
        wires[3].sock.close()
        server.stop()
        assert threading.active_count() == threads
        for wire in wires[:2]:
            assert wire.file.read() == b""
    assert server.messages == [large]


def test_the_with_block_passes_exceptions_on():
    with pytest.raises(KeyError, match="mine"), POP3Server() as server:
        raise KeyError("mine")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=TIMEOUT)


def test_an_address_in_use(server):
    other = POP3Server(port=server.port)
    with pytest.raises(OSError, match="in use"):
        other.start()
    other.stop()


def test_idle_connections_are_closed_and_delete_nothing():
    with POP3Server([FIRST], users=ALICE, timeout=0.2) as server, Wire(server) as wire:
        wire.login()
        assert wire.ask(b"DELE 1").startswith(b"+OK")
        assert wire.file.read() == b""
        assert server.messages == [FIRST]


@pytest.mark.parametrize("name, seconds", [("timeout", 0), ("timeout", -1), ("latency", -1)])
def test_times_that_are_refused(name, seconds):
    with pytest.raises(ValueError, match=name):
        POP3Server(**{name: seconds})


def test_a_client_that_resets_its_connection(server):
    with Wire(server) as wire:
        wire.login()
        linger = b"\1\0\0\0\0\0\0\0"  # struct linger {1, 0}: close() sends RST
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    with logged_in(server) as client:
        assert client.stat()[0] == 3


def test_nothing_is_left_to_warn_about():
    program = """
        import poplib
        from poplib_c.testing import POP3Server

        with POP3Server([b"text"]) as server:
            quitting, lost = (poplib.POP3(*server.address, timeout=10) for _ in range(2))
            quitting.quit()
        lost.close()
    """
    finished = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, b"", b"")
