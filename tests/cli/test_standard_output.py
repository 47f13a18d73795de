"""--mbox -: messages go to standard output."""

import mailbox
import os
import pty
import subprocess

import pytest

from poplib_c._cli.failures import DeliveryFailure
from poplib_c._cli.mbox import StandardOutput

from .habits import hang_up, once
from .support import TIMEOUT, numbered, url


def write(user, server, *arguments, **options):
    """Run a fetch with its standard output in bytes; it, and the lines of errors and results."""
    ended = subprocess.run(
        user.command("fetch", "--insecure", "--mbox", "-", *arguments, url(server)),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        env=user.environment,
        timeout=TIMEOUT,
    )
    return ended, ended.stderr.decode().splitlines()[1:]


def read(user, data):
    path = user.home / "mbox"
    path.write_bytes(data)
    box = mailbox.mbox(path, create=False)
    return [box.get_bytes(key) for key in box.iterkeys()]


MESSAGE = b"Subject: x\n\nFrom here\n>From there\nno end"


@pytest.mark.parametrize("to_file", [False, True])
def test_one_message(user, serve, to_file):
    """As it is; lines end with LF."""
    server = serve([MESSAGE])
    with open(user.home / "file", "wb") as file:
        stdout = file if to_file else subprocess.PIPE
        ended, told = write(user, server, "--delete", stdout=stdout)
    written = (user.home / "file").read_bytes() if to_file else ended.stdout
    assert (ended.returncode, server.messages) == (0, [])
    assert written == MESSAGE + b"\n"
    assert len(told) == 1 and "1 message fetched" in told[0]


def test_several_messages(user, serve):
    server = serve([MESSAGE, *numbered(2)])
    ended, _ = write(user, server, "--delete")
    assert (ended.returncode, server.messages) == (0, [])
    assert ended.stdout.startswith(b"From poplib-c.")
    assert b"\n>From here\n>>From there\nno end\n\nFrom poplib-c." in ended.stdout
    assert len(read(user, ended.stdout)) == 3


def test_several_mailboxes_of_one_message(user, serve):
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    servers = [serve(numbered(1)), serve(numbered(1, size=9))]
    ended, _ = write(user, servers[0], "--jobs", "2", url(servers[1]))
    assert sorted(read(user, ended.stdout)) == [*numbered(1), *numbered(1, size=9)]


def test_one_of_several_is_left(user, odd):
    """What is left for another session does not change the format."""
    server = odd(numbered(2), {b"RETR 2": once(hang_up)})
    ended, _ = write(user, server)
    assert ended.returncode == 0
    assert read(user, ended.stdout) == numbered(2)


def test_a_message_that_comes_too_late(capfd):
    """One was written as it is; another one would not be told apart from it."""
    box = StandardOutput(is_only=True)
    outputs = [box.open(ticket) for ticket in box.tickets(2)]
    for output in outputs:
        output.write(MESSAGE)
    box.expect(1)
    box.hand_over(outputs[0])
    box.expect(1)
    with pytest.raises(DeliveryFailure, match="run again for the others"):
        box.hand_over(outputs[1])
    assert capfd.readouterr().out == MESSAGE.decode()
    for output in outputs:
        box.drop(output)


@pytest.mark.parametrize("size", [10, 500_000])
def test_a_reader_that_leaves(user, serve, size):
    """Nothing is deleted that was not written."""
    server = serve(numbered(400, size=size) if size == 10 else numbered(9, size=size))
    reading, writing = os.pipe()
    with (
        open(writing, "wb") as stdout,
        subprocess.Popen(
            user.command("fetch", "--insecure", "--delete", "--mbox", "-", url(server)),
            env=user.environment,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        stdout.close()
        first = os.read(reading, 100)
        before = {*server.messages}
        os.close(reading)
        errors = process.communicate(timeout=TIMEOUT)[1].splitlines()
    assert first.startswith(b"From poplib-c.")
    assert process.returncode == 74
    assert [line for line in errors if line.endswith("can't write standard output: Broken pipe")]
    gone = len(before) - len(server.messages)
    assert f" {gone} deleted" in errors[-1] or gone == 0
    assert gone <= (400 if size == 10 else 1)


def test_a_full_disk(user, serve):
    with open("/dev/full", "wb") as full:
        server = serve(numbered(2))
        ended, told = write(user, server, "--delete", stdout=full)
    assert ended.returncode == 75
    assert told[0].endswith("no room for standard output: No space left on device")
    assert len(server.messages) == 2


def test_a_terminal(user, server):
    ours, terminal = pty.openpty()
    ended, _ = write(user, server, stdout=terminal)
    os.close(terminal)
    os.close(ours)
    assert ended.returncode == 64
    assert server.commands == []


@pytest.mark.parametrize("arguments", [["--json"], ["--maildir", "x"]])
def test_another_use_of_standard_output(user, server, arguments):
    ended, _ = write(user, server, *arguments)
    assert ended.returncode == 64
    assert (ended.stdout, server.commands) == (b"", [])
