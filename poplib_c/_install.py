"""install() makes ``import poplib`` return poplib_c; uninstall() undoes it."""

from __future__ import annotations

import _thread
import sys

from _cpoplib import _set_read_ahead  # type: ignore[attr-defined]

_NAMES = ("POP3", "POP3_SSL", "error_proto")

_lock = _thread.allocate_lock()
# After install(): the poplib imported before, or None, and its values of _NAMES.
_undo = None


def install(*, read_ahead: int | None = None) -> None:
    """Make ``import poplib`` return poplib_c, everywhere in the process.

    If poplib was imported before, its POP3, POP3_SSL and error_proto become poplib_c's, so that
    modules that imported poplib use them, too. uninstall() undoes it. A second call replaces
    nothing more.

    Call it first: names taken out of poplib before, by ``from poplib import POP3`` or by a
    subclass, stay poplib's, and poplib_c ignores a ``_MAXLINE`` that is set on the old module.

    Args:
        read_ahead (int): The default of the option read_ahead for connections made from now on:
            messages to request ahead of a loop over retr(), 0 to 65535. None keeps the default.

    Raises:
        TypeError: read_ahead has another type.
        ValueError: read_ahead is out of its range.
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
    """Undo install(): ``import poplib`` returns the standard library's module again.

    Names imported in between stay poplib_c's. The default of read_ahead is 0 again. Does nothing
    if install() was not called.
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
