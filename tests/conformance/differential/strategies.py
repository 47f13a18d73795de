"""Examples at random: transcripts of servers good, odd and broken, and calls good, odd and wrong.

What makes a part of an example is a function of a random.Random. Hypothesis has one whose choices
it makes, and can make smaller; a plain one takes a tenth of the time.
"""

from hypothesis import strategies as st

from .transcript import ENDS, HOOKS, Example, Reply, Step

# --- choices -------------------------------------------------------------------------------


def among(*weighed):
    """A choice among lists, each with the weight that precedes it."""
    lists = [values for weight, values in zip(weighed[::2], weighed[1::2]) for _ in range(weight)]
    return lambda random: random.choice(random.choice(lists))


def one_of(*makers):
    return lambda random: random.choice(makers)(random)


def just(value):
    return lambda random: value


def octets(most):
    return lambda random: bytes(random.choices(range(256), k=random.randint(0, most)))


# --- what a server says --------------------------------------------------------------------

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


LONG_LINES = [text + end for text in LONG for end in (b"\r\n", b"\n", b"")]
ONE_LINE = among(9, lines(STATUS), 1, LONG_LINES)
SHORT_REPLY = among(12, [b"+OK done\r\n"], 6, lines(STATUS), 1, LONG_LINES)
STAT_REPLY = among(10, [b"+OK 2 320\r\n"], 10, lines(STATUS[:11]), 3, lines(STATUS))
FIRST_LINE = among(20, [b"+OK\r\n"], 6, lines(STATUS), 1, LONG_LINES)
BODY_LINE = among(12, lines(BODY), 1, LONG_LINES)
TERMINATOR = among(1, [*24 * [b".\r\n"], b".\n", b". \r\n", b".", b"", b"\r.\n", b".\r\r\n"])


def LONG_REPLY(random):
    body = [BODY_LINE(random) for _ in range(random.randint(0, 4))]
    return b"".join([FIRST_LINE(random), *body, TERMINATOR(random)])


BROKEN = one_of(ONE_LINE, LONG_REPLY, octets(20))

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


def reply(random, whole):
    """A reply in segments; most often the whole of it, else with more, less or nothing."""
    octets = whole(random)
    kind, end, cut = random.choice(FATES)
    if kind == "part":
        octets = octets[: random.randint(0, len(octets))]
    elif kind == "more":
        octets += BROKEN(random)
    elif kind == "other":
        octets = BROKEN(random)
    elif kind == "none":
        octets = b""
    return Reply(segments(random, octets, cut), end)


def segments(random, octets, cut):
    if not octets:
        return ()
    if cut == "one":
        cuts = ()
    elif cut == "each":
        cuts = range(1, 9)
    else:
        count = 1 if cut == "two" else random.randint(0, 4)
        cuts = [random.randint(1, len(octets)) for _ in range(count)]
    edges = sorted({0, *(place for place in cuts if place < len(octets)), len(octets)})
    return tuple(octets[start:end] for start, end in zip(edges, edges[1:]))


GREETING = among(60, [b"+OK ready\r\n"], 10, lines(STATUS[:16]), 3, lines(STATUS), 1, LONG_LINES)


def greeting(random):
    plain = random.choice([True, True, True, True, False])
    return Reply((GREETING(random),)) if plain else reply(random, GREETING)


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
COMMAND = one_of(
    among(1, ["NOOP", "XTND XLST", "LAST", "", "noop", "*ENV 1", "UTF8 \xe9", "A\nB"]),
    ARGUMENT,
)
OCTETS = one_of(
    among(1, [b"NOOP", b"", b"A\r\nB", b"\0\xff", bytearray(b"A"), "NOOP", None, 3]),
    octets(6),
)

# --- calls ---------------------------------------------------------------------------------

READ_REPLY = (ONE_LINE, LONG_REPLY, BODY_LINE)
ANY_REPLY = one_of(*READ_REPLY)
ANY_REPLY_OR_NONE = one_of(*READ_REPLY, just(b""))
SIZED = among(1, [(), (), (-1,), (0,), (1,), (3,), (100,), (None,)])
LEVELS = [0, 1, 2, 2, 3, True]
SETTINGS = [
    ("_MAXLINE", [0, 1, 10, 64, 2048, 5000, 100_000]),
    ("encoding", ["ascii", "latin-1", "utf-16-le", "utf8", "cp037", "nonsense", None]),
    ("welcome", [b"+OK <a@b>", b"+OK", b"", "+OK <a@b>", None, b"+OK <\n>"]),
    ("_debugging", [0, 1, 2, True, 1.5, -1]),
]


def command(name, *arguments, reply_of=SHORT_REPLY):
    def make(random):
        early = random.randrange(41) == 40
        values = tuple(argument(random) for argument in arguments)
        return Step(name, values, reply(random, reply_of), early)

    return make


def read_line(random):
    return Step("file.readline", SIZED(random), reply(random, ANY_REPLY))


def debug_level(random):
    return Step("set_debuglevel", (random.choice(LEVELS),))


def setting(random):
    name, values = random.choice(SETTINGS)
    return Step("set", (name, random.choice(values)))


CALL = one_of(
    *(command(name, ARGUMENT) for name in ("user", "pass_", "rpop", "dele")),
    *(command(name, ARGUMENT) for name in ("list", "uidl")),
    *(command(name) for name in ("noop", "rset", "quit", "utf8")),
    *2 * [command("stat", reply_of=STAT_REPLY)],
    *2 * [command("apop", ARGUMENT, ARGUMENT)],
    *2 * [command("capa", reply_of=LONG_REPLY)],
    *(command(name, reply_of=LONG_REPLY) for name in ("list", "uidl", "stls")),
    *2 * [command("retr", ARGUMENT, reply_of=LONG_REPLY)],
    command("top", ARGUMENT, ARGUMENT, reply_of=LONG_REPLY),
    command("_shortcmd", COMMAND),
    command("_longcmd", COMMAND, reply_of=LONG_REPLY),
    command("_putcmd", COMMAND, reply_of=ANY_REPLY_OR_NONE),
    command("_putline", OCTETS, reply_of=ANY_REPLY_OR_NONE),
    *(command(name, reply_of=ANY_REPLY) for name in ("_getline", "_getresp", "_getlongresp")),
    read_line,
    debug_level,
    setting,
    just(Step("close")),
    just(Step("getwelcome")),
)

# --- examples ------------------------------------------------------------------------------


def hooks(random):
    """None, one, or any number of them."""
    count = random.choice(["none", "one", "any"])
    if count == "any":
        return frozenset(name for name in HOOKS if random.choice([False, True]))
    return frozenset({random.choice(HOOKS)} if count == "one" else ())


def example(random, wire, hooked):
    """A connection over one kind of wire, ``hooked`` with methods overridden in most."""
    steps = tuple(CALL(random) for _ in range(random.randint(1, 8)))
    return Example(greeting(random), steps, wire, hooks(random) if hooked else frozenset())


def examples(wire, hooked):
    """A strategy of hypothesis for what example() returns."""
    randoms = st.randoms(note_method_calls=False, use_true_random=False)
    return randoms.map(lambda random: example(random, wire, hooked))
