"""The protocol of the test server, by the standard library's poplib and by bare sockets."""

import contextlib
import poplib
import re
import socket
import time

import pytest
from wire import ALICE, FIRST, SECOND, THIRD, TIMEOUT, Wire, logged_in

from poplib_c.testing import POP3Server


@pytest.fixture
def transaction(wire):
    assert wire.login().startswith(b"+OK")
    return wire


# The session as poplib sees it


def test_every_command_of_poplib(server):
    with logged_in(server) as client:
        sizes = [len(FIRST), len(SECOND), len(THIRD)]
        assert client.stat() == (3, sum(sizes))
        assert client.list()[1] == [b"%d %d" % pair for pair in enumerate(sizes, 1)]
        assert client.list(2) == b"+OK 2 %d" % len(SECOND)
        uids = client.uidl()[1]
        assert client.uidl(3) == b"+OK " + uids[2]
        assert client.retr(2)[1:] == (SECOND.split(b"\r\n")[:-1], len(SECOND))
        assert client.top(3, 1)[1] == [b"Subject: three", b"", b"1"]
        assert client.noop().startswith(b"+OK")
        assert client.dele(1).startswith(b"+OK")
        assert client.rset().startswith(b"+OK")
        assert client.stat()[0] == 3
        assert client.quit().startswith(b"+OK")
    assert server.messages == [FIRST, SECOND, THIRD]


def test_capabilities_in_both_states(server):
    client = poplib.POP3(*server.address, timeout=TIMEOUT)
    try:
        before = client.capa()
        client.user("alice")
        client.pass_("secret")
        assert client.capa() == before
    finally:
        client.close()
    expected = ["TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"]
    assert all(before[name] == [] for name in expected)
    assert before["UTF8"] == ["USER"]


def test_utf8_names_and_passwords():
    with POP3Server(users={"Zoë": "pass wörd"}) as server:
        client = poplib.POP3(*server.address, timeout=TIMEOUT)
        try:
            client.utf8()
            client.user("Zoë")
            client.pass_("pass wörd")
            assert client.stat() == (0, 0)
        finally:
            client.close()


def test_ipv6():
    with POP3Server([FIRST], users=ALICE, host="::1") as server, logged_in(server) as client:
        assert client.stat()[0] == 1
        assert client.sock.getpeername()[:2] == server.address == ("::1", server.port)


# Authorization


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("bob", "secret"), ("a", "")])
def test_wrong_password(server, user, password):
    client = poplib.POP3(*server.address, timeout=TIMEOUT)
    try:
        client.user(user)
        with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\] "):
            client.pass_(password)
        client.user("alice")
        assert client.pass_("secret").startswith(b"+OK")
    finally:
        client.close()


def test_no_users_let_nobody_in_and_none_lets_everybody():
    with POP3Server(users={}) as server, Wire(server) as wire:
        assert wire.login().startswith(b"-ERR [AUTH]")
    with POP3Server() as server, logged_in(server, "any", "thing") as client:
        assert client.stat() == (0, 0)


def test_pass_is_for_right_after_user(wire):
    assert wire.ask(b"PASS secret").startswith(b"-ERR")
    wire.ask(b"USER alice")
    wire.ask(b"XYZZY")
    assert wire.ask(b"PASS secret").startswith(b"-ERR")
    wire.ask(b"USER alice")
    assert wire.ask(b"PASS wrong").startswith(b"-ERR")
    assert wire.ask(b"PASS secret").startswith(b"-ERR")
    assert wire.login().startswith(b"+OK")


def test_names_and_passwords_with_spaces():
    with POP3Server(users={"a user": " with  spaces "}) as server, Wire(server) as wire:
        wire.ask(b"USER a user")
        assert wire.ask(b"PASS with  spaces").startswith(b"-ERR")
        wire.ask(b"USER a user")
        assert wire.ask(b"PASS  with  spaces ").startswith(b"+OK")


def test_apop(server):
    client = poplib.POP3(*server.address, timeout=TIMEOUT)
    try:
        for user, password in (("alice", "wrong"), ("bob", "secret")):
            with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\] "):
                client.apop(user, password)
        client.apop("alice", "secret")
        assert client.stat()[0] == 3
    finally:
        client.close()


def test_apop_without_users():
    with POP3Server([FIRST]) as server:
        client = poplib.POP3(*server.address, timeout=TIMEOUT)
        try:
            client.apop("any", "thing")
            assert client.stat()[0] == 1
        finally:
            client.close()


def test_time_stamps_are_message_ids_and_differ(server):
    greetings = set()
    for _ in range(3):
        with Wire(server) as wire:
            greetings.add(wire.greeting)
    assert len(greetings) == 3
    stamp = re.compile(rb"\+OK [^<>]* <[A-Za-z0-9.]+@[A-Za-z0-9.]+>\r\n")
    assert all(stamp.fullmatch(greeting) for greeting in greetings)


# States and arguments


@pytest.mark.parametrize(
    "command",
    ["STAT", "LIST", "LIST 1", "UIDL", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1", "RSET", "NOOP"],
)
def test_transaction_commands_need_a_login(wire, command):
    assert wire.ask(command.encode()).startswith(b"-ERR")
    assert wire.login().startswith(b"+OK")


@pytest.mark.parametrize("command", ["USER alice", "PASS secret", "APOP alice 0", "UTF8"])
def test_authorization_commands_are_over_after_login(transaction, command):
    assert transaction.ask(command.encode()).startswith(b"-ERR")
    assert transaction.ask(b"NOOP").startswith(b"+OK")


@pytest.mark.parametrize("command", ["USER", "APOP", "APOP alice", "CAPA 1", "UTF8 1", "QUIT 1"])
def test_wrong_arguments_before_login(wire, command):
    assert wire.ask(command.encode()).startswith(b"-ERR")
    assert wire.login().startswith(b"+OK")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("STAT", ["1"]),
        ("LIST", ["x", "0", "4", "-1", "1 2"]),
        ("UIDL", ["x", "0", "4", "1 "]),
        ("RETR", ["", "0", "4", "+1", "1 2", " 1", "99999999999999999999", "1" * 5000, "²"]),
        ("TOP", ["", "1", "1 -1", "1 x", "4 1"]),
        ("DELE", ["", "0", "4"]),
        ("RSET", ["1"]),
        ("NOOP", ["1"]),
        ("QUIT", ["1"]),
    ],
)
def test_wrong_arguments_in_the_transaction(transaction, verb, arguments):
    for argument in arguments:
        assert transaction.ask(f"{verb} {argument}".encode()).startswith(b"-ERR"), argument
        assert transaction.ask(b"NOOP").startswith(b"+OK")


def test_quit_before_login(wire):
    assert wire.ask(b"quit").startswith(b"+OK")
    assert wire.file.read() == b""


# Deletion


def test_deleted_messages_are_gone_from_the_session(server, transaction):
    assert transaction.ask(b"DELE 2").startswith(b"+OK")
    for command in (b"DELE 2", b"RETR 2", b"TOP 2 0", b"LIST 2", b"UIDL 2"):
        assert transaction.ask(command).startswith(b"-ERR"), command
    assert transaction.ask(b"STAT") == b"+OK 2 %d\r\n" % (len(FIRST) + len(THIRD))
    transaction.ask(b"LIST")
    assert transaction.rest() == b"1 %d\r\n3 %d\r\n.\r\n" % (len(FIRST), len(THIRD))
    transaction.ask(b"UIDL")
    assert [line[:2] for line in transaction.rest().splitlines()] == [b"1 ", b"3 ", b"."]
    assert server.messages == [FIRST, SECOND, THIRD]


def test_quit_commits_deletions(server):
    with logged_in(server) as client:
        client.dele(3)
        client.dele(1)
        client.quit()
        assert server.messages == [SECOND]
    with logged_in(server) as client:
        assert client.stat() == (1, len(SECOND))
        assert client.retr(1)[2] == len(SECOND)


def test_rset_undoes_deletions(server):
    with logged_in(server) as client:
        client.dele(1)
        client.rset()
        client.dele(2)
        client.quit()
    assert server.messages == [FIRST, THIRD]


def test_a_lost_connection_deletes_nothing(server):
    with logged_in(server) as client:
        client.dele(1)
    with logged_in(server) as client:
        assert client.stat()[0] == 3
    assert server.messages == [FIRST, SECOND, THIRD]


def test_end_of_input_in_a_command_deletes_nothing(server, transaction):
    transaction.ask(b"DELE 1")
    transaction.sock.sendall(b"QUIT")
    transaction.sock.shutdown(socket.SHUT_WR)
    assert transaction.file.read() == b""
    assert server.messages == [FIRST, SECOND, THIRD]


# Lines


@pytest.mark.parametrize(
    "line", [b"", b" ", b"XYZZY", b"\xff\xfe\x80", b"NO\0OP", b"STATX", b"\r"]
)
def test_unknown_commands(server, transaction, line):
    assert transaction.ask(line).startswith(b"-ERR")
    assert transaction.ask(b"NOOP").startswith(b"+OK")
    assert server.commands[-2:] == [line, b"NOOP"]


def test_eight_bit_arguments(wire):
    assert wire.ask(b"USER \xff\0\x80").startswith(b"+OK")
    assert wire.ask(b"PASS \xe9").startswith(b"-ERR [AUTH]")
    assert wire.login().startswith(b"+OK")


def test_commands_in_lower_case_and_with_bare_line_feeds(transaction):
    transaction.sock.sendall(b"noop\nStAt\n")
    assert transaction.file.readline().startswith(b"+OK")
    assert transaction.file.readline().startswith(b"+OK 3 ")


@pytest.mark.parametrize("length", [8193, 100_000, 1_000_000])
def test_a_line_too_long_is_refused_once(server, transaction, length):
    assert transaction.ask(b"N" * length).startswith(b"-ERR")
    assert transaction.ask(b"STAT").startswith(b"+OK 3 ")
    assert server.commands[-2:] == [b"PASS secret", b"STAT"]


def test_the_end_of_a_line_too_long_is_no_command(transaction):
    transaction.sock.sendall(b"N" * 20_000)
    time.sleep(0.1)  # the end of the line arrives separately
    assert transaction.ask(b"STAT").startswith(b"-ERR")
    assert transaction.ask(b"STAT").startswith(b"+OK 3 ")


def test_a_line_of_255_octets_is_taken():
    name = "n" * 248
    with POP3Server(users={name: "secret"}) as server, logged_in(server, name) as client:
        assert client.stat() == (0, 0)
        assert len(server.commands[0]) == 253


def test_an_octet_at_a_time(wire):
    wire.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in b"USER alice\r\nPASS secret\r\nSTAT\r\n":
        wire.sock.send(bytes([octet]))
    replies = [wire.file.readline() for _ in range(3)]
    assert [reply[:3] for reply in replies] == [b"+OK"] * 3
    assert replies[2] == b"+OK 3 %d\r\n" % len(FIRST + SECOND + THIRD)


def test_replies_keep_within_512_octets(wire):
    assert len(wire.ask(b"X" * 8000)) <= 512


# Pipelining


def test_commands_sent_ahead_are_answered_in_order(server, wire):
    wire.sock.sendall(
        b"USER alice\r\nPASS secret\r\nSTAT\r\nRETR 1\r\n"
        b"XYZZY\r\nDELE 9\r\nDELE 1\r\nQUIT\r\nNOOP\r\n"
    )
    ok, err = b"+OK", b"-ERR"
    replies = wire.file.read().split(b"\r\n")
    assert [reply.split(b" ")[0] for reply in replies[:4]] == [ok] * 4
    assert replies[4:8] == [*FIRST.split(b"\r\n")[:-1], b"."]
    assert [reply.split(b" ")[0] for reply in replies[8:]] == [err, err, ok, ok, b""]
    assert server.messages == [SECOND, THIRD]
    assert server.commands[-1] == b"QUIT"


def test_thousands_of_commands_sent_ahead(transaction):
    transaction.sock.sendall(b"LIST 1\r\nLIST 2\r\n" * 2000)
    replies = [transaction.file.readline() for _ in range(4000)]
    expected = [b"+OK 1 %d\r\n" % len(FIRST), b"+OK 2 %d\r\n" % len(SECOND)]
    assert replies == expected * 2000


def test_large_messages_ahead_of_a_slow_reader():
    message = b"Subject: large\r\n\r\n" + b"line\r\n" * 200_000
    with POP3Server([message], users=ALICE) as server, Wire(server) as wire:
        wire.login()
        wire.sock.sendall(b"RETR 1\r\n" * 8 + b"QUIT\r\n")
        for _ in range(8):
            assert wire.file.readline() == b"+OK %d octets\r\n" % len(message)
            assert wire.rest() == message + b".\r\n"
        assert wire.file.readline().startswith(b"+OK")


# Several connections


def test_the_maildrop_is_locked_for_one_session(server, transaction):
    with Wire(server) as other:
        assert other.login().startswith(b"-ERR [IN-USE] ")
        assert transaction.ask(b"STAT").startswith(b"+OK 3 ")
        transaction.ask(b"DELE 1")
        transaction.ask(b"QUIT")
        assert other.login().startswith(b"+OK")
        assert other.ask(b"STAT").startswith(b"+OK 2 ")


def test_a_login_waits_for_a_session_that_is_about_to_end(server):
    with Wire(server) as other:
        with Wire(server) as lost:
            assert lost.login().startswith(b"+OK")
            other.sock.sendall(b"USER alice\r\nPASS secret\r\n")
            time.sleep(0.1)  # so that the login is refused if it doesn't wait
        assert other.file.readline().startswith(b"+OK")
        assert other.file.readline().startswith(b"+OK")


def test_connections_are_served_side_by_side(server):
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server)) for _ in range(20)]
        for wire in wires:
            wire.sock.sendall(b"CAPA\r\n")
        for wire in reversed(wires):
            assert wire.file.readline().startswith(b"+OK")
            assert b"\r\nPIPELINING\r\n" in wire.rest()


def test_commands_of_all_connections_are_recorded(server):
    with Wire(server) as one, Wire(server) as other:
        one.ask(b"USER alice")
        other.ask(b"QUIT")
        one.ask(b"PASS secret")
        assert server.commands == [b"USER alice", b"QUIT", b"PASS secret"]
        server.commands.clear()
        one.ask(b"NOOP")
        assert server.commands == [b"NOOP"]
