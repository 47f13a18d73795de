"""How the command line logs in: --mechanism, servers that hang up, --no-utf8, users in URLs."""

import re

import pytest
from certificates import HOSTS
from scripted import Anything, C, S, play

from poplib_c.__main__ import main
from poplib_c._cli.account import parse
from poplib_c._cli.failures import Failure

from .support import User, failed, listing, numbered, ok, url
from .test_connections import context

MESSAGES = numbered(3)
AT_CAPA = (
    "at CAPA (for passwords, --mechanism USER does without that command): "
    "connecting again, without CAPA"
)


def notes(ended):
    """What was printed of the login, apart from the warning about --insecure."""
    lines = ended.stderr.splitlines()
    return [line.partition(": ")[2].partition(": ")[2] for line in lines if "warning" not in line]


@pytest.fixture
def certificate(authority):
    return authority.issue(*HOSTS)


@pytest.fixture
def verified(user, authority, serve, certificate):
    """verified(*arguments, **options of the server): fetch over verified TLS, and the server."""

    def verified(*arguments, **options):
        server = serve(MESSAGES, tls=context(certificate), **options)
        into = ["--cafile", authority.ca_file, "--maildir", user.maildir]
        return user.fetch(*into, *arguments, url(server, scheme="pop3s")), server

    return verified


@pytest.mark.parametrize(
    ("greeting", "steps", "told"),
    [
        ("+OK", [], "the server lists XOAUTH2; for a token, use --oauth2-token-command"),
        (
            "+OK <a@b>",
            [Anything(once=True), S("-ERR use OAuth")],
            "(tried APOP; the server lists only XOAUTH2: use --oauth2-token-command)",
        ),
    ],
)
def test_a_server_for_tokens(user, greeting, steps, told):
    asked = C("CAPA"), S("+OK", "SASL XOAUTH2", ".")
    with play(S(greeting), *asked, *steps) as server:
        ended = user.run("list", "--insecure", url(server))
    assert ended.returncode == 77
    assert ended.stderr.endswith(f"{told}\n")


# --- --mechanism ----------------------------------------------------------------------------


def test_mechanisms_are_named(fetch, user, serve):
    server = serve(MESSAGES)
    ok(fetch(server, "--maildir", user.maildir, "--mechanism", "login", "--mechanism", "PLAIN"))
    assert b"AUTH LOGIN" in server.commands
    assert not any(command.startswith(b"AUTH PLAIN") for command in server.commands)


def without_capa(user, authority, serve, certificate, kind, *arguments):
    """Fetch from a server that hangs up at CAPA."""
    tls = {kind: context(certificate)} if kind else {}
    server = serve(MESSAGES, refused={"CAPA": None}, **tls)
    how = ["--cafile", authority.ca_file] if kind else ["--insecure"]
    place = url(server, scheme="pop3s" if kind == "tls" else "pop3")
    return server, user.fetch(*how, *arguments, "--maildir", user.maildir, place)


@pytest.mark.parametrize("kind", ["stls", "tls", None])
def test_capa_is_not_sent_for_user(user, authority, serve, certificate, kind):
    named = "--mechanism", "USER"
    server, ended = without_capa(user, authority, serve, certificate, kind, *named)
    assert ended.returncode == 0
    assert b"CAPA" not in server.commands
    assert b"USER alice" in server.commands


def test_check_shows_no_capabilities_if_capa_is_not_sent(user, serve):
    server = serve(refused={"CAPA": None})
    report = user.run("check", "--insecure", "--mechanism", "USER", url(server)).stdout
    assert re.search("^Login: +done, by USER$", report, re.M)
    assert "Capabilities" not in report


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--mechanism", "PLAN"], "unknown mechanism 'PLAN'; there are SCRAM-"),
        (["--mechanism", "XOAUTH2"], "--mechanism XOAUTH2 is not for passwords: there are SCRAM-"),
        (["--mechanism", "XOAUTH2"], "; for tokens, use --oauth2-token-command"),
        (
            ["--mechanism", "plain", "--oauth2-token-command", "echo x"],
            "--mechanism PLAIN is not for tokens: there are OAUTHBEARER, XOAUTH2",
        ),
    ],
)
def test_wrong_mechanisms(user, arguments, told):
    ended = user.run("list", *arguments, "pop3s://alice@localhost")
    assert ended.returncode == 64
    assert told in ended.stderr


def test_a_mechanism_for_tokens(user, serve):
    server = serve(tokens={"alice": "token"})
    options = ["--insecure", "--oauth2-token-command", "echo token", "--mechanism", "XOAUTH2"]
    assert user.run("list", *options, url(server)).returncode == 0
    assert any(command.startswith(b"AUTH XOAUTH2") for command in server.commands)


@pytest.mark.parametrize(
    ("value", "used"),
    [
        ('"LOGIN"', b"AUTH LOGIN"),
        ('["USER"]', b"USER alice"),
        ('["LOGIN", "user"]', b"AUTH LOGIN"),
    ],
)
def test_mechanisms_of_an_account(user, serve, value, used):
    server = serve(MESSAGES)
    accounts = user.home / "accounts.toml"
    text = f'[[account]]\nurl = "{url(server)}"\ninsecure = true\nmechanism = {value}\n'
    accounts.write_text(f'[defaults]\nmechanism = "PLAIN"\n{text}')
    assert user.fetch("--accounts", accounts, "--maildir", user.maildir).returncode == 0
    assert used in server.commands


@pytest.mark.parametrize("value", ["1", "[1]", '"PLAN"', '["PLAN"]', "true"])
def test_wrong_mechanisms_of_an_account(user, value):
    accounts = user.home / "accounts.toml"
    accounts.write_text(f'[[account]]\nurl = "pop3s://a@localhost"\nmechanism = {value}\n')
    ended = user.fetch("--accounts", accounts, "--maildir", user.maildir)
    assert ended.returncode == 78
    assert "account 1: " in ended.stderr


# --- servers that refuse, hang up or fall silent --------------------------------------------


def test_a_server_with_hashed_passwords(verified):
    refused = dict.fromkeys(["SCRAM-SHA-256", "CRAM-MD5", "APOP"], "[AUTH] no")
    mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]
    ended, _ = verified(mechanisms=mechanisms, refused=refused)
    assert ended.returncode == 0
    (told,) = notes(ended)
    assert told.startswith(
        "the server refused SCRAM-SHA-256 and accepted PLAIN: --mechanism PLAIN "
    )


@pytest.mark.parametrize(("name", "next_name"), [("SCRAM-SHA-256", "PLAIN"), ("CRAM-MD5", "APOP")])
def test_a_server_that_hangs_up_on_a_proof(verified, name, next_name):
    named = "--mechanism", name, "--mechanism", next_name
    ended, _ = verified(
        *named, mechanisms=["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"], refused={name: None}
    )
    assert ended.returncode == 0
    assert notes(ended)[0].endswith(f"connecting again, without {name}")


def test_a_server_that_hangs_up_on_an_initial_response(verified):
    ended, server = verified(mechanisms=["PLAIN"], two_step=True)
    assert ended.returncode == 0
    assert server.commands.count(b"AUTH PLAIN") == 1
    tried = "tried PLAIN: -ERR Protocol error. Connection is closed.; --mechanism names"
    (told,) = notes(ended)
    assert told.startswith(f"the server ended the connection ({tried}")
    assert told.endswith("): connecting again, without PLAIN")


def test_a_server_that_hangs_up_on_the_password(verified):
    ended, server = verified(mechanisms=[], refused={"PASS": None})
    assert "the server ended the connection (tried USER; --mechanism names" in failed(ended, 75)
    assert server.commands.count(b"USER alice") == 1


@pytest.mark.parametrize("kind", ["stls", "tls", None])
def test_a_server_that_hangs_up_at_capa(user, authority, serve, certificate, kind):
    server, ended = without_capa(user, authority, serve, certificate, kind)
    assert ended.returncode == 0
    assert notes(ended)[0] == f"the server ended the connection {AT_CAPA}"
    assert server.commands.count(b"CAPA") == 1


def test_a_token_for_a_server_that_hangs_up_at_capa(user, serve):
    server = serve(MESSAGES, refused={"CAPA": None}, tokens={"alice": "token"})
    token = "--oauth2-token-command", "echo token"
    ended = user.fetch("--insecure", *token, "--maildir", user.maildir, url(server))
    assert ended.returncode == 0
    assert server.commands[1].startswith(b"AUTH XOAUTH2 ")


def silent(session, reply):
    """+OK without a list."""
    session._channel.write(b"+OK\r\n")
    session._channel.flush()
    session._channel.readline()
    return b""


def test_a_server_without_a_list(run, odd, user):
    server = odd(MESSAGES, {b"CAPA": silent})
    status, told, _ = run(server)
    assert status == 0
    assert told[0].endswith(f"timed out {AT_CAPA}")


@pytest.mark.parametrize("command", ["fetch", "list", "check"])
def test_stls_in_lower_case(user, authority, odd, certificate, command, monkeypatch):
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    habit = {b"CAPA": lambda session, reply: reply.replace(b"STLS", b"stls")}
    server = odd(MESSAGES, habit, stls=context(certificate))
    into = ["--maildir", user.maildir, "--state", user.home / "state"]
    arguments = ["--cafile", authority.ca_file, *(into if command == "fetch" else [])]
    assert main([command, *map(str, arguments), url(server)]) == 0
    assert b"STLS" in server.commands


# --- UTF8 -----------------------------------------------------------------------------------


def test_utf8_where_the_server_lists_it(new, serve):
    server = serve(MESSAGES)
    ok(new(server))
    assert server.commands.index(b"CAPA") < server.commands.index(b"UTF8")
    assert server.commands[2].startswith(b"AUTH ")
    other = serve(MESSAGES)
    ok(new(other, "--no-utf8"))
    assert b"UTF8" not in other.commands


def test_utf8_that_is_refused(new, serve):
    ok(new(serve(MESSAGES, refused={"UTF8": "no"})))


def test_utf8_that_ends_the_connection(new, serve):
    told = failed(new(serve(MESSAGES, refused={"UTF8": None})), 75)
    assert told.endswith("at UTF8: --no-utf8 does without that command")


def test_no_utf8_where_the_server_does_not_list_it(tmp_path):
    steps = [S("+OK"), C("CAPA"), S("+OK", "USER", "."), C("USER alice"), S("+OK")]
    steps += [C("PASS secret"), S("+OK"), *listing(), C("QUIT"), S("+OK")]
    with play(*steps) as server:
        assert User(tmp_path).run("list", "--insecure", url(server)).returncode == 0


# --- users in URLs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["recent:alice@gmail.com", "DOMAIN\\user/box", "DOMAIN\\user/a@b", "a@b", "DOMAIN\\user/"],
)
def test_users_that_can_be_told_apart(name):
    account = parse(f"pop3s://{name}@pop.example.org:1995/")
    assert account == (True, "pop.example.org", 1995, name)


@pytest.mark.parametrize(
    "name", ["alice:secret", "recent:secret", "recent:a:secret@b", "D\\a/b:secret"]
)
def test_users_that_may_have_a_password(user, name):
    ended = user.run("list", f"pop3s://{name}@pop.example.org")
    assert "if the colon belongs to USER, write %3A" in failed(ended, 64)
    assert "secret" not in ended.stderr


@pytest.mark.parametrize(
    "place",
    ["alice@pop.example.org/box@x", "DOMAIN\\user/box", "a?b@host", "a:secret/x@b",
     "pop.example.org/alice@example.com"],
)  # fmt: skip
def test_urls_that_are_none(place):
    """Other programs connect to the host before the slash, and may be meant."""
    with pytest.raises(Failure, match=r" is not the URL .* %3A for a colon, %2F for a slash"):
        parse(f"pop3s://{place}")


def test_a_user_with_a_slash(user, serve):
    server = serve(MESSAGES, users={"DOMAIN\\user/box": "secret"})
    assert user.run("list", "--insecure", url(server, user="DOMAIN\\user/box")).returncode == 0
