"""Shows progress: bars on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import time
from typing import Any

from poplib_c._cli.texts import printable

_INTERVAL = 10.0  # seconds between two lines of one mailbox
_UNITS = ("octets", "kB", "MB", "GB", "TB")


class Bar:
    """The progress of one mailbox. This one shows nothing."""

    def start(self, messages: int, octets: int) -> None:
        """Announce how much will come; *octets* is an estimate."""

    def advance(self, octets: int) -> None:
        pass

    def message(self) -> None:
        """Count one more message as done."""

    def close(self) -> None:
        pass


class Progress:
    """Prints errors and results, and shows no progress.

    has_stdout: standard output is for results, not for mail.
    """

    def __init__(self, program: str, quiet: bool) -> None:
        self.has_stdout = True
        self._program = program
        self._quiet = quiet
        self._lock = threading.Lock()

    def bar(self, label: str) -> Bar:
        return Bar()

    def error(self, label: str, text: str) -> None:
        self._line(f"{self._program}: {label}: {text}", sys.stderr)

    def note(self, label: str, text: str) -> None:
        """Print a note, unless --quiet is given."""
        if not self._quiet:
            self.error(label, text)

    def from_handler(self, text: str) -> None:
        """Print from a signal handler, which can't take the lock: its own thread may hold it."""
        if not self._quiet:
            above = "\n" if sys.stderr.isatty() else ""  # After a bar and ^C.
            with contextlib.suppress(OSError):
                os.write(
                    sys.stderr.fileno(), f"{above}{printable(self._program)}: {text}\n".encode()
                )

    def result(self, line: str) -> None:
        if not self._quiet:
            self._line(line, sys.stdout if self.has_stdout else sys.stderr)

    def _line(self, line: str, file: Any) -> None:
        with self._lock:
            _print(line, file)


class Lines(Progress):
    def bar(self, label: str) -> Bar:
        return _Line(label, self)


class Bars(Progress):
    def __init__(self, program: str, quiet: bool, tqdm: Any) -> None:
        super().__init__(program, quiet)
        self._tqdm = tqdm

    def bar(self, label: str) -> Bar:
        return _Bar(label, self._tqdm)

    def _line(self, line: str, file: Any) -> None:
        """Print above the bars, which are cleared meanwhile."""
        with self._tqdm.external_write_mode(file=file):
            _print(line, file)


def _print(line: str, file: Any) -> None:
    try:
        print(printable(line), file=file, flush=True)
    except OSError:
        # The reader or the terminal is gone. The work goes on; later output is discarded.
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


def start(program: str, quiet: bool) -> Progress:
    """Choose bars if standard error is a terminal and tqdm is installed, otherwise lines."""
    if quiet:
        return Progress(program, quiet)
    if sys.stderr.isatty():
        try:
            return Bars(program, quiet, importlib.import_module("tqdm").tqdm)
        except ImportError:
            return Lines(program, quiet)
    return Lines(program, quiet)


class _Bar(Bar):
    def __init__(self, label: str, tqdm: Any) -> None:
        self._label = label
        self._tqdm = tqdm
        self._bar: Any = None
        self._messages = self._done = 0

    def start(self, messages: int, octets: int) -> None:
        self._messages = messages
        self._bar = self._tqdm(
            desc=self._label,
            total=octets,
            unit="B",
            unit_scale=True,
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            postfix=f"0/{messages} messages",
        )

    def advance(self, octets: int) -> None:
        self._bar.update(octets)

    def message(self) -> None:
        self._done += 1
        self._bar.set_postfix_str(f"{self._done}/{self._messages} messages", refresh=False)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Line(Bar):
    def __init__(self, label: str, progress: Progress) -> None:
        self._label = label
        self._progress = progress
        self._messages = self._octets = self._total = self._done = 0
        self._began = self._told = 0.0

    def start(self, messages: int, octets: int) -> None:
        self._messages, self._total = messages, octets
        self._began = self._told = time.monotonic()

    def advance(self, octets: int) -> None:
        self._octets += octets
        now = time.monotonic()
        if now - self._told >= _INTERVAL:
            self._told = now
            self._tell(now - self._began)

    def message(self) -> None:
        self._done += 1

    def _tell(self, elapsed: float) -> None:
        rate = self._octets / elapsed
        left = max(self._total - self._octets, 0) / rate if rate else 0
        self._progress.error(
            self._label,
            f"{self._done} of {self._messages} messages, {size(self._octets)} of "
            f"{size(self._total)}, {size(int(rate))}/s, {left // 60:.0f}:{left % 60:02.0f} left",
        )


def size(octets: int) -> str:
    """Return a number of octets for people: ``1.5 MB``."""
    number = float(octets)
    for unit in _UNITS:
        if number < 1000 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == "octets" or number >= 100 else f"{number:.1f} {unit}"
