"""What poplib does not have, and the types that a checker must see for it."""

import io
import pathlib
import socket
from typing import Any

from typing_extensions import assert_type

import poplib_c
from poplib_c import POP3, POP3_SSL, Deadline, ManyIterator, aio, sasl
from poplib_c.testing import POP3Server

Reply = tuple[bytes, list[bytes], int]


def connect(ca: pathlib.Path) -> POP3:
    with POP3("localhost", timeout=None, max_line=None, max_size=1 << 20) as client:
        assert_type(client, POP3)
        client.set_options(pipelining=True, max_size=None)
        with client.deadline(30):
            client.stls(verify=ca)
        client.deadline(None)
    return POP3_SSL("localhost", verify=True, pipelining="auto", deadline=60.5)


def whole(client: POP3) -> None:
    assert_type(client.list(), Reply)
    assert_type(client.list(1), bytes)
    assert_type(client.uidl("1"), bytes)
    assert_type(client.sizes(), "dict[int, int | None]")
    assert_type(client.uids(), "dict[int, bytes]")
    assert_type(client.retr_bytes(1), bytes)
    assert_type(client.top_bytes(1, 0), bytes)
    assert_type(client.retr_into(1, io.BytesIO()), int)


def many(client: POP3) -> None:
    for number, message in client.retr_many([1, 2]):
        assert_type(number, int)
        assert_type(message, bytes)
    for name, reply in client.top_many(["1"], 0, lines=True):
        assert_type(name, str)
        assert_type(reply, Reply)
    for _, either in client.retr_many(range(5), errors="return", delete=True):
        assert_type(either, "bytes | poplib_c.error_proto")
    for _, status in client.dele_many({1: b"uid"}):
        assert_type(status, bytes)
    client.retr_many(()).close()


def authenticate(client: POP3) -> None:
    assert_type(client.auth("PLAIN", lambda challenge: None, b""), bytes)
    assert_type(client.auth(sasl.Plain("alice", "secret")), bytes)
    assert_type(client.auth(sasl.Plain("alice", "secret"), initial_response=b""), bytes)
    assert_type(client.auth(sasl.OAuthBearer("alice", lambda: "token", host="localhost")), bytes)
    assert_type(client.login("alice", "secret", mechanisms=["PLAIN"]), bytes)
    assert_type(client.login_oauth2("alice", lambda: "token"), bytes)
    assert_type(client.lang(), Reply)
    assert_type(client.lang("de"), bytes)


def refused(exc: poplib_c.error_proto) -> bool:
    assert_type(exc.code, "str | None")
    assert_type(exc.response, "bytes | None")
    return exc.temporary


def tls(client: POP3_SSL) -> None:
    sock = client.sock
    assert isinstance(sock, poplib_c.TLSSocket)
    assert_type(sock.getpeercert(True), "bytes | None")
    assert_type(sock.getpeercert(), "dict[str, Any] | None")
    assert_type(sock.cipher(), "tuple[str, str, int] | None")
    assert_type(sock.getpeername(), Any)


async def asynchronous(ca: pathlib.Path) -> None:
    async with aio.POP3_SSL("localhost", verify=ca, timeout=None) as client:
        assert_type(client, aio.POP3_SSL)
        assert_type(await client.login("alice", "secret", mechanisms=["PLAIN"]), bytes)
        assert_type(await client.list(), Reply)
        assert_type(await client.list(1), bytes)
        assert_type(await client.sizes(), "dict[int, int | None]")
        async for number, message in client.retr_many([1, 2]):
            assert_type(number, int)
            assert_type(message, bytes)
        async for name, answer in client.dele_many(["1"], errors="return"):
            assert_type(name, str)
            assert_type(answer, "bytes | poplib_c.error_proto")


def server() -> list[bytes]:
    with POP3Server([b"Subject: hello\n\n"], users={"alice": "secret"}) as server:
        assert_type(server.address, "tuple[str, int]")
        return server.messages


class Proxied(POP3_SSL):
    def _create_socket(self, timeout: float | None) -> socket.socket:
        sock = super()._create_socket(timeout)
        assert isinstance(sock, socket.socket)
        self._putcmd("NOOP")
        assert_type(self._getresp(), bytes)
        assert_type(self._longcmd("LIST"), Reply)
        return sock


def chosen(client: POP3, lines: bool) -> ManyIterator[int, bytes | Reply]:
    for _, either in client.top_many([1], 0, lines=lines, errors="return"):
        assert_type(either, "bytes | Reply | poplib_c.error_proto")
    assert_type(client.retr_many([1]).__length_hint__(), int)
    limit: Deadline = client.deadline(30)
    with limit:
        return client.retr_many([1], lines=lines)
