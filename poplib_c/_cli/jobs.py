"""Runs fetch: fetches mailboxes in threads."""

from __future__ import annotations

import argparse
import contextlib
import signal
from collections.abc import Iterator
from concurrent import futures
from types import FrameType

from poplib_c._cli import config, connection, destinations, dialing, progress, state
from poplib_c._cli.credentials import Credentials, check_shared, obtain
from poplib_c._cli.failures import Failure, Status, gravest, usage
from poplib_c._cli.fetching import fetch
from poplib_c._cli.job import Job, Outcome, Stop, Threads

_POLL = 0.1  # seconds


def run(options: argparse.Namespace, program: str) -> Status:
    """Fetch all mailboxes and return the gravest status. Raises Failure for wrong usage."""
    jobs = [job(mailbox) for mailbox in config.find(options)]
    mailboxes = len({each.account for each in jobs})
    check_shared(options, mailboxes)
    dialing.check_shared(each.options.proxy for each in jobs)
    for each in jobs:
        each.options.jobs = min(options.jobs, len(jobs))  # What a job may use depends on it.
        each.options.is_only = len(jobs) == 1
    to_stdout = any(each.destination == destinations.STANDARD_OUTPUT for each in jobs)
    if to_stdout:
        destinations.check_standard_output(options)
    with progress.started(program, options) as shown:
        if to_stdout:
            shown.has_stdout = False
        return _fetch_all(jobs, mailboxes, options.jobs, shown)


def _fetch_all(jobs: list[Job], mailboxes: int, most: int, shown: progress.Progress) -> Status:
    for told in dict.fromkeys(connection.warning(each.account, each.options) for each in jobs):
        if told:
            shown.warning(told)
    ready, outcomes = _with_credentials(jobs, mailboxes, shown)
    stop = Stop()
    with _signals(stop, shown), Threads(most) as pool:
        begun = [pool.submit(_fetch_one, *each, shown, stop) for each in ready]
        # A signal that another thread receives does not end this thread's wait, whose handler
        # it is for.
        while futures.wait(begun, _POLL).not_done:
            pass
        outcomes += [future.result() for future in begun]
    if len(jobs) > 1:
        shown.result(_total(outcomes))
    return gravest(*(outcome.status for outcome in outcomes))


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
            outcome = Outcome(str(job.account))
            outcome.fail(error)
            shown.error(outcome.label, str(error))
            shown.record(outcome.facts())
            outcomes.append(outcome)
    return ready, outcomes


def _fetch_one(
    job: Job, credentials: Credentials, shown: progress.Progress, stop: Stop
) -> Outcome:
    if stop.requested:
        outcome = Outcome(str(job.account))
        outcome.fail(interrupted := Failure("interrupted: nothing was done"))
        shown.error(outcome.label, str(interrupted))
    else:
        with shown.of(str(job.account)):
            outcome = fetch(job, credentials, shown, stop)
        if outcome.is_reached:
            shown.result(str(outcome))
    shown.record(outcome.facts())
    return outcome


def _total(outcomes: list[Outcome]) -> str:
    whole = Outcome(f"{len(outcomes)} mailboxes")
    for outcome in outcomes:
        for name in ("fetched", "octets", "deleted", "known", "left"):
            setattr(whole, name, getattr(whole, name) + getattr(outcome, name))
    if plans := [outcome.plan for outcome in outcomes if outcome.plan is not None]:
        count, octets, deleted = map(sum, zip(*plans))
        whole.plan = count, octets, deleted
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


def job(mailbox: config.Mailbox) -> Job:
    """Raises Failure if options contradict each other."""
    account, options = mailbox.account, mailbox.options
    with config.named_in_errors(mailbox.place):
        destination = destinations.choose(account, options, mailbox.name)
        if options.headers is not None and (options.delete or options.keep_days is not None):
            raise usage(
                "--headers contradicts --delete and --keep-days, which would delete what was not "
                "fetched"
            )
    config.check_connection(mailbox)
    if options.state is None:
        options.state = state.default_path()
    return Job(account, options, destination)
