"""Tells the C module of forks. Importing the package imports this module."""

from __future__ import annotations

import os
from _weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def watch(module: Any) -> None:
    """Call module._note_fork() in the child after each fork, while there is the module.

    Nothing unregisters the function. So it refers weakly to the module, and this file doesn't
    import that.
    """
    reference = ref(module)

    def note() -> None:
        alive = reference()
        if alive is not None:
            alive._note_fork()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=note)
