"""Strategies: transcripts of servers good, odd and broken, and calls good, odd and wrong."""

from hypothesis import strategies as st

from .transcript import ENDS, HOOKS, Example, Reply, Step

# --- what a server says --------------------------------------------------------------------
#
# A choice costs far more time than the octets it is among, so whole lines are chosen among.

LINE_ENDS = [b"\n", b"\n", b"\n\r", b"\r\r\n", b"\r", b"\0\n", b"", b"\r\n\n"]

STATUS = [
    *(b"+OK done", b"+OK 2 320", b"+OK 1 whqtswO00WBw418f9t5JxYwZ", b"+OK 0 0", b"+OK  2\t3 x"),
    *(b"+OK 2", b"+OK two 3", b"+OK 2 3.5", b"+OK +2 -3", b"+OK 1_0 3", b"+OK \xff \xff", b"+OK"),
    *(b"+OK <1896.697170952@dbc.mtview.ca.us>", b"+OK<a@b>", b"+OK <<a> <b>>", b"+OK < >"),
    *(b"+", b"+ ", b"+ok", b"+ERR boom", b"+OK\0", b"+OK \xc3\xa9", b"\r+OK", b"+OK\r", b" +OK"),
    *(b"-ERR no", b"-ERR", b"-", b"-ERR [IN-USE] busy", b"-ERR \xff", b"\r-ERR", b"-err no"),
    *(b"", b".", b"OK", b"ok", b"* OK", b"\0", b"\r", b"\n", b"a", b"220 ready"),
]

BODY = [
    *2 * [b"..", b"..a", b"..."],
    *(b"a", b"Subject: hello", b"1 120", b"2 200 x", b"1 uid", b"TOP", b"SASL PLAIN LOGIN"),
    *(b"", b" ", b"\t", b"..", b"...", b"..a", b".a", b". ", b". .", b".\t", b".\0", b"\r."),
    *(b"\r", b"\r\r", b"\ra", b"a\r", b"\0", b"\xff\xfe", b"caf\xe9", b"\x1a", b"+OK", b"-ERR"),
    *(b"IMPLEMENTATION \xc3\xa9", b"a" * 76, b"\r..", b"..\r", b"EXPIRE 0\x1fUSER", b"\x85 \xa0"),
]

SIZES = [size + more for size in (10, 2048, 4096, 8192, 16384) for more in range(-3, 3)]
LONG = [
    first.ljust(size, filler)
    for size in SIZES
    for first, filler in zip([b"+", b"", b"..", b"\r", b"+OK <"], [b"x", b"x", b".", b" ", b"<"])
]


def lines(texts):
    """Each text as a line, ended as it should be in two of three."""
    good = 2 * len(LINE_ENDS) * [b"\r\n"]
    return [text + end for text in texts for end in (*good, *LINE_ENDS)]


def among(*weighed):
    """A choice among lists, each with the weight that precedes it."""
    weights, lists = weighed[::2], weighed[1::2]
    numbers = [number for number, weight in enumerate(weights) for _ in range(weight)]
    choices = [st.sampled_from(range(len(values))).map(values.__getitem__) for values in lists]
    return st.sampled_from(numbers).flatmap(choices.__getitem__)


LONG_LINES = [text + end for text in LONG for end in (b"\r\n", b"\n", b"")]
ONE_LINE = among(9, lines(STATUS), 1, LONG_LINES)
SHORT_REPLY = among(12, [b"+OK done\r\n"], 6, lines(STATUS), 1, LONG_LINES)
STAT_REPLY = among(10, [b"+OK 2 320\r\n"], 10, lines(STATUS[:11]), 3, lines(STATUS))
FIRST_LINE = among(20, [b"+OK\r\n"], 6, lines(STATUS), 1, LONG_LINES)
BODY_LINE = among(12, lines(BODY), 1, LONG_LINES)
TERMINATOR = st.sampled_from(
    [*24 * [b".\r\n"], b".\n", b". \r\n", b".", b"", b"\r.\n", b".\r\r\n"]
)
LONG_REPLY = st.tuples(FIRST_LINE, st.lists(BODY_LINE, max_size=4).map(b"".join), TERMINATOR).map(
    b"".join
)
BROKEN = st.one_of(ONE_LINE, LONG_REPLY, st.binary(max_size=20))

#: What becomes of a reply: its octets, the end of the stream, and its segments.
FATES = [
    *([("whole", None, "one")] * 60),
    *([("whole", None, "two")] * 8),
    *([("whole", None, "several")] * 8),
    *([("whole", None, "each")] * 4),
    *(("whole", end, "one") for end in ENDS),
    *([("part", "eof", "one")] * 4),
    *(("part", end, "two") for end in (None, "reset")),
    *([("more", None, "one")] * 3),
    *([("other", None, "two")] * 3),
    ("none", None, "one"),
    ("none", "eof", "one"),
]


@st.composite
def replies(draw, whole):
    """A reply in segments; most often the whole of it, else with more, less or nothing."""
    octets = draw(whole)
    kind, end, cut = draw(st.sampled_from(FATES))
    if kind == "part":
        octets = octets[: draw(st.integers(0, len(octets)))]
    elif kind == "more":
        octets += draw(BROKEN)
    elif kind == "other":
        octets = draw(BROKEN)
    elif kind == "none":
        octets = b""
    return Reply(draw(segments(octets, cut)), end)


@st.composite
def segments(draw, octets, cut):
    if not octets:
        return ()
    places = st.integers(1, len(octets))
    if cut == "one":
        cuts = ()
    elif cut == "two":
        cuts = (draw(places),)
    else:
        cuts = range(1, 9) if cut == "each" else draw(st.lists(places, max_size=4))
    edges = sorted({0, *(place for place in cuts if place < len(octets)), len(octets)})
    return tuple(octets[start:end] for start, end in zip(edges, edges[1:]))


GREETING = among(20, [b"+OK ready\r\n"], 10, lines(STATUS[:16]), 3, lines(STATUS), 1, LONG_LINES)
GREETINGS = st.one_of(*4 * [GREETING.map(lambda octets: Reply((octets,)))], replies(GREETING))

# --- arguments -----------------------------------------------------------------------------


class Named:
    """An argument with a name of its own: str() gives the text, or raises it."""

    def __init__(self, text):
        self.text = text

    def __str__(self):
        if isinstance(self.text, Exception):
            raise self.text
        return self.text

    def __repr__(self):
        return f"Named({self.text!r})"


class Text(str):
    """A str whose str() is another."""

    def __str__(self):
        return "other"

    def __repr__(self):
        return f"Text({str.__str__(self)!r})"


class Number(int):
    """An int that shows itself in words."""

    def __str__(self):
        return "seven"

    __repr__ = __str__


PLAIN = [1, 2, "1", "alice", "secret", 0, "99999999"]
ODD = [
    *(-1, 10**30, True, None, 1.5, "", " ", "J\xfcrgen", "\u4e2d", "\U0001f600", "%s", "a b"),
    *("\udcff", "a\r\nDELE 1", "a\n", "\r", "\t", "\0", "\x7f", "\x80", "\x1f", "\u2028"),
    *2 * [(), (1,), (1, 2)],
    *(b"1", bytearray(b"1"), (), (1,), (1, 2), ("a\n",), [1], {}, {"a": 1}, {1}, range(2)),
    *(Named("named"), Named("a\nb"), Named(LookupError("no")), Named(5), Text("text"), Number(7)),
    *(5000 * "x", int, Ellipsis, ((1,),), "a\udc80", float("nan")),
]
ARGUMENT = among(10, PLAIN, 2, ODD)
COMMAND = st.one_of(
    st.sampled_from(["NOOP", "XTND XLST", "LAST", "", "noop", "*ENV 1", "UTF8 \xe9", "A\nB"]),
    ARGUMENT,
)
OCTETS = st.one_of(
    st.sampled_from([b"NOOP", b"", b"A\r\nB", b"\0\xff", bytearray(b"A"), "NOOP", None, 3]),
    st.binary(max_size=6),
)

# --- calls ---------------------------------------------------------------------------------

READ_REPLY = st.one_of(ONE_LINE, LONG_REPLY, BODY_LINE)


@st.composite
def commands(draw, name, *arguments, reply=SHORT_REPLY):
    early = draw(st.sampled_from([*40 * [False], True]))
    return Step(name, tuple(draw(value) for value in arguments), draw(replies(reply)), early)


@st.composite
def settings(draw):
    name, values = draw(
        st.sampled_from(
            [
                ("_MAXLINE", [0, 1, 10, 64, 2048, 5000, 100_000]),
                ("encoding", ["ascii", "latin-1", "utf-16-le", "utf8", "cp037", "nonsense", None]),
                ("welcome", [b"+OK <a@b>", b"+OK", b"", "+OK <a@b>", None, b"+OK <\n>"]),
                ("_debugging", [0, 1, 2, True, 1.5, -1]),
            ]
        )
    )
    return Step("set", (name, draw(st.sampled_from(values))))


SIZED = st.sampled_from([(), (), (-1,), (0,), (1,), (3,), (100,), (None,)])
ALL_CALLS = st.one_of(
    *(commands(name, ARGUMENT) for name in ("user", "pass_", "rpop", "dele")),
    *(commands(name, ARGUMENT) for name in ("list", "uidl")),
    *(commands(name) for name in ("noop", "rset", "quit", "utf8")),
    *2 * [commands("stat", reply=STAT_REPLY)],
    *2 * [commands("apop", ARGUMENT, ARGUMENT)],
    *2 * [commands("capa", reply=LONG_REPLY)],
    *(commands(name, reply=LONG_REPLY) for name in ("list", "uidl", "stls")),
    *2 * [commands("retr", ARGUMENT, reply=LONG_REPLY)],
    commands("top", ARGUMENT, ARGUMENT, reply=LONG_REPLY),
    commands("_shortcmd", COMMAND),
    commands("_longcmd", COMMAND, reply=LONG_REPLY),
    commands("_putcmd", COMMAND, reply=READ_REPLY | st.just(b"")),
    commands("_putline", OCTETS, reply=READ_REPLY | st.just(b"")),
    *(commands(name, reply=READ_REPLY) for name in ("_getline", "_getresp", "_getlongresp")),
    st.builds(Step, st.just("file.readline"), SIZED, replies(READ_REPLY)),
    st.builds(Step, st.just("set_debuglevel"), st.tuples(st.sampled_from([0, 1, 2, 2, 3, True]))),
    settings(),
    st.just(Step("close")),
    st.just(Step("getwelcome")),
)

# --- examples ------------------------------------------------------------------------------

PLAIN_CLASS = st.just(frozenset())
HOOKED = st.one_of(
    PLAIN_CLASS,
    st.sampled_from(HOOKS).map(lambda name: frozenset({name})),
    st.sets(st.sampled_from(HOOKS)).map(frozenset),
)


def examples(wire, hooked):
    """Connections over one kind of wire, ``hooked`` with methods overridden in most."""
    hooks = HOOKED if hooked else PLAIN_CLASS
    steps = st.lists(ALL_CALLS, min_size=1, max_size=8).map(tuple)
    return st.builds(Example, GREETINGS, steps, st.just(wire), hooks)
