"""Whether a thread is inside what writes the log, which is asked where it would wait."""

from __future__ import annotations

import logging


def is_inside_handler(logger: logging.Logger) -> bool:
    """Return whether this thread has the lock of a handler that the logger's records go to.

    Who logs meanwhile waits for it.
    """
    at: logging.Logger | None = logger
    while at is not None:
        for handler in getattr(at, "handlers", ()):
            is_owned = getattr(getattr(handler, "lock", None), "_is_owned", None)
            if is_owned is not None and is_owned():
                return True
        at = at.parent if at.propagate else None
    return False
