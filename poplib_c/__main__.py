"""The command line: ``python -m poplib_c``, and the script ``poplib-c``."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Any, Callable

from poplib_c import POP3, POP3_PORT, error_proto
from poplib_c._cli.texts import harmless, printable

_USAGE = """\
usage: {0} fetch [OPTION ...] URL ...
       {0} check [OPTION ...] URL
       {0} list [OPTION ...] URL
       {0} demo
       {0} run [--read-ahead N] SCRIPT|-m MODULE [ARGUMENT ...]
       {0} HOST[:PORT] USER PASSWORD

A URL is pop3s://USER@HOST[:PORT], or pop3:// for STLS.

fetch     fetch mailboxes into a Maildir, an mbox file or a directory
check     tell what a server is and can do
list      list the messages of a mailbox
demo      fetch a small mailbox from a server on loopback, and compare what arrives
run       run an unmodified program, as python would, with poplib_c as its poplib;
          --read-ahead requests N messages, 0 to 65535, ahead of a loop over retr()
HOST ...  print the welcome and every message; not encrypted, and nothing is deleted
          (an IPv6 address with a port is written [::1]:110)

'{0} fetch --help', 'check --help' and 'list --help' show more; --version shows the version.
"""
_COMMANDS = ("fetch", "check", "list", "config", "import-state", "completion", "--version")
_TIMEOUT = 60
_USAGE_STATUS = 64  # EX_USAGE
_NUMBER = re.compile(r"[0-9]{1,5}")
_MOST_READ_AHEAD = 65535
_SEPARATOR = "-----------------------"
_HOST = re.compile(r"(?:\[([^][]+)\]|([^][:]+))(?::([0-9]{1,5}))?")


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status: 0, 1 for a failure, 64 for wrong usage.

    The exit status of ``run`` is the program's.
    """
    if arguments[:1] == ["run"]:
        return _run_program(arguments[1:])
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not arguments or arguments[0] in ("-h", "--help"):
        _write(_usage().rstrip())
        return 0
    if arguments[0] in _COMMANDS:
        from poplib_c._cli.main import main as command

        return command(arguments, _program(), _write)
    if arguments == ["demo"]:
        return _failures_told("demo", demo)
    place = _host_and_port(arguments[0])
    if len(arguments) != 3 or place is None:
        print(_usage(), end="", file=sys.stderr)
        return _USAGE_STATUS
    return _failures_told(arguments[0], fetch, *place, *arguments[1:])


def script() -> int:
    """The script ``poplib-c``."""
    return main(sys.argv[1:])


def _program() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m poplib_c" if name in ("__main__.py", "-c") else name


def _usage() -> str:
    return _USAGE.format(_program())


def _run_program(arguments: list[str]) -> int:
    read_ahead, arguments = _read_ahead(arguments)
    if (
        read_ahead is None
        or not arguments
        or arguments == ["-m"]
        or (arguments[0] != "-m" and arguments[0][0:1] == "-")
    ):
        print(_usage(), end="", file=sys.stderr)
        return _USAGE_STATUS
    from poplib_c import _run

    _run.run(arguments, read_ahead)
    return 0


def _read_ahead(arguments: list[str]) -> tuple[int | None, list[str]]:
    """Take ``--read-ahead N`` or ``--read-ahead=N`` from the front; None: N is invalid."""
    if not arguments or arguments[0].partition("=")[0] != "--read-ahead":
        return 0, arguments
    _, equals, text = arguments[0].partition("=")
    if not equals:
        text = "".join(arguments[1:2])
    number = int(text) if _NUMBER.fullmatch(text) else _MOST_READ_AHEAD + 1
    rest = arguments[1:] if equals else arguments[2:]
    return (number if number <= _MOST_READ_AHEAD else None), rest


def demo() -> int:
    """Print the report of the demonstration."""
    from poplib_c._cli.demo import run

    report, differences = run()
    _write(*report)
    for difference in differences:
        print(printable(f"poplib_c: demo: {difference}"), file=sys.stderr)
    return 1 if differences else 0


def fetch(host: str, port: int, user: str, password: str) -> int:
    """Print the welcome and every message, as ``python -m poplib`` does."""
    client = POP3(host, port, timeout=_TIMEOUT)
    try:
        _write(_text(client.getwelcome()))
        client.user(user)
        client.pass_(password)
        client.list()
        for number in range(1, client.stat()[0] + 1):
            lines = client.retr(number)[1]
            _write(f"Message {number}:", *("   " + _text(line) for line in lines), _SEPARATOR)
        client.quit()
    finally:
        client.close()
    return 0


def _failures_told(what: str, function: Callable[..., int], *arguments: Any) -> int:
    try:
        return function(*arguments)
    except (error_proto, OSError, ValueError) as error:
        print(printable(f"poplib_c: {what}: {_reason(error)}"), file=sys.stderr)
        return 1


def _reason(error: Exception) -> str:
    if isinstance(error, error_proto) and isinstance(error.args[0], bytes):
        return _text(error.args[0])
    return getattr(error, "strerror", None) or str(error)


def _host_and_port(text: str) -> tuple[str, int] | None:
    """Parse HOST, HOST:PORT, an IPv6 address, [ADDRESS] or [ADDRESS]:PORT; None: it is invalid."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, POP3_PORT
    match = _HOST.fullmatch(text)
    if match is None:
        return None
    port = int(match[3] or POP3_PORT)
    return (match[1] or match[2], port) if 0 < port < 65536 else None


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _write(*lines: str) -> None:
    """Print *lines*; exit quietly if the reader has closed the pipe (``| head``)."""
    try:
        print(*map(harmless, lines), sep="\n", flush=True)
    except BrokenPipeError:
        # The interpreter flushes stdout again at its exit; that must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
