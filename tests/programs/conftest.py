"""Programs that use poplib, as their packages have them, on poplib and on poplib_c.

``make programs`` installs them and runs these tests; the directory with their Python packages is
in POPLIB_C_PROGRAMS.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

RUNNERS = {
    "poplib": [],
    "poplib_c": ["-m", "poplib_c", "run"],
    "read_ahead": ["-m", "poplib_c", "run", "--read-ahead", "8"],
}

MESSAGES = [
    b"From: alice@example.org\nTo: help@example.org\nSubject: first\nMessage-ID: <1@example.org>\n"
    b"Date: Mon, 02 Nov 2026 10:00:00 +0000\n\nThe first message.\n",
    b"From: bob@example.org\nTo: help@example.org\nSubject: dots\nMessage-ID: <2@example.org>\n"
    b"Date: Mon, 02 Nov 2026 10:01:00 +0000\n\n.\n..\n.dot\n\nend\n",
    "From: Zoë <zoe@example.org>\nTo: help@example.org\nSubject: Grüße\n"
    "Message-ID: <3@example.org>\nDate: Mon, 02 Nov 2026 10:02:00 +0000\n"
    "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    "Příliš žluťoučký kůň.\n".encode(),
    b"From: carol@example.org\nTo: help@example.org\nSubject: long\nMessage-ID: <4@example.org>\n"
    b"Date: Mon, 02 Nov 2026 10:03:00 +0000\n\n"
    + 2000
    * b"A line of forty octets, as many times..\n",
]


@pytest.fixture(scope="session")
def packages(unavailable):
    """The directory with the programs' Python packages."""
    return os.environ.get("POPLIB_C_PROGRAMS") or unavailable("make programs runs these tests")


@pytest.fixture
def directory():
    """An empty directory that other users may enter, unlike pytest's tmp_path."""
    with tempfile.TemporaryDirectory(prefix="poplib_c-programs-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def run():
    """run(library, *arguments, path=(), ...): the output of ``python *arguments``."""

    def run(library, *arguments, path=(), environment=(), **options):
        # poplib_c may be installed or below the current directory: sys.path has it either way.
        places = [*map(str, path), *filter(os.path.isabs, sys.path)]
        ended = subprocess.run(
            [sys.executable, *RUNNERS[library], *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(places), **dict(environment)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            **options,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    return run
