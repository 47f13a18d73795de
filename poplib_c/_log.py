"""Detects a thread inside a logging handler, before that thread waits for a connection."""

from __future__ import annotations

import logging


def is_inside_handler(logger: logging.Logger) -> bool:
    """Return whether this thread holds the lock of a handler of *logger*'s records.

    Other threads that log to *logger* wait for that lock.
    """
    at: logging.Logger | None = logger
    while at is not None:
        for handler in getattr(at, "handlers", ()):
            is_owned = getattr(getattr(handler, "lock", None), "_is_owned", None)
            if is_owned is not None and is_owned():
                return True
        at = at.parent if at.propagate else None
    return False
