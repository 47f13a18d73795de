"""Random servers and random calls: poplib_c does what poplib does, or differs on purpose.

``make conformance EXAMPLES=20000`` plays any number of them.
"""

import dataclasses
from collections import Counter
from random import Random

import hypothesis
import pytest
from hypothesis import settings

import poplib_c

from . import compare, strategies
from .transcript import Example, Reply, Step

#: Which wire, whether methods are overridden, and its share of the examples.
RUNS = [
    ("packets", False, 0.30),
    ("packets", True, 0.20),
    ("stream", False, 0.10),
    ("foreign", True, 0.10),
    ("double", True, 0.10),
    ("tcp", False, 0.10),
    ("tls", True, 0.10),
]


#: So many that fail are enough.
ENOUGH = 5


def play_bounded(wire, hooked, share, contexts):
    bounded = settings.get_profile("bounded")

    @settings(bounded, max_examples=round(share * bounded.max_examples))
    @hypothesis.given(strategies.examples(wire, hooked))
    def play(example):
        compare.check(poplib_c, example, contexts)

    play()


def play_many(wire, hooked, numbered, contexts, met):
    """Plays an example for each text; they are all there is to know to make it again."""
    reports = []
    for text in numbered:
        example = strategies.example(Random(text), wire, hooked)
        try:
            met[compare.check(poplib_c, example, contexts)] += 1
        except compare.Unexplained as error:
            met[("unexplained",)] += 1
            reports.append(str(error))
        if len(reports) == ENOUGH:
            break
    if reports:
        pytest.fail("\n\n".join(reports), pytrace=False)


@pytest.mark.parametrize("wire, hooked, share", RUNS)
def test_same_as_poplib(wire, hooked, share, asked_for, contexts, met):
    total, seed = asked_for
    if total:
        count = max(1, round(share * total))
        numbered = (f"{seed} {wire} {hooked} {number}" for number in range(count))
        play_many(wire, hooked, numbered, contexts, met)
    else:
        play_bounded(wire, hooked, share, contexts)


def test_many_examples_that_fail_are_shown(monkeypatch):
    def check(module, example, contexts):
        raise compare.Unexplained(f"over {example.wire}")

    monkeypatch.setattr(compare, "check", check)
    met = Counter()
    with pytest.raises(pytest.fail.Exception) as caught:
        play_many("stream", False, map(str, range(100)), None, met)
    assert str(caught.value) == "\n\n".join(ENOUGH * ["over stream"])
    assert met == {("unexplained",): ENOUGH}


def test_a_seed_gives_the_same_examples():
    first, again, other = (strategies.example(Random(text), "tcp", True) for text in "112")
    assert repr(first) == repr(again) != repr(other)


def test_the_runs_make_up_all_examples():
    assert sum(share for _, _, share in RUNS) == pytest.approx(1)


@pytest.mark.parametrize("wire", ["packets", "stream", "foreign", "double", "tcp", "tls"])
def test_a_whole_session(wire, contexts):
    """So that a wire on which nothing works is not taken for one on which both do the same."""

    def reply(*lines):
        return Reply(tuple(line + b"\r\n" for line in lines))

    steps = (
        Step("set_debuglevel", (2,)),
        Step("user", ("alice",), reply(b"+OK")),
        Step("pass_", ("secret",), reply(b"-ERR no")),
        Step("apop", ("alice", "secret"), reply(b"+OK")),
        Step("capa", (), reply(b"+OK", b"TOP", b"SASL PLAIN", b".")),
        Step("stat", (), reply(b"+OK 1 320")),
        Step("retr", (1,), reply(b"+OK", b"a", b"..b", b".")),
        Step("_putcmd", ("LAST",)),
        Step("_getresp", (), reply(b"+OK 1")),
        Step("file.readline", (), reply(b"by hand")),
        Step("quit", (), reply(b"+OK")),
    )
    example = Example(reply(b"+OK <a@b>"), steps, wire)
    traces = compare.players.play(poplib_c, example, contexts)
    assert [str(trace.outcome) for trace in traces] == [
        "returned NoneType None",
        "returned NoneType None",
        "returned bytes b'+OK'",
        "raised error_proto(b'-ERR no',)",
        "returned bytes b'+OK'",
        "returned dict {'TOP': [], 'SASL': ['PLAIN']}",
        "returned tuple (1, 320)",
        "returned tuple (b'+OK', [b'a', b'.b'], 7)",
        "returned NoneType None",
        "returned bytes b'+OK 1'",
        "returned bytes b'by hand\\r\\n'",
        "returned bytes b'+OK'",
    ]
    assert traces[6].wire == b"STAT\r\n"
    assert [event.what for event in traces[6].events if event.kind == "print"] == [
        "*cmd* 'STAT'",
        "*put* b'STAT'",
        "*get* b'+OK 1 320\\r\\n'",
        "*resp* b'+OK 1 320'",
        "*stat* [b'+OK', b'1', b'320']",
    ]
    assert [trace.released for trace in traces] == [*11 * [False], True]
    assert compare.check(poplib_c, example, contexts) == ("none",)


OK = Reply((b"+OK\r\n",))
USER = Step("user", ("alice",))
LINE = Step("_getline")
LONG_LINE = Step("retr", (1,), Reply((b"+OK\r\n", 3000 * b"x")))

#: What long runs have found, on either side.
FOUND = [
    ("stream", (Step("_putcmd", ("A",), Reply((), "eof")), Step("file.readline"), USER)),
    ("foreign", (Step("noop", (), Reply((), "reset")), LINE, USER, LINE)),
    ("tcp", (Step("_getline", (), Reply((b"+",), "reset")), USER, LINE, USER)),
    ("foreign", (Step("_getline", (), Reply((), "eof")), Step("list", (5000 * "x",)), USER)),
    ("double", (Step("file.readline", (), Reply((b"a",))), LONG_LINE)),
    ("tcp", (Step("noop", (), Reply((b"+OK\r\n", 9000 * b"x"), "reset")), Step("_getlongresp"))),
]


@pytest.mark.parametrize("wire, steps", FOUND)
def test_what_was_found(wire, steps):
    assert compare.check(poplib_c, Example(OK, steps, wire)) in [
        ("none",),
        ("long_message_lines",),
    ]


@pytest.mark.parametrize("wire", ["packets", "stream", "tcp"])
def test_every_segmentation_of_a_reply(wire):
    octets = b"+OK\r\n..a\r\n\r\n.\r\n"
    for place in range(1, len(octets)):
        for end in (place + 1, len(octets)):
            parts = tuple(filter(None, (octets[:place], octets[place:end], octets[end:])))
            steps = (Step("retr", (1,), Reply(parts)), Step("noop", (), OK))
            example = Example(OK, steps, wire)
            assert compare.check(poplib_c, example) == ("none",)


def test_examples_say_how_to_be_played_again():
    reply = Reply((b"+OK" + 50 * b"x", b"", 41 * b"\n" + b"\0"), "eof")
    steps = (Step("retr", ((1,),), reply, early=True),)
    example = Example(reply, steps, "tcp", frozenset({"close"}))
    again = eval(repr(example), {"Example": Example, "Reply": Reply, "Step": Step})
    assert again == example
    assert dataclasses.astuple(again) == dataclasses.astuple(example)
    assert "50 * b'x'" in repr(example)
