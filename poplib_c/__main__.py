"""The command line: ``python -m poplib_c``, and the script ``poplib-c``."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Any, Callable

from poplib_c import POP3, POP3_PORT, error_proto
from poplib_c._cli.texts import harmless, printable

_TIMEOUT = 60
_NUMBER = re.compile(r"[0-9]{1,5}")
_MOST_READ_AHEAD = 65535
_SEPARATOR = "-----------------------"
_HOST = re.compile(r"(?:\[([^][]+)\]|([^][:/@]+))(?::([0-9]{1,5}))?")
_IPV6 = re.compile(r"(?=.*:.*:)[0-9A-Fa-f:.]+(?:%\w+)?")


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit status."""
    if arguments[:1] == ["run"] and arguments[1:2] not in (["-h"], ["--help"]):
        read_ahead, program = _read_ahead(arguments[1:])
        is_option = program[:1] != ["-m"] and "".join(program[:1]).startswith("-")
        if read_ahead is not None and program not in ([], ["-m"]) and not is_option:
            from poplib_c import _run

            _run.run(program, read_ahead)
            return 0
        arguments = ["run"]  # The command line's parser says what is wrong.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    place = _host_and_port(arguments[0]) if len(arguments) == 3 else None
    if place:
        return _failures_told(arguments[0], fetch, *place, *arguments[1:])
    from poplib_c._cli.main import main as command

    return command(arguments, _program(), _write)


def script() -> int:
    """The script ``poplib-c``."""
    return main(sys.argv[1:])


def _program() -> str:
    name = os.path.basename(sys.argv[0])
    return "python -m poplib_c" if name in ("__main__.py", "-c") else name


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
    """Parse HOST, HOST:PORT, an IPv6 address, [ADDRESS] or [ADDRESS]:PORT; None: it is none.

    A HOST has a dot, so that no misspelt command is taken for one; any other has a PORT.
    """
    if _IPV6.fullmatch(text):
        return text, POP3_PORT
    match = _HOST.fullmatch(text)
    if match is None or not (match[3] or match[1] or "." in text or text == "localhost"):
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
