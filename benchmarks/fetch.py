"""Compares `poplib-c fetch` with mpop, if that is installed: a mailbox goes into a Maildir.

The clients take turns, each in a new directory, which is deleted outside of the measured time.
A preloaded library makes syncs slower, as on a disk, for both clients.
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import build
import loadserver
from runner import Failure, in_turns
from workloads import HOST

NAME = "fetch 3,000 messages of 4 kB into a Maildir"
MAILBOX, MESSAGES = "4k x 3000", 3000
GOALS = {0: 1.0, 3: 5.0}  # milliseconds that syncs take longer: mpop's time over poplib-c's
TIMEOUT = 600


def measure(directory, repetitions):
    """Return {milliseconds: {client: wall seconds}}. $TMPDIR is on the disk to measure.

    directory: for the programs.
    """
    commands = {"poplib-c": poplib_c, "mpop": mpop}
    if shutil.which("mpop") is None:
        del commands["mpop"]
    library, found = build.slow_sync(directory), {}
    with loadserver.serving(build.server(directory)) as ports:
        for delay in GOALS:

            def run(client, delay=delay):
                return timed(commands[client], ports["plain"], library, delay)

            runs = in_turns(commands, repetitions, run)
            found[delay] = {client: statistics.median(each) for client, each in runs.items()}
    return found


def timed(command, port, library, delay):
    """Return the wall seconds of one client, in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="poplib_c-bench-") as home:
        environment = {**os.environ, "HOME": home, "POPLIB_C_PASSWORD": "secret"}
        for name in ("XDG_STATE_HOME", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(name, None)
        if delay:
            environment.update(LD_PRELOAD=str(library), SLOWSYNC=str(delay * 1000))
        words = command(port, Path(home))
        os.sync()
        begin = time.perf_counter()
        ended = subprocess.run(words, env=environment, stderr=subprocess.PIPE, timeout=TIMEOUT)
        seconds = time.perf_counter() - begin
        count = len(os.listdir(Path(home, "Mail", "new")))
        if ended.returncode != 0 or count != MESSAGES:
            raise Failure(f"{words[0]} delivered {count} messages: {ended.stderr.decode()}")
    return seconds


def poplib_c(port, home):
    url = f"pop3://{MAILBOX.replace(' ', '%20')}@{HOST}:{port}"
    options = ["--quiet", "--since-last", "--insecure", "--maildir", str(home / "Mail")]
    return [sys.executable, "-m", "poplib_c", "fetch", *options, url]


def mpop(port, home):
    for part in ("tmp", "new", "cur"):
        (home / "Mail" / part).mkdir(parents=True)
    settings = home / "mpoprc"
    settings.write_text(
        f'account default\nhost {HOST}\nport {port}\nuser "{MAILBOX}"\npassword secret\n'
        "auth user\ntls off\nkeep on\npipelining on\n"
        f"uidls_file {home}/uidls\ndelivery maildir {home}/Mail\n"
    )
    settings.chmod(0o600)
    return ["mpop", "-q", "-C", str(settings)]
