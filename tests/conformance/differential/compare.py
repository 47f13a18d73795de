"""The two clients side by side."""

import poplib

from . import players
from .oracle import Case, explain, owed
from .recording import SEEN, same
from .transcript import written


class Unexplained(AssertionError):
    """The clients differ, and no named difference says so, or do not, though one does."""


def pairs(module, example, contexts=None):
    """A case of each step; none after one at which poplib and ``module`` differ."""
    theirs = players.play(poplib, example, contexts, watched=True)
    ours = players.play(module, example, contexts)
    for number, (one, other) in enumerate(zip(theirs, ours)):
        yield Case(example, tuple(theirs[:number]), one, other)
        if not same(one, other):
            return


def first_difference(module, example, contexts=None):
    """The case of the first step at which poplib and ``module`` differ, or None."""
    *_, last = pairs(module, example, contexts)
    return None if same(last.theirs, last.ours) else last


def check(module, example, contexts=None, owes=owed):
    """The names of the differences that the example ends with; Unexplained if there are none.

    Where they do the same, ``owes(case)`` names a difference that should have been there.
    """
    for case in pairs(module, example, contexts):
        if not same(case.theirs, case.ours):
            names = explain(case)
            if not names:
                raise Unexplained(report(case))
            return names
        name = owes(case)
        if name:
            raise Unexplained(f"no {name}, and\n{report(case)}")
    return ("none",)


def report(case):
    """All about a case, to be read."""
    example = case.example
    rows = [f"poplib and poplib_c over {example.wire}"]
    if example.hooks:
        rows.append(f"overridden: {', '.join(sorted(example.hooks))}")
    rows.append(f"S: {_said(example.greeting)}")
    number = len(case.before)
    for trace in (*case.before, case.theirs):
        if trace.step is not None:
            rows.append(f"{_call(trace.step)}    S: {_said(trace.step.reply)}")
        if trace is not case.theirs:
            rows.append(f"    both {trace.outcome}")
    rows.append(f"step {number}, where {written(case.theirs.unread)} is unread:")
    for title, trace in (("poplib", case.theirs), ("poplib_c", case.ours)):
        rows.append(f"  {title}:")
        rows.extend(_details(trace, case))
    rows += ["to play it again:", f"    {example!r}"]
    return "\n".join(rows)


def _said(reply):
    end = f", {reply.end}" if reply.end else ""
    return " | ".join(map(written, reply.segments)) + end


def _call(step):
    early = "  (the server speaks first)" if step.early else ""
    return f"{step.name}({', '.join(map(repr, step.args))}){early}"


def _details(trace, case):
    for part in SEEN:
        mine, poplibs = getattr(trace, part), getattr(case.theirs, part)
        differs = "  <-- differs" if mine != poplibs else ""
        if part == "outcome":
            yield f"    {mine}{differs}"
        elif part == "visible":
            yield f"    events:{differs}"
            yield from (f"        {event.kind} {event.what} {event.args}" for event in mine)
        else:
            yield f"    {part}: {mine!r}{differs}"
