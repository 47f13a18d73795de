"""What a program, an event loop or a server must not bring about."""

import asyncio
import errno
import io
import socket

import pytest
from scripted import C, Close, S, play

import poplib_c
from poplib_c import aio, error_proto
from poplib_c.testing import POP3Server

from .support import TIMEOUT, run


def test_a_given_socket_is_not_replaced_by_another_connection():
    """The socket may be a tunnel: the client never connects to the host itself."""

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT, sock=given)
        await client.connect()
        client.close()
        with pytest.raises(OSError, match="sock= is over") as caught:
            await client.connect()
        assert caught.value.errno == errno.ENOTCONN

    with play(S("+OK ready")) as server:
        given = socket.create_connection((server.host, server.port))
        run(main())


def test_a_server_that_closes_when_it_refuses_a_token():
    """The refusal is raised, and no other token is asked for."""
    tokens = ["old", "new"]

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()
        with pytest.raises(error_proto) as caught:
            await client.login_oauth2("alice", lambda: tokens.pop(0))
        assert (caught.value.args, caught.value.__cause__) == ((b"-ERR",), None)
        client.close()

    refusal = [C("AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBvbGQBAQ=="), S("-ERR"), Close()]
    with play(S("+OK ready"), C("CAPA"), S("+OK", "SASL XOAUTH2", "."), *refusal) as server:
        run(main())
    assert tokens == ["new"]


def test_a_token_that_needs_the_connection_does_not_wait_for_itself():
    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()

        async def token():
            await client.noop()

        with pytest.raises(RuntimeError, match="a command of this task uses the connection"):
            await client.login_oauth2("alice", token)
        assert await client.noop() == b"+OK"
        client.close()

    capabilities = S("+OK", "SASL XOAUTH2", ".")
    with play(S("+OK ready"), C("CAPA"), capabilities, C("NOOP"), S("+OK")) as server:
        run(main())


def test_close_when_the_loop_is_closed():
    """A task that was left waiting in the loop is not resumed any more."""
    with play(S("+OK ready"), C("NOOP")) as server:
        loop = asyncio.new_event_loop()
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        loop.run_until_complete(client.connect())
        task = loop.create_task(client.noop())
        loop.run_until_complete(asyncio.sleep(0))
        task._log_destroy_pending = False
        loop.close()
        sock = client.sock
        client.close()
        assert sock.fileno() == -1


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_timeout_of_no_length(timeout):
    with pytest.raises(ValueError, match="timeout must be positive"):
        aio.POP3("pop.example.org", timeout=timeout)


def test_verification_is_never_left_out_by_default():
    """None is no verification for POP3_SSL of poplib_c."""
    with pytest.raises(TypeError, match="verify must be True, False or the path"):
        aio.POP3_SSL("pop.example.org", verify=None)

    async def main():
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()
        with pytest.raises(TypeError, match="verify must be True, False or the path"):
            await client.stls(verify=None)
        client.close()

    with play(S("+OK ready")) as server:
        run(main())
    assert server.wire == b""


def test_login_knows_the_connection_that_it_has(authority, server_context):
    """login() is called before the connection has TLS, and awaited after it."""

    async def main():
        client = aio.POP3(*server.address, timeout=TIMEOUT)
        await client.connect()
        login = client.login("alice", "secret")
        await client.stls(verify=authority.ca_file)
        await login
        await client.quit()

    with POP3Server([], users={"alice": "secret"}, stls=server_context) as server:
        run(main())
        assert b"AUTH PLAIN" in b" ".join(server.commands)


def test_an_iterator_is_continued_by_its_own_client_alone():
    class Meddling(io.BytesIO):
        def write(self, data):
            with pytest.raises(RuntimeError, match="continues it"):
                next(many._many)
            return super().write(data)

    async def main():
        nonlocal many
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT, pipelining=True)
        await client.connect()
        many = client.retr_many([1, 2])
        with pytest.raises(RuntimeError, match="continues it"):
            next(many._many)
        many = client.retr_many([1, 2])
        assert await client.retr_into(3, Meddling()) == 3
        with pytest.raises(TypeError):
            client._channel.next(client, poplib_c.POP3.__new__(poplib_c.POP3).retr_many([1]))
        client.close()

    many = None
    message = S("+OK", "a", ".")
    with play(S("+OK ready"), C("RETR 3"), message) as server:
        run(main())
