"""Connections over TLS that break at each record, compared with poplib."""

import contextlib
import poplib
import socket
import ssl
import time

import pytest
from scripted import Raw, play

import poplib_c
from poplib_c import _tls
from poplib_c.testing import POP3Server

from .support import SHORT, TIMEOUT, lasts
from .tls import DATA, HANDSHAKE, HOST, Cut, Relay, Reset, make_context, versions


class ByContext:
    """poplib_c with an ssl.SSLContext of the user's."""

    error_proto = poplib_c.error_proto

    @staticmethod
    def POP3_SSL(*arguments, **options):
        context = ssl._create_unverified_context()
        return poplib_c.POP3_SSL(*arguments, context=context, **options)


OURS = [poplib_c, ByContext]
MODULES = [poplib, *OURS]
MESSAGE = b"Subject: x\r\n\r\n" + b"".join(b"line %d\r\n" % n for n in range(4000))


@pytest.fixture
def server(ca, version):
    with POP3Server([MESSAGE], tls=make_context(ca, version)) as server:
        yield server


STEPS = [
    ("user", "alice"),
    ("pass_", "secret"),
    ("stat",),
    ("retr", 1),
    ("uidl",),
    ("noop",),
    ("quit",),
]


def name_of(error):
    """Of the exception's type, and what is known of it beside that."""
    name = type(error).__name__
    if name == "SSLZeroReturnError":  # What Python 3.9 makes of the end, with OpenSSL 3.
        name = "SSLEOFError"
    if name == "error_proto":
        return name, *error.args
    return (name, error.library, error.reason) if type(error) is ssl.SSLError else name


def dialogue(module, address, timeout=TIMEOUT):
    """What each step has come to, up to the first exception, for what it is."""
    results = []
    client = None
    try:
        client = module.POP3_SSL(*address, timeout=timeout)
        results.append(client.welcome[:21])
        for name, *arguments in STEPS:
            results.append(getattr(client, name)(*arguments))
    except (OSError, module.error_proto) as error:
        results.append(name_of(error))
        check_dead(module, client)
    return results


def check_dead(module, client):
    """Later commands fail at once, nothing is read into them, and the socket can be let go."""
    if client is None or client.sock is None:
        return  # The constructor, and quit(), have let it go.
    sock = client.sock
    if module in OURS:
        for command in (client.noop, client.uidl):
            with lasts(0), pytest.raises((OSError, poplib_c.error_proto)):
                command()
        with lasts(0), pytest.raises((OSError, poplib_c.error_proto, AttributeError)):
            client.quit()
        assert client.sock is client.file is None
    else:
        with contextlib.suppress(OSError):
            client.close()
    assert sock.fileno() == -1


def compare(server, plan, **options):
    """Runs a dialogue by each module; returns the outcome, which all share."""
    outcomes = []
    for module in MODULES:
        with Relay(server.address, plan) as relay:
            outcomes.append(dialogue(module, relay.address, **options))
    assert outcomes == 3 * [outcomes[0]]
    return outcomes[0]


def records_of(server):
    """The types of the records of a whole dialogue."""
    types = []

    def plan(number, record, send):
        types.append(record[0])
        send(record)

    with Relay(server.address, plan) as relay:
        assert len(dialogue(poplib_c, relay.address)) == 1 + len(STEPS)
    return types


@versions
@pytest.mark.parametrize("part", [0, 3, 9, -1])
def test_cut_at_every_record(server, part):
    """Before it, in its header, in its body, before its last octet."""
    types = records_of(server)
    assert types[0] == HANDSHAKE
    ends = []
    for cut in range(len(types)):

        def plan(number, record, send, cut=cut):
            if number == cut:
                send(record[:part])
                raise Cut
            send(record)

        ends.append(compare(server, plan)[-1])
    assert "SSLEOFError" in ends
    assert ("error_proto", "-ERR EOF") in ends


@versions
@pytest.mark.parametrize("part", [0, 9])
def test_reset_at_every_record(server, part):
    """An error, where some versions of the ssl module say that it is the end of the stream."""
    for cut in range(len(records_of(server)) - 1):

        def plan(number, record, send, cut=cut):
            if number == cut:
                send(record[:part])
                raise Reset
            send(record)

        with Relay(server.address, plan) as relay:
            assert dialogue(poplib_c, relay.address)[-1] == "ConnectionResetError"


GARBAGE = {
    "plain text": lambda record: b"+OK POP3 server ready\r\n",
    "http": lambda record: b"HTTP/1.0 400 Bad Request\r\n\r\n",
    "zeros": lambda record: bytes(len(record)),
    "changed": lambda record: record[:-1] + bytes([record[-1] ^ 1]),
    "twice": lambda record: record + record,
    "too long": lambda record: record[:3] + b"\xff\xff" + 2**16 * b"x",
    "empty": lambda record: record[:3] + b"\0\0",
    "alert": lambda record: b"\x15\3\3\0\2\2\x28",
    "unknown alert": lambda record: b"\x15\3\3\0\2\2\x63",
    "unknown type": lambda record: b"\x63" + record[1:],
    "version": lambda record: record[:1] + b"\2\0" + record[3:],
    "old hello": lambda record: b"\x80\x2e\1\0\2" + bytes(44),
}


@versions
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_at_every_record(server, garbage):
    """In place of a record; nothing that comes behind it is taken for a reply."""
    ends = []
    for wrong in range(len(records_of(server)) - 1):

        def plan(number, record, send, wrong=wrong):
            send(GARBAGE[garbage](record) if number == wrong else record)

        ends.append(compare(server, plan, timeout=1)[-1])
    assert any(end[0] == "SSLError" for end in ends)


@versions
def test_silence_at_every_record_of_the_handshake(server, version):
    """The timeout holds for the whole of it."""
    count = records_of(server).index(DATA)
    assert count >= 2
    for silent in range(count):

        def plan(number, record, send, silent=silent):
            return number < silent and not send(record)

        for module in MODULES:
            with Relay(server.address, plan) as relay, lasts(0.27):
                assert dialogue(module, relay.address, timeout=0.3) == [socket.timeout.__name__]


@versions
def test_handshake_that_never_ends(server):
    """Each octet is in time, the whole is not."""

    def plan(number, record, send):
        for octet in record:
            send(bytes([octet]))
            time.sleep(0.005)

    for module in MODULES:
        with Relay(server.address, plan) as relay, lasts(0.27):
            assert dialogue(module, relay.address, timeout=0.3) == [socket.timeout.__name__]


@versions
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_records_in_pieces(server, size):
    """Where the network cuts them does not matter."""

    def plan(number, record, send):
        step = size if len(record) < 5000 else 100 * size
        for start in range(0, len(record), step):
            send(record[start : start + step])

    assert len(compare(server, plan)) == 1 + len(STEPS)


def test_no_server():
    with socket.create_server((HOST, 0)) as listener:
        address = listener.getsockname()
    for module in MODULES:
        assert dialogue(module, address) == ["ConnectionRefusedError"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"+OK ready\r\n", b"\x16\3\3\0\x10" + 16 * b"x", bytes(range(255, -1, -1)) * 16],
)
def test_server_that_has_no_tls(answer):
    """It says something, or nothing, and closes its side."""
    outcomes = []
    for module in MODULES:
        with play(Raw(answer), Hello()) as server:
            outcomes.append(dialogue(module, (server.host, server.port)))
    assert outcomes == 3 * [outcomes[0]]
    assert outcomes[0][0][0] == "SSLError" or outcomes[0][0] == "SSLEOFError"


class Hello:
    """A step of a script: take what the client says, and close this side."""

    def play(self, peer):
        with contextlib.suppress(OSError):
            peer.connection.recv(65536)
        # What was not read makes the client's close() a reset, after which there is no side to
        # close, and still something to take.
        with contextlib.suppress(OSError):
            peer.connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while peer.connection.recv(65536):
                pass


def test_silence_of_a_server_that_has_no_tls():
    for module in MODULES:
        with socket.create_server((HOST, 0)) as listener, lasts(0.9 * SHORT):
            address = listener.getsockname()
            assert dialogue(module, address, timeout=SHORT) == [socket.timeout.__name__]


@pytest.mark.parametrize(
    "library, number, expected",
    [
        (20, 1010, ("SSL", "SSLV3_ALERT_UNEXPECTED_MESSAGE")),
        (20, 1040, ("SSL", "SSLV3_ALERT_HANDSHAKE_FAILURE")),
        (20, 1047, ("SSL", "SSLV3_ALERT_ILLEGAL_PARAMETER")),
        (20, 1070, ("SSL", "SOME_WORDS")),
        (9, 1040, ("PEM", "SOME_WORDS")),
        (20, 0, ("SSL", None)),
        (128, 100, (None, "SOME_WORDS")),
    ],
)
def test_names_of_reasons(library, number, expected):
    """Alerts keep the ssl module's names, whatever words OpenSSL has for them."""
    error = _tls.new_error(library, number, "some words", "", 0)
    assert type(error) is ssl.SSLError
    assert (error.library, error.reason) == expected
