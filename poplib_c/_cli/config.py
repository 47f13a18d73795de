"""Reads the configuration file, and finds the mailboxes and options that a command line means."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from poplib_c._cli import arguments, connection
from poplib_c._cli.account import Account, parse
from poplib_c._cli.failures import Failure, Status, reason, usage
from poplib_c._cli.texts import printable
from poplib_c._policy import MECHANISMS, MECHANISMS_OAUTH2

COMMAND_LINE, ACCOUNT, DEFAULTS, BUILT_IN = "command line", "account", "defaults", "built in"
_SECRETS = ("password_command", "oauth2_token_command")
COMMANDS = (*_SECRETS, "pipe")
_FOR_ALL = ("jobs", "quiet", "verbose", "log", "syslog", "json", "dry_run")
COMMAND_LINE_ONLY = ("config", "accounts", "since_last")
_HOST = "POPLIB_C_HOST"

#: Options that replace others. Verification replaces the lack of it, not the reverse.
_REPLACED: tuple[tuple[set[str], set[str]], ...] = (
    ({"cafile", "fingerprint"}, {"no_verify", "insecure"}),
    ({"cert"}, {"key", "insecure"}),
    ({*arguments.DESTINATIONS} - {"lmtp", "smtp"}, {"recipient"}),
)

Values = dict[str, Any]


class Mailbox(NamedTuple):
    """place: its table in a file, or empty. sources: of each option."""

    name: str
    place: str
    account: Account
    options: argparse.Namespace
    sources: dict[str, str]

    @property
    def title(self) -> str:
        return f"{self.name} ({self.account})" if self.name else str(self.account)

    def place_of(self, option: str) -> str:
        """Return the place to name in an error: empty if the command line has the option."""
        return "" if self.sources[option] == COMMAND_LINE else self.place


class _Entry(NamedTuple):
    """An account of a file. given: its options."""

    name: str
    place: str
    url: str
    given: Values


class File(NamedTuple):
    path: str
    defaults: Values
    entries: list[_Entry]


def default_path() -> str:
    home = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):  # The XDG specification ignores others.
        home = os.path.expanduser("~/.config")
    return os.path.join(home, "poplib-c", "config.toml")


def find(options: argparse.Namespace, needs_user: bool = True) -> list[Mailbox]:
    """Return the mailboxes of TARGETs, with their options. Changes *options* by [defaults].

    Raises Failure if a file or a TARGET is wrong, or if there is no mailbox.
    """
    parser = arguments.of_tables()
    given = {name: getattr(options, name) for name in options.given}
    accounts: str | None = getattr(options, "accounts", None)
    file = _read(accounts or options.config, parser)
    found = []
    for target in dict.fromkeys(options.targets):
        if "://" in target:
            found.append(_Entry("", "", target, {}))
        else:
            found.append(_named(target, file))
    if accounts or not found:
        found += [entry for entry in file.entries if entry not in found]
    if not found:
        raise Failure(
            f"no mailbox: give a URL, or write an [account.NAME] into {file.path} "
            "('config --help' shows how)",
            Status.CONFIG,
        )
    made = [_mailbox(entry, file, given, parser, needs_user) for entry in found]
    merged = _merge(parser, [(DEFAULTS, file.defaults), (COMMAND_LINE, given)])[0]
    for name in (*_FOR_ALL, "state"):
        setattr(options, name, getattr(merged, name))
    return made


@contextlib.contextmanager
def named_in_errors(place: str) -> Iterator[None]:
    """Name the table of a mailbox in a Failure that the block raises."""
    try:
        yield
    except Failure as error:
        raise _wrong(f"{place}: {error}") if place else error from None


def check_connection(mailbox: Mailbox) -> None:
    """Raise Failure, which names the mailbox's table, if no connection can be made as told."""
    with named_in_errors(mailbox.place_of("cafile")):
        connection.check_cafile(mailbox.options)
    with named_in_errors(mailbox.place):
        connection.check_policy(mailbox.account, mailbox.options)


def _named(name: str, file: File) -> _Entry:
    for entry in file.entries:
        if entry.name == name:
            return entry
    if "@" in name or ":" in name:
        parse(name)  # Raises Failure, whose text has no password.
    names = [entry.name for entry in file.entries if entry.name]
    near = arguments.meant(name, names) or ": write pop3s://USER@HOST[:PORT]"
    where = f"an account of {file.path}" if names else "the URL of a mailbox"
    raise usage(f"{printable(name)} is not {where}{near}")


def _mailbox(
    entry: _Entry, file: File, given: Values, parser: arguments.Parser, needs_user: bool
) -> Mailbox:
    layers = [(DEFAULTS, file.defaults), (ACCOUNT, entry.given), (COMMAND_LINE, given)]
    options, sources = _merge(parser, layers)
    with named_in_errors(entry.place):
        return Mailbox(entry.name, entry.place, parse(entry.url, needs_user), options, sources)


def _merge(
    parser: arguments.Parser, layers: Iterable[tuple[str, Values]]
) -> tuple[argparse.Namespace, dict[str, str]]:
    """Let each of *layers* override those before it; return the values and their sources."""
    values = dict(parser.built_in)
    sources = dict.fromkeys(values, BUILT_IN)
    for source, given in layers:
        for name in _replaced(parser, given, values):
            values[name] = parser.built_in[name]
            sources[name] = BUILT_IN
        values.update(given)
        sources.update(dict.fromkeys(given, source))
    return argparse.Namespace(**values), sources


def _replaced(parser: arguments.Parser, given: Values, values: Values) -> set[str]:
    """Return the options of lower layers that *given* takes the place of.

    An option replaces its alternatives, and what makes no sense with it.
    """
    on = {name for name, value in given.items() if value is not False or name == "delete"}
    replaced: set[str] = set()
    for names in parser.alternatives():
        if names & on:
            replaced |= names
    for names, others in _REPLACED:
        if names & on:
            replaced |= others
    secret = on & {*_SECRETS, "keyring"}
    known = MECHANISMS_OAUTH2 if "oauth2_token_command" in secret else MECHANISMS
    if secret and not set(values["mechanism"] or ()) <= set(known):
        replaced.add("mechanism")
    return replaced


# The file


def _wrong(text: str) -> Failure:
    return Failure(text, Status.CONFIG)


def _read(path: str | None, parser: arguments.Parser) -> File:
    """Read a file. The default one may be missing."""
    where = path or default_path()
    try:
        loaded = _load(where)
    except OSError as error:
        if path is None and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return File(where, {}, [])
        raise _wrong(f"{where}: {reason(error)}") from None
    for name in sorted(loaded.keys() - {"account", "defaults"}):
        near = arguments.meant(name, ["account", "defaults"])
        raise _wrong(f"{where}: {name} is outside of [defaults] and [account.NAME]{near}")
    defaults = loaded.get("defaults", {})
    if not isinstance(defaults, dict):
        raise _wrong(f"{where}: defaults is not a table: write [defaults]")
    values = _values(defaults, f"{where}: [defaults]", where, parser, set())
    for name in _SECRETS:
        if _HOST not in (values.get(name) or _HOST):
            raise _wrong(
                f"{where}: [defaults]: {key(name)} would send one secret to all servers: write "
                f"it into each [account.NAME], or let the command depend on ${_HOST}"
            )
    return File(where, values, _entries(loaded.get("account", {}), where, parser))


def _load(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        about = os.fstat(file.fileno())
        if about.st_mode & stat.S_IWOTH:
            raise _wrong(
                f"{path}: the file is world-writable and can name commands: use chmod o-w"
            )
        if about.st_uid not in (0, os.geteuid()):
            raise _wrong(
                f"{path}: the file belongs to another user (uid {about.st_uid}) and can name "
                "commands: use a file of your own"
            )
        name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
        try:
            toml = importlib.import_module(name)
        except ImportError:
            raise _wrong(
                f"{path}: the file needs tomli on this Python: install poplib-c[cli]"
            ) from None
        try:
            loaded: dict[str, Any] = toml.load(file)
        except ValueError as error:
            raise _wrong(f"{path} is not TOML: {error}") from None
        return loaded


def _entries(tables: Any, path: str, parser: arguments.Parser) -> list[_Entry]:
    """Return the accounts of [account.NAME] tables, or of [[account]] ones without names."""
    if isinstance(tables, list):
        return [
            _entry("", f"{path}: account {number}", table, path, parser)
            for number, table in enumerate(tables, 1)
        ]
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise _wrong(f"{path}: [account] has no name: write [account.NAME]")
    for name in tables:
        if not name.isprintable() or name[:1] in ("", "-") or "://" in name:
            raise _wrong(f"{path}: {name!r} can't be the name of an account")
    return [
        _entry(name, f"{path}: [account.{name}]", table, path, parser)
        for name, table in tables.items()
    ]


def _entry(name: str, place: str, table: Any, path: str, parser: arguments.Parser) -> _Entry:
    if not isinstance(table, dict) or not isinstance(table.get("url"), str):
        raise _wrong(f'{place}: it has no url = "pop3s://USER@HOST"')
    given = {key: value for key, value in table.items() if key != "url"}
    return _Entry(name, place, table["url"], _values(given, place, path, parser, {*_FOR_ALL}))


def _values(
    table: Values, place: str, path: str, parser: arguments.Parser, refused: set[str]
) -> Values:
    """Check a table with the parser of the command line. refused: options for all accounts."""
    argv: list[str] = []
    off: Values = {}
    for key, value in table.items():
        action = parser._option_string_actions.get(f"--{key}")
        if action is None or action.dest in COMMAND_LINE_ONLY:
            known = (name[2:] for name in parser._option_string_actions if name[:2] == "--")
            near = arguments.meant(key, known)
            if key == "url":
                near = ": it belongs to an [account.NAME]"
            raise _wrong(f"{place}: {key} is not an option of the file{near}")
        if action.dest in refused:
            raise _wrong(f"{place}: {key} is for all accounts: write it into [defaults]")
        try:
            argv += _words(key, value, action)
        except ValueError as error:
            raise _wrong(f"{place}: {key} {error}") from None
        if value is False:
            off[action.dest] = False
    try:
        parsed = parser.parse_args(argv)
    except Failure as error:
        told = re.sub(r"\bargument (?:-\w/)?--([\w-]+)", r"\1", str(error))
        raise _wrong(f"{place}: {told.replace(' argument --', ' ')}") from None
    values = {**off, **{name: getattr(parsed, name) for name in parsed.given}}
    for name in values.keys() & arguments.PATHS:
        if values[name] != "-":  # standard output
            values[name] = os.path.join(os.path.dirname(os.path.abspath(path)), values[name])
    return values


def _words(key: str, value: Any, action: argparse.Action) -> list[str]:
    """Return the words of a command line that mean *key* = *value*."""
    if action.nargs == 0:
        if key == "verbose" and type(value) is int:
            return [f"--{key}"] * value
        if not isinstance(value, bool):
            raise ValueError("must be true or false, without quotes")
        if key == "keep" and not value:
            raise ValueError("must be true: the opposite is delete = true")
        return [f"--{key}"] * value
    values = value if isinstance(value, list) and key == "mechanism" else [value]
    if any(isinstance(each, bool) or not isinstance(each, (str, int, float)) for each in values):
        raise ValueError("must be a text or a number")
    return [f"--{key}={each}" for each in values]


def key(name: str) -> str:
    return name.replace("_", "-")
