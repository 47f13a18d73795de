"""The exit status: one of sysexits.h for each kind of failure, and the gravest of several."""

import os
import re
import sys

import pytest
from scripted import Close, S, play

from poplib_c._cli import failures, texts

from .support import failed, numbered, url

COMMANDS = ["fetch", "check", "list"]


@pytest.fixture
def ended(user):
    """Runs a command about a mailbox; what it says on standard error, which is one line."""

    def ended(command, place, status, *arguments):
        into = ["--maildir", user.maildir] if command == "fetch" else []
        return failed(user.run(command, *into, *arguments, place), status)

    return ended


def customize(user, code):
    """Let each process of *user* begin with *code*."""
    (user.home / "sitecustomize.py").write_text(code)
    path = os.pathsep.join([str(user.home), *filter(os.path.isabs, sys.path)])
    user.environment["PYTHONPATH"] = path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("error", "status"), [("EAI_NONAME", 68), ("EAI_AGAIN", 75)])
def test_a_host_that_the_name_service_does_not_find(user, ended, command, error, status):
    """It may not know the host, or may not answer now."""
    lines = ["import socket", "def fail(*_, **__):"]
    lines += [
        f"    raise socket.gaierror(socket.{error}, 'not found')",
        "socket.getaddrinfo = fail",
    ]
    customize(user, "\n".join(lines))
    told = ended(command, "pop3s://alice@pop.example.org", status)
    assert told.endswith("not found")


def test_a_host_with_an_impossible_name(ended):
    ended("list", "pop3s://alice@example..org", 68)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("greeting", "status"),
    [("-ERR no service", 69), ("-ERR [SYS/TEMP] later", 75), ("220 ready", 76)],
)
def test_greetings(ended, command, greeting, status):
    with play(S(greeting)) as server:
        assert ended(command, url(server), status).endswith(greeting)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_connection_that_is_lost(ended, command):
    with play(Close()) as server:
        assert "ended the connection" in ended(command, url(server), 75)


def test_a_destination_that_cannot_be_created(fetch, user, server):
    (user.home / "file").touch()
    assert fetch(server, "--maildir", user.home / "file" / "Mail").returncode == 73


def test_a_destination_that_cannot_be_written(fetch, user, server):
    lines = ["import errno, os", "def fsync(*_):", "    raise OSError(errno.EIO, 'broken')"]
    customize(user, "\n".join([*lines, "os.fsync = fsync"]))
    assert fetch(server, "--delete", "--maildir", user.maildir).returncode == 74
    assert len(server.messages) == 3


def test_the_first_in_the_order_of_gravity(fetch, user, serve):
    """77 of a wrong password, although other mailboxes give 76, 75 and 0."""
    server, again = serve(numbered(1)), serve(numbered(1), users={"alice": "other"})
    with play(S("220 no")) as other, play(S("-ERR [SYS/TEMP] later")) as later:
        user.netrc("default login alice password secret\n")
        del user.environment["POPLIB_C_PASSWORD"]
        others = [url(each) for each in (again, other, later)]
        assert fetch(server, "--maildir", user.maildir, *others).returncode == 77


def test_the_order_is_that_of_the_help():
    told = " ".join(texts.STATUS.partition("With several mailboxes")[2].split())
    assert [*map(int, re.findall(r"\d+", told))] == [*failures.GRAVITY[:-1]]
    explained = [int(number) for number in re.findall(r"^  (\d+) ", texts.STATUS, re.M)]
    assert explained == sorted(failures.Status)
