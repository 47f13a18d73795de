"""What the sessions of one run with a mailbox share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field

from poplib_c._cli.delivery import Box
from poplib_c._cli.failures import Failure
from poplib_c._cli.job import Outcome, Stop
from poplib_c._cli.progress import Bar, Progress
from poplib_c._cli.state import State

# A message that has ended sessions in PATIENCE runs is tried in every SELDOM-th run only.
PATIENCE, SELDOM = 3, 10


@dataclass
class Run:
    """Messages are known by their keys, because numbers change from session to session."""

    options: argparse.Namespace
    box: Box
    state: State
    outcome: Outcome
    bar: Bar
    progress: Progress
    stop: Stop
    sessions: int = 0
    is_shown: bool = False
    advanced: int = 0  # messages that were delivered for certain, or deleted
    left: set[int] = field(default_factory=set)  # numbers of the last session
    delivered: dict[bytes, int] = field(default_factory=dict)  # in this run, with their octets
    pipelining: bool = True
    alone: set[bytes] = field(
        default_factory=set
    )  # fetched one at a time, with a certain point after each
    has_top: bool = True
    unproved: set[str] = field(
        default_factory=set
    )  # commands for certain points that have ended a session
    unverified: set[bytes] = field(default_factory=set)  # messages whose TOP has ended a session
    why: dict[bytes, str] = field(default_factory=dict)  # how a message has ended a session
    tried: set[bytes] = field(
        default_factory=set
    )  # messages that were tried last, and failed again
    refused: set[bytes] = field(
        default_factory=set
    )  # messages that the run leaves; it has said why

    def doubt(self, keys: Iterable[bytes]) -> None:
        """Stop counting messages that may have been others."""
        taken = [self.delivered.pop(key) for key in keys if key in self.delivered]
        self.outcome.fetched -= len(taken)
        self.outcome.octets -= sum(taken)

    def fail(self, error: Failure) -> None:
        self.outcome.status = max(self.outcome.status, error.status)
        self.progress.error(self.outcome.label, str(error))
