"""Runs fetch, check and list: takes the arguments, returns the exit status."""

from __future__ import annotations

import argparse
import importlib
import json
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from poplib_c import error_proto
from poplib_c._cli import arguments
from poplib_c._cli.account import parse
from poplib_c._cli.failures import Failure, Status, failure, usage
from poplib_c._cli.texts import printable

#: Modules whose run(options, program, write) returns the exit status.
_OTHERS = {"completion": "completion", "config": "config", "import-state": "import_state"}


def main(argv: list[str], program: str, write: Callable[[str], object]) -> int:
    """Run ``fetch``, ``check`` or ``list`` and return the exit status."""
    command = f"{program} {argv[0]}"
    try:
        options = arguments.parser(program).parse_args(argv)
        if options.command == "fetch":
            from poplib_c._cli import jobs

            return jobs.run(options, program)
        if options.command in _OTHERS:
            module: Any = importlib.import_module(f"poplib_c._cli.{_OTHERS[options.command]}")
            status: int = module.run(options, program, write)
            return status
        return _ask(options, program, write)
    except (Failure, error_proto, OSError, ValueError, sqlite3.Error) as error:
        told = failure(error)
        print(printable(f"{command}: {told}"), file=sys.stderr)
        return told.status
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return Status.PARTIAL


def _ask(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> int:
    from poplib_c._cli import checking, connection, credentials, job, listing, log, logins

    if len(options.targets) != 1:
        raise usage("give the URL of one mailbox")
    account = parse(options.targets[0], needs_user=options.command == "list")
    connection.check_policy(account, options)
    warning = connection.warning(account, options)
    if warning:
        print(f"{program}: warning: {warning}", file=sys.stderr)

    def note(text: str) -> None:
        print(printable(f"{program} {options.command}: {text}"), file=sys.stderr)

    with log.tracing(note, options.verbose):
        if options.command == "check":
            known = credentials.obtain(account, options) if account.user else None
            report = checking.check(account, options, known)
            write(json.dumps(report.facts, indent=2) if options.json else report.text())
            return report.status
        known = credentials.obtain(account, options)
        found = listing.Listing(logins.Logins(account, options, known, job.Stop(), note))
        for line in listing.show(found, options):
            write(line)
        for text in found.notes:
            note(text)
        return found.status
