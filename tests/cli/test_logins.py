"""Passwords and tokens: from where, and what a refusal is."""

import base64
import os
import pty
import subprocess
import sys

import pytest
from scripted import C, S, play
from secret import SECRET, places_of_secret

from poplib_c._cli.account import parse
from poplib_c._cli.arguments import parser
from poplib_c._cli.credentials import Credentials
from poplib_c._cli.failures import Failure
from poplib_c._cli.job import Stop
from poplib_c._cli.logins import Logins

from .habits import hang_up
from .support import TIMEOUT, User, last_line, listing, numbered, url


@pytest.fixture
def nobody(tmp_path):
    """A user without a password."""
    return User(tmp_path, password=None)


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


@pytest.fixture
def keyring(nobody):
    """A keyring in a file; store(service, user, password) is what `keyring set` does."""
    nobody.environment.update(
        PYTHON_KEYRING_BACKEND="keyrings.alt.file.PlaintextKeyring",
        XDG_DATA_HOME=str(nobody.home / "data"),
        XDG_CONFIG_HOME=str(nobody.home / "settings"),
    )

    def store(*entry):
        *names, password = entry
        subprocess.run(
            [sys.executable, "-m", "keyring", "set", *names],
            input=password,
            env=nobody.environment,
            encoding="utf-8",
            check=True,
            timeout=TIMEOUT,
        )

    return store


def test_from_a_keyring(nobody, server, keyring):
    """It comes before ~/.netrc, and a host in it is written in small letters."""
    nobody.netrc("machine localhost login alice password wrong\n")
    keyring("pop3://localhost", "alice", "secret")
    keyring("pop3://localhost", "bob", "no")
    place = f"pop3://alice@LocalHost:{server.port}"
    assert nobody.run("list", "--insecure", "--keyring", place).returncode == 0
    assert nobody.run("list", "--insecure", place).returncode == 77


def test_a_keyring_without_the_password(nobody, server, keyring):
    ended = listed(nobody, server, "--keyring")
    assert ended.returncode == 77
    assert "'keyring set pop3://127.0.0.1 alice'" in last_line(ended)
    nobody.netrc("machine 127.0.0.1 login alice password secret\n")
    assert listed(nobody, server, "--keyring").returncode == 0


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("keyring.backends.fail.Keyring", "--keyring: this system has no keyring that "),
        ("broken.Keyring", "--keyring: KeyringLocked: the user dismissed the prompt ('keyring "),
    ],
)
def test_keyrings_that_fail(nobody, server, backend, told):
    (nobody.home / "broken.py").write_text(
        "import keyring.backend, keyring.errors\n"
        "class Keyring(keyring.backend.KeyringBackend):\n"
        "    priority = 1\n"
        "    def get_password(self, service, user):\n"
        "        raise keyring.errors.KeyringLocked('the user dismissed the prompt')\n"
        "    set_password = delete_password = None\n"
    )
    nobody.environment["PYTHON_KEYRING_BACKEND"] = backend
    nobody.environment["PYTHONPATH"] = os.pathsep.join([str(nobody.home), *sys.path])
    ended = listed(nobody, server, "--keyring")
    assert ended.returncode == 77
    assert last_line(ended).startswith(told)
    assert server.commands == []


def test_the_package_keyring_is_imported_only_if_it_is_wanted(nobody, server):
    (nobody.home / "keyring.py").write_text("raise ImportError")
    nobody.environment["PYTHONPATH"] = os.pathsep.join([str(nobody.home), *sys.path])
    nobody.netrc("machine 127.0.0.1 login alice password secret\n")
    assert listed(nobody, server).returncode == 0
    ended = listed(nobody, server, "--keyring")
    told = "--keyring needs the package keyring: install poplib-c[keyring]"
    assert ended.returncode == 64
    assert told in ended.stderr


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
    nobody.environment["POPLIB_C_TOKEN_REFUSED"] = "left over"
    told = "$POPLIB_C_USER ${POPLIB_C_TOKEN_REFUSED-unset}"
    command = f"echo {told} >> {runs}; echo token$(grep -c alice {runs})"
    first, second = (_xoauth2(f"token{number}") for number in (1, 2))
    listed_ones = [*listing(), C("QUIT"), S("+OK")]
    steps = [S("+OK"), C("CAPA"), S("+OK", "SASL XOAUTH2", "."), C(f"AUTH XOAUTH2 {first}")]
    steps += [S("-ERR [AUTH] expired"), C(f"AUTH XOAUTH2 {second}"), S("+OK")]
    with play(*steps, *listed_ones) as server:
        ended = listed(nobody, server, "--oauth2-token-command", command)
    assert ended.returncode == 0
    assert runs.read_text() == "alice unset\nalice 1\n"


def test_a_token_that_is_refused_twice(nobody, serve):
    server = serve(tokens={"alice": "another"})
    command = f"echo run >> {nobody.home}/runs; echo token"
    ended = listed(nobody, server, "--oauth2-token-command", command)
    assert (ended.returncode, (nobody.home / "runs").read_text()) == (77, "run\nrun\n")
    assert last_line(ended) == (
        "the server refused the login: -ERR [AUTH] invalid credentials "
        "(the server explains: status invalid_token)"
    )


def test_the_server_closes_after_it_has_refused_a_token(nobody, serve):
    """Status 77, and not 75: another run would not help."""
    server = serve(tokens={"alice": "token"}, two_step=True)
    command = f"echo run >> {nobody.home}/runs; echo token"
    ended = listed(nobody, server, "--oauth2-token-command", command)
    assert (ended.returncode, (nobody.home / "runs").read_text()) == (77, "run\n")


def test_the_explanation_cannot_command_the_terminal(nobody):
    said = base64.b64encode(b'{"status": "401\\u001b[2J", "scope": ["a"]}').decode()
    refused = [S("+ " + said), C(""), S("-ERR [AUTH] no")]
    greeted = [S("+OK"), C("CAPA"), S("-ERR no")]
    token = [C(f"AUTH XOAUTH2 {_xoauth2('token')}"), *refused]
    with play(*greeted, *token, *token) as server:
        ended = listed(nobody, server, "--oauth2-token-command", "echo token")
    told = "-ERR [AUTH] no (the server explains: status 401\ufffd[2J, scope ['a'])"
    assert last_line(ended) == f"the server refused the login: {told}"


def test_a_second_login_is_not_told_of_the_first_token(nobody, serve, odd):
    """Only a refused token is renewed: the server took the first one, and lost the connection."""
    server = odd(numbered(2), {b"RETR 1": hang_up}, tokens={"alice": "token"}, users={})
    runs = nobody.home / "runs"
    command = f"echo ${{POPLIB_C_TOKEN_REFUSED-unset}} >> {runs}; echo token"
    into = ["--maildir", nobody.maildir, "--oauth2-token-command", command]
    ended = nobody.fetch("--insecure", *into, url(server))
    assert ended.returncode == 1
    assert set(runs.read_text().split()) == {"unset"}
    assert len(runs.read_text().split()) > 1


def _xoauth2(token):
    return base64.b64encode(f"user=alice\1auth=Bearer {token}\1\1".encode()).decode()


def test_a_user_with_an_at_sign(nobody, serve):
    server = serve([], users={"alice@example.org": "secret", "a/b": "secret"})
    nobody.environment["POPLIB_C_PASSWORD"] = "secret"
    for name in ("alice@example.org", "alice%40example.org", "a%2Fb"):
        place = f"pop3://{name}@127.0.0.1:{server.port}"
        assert nobody.run("list", "--insecure", place).returncode == 0
