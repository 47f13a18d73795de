"""Takes the mailboxes of a run from URLs and an accounts file, and fetches them in threads."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import os
import signal
import stat
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from poplib_c._cli import arguments, connection, destinations, progress, state
from poplib_c._cli.account import parse
from poplib_c._cli.credentials import Credentials, check_shared, obtain
from poplib_c._cli.failures import Failure, Status, reason, usage
from poplib_c._cli.fetching import fetch
from poplib_c._cli.job import Job, Outcome, Stop, Threads

_NUMBERS = ("max_size", "max_listing", "headers", "timeout", "deadline")
_COMMANDS = ("password-command", "oauth2-token-command")
_NOT_PER_ACCOUNT = {
    *("accounts", "config", "jobs", "quiet", "verbose", "log", "syslog", "json", "dry_run"),
    *("targets", "command"),
}
_ELSEWHERE = {
    **dict.fromkeys(("jobs", "quiet", "log"), "; it goes on the command line"),
    "keep": "; write delete = false",
}


def run(options: argparse.Namespace, program: str) -> Status:
    """Fetch all mailboxes and return the highest status. Raises Failure for wrong usage."""
    jobs = [_job(url, options) for url in options.targets]
    if options.accounts:
        jobs += _from_file(options.accounts, options)
    if not jobs:
        raise usage("no mailbox: give a URL such as pop3s://USER@HOST, or --accounts FILE")
    mailboxes = len({job.account for job in jobs})
    check_shared(options, mailboxes)
    for job in jobs:
        job.options.jobs = min(options.jobs, len(jobs))  # What a job may use depends on it.
        job.options.is_only = len(jobs) == 1
    shown = progress.start(program, options.quiet)
    shown.has_stdout = all(job.destination != destinations.STANDARD_OUTPUT for job in jobs)
    for told in dict.fromkeys(connection.warning(job.account, job.options) for job in jobs):
        if told:
            shown.error("warning", told)
    ready, outcomes = _with_credentials(jobs, mailboxes, shown)
    stop = Stop()
    with _signals(stop, shown), Threads(options.jobs) as pool:
        futures = [pool.submit(_fetch_one, *each, shown, stop) for each in ready]
        outcomes += [future.result() for future in futures]
    if len(jobs) > 1:
        shown.result(_total(outcomes))
    return max(outcome.status for outcome in outcomes)


def _with_credentials(
    jobs: list[Job], mailboxes: int, shown: progress.Progress
) -> tuple[list[tuple[Job, Credentials]], list[Outcome]]:
    """Find all passwords before any work, because a prompt can't share the terminal.

    Returns the jobs that have credentials, and the outcomes of the others.
    """
    ready, outcomes = [], []
    for job in jobs:
        try:
            ready.append((job, obtain(job.account, job.options, mailboxes)))
        except Failure as error:
            shown.error(str(job.account), str(error))
            outcomes.append(Outcome(str(job.account), error.status))
    return ready, outcomes


def _fetch_one(
    job: Job, credentials: Credentials, shown: progress.Progress, stop: Stop
) -> Outcome:
    if stop.requested:
        outcome = Outcome(str(job.account), Status.PARTIAL)
        shown.error(outcome.label, "interrupted: nothing was done")
    else:
        outcome = fetch(job, credentials, shown, stop)
        shown.result(str(outcome))
    return outcome


def _total(outcomes: list[Outcome]) -> str:
    whole = Outcome(f"{len(outcomes)} mailboxes")
    for outcome in outcomes:
        for name in ("fetched", "octets", "deleted", "known", "left"):
            setattr(whole, name, getattr(whole, name) + getattr(outcome, name))
    failed = sum(outcome.status is not Status.DONE for outcome in outcomes)
    return f"{whole}; {failed or 'none'} failed"


@contextlib.contextmanager
def _signals(stop: Stop, shown: progress.Progress) -> Iterator[None]:
    """Stop after the current message at the first signal, at once at the second; a third kills."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP

    def handle(number: int, frame: FrameType | None) -> None:
        again = stop.requested
        stop.request()  # Before the message, whose reader may send the next signal.
        if not again:
            shown.from_handler("finishing the current message; press Ctrl-C again to stop now")
            return
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        stop.abort()

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        # A shell ignores SIGINT for background jobs, nohup SIGHUP: that stays.
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])


# The accounts file


def _job(url: str, options: argparse.Namespace) -> Job:
    account = parse(url, needs_user=True)
    destination = destinations.choose(account, options, None)
    if options.headers is not None and options.delete:
        raise usage("--headers contradicts --delete, which would delete what was not fetched")
    connection.check_policy(account, options)
    if options.state is None:
        options.state = state.default_path()
    return Job(account, options, destination)


def _from_file(path: str, options: argparse.Namespace) -> list[Job]:
    loaded = _read(path)
    for name in sorted(loaded.keys() - {"account"}):
        meant = _meant(name, ["account"]) or "; options for all mailboxes go on the command line"
        raise usage(f"{path}: {name} is outside of [[account]]{meant}")
    tables = loaded.get("account")
    if not isinstance(tables, list) or not tables:
        raise usage(f"{path}: no [[account]] table")
    jobs = []
    for number, table in enumerate(tables, 1):
        try:
            jobs.append(_from_table(table, options, os.path.dirname(os.path.abspath(path))))
        except Failure as error:
            raise usage(f"{path}: account {number}: {error}") from None
    return jobs


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f": did you mean {near[0]}?" if near else ""


def _read(path: str) -> dict[str, Any]:
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    try:
        toml = importlib.import_module(name)
    except ImportError:
        raise usage("--accounts needs tomli on this Python: install poplib-c[cli]") from None
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
                raise usage(
                    f"{path}: the file is world-writable and can name commands: use chmod o-w"
                )
            loaded: dict[str, Any] = toml.load(file)
            return loaded
    except OSError as error:
        raise usage(f"{path}: {reason(error)}") from None
    except ValueError as error:
        raise usage(f"{path} is not TOML: {error}") from None


def _from_table(table: Any, options: argparse.Namespace, directory: str) -> Job:
    if not isinstance(table, dict) or not isinstance(table.get("url"), str):
        raise usage('it has no url = "pop3s://USER@HOST"')
    given = argparse.Namespace(**vars(options))
    if any(kind in table for kind in destinations.KINDS):
        for kind in destinations.KINDS:
            setattr(given, kind, None)
    if all(key in table for key in _COMMANDS):
        raise usage(f"{_COMMANDS[0]} contradicts {_COMMANDS[1]}")
    if any(key in table for key in (*_COMMANDS, "mechanism")):
        given.mechanism = None
    if any(key in table for key in _COMMANDS):
        given.password_command = given.oauth2_token_command = None
    known = {name.replace("_", "-") for name in vars(options).keys() - _NOT_PER_ACCOUNT}
    for key, value in table.items():
        if key != "url":
            if key not in known:
                meant = _ELSEWHERE.get(key) or _meant(key, sorted(known))
                raise usage(f"{key} is no option of a mailbox{meant}")
            name = key.replace("-", "_")
            if isinstance(getattr(options, name), bool):
                setattr(given, name, _flag(key, value))
            elif key == "mechanism" and isinstance(value, list):
                setattr(given, name, [_value(key, each, directory)[0] for each in value])
            else:
                setattr(given, name, _value(key, value, directory))
    return _job(table["url"], given)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise usage(f"{key} must be true or false, without quotes")
    return value


def _value(key: str, value: Any, directory: str) -> Any:
    """Check an option with the parser of the command line."""
    name = key.replace("-", "_")
    numbers = (int, float) if name in _NUMBERS else ()
    if isinstance(value, bool) or not isinstance(value, (str, *numbers)):
        raise usage(f"{key} must be {'a number or a text' if numbers else 'a text'}")
    parsed = getattr(arguments.option(f"--{key}", str(value)), name)
    return os.path.join(directory, parsed) if key in arguments.PATHS else parsed
