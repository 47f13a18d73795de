"""Connects to one mailbox and logs in, as often as a run needs a session."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Callable, Iterator

from poplib_c import POP3, error_proto
from poplib_c._cli import connection
from poplib_c._cli.account import Account
from poplib_c._cli.credentials import Credentials, authenticate
from poplib_c._cli.failures import CapaFailure, Failure, Status, failure, is_refusal, reason
from poplib_c._cli.job import Stop
from poplib_c._policy import History

_FIRST_PAUSE = 0.5  # seconds before the second login to a locked mailbox


class Logins:
    """The logins of one run, which share its deadline."""

    def __init__(
        self,
        account: Account,
        options: argparse.Namespace,
        credentials: Credentials,
        stop: Stop,
        note: Callable[[str], None],
    ) -> None:
        """note: prints what is no error."""
        self._account = account
        self.options = options
        self._credentials = credentials
        self._stop = stop
        self._note = note
        self._began = time.monotonic()
        self._is_again = False
        self._has_logged_in = False
        self._history = History()
        self._has_capa = True

    def remaining(self) -> float:
        """Return the seconds until the deadline."""
        deadline = self.options.deadline or math.inf
        return float(max(self._began + deadline - time.monotonic(), 0))

    @contextlib.contextmanager
    def connected(self) -> Iterator[POP3]:
        """Connect and log in; close the connection when the block ends.

        After a connection is lost, a server may keep the mailbox locked for a while. So if the
        server refuses a later login of a run, the login is repeated until the timeout.
        """
        with contextlib.ExitStack() as opened:
            yield self._again(opened) if self._has_logged_in else self._log_in(opened)

    def _again(self, opened: contextlib.ExitStack) -> POP3:
        until = time.monotonic() + min(self.options.timeout, self.remaining())
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._log_in_once(opened)
            except (Failure, error_proto, OSError) as error:
                opened.close()
                if self._stop.aborted:
                    raise
                refusal = error.__context__ if isinstance(error, Failure) else error
                is_late = time.monotonic() + pause > until
                may_be_locked = _may_be_locked(refusal) and not self._history.is_over
                if is_late or not may_be_locked or self._stop.wait(pause):
                    raise _reconnecting(failure(error)) from None
                # The server may count a refusal without a code as a wrong password.
                pause *= 2 if getattr(refusal, "temporary", False) else 8

    def _log_in(self, opened: contextlib.ExitStack) -> POP3:
        """Log in, on as many connections as it takes: a server may close them to refuse."""
        while True:
            known = len(self._history.tried)
            try:
                return self._log_in_once(opened)
            except CapaFailure as error:
                if not self._has_capa or self._stop.requested:
                    raise
                self._has_capa = False
                self._note(f"{error}: connecting again, without CAPA")
            except (error_proto, OSError) as error:
                tried = self._history.tried[known:]
                if not tried or self._history.is_over or self._stop.requested:
                    raise
                self._note(f"{reason(error)}: connecting again, without {tried[-1][0]}")
            opened.close()

    def _log_in_once(self, opened: contextlib.ExitStack) -> POP3:
        options = argparse.Namespace(**vars(self.options))
        if options.deadline and self._is_again:
            options.deadline = max(self.remaining(), 0.01)
        self._is_again = True
        connected = connection.connect(self._account, options, has_capa=self._has_capa)
        opened.enter_context(self._stop.closing(connected))
        authenticate(connected, self._account, self._credentials, options, self._history)
        self._has_logged_in = True
        accepted, before = self._history.accepted, self._history.before
        self._history.before = []
        # The other forms of the accepted mechanism are tried first, also if it is named.
        refused = [name for name, _ in before if accepted and name.split()[0] != accepted.name]
        if accepted and refused:
            self._note(
                f"the server refused {', '.join(refused)} and accepted {accepted}: --mechanism "
                f"{accepted.name} avoids these refusals, which may count as wrong passwords"
            )
        return connected


def _may_be_locked(refusal: BaseException | None) -> bool:
    if not isinstance(refusal, error_proto) or not is_refusal(refusal):
        return False
    return refusal.temporary or refusal.code is None


def _reconnecting(told: Failure) -> Failure:
    is_refused = told.status is Status.AUTHENTICATION
    return Failure(f"connecting again: {told}", told.status if is_refused else Status.TEMPORARY)
