"""Prints and logs what a run does: bars on a terminal, otherwise a line every ten seconds."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from poplib_c._cli import log
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
    """Prints errors and results, one line at a time, and logs them. Shows no progress.

    has_stdout: standard output is for results, not for mail or JSON.
    """

    def __init__(self, program: str, options: argparse.Namespace, logger: logging.Logger) -> None:
        self.has_stdout = not options.json
        self._program = program
        self._quiet = options.quiet
        self._verbose = options.verbose
        self._json = options.json
        self._logger = logger
        self._lock: Any = threading.Lock()
        self._labels = log.Labels()

    def bar(self, label: str) -> Bar:
        return Bar()

    def of(self, label: str) -> contextlib.AbstractContextManager[None]:
        """Name the mailbox that this thread works for in the block."""
        return self._labels.of(label)

    def error(self, label: str, text: str) -> None:
        self._tell(logging.ERROR, label, text)

    def warning(self, text: str) -> None:
        """Print a warning, unless --quiet is given."""
        self._tell(logging.WARNING, "warning", text, not self._quiet)

    def note(self, label: str, text: str) -> None:
        """Print a note, unless --quiet is given."""
        self._tell(logging.INFO, label, text, not self._quiet)

    def detail(self, label: str, text: str) -> None:
        """Print a note if -v is given."""
        self._tell(logging.DEBUG, label, text, self._verbose)

    def trace(self, text: str) -> None:
        """Print a command or a status line."""
        self.detail(self._labels.label, text)

    def _tell(self, level: int, label: str, text: str, shown: bool = True) -> None:
        line = printable(f"{label}: {text}")
        if shown:
            self.print_only(line)
        self._logger.log(level, "%s", line)

    def print_only(self, line: str) -> None:
        """Print a line that is not for the log."""
        self._line(printable(f"{self._program}: {line}"), sys.stderr)

    def from_handler(self, text: str) -> None:
        """Print from a signal handler, which can't take the lock: its own thread may hold it."""
        if not self._quiet:
            above = "\n" if sys.stderr.isatty() else ""  # After a bar and ^C.
            with contextlib.suppress(OSError):
                os.write(
                    sys.stderr.fileno(), f"{above}{printable(self._program)}: {text}\n".encode()
                )

    def result(self, line: str) -> None:
        line = printable(line)
        if not self._quiet:
            self._line(line, sys.stdout if self.has_stdout else sys.stderr)
        self._logger.info("%s", line)

    def record(self, facts: Mapping[str, object]) -> None:
        """Print an object if --json is given."""
        if self._json:
            self._line(json.dumps(facts), sys.stdout)

    def _line(self, line: str, file: Any) -> None:
        with self._lock:
            _print(line, file)


class Lines(Progress):
    def bar(self, label: str) -> Bar:
        return _Line(label, self)


class Bars(Progress):
    """Shares a lock with tqdm, which holds it while the cursor is not in the first column."""

    def __init__(
        self, program: str, options: argparse.Namespace, logger: logging.Logger, tqdm: Any
    ) -> None:
        super().__init__(program, options, logger)
        self._tqdm = tqdm
        self._lock = threading.RLock()
        tqdm.set_lock(self._lock)

    def bar(self, label: str) -> Bar:
        if not (self.has_stdout or self._json or _is_file(sys.stdout)):
            # The reader of the mail may print on the same terminal.
            return _Line(label, self)
        return _Bar(label, self._tqdm)

    def _line(self, line: str, file: Any) -> None:
        """Print above the bars, which are cleared meanwhile."""
        with self._tqdm.external_write_mode(file=file):
            _print(line, file)


def _is_file(file: Any) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _print(line: str, file: Any) -> None:
    try:
        print(line, file=file, flush=True)
    except OSError:
        # The reader or the terminal is gone. The work goes on; later output is discarded.
        os.dup2(os.open(os.devnull, os.O_WRONLY), file.fileno())


@contextlib.contextmanager
def started(program: str, options: argparse.Namespace) -> Iterator[Progress]:
    """Yield a Progress for the options. With -v, it prints commands and status lines."""

    def lost(text: str) -> None:
        shown.print_only(text)

    with log.opened(options, lost) as logger:
        shown = _choose(program, options, logger)
        with log.tracing(shown.trace, options.verbose):
            yield shown


def _choose(program: str, options: argparse.Namespace, logger: logging.Logger) -> Progress:
    """Choose bars if standard error is a terminal and tqdm is installed, otherwise lines.

    The lines of -v show the progress, and would tear bars apart.
    """
    if options.quiet or options.verbose:
        return Progress(program, options, logger)
    if sys.stderr.isatty():
        with contextlib.suppress(ImportError):
            return Bars(program, options, logger, importlib.import_module("tqdm").tqdm)
    return Lines(program, options, logger)


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
            with self._tqdm.get_lock():
                self._bar.close()
                # tqdm goes back to the first column only for the topmost bar.
                self._bar.fp.write("\r")
                self._bar.fp.flush()


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
        self._progress.print_only(
            f"{self._label}: {self._done} of {self._messages} messages, {size(self._octets)} of "
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
