"""The commands that the manual shows print what it says."""

import contextlib
import os
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from manual import blocks_of_code, commands

from poplib_c.testing import POP3Server

MAIL = b"From: Zoe <zoe@example.org>\nDate: Thu, 26 Nov 2026 15:12:10 +0100\nSubject: %s\n\nHi!\n"
USERS = {"pop.example.org": "alice", "pop.example.com": "bob", "pop.example.net": "carol"}

# The program, for which the hosts of the manual are servers of this machine.
PROGRAM = """\
#!{python}
import socket, sys

def here(host, port, *more, known={ports}, asked=socket.getaddrinfo):
    return asked("127.0.0.1", known[host], *more)

socket.getaddrinfo = here
from poplib_c.__main__ import script
sys.exit(script())
"""


def _context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key_file)
    return context


@pytest.fixture
def terminal(tmp_path, authority):
    """Runs a command of a user whom the servers know; returns what it prints, and its status."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    (home / ".config" / "poplib-c").mkdir(parents=True)
    netrc = home / ".netrc"
    netrc.write_text("".join(f"machine {h} login {u} password secret\n" for h, u in USERS.items()))
    netrc.chmod(0o600)
    with contextlib.ExitStack() as opened:
        ports = {}
        for host, user in USERS.items():
            server = POP3Server(
                [MAIL % b"Lunch?", MAIL % b"Dinner?"],
                users={user: "secret"},
                tls=_context(authority.issue(host)),
            )
            ports[host] = opened.enter_context(server).port
        program = PROGRAM.format(python=sys.executable, ports=ports)
        for name, text in (("poplib-c", program), ("pass", "#!/bin/sh\necho secret\n")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o700)
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("POPLIB_C", "XDG_"))},
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "HOME": str(home),
            "SSL_CERT_FILE": authority.ca_file,
            "COLUMNS": "100",
        }

        def run(command):
            ended = subprocess.run(
                command,
                shell=True,
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            return ended.stdout.replace(str(home), "/home/alice"), ended.returncode

        run.home = home
        yield run


def test_the_command_line(terminal):
    (configuration,) = blocks_of_code("command-line.rst", "toml")
    (terminal.home / ".config" / "poplib-c" / "config.toml").write_text(configuration)
    count = 0
    for command, printed in commands("command-line.rst"):
        told, status = terminal(command)
        assert status == 0, f"{command}: {told}"
        form = re.escape(" ".join(printed.split())).replace(re.escape("..."), ".*")
        if printed:
            assert re.fullmatch(form, " ".join(told.split())), f"{command}: {told}"
        count += 1
    assert count > 5
