"""Many mailboxes in one run."""

import pytest

from .support import delivered, numbered, url

INSECURE = "python -m poplib_c: warning: --insecure: "


@pytest.fixture
def accounts(user):
    def accounts(text):
        path = user.home / "accounts.toml"
        path.write_text(text)
        return "--accounts", path

    return accounts


def table(server, user, *more):
    return "\n".join([f'[[account]]\nurl = "{url(server, user)}"', *more, ""])


def test_fifty_mailboxes(user, serve, accounts):
    """Two of them fail: one is not there, one refuses the password."""
    servers = [serve([b"Subject: %d\n\n" % n], users={"u": "secret"}) for n in range(48)]
    servers += [serve(users={"u": "other"}), serve()]
    servers[-1].stop()
    user.netrc("machine 127.0.0.1 login u password secret\n")
    tables = "".join(table(server, "u", "insecure = true") for server in servers)
    ended = user.fetch(
        *("--jobs", "8", "--delete", "--since-last", "--maildir", user.maildir),
        *accounts(tables),
    )
    assert ended.returncode == 77
    assert sorted(delivered(user.maildir)) == sorted(b"Subject: %d\n\n" % n for n in range(48))
    assert all(server.messages == [] for server in servers)
    *each, total = ended.stdout.splitlines()
    assert len(each) == 48
    assert total.startswith("50 mailboxes: 48 messages fetched (")
    assert total.endswith(", 48 deleted; 2 failed")
    warning, *errors = sorted(ended.stderr.splitlines())[::-1]
    assert warning.startswith(INSECURE)
    assert sorted(line.partition(": ")[2].partition(": ")[2] for line in errors) == [
        "Connection refused",
        "the server refused the login: -ERR [AUTH] invalid credentials (tried CRAM-MD5: "
        "-ERR [AUTH] invalid credentials; APOP: -ERR [AUTH] invalid user name or digest; "
        "PLAIN: -ERR [AUTH] invalid credentials; --mechanism names the mechanisms to use)",
    ]


@pytest.mark.parametrize("kind", ["mbox", "maildir"])
def test_several_urls_into_one_place(user, serve, kind):
    servers = [serve(numbered(20, size=1000)) for _ in range(3)]
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    arguments = ["--insecure", "--jobs", "3", f"--{kind}", user.home / kind]
    ended = user.fetch(*arguments, *map(url, servers))
    assert ended.returncode == 0
    if kind == "mbox":
        assert (user.home / kind).read_bytes().count(b"\n\nFrom ") == 59
    else:
        assert sorted(delivered(user.home / kind)) == sorted(numbered(20, size=1000) * 3)


def test_a_password_that_is_missing_stops_nobody_else(user, serve, accounts):
    server = serve(numbered(1))
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    text = table(server, "bob", "insecure = true", 'password-command = "false"')
    text += table(server, "alice", "insecure = true")
    ended = user.fetch("--maildir", user.maildir, *accounts(text))
    assert ended.returncode == 77
    assert ended.stdout.splitlines()[-1].endswith("1 message fetched (16 octets); 1 failed")


# A secret that names no server is for one mailbox


@pytest.fixture
def two(user, serve):
    """Arguments that fetch from two servers, and the servers."""
    servers = [serve(numbered(1)) for _ in range(2)]
    return ["--insecure", "--maildir", user.maildir, *map(url, servers)], servers


def nobody_was_asked(servers):
    return all(server.commands == [] for server in servers)


def test_the_variable_is_for_one_mailbox(user, two):
    arguments, servers = two
    ended = user.fetch(*arguments)
    assert (ended.returncode, nobody_was_asked(servers)) == (77, True)
    told = "POPLIB_C_PASSWORD is for one mailbox, and there are 2: write password-command into "
    assert ended.stderr.count(told) == 2
    assert user.fetch(*arguments[:-1], arguments[-2]).returncode == 0  # the same one, twice


def test_the_variable_is_for_nobody_if_another_source_has_the_password(user, two):
    arguments, _ = two
    user.environment["POPLIB_C_PASSWORD"] = "wrong"
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    assert user.fetch(*arguments).returncode == 0


@pytest.mark.parametrize("option", ["--password-command", "--oauth2-token-command"])
def test_a_command_of_the_command_line_is_for_one_mailbox(user, two, option):
    arguments, servers = two
    ended = user.fetch(option, f"touch {user.home}/run; echo secret", *arguments)
    assert (ended.returncode, nobody_was_asked(servers)) == (64, True)
    assert f"{option} is for one mailbox, and there are 2: write {option[2:]} " in ended.stderr
    assert not (user.home / "run").exists()
