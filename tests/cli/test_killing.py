"""A run that is killed at any instant loses nothing; ``make soak`` does it with more messages."""

import collections
import itertools
import mailbox
import os
import random
import shlex
import signal
import time

import pytest

from .support import TIMEOUT, delivered, numbered, url

COUNT = int(os.environ.get("SOAK") or 25)
SEED = int(os.environ.get("SEED") or 1)
MOST_KILLS = max(5, COUNT // 5)
SIZE = 2000
MESSAGES = numbered(COUNT, size=SIZE)


class Maildrop:
    """A mailbox of a POP3Server, or of a Dovecot, which doesn't tell what it is asked."""

    def __init__(self, url, count_left, commands=(), options=("--insecure",)):
        self.url = url
        self.count_left = count_left
        self.commands = commands
        self.options = options


def work(maildrop, place):
    """What has been done so far, about: messages received and delivered, and deletions sent."""
    deletions = sum(command.startswith(b"DELE") for command in maildrop.commands)
    if place.is_file():
        return deletions + place.stat().st_size // SIZE
    folders = [place / "tmp", place / "new"] if (place / "new").is_dir() else [place]
    return deletions + sum(len(os.listdir(folder)) for folder in folders if folder.is_dir())


def kill_until_empty(user, maildrop, kind, numbers, target):
    """Run a fetch that deletes, kill it at random instants, until nothing is left on the server.

    Returns how many runs were killed: no more than MOST_KILLS.
    """
    place = user.home / kind
    arguments = ["fetch", *maildrop.options, "--delete", f"--{kind}", target]
    kills = 0
    while maildrop.count_left():
        # Often early; when all is delivered a run has COUNT deletions to do, and commits them.
        limit = work(maildrop, place) + numbers.randrange(numbers.choice([8, COUNT // 8, COUNT]))
        with user.start(*arguments, maildrop.url) as process:
            while process.poll() is None and work(maildrop, place) < limit:
                time.sleep(0.002)
            time.sleep(numbers.random() / numbers.choice([1000, 100, 20]))
            if process.poll() is None and kills < MOST_KILLS:
                process.kill()
                kills += 1
            process.communicate(timeout=TIMEOUT)
            assert process.returncode in (0, -signal.SIGKILL)
    return kills


def contents(kind, path):
    if kind == "maildir":
        return delivered(path)
    if kind != "mbox":
        return [file.read_bytes().replace(b"\r\n", b"\n") for file in path.glob("*.eml")]
    box = mailbox.mbox(path, create=False)
    return [box.get_bytes(key) for key in box.iterkeys()]


def filing(place):
    """Return a command that makes a file of each message, whole or not at all."""
    place.mkdir()
    script = 'file=$(mktemp "$0/XXXXXXXX") && cat > "$file" && mv "$file" "$file.eml"'
    return shlex.join(["sh", "-c", script, str(place)])


def check(user, maildrop, kind, capsys, target=None):
    """Kill runs. Every message arrives: once, unless *target* takes messages out of our hands.

    Such a target has no more than one message twice for each kill.
    """
    numbers = random.Random(f"{kind} {SEED}")
    kills = kill_until_empty(user, maildrop, kind, numbers, target or user.home / kind)
    counts = collections.Counter(contents(kind, user.home / kind))
    lost, twice = set(MESSAGES) - set(counts), sum(counts.values()) - len(counts)
    if "SOAK" in os.environ:
        with capsys.disabled():
            print(f"{kind}: {COUNT} messages, {kills} kills, {len(lost)} lost, {twice} twice")
    assert lost == set()
    assert twice <= (kills if target else 0)
    assert set(counts) == set(MESSAGES)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["maildir", "mbox", "eml"])
def test_kills(user, serve, kind, capsys):
    server = serve(MESSAGES)
    check(user, Maildrop(url(server), lambda: len(server.messages), server.commands), kind, capsys)


@pytest.mark.timeout(3600)
def test_kills_with_a_command(user, serve, capsys):
    server, command = serve(MESSAGES), filing(user.home / "pipe")
    maildrop = Maildrop(url(server), lambda: len(server.messages), server.commands)
    check(user, maildrop, "pipe", capsys, command)


@pytest.mark.timeout(3600)
def test_kills_with_an_lmtp_server(user, serve, receiver, capsys):
    server, place = serve(MESSAGES), user.home / "lmtp"
    place.mkdir()
    target, kept = receiver("lmtp")
    numbers = itertools.count()

    async def handle_DATA(server, session, envelope):
        (place / f"{next(numbers)}.eml").write_bytes(envelope.original_content)
        return "250 kept"

    kept.handle_DATA = handle_DATA
    maildrop = Maildrop(url(server), lambda: len(server.messages), server.commands)
    check(user, maildrop, "lmtp", capsys, target)


@pytest.mark.timeout(3600)
def test_kills_with_dovecot(user, dovecot, capsys):
    mailbox = dovecot.mailbox(MESSAGES)
    place = f"pop3s://{mailbox.user}@127.0.0.1:{dovecot.tls_port}"
    options = "--cafile", dovecot.ca_file
    check(user, Maildrop(place, lambda: len(mailbox.files()), (), options), "maildir", capsys)
