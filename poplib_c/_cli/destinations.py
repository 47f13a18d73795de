"""Chooses and opens the destination of a mailbox."""

from __future__ import annotations

import argparse

from poplib_c._cli import arguments, command, transfer
from poplib_c._cli.account import Account
from poplib_c._cli.delivery import Box, Wait, open_box
from poplib_c._cli.failures import usage
from poplib_c._cli.job import Job

KINDS = arguments.DESTINATIONS
_PATIENCE = 10  # times the timeout: for a command


def choose(account: Account, options: argparse.Namespace) -> tuple[str, str]:
    """Return the kind and the path, command or server. Raises Failure if something is wrong.
    """
    given = [(kind, getattr(options, kind)) for kind in KINDS if getattr(options, kind)]
    if len(given) != 1:
        raise usage("no destination: give one of --maildir, --mbox, --eml, --pipe, --lmtp, --smtp")
    kind, place = given[0]
    if options.recipient is not None and kind not in ("lmtp", "smtp"):
        raise usage("--recipient is for --lmtp and --smtp")
    if kind == "pipe":
        command.split(place)
    elif kind in ("lmtp", "smtp"):
        transfer.split(kind, place)
        transfer.recipient(kind, options.recipient, account.user)
    return kind, place


def open_destination(job: Job, wait: Wait) -> Box:
    """Return the destination of a job. Creates a folder that is missing, connects to a server."""
    kind, place = job.destination
    options = job.options
    if kind == "pipe":
        return command.Command(place, job.account, _PATIENCE * options.timeout)
    if kind in ("lmtp", "smtp"):
        recipient = transfer.recipient(kind, options.recipient, job.account.user)
        return transfer.Transfer(kind, place, recipient, options.timeout)
    return open_box(kind, place, wait)
