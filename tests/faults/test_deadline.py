"""A session's deadline ends whatever waits, however often the server sends something."""

import contextlib
import socket
import time

import pytest
from scripted import Anything, C, S, play

import poplib_c
from poplib_c import POP3, error_proto
from poplib_c.testing import POP3Server

from .ahead import OF_THREE, logged_in
from .auth import Mechanism
from .deadline import (
    ALLOWED,
    LONG_LINE,
    PATIENT,
    Drip,
    Whole,
    check_cut,
    passes,
    trickling,
)
from .support import (
    OVER_TLS,
    SHORT,
    SOCKETS,
    TIMEOUT,
    WAYS,
    ByFile,
    ByLines,
    ByMethods,
    Call,
    Endless,
    OwnSocket,
    full_server,
    lasts,
    over_links,
)

either = pytest.mark.parametrize("cls", [POP3, ByMethods])
every_socket = pytest.mark.parametrize("sock_class", SOCKETS)


def client_of(server, cls=POP3, timeout=PATIENT, **options):
    return cls(server.host, server.port, timeout, **options)


@contextlib.contextmanager
def held(client, seconds=ALLOWED, **how):
    """The block ends by its deadline, in the midst of what it does."""
    with passes(seconds, **how), client.deadline(seconds):
        yield


# --- connecting -----------------------------------------------------------------------------


@pytest.fixture
def full():
    """The address of a server that has no room for one more connection."""
    with full_server() as address:
        yield address


def many_addresses(monkeypatch, address, count, seconds=0.0):
    """getaddrinfo() takes so long, and finds so many; the list of what was connected to."""
    connected = []

    class Counted(socket.socket):
        def connect(self, address):
            connected.append(address)
            super().connect(address)

    def getaddrinfo(*arguments):
        time.sleep(seconds)
        return count * [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "socket", Counted)
    return connected


@pytest.mark.usefixtures("no_resource_warning")
@pytest.mark.parametrize("timeout", [PATIENT, None])
def test_connecting(monkeypatch, full, timeout):
    connected = many_addresses(monkeypatch, full, 5)
    with passes():
        POP3(*full, timeout, deadline=ALLOWED)
    assert len(connected) == 1


def test_connecting_to_many_addresses(monkeypatch, full):
    """Each takes its timeout: no further one is tried behind the deadline."""
    connected = many_addresses(monkeypatch, full, 50)
    with passes():
        POP3(*full, ALLOWED / 5, deadline=ALLOWED)
    assert 1 < len(connected) < 10


def test_the_timeout_of_connecting_is_another(full):
    with lasts(0.9 * SHORT), pytest.raises(socket.timeout, match=r"^timed out$"):
        POP3(*full, SHORT, deadline=PATIENT)


def test_a_name_that_takes_too_long(monkeypatch):
    """That cannot be interrupted, but nothing follows."""
    connected = many_addresses(monkeypatch, ("127.0.0.1", 9), 1, seconds=2 * SHORT)
    with passes(SHORT):
        POP3("mail.example.org", deadline=SHORT)
    assert connected == []


def test_a_name_without_addresses(monkeypatch):
    many_addresses(monkeypatch, None, 0)
    with pytest.raises(OSError, match="getaddrinfo returns an empty list"):
        POP3("mail.example.org", deadline=PATIENT)


@pytest.mark.parametrize("timeout", [PATIENT, None])
def test_refused_and_then_connected(monkeypatch, timeout):
    """The socket's own timeout is what the arguments say."""
    with socket.socket() as unused, play(S("+OK ready")) as server:
        unused.bind(("127.0.0.1", 0))
        addresses = [unused.getsockname(), (server.host, server.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: found)
        with POP3("mail.example.org", 1, timeout, deadline=TIMEOUT) as client:
            assert client.sock.gettimeout() == timeout
            assert client.sock.getpeername() == addresses[1]
            client.close()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: found[:1])
        with pytest.raises(ConnectionRefusedError):
            POP3("mail.example.org", 1, timeout, deadline=TIMEOUT)


@pytest.mark.parametrize("timeout", [PATIENT, SHORT, None])
def test_create_connection_in_the_place_of_the_socket_modules(monkeypatch, timeout):
    """It is called with no more time than there is."""
    asked = []
    plain = socket.create_connection

    def create(address, timeout):
        asked.append(timeout)
        return plain(address, timeout)

    monkeypatch.setattr(poplib_c.socket, "create_connection", create)
    with play(S("+OK ready")) as server:
        client = client_of(server, timeout=timeout, deadline=TIMEOUT)
        assert client.sock.gettimeout() == timeout
        client.close()
    assert 0 < asked[0] <= min(timeout or TIMEOUT, TIMEOUT)


def test_create_connection_that_sets_a_timeout_of_its_own(monkeypatch):
    def create(address, timeout):
        sock = socket.socket()
        sock.settimeout(PATIENT / 4)
        sock.connect(address)
        return sock

    monkeypatch.setattr(poplib_c.socket, "create_connection", create)
    with play(S("+OK ready")) as server:
        client = client_of(server, deadline=TIMEOUT)
        assert client.sock.gettimeout() == PATIENT / 4
        client.close()


def test_create_connection_without_any_time_left(monkeypatch):
    """It is not called: a timeout of 0 is not to wait, and fails otherwise."""
    monkeypatch.setattr(poplib_c.socket, "create_connection", lambda *arguments: 1 / 0)
    with pytest.raises(socket.timeout, match="the deadline of 2e-09 s has passed"):
        POP3("mail.example.org", 1, PATIENT, deadline=1e-9)


# --- greeting and replies --------------------------------------------------------------------


@pytest.mark.usefixtures("no_resource_warning")
@pytest.mark.parametrize("steps", [[], [Drip(b"+"), Anything()]], ids=["silence", "drip"])
@over_links([POP3, ByMethods])
def test_greeting(way, link, steps):
    steps = [*link.opening("")[:-1], *steps]
    with passes(), play(*steps) as server:
        link.connect(server, way, deadline=ALLOWED)


@pytest.mark.row("A message whose end never comes")
@over_links(WAYS)
@pytest.mark.parametrize(
    "timeout, first", [(PATIENT, b""), (None, b"+OK\r\nthe end\r\n.")], ids=["status", "lines"]
)
def test_silence(way, link, timeout, first):
    with link.play(C("RETR 1"), Whole(b"", first)) as server:
        client = link.connect(server, way, timeout)
        with held(client):
            client.retr(1)
        assert client.sock.gettimeout() == timeout
        check_cut(client)


@over_links([POP3, ByMethods, ByLines])
@pytest.mark.parametrize("data, first", [(b"+" * 80, b""), (b"x\r\n", b"+OK\r\n")])
def test_one_octet_at_a_time(way, link, data, first):
    with link.play(C("RETR 1"), Drip(data, first)) as server:
        client = link.connect(server, way, PATIENT)
        with held(client):
            client.retr(1)
        check_cut(client)


def test_one_line_at_a_time():
    with play(S("+OK ready"), C("RETR 1"), Whole(b"line\r\n", b"+OK\r\n")) as server:
        client = client_of(server, ByFile)
        with held(client):
            client.retr(1)
        check_cut(client)


@pytest.mark.row("Endless replies")
@over_links([POP3, ByMethods, ByLines, ByFile])
def test_a_server_that_never_pauses(way, link):
    """Nothing ever waits; the socket module's own file gives nothing back within a line."""
    line = 4096 * b"x" if way is not ByFile else 4094 * b"x" + b"\r\n"
    with link.play(C("RETR 1"), S("+OK"), Endless(line, 2**33)) as server:
        client = link.connect(server, way, PATIENT, max_line=None)
        with held(client):
            client.retr(1)
        check_cut(client)


COMMANDS = {
    "stat": lambda client: client.stat(),
    "capa": lambda client: client.capa(),
    "retr_bytes": lambda client: client.retr_bytes(1),
    "retr_many": lambda client: list(client.retr_many([1, 2, 3])),
    "auth": lambda client: client.auth("PLAIN", lambda challenge: b""),
    "login": lambda client: client.login("alice", "secret", allow_insecure=True),
    "quit": lambda client: client.quit(),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_commands(command):
    with play(S("+OK ready"), Anything(once=True), Drip(b"+"), Anything()) as server:
        client = client_of(server)
        with held(client):
            command(client)
        client.close()


@either
def test_reading_by_hand(cls):
    with play(S("+OK ready"), C("NOOP"), Drip(b"a"), Anything()) as server:
        client = client_of(server, cls)
        client._putcmd("NOOP")
        with held(client):
            client.file.readline()
        check_cut(client)


# --- many commands at once --------------------------------------------------------------------


@either
def test_commands_sent_ahead(cls):
    """What has come is given, and then the exception."""
    asked = [C(f"RETR {number}") for number in (1, 2, 3)]
    with play(S("+OK ready"), *asked, S("+OK", "a", "."), Drip(b"x", b"+OK\r\n")) as server:
        client = client_of(server, cls, pipelining=True)
        messages = client.retr_many([1, 2, 3])
        assert next(messages) == (1, b"a\r\n")
        with held(client):
            next(messages)
        assert list(messages) == []
        check_cut(client)


def test_read_ahead():
    asked = [C(f"RETR {number}") for number in (1, 2, 3)]
    steps = (*OF_THREE, *asked, S("+OK", "1", "."), Drip(b"x", b"+OK\r\n"))
    with play(*steps) as server:
        client = logged_in(server, count=3, timeout=PATIENT)
        assert client.retr(1)[1] == [b"1"]
        with held(client):
            client.retr(2)
        check_cut(client)


def test_between_challenges():
    """The answer is not sent: the server goes on waiting for it."""

    class Slow(Mechanism):
        def __call__(self, challenge):
            time.sleep(1.1 * ALLOWED)
            return super().__call__(challenge)

    with play(S("+OK ready"), C("AUTH X-TEST"), S("+ ")) as server:
        client = client_of(server)
        with held(client, begun=False):
            client.auth(Slow(answers=[b"never"]))
        with pytest.raises(error_proto, match="out of step"):
            client.noop()
        client.close()


# --- sending ----------------------------------------------------------------------------------


class Held(OwnSocket):
    """Its sendall() has its whole timeout for each piece, as an ssl.SSLSocket's."""

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view[:1000]) :]


@pytest.mark.parametrize("timeout", [PATIENT, None])
@pytest.mark.parametrize("sock_class", [Held, *SOCKETS])
def test_a_server_that_reads_little_at_a_time(wired, sock_class, timeout):
    client, peer = wired(timeout=timeout, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with trickling(peer), held(client):
        client._putline(LONG_LINE)
    assert client.sock.gettimeout() == timeout
    check_cut(client)


@every_socket
def test_a_server_that_reads_nothing(wired, sock_class):
    client, _ = wired(timeout=PATIENT, sock_class=sock_class)
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with held(client):
        client._putline(LONG_LINE)
    check_cut(client)


# --- behind it ----------------------------------------------------------------------------------


OVER = 0.001


def expired(wired, **options):
    """A client at rest whose time is over, and the server's end."""
    client, peer = wired(**options)
    client.block = client.deadline(OVER)
    client.block.__enter__()
    time.sleep(2 * OVER)
    return client, peer


@every_socket
def test_no_command_is_sent(wired, sock_class):
    """The connection stays in step."""
    client, peer = expired(wired, sock_class=sock_class, pipelining=True, read_ahead=2)
    for command in [
        client.noop,
        client.list,
        client.capa,
        *([] if sock_class in OVER_TLS else [client.stls]),
        lambda: client.retr(1),
        lambda: client.retr_bytes(1),
        lambda: client._putcmd("NOOP"),
        lambda: client._shortcmd("NOOP"),
        lambda: next(client.retr_many([1])),
        lambda: next(client.dele_many([1])),
        lambda: client.auth("PLAIN", lambda challenge: b""),
    ]:
        with passes(OVER, begun=False):
            command()
    client.block.__exit__(None, None, None)
    call = Call(client.noop)
    assert peer.recv(100) == b"NOOP\r\n"
    peer.sendall(b"+OK done\r\n")
    assert call.end() == b"+OK done"


def test_quit(wired):
    client, peer = expired(wired)
    sock = client.sock
    with passes(OVER, begun=False):
        client.quit()
    assert client.sock is client.file is None
    assert sock.fileno() == -1
    assert peer.recv(100) == b""


def test_with_statement(wired):
    client, peer = expired(wired)
    with passes(OVER, begun=False), client:
        pass
    assert client.sock is None
    client, _ = expired(wired)
    with pytest.raises(LookupError), client:
        raise LookupError
    assert client.sock is None
    assert peer.recv(100) == b""


@pytest.mark.parametrize("adopted", [True, False])
def test_a_line_whose_announcement_takes_too_long(monkeypatch, wired, adopted):
    """It is not sent."""
    client, peer = wired()
    if not adopted:
        client.file = client.sock.makefile("rb")
    client.set_debuglevel(2)
    slow = {"*put*": 2 * SHORT}
    monkeypatch.setattr("builtins.print", lambda what, *rest: time.sleep(slow.get(what, 0)))
    with passes(SHORT, begun=False), client.deadline(SHORT):
        client.noop()
    monkeypatch.undo()
    call = Call(client.noop)
    assert peer.recv(100) == b"NOOP\r\n"
    peer.sendall(b"+OK\r\n")
    assert call.end() == b"+OK"


def test_stls_behind_its_capa():
    """Nothing was said of TLS: the connection goes on as it is."""

    class Slow(POP3):
        def capa(self):
            capabilities = super().capa()
            time.sleep(2 * SHORT)
            return capabilities

    steps = (C("CAPA"), S("+OK", "STLS", "."), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = client_of(server, Slow)
        with passes(SHORT, begun=False), client.deadline(SHORT):
            client.stls()
        assert client.noop() == b"+OK done"
        client.close()


def test_hooks_before_a_command(wired):
    """No line is announced that is not sent."""
    seen = []

    class Noting(POP3):
        def _putline(self, line):
            seen.append(line)
            super()._putline(line)

    client, _ = expired(wired, cls=Noting)
    with passes(OVER, begun=False):
        client.noop()
    assert seen == []


# --- the argument --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, -1, -0.5, float("nan"), float("-inf")])
def test_wrong_values(wired, wrong):
    for use in (lambda: POP3("127.0.0.1", 9, deadline=wrong), lambda: wired()[0].deadline(wrong)):
        with pytest.raises(ValueError, match="deadline must be more than 0 seconds"):
            use()


@pytest.mark.parametrize("wrong", ["5", b"5", [5], object()])
def test_wrong_types(wired, wrong):
    for use in (lambda: POP3("127.0.0.1", 9, deadline=wrong), lambda: wired()[0].deadline(wrong)):
        with pytest.raises(TypeError, match=r"deadline must be a number \(seconds\) or None"):
            use()


@pytest.mark.parametrize("far", [None, 1e9, 1e300, float("inf")])
def test_far_away(wired, far):
    client, peer = wired(deadline=far)
    with client.deadline(far):
        client._putcmd("NOOP")
        peer.sendall(b"+OK\r\n")
        assert client._getresp() == b"+OK"


def test_connected_again():
    """A session that has none is not held by the one before."""
    with POP3Server({"alice": "secret"}) as server:
        client = POP3(*server.address, TIMEOUT, deadline=0.3)
        client.close()
        time.sleep(0.31)
        client.__init__(*server.address, TIMEOUT)
        assert client.capa()
        client.quit()
