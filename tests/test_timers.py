"""The page about cron and systemd: its lines run as they are written there."""

import os
import re
import shlex
import shutil
import subprocess

import console
import pytest
from manual import DOCS

PAGE = "howto-cron.rst"
UNITS = ".config/systemd/user"


@pytest.fixture
def home(tmp_path):
    """A home directory with the files of the page, and poplib-c in ~/.local/bin."""
    home = tmp_path / "home"
    with console.servers(home) as environment:
        for _, path, text in console.blocks(PAGE):
            if path:
                console.write(home / path, text)
        console.write(home / ".netrc", console.NETRC)
        program = shutil.which("poplib-c", path=environment["PATH"])
        # A sanitizer that this interpreter runs under has to come along.
        names = {"SSL_CERT_FILE", "LD_PRELOAD", "ASAN_OPTIONS"} & environment.keys()
        exported = " ".join(f"{name}={shlex.quote(environment[name])}" for name in names)
        text = f'#!/bin/sh\n{exported} exec {shlex.quote(program)} "$@"\n'
        console.write(home / ".local/bin/poplib-c", text)
        yield home


def run(command, home):
    """Run a command as cron does, which sets little else in the environment."""
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=home,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
    )


def cron_lines():
    return re.findall(r"^ +\*/10 \* \* \* \* (.*)", (DOCS / PAGE).read_text(), re.M)


def cron_line(home):
    return cron_lines()[0]


def cron_line_without_75(home):
    return cron_lines()[1]


def unit_line(home):
    unit = (home / UNITS / "poplib-c.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)", unit, re.MULTILINE)
    return line.replace("%h", str(home))


@pytest.mark.parametrize("line", [cron_line, cron_line_without_75, unit_line])
def test_quiet_runs(home, line):
    ended = run(line(home), home)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len([*(home / "Mail/new").iterdir()]) == 2


def test_units(home, unavailable):
    program = shutil.which("systemd-analyze")
    if program is None:
        unavailable("systemd is not installed")
    files = sorted(map(str, (home / UNITS).iterdir()))
    assert len(files) == 2
    checked = subprocess.run(
        [program, "--user", "verify", *files],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
