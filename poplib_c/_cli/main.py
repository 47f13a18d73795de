"""Runs a command: takes the arguments, returns the exit status."""

from __future__ import annotations

import argparse
import importlib
import json
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from poplib_c import error_proto
from poplib_c._cli import arguments, texts
from poplib_c._cli.config import Mailbox, check_connection, find
from poplib_c._cli.failures import Failure, Status, failure, gravest, usage

#: Modules whose run(options, program, write) returns the exit status.
_MODULES = {
    "completion": "completion",
    "config": "showing",
    "demo": "demo",
    "import-state": "import_state",
}


def main(argv: list[str], program: str, write: Callable[[str], object]) -> int:
    """Run a command and return the exit status."""
    if not argv:
        print(texts.BEGIN.format(prog=program), end="", file=sys.stderr)
        return Status.USAGE
    command = f"{program} {argv[0]}"
    try:
        return _run(arguments.parse(argv, program), program, write)
    except (Failure, error_proto, OSError, ValueError, sqlite3.Error) as error:
        told = failure(error)
        text = arguments.without_passwords(f"{command}: {told}")
        print(texts.printable(text), file=sys.stderr)
        if told.status is Status.USAGE:
            print(f"Try '{command} --help'.", file=sys.stderr)
        return told.status
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return Status.PARTIAL


def _run(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> int:
    if options.command == "fetch":
        from poplib_c._cli import jobs

        return jobs.run(options, program)
    if options.command == "run":
        raise usage("give a SCRIPT, or -m MODULE; --read-ahead takes 0 to 65535 messages")
    if options.command in _MODULES:
        module: Any = importlib.import_module(f"poplib_c._cli.{_MODULES[options.command]}")
        status: int = module.run(options, program, write)
        return status
    return _look(options, program, write)


def _look(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> Status:
    """Run check or list for each mailbox. With several, an error of one stops no other.

    The form depends on the arguments alone: with one TARGET there are no headings, and no list
    around the JSON.
    """
    from poplib_c._cli import connection, credentials, dialing

    is_one = len(options.targets) == 1
    mailboxes = find(options, needs_user=options.command == "list")
    count = len({mailbox.account for mailbox in mailboxes})
    credentials.check_shared(options, count)
    dialing.check_shared(each.options.proxy for each in mailboxes)
    for mailbox in mailboxes:
        check_connection(mailbox)
    warnings = (connection.warning(each.account, each.options) for each in mailboxes)
    for told in dict.fromkeys(warnings):
        if told:
            print(f"{program}: warning: {told}", file=sys.stderr)
    if is_one:
        note = _noting(program, options, f"{mailboxes[0].title}: ")
        try:
            return _look_into(mailboxes[0], options.command, count, write, note)
        except (Failure, error_proto, OSError, ValueError) as error:
            failed = failure(error)
            raise Failure(f"{mailboxes[0].title}: {failed}", failed.status) from None
    status, objects = Status.DONE, []
    for mailbox in mailboxes:
        note = _noting(program, options, f"{mailbox.title}: ")
        lines: list[str] = []
        if not options.json:
            write(f"{mailbox.title}:")
        told = None
        try:
            ended = _look_into(
                mailbox, options.command, count, lines.append if options.json else write, note
            )
        except (Failure, error_proto, OSError, ValueError) as error:
            failed = failure(error)
            ended, told = failed.status, str(failed)
            note(told)
        status = gravest(status, ended)
        if options.json:
            is_whole = bool(lines) and (told is None or options.command == "check")
            found = json.loads("\n".join(lines)) if is_whole else None
            more = {"messages": found} if options.command == "list" else found or {}
            about = {"account": mailbox.name or None, "url": mailbox.account.url, "error": told}
            objects.append({**about, **more})
        elif mailbox is not mailboxes[-1]:
            write("")
    if options.json:
        write(json.dumps(objects, indent=2))
    return status


def _noting(program: str, options: argparse.Namespace, label: str = "") -> Callable[[str], None]:
    def note(text: str) -> None:
        print(texts.printable(f"{program} {options.command}: {label}{text}"), file=sys.stderr)

    return note


def _look_into(
    mailbox: Mailbox,
    command: str,
    count: int,
    write: Callable[[str], object],
    note: Callable[[str], None],
) -> Status:
    """Run check or list for one of *count* mailboxes. *note* prints to standard error."""
    from poplib_c._cli import checking, credentials, job, listing, log, logins

    account, options = mailbox.account, mailbox.options
    with log.tracing(note, options.verbose):
        if command == "check":
            known = credentials.obtain(account, options, count) if account.user else None
            report = checking.check(account, options, known)
            write(json.dumps(report.facts, indent=2) if options.json else report.text())
            if report.error is not None:
                raise report.error
            return report.status
        known = credentials.obtain(account, options, count)
        found = listing.Listing(logins.Logins(account, options, known, job.Stop(), note))
        for line in listing.show(found, options):
            write(line)
        for text in found.notes:
            note(text)
        return found.status
