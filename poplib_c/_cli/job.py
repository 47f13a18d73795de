"""A mailbox to fetch, the outcome, and what stops the work."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from poplib_c import POP3
from poplib_c._cli.account import Account
from poplib_c._cli.failures import Failure, Status, gravest
from poplib_c._cli.progress import size

_POLL = 0.1  # seconds


class Job(NamedTuple):
    """A mailbox to fetch. destination: kind and path."""

    account: Account
    options: argparse.Namespace
    destination: tuple[str, str]


class Outcome:
    """The status and the counts of a mailbox.

    octets: of the fetched messages. known: messages from earlier runs. left: messages that the run
    should have fetched and did not. is_reached: the server has listed the mailbox. errors: texts.
    plan: in a dry run, the numbers of messages and octets to fetch, and of messages to delete.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.status = Status.DONE
        self.is_reached = False
        self.errors: list[str] = []
        self.fetched = self.octets = self.deleted = self.known = self.left = 0
        self.plan: tuple[int, int, int] | None = None

    def fail(self, error: Failure) -> None:
        self.status = gravest(self.status, error.status)
        self.errors.append(str(error))

    def facts(self) -> dict[str, object]:
        """Return the object of the mailbox for --json."""
        names = ("status", "fetched", "octets", "deleted", "known", "left", "errors")
        return {"mailbox": self.label, **{name: getattr(self, name) for name in names}}

    def __str__(self) -> str:
        if self.plan is not None:
            count, octets, deleted = self.plan
            parts = [f"a run would fetch {messages(count)} ({size(octets)})"]
            parts += [f"delete {deleted}"] if deleted else []
            parts += [f"{self.known} fetched before"] if self.known else []
            left = self.left - count  # The messages to fetch are still on the server.
            parts += [f"leave {left} on the server"] if left > 0 else []
            return f"{self.label}: {', '.join(parts)}"
        parts = [f"{messages(self.fetched)} fetched ({size(self.octets)})"]
        for count, what in ((self.deleted, "deleted"), (self.known, "fetched before")):
            if count:
                parts.append(f"{count} {what}")
        if self.left:
            parts.append(f"{self.left} left on the server")
        return f"{self.label}: {', '.join(parts)}"


def messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


class Threads(ThreadPoolExecutor):
    """Threads for the calls of submit(), which raises Failure if one can't be started."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        try:
            return super().submit(call, *arguments, **options)
        except RuntimeError as error:
            raise Failure(
                f"{error}: use fewer --jobs, or raise the limit of processes (ulimit -u)",
                Status.TEMPORARY,
            ) from None


class Stop:
    """Ends the work of other threads: after the current message, or at once.

    request() and abort() are for signal handlers, which may interrupt them: they take no locks.
    """

    def __init__(self) -> None:
        self._calls: set[Callable[[], object]] = set()
        self.requested = self.aborted = False

    def request(self) -> None:
        self.requested = True

    def wait(self, seconds: float) -> bool:
        """Pause for *seconds*, or until the end is requested. Return whether it is."""
        until = time.monotonic() + seconds
        while not self.requested and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _POLL))
        return self.requested

    def abort(self) -> None:
        """Close the connections without QUIT, so that no deletion is committed."""
        self.requested = self.aborted = True
        for call in tuple(self._calls):
            call()

    @contextlib.contextmanager
    def at_abort(self, call: Callable[[], object]) -> Iterator[None]:
        """Let abort() call a function during the block. Raises Failure if it was called before."""
        self._calls.add(call)
        try:
            if self.aborted:
                raise Failure("interrupted")
            yield
        finally:
            self._calls.discard(call)

    @contextlib.contextmanager
    def closing(self, client: POP3) -> Iterator[POP3]:
        """Close *client* at the end of the block, or when abort() is called."""
        try:
            with self.at_abort(client.close):
                yield client
        finally:
            client.close()
