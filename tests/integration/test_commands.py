"""Every command against a real server, with the results of the interpreter's own poplib."""

import pytest

pytestmark = pytest.mark.parametrize("link", ["plain", "pop3s", "pop3s context"])

BEFORE_LOGIN = [
    ("capa",),
    ("stat",),
    ("utf8",),
    ("user", "no-such-user"),
    ("pass_", "wrong"),
    ("capa",),
]

AFTER_LOGIN = [
    ("noop",),
    ("capa",),
    ("stat",),
    ("list",),
    ("list", 1),
    ("list", "2"),
    ("list", 0),
    ("list", 4),
    ("list", "x"),
    ("uidl",),
    ("uidl", 3),
    ("uidl", 4),
    ("retr", 1),
    ("retr", "3"),
    ("retr", 4),
    ("retr", ""),
    ("top", 1, 0),
    ("top", "1", "1"),
    ("top", 2, 99999999),
    ("top", 1, -1),
    ("top", 4, 0),
    ("dele", 2),
    ("dele", 2),
    ("dele", 4),
    ("retr", 2),
    ("top", 2, 0),
    ("list", 2),
    ("list",),
    ("uidl",),
    ("stat",),
    ("rset",),
    ("stat",),
    ("utf8",),
    ("rpop", "someone"),
    ("user", "someone"),
    ("pass_", "wrong"),
    ("_shortcmd", "NOOP"),
    ("_shortcmd", "XYZZY"),
    ("_longcmd", "LIST"),
    ("_longcmd", "XTND XLST"),
    ("noop",),
    ("quit",),
]


def outcomes(library, client, script):
    return [
        (method, *arguments, library.outcome(getattr(client, method), *arguments))
        for method, *arguments in script
    ]


def test_same_as_poplib_before_login(both):
    theirs, ours = (outcomes(library, library.connect(), BEFORE_LOGIN) for library in both)
    assert ours == theirs


def test_same_as_poplib_after_login(both, small_mailbox):
    theirs, ours = (
        outcomes(library, library.login(small_mailbox), AFTER_LOGIN) for library in both
    )
    assert ours == theirs


@pytest.mark.parametrize("method", ["user and pass", "apop"])
def test_wrong_password(library, small_mailbox, method):
    client = library.connect()
    if method == "apop":
        reason = library.refusal(client.apop, small_mailbox.user, "wrong")
    else:
        client.user(small_mailbox.user)
        reason = library.refusal(client.pass_, "wrong")
    assert reason.startswith(b"-ERR [AUTH]")
    client.user(small_mailbox.user)
    assert client.pass_(small_mailbox.password).startswith(b"+OK")


def test_capa(library, small_mailbox, dovecot, link):
    client = library.connect()
    before = client.capa()
    assert {*before["SASL"]} == dovecot.offered(encrypted=link != "plain")
    assert before["USER"] == before["TOP"] == before["UIDL"] == before["PIPELINING"] == []
    client.apop(small_mailbox.user, small_mailbox.password)
    offered = {"STLS"} if link == "plain" else set()
    assert set(before) - set(client.capa()) == {"SASL", "USER"} | offered
