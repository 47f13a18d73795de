"""The destinations that take a message from poplib-c and keep it themselves.

A message is received into a temporary file without a name, and handed over whole. It counts as
delivered when the destination says so. A run that is killed before it records that hands the
message over again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, cast

from poplib_c._cli.delivery import Box, Each, File, Output, disk
from poplib_c._cli.failures import DeliveryFailure

_numbers = itertools.count(1)


class Handed(Box):
    """Lines end with LF in the temporary file."""

    one_by_one = True

    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path

    def tickets(self, count: int) -> list[str]:
        random = os.urandom(8).hex()
        return [f"{random}.{next(_numbers)}" for _ in range(count)]

    def open(self, ticket: str, again: bool = False) -> Output:
        with disk("a temporary file"):
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        return Output(ticket, cast(File, file), tempfile.gettempdir(), True, again)

    def drop(self, output: Output) -> None:
        with contextlib.suppress(OSError):
            output.file.close()

    def commit(self, outputs: Sequence[Output], each: Each) -> None:
        for output in outputs:
            try:
                self.hand_over(output)
            except DeliveryFailure as error:
                output.error = error

    def hand_over(self, output: Output) -> None:
        """Hand a message over. Raises Refused, or DeliveryFailure for all messages."""
        raise NotImplementedError

    def recover(self, tickets: Iterable[str]) -> dict[str, bytes | None]:
        """Find nothing, so that the messages are handed over again."""
        return {}


@contextlib.contextmanager
def reading(output: Output) -> Iterator[BinaryIO]:
    """Read the message of an Output of Handed.open() from its beginning."""
    with open(os.dup(output.file.fileno()), "rb") as message:
        message.seek(0)
        yield message
