"""Opens the sockets of connections: directly, from a chosen address, or through a proxy."""

from __future__ import annotations

import argparse
import base64
import contextlib
import functools
import importlib
import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import unquote

from poplib_c._cli import netrc_file
from poplib_c._cli.failures import Failure, Status, reason, usage
from poplib_c._cli.texts import printable

_PATIENCE = 3.0  # seconds without a greeting until the port is tried for TLS
_VARIABLE = "POPLIB_C_PROXY_PASSWORD"
_FORM = "write socks5://[USER@]HOST[:PORT] or http://[USER@]HOST[:PORT]"
_PROXY = re.compile(
    r"(socks5h?|http)://(?:([^/?#]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^][:/?#@\s]+)(?::([0-9]+))?/?", re.I
)
_PORTS = {"socks5": 1080, "http": 8080}
_MOST_OF_AN_ANSWER = 1 << 16  # octets of a proxy's header
_TLS_RECORDS = (b"\x15", b"\x16")  # alert, handshake (RFC 8446, section 5.1)
_Left = Callable[[], float]  # returns the seconds that the next operation may take


class Proxy(NamedTuple):
    kind: str
    host: str
    port: int
    user: str

    def __str__(self) -> str:
        return printable(f"the proxy {_address(self.host, self.port)}")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def proxy(url: str) -> Proxy:
    """Parse --proxy. Raises ValueError, whose text does not repeat a password."""
    match = _PROXY.fullmatch(url)
    if match is None:
        raise ValueError(f"the value is not the URL of a proxy: {_FORM}")
    scheme, user, host, port = match.groups()
    if user and ":" in user:
        raise ValueError(
            "other users of this machine can read a password in a URL: leave it out; ~/.netrc or "
            f"{_VARIABLE} can supply it; if the colon belongs to USER, write %3A"
        )
    kind = scheme.lower().removesuffix("h")
    number = int(port) if port else _PORTS[kind]
    if not 0 < number < 65536:
        raise ValueError(f"{port} is not a port: write a number from 1 to 65535")
    return Proxy(kind, host.strip("[]"), number, unquote(user or ""))


def proxy_url(url: str) -> str:
    """Check --proxy, and return it."""
    proxy(url)
    return url


def source(address: str) -> str:
    """Check --source, and return it."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, address.partition("%")[0])
            return address
    raise ValueError(f"{address!r} is not an IPv4 or IPv6 address")


def check_policy(options: argparse.Namespace) -> None:
    """Raise Failure if the options need a package that is not installed."""
    if options.proxy and proxy(options.proxy).kind == "socks5":
        _socks()


def check_shared(urls: Iterable[str | None]) -> None:
    """Raise Failure if several proxies would get the password of one variable."""
    named = {found for url in urls if url and (found := proxy(url)).user}
    if len(named) > 1 and os.environ.get(_VARIABLE):
        raise usage(f"{_VARIABLE} is for one proxy, and there are {len(named)}: use ~/.netrc")


def _socks() -> Any:
    try:
        return importlib.import_module("socks")
    except ImportError:
        raise usage("--proxy socks5:// needs PySocks: install poplib-c[proxy]") from None


def is_direct(options: argparse.Namespace) -> bool:
    return not (options.proxy or options.source)


def dial(host: str, port: int, options: argparse.Namespace, timeout: float) -> socket.socket:
    """Return a connected socket. Its timeout is *timeout*, or less before the deadline.

    Raises Failure for an error of the proxy, else OSError.
    """
    left = functools.partial(_left, timeout, time.monotonic() + (options.deadline or math.inf))
    start = (options.source, 0) if options.source else None
    if options.proxy:
        sock = _through(proxy(options.proxy), start, (host, port), left)
    elif start:
        sock = _from(start, host, port, left)
    else:
        sock = socket.create_connection((host, port), timeout)
    sock.settimeout(left())
    return sock


def _left(timeout: float, end: float) -> float:
    """Return the seconds that one operation may take. Raises socket.timeout after *end*."""
    left = min(timeout, end - time.monotonic())
    if left <= 0:
        raise socket.timeout("the deadline passed while connecting")
    return left


def _from(start: tuple[str, int], host: str, port: int, left: _Left) -> socket.socket:
    """Connect from the address *start* to the addresses of its family that *host* has."""
    is_six = ":" in start[0]
    family = socket.AF_INET6 if is_six else socket.AF_INET
    try:
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        told = f"{reason(error)} (an {'IPv6' if is_six else 'IPv4'} address, as --source)"
        raise socket.gaierror(error.errno, told) from None
    failed: OSError | None = None
    for *_, where in found:
        try:
            return socket.create_connection((str(where[0]), port), left(), start)
        except OSError as error:
            failed = error
    assert failed is not None
    told = f"{reason(failed)} (from --source {start[0]})"
    raise OSError(failed.errno, told) if failed.errno else type(failed)(told)


# Proxies


class _Tunnel(socket.socket):
    """A socket whose peer leads elsewhere. login() knows such sockets by proxy_peername."""

    proxy_peername: tuple[str, int] | None = None


def _through(
    by: Proxy, start: tuple[str, int] | None, where: tuple[str, int], left: _Left
) -> socket.socket:
    """Connect to *where* through the proxy *by*, which looks the host name up."""
    password = _password(by) if by.user else ""
    connect = _connect if by.kind == "http" else _by_socks
    try:
        return connect(by, password, start, where, left)
    except OSError as error:
        status = Status.TEMPORARY
        if isinstance(error, socket.gaierror):
            status = Status.NO_HOST
        raise Failure(f"{by}: {reason(error)}", status) from None


def _password(by: Proxy) -> str:
    """Return the password from a source that names the proxy, or is for it."""
    password = netrc_file.find(by.host, by.user, has_default=False) or os.environ.get(_VARIABLE)
    if not password:
        raise Failure(
            f"no password for {by.user} at {by}: write it into ~/.netrc, or set {_VARIABLE}",
            Status.AUTHENTICATION,
        )
    return password


def _refused_login(by: Proxy, how: str) -> Failure:
    user = f"--proxy {by.kind}://USER@... names a user" if not by.user else "check the password"
    return Failure(f"{by} refused the login ({how}): {user}", Status.AUTHENTICATION)


def _by_socks(
    by: Proxy,
    password: str,
    start: tuple[str, int] | None,
    where: tuple[str, int],
    left: _Left,
) -> socket.socket:
    """Let PySocks connect (SOCKS5, RFC 1928)."""
    socks = _socks()

    class Timed(socks.socksocket):  # type: ignore[misc, name-defined]
        """Limits the answers of the proxy, which PySocks reads by recv_into(), all together."""

        until: float | None = None

        def recv_into(self, *arguments: Any) -> int:
            if self.until is not None:
                socket.socket.settimeout(self, _left(math.inf, self.until))
            return int(super().recv_into(*arguments))

    def connect(family: int) -> Timed:
        sock = Timed(family, socket.SOCK_STREAM)
        try:
            sock.until = time.monotonic() + left()
            sock.settimeout(left())
            sock.set_proxy(socks.SOCKS5, by.host, by.port, True, by.user or None, password or None)
            if start:
                sock.bind(start)
            sock.connect(where)
        except BaseException:
            sock.close()
            raise
        sock.until = None
        return sock

    found = socket.getaddrinfo(by.host, by.port, 0, socket.SOCK_STREAM)
    families = [*dict.fromkeys(family for family, *_ in found)]
    failed: Exception | None = None
    try:
        for family in families:
            try:
                return connect(family)
            except (OSError, socks.ProxyError) as error:
                failed = error
        assert failed is not None
        raise failed
    except socks.ProxyError as error:
        inner = error.socket_err
        if isinstance(inner, socks.ProxyError):
            error = inner
            inner = error.socket_err
        if isinstance(error, socks.SOCKS5AuthError):
            raise _refused_login(by, error.msg) from None
        raise OSError(reason(inner) if inner else error.msg) from None


def _connect(
    by: Proxy,
    password: str,
    start: tuple[str, int] | None,
    where: tuple[str, int],
    left: _Left,
) -> socket.socket:
    """Send CONNECT (RFC 9110, section 9.3.6).

    PySocks reads more than the answer's header, so that the server's greeting would be lost.
    """
    plain = socket.create_connection((by.host, by.port), left(), start)
    sock = _Tunnel(plain.family, plain.type, plain.proto, plain.detach())
    sock.proxy_peername = where
    try:
        target = _address(where[0].encode("idna").decode("ascii"), where[1])
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if by.user:
            basic = base64.b64encode(f"{by.user}:{password}".encode()).decode("ascii")
            lines.append(f"Proxy-Authorization: Basic {basic}")
        sock.settimeout(left())
        sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        line = _header(sock, left).partition(b"\n")[0].decode("latin-1")
        match = re.match(r"HTTP/1\.[0-9] ([0-9]{3})(.*)", line)
        if match is None:
            raise OSError(f"this is not the answer of an HTTP proxy: {printable(line[:80])!r}")
        told = printable(match[1] + match[2])
        if match[1] == "407":
            raise _refused_login(by, told)
        if not match[1].startswith("2"):
            raise OSError(f"refused to connect to {printable(target)}: {told}")
    except BaseException:
        sock.close()
        raise
    return sock


def _header(sock: socket.socket, left: _Left) -> bytes:
    """Read to the empty line and no further: the server's greeting may follow at once."""
    read = b""
    while not read.endswith((b"\r\n\r\n", b"\n\n")):
        sock.settimeout(left())
        octet = sock.recv(1)
        if not octet or len(read) == _MOST_OF_AN_ANSWER:
            raise OSError(
                "the proxy closed the connection" if not octet else "the answer is too large"
            )
        read += octet
    return read


# The greeting


def expect_greeting(
    sock: socket.socket, host: str, port: int, options: argparse.Namespace
) -> bool:
    """Wait a little for the greeting; raise Failure if the port speaks TLS instead.

    A server of TLS waits for the client. A slow server is silent, too: so another connection
    tells which one it is. Returns whether the port has neither sent a greeting nor spoken TLS.
    """
    patience = min(_PATIENCE, options.timeout / 2, (options.deadline or math.inf) / 4)
    timeout = sock.gettimeout()
    sock.settimeout(patience)
    try:
        sock.recv(1, socket.MSG_PEEK)
    except socket.timeout:
        answer = _answer_to_tls(host, port, options, patience)
        if answer in _TLS_RECORDS:
            raise Failure(
                f"no greeting within {patience:.3g} s, and port {port} speaks TLS: use pop3s://",
                Status.PROTOCOL,
            ) from None
        return answer is not None
    finally:
        sock.settimeout(timeout)
    return False


def _answer_to_tls(
    host: str, port: int, options: argparse.Namespace, patience: float
) -> bytes | None:
    """Return the first octet that answers a TLS handshake on a new connection, if any.

    None: there was no new connection.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    hello = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname=host).do_handshake()
    try:
        sock = dial(host, port, options, patience)
    except (Failure, OSError):
        return None
    with sock, contextlib.suppress(OSError):
        sock.settimeout(patience)
        sock.sendall(hello.read())
        return sock.recv(1)
    return b""
