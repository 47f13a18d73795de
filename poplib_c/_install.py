"""Puts poplib_c in the place of poplib, and takes it away again."""

from __future__ import annotations

import _thread
import sys

from _cpoplib import _set_read_ahead  # type: ignore[attr-defined]

_NAMES = ("POP3", "POP3_SSL", "error_proto")

_lock = _thread.allocate_lock()
# The poplib that was imported before, or None, and what it had under those names.
_undo = None


def install(*, read_ahead: int | None = None) -> None:
    """Make ``import poplib`` give poplib_c, everywhere in the process.

    Where poplib was imported before, its POP3, POP3_SSL and error_proto become poplib_c's, so
    that modules that hold it use them too. uninstall() undoes it; done twice, it is done once.

    read_ahead: what that option is, from here on, where a connection is made without it: so many
    messages are asked for ahead of a loop over retr(). docs/pipelining.rst says what it costs.

    It can't reach names that were taken out of poplib before, by ``from poplib import POP3`` or
    by a subclass, nor does poplib_c see a ``_MAXLINE`` that is set on the old module: call it
    first.
    """
    global _undo
    with _lock:
        if read_ahead is not None:
            _set_read_ahead(read_ahead)
        if _undo is not None:
            return
        ours = sys.modules["poplib_c"]
        theirs = sys.modules.get("poplib")
        replaced = {name: vars(theirs)[name] for name in _NAMES if hasattr(theirs, name)}
        for name in replaced:
            setattr(theirs, name, getattr(ours, name))
        sys.modules["poplib"] = ours
        _undo = theirs, replaced


def uninstall() -> None:
    """Undo install(): ``import poplib`` gives the standard library's module again.

    What was imported meanwhile stays poplib_c's; connections made from here on have no read_ahead
    but their own. Nothing happens without an install() before.
    """
    global _undo
    with _lock:
        if _undo is None:
            return
        _set_read_ahead(0)
        theirs, replaced = _undo
        _undo = None
        if theirs is None:
            sys.modules.pop("poplib", None)
        else:
            sys.modules["poplib"] = theirs
            for name, value in replaced.items():
                setattr(theirs, name, value)
