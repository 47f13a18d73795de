"""A real server, over TLS both ways."""

import json

import pytest
from certificates import HOSTS, PAST
from integration.dovecot_config import TLS

from .support import User, delivered, numbered, ok


@pytest.fixture
def place(dovecot):
    def place(mailbox, scheme):
        port = dovecot.tls_port if scheme == "pop3s" else dovecot.port
        return "--cafile", dovecot.ca_file, f"{scheme}://{mailbox.user}@127.0.0.1:{port}"

    return place


@pytest.mark.parametrize("scheme", ["pop3s", "pop3"])
def test_fetch(user, dovecot, place, scheme):
    """Kept, then only new ones, then deleted without being fetched again."""
    mailbox = dovecot.mailbox(numbered(100, size=500))
    arguments = ["--since-last", "--maildir", user.maildir, *place(mailbox, scheme)]
    assert ": 100 messages fetched (" in ok(user.fetch(*arguments))
    assert delivered(user.maildir) == numbered(100, size=500)
    assert ": 0 messages fetched (0 octets), 100 deleted" in ok(user.fetch("--delete", *arguments))
    assert mailbox.files() == []


def test_check(user, dovecot, place):
    facts = json.loads(ok(user.run("check", "--json", *place(dovecot.mailbox([]), "pop3"))))
    assert facts["pipelining"] == {"announced": True, "works": True}
    assert facts["login"] == "done"
    assert "STLS" in facts["capabilities"]["before_tls"]
    assert "STLS" not in facts["capabilities"]["after_login"]


def test_list(user, dovecot, place):
    mailbox = dovecot.mailbox(numbered(3))
    rows = ok(user.run("list", *place(mailbox, "pop3s"))).splitlines()
    assert [row.split()[-1] for row in rows[1:-1]] == ["0", "1", "2"]


def test_wrong_password(tmp_path, dovecot, place):
    ended = User(tmp_path, password="wrong").run("list", *place(dovecot.mailbox([]), "pop3s"))
    assert ended.returncode == 77
    assert "the server refused the login: -ERR [AUTH] Authentication failed." in ended.stderr


def test_an_expired_certificate(user, authority, start_dovecot):
    dovecot = start_dovecot(TLS(authority.issue(*HOSTS, not_after=PAST)))
    mailbox = dovecot.mailbox([])
    place = f"pop3s://{mailbox.user}@127.0.0.1:{dovecot.tls_port}"
    ended = user.run("list", "--cafile", dovecot.ca_file, place)
    assert ended.returncode == 69
    assert "the server's certificate is refused: certificate has expired" in ended.stderr
