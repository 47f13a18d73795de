"""The whole conversation, with each server."""

import json
import logging
import re

import pytest
from cli.support import User
from integration.corpus import Message

from poplib_c import POP3, POP3_SSL, error_proto

from .conftest import SERVERS

TIMEOUT = 30
HEADER = (
    b"From: ann@example.org\nDate: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-ID: <%d@example.org>\n"
)
BODIES = {
    "plain": b"one\ntwo\n",
    "dots": b".\n..\n.dot\n...\n. \nend\n.\n",
    "8 bit": b"Gr\xc3\xbc\xc3\x9fe, K\xf6ln \xff\n",
    "a long line": b"x" * 5000 + b"\n",
    "large": b"The quick brown fox jumps over the lazy dog.\n" * 5000,
    "no final newline": b"one\ntwo",
    "a dot, no final newline": b"one\n.",
}
MESSAGES = [
    Message(name, HEADER % number + b"Subject: " + name.encode() + b"\n\n" + body)
    for number, (name, body) in enumerate(BODIES.items(), 1)
]
NUMBERS = range(1, len(MESSAGES) + 1)
UTF8_HEADER = Message("UTF-8 header", HEADER % 8 + "Subject: Grüße\n\nbody\n".encode())


def case(name, link=None):
    """The parameters of a test; without a link, that server's best one."""
    link = link or SERVERS[name].links[-1]
    return pytest.param(name, link, id=f"{name}-{link}")


def with_each(cases):
    return pytest.mark.parametrize("server, link", cases, indirect=["server"])


LINKS = [(name, link) for name, server in SERVERS.items() for link in server.links]
every_link = with_each([case(*pair) for pair in LINKS])
every_server = with_each([case(name) for name in SERVERS])


@pytest.fixture
def connect(server, link):
    """connect(): a connection of that kind, the certificate verified."""
    clients = []

    def connect():
        if link == "pop3s":
            client = POP3_SSL("127.0.0.1", server.tls_port, verify=server.ca_file, timeout=TIMEOUT)
        else:
            client = POP3("127.0.0.1", server.port, timeout=TIMEOUT)
        clients.append(client)
        if link == "stls":
            client.stls(verify=server.ca_file)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def account(server):
    return server.mailbox([message.stored for message in MESSAGES])


@pytest.fixture
def enter(connect, account):
    """enter(): a connection that poplib's own commands have logged in."""

    def enter():
        client = connect()
        client.user(account.user)
        client.pass_(account.password)
        return client

    return enter


@pytest.fixture
def client(enter):
    return enter()


@pytest.fixture
def run(server, link, account, tmp_path):
    """run(command, *options): the command line, with this mailbox or another one."""

    def run(command, *options, account=account):
        scheme = "pop3s" if link == "pop3s" else "pop3"
        port = server.tls_port if link == "pop3s" else server.port
        trust = ["--insecure"] if link == "plain" else ["--cafile", server.ca_file]
        url = f"{scheme}://{account.user}@127.0.0.1:{port}"
        ended = User(tmp_path, account.password).run(command, *trust, *options, url)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def listed(client):
    try:
        return client.capa()
    except error_proto:
        return {}


@every_server
def test_greeting_and_capabilities(server, link, connect):
    client = POP3("127.0.0.1", server.port, timeout=TIMEOUT)
    welcome = client.getwelcome()
    capabilities = listed(client)
    client.quit()
    assert welcome.startswith(b"+OK")
    assert (b"<" in welcome) == server.greets_with_time_stamp
    assert bool(capabilities) == (server.capabilities is not None)
    assert capabilities.keys() >= set(server.capabilities or ())
    assert set(capabilities.get("SASL", [])) == set(server.sasl)


@every_link
def test_login(server, link, connect, account, caplog):
    client = connect()
    with caplog.at_level(logging.DEBUG, "poplib_c"):
        response = client.login(account.user, account.password, allow_insecure=True)
    assert response.startswith(b"+OK")
    assert client.stat()[0] == len(MESSAGES)
    client.quit()
    if link == server.links[-1]:
        commands = re.findall("^C: (AUTH [A-Z0-9-]+|APOP|USER)", "\n".join(caplog.messages), re.M)
        assert commands[-1] == server.logs_in_by


@every_link
def test_user_and_pass(connect, account):
    client = connect()
    assert client.user(account.user).startswith(b"+OK")
    assert client.pass_(account.password).startswith(b"+OK")
    assert client.stat()[0] == len(MESSAGES)
    client.quit()


@every_server
def test_wrong_password(connect, account):
    client = connect()
    client.user(account.user)
    with pytest.raises(error_proto):
        client.pass_("wrong")
    with pytest.raises(error_proto):
        connect().login(account.user, "wrong", allow_insecure=True)


@every_server
def test_listings(client):
    count, octets = client.stat()
    sizes = client.sizes()
    assert count == len(MESSAGES)
    assert list(sizes) == list(NUMBERS)
    assert sum(sizes.values()) == octets
    assert [int(client.list(number).split()[2]) for number in NUMBERS] == list(sizes.values())
    uids = client.uids()
    assert list(uids) == list(NUMBERS)
    assert len(set(uids.values())) == count
    # Twisted leaves the number out of the reply.
    assert [client.uidl(number).split()[-1] for number in NUMBERS] == list(uids.values())


@every_link
def test_messages(server, client):
    for number, message in enumerate(MESSAGES, 1):
        octets = client.retr_bytes(number)
        assert server.as_delivered(octets) == message.wire, message.name
        _, lines, _ = client.retr(number)
        assert b"".join(line + b"\r\n" for line in lines) == octets, message.name


@every_server
def test_top(server, client):
    for number, message in enumerate(MESSAGES, 1):
        header, _, body = message.wire.partition(b"\r\n\r\n")
        received = server.as_delivered(client.top_bytes(number, 1))
        # Mailutils sends the line between header and body twice.
        assert received.startswith(header + b"\r\n\r\n"), message.name
        assert received[len(header) :].strip() == body.partition(b"\r\n")[0].strip(), message.name


@every_server
def test_deletions(server, enter):
    client = enter()
    client.dele(1)
    client.rset()
    assert client.stat()[0] == len(MESSAGES)
    client.dele(2)
    client.dele(len(MESSAGES))
    client.quit()
    client = enter()
    assert client.stat()[0] == len(MESSAGES) - 2
    assert server.as_delivered(client.retr_bytes(2)) == MESSAGES[2].wire
    client.quit()


@every_link
def test_many_messages(server, client):
    """In one go, where the server lists PIPELINING and it works."""
    for number, octets in client.retr_many(NUMBERS):
        assert server.as_delivered(octets) == MESSAGES[number - 1].wire
    assert client.stat()[0] == len(MESSAGES)


@every_server
def test_utf8(server, connect):
    """Header fields in UTF-8 come as they are, also where that has to be asked for."""
    account = server.mailbox([UTF8_HEADER.stored])
    client = connect()
    if "UTF8" in listed(client):
        assert client.utf8().startswith(b"+OK")
    client.user(account.user)
    client.pass_(account.password)
    assert server.as_delivered(client.retr_bytes(1)) == UTF8_HEADER.wire
    client.quit()


@pytest.fixture
def fetched(server, run, tmp_path):
    """fetched(): the messages that fetch --delete has stored."""

    def fetched(**options):
        run("fetch", "--delete", "--eml", tmp_path / "mail", **options)
        files = (tmp_path / "mail").glob("*.eml")
        return {server.as_delivered(path.read_bytes()) for path in files}

    return fetched


@every_server
def test_fetch(fetched, enter):
    assert fetched() == {message.wire for message in MESSAGES}
    assert enter().stat()[0] == 0


@every_server
def test_fetch_utf8(server, fetched):
    assert fetched(account=server.mailbox([UTF8_HEADER.stored])) == {UTF8_HEADER.wire}


@every_server
def test_check(server, run):
    facts = json.loads(run("check", "--json"))
    assert facts["login"] == "done"
    pipelining = "PIPELINING" in (server.capabilities or ())
    assert facts["pipelining"] == {"announced": pipelining, "works": pipelining or None}
