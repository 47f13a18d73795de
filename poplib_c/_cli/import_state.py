"""Takes over what other programs have fetched: mpop, getmail6 and fetchmail."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from poplib_c import POP3_PORT, POP3_SSL_PORT
from poplib_c._cli import config, state
from poplib_c._cli.account import Account
from poplib_c._cli.failures import Failure, Status, reason, usage
from poplib_c._cli.job import messages
from poplib_c._cli.texts import printable

_OLDMAIL = re.compile(r"oldmail-(.+)-(\d{1,5})-(.+)")


class _Fetched(NamedTuple):
    """A fetched message. port: None if unknown. since: when it was fetched, or None."""

    host: str
    port: int | None
    user: str
    uid: bytes
    since: int | None = None


def run(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> Status:
    """Run import-state, and return the exit status."""
    mailboxes = _mailboxes(options)
    path = options.state or state.default_path()
    found: dict[tuple[Account, str], dict[bytes, int | None]] = {}
    for file in options.files:
        for each in _read(options.format, file):
            for place in _places(each, mailboxes, path, chosen=options.mailbox is not None):
                found.setdefault(place, {})[each.uid] = each.since
    if not found:
        raise Failure(f"{options.files[0]}: the file names no fetched message", Status.PARTIAL)
    for (account, path), uids in found.items():
        with state.State(path, account.key) as opened:
            opened.take_over(uids)
        told = f"{account.url}: {messages(len(uids))} will not be fetched again"
        if mailboxes and (account, path) not in mailboxes:
            told += " (no account of the configuration has this mailbox: see --mailbox)"
        write(printable(told))
    return Status.DONE


def _mailboxes(options: argparse.Namespace) -> list[tuple[Account, str]]:
    """Return the mailbox of --mailbox, or those of the configuration file, if there is one.

    Each comes with the file of its state.
    """
    options.targets = [options.mailbox] if options.mailbox else []
    is_there = options.config or os.path.exists(config.default_path())
    if not (options.mailbox or is_there):
        return []
    return [
        (mailbox.account, mailbox.options.state or state.default_path())
        for mailbox in config.find(options)
    ]


def _places(
    each: _Fetched, mailboxes: list[tuple[Account, str]], path: str, chosen: bool
) -> list[tuple[Account, str]]:
    """Return the mailboxes that a message belongs to, with the files of their states.

    path: the state of mailboxes that the configuration does not have. If nothing names the port,
    these are the mailboxes of both standard ports.
    """
    if chosen:
        return mailboxes
    host = each.host.lower()
    same = [
        (account, file)
        for account, file in mailboxes
        if account.user == each.user
        and account.host.lower() == host
        and each.port in (None, account.port)
    ]
    ports = [POP3_SSL_PORT, POP3_PORT] if each.port is None else [each.port]
    return same or [
        (Account(port == POP3_SSL_PORT, each.host, port, each.user), path) for port in ports
    ]


def _read(kind: str, path: str) -> Iterator[_Fetched]:
    read = {"mpop": _mpop, "getmail": _getmail, "fetchmail": _fetchmail}[kind]
    try:
        with open(path, "rb") as file:
            lines = [line.rstrip(b"\r\n") for line in file]
    except OSError as error:
        raise usage(f"{path}: {reason(error)}") from None
    try:
        yield from read(lines, os.path.basename(path))
    except ValueError:
        raise usage(f"{path} is not a file of {kind} that lists fetched messages") from None


def _mpop(lines: Iterable[bytes], name: str) -> Iterator[_Fetched]:
    """Read an uidls_file: " COUNT HOST USER", and so many lines with an id each."""
    host = user = ""
    count = 0
    for line in lines:
        if count:
            count -= 1
            yield _Fetched(host, None, user, line)
        elif line.startswith(b" "):
            number, host, user = os.fsdecode(line[1:]).split(" ", 2)
            count = int(number)
        elif line and not line.startswith(b"#"):
            raise ValueError(line)


def _getmail(lines: Iterable[bytes], name: str) -> Iterator[_Fetched]:
    """Read an oldmail-HOST-PORT-USER: an id, NUL, and a time in each line."""
    match = _OLDMAIL.fullmatch(name)
    if match is None:
        raise ValueError(name)
    host, port, user = match[1], int(match[2]), match[3]
    for line in lines:
        if line:
            uid, time = line.split(b"\0")
            yield _Fetched(host, port, user, uid, int(time))


def _fetchmail(lines: Iterable[bytes], name: str) -> Iterator[_Fetched]:
    """Read a .fetchids: "USER@HOST ID" in each line."""
    for line in lines:
        if line:
            place, uid = line.rsplit(b" ", 1)
            user, at, host = os.fsdecode(place).rpartition("@")
            if not (at and uid):
                raise ValueError(line)
            yield _Fetched(host, None, user, uid)
