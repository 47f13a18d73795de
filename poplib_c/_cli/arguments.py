"""The options of fetch, check and list, and what --help and the man page say of them."""

from __future__ import annotations

import argparse
import os.path
import re
from typing import Any, Callable

from poplib_c._cli import texts
from poplib_c._cli.connection import fingerprint
from poplib_c._cli.failures import usage

_PASSWORD = re.compile(r"(://[^\s:/]*):[^\s/]*@")  # in a URL
PATHS = ("maildir", "mbox", "eml", "state", "cafile")


class _Parser(argparse.ArgumentParser):
    """Names the mistake and where to read on, in one line each; exits with status 2."""

    def error(self, message: str) -> Any:
        message = texts.printable(_PASSWORD.sub(r"\1:***@", message))
        self.exit(2, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Leave nothing over: a command's own parser names the options that it doesn't know."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return parsed, unknown


def parser(program: str = "poplib-c") -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog=program,
        description=texts.DESCRIPTION,
        epilog=texts.STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument(
        "--version", action=_Version, nargs=0, help="print the version, and OpenSSL's"
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _fetch(
        _command(commands, "fetch", "fetch mailboxes", texts.FETCH_DESCRIPTION, texts.FETCH_EPILOG)
    )
    for name, does, description in (
        ("check", "tell what a server is and can do", texts.CHECK_DESCRIPTION),
        ("list", "list the messages of a mailbox", texts.LIST_DESCRIPTION),
    ):
        command = _command(commands, name, does, description, texts.EPILOG)
        command.add_argument("url", metavar="URL", help=texts.URL)
        command.add_argument("--json", action="store_true", help="print JSON")
        if name == "list":
            _listings(command)
        _connections(command)
        _logins(command)
    return top


def _command(
    commands: Any, name: str, does: str, description: str, epilog: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=does,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.epilog = epilog.format(
        prog=command.prog, passwords=texts.PASSWORDS, status=texts.STATUS
    )
    return command


def _fetch(command: argparse.ArgumentParser) -> None:
    command.add_argument("urls", metavar="URL", nargs="*", help=texts.URL)
    places = command.add_argument_group("where to").add_mutually_exclusive_group()
    places.add_argument(
        "--maildir", metavar="DIR", type=_path, help="into this Maildir, which is made if missing"
    )
    places.add_argument(
        "--mbox", metavar="FILE", type=_path, help="to the end of this mbox file (mboxrd)"
    )
    places.add_argument(
        "--eml",
        metavar="DIR",
        type=_path,
        help="into files in this directory, octet for octet as sent",
    )
    which = command.add_argument_group("which messages, and what becomes of them")
    ends = which.add_mutually_exclusive_group()
    ends.add_argument(
        "--keep",
        dest="delete",
        action="store_false",
        default=False,
        help="leave them there (the default)",
    )
    ends.add_argument(
        "--delete", action="store_true", help="delete delivered messages from the server"
    )
    which.add_argument(
        "--since-last",
        action="store_true",
        help="only messages that no earlier run with --since-last or --delete has delivered; with "
        "--delete, those it has delivered are deleted without fetching them again. The server "
        "must have unique ids (UIDL)",
    )
    which.add_argument(
        "--max-size",
        metavar="OCTETS",
        type=_size,
        help="leave larger messages on the server; k, M and G after the number multiply",
    )
    _listings(which)
    which.add_argument(
        "--headers",
        metavar="N",
        type=_number,
        help="only the headers and the first N lines of each; not with --delete",
    )
    which.add_argument(
        "--state", metavar="FILE", type=_path, help="the record of what was delivered; see files"
    )
    many = command.add_argument_group("many mailboxes")
    many.add_argument(
        "--accounts", metavar="FILE", type=_text, help="mailboxes and their options; see below"
    )
    many.add_argument(
        "--jobs",
        metavar="N",
        type=_positive,
        default=1,
        help="mailboxes to fetch in parallel (default: 1)",
    )
    _connections(command)
    _logins(command)
    output = command.add_argument_group("output")
    output.add_argument("--quiet", action="store_true", help="print errors and warnings only")


def _listings(group: Any) -> None:
    group.add_argument(
        "--max-listing",
        metavar="OCTETS",
        type=_size,
        help="refuse a mailbox whose list of sizes or of unique ids is larger (default: 64 MiB)",
    )


def _connections(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("connection")
    group.add_argument(
        "--cafile",
        metavar="PATH",
        type=_path,
        help="trust the certificates in this PEM file, or directory of hashed ones, "
        "instead of the system's",
    )
    group.add_argument(
        "--fingerprint",
        metavar="sha256:HEX",
        type=_fingerprint,
        help="accept only the certificate with this fingerprint, whoever signed it; with --cafile "
        "both must match. 'check' shows the fingerprint",
    )
    group.add_argument(
        "--no-verify",
        action="store_true",
        help="accept any certificate: not safe, prints a warning",
    )
    group.add_argument(
        "--insecure",
        action="store_true",
        help="pop3:// without encryption: not safe, prints a warning",
    )
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="give up after this many seconds of silence (default: 60)",
    )
    group.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=_seconds,
        help="give up on a mailbox after this many seconds in all (default: never)",
    )


def _logins(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("login").add_mutually_exclusive_group()
    group.add_argument(
        "--password-command",
        metavar="COMMAND",
        type=_text,
        help="run this in the shell; the first line it prints is the password; for one mailbox "
        "only",
    )
    group.add_argument(
        "--oauth2-token-command",
        metavar="COMMAND",
        type=_text,
        help="run this in the shell; the first line it prints is an OAuth 2.0 access token; for "
        "one mailbox only. It is run again if the server refuses the token",
    )


class _Version(argparse.Action):
    """Tells the versions of poplib_c and of the OpenSSL that it has loaded."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from poplib_c import OPENSSL_VERSION, __version__

        print(f"poplib-c {__version__} ({OPENSSL_VERSION})")
        parser.exit()


def _checked(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Let argparse say what *convert*'s ValueError says."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return converted


_fingerprint = _checked(fingerprint)


@_checked
def _text(text: str) -> str:
    """An empty text, as a variable of the shell may be, would do without the option."""
    if not text:
        raise ValueError("it is empty")
    return text


def _path(text: str) -> str:
    """Expand a ~, which the shell leaves as it is in --maildir=~/Mail."""
    path: str = _text(text)
    return os.path.expanduser(path)


@_checked
def _size(text: str) -> int:
    factor = {"k": 1000, "M": 1000**2, "G": 1000**3}.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    if not (digits.isascii() and digits.isdigit() and int(digits)):
        raise ValueError(f"{text!r} is not a size: write 500000, 500k, 10M or 1G")
    return int(digits) * factor


@_checked
def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text!r} is not a number of lines")
    return int(text)


@_checked
def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


@_checked
def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ValueError(f"{text!r} is not a number of seconds")
    return seconds


def option(name: str, value: str) -> argparse.Namespace:
    """Return what fetch makes of an option with a value. Failure: it has none such."""
    command = _Strict(allow_abbrev=False, add_help=False)
    _fetch(command)
    return command.parse_args([f"{name}={value}"])


class _Strict(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise usage(message)
