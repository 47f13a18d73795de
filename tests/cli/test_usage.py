"""Help, and mistakes: each is named, in one line, and nothing is done."""

import re
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import poplib_c
from poplib_c.__main__ import main
from poplib_c._cli import arguments

URL = "pop3s://alice@example.org"
INTO = ["--maildir", "m"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["fetch", URL], "no destination: give one of --maildir, --mbox, --eml,"),
        (["fetch", *INTO, "example.org"], "example.org is not the URL of a mailbox: write pop3s:"),
        (["list", "a@b.org"], "a@b.org is not the URL of a mailbox: write pop3s://a@b.org"),
        (["fetch", *INTO, "imap://a@b"], "imap:// is not for mailboxes: write pop3s://USER@HOST"),
        (["fetch", *INTO, "pop3s://example.org"], "pop3s://example.org has no user: write"),
        (["fetch", *INTO, "pop3s://a:x9@b"], "other users of this machine can read a password"),
        (["fetch", *INTO, "pop3s://a@b:0"], "0 is not a port: write a number from 1 to 65535"),
        (["fetch", *INTO, "pop3s://a@b/INBOX"], "the argument is not the URL of a mailbox"),
        (["fetch", *INTO, "pop3s://a@b\0"], "the host name has invalid characters"),
        (["fetch", *INTO, "pop3s://a%0a@b"], "the user name has control characters"),
        (["fetch", *INTO, "--insecure", URL], "--insecure is for pop3:// only; if the certif"),
        (["fetch", *INTO, "--no-verify", "--cafile", "c", URL], "--no-verify contradicts --caf"),
        (["fetch", *INTO, "--headers", "1", "--delete", URL], "--headers contradicts --delete"),
        (["run"], "give a SCRIPT, or -m MODULE"),
        (["check", "--insecure", URL], "--insecure is for pop3:// only"),
        (["list", "pop3s://b"], "pop3s://b has no user: write pop3s://USER@HOST[:PORT]"),
    ],
)
def test_mistakes(given, told, capsys):
    assert main(given) == 64
    output, errors = capsys.readouterr()
    mistake, hint = errors.splitlines()
    program, _, said = mistake.partition(": ")
    assert (output, said.startswith(told)) == ("", True), said
    assert hint == f"Try '{program} --help'."
    assert "x9" not in errors


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["fetch", *INTO, "--mbox", "m", URL], "argument --mbox: not allowed with argument --ma"),
        (["fetch", *INTO, "--keep", "--delete", URL], "--delete: not allowed with argument --k"),
        (["fetch", *INTO, "--max-size", "10x", URL], "'10x' is not a size: write 500000, 500k"),
        (["fetch", *INTO, "--max-size", "0", URL], "'0' is not a size"),
        (["fetch", *INTO, "--headers", "-1", URL], "'-1' is not a number of lines: write 0 or"),
        (["fetch", *INTO, "--jobs", "0", URL], "'0' is not a whole number: write 1 or more"),
        (["fetch", *INTO, "--timeout", "soon", URL], "'soon' is not a number of seconds"),
        (["fetch", *INTO, "--fingerprint", "md5:00", URL], "a fingerprint has 64 hexadecimal"),
        (["fetch", *INTO, "--password", "x", URL], "unrecognized arguments: --password"),
        (["fetch", "--delet", *INTO, URL], "arguments: --delet: did you mean --delete?"),
        (["fetch", *INTO, "--cafile", "", URL], "argument --cafile: the value is empty"),
        (
            ["fetch", *INTO, "--password-command", "", URL],
            "command: the value is empty",
        ),
        (["list", "--x", "pop3s://a:x9@y@b"], "unrecognized arguments: --x"),
        (["completion", "pop3s://a:x9@y@b"], "invalid choice: 'pop3s://a:***@b'"),
    ],
)
def test_mistakes_that_the_parser_finds(given, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 64
    output, errors = capsys.readouterr()
    mistake, hint = errors.splitlines()
    assert (output, told in mistake) == ("", True), mistake
    program = mistake.partition(":")[0]
    assert program.endswith(f" {given[0]}")
    assert hint == f"Try '{program} --help'."


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [None, *arguments._COMMANDS])
def test_help(command, option, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["poplib-c"])
    with pytest.raises(SystemExit) as ended:
        main([*filter(None, [command]), option])
    assert ended.value.code == 0
    usage, _, told = capsys.readouterr().out.partition("\n\n")
    assert usage.startswith(f"usage: poplib-c {command or 'COMMAND'}")
    if command in ("fetch", "check", "list"):
        for part in ("examples:", "passwords:", "exit status:", "connection:", "login:"):
            assert f"\n{part}\n" in told
    assert max(map(len, told.splitlines())) <= 80


def test_targets_may_stand_between_options(capsys):
    options = arguments.parse(["fetch", "-q", "a", "--maildir", "m", "b", "--delete", "c"], "")
    assert options.targets == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["lst", URL], "lst is not a command: did you mean list?"),
        (["fetsh", "work", "private"], "fetsh is not a command: did you mean fetch?"),
        (["work"], "work is not a command: there are fetch, check, list, config, "),
        (["pop3s://a:x9@b"], "a command goes before a URL: fetch, check or list"),
        (["pop3s://a:x9@b", "user", "x9"], "a command goes before a URL: fetch, check or list"),
        (["--quiet", "fetch"], "a command goes before the options; --quiet is unknown"),
        (
            ["--versoin"],
            "a command goes before the options; --versoin is unknown: did you mean --v",
        ),
    ],
)
def test_no_command(given, told, capsys, monkeypatch):
    """A misspelt command is no host, and a password goes nowhere."""
    monkeypatch.setattr("poplib_c.__main__.POP3", None)
    monkeypatch.setattr(sys, "argv", ["poplib-c"])
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 64
    output, errors = capsys.readouterr()
    mistake, hint = errors.splitlines()
    assert (output, mistake.startswith(f"poplib-c: {told}")) == ("", True), mistake
    assert hint == "Try 'poplib-c --help'."
    assert "x9" not in errors


def test_nothing_but_the_name(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["poplib-c"])
    assert main([]) == 64
    output, errors = capsys.readouterr()
    assert output == ""
    assert "poplib-c fetch --maildir ~/Mail pop3s://USER@HOST " in errors
    assert "'poplib-c config --help'" in errors


def test_every_option_is_explained():
    for command in _commands().values():
        assert all(action.help for action in command._actions)


def test_the_manual_page_says_what_help_says():
    root = Path(__file__).resolve().parents[2]
    page = runpy.run_path(str(root / "tools" / "manpage.py"))["man_page"]()
    assert (root / "docs" / "poplib-c.1").read_text() == page, "make man"
    text = page.replace("\\-", "-")
    options = {name for command in _commands().values() for name in command._option_string_actions}
    options -= {"--since-last"}  # It is the default, and hidden.
    assert {name for name in options if name not in text} == set()
    assert "EXIT STATUS" in text and "A run that is killed at any" in " ".join(text.split())


def _commands():
    (choices,) = (action.choices for action in arguments.parser()._actions if action.choices)
    return choices


@pytest.mark.row("Script")
def test_the_script_and_its_version():
    script = Path(sys.executable).with_name("poplib-c")
    told = subprocess.run(
        [str(script), "--version"], stdout=subprocess.PIPE, check=True, text=True, timeout=30
    ).stdout
    assert told == f"poplib-c {version('poplib_c')} ({poplib_c.OPENSSL_VERSION})\n"
    told = subprocess.run(
        [str(script), "list", "pop3s://b"], stderr=subprocess.PIPE, text=True, timeout=30
    )
    assert (told.returncode, told.stderr[:16]) == (64, "poplib-c list: p")


@pytest.mark.row("Words of the command line")
@pytest.mark.parametrize("word", ["fetch", "check", "list"])
def test_a_host_that_is_called_like_a_command(word, capsys, monkeypatch):
    """It is written with its port."""
    asked = []

    def connect(*where, **_):
        asked.append(where)
        raise OSError("not there")

    monkeypatch.setattr("poplib_c.__main__.POP3", connect)
    assert main([f"{word}:110", "alice", "secret"]) == 1
    assert asked == [(word, 110)]
    with pytest.raises(SystemExit):
        main([word, "--help"])


def test_the_help_of_all_names_the_commands(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert [*_commands()] == re.findall(r"^    (\S+)(?:  .*)?$", told, re.M)
