"""Each named difference excuses what it names, and nothing that is nearly the same."""

from dataclasses import replace

import pytest

import poplib_c

from .. import differences
from . import compare
from .oracle import RELEASES, RULES, Case, explain
from .recording import Noted, Raised, Returned
from .transcript import HOOKS, Example, Reply, Step, line

READY = line(b"+OK ready")
OK = line(b"+OK")
QUIT = Step("quit", (), OK)
CUT = Reply((b"+OK\r\na",), "eof")
RESET = Reply((b"+",), "reset")
LONG = 3000 * b"x"
LOUD = Step("set_debuglevel", (2,))
STRANGE = line(b"+OK", b"", b"IMPLEMENTATION caf\xe9", b".")


def example(*steps, greeting=READY, wire="packets", hooks=()):
    return Example(greeting, steps, wire, frozenset(hooks))


#: What an example ends with.
ROWS = [
    (("control_characters",), example(Step("user", ("a\r\nDELE 1",), OK))),
    (("control_characters",), example(LOUD, Step("_putcmd", ("\x7f",), OK), hooks=HOOKS)),
    (("control_characters",), example(Step("_longcmd", ("LIST\t1",), CUT), wire="foreign")),
    (("control_characters",), example(Step("close"), Step("_putcmd", ("\n",)))),
    (("hidden_secret",), example(Step("pass_", ("a\udc80",), OK))),
    (("hidden_secret",), example(Step("_shortcmd", (" auth PLAIN \udc80",), OK), hooks=HOOKS)),
    (
        ("hidden_secret",),
        example(Step("apop", ("bob", "\udc80"), OK), greeting=line(b"+OK <a@b>")),
    ),
    (("malformed_stat",), example(Step("stat", (), OK))),
    (("malformed_stat",), example(Step("stat", (), line(b"+OK two 3")))),
    (("malformed_stat",), example(LOUD, Step("stat", (), line(b"+OK 2 3.5")), hooks=HOOKS)),
    (("long_message_lines",), example(Step("retr", (1,), line(b"+OK", b"..", LONG, b"..", b".")))),
    (("long_message_lines",), example(Step("capa", (), line(b"+OK", LONG, b"", b"TOP", b".")))),
    (("long_message_lines",), example(Step("stls", (), line(b"+OK", LONG, b"STL", b".")))),
    (("long_message_lines",), example(Step("list", (), line(b"+OK", LONG)))),
    (("long_message_lines",), example(Step("top", (1, 0), line(b"+OK", LONG)), wire="tls")),
    (("long_message_lines",), example(Step("uidl", (), line(b"+OK", LONG, end="eof")))),
    *(
        (
            ("long_message_lines",),
            example(
                Step("_putcmd", ("UIDL",)),
                Step("_getlongresp", (), line(b"+OK", LONG, end="reset")),
                wire=wire,
            ),
        )
        for wire in ("tcp", "stream")
    ),
    (
        ("long_message_lines",),
        example(LOUD, Step("_longcmd", ("X",), line(b"+OK", LONG, LONG, b"a", b".")), hooks=HOOKS),
    ),
    (
        ("long_message_lines",),
        example(Step("_putcmd", ("LIST",)), Step("_getlongresp", (), line(b"+", LONG, b"."))),
    ),
    (
        ("long_message_lines",),
        example(Step("set", ("_MAXLINE", 9)), Step("list", (), line(b"+OK", b"12345678", b"."))),
    ),
    (("truncated_reply",), example(Step("noop", (), Reply((b"+OK hello",), "eof")))),
    (("truncated_reply",), example(LOUD, Step("retr", (1,), CUT), hooks=HOOKS)),
    (("truncated_reply",), example(Step("retr", (1,), Reply((b"+OK\r\n.x",), "eof")))),
    (("truncated_reply",), example(Step("capa", (), CUT), wire="double")),
    (("truncated_reply",), example(Step("_getline", (), Reply((b"+OK hello",), "eof")))),
    (("truncated_reply", "quit_releases"), example(Step("quit", (), Reply((b"+OK",), "eof")))),
    (("truncated_reply", "failed_constructor"), example(greeting=Reply((b"+OK hi",), "eof"))),
    (("out_of_step",), example(Step("noop"), Step("noop", (), OK))),
    (("out_of_step",), example(Step("noop"), Step("_putcmd", ("NOOP",), OK), hooks=HOOKS)),
    (("out_of_step",), example(Step("noop"), Step("capa", (), OK), wire="double")),
    (("out_of_step",), example(Step("list", (), CUT), Step("noop", (), OK), wire="double")),
    (("out_of_step",), example(Step("noop", (), line(LONG)), LOUD, Step("_getresp"), hooks=HOOKS)),
    (("out_of_step",), example(Step("noop", (), line(LONG)), Step("file.readline"))),
    (("out_of_step",), example(Step("noop", (), line(LONG)), Step("_putline", (b"A",), OK))),
    (("out_of_step",), example(Step("_getline", (), RESET), Step("noop"), wire="double")),
    (
        ("out_of_step",),
        example(
            LOUD, Step("retr", (1,), RESET), Step("_putcmd", ("A",)), wire="double", hooks=HOOKS
        ),
    ),
    (("out_of_step", "quit_releases"), example(Step("list", (), RESET), QUIT, wire="double")),
    (("out_of_step", "quit_releases"), example(Step("list", (), line(LONG)), QUIT)),
    (("unasked_reply",), example(Step("noop", (), line(b"+OK", b"+OK")), Step("stat", (), OK))),
    (("unasked_reply",), example(Step("noop"), greeting=line(b"+OK", b"-ERR 'a\"", b"b"))),
    (("unasked_reply",), example(Step("noop"), greeting=Reply((b"+OK\n\r" + LONG + b"\n",)))),
    (("unasked_reply",), example(Step("retr", (1,), Reply((b"+", b"OK\r\n")), early=True))),
    (("unasked_reply",), example(Step("_putcmd", ("A",), OK), Step("list", (), OK))),
    (("unasked_reply",), example(Step("_putline", (b"A",)), Step("list", (1,)), hooks=["close"])),
    (
        ("unasked_reply",),
        example(Step("_putcmd", ("A",), OK), Step("file.readline", (0,)), Step("noop", (), OK)),
    ),
    (
        ("unasked_reply",),
        example(
            Step("_putcmd", ("A",), line(b"+OK", b"a", b".")),
            Step("_putcmd", ("B",), OK),
            Step("_getlongresp"),
            Step("noop"),
        ),
    ),
    (("unasked_reply", "quit_releases"), example(Step("_putcmd", ("A",), OK), QUIT)),
    (("quit_releases",), example(Step("quit", (), line(b"-ERR no")))),
    (("quit_releases",), example(Step("quit"), hooks=HOOKS)),
    (("failed_constructor",), example(greeting=line(b"-ERR no"))),
    (("failed_constructor",), example(greeting=Reply((), "eof"), wire="tcp")),
    (("failed_constructor",), example(greeting=Reply((), "reset"), wire="tcp")),
    (("capa_failure",), example(Step("capa", (), Reply((), "eof")))),
    (("capa_failure",), example(Step("capa", (), line(LONG)))),
    (("capa_failure",), example(Step("capa", (), line(b"+OK", b"TOP", end="eof")), hooks=HOOKS)),
    (("capa_failure",), example(Step("stls", (), line(b"+OK", end="eof")))),
    (("capa_lines",), example(Step("capa", (), STRANGE))),
    (("capa_lines",), example(Step("stls", (), STRANGE), hooks=HOOKS)),
    (("use_after_close",), example(QUIT, Step("_putcmd", ("NOOP",)))),
    (("use_after_close",), example(Step("close"), Step("_getline"), hooks=HOOKS)),
    (("use_after_close", "quit_releases"), example(Step("close"), QUIT, hooks=HOOKS)),
]

#: What poplib itself may have learned by now.
LEARNED = {
    "control_characters": differences.poplib_refuses_control_characters,
    "malformed_stat": differences.poplib_checks_stat,
}


def case_of(names, example, contexts):
    """The case; None where the interpreter's poplib does the same as poplib_c."""
    case = compare.first_difference(poplib_c, example, contexts)
    if case is None:
        assert LEARNED[names[0]]()
    return case


def test_each_rule_is_a_named_difference():
    assert {*RULES, *RELEASES} < set(differences.DIFFERENCES)


def test_each_rule_has_a_row():
    assert {name for names, _ in ROWS for name in names} == {*RULES, *RELEASES}


@pytest.mark.parametrize("names, example", ROWS)
def test_a_difference_is_excused(names, example, contexts):
    case = case_of(names, example, contexts)
    if case is not None:
        assert explain(case) == names, compare.report(case)


def other_outcome(trace):
    yield replace(trace, outcome=Raised(LookupError("no")))
    yield replace(trace, outcome=Returned(b"+OK no"))
    if isinstance(trace.outcome, Raised):
        error = trace.outcome.error
        yield replace(trace, outcome=Raised(type(error)(*error.args[:-1], "no")))


def other_events(trace):
    yield replace(trace, events=(*trace.events, Noted("print", "*put* b'no'")))
    yield replace(trace, events=(Noted("hook", "_getline"), *trace.events))
    if trace.events:
        yield replace(trace, events=trace.events[:-1])
        yield replace(trace, events=trace.events[1:])


def other_state(trace):
    yield replace(trace, wire=trace.wire + b"NO\r\n")
    yield replace(trace, wire=trace.wire[1:] if trace.wire else b"\n")
    yield replace(trace, released=not trace.released)
    for number, (name, value) in enumerate(trace.state or ()):
        other = "NoneType None" if value != "NoneType None" else "int 5"
        changed = (*trace.state[:number], (name, other), *trace.state[number + 1 :])
        yield replace(trace, state=changed)
    if trace.state:
        yield replace(trace, state=None)


@pytest.mark.parametrize("names, example", ROWS)
def test_what_poplib_c_does_is_said_exactly(names, example, contexts):
    case = case_of(names, example, contexts)
    if case is None:
        return
    for change in (other_outcome, other_events, other_state):
        for ours in change(case.ours):
            near = Case(case.example, case.before, case.theirs, ours)
            assert explain(near) == (), compare.report(near)


def with_step(case, **changes):
    return replace(case, theirs=replace(case.theirs, step=replace(case.theirs.step, **changes)))


def with_events(case, change):
    events = tuple(map(change, case.theirs.events))
    return replace(case, theirs=replace(case.theirs, events=events))


def harmless(event):
    return event._replace(args=(b"NOOP",)) if event.kind == "audit" else event


def whole(event):
    cut = event.kind == "read" and isinstance(event.what, bytes) and event.what[-1:] != b"\n"
    return event._replace(what=event.what + b"\r\n") if cut else event


def short(event):
    long = event.kind == "read" and len(event.what) == event.args[0]
    return event._replace(what=event.what[:-1]) if long else event


def raised(case, error):
    return replace(case, theirs=replace(case.theirs, outcome=Raised(error)))


#: Cases that a difference does not excuse, since what it is about is not so.
ELSE = {
    "control_characters": lambda case: with_events(case, harmless),
    "hidden_secret": lambda case: raised(
        case, UnicodeEncodeError("utf-8", "APOP \udc80", 5, 6, "surrogates not allowed")
    ),
    "malformed_stat": lambda case: with_step(case, name="noop"),
    "long_message_lines": lambda case: with_events(case, short),
    "truncated_reply": lambda case: with_events(case, whole),
    "out_of_step": lambda case: replace(case, before=case.before[:1]),
    "unasked_reply": lambda case: replace(
        case, before=case.before[:1], theirs=replace(case.theirs, unread=b"\r")
    ),
    "quit_releases": lambda case: with_step(case, name="noop"),
    "failed_constructor": lambda case: replace(case, theirs=replace(case.theirs, step=QUIT)),
    "capa_failure": lambda case: with_step(case, name="list"),
    "capa_lines": lambda case: raised(case, KeyError("TOP")),
    "use_after_close": lambda case: replace(case, before=case.before[:1]),
}


@pytest.mark.parametrize("names, example", ROWS)
def test_what_it_is_about_is_said_exactly(names, example, contexts):
    case = case_of(names, example, contexts)
    if case is not None:
        for name in names:
            near = ELSE[name](case)
            assert explain(near) != names, compare.report(near)
