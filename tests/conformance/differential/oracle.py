"""What poplib_c must do instead of what poplib did, for each named difference.

A rule takes a case, the first step whose traces differ, and a trace, poplib's; it returns the
trace that poplib_c must have, or None if the difference is not at issue.
"""

import ast
import errno
import os
import re
import socket
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from .position import (
    OWN_METHODS,
    TIMED_OUT,
    is_cut,
    is_line,
    is_overlong,
    position_after,
    strip,
)
from .recording import Noted, Raised, Returned, proto, same

ADVICE = "close this connection and make a new one"
EOF = "-ERR EOF"
NO_CAPA = "-ERR CAPA not supported by server"
NO_STLS = "-ERR STLS not supported by server"
NOTHING = "NoneType None"
HIDDEN = (
    "the secret, which is not shown, has characters that client.encoding lacks; "
    "set that to 'UTF-8' and call utf8(); lone surrogates can't be sent at all"
)
SHOWN_OCTETS = 200
AT_REST = frozenset({b"", b"\r"})
REPLY_HOOKS = frozenset({"_getline", "_getresp", "_getlongresp"})


@dataclass(frozen=True)
class Case:
    """Step ``theirs.step`` of an example: poplib's trace, poplib_c's, and poplib's before it."""

    example: Any
    before: tuple
    theirs: Any
    ours: Any

    @property
    def name(self):
        return "" if self.theirs.step is None else self.theirs.step.name

    @cached_property
    def position(self):
        return position_after(self.before, self.example.wire)

    @property
    def why(self):
        """Why commands fail, if they do for being out of step."""
        return None if self.is_closed else self.position.why

    @property
    def checks_rest(self):
        """Whether it is poplib_c that reads the replies, so that it sees what is unread."""
        return self.example.wire != "double" and not self.example.hooks & REPLY_HOOKS

    @property
    def is_closed(self):
        return bool(self.before) and self.before[-1].attribute("sock") == NOTHING

    @property
    def reads_own_file(self):
        """Whether it reads by hand from a file that is not poplib_c's."""
        return self.example.wire == "double" and self.name == "file.readline"

    @property
    def reaches_stream(self):
        """Whether poplib has got as far as to send or to read."""
        return bool(put_lines(self.theirs) or self.theirs.reads)

    @property
    def is_exchange_in_step(self):
        step = self.theirs.step
        return step is not None and step.is_exchange and not self.why

    @property
    def may_refuse(self):
        """Whether poplib_c may see a reply that nobody asked for, or that nobody has read."""
        unasked = self.position.unanswered[0] > 0 or self.theirs.unread not in AT_REST
        return self.checks_rest and not self.is_closed and unasked

    @property
    def may_go_on(self):
        """Whether it may see none.

        Of a socket with methods of its own it knows no more than what has been received.
        """
        silent = self.theirs.unread in AT_REST or self.example.wire in OWN_METHODS
        return not self.may_refuse or (silent and self.position.unanswered[1] == 0)

    def refused(self, outcome, events=()):
        """Nothing was sent, nothing has changed."""
        before = self.before[-1] if self.before else None
        return replace(
            self.theirs,
            outcome=outcome,
            events=tuple(events),
            wire=b"",
            state=before and before.state,
            released=bool(before and before.released),
        )

    def failed(self, outcome, events):
        """The command was sent; its reply is an error."""
        return replace(self.refused(outcome, events), wire=self.theirs.wire)


RULES = {}
RELEASES = {}


def rule(function):
    RULES[function.__name__] = function
    return function


def release(function):
    RELEASES[function.__name__] = function
    return function


def until(events, stop):
    """The events before the first one that ``stop`` is true of."""
    for number, event in enumerate(events):
        if stop(event):
            return events[:number]
    return events


def is_hook(event, *names):
    return event.kind == "hook" and event.what in names


def is_putline(event):
    shown = event.kind == "print" and event.what.startswith("*put*")
    return is_hook(event, "_putline") or shown or event.kind == "audit"


def put_lines(trace):
    return [event.args[0] for event in trace.events if event.kind == "audit"]


def refusal(why):
    return proto(f"-ERR out of step: {why}; {ADVICE}")


def is_error(outcome, *kinds):
    return isinstance(outcome, Raised) and outcome.kind in kinds


# --- before anything is sent ---------------------------------------------------------------


@rule
def control_characters(case, theirs):
    lines = [line for line in put_lines(theirs) if isinstance(line, bytes)]
    controls = lines and re.search(rb"[\x00-\x1f\x7f]", lines[0])
    in_turn = case.name == "_putcmd" or (case.may_go_on and not case.why)
    if not controls or case.name == "_putline" or not in_turn:
        return None
    error = ValueError("Control characters not allowed in commands")
    return case.refused(Raised(error), until(theirs.events, is_putline))


@rule
def hidden_secret(case, theirs):
    if not is_error(theirs.outcome, "builtins.UnicodeEncodeError"):
        return None
    encoding, line, *_ = theirs.outcome.args
    text = re.split(r"[\x00-\x1f\x7f]", line)[0]
    front = re.match(r" *(?:(?:APOP|AUTH) +[^ ]* *|PASS +)", text, re.I | re.A)
    shown = front[0] if front else text
    if case.name == "apop" and not line.startswith("APOP "):
        shown = ""  # It is the password, of which the digest is made.
    if shown == line:
        return None
    end = len(shown) + len("***")
    error = UnicodeEncodeError(encoding, shown + "***", len(shown), end, HIDDEN)
    return replace(theirs, outcome=Raised(error))


def events_before_refusal(case, theirs):
    """What is called and shown before the stream's state is looked at."""
    if case.name in {"_putcmd", "_putline"}:
        return theirs.events
    if case.theirs.step.reads_only:
        return until(theirs.events, lambda event: event.kind in {"read", "print"})
    return until(theirs.events, lambda event: not is_hook(event, "_shortcmd", "_longcmd"))


@rule
def out_of_step(case, theirs):
    why, step = case.why, case.theirs.step
    uses = step and (step.is_exchange or step.reads_only or step.name in {"_putcmd", "_putline"})
    if why is None and not case.is_closed and case.position.broken and put_lines(theirs):
        return broken(case, theirs)
    if why is None or not uses or case.reads_own_file:
        return None
    if why is TIMED_OUT:
        outcome = Raised(OSError("cannot read from timed out object"))
    else:
        outcome = refusal(why)
    return case.refused(outcome, events_before_refusal(case, theirs))


def broken(case, theirs):
    """The connection was found to be broken: sending raises that again."""
    events = until(theirs.events, lambda event: event.kind == "audit")
    announced = theirs.events[len(events)]
    return case.refused(Raised(case.position.broken), (*events, announced))


@rule
def unasked_reply(case, theirs):
    if not case.is_exchange_in_step or not case.may_refuse:
        return None
    shown = shown_reply(case)
    most, least = case.position.unanswered
    if shown is not None and least == 0:
        why = f"the server sent a reply that nobody asked for: {shown!r}"
    elif most > 0:
        why = "the reply to an earlier command was not read"
    else:
        return None
    return case.refused(refusal(why), events_before_refusal(case, theirs))


def shown_reply(case):
    """The unread line that poplib_c's text shows, if it is one.

    It is the first that is unread, or what had been received of it.
    """
    if not is_error(case.ours.outcome, "error_proto"):
        return None
    match = re.search(r"asked for: (b'.*'|b\".*\"); ", str(case.ours.outcome.args[0]))
    shown = match and ast.literal_eval(match[1])
    first, newline, _ = first_line(case.theirs.unread)
    if newline and shown == strip(first + newline)[:SHOWN_OCTETS]:
        return shown
    return shown if shown and first.startswith(shown) else None


def first_line(octets):
    """The first line without its LF, the LF if it has one, and the rest."""
    return octets.partition(b"\n")


# --- while a reply is read -----------------------------------------------------------------


@rule
def truncated_reply(case, theirs):
    if case.name == "file.readline":
        return None
    for number, event in enumerate(theirs.events):
        if event.kind == "read" and is_cut(event):
            shown = theirs.events[number + 1 : number + 2]
            shown = [line for line in shown if line.what == f"*get* {event.what!r}"]
            return case.failed(proto(EOF), (*theirs.events[:number], *shown))
    return None


@rule
def long_message_lines(case, theirs):
    step, reads = case.theirs.step, theirs.reads
    lines = step and (step.is_long or step.name == "_getlongresp")
    if not lines or len(reads) < 2 or not is_overlong(reads[-1]):
        return None
    events = list(until(theirs.events, lambda event: event is reads[-1]))
    verbose = any(str(event.what).startswith("*get*") for event in events)
    raws, outcome = read_on(case)
    for number, raw in enumerate(raws[len(reads) - 1 :]):
        if number and "_getline" in case.example.hooks:
            events.append(Noted("hook", "_getline"))
        if verbose and raw is not None:
            events.append(Noted("print", f"*get* {raw!r}"))
    return case.failed(outcome, events)


def read_on(case):
    """The raw lines that are left of a reply, None for one that does not come, and the outcome.

    The status line is known to be fine.
    """
    raws, rest = [], case.theirs.stream
    while True:
        first, newline, rest = first_line(rest)
        raws.append(first + newline)
        if not newline:
            break
        if len(raws) > 1 and strip(raws[-1]) == b".":
            return raws, answer(case, raws)
    wire = case.example.wire
    if case.theirs.ended == "eof" or (case.theirs.ended and wire not in {"tcp", "double"}):
        return raws, proto(EOF)
    if wire == "tcp" and any(is_broken(trace.outcome) for trace in case.before):
        return raws, proto(EOF)
    raws[-1] = None
    if case.theirs.ended == "reset":
        number = errno.ECONNRESET
        return raws, Raised(ConnectionResetError(number, os.strerror(number)))
    text = "The read operation timed out" if wire == "tls" else "timed out"
    return raws, Raised(socket.timeout(text))


def is_broken(outcome):
    """Whether a call has told of a reset, which the system tells of once."""
    return isinstance(outcome, Raised) and isinstance(outcome.error, ConnectionError)


def answer(case, raws):
    """What a command returns of a whole reply."""
    lines, octets = [], 0
    for raw in raws[1:-1]:
        text = strip(raw)
        stuffed = text.startswith(b"..")
        lines.append(text[stuffed:])
        octets += len(raw) - stuffed
    if case.name in {"capa", "stls"}:
        return capabilities(case, lines)
    return Returned((strip(raws[0]), lines, octets))


def capabilities(case, lines):
    words = [line.decode("ascii", "surrogateescape").split() for line in lines]
    offered = {name: arguments for name, *arguments in filter(None, words)}
    if case.name == "stls" and "STLS" not in offered:
        return proto(NO_STLS)
    return Returned(offered)


@rule
def capa_failure(case, theirs):
    context = theirs.outcome.context if theirs.outcome == proto(NO_CAPA) else None
    if case.name not in {"capa", "stls"}:
        return None
    if context == (EOF,) or (context == ("line too long",) and len(theirs.reads) == 1):
        return replace(theirs, outcome=proto(*context))
    return None


# --- of a reply that was read --------------------------------------------------------------


@rule
def capa_lines(case, theirs):
    raws = [read.what for read in theirs.reads if is_line(read)]
    odd = ("builtins.IndexError", "builtins.UnicodeDecodeError")
    if case.name not in {"capa", "stls"} or not is_error(theirs.outcome, *odd):
        return None
    return replace(theirs, outcome=answer(case, raws))


@rule
def malformed_stat(case, theirs):
    odd = ("builtins.IndexError", "builtins.ValueError")
    if case.name != "stat" or not is_error(theirs.outcome, *odd):
        return None
    fields = strip(theirs.reads[0].what).split()
    what = "format" if len(fields) < 3 else "data: non-numeric values"
    return replace(theirs, outcome=proto(f"Invalid STAT response {what}"))


# --- after close() and failures ------------------------------------------------------------


@rule
def use_after_close(case, theirs):
    by_hand = case.name == "file.readline"
    if by_hand or not case.is_closed or not is_error(theirs.outcome, "builtins.AttributeError"):
        return None
    text = theirs.outcome.args[0]
    if not re.fullmatch(r"'NoneType' object has no attribute '(sendall|readline)'", text):
        return None
    error = AttributeError(f"{text}: the connection is closed")
    return replace(theirs, outcome=Raised(error))


@release
def quit_releases(case, expected):
    hooked = "close" in case.example.hooks
    if case.name != "quit" or not isinstance(expected.outcome, Raised):
        return None
    if expected.state is None or (expected.released and not hooked):
        return None
    hooks = [Noted("hook", "close")] if hooked else []
    gone = {"sock": NOTHING, "file": NOTHING}
    state = tuple((name, gone.get(name, value)) for name, value in expected.state)
    return replace(expected, events=(*expected.events, *hooks), state=state, released=True)


@release
def failed_constructor(case, expected):
    if case.name or not isinstance(expected.outcome, Raised) or expected.released:
        return None
    return replace(expected, state=None, released=True)


def explain(case):
    """The names of the differences that make of poplib's trace poplib_c's, or ().

    They are at most one that changes what a call does and, if it is at issue then, one about
    what the call leaves behind.
    """
    for name in (None, *RULES):
        expected = RULES[name](case, case.theirs) if name else case.theirs
        if expected is not None:
            names, expected = released(case, expected)
            if same(expected, case.ours):
                return (name, *names) if name else names
    return ()


def owed(case):
    """The name of a difference that poplib_c has to show if it has shown none, or None."""
    for name, function in RULES.items():
        expected = function(case, case.theirs) if name not in ABOUT_THE_STREAM else None
        if expected is not None and not same(released(case, expected)[1], case.theirs):
            return name
    if case.reaches_stream:
        expected = out_of_step(case, case.theirs)
        if expected is not None and not same(released(case, expected)[1], case.theirs):
            return out_of_step.__name__
        if case.is_exchange_in_step and not case.may_go_on:
            return unasked_reply.__name__
    names, expected = released(case, case.theirs)
    return None if same(expected, case.theirs) else names[0]


#: Rules that are about calls which get as far as the stream; others fail before, as poplib's.
ABOUT_THE_STREAM = frozenset({out_of_step.__name__, unasked_reply.__name__})


def released(case, expected):
    """The name of the difference about what is left behind, and what is expected then."""
    for name, function in RELEASES.items():
        other = function(case, expected)
        if other is not None:
            return (name,), other
    return (), expected
