"""No password, and no token, in what handles exceptions, logs or tasks."""

import asyncio
import logging

import pytest
from scripted import Anything, C, Close, S, play
from secret import SECRET, places_of_secret

from poplib_c import aio, sasl

from .support import TIMEOUT, run


async def token():
    return SECRET


MEANS = {
    "USER": lambda client: client.login("alice", SECRET, mechanisms=["USER"]),
    "APOP": lambda client: client.login("alice", SECRET, mechanisms=["APOP"]),
    "PLAIN": lambda client: client.login("alice", SECRET),
    "CRAM-MD5": lambda client: client.login("alice", SECRET),
    "SCRAM-SHA-256": lambda client: client.login("alice", SECRET),
    "XOAUTH2": lambda client: client.login_oauth2("alice", SECRET),
    "OAUTHBEARER": lambda client: client.login_oauth2("alice", token),
    "pass_": lambda client: client.pass_(SECRET),
    "apop": lambda client: client.apop("alice", SECRET),
    "auth": lambda client: client.auth("X", initial_response=SECRET),
    "auth by an object": lambda client: client.auth(sasl.Plain("alice", SECRET)),
    "not sendable": lambda client: client.pass_(SECRET + "\r\n"),
}


@pytest.mark.parametrize("ending", ["refused", "ended", "cancelled"])
@pytest.mark.parametrize("name", MEANS)
def test_secrets(name, ending, caplog):
    caplog.set_level(logging.DEBUG)
    asks = name.isupper() and name not in ("USER", "APOP")
    asked = [C("CAPA"), S("+OK", f"SASL {name}", ".")] * asks
    answers = {
        "refused": [Anything(once=True), S("-ERR [AUTH] no"), Close()],
        "ended": [Anything(once=True), Close()],
        "cancelled": [Anything()],
    }[ending]

    async def main():
        asyncio.get_running_loop().set_debug(True)
        client = aio.POP3(server.host, server.port, timeout=TIMEOUT)
        await client.connect()
        task = asyncio.ensure_future(MEANS[name](client))
        if ending == "cancelled":
            while not server.wire and not task.done():
                await asyncio.sleep(0.001)
            text = repr(task)
            task.cancel()
            assert SECRET not in text
        with pytest.raises((Exception, asyncio.CancelledError)) as caught:
            await task
        client.close()
        assert SECRET not in repr(vars(client))
        return caught.value

    with play(S("+OK ready <1.2@example.org>"), *asked, *answers) as server:
        error = run(main())
    assert places_of_secret(error) == []
    assert SECRET not in caplog.text
