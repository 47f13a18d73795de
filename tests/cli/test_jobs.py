"""Many mailboxes in one run."""

import sys

import pytest

from poplib_c.__main__ import main

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


def test_options_of_an_account_count_first(user, serve, accounts):
    servers = [serve(numbered(1), users={"a": "one"}), serve(numbered(1), users={"b": "two"})]
    text = table(servers[0], "a", "insecure = true", 'password-command = "echo one"')
    text += table(
        *(servers[1], "b", "insecure = true", "delete = true", 'eml = "here/b"'),
        *('password-command = "cat two"', "timeout = 5", 'max-size = "1k"'),
    )
    (user.home / "two").write_text("two\n")
    ended = user.fetch("--maildir", user.maildir, *accounts(text), cwd=user.home)
    assert ended.returncode == 0
    assert len(delivered(user.maildir)) == len([*(user.home / "here" / "b").iterdir()]) == 1
    assert (len(servers[0].messages), len(servers[1].messages)) == (1, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[account", "is not TOML: "),
        ("", "no [[account]] table"),
        ("account = 1", "no [[account]] table"),
        ("[[account]]", 'account 1: it has no url = "pop3s://USER@HOST"'),
        ('[[account]]\nurl = "host"', "account 1: host is not the URL of a mailbox: "),
        (
            '[[account]]\nurl = "pop3s://u@h"\ndelte = true',
            "option of a mailbox: did you mean del",
        ),
        ('[[account]]\nurl = "pop3s://u@h"\nsince_last = true', "did you mean since-last?"),
        ('[[account]]\nurl = "pop3s://u@h"\n[account.eml]', "eml must be a text"),
        ('[account]\nurl = "pop3s://u@h"', "no [[account]] table"),
        ('fingerprint = "x"\n[[account]]\nurl = "pop3s://u@h"', "fingerprint is outside of [[acc"),
        ('[[account]]\nurl = "pop3s://u@h"\n[[acount]]\nurl = "x"', "acount is outside of [[acco"),
        ('[[acount]]\nurl = "pop3s://u@h"', "acount is outside of [[account]]: did you mean acc"),
        ('[[account]]\nurl = "pop3s://u@h"\n[x.y]\nz = 1', "x is outside of [[account]]; options"),
        ('[[account]]\nurl = "pop3s://u@h"\ntimeout = [1]', "timeout must be a number or a text"),
        (
            '[[account]]\nurl = "pop3s://u@h"\npassword-command = 1',
            "command must be a text",
        ),
        ('[[account]]\nurl = "pop3s://u@h"\npassword-command = ""', "command: the value is empty"),
        ('[[account]]\nurl = "pop3s://u@h"\ncafile = ""', "argument --cafile: the value is empty"),
        (
            '[[account]]\nurl = "pop3s://u@h"\npassword-command = "a"\noauth2-token-command = "b"',
            "password-command contradicts oauth2-token-command",
        ),
        ('[[account]]\nurl = "pop3s://u@h"\njobs = 3', "jobs is no option of a mailbox; it goes"),
        ('[[account]]\nurl = "pop3s://u@h"\nkeep = true', "mailbox; write delete = false"),
        (
            '[[account]]\nurl = "pop3s://u@h"\ndelete = 1',
            "delete must be true or false, without quotes",
        ),
        ('[[account]]\nurl = "pop3s://u@h"\neml = true', "eml must be a text"),
        ('[[account]]\nurl = "pop3s://u@h"\nmax-size = "x"', "'x' is not a size: write 500000"),
        ('[[account]]\nurl = "pop3s://u@h"\neml = "a"\nmbox = "b"', "no destination: "),
        ('[[account]]\nurl = "pop3s://u:p@h"', "other users of this machine can read a password"),
    ],
)
def test_mistakes_in_the_file(accounts, text, told, capsys):
    path = accounts(text)
    assert main(["fetch", "--maildir", "m", *map(str, path)]) == 64
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f": {path[1]}" in said and told in said


def test_without_what_reads_toml(accounts, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    assert main(["fetch", "--maildir", "m", *map(str, accounts(""))]) == 64
    assert capsys.readouterr().err.endswith(": install poplib-c[cli]\n")


def test_a_file_that_others_can_write(user, accounts, server):
    """It has commands, which would be run as its user's."""
    option, path = accounts(table(server, "alice", f'password-command = "touch {user.home}/run"'))
    path.chmod(0o646)
    ended = user.fetch("--maildir", user.maildir, option, path)
    assert ended.returncode == 64
    assert ended.stderr.endswith(
        f"{path}: the file is world-writable and can name commands: use chmod o-w\n"
    )
    assert not (user.home / "run").exists()


def test_no_such_file(user):
    ended = user.fetch("--maildir", "m", "--accounts", user.home / "none")
    assert ended.returncode == 64
    assert ended.stderr.endswith("none: No such file or directory\n")


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
