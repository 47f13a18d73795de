"""Chooses and opens the destination of a mailbox."""

from __future__ import annotations

import argparse

from poplib_c._cli import arguments, command
from poplib_c._cli.account import Account
from poplib_c._cli.delivery import Box, Wait, open_box
from poplib_c._cli.failures import usage
from poplib_c._cli.job import Job

KINDS = arguments.DESTINATIONS[:4]
_PATIENCE = 10  # times the timeout: for a command


def choose(account: Account, options: argparse.Namespace) -> tuple[str, str]:
    """Return the kind and the path, command or server. Raises Failure if something is wrong.
    """
    given = [(kind, getattr(options, kind)) for kind in KINDS if getattr(options, kind)]
    if len(given) != 1:
        raise usage("no destination: give one of --maildir, --mbox, --eml, --pipe")
    kind, place = given[0]
    if kind == "pipe":
        command.split(place)
    return kind, place


def open_destination(job: Job, wait: Wait) -> Box:
    """Return the destination of a job. Creates a folder that is missing."""
    kind, place = job.destination
    options = job.options
    if kind == "pipe":
        return command.Command(place, job.account, _PATIENCE * options.timeout)
    return open_box(kind, place, wait)
