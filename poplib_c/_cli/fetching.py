"""Fetches one mailbox in as many sessions as needed, so that one bad message stops no other."""

from __future__ import annotations

import contextlib
import sqlite3

from poplib_c import error_proto
from poplib_c._cli import destinations
from poplib_c._cli.contents import is_uid
from poplib_c._cli.credentials import Credentials
from poplib_c._cli.delivery import Wait
from poplib_c._cli.failures import (
    Failure,
    OutOfStep,
    Status,
    ending,
    failure,
    is_out_of_step,
    undecided,
)
from poplib_c._cli.job import Job, Outcome, Stop, messages
from poplib_c._cli.logins import Logins
from poplib_c._cli.progress import Progress
from poplib_c._cli.run import PATIENCE, SELDOM, Run
from poplib_c._cli.session import Session
from poplib_c._cli.state import State

_MOST_SESSIONS = 50
_MOST_IDLE = 3  # sessions in a row without progress
_MOST_CONFUSED = 3  # sessions that were out of step
_MOST_UNDECIDED = 3  # messages with an uncertain end, before pipelining is given up


def fetch(job: Job, credentials: Credentials, progress: Progress, stop: Stop) -> Outcome:
    """Fetch a mailbox. Errors are printed, and are in the outcome's status."""
    outcome = Outcome(str(job.account))
    bar = progress.bar(outcome.label)
    try:
        with contextlib.ExitStack() as opened:
            opened.callback(bar.close)

            def note(text: str) -> None:
                progress.note(outcome.label, text)

            wait = Wait(job.options.timeout, note, lambda: stop.requested)
            dry = job.options.dry_run
            box = None if dry else destinations.open_destination(job, wait)
            if box is not None:
                opened.callback(box.close)
                opened.enter_context(stop.at_abort(box.abort))
            open_state = State.copy if dry else State
            state = opened.enter_context(open_state(job.options.state, _key(job)))
            run = Run(job.account, job.options, box, state, outcome, bar, progress, stop)
            logins = Logins(job.account, job.options, credentials, stop, note)
            _Mailbox(logins, run).fetch()
    except (
        *(Failure, error_proto, OSError, ValueError, AttributeError, sqlite3.Error, MemoryError),
    ) as error:
        if isinstance(error, AttributeError) and not stop.aborted:
            raise  # Commands raise it only on a connection that abort() has closed.
        told = Failure("interrupted") if stop.aborted else failure(error)
        outcome.fail(told)
        progress.error(outcome.label, str(told))
    return outcome


def _key(job: Job) -> str:
    """Return the account's name in the state. Runs with --headers have a record of their own."""
    return job.account.key + ("" if job.options.headers is None else "#headers")


class _Mailbox:
    """The sessions of one run.

    A message that has ended a session is tried last, when no deletion waits for QUIT.
    """

    def __init__(self, logins: Logins, run: Run) -> None:
        self._logins = logins
        self._run = run
        self._stop = run.stop
        self._idle = self._confused = self._undecided = 0
        # Numbers change when others are deleted.
        self._names: dict[bytes, tuple[str, dict[str, object]]] = {}

    def fetch(self) -> None:
        try:
            while self._session():
                pass
        finally:
            if not self._stop.aborted:
                self._tell()
            self._run.outcome.left = len(self._run.left)
            self._run.outcome.is_reached = self._run.sessions > 0

    def _session(self) -> bool:
        """Run one session. Return whether another one has something to do."""
        session = None
        advanced = self._run.advanced
        try:
            with self._logins.connected() as client:
                session = Session(self._run, client)
                with session.deliveries:
                    return session.work()
        except (error_proto, OSError, OutOfStep) as error:
            if session is None or self._stop.aborted:
                raise
            self._learn(session, error)
            if self._stop.requested:
                raise
            is_idle = self._run.advanced == advanced and not session.fresh
            self._idle = self._idle + 1 if is_idle else 0
            if self._idle == _MOST_IDLE - 1:
                self._run.pipelining = False  # The server may not cope with it.
            left = {session.keys[number] for number in session.unfinished} - self._run.tried
            if session.phase != "TOP" and not left:
                return False
            if self._idle == _MOST_IDLE or self._run.sessions == _MOST_SESSIONS:
                raise Failure(
                    f"too many sessions have failed: {messages(len(left))} left for the next run",
                    Status.TEMPORARY,
                ) from None
            if self._logins.remaining() == 0:
                raise
            return True

    # What to learn from the end of a session

    def _learn(self, session: Session, error: Exception) -> None:
        """Decide what the next session does otherwise. Raises *error* if nothing can help."""
        run, at = self._run, session.at
        key = session.keys.get(undecided(error) or 0)
        if key is not None and self._undecided < 2 * _MOST_UNDECIDED:
            self._undecided += 1
            run.pipelining = self._undecided < _MOST_UNDECIDED
            session.trust()
            run.alone.add(key)
        elif is_out_of_step(error):
            # After a message whose rest was left unread, a new connection is enough.
            if session.dropped is None:
                self._learn_out_of_step(session, error)
        elif session.contents.asking is not None:
            run.unproved.add(session.contents.asking)
        elif at is not None:
            self._blame(session, at, error)
        else:
            raise error

    def _learn_out_of_step(self, session: Session, error: Exception) -> None:
        """Fetch the messages since the last certain point again, alone."""
        run, at = self._run, session.at
        doubtful = session.take_back(session.fresh)
        if at is not None:
            if session.keys[at] in run.alone:
                self._blame(session, at, error)
                return
            doubtful.add(session.keys[at])
        self._confused += 1
        run.pipelining = self._confused < 2
        run.has_top = session.phase != "TOP" or run.pipelining
        run.alone |= doubtful
        if self._confused > _MOST_CONFUSED or not (doubtful or session.phase == "TOP"):
            raise error

    def _blame(self, session: Session, number: int, error: Exception) -> None:
        """Record that a message ended the session."""
        run, key = self._run, session.keys[number]
        if session.phase == "TOP" and key not in run.unverified:
            run.unverified.add(key)
            return
        if key in run.state.troubled():
            run.tried.add(key)
        if key not in run.why:
            run.state.trouble(key)
        what = " is not deleted" if session.phase == "DELE" else ""
        named = session.contents.name(number), session.facts(number)
        name, _ = self._names.setdefault(key, named)
        run.why[key] = f"{name}{what}: {ending(error)}"

    def _tell(self) -> None:
        """Name the messages that have ended sessions and are not done."""
        run = self._run
        runs = run.state.troubled()
        for key, told in run.why.items():
            if runs.get(key, 0) >= PATIENCE:
                told += f", in {runs[key]} runs; tried in every {SELDOM}th run from now on"
            elif is_uid(key):
                told += "; fetched last from now on"
            run.fail(Failure(told), self._names[key][1])
