"""Ctrl-C and other signals: the message in flight is finished; the second ends all at once."""

import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import sys
import threading
import time

import pytest
from scripted import Await, C, Raw, S, play

from poplib_c.__main__ import main

from .support import TIMEOUT, delivered, in_step, listing, url

GREETED = [S("+OK"), C("CAPA"), S("-ERR no"), C("USER alice"), S("+OK"), C("PASS secret")]
LISTED = [S("+OK"), *listing("1 9", "2 9", uids=["1 a", "2 b"])]
FIRST_HALF = [C("CAPA"), S("-ERR no"), C("RETR 1"), Raw(b"+OK\r\nhalf")]


ENDING = "python -m poplib_c: finishing the current message; press Ctrl-C again to stop now\n"


class Told(threading.Event):
    """A step of a script, which tells that the script has come so far."""

    def play(self, peer):
        self.set()


@pytest.fixture
def begin(user):
    """Starts a fetch that deletes, and sends a signal when the script has come to *reached*."""

    def begin(server, reached, number, *more, kill=subprocess.Popen.send_signal):
        process = user.start(
            *("fetch", "--insecure", "--delete", "--since-last", "--maildir", user.maildir),
            *(url(server), *more),
        )
        assert reached.wait(TIMEOUT)
        kill(process, number)
        assert process.stderr.readline().startswith("python -m poplib_c: warning: --insecure")
        assert process.stderr.readline() == ENDING
        return process

    return begin


def kill_another_thread(process, number):
    """Lets a thread other than the main one receive the signal."""
    os.kill(max(map(int, os.listdir(f"/proc/{process.pid}/task"))), number)


@pytest.mark.parametrize(
    ("number", "kill"),
    [
        (signal.SIGINT, subprocess.Popen.send_signal),
        (signal.SIGTERM, subprocess.Popen.send_signal),
        (signal.SIGHUP, subprocess.Popen.send_signal),
        pytest.param(
            signal.SIGINT,
            kill_another_thread,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has its number"),
        ),
    ],
)
def test_the_message_in_flight_is_finished_and_deleted(begin, user, number, kill):
    reached, goes_on = Told(), threading.Event()
    rest = [Raw(b" and half\r\n.\r\n"), *in_step(1, "a"), C("DELE 1"), S("+OK")]
    rest += [C("QUIT"), S("+OK")]
    steps = [*GREETED, *LISTED, *FIRST_HALF, reached, Await(goes_on), *rest]
    with play(*steps) as server, begin(server, reached, number, kill=kill) as process:
        goes_on.set()
        output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith(": interrupted: 1 message not fetched")
    assert output.endswith(": 1 message fetched (15 octets), 1 deleted, 1 left on the server\n")
    assert delivered(user.maildir) == [b"half and half\n"]


INTERRUPTS = """
import os, signal, sys
from poplib_c._cli.job import Stop

def trace(frame, event, argument):
    os.kill(os.getpid(), signal.SIGINT)
    return trace

stop = Stop()
signal.signal(signal.SIGINT, lambda *_: stop.request())
sys.settrace(trace)
stop.request()
sys.settrace(None)
print(stop.requested)
"""


def test_a_signal_in_the_handler_of_another(user):
    """At each step: none waits for a lock that the interrupted handler holds."""
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTS], stdout=-1, timeout=TIMEOUT, env=user.environment
    )
    assert (ended.returncode, ended.stdout) == (0, b"True\n")


def test_a_terminal_that_is_closed(user):
    """The message in flight is finished, though nothing can be written any more."""
    reached, goes_on = Told(), threading.Event()
    rest = [Raw(b" and half\r\n.\r\n"), *in_step(1, "a"), C("DELE 1"), S("+OK")]
    rest += [C("QUIT"), S("+OK")]
    ours, terminal = pty.openpty()
    arguments = "--insecure", "--delete", "--since-last", "--maildir", user.maildir
    with play(*GREETED, *LISTED, *FIRST_HALF, reached, Await(goes_on), *rest) as server:
        streams = {"stdout": terminal, "stderr": terminal}
        with user.start("fetch", *arguments, url(server), **streams) as process:
            os.close(terminal)
            assert reached.wait(TIMEOUT)
            os.close(ours)
            process.send_signal(signal.SIGHUP)
            time.sleep(1)  # Nothing can tell when the signal has arrived.
            goes_on.set()
            assert process.wait(TIMEOUT) == 1
    assert delivered(user.maildir) == [b"half and half\n"]
    assert server.wire.endswith(b"QUIT\r\n")


def test_the_second_time_nothing_is_committed(begin, user):
    reached = Told()
    steps = [*GREETED, *LISTED, *FIRST_HALF, reached]
    with play(*steps) as server, begin(server, reached, signal.SIGINT) as process:
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith(": interrupted")
    assert "0 messages fetched" in output
    assert delivered(user.maildir) == []
    assert b"QUIT" not in server.wire


def test_the_second_time_what_has_come_is_committed(begin, user):
    """The next run deletes it, and does not fetch it again."""
    reached = Told()
    first = [C("CAPA"), S("-ERR no"), C("RETR 1"), S("+OK", "one", "."), C("RETR 2")]
    steps = [*GREETED, *LISTED, *first, Raw(b"+OK\r\nhalf"), reached]
    with play(*steps) as server, begin(server, reached, signal.SIGINT) as process:
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=TIMEOUT)[0]
    assert "1 message fetched (5 octets), 1 left" in output
    assert delivered(user.maildir) == [b"one\n"]
    assert b"QUIT" not in server.wire


def test_mailboxes_that_had_not_begun(begin, user, server):
    user.netrc("machine 127.0.0.1 login alice password secret\n")
    reached, goes_on = Told(), threading.Event()
    rest = [Raw(b"\r\n.\r\n"), *in_step(1, "a"), C("DELE 1"), S("+OK"), C("QUIT"), S("+OK")]
    steps = [*GREETED, *LISTED, *FIRST_HALF, reached, Await(goes_on), *rest]
    with play(*steps) as slow, begin(slow, reached, signal.SIGINT, url(server)) as process:
        goes_on.set()
        errors = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 1
    assert errors.splitlines()[-1].endswith(": interrupted: nothing was done")
    assert len(server.messages) == 3


@pytest.mark.parametrize("command", ["list", "fetch --maildir m"])
def test_at_the_prompt(user, server, command):
    user.environment.pop("POPLIB_C_PASSWORD")
    ours, terminal = pty.openpty()
    with user.start(
        *command.split(), "--insecure", url(server), stdin=terminal, start_new_session=True
    ) as process:
        said = ""
        while "Password of" not in said:
            said += process.stderr.read(1)
        # The first one is lost if it comes right before the program reads.
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(TIMEOUT / 3)
                break
        errors = process.communicate(timeout=TIMEOUT)[1]
    os.close(ours)
    os.close(terminal)
    assert process.returncode == 1
    assert "Traceback" not in errors
    assert errors.endswith(": interrupted\n")


def test_while_a_lock_is_waited_for(user, server):
    path = user.home / "mbox"
    with open(path, "wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        arguments = "--insecure", "--mbox", path, url(server), "--timeout", "3600"
        with user.start("fetch", *arguments) as process:
            assert process.stderr.readline().startswith("python -m poplib_c: warning: --insecure")
            assert ": waiting for another program to unlock " in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            errors = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 1
    assert errors.startswith(ENDING)
    assert errors.endswith(f": interrupted: {path} is locked by another program\n")


def test_a_lock_that_is_kept(user, server):
    path = user.home / "mbox"
    with open(path, "wb") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        ended = user.fetch("--insecure", "--mbox", path, "--timeout", "0.3", url(server))
    assert ended.returncode == 75
    assert ended.stderr.endswith("try again later, or with a longer --timeout\n")


def test_while_the_arguments_are_read(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["/usr/bin/poplib-c"])
    monkeypatch.setattr("poplib_c._cli.arguments.parser", interrupt)
    assert main(["fetch"]) == 1
    assert capsys.readouterr().err == "poplib-c fetch: interrupted\n"
