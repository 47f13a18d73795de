"""The configuration file: what it says, what overrides what, and mistakes in it."""

import json
import os
import re
import sys

import pytest

from poplib_c.__main__ import main
from poplib_c._cli import arguments, config, texts

from .support import delivered, failed, numbered, url

HOST = 'url = "pop3s://u@h"\n'
WORK = f"[account.work]\n{HOST}"


@pytest.fixture
def write(user):
    """Writes the configuration of the user; returns its path."""

    def write(text):
        path = user.home / ".config" / "poplib-c" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def two(user, serve, write):
    """Two servers, which are the accounts work and private, and the Maildirs of these."""
    servers = [serve(numbered(1), users={name: name}) for name in ("alice", "bob")]
    tables = [
        f'[account.{name}]\nurl = "{url(server, login)}"\npassword-command = "echo {login}"\n'
        f'maildir = "~/{name}"\n'
        for name, login, server in zip(("work", "private"), ("alice", "bob"), servers)
    ]
    write("".join(["[defaults]\ninsecure = true\n", *tables]))
    return servers


# Which mailboxes


@pytest.mark.parametrize(
    ("targets", "fetched"),
    [([], ["private", "work"]), (["work"], ["work"]), (["private", "work"], ["private", "work"])],
)
def test_accounts(user, two, targets, fetched):
    ended = user.fetch(*targets)
    assert ended.returncode == 0, ended.stderr
    assert sorted(name for name in ("work", "private") if (user.home / name).exists()) == fetched


def test_names_and_urls(user, serve, two):
    server = serve(numbered(2))
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    ended = user.fetch("--maildir", user.maildir, "work", url(server), "work")
    assert ended.returncode == 0, ended.stderr
    assert len(delivered(user.maildir)) == 3
    assert [len(server.commands) > 0 for server in two] == [True, False]


def test_defaults_count_for_urls(user, server, write):
    write('[defaults]\ninsecure = true\nmaildir = "~/Mail"\n')
    assert user.fetch(url(server)).returncode == 0
    assert len(delivered(user.maildir)) == 3


@pytest.mark.parametrize("command", ["fetch", "check", "list", "config"])
def test_no_configuration(user, command):
    path = user.home / ".config" / "poplib-c" / "config.toml"
    assert failed(user.run(command), 78) == (
        f"no mailbox: give a URL, or write an [account.NAME] into {path} "
        "('config --help' shows how)"
    )


def test_the_place_of_the_file(user, server, write):
    place = user.home / "elsewhere" / "poplib-c"
    place.parent.mkdir()
    write(f'[account.work]\nurl = "{url(server)}"\n').parent.rename(place)
    user.environment["XDG_CONFIG_HOME"] = str(place.parent)
    assert user.run("list", "--insecure", "work").returncode == 0
    given = "-c", place / "config.toml", "--insecure", "work"
    user.environment["XDG_CONFIG_HOME"] = "elsewhere"
    assert "work is not the URL" in user.run("list", "work", cwd=user.home).stderr
    assert user.run("list", *given).returncode == 0
    assert failed(user.run("list", "-c", user.home / "no", "work"), 78).endswith(
        "no: No such file or directory"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wrok", "wrok is not an account of {}: did you mean work?"),
        ("example.org", "example.org is not an account of {}: write pop3s://USER@HOST[:PORT]"),
        ("a:x9@b", "the argument is not the URL of a mailbox: write pop3s://USER@HOST[:PORT]; "),
    ],
)
def test_no_such_account(user, write, name, told):
    path = write(WORK)
    said = failed(user.run("list", name), 64)
    assert said.startswith(told.format(path))
    assert "x9" not in said


def test_accounts_are_fetched_besides_targets(user, serve, two, write):
    server = serve(numbered(2))
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    path = write("").with_name("more.toml")
    path.write_text(
        f'[[account]]\nurl = "{url(two[0])}"\npassword-command = "echo alice"\ninsecure = true\n'
    )
    options = "--insecure", "--maildir", user.maildir
    ended = user.fetch(*options, "--accounts", path, url(server))
    assert ended.returncode == 0, ended.stderr
    assert len(delivered(user.maildir)) == 3


def test_a_home_that_is_no_directory(user, server):
    user.environment["HOME"] = "/dev/null"
    place = f"pop3://127.0.0.1:{server.port}"
    assert user.run("check", "--insecure", place).returncode == 0


# Looking into several


def test_headings(user, two):
    ended = user.run("list")
    host = [f"127.0.0.1:{server.port}" for server in two]
    heading, *_, last, blank, second = ended.stdout.splitlines()[:6]
    assert (heading, last) == (f"work (alice@{host[0]}):", "1 messages, 16 octets")
    assert (blank, second) == ("", f"private (bob@{host[1]}):")
    assert user.run("check").stdout.count("\nLogin: ") == 2
    assert "work (" not in user.run("list", "work").stdout


@pytest.mark.parametrize("command", ["check", "list"])
def test_json_of_several(user, two, command):
    """Without a TARGET, or with several, there is a list around it."""
    two[1].stop()
    ended = user.run(command, "--json")
    assert ended.returncode == 69
    done, lost = json.loads(ended.stdout)
    assert (done["account"], done["url"], done["error"]) == ("work", url(two[0]), None)
    if command == "list":
        assert [message["number"] for message in done["messages"]] == [1]
        assert lost["messages"] is None
    else:
        assert done["login"] == "done"
    assert (lost["account"], lost["error"]) == ("private", "Connection refused")
    assert f"private (bob@127.0.0.1:{two[1].port}): Connection refused\n" in ended.stderr
    single = json.loads(user.run(command, "--json", "work").stdout)
    assert single == done["messages"] if command == "list" else single["login"] == "done"


# What overrides what


@pytest.fixture
def merged(tmp_path):
    """Returns options, after defaults, an account and a command line, and their sources."""

    def merged(defaults, account, *given):
        path = tmp_path / "config.toml"
        path.write_text(f"[defaults]\n{defaults}\n{WORK}{account}\n")
        options = arguments.parse(["fetch", "-c", str(path), *given, "work"], "poplib-c")
        (mailbox,) = config.find(options)
        return mailbox.options, mailbox.sources

    return merged


@pytest.mark.parametrize(
    ("defaults", "account", "given", "counts"),
    [
        ("timeout = 5", "", [], {"timeout": 5.0}),
        ("timeout = 5", "timeout = 6", [], {"timeout": 6.0}),
        ("timeout = 5", "timeout = 6", ["--timeout", "7"], {"timeout": 7.0}),
        ("timeout = 5", "", ["--timeout", "60"], {"timeout": 60.0}),
        ("insecure = true", "insecure = false", [], {"insecure": False}),
        ('eml = "/a"', 'mbox = "/b"', [], {"eml": None, "mbox": "/b"}),
        ('eml = "/a"', 'mbox = "/b"', ["--pipe", "c"], {"eml": None, "mbox": None, "pipe": "c"}),
        ("delete = true", "", ["--keep"], {"delete": False}),
        ("delete = true", "keep = true", [], {"delete": False}),
        ("delete = true", "keep-days = 3", [], {"delete": False, "keep_days": 3}),
        ("keep-days = 3", "delete = true", [], {"delete": True, "keep_days": None}),
        ("keep-days = 3", "delete = false", [], {"delete": False, "keep_days": None}),
        ("quiet = true", "", ["-vv"], {"quiet": False, "verbose": 2}),
        ("verbose = 2", "", ["-q"], {"quiet": True, "verbose": 0}),
        ("all = true", "", ["--since-last"], {"all": False}),
        (
            "keyring = true",
            'password-command = "a"',
            ["--oauth2-token-command", "b"],
            {"keyring": False, "password_command": None, "oauth2_token_command": "b"},
        ),
        ("keyring = true", 'password-command = "a"', [], {"keyring": False}),
        ("", 'password-command = "a"\nkeyring = false', [], {"password_command": "a"}),
        ('mechanism = "XOAUTH2"', 'password-command = "a"', [], {"mechanism": None}),
        ('mechanism = "USER"', 'password-command = "a"', [], {"mechanism": ["USER"]}),
        ('mechanism = "USER"', 'mechanism = ["LOGIN"]', [], {"mechanism": ["LOGIN"]}),
        ("no-verify = true", 'cafile = "/a"', [], {"no_verify": False, "cafile": "/a"}),
        ("insecure = true", f'fingerprint = "sha256:{"0" * 64}"', [], {"insecure": False}),
        ('cert = "/a"\nkey = "/b"', 'cert = "/c"', [], {"cert": "/c", "key": None}),
        ('lmtp = "/a"\nrecipient = "b"', 'eml = "/c"', [], {"lmtp": None, "recipient": None}),
        ('lmtp = "/a"\nrecipient = "b"', 'lmtp = "/c"', [], {"lmtp": "/c", "recipient": "b"}),
        ('cafile = "/a"', "", ["--no-verify"], {"no_verify": True, "cafile": "/a"}),
    ],
)
def test_what_counts(merged, defaults, account, given, counts):
    """An option replaces its alternatives. Only more verification replaces less."""
    options, _ = merged(defaults, account, *given)
    assert {name: getattr(options, name) for name in counts} == counts


def test_sources(merged):
    _, sources = merged("timeout = 5\njobs = 2", 'eml = "a"', "--max-size", "1k")
    assert [sources[name] for name in ("timeout", "jobs", "eml", "max_size", "state")] == [
        *("defaults", "defaults", "account", "command line", "built in")
    ]


def test_paths(merged, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/u")
    options, _ = merged('cafile = "~/ca"\nstate = "/s"', 'eml = "here"', "--log", "there")
    assert (options.cafile, options.state) == ("/home/u/ca", "/s")
    assert (options.eml, options.log) == (str(tmp_path / "here"), "there")
    assert merged("", 'mbox = "-"')[0].mbox == "-"


def test_every_option_of_fetch_is_an_option_of_the_file(merged):
    """Except those that are about the file."""
    parser = arguments.of_tables()
    values = {
        "mechanism": '"USER"',
        "tls-min": "1.2",
        "proxy": '"socks5://h"',
        "source": '"::1"',
        "fingerprint": f'"sha256:{"0" * 64}"',
        **dict.fromkeys(("password-command", "oauth2-token-command"), '"echo $POPLIB_C_HOST"'),
    }
    for action in parser._actions:
        key = action.option_strings[-1][2:] if action.option_strings else "targets"
        if key not in ("targets", "config", "accounts", "since-last"):
            value = values.get(key, "true" if action.nargs == 0 else "1")
            _, sources = merged(f"{key} = {value}", "")
            assert sources[action.dest] == "defaults"


def test_jobs_and_quiet_of_the_defaults(user, two, write):
    path = write("").with_name("all.toml")
    path.write_text(
        '[defaults]\nquiet = true\njobs = 3\nmaildir = "~/Mail"\ninsecure = true\n[account.a]\n'
        f'url = "{url(two[0])}"\npassword-command = "echo alice"\n'
    )
    ended = user.fetch("-c", path)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "1 message" in user.fetch("-c", path, "-v", "--all").stdout


# Mistakes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[account", " is not TOML: "),
        ("account = 1", ": [account] has no name: write [account.NAME]"),
        (f"[account]\n{HOST}", ": [account] has no name: write [account.NAME]"),
        ("[[account]]", ': account 1: it has no url = "pop3s://USER@HOST"'),
        ("[account.work]", ': [account.work]: it has no url = "pop3s://USER@HOST"'),
        (f'[account."a://b"]\n{HOST}', ": 'a://b' can't be the name of an account"),
        (f"[account.-v]\n{HOST}", ": '-v' can't be the name of an account"),
        ('[account.work]\nurl = "host"', ": [account.work]: host is not the URL of a mailbox: "),
        (f"[[account]]\n{HOST}delte = true", ": account 1: delte is not an option of"),
        (
            f"{WORK}delte = true",
            ": [account.work]: delte is not an option of the file: did you me",
        ),
        (f"{WORK}keep_days = 1", "keep_days is not an option of the file: did you mean keep-"),
        (f'{WORK}config = "x"', ": [account.work]: config is not an option of the file"),
        (f"{WORK}[account.work.eml]", ": [account.work]: eml must be a text or a number"),
        ('fingerprint = "x"', ": fingerprint is outside of [defaults] and [account.NAME]"),
        (f"[default]\n{WORK}", "is outside of [defaults] and [account.NAME]: did you mean d"),
        ("defaults = 1", ": defaults is not a table: write [defaults]"),
        (f"[defaults]\n{HOST}", ": [defaults]: url is not an option of the file: it belongs to a"),
        (f"{WORK}timeout = [1]", ": [account.work]: timeout must be a text or a number"),
        (f'{WORK}timeout = "soon"', ": [account.work]: timeout: 'soon' is not a number of sec"),
        (f'{WORK}cafile = ""', ": [account.work]: cafile: the value is empty"),
        (f'{WORK}eml = "a"\nmbox = "b"', ": [account.work]: mbox: not allowed with eml"),
        (f"{WORK}jobs = 3", ": [account.work]: jobs is for all accounts: write it into [d"),
        ("[defaults]\njobs = 0", ": [defaults]: jobs: '0' is not a whole number: write 1 or"),
        (f"{WORK}keep = false", "keep must be true: the opposite is delete = true"),
        (f"{WORK}delete = 1", ": [account.work]: delete must be true or false, without quotes"),
        (f"{WORK}eml = true", ": [account.work]: eml must be a text or a number"),
        (f"{WORK}mechanism = 1", ": [account.work]: mechanism: unknown mechanism '1'; there are"),
        ('[account.work]\nurl = "pop3s://u:x9@h"', "other users of this machine can read a pass"),
        (WORK, ": [account.work]: no destination: give one of --maildir,"),
        (f'{WORK}timeout="socks5://u:x9@h"', "timeout: 'socks5://u:***@h' is not a number of sec"),
        (f'{WORK}eml="a"\ninsecure = true', ": [account.work]: --insecure is for pop3:// only"),
    ],
)
def test_mistakes(tmp_path, text, told, capsys):
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert main(["fetch", "-c", str(path)]) == 78
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f" fetch: {path}" in said and told in said
    assert "x9" not in said


@pytest.mark.parametrize("key", ["password-command", "oauth2-token-command"])
def test_a_secret_for_all_servers(user, two, write, key):
    text = write("").read_text()
    path = write(f'[defaults]\n{key} = "touch {user.home}/run"\n{text}')
    told = failed(user.run("list", url(two[0])), 78)
    assert told.startswith(f"{path}: [defaults]: {key} would send one secret to all servers: ")
    assert not (user.home / "run").exists()


@pytest.mark.parametrize("command", ["fetch", "check", "list"])
def test_a_secret_of_the_command_line_is_for_one_mailbox(user, two, command):
    """Also if accounts have their own."""
    ended = user.run(command, "--password-command", f"touch {user.home}/run")
    assert "--password-command is for one mailbox, and there are 2: " in failed(ended, 64)
    assert not (user.home / "run").exists()


@pytest.mark.parametrize("command", ["check", "list"])
def test_the_variable_is_for_one_mailbox(user, serve, command):
    servers = [serve() for _ in range(2)]
    ended = user.run(command, "--insecure", *map(url, servers))
    assert (ended.returncode, ended.stderr.count("POPLIB_C_PASSWORD is for one mailbox")) == (
        77,
        2,
    )
    assert servers[0].commands == servers[1].commands == []


def test_a_command_that_tells_servers_apart(user, server, write):
    write('[defaults]\npassword-command = "test $POPLIB_C_HOST = 127.0.0.1 && echo secret"\n')
    del user.environment["POPLIB_C_PASSWORD"]
    assert user.run("list", "--insecure", url(server)).returncode == 0


@pytest.mark.parametrize("name", ["tomllib", "tomli"])
def test_without_what_reads_toml(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    path = tmp_path / "config.toml"
    path.write_text(WORK)
    assert main(["fetch", "-c", str(path)]) == 78
    assert capsys.readouterr().err.endswith(": install poplib-c[cli]\n")


def test_a_file_that_others_can_write(user, server, write):
    """It has commands, which would be run as its user's."""
    path = write(f'[account.w]\nurl = "{url(server)}"\npassword-command = "touch {user.home}/run"')
    path.chmod(0o646)
    assert failed(user.run("list"), 78) == (
        f"{path}: the file is world-writable and can name commands: use chmod o-w"
    )
    assert not (user.home / "run").exists()


def test_a_file_of_another_user(tmp_path, monkeypatch, capsys):
    path = tmp_path / "config.toml"
    path.write_text(WORK)
    uid = path.stat().st_uid
    if uid == 0:
        uid = 12345
        os.chown(path, uid, -1)
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert main(["list", "-c", str(path)]) == 78
    assert f"{path}: the file belongs to another user (uid {uid}) and" in capsys.readouterr().err


# The command config

SHOWN = """\
# {path}
[account.work]
url = "pop3s://alice@pop.example.org"  # account
mbox = "{home}/in"
delete = true  # defaults
state = "{home}/s"  # command line
jobs = 4  # defaults
fingerprint = "{pin}"  # account
proxy = "socks5://u@h:1"  # account
timeout = 60.0  # built in
password-command = "pass ..."  # account
mechanism = ["LOGIN", "USER"]  # account

# {path}
[account."a b"]
url = "pop3://bob@pop.example.org"  # account
eml = "/eml"  # defaults
delete = false  # account
state = "{home}/s"  # command line
jobs = 4  # defaults
insecure = true  # account
timeout = 60.0  # built in
oauth2-token-command = "..."  # account
"""


def test_config(user, write):
    path = write(
        f"""\
[defaults]
eml = "/eml"
jobs = 4
delete = true
[account.work]
url = "pop3s://alice@pop.example.org"
mbox = "~/in"
fingerprint = "sha256:{"A" * 64}"
proxy = "socks5://u@h:1"
password-command = "pass x9"
mechanism = ["LOGIN", "USER"]
[account."a b"]
url = "pop3://bob@pop.example.org"
insecure = true
delete = false
oauth2-token-command = "TOKEN=x9 token"
"""
    )
    ended = user.run("config", "--state", user.home / "s")
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = re.sub(r" +#", "  #", ended.stdout)
    expected = SHOWN.format(path=path, home=user.home, pin="a" * 64)
    assert shown == expected.replace('/in"\n', '/in"  # account\n')
    alone = user.run("config", "--state", user.home / "s", "work").stdout
    assert alone == ended.stdout.partition("\n\n")[0] + "\n"


def test_the_example_of_the_help(user, write):
    example = texts.CONFIG_EPILOG.partition("\n\n")[2].partition("\n\n  The command")[0]
    write(example)
    shown = user.run("config").stdout
    assert shown.count("# account") == 6
    assert re.search('^password-command = "pass ..." +# account$', shown, re.M)


def test_config_names_what_is_wrong(user, write):
    path = write(WORK)
    ended = user.run("config", "--timeout", "9")
    assert ended.returncode == 78
    assert re.search("^timeout = 9.0 +# command line$", ended.stdout, re.M)
    assert f" config: {path}: [account.work]: no destination: " in ended.stderr
