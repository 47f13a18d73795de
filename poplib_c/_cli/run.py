"""The state that the sessions of one run with a mailbox share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from poplib_c._cli.account import Account
from poplib_c._cli.delivery import Box
from poplib_c._cli.failures import Failure
from poplib_c._cli.job import Outcome, Stop
from poplib_c._cli.progress import Bar, Progress
from poplib_c._cli.state import State

# After a message has ended sessions in PATIENCE runs, only every SELDOM-th run tries it.
PATIENCE, SELDOM = 3, 10


@dataclass
class Run:
    """Messages are known by their keys, because numbers change from session to session.

    box: None in a dry run. is_shown: the bar has started. advanced: count of messages known to be
    delivered, or deleted. left: messages still to fetch, by their numbers in the last session.
    delivered: octets of the messages of this run. alone: messages fetched one at a time, with a
    certain point after each. unproved: commands for certain points that have ended a session.
    unverified: messages whose TOP has ended a session. why: how a message has ended a session.
    tried: messages that were tried last, and failed again. refused: messages that the run has
    given up, and has said why.
    """

    account: Account
    options: argparse.Namespace
    box: Box | None
    state: State
    outcome: Outcome
    bar: Bar
    progress: Progress
    stop: Stop
    sessions: int = 0
    is_shown: bool = False
    advanced: int = 0
    left: set[int] = field(default_factory=set)
    delivered: dict[bytes, int] = field(default_factory=dict)
    pipelining: bool = True
    alone: set[bytes] = field(default_factory=set)
    has_top: bool = True
    unproved: set[str] = field(default_factory=set)
    unverified: set[bytes] = field(default_factory=set)
    why: dict[bytes, str] = field(default_factory=dict)
    tried: set[bytes] = field(default_factory=set)
    refused: set[bytes] = field(default_factory=set)

    @property
    def destination(self) -> Box:
        assert self.box is not None
        return self.box

    def doubt(self, keys: Iterable[bytes]) -> None:
        """Stop counting messages that may not be those the run asked for."""
        taken = [self.delivered.pop(key) for key in keys if key in self.delivered]
        self.outcome.fetched -= len(taken)
        self.outcome.octets -= sum(taken)

    def detail(self, text: str, message: Mapping[str, object]) -> None:
        """Print what an option makes of a message, with -v."""
        self.progress.detail(self.outcome.label, text)
        self._record(text, message)

    def fail(self, error: Failure, message: Mapping[str, object] | None = None) -> None:
        """Print an error and note the status. message: the facts of the message concerned."""
        self.outcome.fail(error)
        if message is not None:
            self._record(str(error), message)
        self.progress.error(self.outcome.label, str(error))

    def _record(self, text: str, message: Mapping[str, object]) -> None:
        if self.options.dry_run:
            return
        nowhere = dict.fromkeys(("octets", "destination", "place"))
        self.progress.record({**message, **nowhere, "why": text})
