"""Chooses and opens the destination of a mailbox."""

from __future__ import annotations

import argparse
import re
import sys

from poplib_c._cli import arguments, command, transfer
from poplib_c._cli.account import Account
from poplib_c._cli.delivery import Box, Eml, Maildir, Wait
from poplib_c._cli.failures import Failure, usage
from poplib_c._cli.job import Job
from poplib_c._cli.mbox import Mbox, StandardOutput

KINDS = arguments.DESTINATIONS
STANDARD_OUTPUT = "mbox", "-"
_FIELD = re.compile(r"\{(account|user|host)\}")
_UNSAFE = re.compile(r"^\.|^-$|[/%\0]")
_PATIENCE = 10  # times the timeout: for a command
_PATIENT = Wait()


def choose(account: Account, options: argparse.Namespace, name: str) -> tuple[str, str]:
    """Return the kind and the path, command or server. Raises Failure if something is wrong.

    name: the account's in the configuration, or empty.
    """
    given = [(kind, getattr(options, kind)) for kind in KINDS if getattr(options, kind)]
    if len(given) != 1:
        raise usage(f"no destination: give one of --{', --'.join(KINDS)}")
    kind, place = given[0]
    if kind == "pipe":
        command.split(place)
    elif kind in ("lmtp", "smtp"):
        transfer.split(kind, place)
        transfer.recipient(kind, options.recipient, account.user)
    elif given[0] != STANDARD_OUTPUT:
        place = _filled(place, account, name)
    return kind, place


def check_standard_output(options: argparse.Namespace) -> None:
    """Raise Failure if mail can't go to standard output."""
    if options.json:
        raise usage("--json contradicts --mbox -: both write to standard output")
    if sys.stdout is None or sys.stdout.isatty():
        raise usage("--mbox - writes mail, which could control a terminal: use a pipe or a file")


def _filled(path: str, account: Account, name: str) -> str:
    """Put the account into a path. Its parts become no more than one name each."""
    values = {
        "account": name or f"{account.user}@{account.host}",
        "user": account.user,
        "host": account.host,
    }
    return _FIELD.sub(lambda match: _UNSAFE.sub(_escaped, values[match[1]]), path)


def _escaped(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def open_destination(job: Job, wait: Wait) -> Box:
    """Return the destination of a job. Creates a folder that is missing, connects to a server."""
    kind, place = job.destination
    options = job.options
    if kind == "pipe":
        return command.Command(place, job.account, _PATIENCE * options.timeout)
    if kind in ("lmtp", "smtp"):
        recipient = transfer.recipient(kind, options.recipient, job.account.user)
        return transfer.Transfer(kind, place, recipient, options.timeout)
    if job.destination == STANDARD_OUTPUT:
        return StandardOutput(options.is_only)
    return open_box(kind, place, wait)


def open_box(kind: str, path: str, wait: Wait = _PATIENT) -> Box:
    """Return a destination that keeps messages. Creates it if it is missing.

    Raises Failure for the other kinds.
    """
    if kind == "mbox":
        return Mbox(path, wait)
    if kind not in ("maildir", "eml"):
        raise Failure(f"{kind} keeps no messages")
    return Maildir(path) if kind == "maildir" else Eml(path)
