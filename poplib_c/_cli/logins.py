"""Connects to one mailbox and logs in, as often as a run needs a session."""

from __future__ import annotations

import argparse
import contextlib
import math
import time
from collections.abc import Iterator

from poplib_c import POP3, error_proto
from poplib_c._cli import connection
from poplib_c._cli.account import Account
from poplib_c._cli.credentials import Credentials, authenticate
from poplib_c._cli.failures import Failure, Status, failure, is_refusal
from poplib_c._cli.job import Stop

_FIRST_PAUSE = 0.5  # seconds before the second login to a locked mailbox


class Logins:
    """The logins of one run, which share its deadline."""

    def __init__(
        self, account: Account, options: argparse.Namespace, credentials: Credentials, stop: Stop
    ) -> None:
        self._account = account
        self.options = options
        self._credentials = credentials
        self._stop = stop
        self._began = time.monotonic()
        self._is_again = False

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
            yield self._again(opened) if self._is_again else self._log_in(opened, self.options)

    def _again(self, opened: contextlib.ExitStack) -> POP3:
        until = time.monotonic() + min(self.options.timeout, self.remaining())
        pause = _FIRST_PAUSE
        while True:
            options = argparse.Namespace(**vars(self.options))
            if options.deadline:
                options.deadline = max(self.remaining(), 0.01)
            try:
                return self._log_in(opened, options)
            except (Failure, error_proto, OSError) as error:
                opened.close()
                is_late = time.monotonic() + pause > until
                if self._stop.aborted:
                    raise
                if is_late or not _may_be_locked(error) or self._stop.wait(pause):
                    raise _reconnecting(failure(error)) from None
            pause *= 2

    def _log_in(self, opened: contextlib.ExitStack, options: argparse.Namespace) -> POP3:
        connected = connection.connect(self._account, options)
        client = opened.enter_context(self._stop.closing(connected))
        authenticate(client, self._account, self._credentials, options)
        self._is_again = True
        return client


def _may_be_locked(error: Exception) -> bool:
    refusal = error.__context__ if isinstance(error, Failure) else error
    if not isinstance(refusal, error_proto) or not is_refusal(refusal):
        return False
    return refusal.temporary or refusal.code is None


def _reconnecting(told: Failure) -> Failure:
    is_refused = told.status is Status.AUTHENTICATION
    return Failure(f"connecting again: {told}", told.status if is_refused else Status.TEMPORARY)
