"""Defines the options of all commands; --help, the man page and completion come from here."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Any, Callable

from poplib_c import OPENSSL_VERSION, __version__
from poplib_c._cli import texts
from poplib_c._cli.connection import fingerprint
from poplib_c._cli.converters import (
    TLS_VERSIONS,
    checked,
    file_name,
    mechanism,
    non_empty,
    octets,
    seconds,
    tls_version,
    whole,
)
from poplib_c._cli.dialing import proxy_url, source
from poplib_c._cli.failures import Failure, Status
from poplib_c._policy import MECHANISMS, MECHANISMS_OAUTH2

_PASSWORD = re.compile(r"(://[^\s:]*):\S*@")  # in a URL
PATHS = {"maildir", "mbox", "eml", "state", "cafile", "cert", "key", "log"}
DESTINATIONS = ("maildir", "mbox", "eml", "pipe", "lmtp", "smtp")
SHELLS = ("bash", "zsh", "tcsh")
FORMATS = ("mpop", "getmail", "fetchmail")


class Parser(argparse.ArgumentParser):
    """The parser of a command.

    It reports a mistake in one line, names --help in another, and exits with status 64. built_in
    has the values of options that are not given; *given* of the namespace has the names of those
    that are.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.built_in: dict[str, Any] = {}

    def error(self, message: str) -> Any:
        message = texts.printable(without_passwords(message))
        self.exit(Status.USAGE, f"{self.prog}: {message}\nTry '{self.prog} --help'.\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown options here, so that the message has the usage of the command."""
        for action in self._actions:
            if action.option_strings and action.default is not argparse.SUPPRESS:
                self.built_in[action.dest] = action.default
                action.default = argparse.SUPPRESS
        parsed, unknown = super().parse_known_args(args, namespace)
        wrong = [each for each in unknown if each.startswith("-")]
        if wrong or not hasattr(parsed, "targets"):
            if unknown:
                near = meant(unknown[0].partition("=")[0], self._option_string_actions)
                self.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
        else:
            parsed.targets += unknown  # argparse takes those before the first option only.
        if not hasattr(parsed, "given"):  # The parser of a command comes before that of all.
            parsed.given = frozenset(vars(parsed).keys() & self.built_in.keys())
            for name in self.built_in.keys() - parsed.given:
                setattr(parsed, name, self.built_in[name])
        return parsed, []

    def alternatives(self) -> Iterator[set[str]]:
        """Yield the names of options of which only one can be given."""
        for group in self._mutually_exclusive_groups:
            yield {action.dest for action in group._group_actions}


def without_passwords(text: str) -> str:
    """Return *text* without the passwords of URLs in it."""
    return _PASSWORD.sub(r"\1:***@", text)


def meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f": did you mean {near[0]}?" if near else ""


def parse(argv: list[str], program: str) -> argparse.Namespace:
    """Parse the command line. *argv* is not empty."""
    name = argv[0]
    top = parser(program, name)
    if name.startswith("-"):
        if name not in top._option_string_actions:
            near = meant(name, top._option_string_actions)
            top.error(f"a command goes before the options; {name} is unknown{near}")
        return top.parse_args(argv)
    if name not in _COMMANDS:
        if "://" in name:
            top.error("a command goes before a URL: fetch, check or list")
        near = meant(name, _COMMANDS) or f": there are {', '.join(_COMMANDS)}"
        top.error(f"{name} is not a command{near}")
    return top.parse_args(argv)


def parser(program: str = "poplib-c", wanted: str | None = None) -> Parser:
    """Return the parser of the whole command line, or one with the options of one command."""
    top = Parser(
        prog=program,
        usage="%(prog)s COMMAND [OPTION ...] [TARGET ...]",
        description=texts.DESCRIPTION,
        epilog=texts.TOP_EPILOG.format(prog=program, status=texts.STATUS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument(
        "--version",
        action="version",
        version=f"poplib-c {__version__} ({OPENSSL_VERSION})",
        help="print the version, and OpenSSL's",
    )
    commands = top.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", prog=program, required=True
    )
    for name, (does, usage, description, epilog, define) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=does,
            usage=f"%(prog)s {usage}".rstrip(),
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.epilog = epilog.format(
            prog=command.prog, passwords=texts.PASSWORDS, status=texts.STATUS
        )
        if wanted in (None, name):
            define(command)
    return top


def of_tables() -> Parser:
    """Return a parser of the options of fetch. Its error() raises Failure."""
    command = _Strict(allow_abbrev=False, add_help=False)
    _fetch(command)
    command.parse_args([])  # Sets built_in.
    return command


class _Strict(Parser):
    def error(self, message: str) -> Any:
        raise Failure(message, Status.CONFIG)


# The commands


def _check(command: Parser) -> None:
    _targets(command)
    _configuration(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    _connections(command)
    _logins(command)
    _verbosity(command.add_argument_group("output"))


def _list(command: Parser) -> None:
    _check(command)
    _listings(command)


def _import_state(command: Parser) -> None:
    command.add_argument(
        "format", metavar="FORMAT", choices=FORMATS, help=f"one of {', '.join(FORMATS)}"
    )
    command.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="the file of mpop's uidls_file, getmail's oldmail-..., or fetchmail's .fetchids",
    )
    _option(
        command,
        "--mailbox TARGET",
        non_empty,
        "record the messages for this mailbox, instead of those that the files name",
    )
    _configuration(command)
    _state(command)


def _completion(command: Parser) -> None:
    command.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, help=f"one of {', '.join(SHELLS)}"
    )


def _run(command: Parser) -> None:
    _option(
        command,
        "--read-ahead N",
        non_empty,
        "request N messages, 0 to 65535, ahead of a loop over retr() (default: 0)",
    )
    command.add_argument(
        "program", metavar="SCRIPT|-m MODULE", nargs=argparse.REMAINDER, help="as for python"
    )


def _fetch(command: Parser) -> None:
    _targets(command)
    group = command.add_argument_group("destination (exactly one)")
    places = group.add_mutually_exclusive_group()
    _option(
        places,
        "--maildir DIR",
        file_name,
        "deliver into this Maildir; create it if it is missing. In the path of a destination, "
        "{account}, {user} and {host} stand for those of the mailbox",
    )
    _option(
        places,
        "--mbox FILE",
        file_name,
        "append to this mbox file (mboxrd). - writes to standard output: one message as it is, "
        "several as mboxrd",
    )
    _option(
        places,
        "--eml DIR",
        file_name,
        "write a file for each message into this directory, octet for octet as sent",
    )
    _option(
        places,
        "--pipe COMMAND",
        non_empty,
        "run this command for each message, which is its standard input; arguments are split as "
        "a shell does, but no shell runs it",
    )
    _option(places, "--lmtp HOST:PORT|SOCKET", non_empty, "deliver to this LMTP server")
    _option(places, "--smtp HOST[:PORT]", non_empty, "send to this SMTP server")
    _option(
        group,
        "--recipient ADDRESS",
        non_empty,
        "the recipient for --lmtp (default: the user of the mailbox) and --smtp (no default)",
    )
    group.add_argument(
        "--received", action="store_true", help="add a Received header (RFC 5321, 4.4)"
    )
    _messages(command.add_argument_group("messages"))
    many = command.add_argument_group("mailboxes")
    files = many.add_mutually_exclusive_group()
    _configuration(files)
    _option(
        files,
        "--accounts FILE",
        file_name,
        "like --config, and fetch all accounts of the file in addition to the TARGETs",
    )
    _option(
        many,
        "-j, --jobs N",
        whole(1, "a whole number"),
        "mailboxes to fetch in parallel (default: 1)",
        default=1,
    )
    _connections(command)
    _logins(command)
    output = command.add_argument_group("output")
    _verbosity(output)
    _option(output, "--log FILE", file_name, "append errors, notes and results to this file")
    output.add_argument(
        "--syslog", action="store_true", help="send errors, notes and results to syslog"
    )
    output.add_argument(
        "--json", action="store_true", help="print a line of JSON for each message"
    )


def _messages(which: Any) -> None:
    news = which.add_mutually_exclusive_group()
    news.add_argument(
        "-a",
        "--all",
        action="store_true",
        help="fetch all messages, not only those that no earlier run delivered",
    )
    ends = which.add_mutually_exclusive_group()
    ends.add_argument(
        "--keep",
        dest="delete",
        action="store_false",
        default=False,
        help="leave messages on the server (the default)",
    )
    ends.add_argument(
        "--delete", action="store_true", help="delete delivered messages from the server"
    )
    _option(
        ends,
        "--keep-days N",
        whole(1, "a number of days"),
        "delete messages from the server N days after they were delivered",
    )
    news.add_argument("--since-last", action="store_true", help=argparse.SUPPRESS)
    _option(
        which,
        "--max-size OCTETS",
        octets,
        "leave larger messages on the server; k, M or G after the number means 1000, 1000^2 "
        "or 1000^3",
    )
    _option(
        which,
        "--max-messages N",
        whole(1, "a whole number"),
        "fetch at most N messages of a mailbox in one run",
    )
    _listings(which)
    _option(
        which,
        "--headers N",
        whole(0, "a number of lines"),
        "fetch only the headers and the first N lines of each message; not with --delete",
    )
    _state(which)
    which.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="fetch and delete nothing; print what a run would do, and why",
    )


def _option(
    group: Any, usage: str, convert: Callable[[str], Any], help: str, default: Any = None
) -> None:
    """Add an option with a value. usage: its names, with commas, and that of the value."""
    names, _, metavar = usage.rpartition(" ")
    group.add_argument(
        *names.split(", "), metavar=metavar, type=convert, help=help, default=default
    )


def _targets(command: Parser) -> None:
    command.add_argument("targets", metavar="TARGET", nargs="*", help=texts.TARGET)


def _configuration(group: Any) -> None:
    _option(
        group,
        "-c, --config FILE",
        file_name,
        "the configuration file (default: ~/.config/poplib-c/config.toml)",
    )


def _state(group: Any) -> None:
    _option(
        group,
        "--state FILE",
        file_name,
        "keep the record of delivered messages in this file (default: "
        "~/.local/state/poplib_c/state.sqlite3)",
    )


def _verbosity(group: Any) -> None:
    ends = group.add_mutually_exclusive_group()
    ends.add_argument("-q", "--quiet", action="store_true", help="print errors only, no warnings")
    ends.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="print each command, status line and capability, with secrets masked; -vv: "
        "also the number of octets of each message",
    )


def _listings(group: Any) -> None:
    _option(
        group,
        "--max-listing OCTETS",
        octets,
        "refuse a mailbox whose list of sizes or of unique ids is larger (default: 64 MiB)",
    )


def _connections(command: Parser) -> None:
    group = command.add_argument_group("connection")
    _option(
        group,
        "--cafile PATH",
        file_name,
        "trust the certificates in this PEM file or directory (with hashed names) instead of the "
        "system's",
    )
    _option(
        group,
        "--fingerprint HEX",
        checked(fingerprint),
        "accept only the certificate with this SHA-256 fingerprint, whoever signed it; with "
        "--cafile, chain and host name are verified, too. 'check' prints the fingerprint",
    )
    group.add_argument(
        "--no-verify",
        action="store_true",
        help="accept any certificate (unsafe; prints a warning)",
    )
    group.add_argument(
        "--insecure",
        action="store_true",
        help="use pop3:// without encryption (unsafe; prints a warning)",
    )
    _option(
        group,
        "--cert FILE",
        file_name,
        "present the client certificate in this PEM file, which may also contain the key",
    )
    _option(group, "--key FILE", file_name, "the private key of --cert, as a PEM file")
    _option(
        group,
        "--tls-min VERSION",
        tls_version,
        f"the oldest TLS version to use: {', '.join(TLS_VERSIONS)} (default: 1.2); versions "
        "before 1.2 are unsafe and print a warning",
    )
    _option(
        group,
        "--ciphers LIST",
        non_empty,
        "ciphers for TLS 1.2 and older, as an OpenSSL cipher list; weak ones print a warning",
    )
    _option(
        group,
        "--proxy URL",
        checked(proxy_url),
        "connect through this proxy, which looks names up: socks5://[USER@]HOST[:PORT], or "
        "http:// for CONNECT",
    )
    _option(group, "--source ADDRESS", checked(source), "connect from this address of the machine")
    group.add_argument(
        "--no-pipelining",
        action="store_true",
        help="wait for each reply before the next command",
    )
    _option(
        group,
        "--timeout SECONDS",
        seconds,
        "give up after this many seconds of silence (default: 60)",
        default=60.0,
    )
    _option(
        group,
        "--deadline SECONDS",
        seconds,
        "give up on a mailbox after this many seconds in all (default: never)",
    )


def _logins(command: Parser) -> None:
    login = command.add_argument_group("login")
    group = login.add_mutually_exclusive_group()
    _option(
        group,
        "--password-command COMMAND",
        non_empty,
        "take the password from the first line that this shell command prints; for one mailbox "
        "only",
    )
    _option(
        group,
        "--oauth2-token-command COMMAND",
        non_empty,
        "take an OAuth 2.0 access token from the first line that this shell command prints; for "
        "one mailbox only. If the server refuses the token, the command runs once more, with "
        "POPLIB_C_TOKEN_REFUSED=1",
    )
    group.add_argument(
        "--keyring",
        action="store_true",
        help="take the password from the system's keyring: service pop3://HOST, and the user",
    )
    login.add_argument(
        "--mechanism",
        metavar="NAME",
        type=mechanism,
        action="append",
        help="log in by this mechanism (may be repeated, in the order to try them): "
        f"{', '.join(MECHANISMS)}; with a token {', '.join(MECHANISMS_OAUTH2)}. With only "
        "APOP, USER or both, CAPA is not sent",
    )
    login.add_argument(
        "--no-utf8",
        action="store_true",
        help="do not send UTF8 to servers that list it (RFC 6856)",
    )


_TARGETS = "[OPTION ...] [TARGET ...]"
#: What each does, its usage, the texts before and after its options, and what declares these.
_COMMANDS: dict[str, tuple[str, str, str, str, Callable[[Parser], None]]] = {
    "fetch": ("fetch mailboxes", _TARGETS, texts.FETCH_DESCRIPTION, texts.FETCH_EPILOG, _fetch),
    "check": (
        "report what a server is and can do",
        _TARGETS,
        texts.CHECK_DESCRIPTION,
        texts.EPILOG,
        _check,
    ),
    "list": (
        "list the messages of a mailbox",
        _TARGETS,
        texts.LIST_DESCRIPTION,
        texts.EPILOG,
        _list,
    ),
    "config": (
        "show the configuration",
        _TARGETS,
        texts.CONFIG_DESCRIPTION,
        texts.CONFIG_EPILOG,
        _fetch,
    ),
    "import-state": (
        "import another program's list of fetched messages",
        "[OPTION ...] FORMAT FILE ...",
        texts.IMPORT_DESCRIPTION,
        "",
        _import_state,
    ),
    "completion": (
        "print a script that completes words in a shell",
        "SHELL",
        texts.COMPLETION_DESCRIPTION,
        "",
        _completion,
    ),
    "demo": ("fetch a small mailbox over loopback", "", texts.DEMO, "", lambda command: None),
    "run": (
        "run a program with poplib_c as its poplib",
        "[--read-ahead N] SCRIPT|-m MODULE [ARGUMENT ...]",
        texts.RUN,
        "",
        _run,
    ),
}
