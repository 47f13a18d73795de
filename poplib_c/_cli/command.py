"""The destination --pipe: a command, run for each message, which is its standard input."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import time
from typing import IO

from poplib_c._cli.account import Account
from poplib_c._cli.delivery import Output
from poplib_c._cli.failures import DeliveryFailure, Failure, Refused, Status, reason, usage
from poplib_c._cli.handing import Handed
from poplib_c._cli.texts import printable

_TEMPORARY = 75  # EX_TEMPFAIL
_OF_SHELLS = 126  # Statuses from here on: can't be run, not found, 128 and a signal.
_GRACE = 5.0  # seconds from SIGTERM to SIGKILL
_POLL = 0.05  # seconds
_BLOCK = 1 << 16
_KEPT = 4096  # octets of a command's output
_SHOWN = 200  # characters of its last line
_UID_LENGTH = 1000
_NO_UID = re.compile(rb"[^!-~]")  # RFC 1939, section 7


def split(command: str) -> list[str]:
    """Split a command as a shell does. Raises Failure if it can't be run.

    The text does not repeat the arguments, which may be secret.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise usage(f"--pipe: the command can't be split: {reason(error)}") from None
    if not words:
        raise usage("--pipe: the command is empty")
    words = [*map(os.path.expanduser, words)]
    if shutil.which(words[0]) is None:
        raise Failure(f"--pipe: there is no program {words[0]}", Status.UNAVAILABLE)
    return words


class Command(Handed):
    def __init__(self, command: str, account: Account, seconds: float) -> None:
        """*seconds*: after them, a command is killed."""
        self._words = split(command)
        super().__init__("pipe", self._words[0])  # Arguments may be secret.
        self._name = os.path.basename(self._words[0])
        self._seconds = seconds
        self._is_aborted = False
        self._environment = {
            name: value
            for name, value in os.environb.items()
            if not name.startswith(b"POPLIB_C_")  # One of them has the password.
        }
        self._environment[b"POPLIB_C_USER"] = account.user.encode("utf-8", "surrogateescape")
        self._environment[b"POPLIB_C_HOST"] = account.host.encode("utf-8", "surrogateescape")
        self._environment[b"POPLIB_C_PORT"] = b"%d" % account.port

    def hand_over(self, output: Output) -> None:
        about = {b"POPLIB_C_NUMBER": b"%d" % output.number}
        if output.uid:
            about[b"POPLIB_C_UID"] = _NO_UID.sub(b"?", output.uid[:_UID_LENGTH])
        os.lseek(output.file.fileno(), 0, os.SEEK_SET)
        try:
            # In a session of its own: Ctrl-C lets it finish the message.
            process = subprocess.Popen(
                self._words,
                bufsize=0,
                stdin=output.file.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self._environment, **about},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            told = f"can't run {self._name}: {reason(error)}"
            raise DeliveryFailure(told, Status.TEMPORARY) from None
        said = self._wait(process)
        _check(self._name, process.returncode, said)

    def abort(self) -> None:
        self._is_aborted = True

    def _wait(self, process: subprocess.Popen[bytes]) -> bytes:
        """Wait for the command and return the end of its output.

        Raises DeliveryFailure if it is killed.

        Programs that it leaves in the background are not waited for.
        """
        assert process.stdout is not None
        until = time.monotonic() + self._seconds
        with process.stdout as output:
            os.set_blocking(output.fileno(), False)
            ready = select.poll()
            ready.register(output, select.POLLIN)
            kept, is_open = b"", True
            while process.poll() is None:
                if time.monotonic() > until:
                    _kill(process)
                    told = f"{self._name} was killed after {self._seconds:g} seconds"
                    raise Refused(told, Status.TEMPORARY)
                if self._is_aborted:
                    _kill(process)
                    raise DeliveryFailure(
                        f"interrupted: {self._name} was killed in a message, which may come twice"
                    )
                if is_open:
                    ready.poll(_POLL * 1000)
                    kept, is_open = _read(output, kept)
                else:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL)
            return _read(output, kept)[0]


def _read(output: IO[bytes], kept: bytes) -> tuple[bytes, bool]:
    """Read what is there. Return the end of all that was read, and whether more may come."""
    block = output.read(_BLOCK)
    return (kept + (block or b""))[-_KEPT:], block != b""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a command and the programs that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return


def _check(name: str, status: int, said: bytes) -> None:
    """Raise Refused if a command did not take a message."""
    if status == 0:
        return
    is_temporary = status < 0 or status == _TEMPORARY or status >= _OF_SHELLS
    ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    lines = said.decode("utf-8", "replace").split("\n")
    last = next((line for line in map(printable, reversed(lines)) if line), "")
    told = f"{name} {ended}" + (f": {last[:_SHOWN]}" if last else "")
    raise Refused(told, Status.TEMPORARY if is_temporary else Status.PARTIAL)
