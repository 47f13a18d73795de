"""A program as it is typed for poplib; the types are checked with poplib, too."""

import socket
import ssl
from typing import BinaryIO

import poplib_c as poplib


class Counting(poplib.POP3):
    def __init__(self, host: str, port: int = 110, timeout: float = 30.0) -> None:
        super().__init__(host, port, timeout)
        self.count = 0

    def retr(self, which: int) -> tuple[bytes, list[bytes], int]:
        self.count += 1
        return super().retr(which)


def connect(host: str, context: ssl.SSLContext | None) -> poplib.POP3:
    if context is None:
        return Counting(host, poplib.POP3_PORT)
    return poplib.POP3_SSL(host, poplib.POP3_SSL_PORT, timeout=10.5, context=context)


def fetch(client: poplib.POP3, user: str, password: str) -> list[bytes]:
    welcome: bytes = client.getwelcome()
    client.set_debuglevel(1)
    try:
        client.apop(user, password) if b"<" in welcome else client.user(user)
        client.pass_(password)
    except poplib.error_proto as exc:
        raise SystemExit(str(exc)) from exc
    capabilities: dict[str, list[str]] = client.capa()
    if "UTF8" in capabilities:
        client.utf8()
    count, octets = client.stat()
    response, listings, size = client.list()
    first: bytes = client.uidl(1)
    uids: list[bytes] = client.uidl()[1]
    messages = []
    for number in range(1, count + 1):
        _, lines, _ = client.retr(number)
        messages.append(poplib.CRLF.join(lines))
        client.top(number, 0)
        client.dele(number)
    client.rset()
    client.noop()
    client.quit()
    print(octets, response, listings, size, first, uids)
    return messages


def peer(client: poplib.POP3) -> tuple[str, int]:
    sock: socket.socket = client.sock
    file: BinaryIO = client.file
    file.readline()
    address: tuple[str, int] = sock.getpeername()
    return address


def upgrade(client: poplib.POP3) -> bytes:
    return client.stls(context=ssl.create_default_context())
