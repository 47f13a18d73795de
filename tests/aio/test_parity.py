"""One table of calls, played to both clients: results, errors and octets on the wire are equal."""

import contextlib
import inspect
import io
from collections.abc import Iterator

import pytest
from faults.tls import OFFERED
from scripted import EACH, C, Close, Raw, S, StartTLS, play

import poplib_c
from poplib_c import aio, sasl

from .support import TIMEOUT, run


def call(name, *arguments, **options):
    return name, arguments, options


def lines(*texts):
    return S("+OK", *texts, ".")


NOOP = [C("NOOP"), S("+OK done")]
CAPA = [C("CAPA"), lines("PIPELINING", "STLS", "SASL PLAIN LOGIN")]
#: An uncertain end: a lone LF before the dot.
DOUBTFUL = Raw(b"+OK 6 octets\r\nhello\n.\r\n")


class Into(io.BytesIO):
    """A destination of retr_into()."""

    def __repr__(self):
        return repr(self.getvalue())


class Tokens:
    """Returns one after the other."""

    def __init__(self, *tokens):
        self.tokens = [*tokens]

    def __call__(self):
        return self.tokens.pop(0)

    def __repr__(self):
        return repr(self.tokens)


class Mechanism(sasl.Plain):
    """One whose identity is not told."""

    def __repr__(self):
        return self.name


#: name: (steps after the greeting, calls, options of the client).
TABLE = {
    "commands": (
        [
            *[C("USER alice"), S("+OK"), C("PASS wrong"), S("-ERR [AUTH] no")],
            *[C("RPOP bob"), S("+OK rpop"), C("STAT"), S("+OK 2 320"), C("STAT"), S("+OK 2")],
            *[C("STAT"), S("+OK two 3"), C("LIST"), lines("1 120", "2 200")],
            *[C("LIST 2"), S("+OK 2 200"), C("UIDL"), lines("1 a", "2 b"), C("UIDL 9"), S("-ERR")],
            *[C("RETR 1"), lines("a", "..", "...b", ""), C("TOP 1 0"), lines("head", "")],
            *[C("DELE 1"), S("+OK"), C("RSET"), S("+OK"), C("UTF8"), S("+OK"), *NOOP],
            *[C("LANG"), lines("de Deutsch"), C("LANG de"), S("+OK Deutsch"), *CAPA],
            *[C("CAPA"), S("-ERR what?"), C("QUIT"), S("+OK bye")],
        ],
        lambda: [
            *[call("user", "alice"), call("pass_", "wrong"), call("rpop", "bob")],
            *[call("stat"), call("stat"), call("stat"), call("list"), call("list", 2)],
            *[call("uidl"), call("uidl", 9), call("retr", 1), call("top", 1, 0), call("dele", 1)],
            *[call("rset"), call("utf8"), call("noop"), call("lang"), call("lang", "de")],
            *[call("capa"), call("capa"), call("quit")],
        ],
    ),
    "whole messages": (
        [
            *[C("LIST"), lines("1 120", "x", "2 y"), C("UIDL"), lines("1 a", "2"), C("LIST")],
            *[S("-ERR no"), C("RETR 1"), lines("a", "..b"), C("TOP 2 3"), lines("c"), C("RETR 3")],
            *[lines("d"), C("RETR 4"), S("-ERR gone"), C("RETR 5"), DOUBTFUL, *NOOP],
        ],
        lambda: [
            *[call("sizes"), call("uids"), call("sizes"), call("retr_bytes", 1)],
            *[call("top_bytes", 2, 3), call("retr_into", 3, Into()), call("retr_into", 4, Into())],
            *[call("retr_bytes", 5), call("noop")],
        ],
    ),
    "arguments": (
        [*NOOP],
        lambda: [
            *[call("user", "a\r\nDELE 1"), call("list", (1, 2)), call("retr_into", 1, None)],
            *[call("pass_", "\udcff"), call("noop"), call("retr_many", "12")],
            *[call("retr_many", [1], window=0), call("retr_many", [1], errors="x")],
        ],
    ),
    "in pieces": (
        [C("RETR 1"), Raw(b"+OK\r\n..a\r\nb\r\n.\r\n", EACH), C("NOOP"), Raw(b"+OK\r\n", EACH)],
        lambda: [call("retr", 1), call("noop")],
    ),
    "many": (
        [
            *CAPA,
            *[C("LIST 1"), C("LIST 2"), C("LIST 3"), S("+OK 1 3", "+OK 2 3", "+OK 3 3")],
            *[C("RETR 1"), C("RETR 2"), C("RETR 3")],
            Raw(b"+OK\r\n1\r\n.\r\n-ERR gone\r\n+OK\r\n3\r\n.\r\n"),
            *[C("TOP 1 2"), C("TOP 3 2"), Raw(b"+OK\r\n1\r\n.\r\n+OK\r\n3\r\n.\r\n")],
            *[C("DELE 1"), C("DELE 3"), S("+OK", "-ERR locked"), *NOOP],
        ],
        lambda: [
            *[call("retr_many", [1, 2, 3], errors="return"), call("top_many", [1, 3], 2)],
            *[call("dele_many", [1, 3], errors="return"), call("noop")],
        ],
    ),
    "many, one at a time": (
        [
            *[C("RETR 1"), lines("1"), C("DELE 1"), S("+OK"), C("RETR 2"), S("-ERR gone")],
            *[C("RETR 3"), DOUBTFUL, C("DELE 3"), S("-ERR locked"), *NOOP],
        ],
        lambda: [
            call("retr_many", [1, "2", 3], errors="return", delete=True, lines=True),
            call("noop"),
        ],
        {"pipelining": False},
    ),
    "many with deletions": (
        [
            *[C("LIST 1"), C("LIST 2"), S("-ERR busy", "+OK 2 9"), C("LIST 1"), S("-ERR none")],
            *[C("RETR 1"), C("RETR 2"), S("-ERR none"), lines("2"), C("DELE 2"), S("+OK"), *NOOP],
        ],
        lambda: [call("retr_many", [1, 2], errors="return", delete=True), call("noop")],
        {"pipelining": True},
    ),
    "no order": (
        [
            *CAPA,
            *[C("LIST 1"), C("LIST 2"), S("+OK 2 3", "+OK 1 3")],
            *[C("RETR 1"), lines("1"), C("RETR 2"), lines("2"), *NOOP],
        ],
        lambda: [call("retr_many", [1, 2]), call("noop")],
    ),
    "held": (
        [
            *[C("RETR 1"), C("RETR 2"), Raw(b"+OK\r\na\n.\r\n+OK\r\nb\n.\r\n")],
            *[C("LIST 1"), S("+OK 1 9"), *NOOP],
        ],
        lambda: [call("retr_many", [1, 2]), call("noop")],
        {"pipelining": True},
    ),
    "held in vain": (
        [
            *[C("RETR 1"), C("RETR 2"), Raw(b"+OK\r\na\n.\r\n+OK\r\nb\n.\r\n")],
            *[C("LIST 1"), S("+OK", "x", ".")],
        ],
        lambda: [call("retr_many", [1, 2]), call("noop")],
        {"pipelining": True},
    ),
    "surplus": (
        [C("RETR 1"), C("RETR 2"), Raw(b"+OK\r\n.\r\n+OK\r\n.\r\n+OK three\r\n")],
        lambda: [call("retr_many", [1, 2], errors="return"), call("noop")],
        {"pipelining": True},
    ),
    "unasked": (
        [C("NOOP"), S("+OK", "+OK unasked")],
        lambda: [call("noop"), call("noop"), call("quit")],
    ),
    "line too long": (
        [C("RETR 1"), lines("a" * 3000)],
        lambda: [call("retr", 1), call("noop")],
        {"max_line": 2048},
    ),
    "status too long": ([C("NOOP"), S("+OK " + "a" * 3000)], lambda: [call("noop"), call("noop")]),
    "too large": (
        [C("RETR 1"), lines(*["a" * 70] * 900), *NOOP, C("RETR 2"), lines("b" * 9), *NOOP],
        lambda: [call("retr", 1), call("noop"), call("retr_bytes", 2), call("noop")],
        {"max_size": 1000},
    ),
    "end": ([C("RETR 1"), Raw(b"+OK\r\na\r\n"), Close()], lambda: [call("retr", 1), call("noop")]),
    "silence": (
        [C("RETR 1"), Raw(b"+OK\r\na\r\n")],
        lambda: [call("retr", 1), call("noop"), call("quit")],
        {"silence": 0.05},
    ),
    "silence among many": (
        [C("RETR 1"), C("RETR 2"), lines("1")],
        lambda: [call("retr_many", [1, 2], errors="return"), call("noop")],
        {"silence": 0.05, "pipelining": True},
    ),
    "end of many": (
        [C("RETR 1"), C("RETR 2"), lines("1"), Raw(b"+OK\r\na\r\n"), Close()],
        lambda: [call("retr_many", [1, 2], errors="return"), call("noop")],
        {"pipelining": True},
    ),
    "logins": (
        [
            *[*CAPA, C("AUTH PLAIN AGFsaWNlAHdyb25n"), S("-ERR [AUTH] no")],
            *[C("AUTH PLAIN AGFsaWNlAHNlY3JldA=="), S("+OK in")],
            *[C("AUTH LOGIN"), S("+ VXNlcm5hbWU6"), C("YWxpY2U="), S("+ UGFzc3dvcmQ6")],
            *[C("c2VjcmV0"), S("+OK again"), C("AUTH X"), S("+ eA=="), C("*"), S("-ERR off")],
            *NOOP,
        ],
        lambda: [
            *[call("login", "alice", "wrong", mechanisms=["PLAIN"])],
            *[call("auth", Mechanism(b"alice", b"secret"))],
            *[call("auth", sasl.Login(b"alice", b"secret"))],
            *[call("auth", "X", lambda challenge: None), call("noop")],
        ],
    ),
    "tokens": (
        [
            C("CAPA"),
            lines("SASL XOAUTH2"),
            *[C("AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBvbGQBAQ=="), S("-ERR [AUTH] old")],
            *[C("AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBuZXcBAQ=="), S("+OK")],
        ],
        lambda: [call("login_oauth2", "alice", Tokens("old", "new"))],
    ),
}


def told(error):
    return type(error), error.args, str(error), type(error.__context__), type(error.__cause__)


def play_sync(client, calls):
    for name, arguments, options in calls:
        given = []
        try:
            result = getattr(client, name)(*arguments, **options)
            if isinstance(result, Iterator):
                given.extend(result)
                result = None
        except Exception as exc:
            yield given, told(exc)
        else:
            yield given, [*arguments, result]


async def play_async(client, calls):
    outcomes = []
    for name, arguments, options in calls:
        given = []
        try:
            result = getattr(client, name)(*arguments, **options)
            if hasattr(result, "__aiter__"):
                async for item in result:
                    given.append(item)
                result = None
            elif inspect.isawaitable(result):
                result = await result
        except Exception as exc:
            outcomes.append((given, told(exc)))
        else:
            outcomes.append((given, [*arguments, result]))
    return outcomes


def by_sync(server, calls, cls, options, silence):
    client = getattr(poplib_c, cls)(server.host, server.port, timeout=TIMEOUT, **options)
    client.sock.settimeout(silence)
    with contextlib.closing(client):
        return client.welcome, list(play_sync(client, calls))


def by_async(server, calls, cls, options, silence):
    async def main():
        client = getattr(aio, cls)(server.host, server.port, timeout=TIMEOUT, **options)
        with contextlib.closing(client):
            await client.connect()
            client._timeout = silence
            return client.welcome, await play_async(client, calls)

    return run(main())


@pytest.mark.parametrize("cls", ["POP3", "POP3_SSL"])
@pytest.mark.parametrize("name", TABLE)
def test_clients_are_alike(name, cls, authority, server_context):
    steps, make, *options = TABLE[name]
    options = dict(*options)
    silence = options.pop("silence", TIMEOUT)
    begun = [S("+OK ready")]
    if cls == "POP3_SSL":
        begun.insert(0, StartTLS(server_context))
        options["verify"] = authority.ca_file
    outcomes = []
    for play_by in by_sync, by_async:
        with play(*begun, *steps) as server:
            outcomes.append([play_by(server, make(), cls, options, silence)])
        outcomes[-1].append(server.wire)
    assert repr(outcomes[0]) == repr(outcomes[1])


def test_stls_is_alike(authority, server_context):
    steps = [S("+OK ready"), *OFFERED[1:], StartTLS(server_context), *NOOP]

    def calls():
        return [call("stls", verify=authority.ca_file), call("noop"), call("stls")]

    outcomes = []
    for play_by in by_sync, by_async:
        with play(*steps) as server:
            outcomes.append([play_by(server, calls(), "POP3", {}, TIMEOUT)])
        outcomes[-1].append(server.wire)
    assert repr(outcomes[0]) == repr(outcomes[1])
