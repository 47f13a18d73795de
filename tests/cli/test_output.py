"""What a run says, and where: -v, --log, --syslog, --json."""

import json
import os
import re
import socket
import sys

import pytest
from scripted import S, play

from .habits import refuse
from .support import failed, numbered, url

PROGRAM = "python -m poplib_c"


def place(server):
    return f"alice@127.0.0.1:{server.port}"


def traced(errors, label):
    """The commands and status lines about a mailbox."""
    begins = f"{PROGRAM}: {label}: "
    return [line[len(begins) :] for line in errors.splitlines() if line.startswith(begins)]


# -v


def test_commands_and_status_lines(new, server):
    """With the commands that are sent ahead, and without the password."""
    ended = new(server, "-v", "--mechanism", "PLAIN")
    told = traced(ended.stderr, place(server))
    assert len(told) == len(ended.stderr.splitlines())
    assert told[0].startswith("S: +OK POP3 server ready <")
    assert "C: AUTH PLAIN ***" in told
    ahead = told.index("C: RETR 1")
    assert told[ahead : ahead + 4] == ["C: RETR 1", "C: RETR 2", "C: RETR 3", "S: +OK 16 octets"]
    assert told[-2:] == ["C: QUIT", "S: +OK POP3 server signing off"]
    assert "secret" not in ended.stderr
    assert ended.stdout == f"{place(server)}: 3 messages fetched (48 octets)\n"


def test_octets(new, server):
    told = traced(new(server, "-vv").stderr, place(server))
    first = told.index("message 1: 16 octets")
    assert told[first : first + 3 : 2] == ["message 1: 16 octets", "message 2: 16 octets"]


def test_octets_of_a_large_message(new, serve):
    server = serve(numbered(1, size=1 << 19))
    told = traced(new(server, "-vv").stderr, place(server))
    assert f"message 1: {(1 << 19) + 16} octets" in told


def test_each_line_names_its_mailbox(fetch, user, serve):
    servers = [serve(numbered(2)) for _ in range(3)]
    del user.environment["POPLIB_C_PASSWORD"]
    user.netrc("default login alice password secret\n")
    first, *others = servers
    into = "--jobs", "3", "-v", "--maildir", user.maildir
    ended = fetch(first, *into, *map(url, others))
    assert ended.returncode == 0, ended.stderr
    told = [traced(ended.stderr, place(server)) for server in servers]
    assert sum(map(len, told)) == len(ended.stderr.splitlines())
    for lines in told:
        assert [line for line in lines if "RETR" in line] == ["C: RETR 1", "C: RETR 2"]


@pytest.mark.parametrize("command", ["check", "list"])
def test_commands_of_the_other_commands(user, server, command):
    ended = user.run(command, "--json", "-v", "--insecure", url(server))
    json.loads(ended.stdout)
    told = ended.stderr.splitlines()[1:]
    assert all(line.startswith(f"{PROGRAM} {command}: ") for line in told)
    assert f"{PROGRAM} {command}: {place(server)}: C: CAPA" in told
    assert "secret" not in ended.stderr


# A log


ERROR = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[\d+\] (\w+) (.*)")


def logged(path):
    return [ERROR.fullmatch(line).groups() for line in path.read_text().splitlines()]


def test_a_log(new, user, odd):
    """It has warnings, errors and results, also with --quiet; the next run appends to it."""
    server = odd(numbered(2), {b"RETR 2": refuse})
    path = user.home / "log"
    for _ in range(2):
        new(server, "--quiet", "--log", path)
    told = logged(path)
    assert [level for level, _ in told] == ["WARNING", "ERROR", "INFO"] * 2
    assert told[1][1].startswith(f"{place(server)}: message 2 (uid ")
    assert told[2][1].startswith(f"{place(server)}: 1 message fetched (16 octets)")
    assert path.stat().st_mode & 0o777 == 0o600


def test_commands_in_a_log(new, user, server):
    new(server, "-v", "--log", user.home / "log")
    assert ("DEBUG", f"{place(server)}: C: QUIT") in logged(user.home / "log")


def test_a_log_that_cannot_be_opened(user, server):
    ended = user.fetch("--log", user.home, "--maildir", user.maildir, url(server))
    assert ended.returncode == 73
    assert ended.stderr == f"{PROGRAM} fetch: --log {user.home}: Is a directory\n"
    assert server.commands == []


def test_a_log_without_a_reader(user, server):
    """A FIFO that somebody has put there does not hold the run."""
    path = user.home / "log"
    os.mkfifo(path)
    ended = user.fetch("--log", path, "--insecure", "--maildir", user.maildir, url(server))
    assert failed(ended, 74) == f"--log {path}: No such device or address"
    assert server.commands == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_log_on_a_full_disk(new, server):
    """The mail is fetched, and the error is told once."""
    ended = new(server, "--log", "/dev/full")
    assert "fetched (48 octets)" in ended.stdout
    assert ended.stderr == f"{PROGRAM}: the log is incomplete: No space left on device\n"
    assert ended.returncode == 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_syslog(user, new, server, kind):
    path = str(user.home / "socket")
    at(user, path)
    with socket.socket(socket.AF_UNIX, kind) as service:
        service.bind(path)
        if kind == socket.SOCK_STREAM:
            service.listen()
        new(server, "--quiet", "--syslog")
        service.settimeout(10)
        peer = service
        if kind == socket.SOCK_STREAM:
            peer = service.accept()[0]
        with peer:
            received = peer.recv(65536)
            while b"fetched" not in received:
                received += peer.recv(65536)
    # 20: LOG_MAIL and LOG_WARNING; 22: LOG_MAIL and LOG_INFO
    result = rf"<22>poplib-c\[\d+\]: {place(server)}: 3 messages fetched"
    assert re.match(rb"<20>poplib-c\[\d+\]: warning: ", received)
    assert re.search(result.encode(), received)


def test_no_syslog(user, server):
    path = str(user.home / "socket")
    at(user, path)
    ended = user.fetch("--syslog", "--maildir", user.maildir, url(server))
    assert ended.returncode == 73
    assert ended.stderr == (
        f"{PROGRAM} fetch: --syslog: no service at {path} (No such file or directory): "
        "start one, or use --log FILE\n"
    )


def at(user, path):
    """Let each process of *user* look for syslog at *path*."""
    code = f"from poplib_c._cli import log\nlog._SYSLOG = {path!r}\n"
    (user.home / "sitecustomize.py").write_text(code)
    user.environment["PYTHONPATH"] = os.pathsep.join(
        [str(user.home), *filter(os.path.isabs, sys.path)]
    )


# --json


def objects(ended):
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_an_object_for_each_message(new, user, odd):
    """Everything else goes to standard error."""
    server = odd(numbered(3), {b"RETR 2": refuse})
    ended = new(server, "--json")
    *messages, mailbox = objects(ended)
    assert ended.returncode == 1
    by_number = {message["number"]: message for message in messages}
    for number in 1, 3:
        message = by_number[number]
        path = message.pop("place")
        with open(path, "rb") as file:
            assert file.read() == numbered(3)[number - 1]
        assert message == {
            "mailbox": place(server),
            "number": number,
            "size": 16,
            "uid": by_number[number]["uid"],
            "octets": 16,
            "destination": "maildir",
            "why": None,
        }
        assert isinstance(message["uid"], str)
    refused = by_number[2]
    assert "is left on the server: -ERR" in refused["why"]
    assert (refused["octets"], refused["destination"], refused["place"]) == (None,) * 3
    assert mailbox == {
        "mailbox": place(server),
        **{"status": 1, "fetched": 2, "octets": 32, "deleted": 0, "known": 0, "left": 1},
        "errors": [refused["why"]],
    }
    assert ended.stderr.endswith(
        f"{place(server)}: 2 messages fetched (32 octets), 1 left on the server\n"
    )


def test_an_object_for_a_mailbox_that_is_not_reached(user):
    with play(S("-ERR no")) as server:
        ended = user.fetch("--json", "--maildir", user.maildir, url(server))
        (mailbox,) = objects(ended)
        assert (mailbox["mailbox"], mailbox["status"]) == (place(server), 69)
        assert mailbox["errors"] == ["-ERR no"]
    assert ended.returncode == 69
    assert "fetched" not in ended.stderr


def test_a_mailbox_that_is_not_reached_has_no_result(user):
    with play(S("-ERR no")) as server:
        ended = user.fetch("--maildir", user.maildir, url(server))
    assert ended.stdout == ""


def test_the_place_of_an_mbox(fetch, user, server):
    ended = fetch(server, "--json", "--mbox", user.home / "box")
    assert [each.get("place") for each in objects(ended)] == [str(user.home / "box")] * 3 + [None]
