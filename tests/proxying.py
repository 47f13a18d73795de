"""Proxies in threads: SOCKS5 (RFC 1928, 1929) and HTTP CONNECT (RFC 9110)."""

import base64
import contextlib
import socket
import threading

TIMEOUT = 30


class Proxy:
    """Connects to *address* whatever name is asked for; *asked* has a row for each request.

    login: user and password, which it then wants. refuse: what it answers instead of connecting.
    """

    def __init__(self, address, login=None, refuse=None):
        self._address = address
        self._login = login
        self._refuse = refuse
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.asked = []
        self._thread = threading.Thread(target=self._serve)
        self._tunnels = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for tunnel in self._tunnels:
            tunnel.join()

    def _serve(self):
        with contextlib.suppress(OSError):  # shutdown()
            while True:
                client = self._listener.accept()[0]
                tunnel = threading.Thread(target=self._tunnel, args=(client,))
                tunnel.start()
                self._tunnels.append(tunnel)

    def _tunnel(self, client):
        with contextlib.suppress(OSError, _Refused), client, client.makefile("rb") as file:
            client.settimeout(TIMEOUT)
            self.greet(client, file)
            with socket.create_connection(self._address, TIMEOUT) as server:
                self.confirm(client, server)
                back = threading.Thread(target=_copy, args=(server, client))
                back.start()
                _copy(client, server)
                back.join()


class Socks(Proxy):
    def greet(self, client, file):
        version, methods = file.read(2)
        offered = file.read(methods)
        if self._login is None:
            client.sendall(b"\x05\x00")
        elif 2 not in offered:
            client.sendall(b"\x05\xff")
            raise _Refused
        else:
            client.sendall(b"\x05\x02")
            file.read(1)
            found = tuple(file.read(file.read(1)[0]).decode() for _ in range(2))
            client.sendall(b"\x01\x00" if found == self._login else b"\x01\x01")
            if found != self._login:
                raise _Refused
        version, command, _, kind, length = file.read(5)
        name = file.read(length).decode()
        self.asked.append((version, command, kind, name, int.from_bytes(file.read(2), "big")))
        if self._refuse is not None:
            client.sendall(bytes([5, self._refuse, 0, 1]) + bytes(6))
            raise _Refused

    def confirm(self, client, server):
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))


class Connect(Proxy):
    def greet(self, client, file):
        head = [file.readline().decode().rstrip("\r\n")]
        while line := file.readline().decode().rstrip("\r\n"):
            head.append(line)
        self.asked.append(head[0])
        if self._login is not None:
            wanted = base64.b64encode(":".join(self._login).encode()).decode()
            if f"Proxy-Authorization: Basic {wanted}" not in head:
                self._refuse = b"HTTP/1.1 407 Proxy Authentication Required"
        if self._refuse is not None:
            client.sendall(self._refuse + b"\r\nContent-Length: 2\r\n\r\nno")
            raise _Refused

    def confirm(self, client, server):
        """The header in two segments, the second of which has the server's greeting, too."""
        client.sendall(b"HTTP/1.1 200 Connection established\r\n")
        server.settimeout(0.3)
        greeting = b""
        with contextlib.suppress(socket.timeout):  # A server of TLS sends none.
            greeting = server.recv(1000)
        server.settimeout(TIMEOUT)
        client.sendall(b"Via: tests\r\n\r\n" + greeting)


class _Refused(Exception):
    pass


def _copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
