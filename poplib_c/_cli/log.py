"""Logs a run to a file and to syslog, and shows the commands of -v, all by the logging module.

The library logs each command and status line, and masks secrets.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from poplib_c import POP3
from poplib_c._cli.failures import Failure, Status, reason, storage

OCTETS = 5  # the level of -vv, below DEBUG
_SYSLOG = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
_FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S%z"  # RFC 3339, but for the colon in the zone
_library = logging.getLogger("poplib_c")


@contextlib.contextmanager
def opened(options: argparse.Namespace, tell: Callable[[str], object]) -> Iterator[logging.Logger]:
    """Yield a logger for --log and --syslog. Raises Failure if one of them can't be opened.

    tell: called once with the reason if one of them can't be written.
    """
    logger = logging.Logger("poplib-c", logging.DEBUG if options.verbose else logging.INFO)
    logger.addHandler(logging.NullHandler())
    with contextlib.ExitStack() as handlers:
        for opens, wanted in ((_file, options.log), (_syslog, options.syslog)):
            if wanted:
                handler = opens(wanted)
                handler.tell = tell
                handlers.callback(_close, handler)
                logger.addHandler(handler)
        yield logger


class _Once(logging.Handler):
    """Tells once that it can't write, and lets the run go on."""

    tell: Callable[[str], object] | None = None

    def handleError(self, record: logging.LogRecord) -> None:
        tell, self.tell = self.tell, None
        error = sys.exc_info()[1]
        if tell is not None and isinstance(error, Exception):
            tell(f"the log is incomplete: {reason(error)}")


class _File(_Once, logging.FileHandler):
    pass


def _close(handler: _Once) -> None:
    with contextlib.suppress(OSError):  # Told when the last line was written.
        handler.close()


def _file(path: str) -> _Once:
    try:
        # For its owner alone: other users need not know whose mail comes from where.
        # O_NONBLOCK: a FIFO without a reader is an error. Otherwise open() would wait for one.
        how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        os.close(os.open(path, how, 0o600))
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise Failure(f"--log {path}: {reason(error)}", storage(error)) from None
    handler.setFormatter(logging.Formatter(_FORMAT, _TIME))
    return handler


def _syslog(_: bool) -> _Once:
    from logging.handlers import SysLogHandler

    class Syslog(_Once, SysLogHandler):
        pass

    try:
        handler = Syslog(_SYSLOG, SysLogHandler.LOG_MAIL, _socket_kind(_SYSLOG))
    except OSError as error:
        raise Failure(
            f"--syslog: no service at {_SYSLOG} ({reason(error)}): start one, or use --log FILE",
            Status.CANT_CREATE,
        ) from None
    handler.ident = f"poplib-c[{os.getpid()}]: "
    return handler


def _socket_kind(path: str) -> socket.SocketKind:
    """Return the kind of a socket. Raises OSError if nobody listens: SysLogHandler may not."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.connect(path)
        return socket.SOCK_DGRAM
    except OSError as error:
        if error.errno != errno.EPROTOTYPE:
            raise
    return socket.SOCK_STREAM


# The commands of -v


class _Trace(logging.Handler):
    """Passes records of the library on."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextlib.contextmanager
def tracing(tell: Callable[[str], object], verbose: int) -> Iterator[None]:
    """Call *tell* with each command and status line of the block; with -vv, with octets, too.

    All threads call it, so *tell* has to know which mailbox is meant (Labels).
    """
    if not verbose:
        yield
        return
    handler, before = _Trace(tell), _library.level
    _library.addHandler(handler)
    _library.setLevel(logging.DEBUG if verbose == 1 else OCTETS)
    try:
        yield
    finally:
        _library.setLevel(before)
        _library.removeHandler(handler)


class Labels(threading.local):
    """The mailbox that a thread works for."""

    label = ""

    @contextlib.contextmanager
    def of(self, label: str) -> Iterator[None]:
        self.label = label
        try:
            yield
        finally:
            self.label = ""


class Counted(POP3):
    """Logs the octets of messages at the level OCTETS, when they have come."""

    def top_bytes(self, which: Any, howmuch: Any) -> bytes:
        headers = super().top_bytes(which, howmuch)
        _count(which, len(headers))
        return headers

    def retr_into(self, which: Any, file: Any) -> int:
        octets = super().retr_into(which, file)
        _count(which, octets)
        return octets

    def top_many(self, *arguments: Any, **options: Any) -> Any:
        return _each(super().top_many(*arguments, **options))

    def retr_many(self, *arguments: Any, **options: Any) -> Any:
        return _each(super().retr_many(*arguments, **options))


def _each(messages: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    if not _library.isEnabledFor(OCTETS):
        return messages
    return _counted(messages)


def _counted(messages: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    for number, message in messages:
        if isinstance(message, bytes):
            _count(number, len(message))
        yield number, message


def _count(number: Any, octets: int) -> None:
    _library.log(OCTETS, "message %s: %d octets", number, octets)
