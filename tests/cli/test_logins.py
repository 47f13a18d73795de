"""Passwords and tokens: from where, and what a refusal is."""

import base64
import os
import pty

import pytest
from scripted import C, S, play
from secret import SECRET, places_of_secret

from poplib_c._cli.account import parse
from poplib_c._cli.arguments import parser
from poplib_c._cli.credentials import Credentials
from poplib_c._cli.failures import Failure
from poplib_c._cli.job import Stop
from poplib_c._cli.logins import Logins

from .support import TIMEOUT, User, listing, url


@pytest.fixture
def nobody(tmp_path):
    """A user without a password."""
    return User(tmp_path, password=None)


def last_line(ended):
    return ended.stderr.splitlines()[-1].partition(": ")[2]


def listed(user, server, *options):
    return user.run("list", "--insecure", *options, url(server))


@pytest.mark.parametrize("command", ["echo secret", "echo secret; echo more", "printf secret"])
def test_from_a_command(nobody, server, command):
    assert listed(nobody, server, "--password-command", command).returncode == 0


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo secret; exit 3", "the command of --password-command failed with status 3"),
        ("true", "the command of --password-command printed nothing"),
        (
            "printf '\\377\\n'",
            "the command of --password-command printed invalid UTF-8",
        ),
    ],
)
def test_commands_that_fail(nobody, server, command, told):
    ended = listed(nobody, server, "--password-command", command)
    assert (ended.returncode, last_line(ended)) == (77, told)
    assert server.commands == []


def test_from_the_environment(nobody, server):
    nobody.environment["POPLIB_C_PASSWORD"] = "secret"
    assert listed(nobody, server).returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "machine 127.0.0.1 login alice password secret",
        "machine 127.0.0.1 password secret",
        "machine 127.0.0.1 login alice password secret machine 127.0.0.1 login bob password no",
        "machine 127.0.0.1 login bob password no machine 127.0.0.1 login alice password secret",
        "machine 127.0.0.1 password no machine 127.0.0.1 login alice password secret",
        "default login alice password secret",
        "machine 127.0.0.1 login bob password no default login alice password secret",
        "machine 127.0.0.1 password secret default login alice password no",
        "default password secret",
    ],
)
def test_from_netrc(nobody, server, text):
    """The entry counts that names most of host and user."""
    nobody.netrc(text + "\n")
    assert listed(nobody, server).returncode == 0


def test_a_host_is_called_the_same_in_capitals(nobody, server):
    nobody.netrc("machine LocalHost login alice password secret\n")
    place = f"pop3://alice@LOCALhost:{server.port}"
    assert nobody.run("list", "--insecure", place).returncode == 0


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (
            "machine 127.0.0.1 login alice password secret\n",
            0o644,
            "others may read or write it: chmod",
        ),
        ("machine 127.0.0.1 login bob password secret\n", 0o600, "no password: give "),
        ("machine example.org login alice password secret\n", 0o600, "no password: give "),
        ("default login bob password secret\n", 0o600, "no password: give "),
        ("machines\n", 0o600, "bad toplevel token"),
        ("machine h login a password my secret\n", 0o600, "bad follower token: write machine"),
    ],
)
def test_netrc_that_does_not_help(nobody, server, text, mode, told):
    nobody.netrc(text, mode)
    ended = listed(nobody, server)
    assert ended.returncode == 77
    assert told in last_line(ended)
    assert "secret" not in ended.stderr


def test_the_first_source_counts(nobody, server):
    nobody.netrc("machine 127.0.0.1 login alice password wrong\n")
    nobody.environment["POPLIB_C_PASSWORD"] = "wrong, too"
    assert listed(nobody, server, "--password-command", "echo secret").returncode == 0
    nobody.netrc("machine 127.0.0.1 login alice password secret\n")
    assert listed(nobody, server).returncode == 0
    nobody.netrc("machine example.org login alice password wrong\n")
    nobody.environment["POPLIB_C_PASSWORD"] = "secret"
    assert listed(nobody, server).returncode == 0


def test_a_command_is_told_for_whom(nobody, serve):
    server = serve(users={"a b": "secret"})
    command = (
        f'echo "$POPLIB_C_USER $POPLIB_C_HOST $POPLIB_C_PORT" > {nobody.home}/told; echo secret'
    )
    place = url(server, user="a%20b")
    ended = nobody.run("list", "--insecure", "--password-command", command, place)
    assert ended.returncode == 0
    assert (nobody.home / "told").read_text() == f"a b 127.0.0.1 {server.port}\n"


def test_from_a_prompt(nobody, server):
    command, terminal = pty.openpty()
    try:
        with nobody.start(
            *("list", "--insecure", url(server)), stdin=terminal, start_new_session=True
        ) as process:
            prompt = process.stderr.read(len("Password of "))
            while "Password of" not in prompt:
                prompt += process.stderr.read(1)
            os.write(command, b"secret\n")
            output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0
        assert "3 messages" in output
        assert "secret" not in output + errors
    finally:
        os.close(command)
        os.close(terminal)


@pytest.mark.parametrize("is_token", [False, True])
def test_no_exception_has_the_secret(serve, is_token):
    """Programs that report errors may show local variables."""
    credentials = Credentials((lambda: SECRET) if is_token else SECRET)
    server = serve(tokens={"alice": "token"})
    options = parser().parse_args(["list", "--insecure", url(server)])
    logins = Logins(parse(options.targets[0]), options, credentials, Stop(), print)
    with pytest.raises(Failure) as caught, logins.connected():
        pass
    assert places_of_secret(caught.value) == []


@pytest.mark.parametrize("command", ["fetch", "list", "check"])
def test_wrong_password(user, server, command):
    user.environment["POPLIB_C_PASSWORD"] = "wrong"
    into = ["--maildir", user.maildir] if command == "fetch" else []
    ended = user.run(command, "--insecure", *into, url(server))
    assert ended.returncode == 77
    assert "the server refused the login: -ERR [AUTH] invalid " in ended.stderr + ended.stdout
    assert "wrong" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("-ERR [IN-USE] locked", 75),
        ("-ERR [LOGIN-DELAY] wait", 75),
        ("-ERR [SYS/TEMP] later", 75),
        ("-ERR [AUTH] no", 77),
        ("-ERR no", 77),
    ],
)
def test_refusals(user, reply, status):
    greeted = [S("+OK"), C("CAPA"), S("-ERR no"), C("USER alice"), S("+OK"), C("PASS secret")]
    with play(*greeted, S(reply)) as server:
        ended = listed(user, server)
    more = " (tried USER; --mechanism names the mechanisms to use)" if status == 77 else ""
    told = f"the server refused the login: {reply}{more}"
    assert (ended.returncode, last_line(ended)) == (status, told)


def test_a_token(nobody, serve):
    """The server has no OAuth: that is said, and the token is not sent as a password."""
    server = serve()
    ended = listed(nobody, server, "--oauth2-token-command", "echo token")
    assert ended.returncode == 77
    assert not any(b"token" in command for command in server.commands)


def test_a_token_that_is_refused_is_renewed_once(nobody):
    runs = nobody.home / "runs"
    command = f"echo $POPLIB_C_USER >> {runs}; echo token$(grep -c alice {runs})"
    first, second = (_xoauth2(f"token{number}") for number in (1, 2))
    listed_ones = [*listing(), C("QUIT"), S("+OK")]
    steps = [S("+OK"), C("CAPA"), S("+OK", "SASL XOAUTH2", "."), C(f"AUTH XOAUTH2 {first}")]
    steps += [S("-ERR [AUTH] expired"), C(f"AUTH XOAUTH2 {second}"), S("+OK")]
    with play(*steps, *listed_ones) as server:
        ended = listed(nobody, server, "--oauth2-token-command", command)
    assert ended.returncode == 0


def _xoauth2(token):
    return base64.b64encode(f"user=alice\1auth=Bearer {token}\1\1".encode()).decode()


def test_a_user_with_an_at_sign(nobody, serve):
    server = serve([], users={"alice@example.org": "secret", "a/b": "secret"})
    nobody.environment["POPLIB_C_PASSWORD"] = "secret"
    for name in ("alice@example.org", "alice%40example.org", "a%2Fb"):
        place = f"pop3://{name}@127.0.0.1:{server.port}"
        assert nobody.run("list", "--insecure", place).returncode == 0
