"""Proxies, the address to connect from, and what a silent port speaks."""

import os
import socket
import ssl
import sys
import time

import pytest
from certificates import HOSTS
from proxying import Connect, Socks
from scripted import Anything, C, Pause, Raw, S, play

from poplib_c._cli import dialing
from poplib_c.testing.channel import Channel
from poplib_c.testing.session import Session

from .support import TIMEOUT, delivered, failed, listing, ok, url
from .test_connections import SCHEMES, context, pin

NAME = "mail.example.org"
KINDS = {"socks5": Socks, "socks5h": Socks, "http": Connect}
LOGIN = ("bob", "proxy-secret")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue(NAME)


@pytest.fixture
def secure(serve, certificate):
    """Starts a server for a scheme, with one message."""
    return lambda scheme: serve([b"Subject: s\n\n"], **{SCHEMES[scheme]: context(certificate)})


def through(proxy, kind, user=""):
    host, port = proxy.address
    return ["--proxy", f"{kind}://{user and user + '@'}{host}:{port}"]


@pytest.mark.parametrize(
    ("kind", "scheme", "trust"),
    [
        ("socks5", "pop3s", "cafile"),
        ("socks5", "pop3", "context"),
        ("socks5h", "pop3s", "fingerprint"),
        ("socks5h", "pop3", "no-verify"),
        ("http", "pop3s", "context"),
        ("http", "pop3", "cafile"),
        ("http", "pop3", "fingerprint"),
        ("http", "pop3s", "no-verify"),
    ],
)
def test_a_proxy(user, secure, authority, certificate, kind, scheme, trust):
    """It looks the name up, and the certificate is verified as ever."""
    options = {
        "cafile": ["--cafile", authority.ca_file],
        "fingerprint": ["--fingerprint", pin(certificate)],
        "context": ["--cafile", authority.ca_file, "--tls-min", "1.3"],
        "no-verify": ["--no-verify"],
    }
    with KINDS[kind](secure(scheme).address) as proxy:
        where = [*options[trust], *through(proxy, kind), "--maildir", user.maildir]
        ended = user.fetch(*where, f"{scheme}://alice@{NAME}")
    assert ended.returncode == 0, ended
    assert delivered(user.maildir) == [b"Subject: s\n\n"]
    port = 995 if scheme == "pop3s" else 110
    asked = f"CONNECT {NAME}:{port} HTTP/1.1" if kind == "http" else (5, 1, 3, NAME, port)
    assert proxy.asked == [asked]


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize("command", ["check", "list"])
def test_a_proxy_for_other_commands(user, server, kind, command):
    """http: the greeting arrives together with the proxy's answer."""
    with KINDS[kind](server.address) as proxy:
        ended = user.run(command, "--insecure", *through(proxy, kind), f"pop3://alice@{NAME}")
    assert ended.returncode == 0, ended


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_a_proxy_does_not_hide_another_server(user, serve, authority, kind):
    server = serve(tls=context(authority.issue(*HOSTS)))
    with KINDS[kind](server.address) as proxy:
        where = ["--cafile", authority.ca_file, *through(proxy, kind)]
        ended = user.run("list", *where, f"pop3s://alice@{NAME}")
    assert "the server's certificate is refused: Hostname mismatch" in ended.stderr
    assert "; connect by one of those names, or use --fingerprint without" in ended.stderr
    assert server.commands == []


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize("source", ["netrc", "variable"])
def test_the_password_of_a_proxy(user, server, kind, source):
    if source == "netrc":
        user.netrc("machine 127.0.0.1 login bob password proxy-secret\n")
        user.environment["POPLIB_C_PROXY_PASSWORD"] = "wrong"
    else:
        user.environment["POPLIB_C_PROXY_PASSWORD"] = LOGIN[1]
    with KINDS[kind](server.address, LOGIN) as proxy:
        where = ["--insecure", *through(proxy, kind, "bob")]
        ended = user.run("list", *where, f"pop3://alice@{NAME}")
    assert ended.returncode == 0, ended


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("bob", None, "no password for bob at the proxy 127.0.0.1:{port}: write it into ~/.netrc"),
        ("bob", "wrong", "the proxy 127.0.0.1:{port} refused the login ("),
        ("", None, "://USER@... names a user"),
    ],
)
def test_a_proxy_that_refuses_the_login(user, server, kind, name, password, told):
    user.netrc("default login bob password for-mailboxes\n")
    if password:
        user.environment["POPLIB_C_PROXY_PASSWORD"] = password
    with KINDS[kind](server.address, LOGIN) as proxy:
        ended = user.run("list", *through(proxy, kind, name), f"pop3s://alice@{NAME}")
    assert told.format(port=proxy.address[1]) in failed(ended, 77)
    assert server.commands == []


@pytest.mark.parametrize(
    ("kind", "refuse", "told"),
    [
        ("socks5", 5, "0x05: Connection refused"),
        ("http", b"HTTP/1.1 403 Forbidden", f"refused to connect to {NAME}:995: 403 Forbidden"),
        ("http", b"SSH-2.0-OpenSSH", "this is not the answer of an HTTP proxy: 'SSH-2.0-OpenSSH'"),
        ("http", b"HTTP/1.1 200 " + (1 << 17) * b"x", "the answer is too large"),
    ],
    ids=["SOCKS5", "HTTP", "no HTTP", "endless"],
)
def test_a_proxy_that_does_not_connect(user, server, kind, refuse, told):
    with KINDS[kind](server.address, refuse=refuse) as proxy:
        ended = user.run("list", *through(proxy, kind), f"pop3s://alice@{NAME}")
    assert failed(ended, 75) == f"the proxy 127.0.0.1:{proxy.address[1]}: {told}"


@pytest.mark.parametrize("kind", ["socks5", "http"])
def test_no_proxy(user, kind):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    ended = user.run("list", "--proxy", f"{kind}://{host}:{port}", f"pop3s://alice@{NAME}")
    assert failed(ended, 75) == f"the proxy {host}:{port}: Connection refused"


@pytest.mark.parametrize("kind", ["socks5", "http"])
@pytest.mark.parametrize("limit", ["--timeout", "--deadline"])
def test_a_silent_proxy(user, kind, limit):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        where = [limit, "0.5", "--proxy", f"{kind}://{host}:{port}"]
        ended = user.run("list", *where, f"pop3s://alice@{NAME}")
    assert failed(ended, 75).startswith(f"the proxy {host}:{port}: ")


def test_without_pysocks(user):
    hidden = user.home / "socks.py"
    hidden.write_text("raise ImportError")
    user.environment["PYTHONPATH"] = os.pathsep.join([str(user.home), *sys.path])
    ended = user.run("list", "--proxy", "socks5://127.0.0.1", f"pop3s://alice@{NAME}")
    assert failed(ended, 64) == "--proxy socks5:// needs PySocks: install poplib-c[proxy]"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("socks5://bob:secret@127.0.0.1", "can read a password in a URL"),
        ("https://127.0.0.1", "write socks5://"),
        ("127.0.0.1:1080", "write socks5://"),
        ("socks5://127.0.0.1:0", "0 is not a port"),
    ],
)
def test_no_such_url_of_a_proxy(user, value, told):
    ended = user.run("list", "--proxy", value, f"pop3s://alice@{NAME}")
    assert ended.returncode == 64
    assert told in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.parametrize("command", ["fetch", "list"])
def test_the_variable_is_for_one_proxy(user, command):
    user.environment["POPLIB_C_PROXY_PASSWORD"] = "secret"
    file = user.home / "config.toml"
    accounts = "".join(
        f'[account.{name}]\nurl = "pop3s://alice@{NAME}"\nproxy = "http://bob@{name}.invalid"\n'
        f'maildir = "{name}"\n'
        for name in ("a", "b")
    )
    file.write_text(accounts)
    told = failed(user.run(command, "--config", file), 64)
    assert told == "POPLIB_C_PROXY_PASSWORD is for one proxy, and there are 2: use ~/.netrc"


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("SOCKS5h://a%40b@[::1]", ("socks5", "::1", 1080, "a@b")),
        ("http://proxy.example.org", ("http", "proxy.example.org", 8080, "")),
    ],
)
def test_urls_of_proxies(url, parsed):
    assert dialing.proxy(url) == parsed


# --source


@pytest.fixture
def peers(monkeypatch):
    """The addresses from which clients have come."""
    found = []

    class Seen(Channel):
        def __init__(self, sock, *options):
            found.append(sock.getpeername()[0])
            super().__init__(sock, *options)

    monkeypatch.setattr("poplib_c.testing.Channel", Seen)
    return found


@pytest.mark.parametrize("scheme", ["pop3s", "pop3"])
@pytest.mark.parametrize(("host", "source"), [("127.0.0.1", "127.0.0.2"), ("::1", "::1")])
def test_from_an_address(user, serve, authority, peers, scheme, host, source):
    if sys.platform == "darwin":
        source = host  # Its loopback interface has one IPv4 address.
    kind = {SCHEMES[scheme]: context(authority.issue(*HOSTS))}
    server = serve([b"Subject: s\n\n"], host=host, **kind)
    where = ["--cafile", authority.ca_file, "--source", source, "--maildir", user.maildir]
    ok(user.fetch(*where, url(server, scheme=scheme)))
    assert peers == [source]


def test_through_a_proxy_from_an_address(user, server):
    for kind in ("socks5", "http"):
        with KINDS[kind](server.address) as proxy:
            where = ["--insecure", "--source", "127.0.0.1", *through(proxy, kind)]
            assert user.run("list", *where, f"pop3://alice@{NAME}").returncode == 0


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("192.0.2.1", "annot assign requested address (from --source 192.0.2.1)"),
        ("::1", " (an IPv6 address, as --source)"),
    ],
)
def test_an_address_that_does_not_help(user, server, source, told):
    ended = user.run("list", "--source", source, url(server))
    assert failed(ended, ended.returncode).endswith(told)
    assert ended.returncode in (68, 75)
    assert server.commands == []


def test_no_address(user, server):
    ended = user.run("list", "--source", "localhost", url(server))
    assert ended.returncode == 64
    assert "'localhost' is not an IPv4 or IPv6 address" in ended.stderr


# The greeting


@pytest.mark.parametrize(
    ("command", "options", "seconds", "refuses"),
    [
        ("fetch", [], "3", False),
        ("check", ["--timeout", "1"], "0.5", False),
        ("list", ["--timeout", "1"], "0.5", True),
    ],
)
def test_a_tls_port(user, serve, authority, command, options, seconds, refuses):
    """A TLS server waits for the client to begin, as the client waits for the greeting."""
    tls = context(authority.issue(*HOSTS))
    if refuses:  # It has no cipher of the client's, and says so by an alert.
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers("ECDHE-ECDSA-AES128-CCM")
    server = serve(tls=tls)
    into = ["--maildir", user.maildir] if command == "fetch" else []
    told = failed(user.run(command, *into, *options, url(server)), 76)
    wanted = f"no greeting within {seconds} s, and port {server.port} speaks TLS: use pop3s://"
    assert told.endswith(wanted)


@pytest.mark.parametrize("refuses", [False, True])
def test_a_slow_server(user, serve, monkeypatch, refuses):
    """It gets its time, also if it takes no second connection."""

    if refuses:
        quits = [C("QUIT"), S("+OK")]
        greeted = [Pause(3.6), S("+OK at last"), C("CAPA"), S("-ERR no"), C("USER alice")]
        with play(*greeted, S("+OK"), C("PASS secret"), S("+OK"), *listing(), *quits) as server:
            ended = user.run("list", "--insecure", "--timeout", "20", url(server))
    else:

        class Late(Session):
            def run(self):
                time.sleep(3.6)
                super().run()

        monkeypatch.setattr("poplib_c.testing.Session", Late)
        ended = user.run("list", "--insecure", "--timeout", "20", url(serve()))
    assert ended.returncode == 0, ended


def test_a_silent_server(user):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = user.run("list", "--timeout", "2", f"pop3://alice@127.0.0.1:{port}")
    told = f"timed out before the greeting, and port {port} does not speak TLS either: "
    assert failed(ended, 75).startswith(told)


def test_a_silent_server_that_takes_no_second_connection(user):
    with play(Anything()) as server:
        ended = user.run("list", "--timeout", "2", url(server))
    told = f"timed out before the greeting: if port {server.port} speaks TLS, use pop3s://"
    assert failed(ended, 75) == told


class Trickle:
    """A step that answers an octet now and then, until the client leaves."""

    def play(self, peer):
        until = time.monotonic() + 2 * TIMEOUT
        for octet in [*b"\5\0\0\3\xff", *[97] * 10_000]:
            if peer.gone or time.monotonic() > until:
                return
            peer.send(bytes([octet]))
            time.sleep(0.1)


@pytest.mark.parametrize("option", ["--deadline", "--timeout"])
def test_a_proxy_that_trickles(user, option):
    with play(Raw(b"\5\0"), Trickle(), Anything()) as proxy:
        where = f"socks5://127.0.0.1:{proxy.port}"
        ended = user.run("list", option, "2", "--proxy", where, f"pop3s://alice@{NAME}")
    assert f"the proxy 127.0.0.1:{proxy.port}: " in failed(ended, 75)
