"""What the sessions of one run with a mailbox share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from poplib_c._cli.delivery import Box
from poplib_c._cli.failures import Failure
from poplib_c._cli.job import Outcome, Stop
from poplib_c._cli.progress import Bar, Progress
from poplib_c._cli.state import State

# A message that has ended sessions in PATIENCE runs is tried in every SELDOM-th run only.
PATIENCE, SELDOM = 3, 10


class Run:
    """Messages are known by their keys, as numbers change from session to session."""

    def __init__(
        self,
        options: argparse.Namespace,
        box: Box,
        state: State,
        outcome: Outcome,
        bar: Bar,
        progress: Progress,
        stop: Stop,
    ) -> None:
        self.options = options
        self.box = box
        self.state = state
        self.outcome = outcome
        self.bar = bar
        self.progress = progress
        self.stop = stop
        self.sessions = 0
        self.is_shown = False
        self.advanced = 0  # messages that were delivered for certain, or deleted
        self.left: set[int] = set()  # numbers of the last session
        self.delivered: dict[bytes, int] = {}  # in this run, with their octets
        self.pipelining = True
        self.alone: set[bytes] = set()  # asked for one at a time, with a certain point after each
        self.has_top = True
        self.unproved: set[str] = set()  # commands for certain points that have ended a session
        self.unverified: set[bytes] = set()  # whose TOP has ended a session
        self.why: dict[bytes, str] = {}  # what has ended a session, and how
        self.tried: set[bytes] = set()  # last, and in vain
        self.refused: set[bytes] = set()  # as the server or the options say, and told

    def doubt(self, keys: Iterable[bytes]) -> None:
        """Stop counting messages that may have been others."""
        taken = [self.delivered.pop(key) for key in keys if key in self.delivered]
        self.outcome.fetched -= len(taken)
        self.outcome.octets -= sum(taken)

    def fail(self, error: Failure) -> None:
        self.outcome.status = max(self.outcome.status, error.status)
        self.progress.error(self.outcome.label, str(error))
