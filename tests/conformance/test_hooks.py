"""The private methods: their shapes, who calls whom, and what happens when they are replaced.

``CALLS`` is poplib's call graph.  Each command runs with each of the methods replaced alone,
so that whatever the others do, the replaced one is called as often and in the same order, and
with all of them replaced at once.
"""

import contextlib
import time
from unittest import mock

import pytest
from links import through
from scripted import C, Pause, S, play

HOOKS = [
    "_putline",
    "_putcmd",
    "_getline",
    "_getresp",
    "_getlongresp",
    "_shortcmd",
    "_longcmd",
    "close",
]

LINES = 2


def short(wire):
    return [
        ("_shortcmd", wire),
        ("_putcmd", wire),
        ("_putline", wire.encode()),
        ("_getresp",),
        ("_getline",),
    ]


def long(wire):
    return [
        ("_longcmd", wire),
        ("_putcmd", wire),
        ("_putline", wire.encode()),
        ("_getlongresp",),
        ("_getresp",),
        ("_getline",),
        *(LINES + 1) * [("_getline",)],
    ]


DIGEST = "c4c9334bac560ecc979e58001b3e22fb"

#: Command, its arguments, and the calls it makes.
CALLS = [
    ("user", ("mrose",), short("USER mrose")),
    ("pass_", ("secret",), short("PASS secret")),
    ("rpop", ("mrose",), short("RPOP mrose")),
    ("apop", ("mrose", "tanstaaf"), short(f"APOP mrose {DIGEST}")),
    ("stat", (), short("STAT")),
    ("list", (1,), short("LIST 1")),
    ("list", (), long("LIST")),
    ("uidl", (1,), short("UIDL 1")),
    ("uidl", (), long("UIDL")),
    ("retr", (1,), long("RETR 1")),
    ("top", (1, 0), long("TOP 1 0")),
    ("dele", (1,), short("DELE 1")),
    ("noop", (), short("NOOP")),
    ("rset", (), short("RSET")),
    ("utf8", (), short("UTF8")),
    ("capa", (), long("CAPA")),
    ("quit", (), [*short("QUIT"), ("close",)]),
    ("_shortcmd", ("LAST",), short("LAST")),
    ("_longcmd", ("XTND XLST",), long("XTND XLST")),
    ("close", (), [("close",)]),
]


def recorder(name, original, calls, skip=0):
    """A function that notes its call, and then does what the original does."""

    def noted(*arguments):
        calls.append((name, *arguments[skip:]))
        return original(*arguments)

    return noted


@contextlib.contextmanager
def in_a_subclass(pop, names, calls):
    def through_super(name):
        def noted(self, *arguments):
            calls.append((name, *arguments))
            return getattr(super(Noted, self), name)(*arguments)

        return noted

    Noted = type("Noted", (pop.POP3,), {name: through_super(name) for name in names})
    yield Noted, lambda client: None


@contextlib.contextmanager
def on_the_class(pop, names, calls):
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            original = getattr(pop.POP3, name)
            patch.setattr(pop.POP3, name, recorder(name, original, calls, skip=1))
        yield pop.POP3, lambda client: None


@contextlib.contextmanager
def on_the_instance(pop, names, calls):
    def replace(client):
        for name in names:
            setattr(client, name, recorder(name, getattr(client, name), calls))

    yield pop.POP3, replace


WAYS = [in_a_subclass, on_the_class, on_the_instance]


def script(calls):
    steps = []
    for call in calls:
        if call[0] == "_putline":
            multiline = ("_getlongresp",) in calls
            steps = [C(call[1]), S("+OK 2 320", *["a", "..b", "."] * multiline)]
    return steps


@pytest.mark.row("Private methods", "Overridden methods", "Own _getline")
@through("plain", "tls")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name, arguments, calls", CALLS, ids=[repr(call[:2]) for call in CALLS])
def test_calls_of_a_command(pop, link, way, name, arguments, calls):
    plain = outcome(pop, link, way, (), name, arguments, calls, [])
    for names in [HOOKS, *([hook] for hook in HOOKS)]:
        expected = [call for call in calls if call[0] in names]
        assert outcome(pop, link, way, names, name, arguments, calls, expected) == plain


def outcome(pop, link, way, names, name, arguments, calls, expected):
    """The command's result, after checking which of the replaced methods were called."""
    noted = []
    with contextlib.ExitStack() as stack:
        cls, prepare = stack.enter_context(way(pop, names, noted))
        greeting = "+OK <1896.697170952@dbc.mtview.ca.us>"
        server = stack.enter_context(link.play(*script(calls), greeting=greeting))
        client = link.connect(server, cls)
        stack.callback(pop.POP3.close, client)
        prepare(client)
        noted.clear()
        result = getattr(client, name)(*arguments)
        assert noted == expected, names
    return result


@pytest.mark.row("Private methods")
@pytest.mark.parametrize("way", [in_a_subclass, on_the_class], ids=lambda way: way.__name__)
def test_calls_of_the_constructor(pop, link, way):
    expected = [("_create_socket", 5), ("_getresp",), ("_getline",)]
    for names in [[*HOOKS, "_create_socket"], *([call[0]] for call in expected)]:
        noted = []
        with way(pop, names, noted) as (cls, _), link.play() as server:
            client = link.connect(server, cls)
            assert noted == [call for call in expected if call[0] in names]
            assert client.welcome == b"+OK ready"
            client.close()


@pytest.mark.row("Private methods")
def test_shapes_of_the_private_methods(talk):
    steps = [
        *(C("A"), C("B"), S("+OK a", "a line")),
        *(C("C"), S("+OK c", "1", "22", ".")),
        *(C("D"), S("+OK d"), C("E"), S("+OK e", "..", ".")),
    ]
    with talk(*steps) as client:
        assert client._putline(b"A") is None
        assert client._putcmd("B") is None
        assert client._getresp() == b"+OK a"
        line, octets = client._getline()
        assert (line, octets) == (b"a line", 8)
        assert (type(line), type(octets)) == (bytes, int)
        client._putcmd("C")
        assert client._getlongresp() == (b"+OK c", [b"1", b"22"], 7)
        assert client._shortcmd("D") == b"+OK d"
        assert client._longcmd("E") == (b"+OK e", [b"."], 3)


def test_getline_reads_a_reply_line_by_line(talk):
    with talk(C("RETR 1"), S("+OK", "..a", "", "."), C("NOOP"), S("+OK done")) as client:
        client._putcmd("RETR 1")
        lines = [client._getline() for _ in range(4)]
        assert lines == [(b"+OK", 5), (b"..a", 5), (b"", 2), (b".", 3)]
        assert client.noop() == b"+OK done"


@pytest.mark.row("Own _getline")
def test_getline_overridden_to_measure_time(pop, talk):
    class Timed(pop.POP3):
        lines, seconds = 0, 0.0

        def _getline(self):
            begin = time.monotonic()
            try:
                return super()._getline()
            finally:
                self.lines += 1
                self.seconds += time.monotonic() - begin

    with talk(C("LIST"), Pause(0.1), S("+OK", "1 2", "."), cls=Timed) as client:
        assert client.list() == (b"+OK", [b"1 2"], 5)
        assert client.lines == 4
        assert client.seconds >= 0.05


def test_create_socket_called_directly(pop):
    client = pop.POP3.__new__(pop.POP3)
    with play() as server:
        client.host, client.port = server.host, server.port
        sock = client._create_socket(3)
        assert sock.gettimeout() == 3
        assert sock.getpeername() == (server.host, server.port)
        sock.close()


@pytest.mark.parametrize("line", [b"NOOP", 5, None, ["NOOP"]])
@pytest.mark.parametrize("name", ["_putcmd", "_shortcmd", "_longcmd"])
def test_a_command_that_is_no_text(offline, name, line):
    client = offline(b"+OK\r\n")
    with pytest.raises(TypeError):
        getattr(client, name)(line)
    assert client.sock.sent == []


@pytest.mark.parametrize("line", ["NOOP", 5, None])
def test_a_line_that_is_no_bytes(offline, line):
    client = offline()
    with pytest.raises(TypeError):
        client._putline(line)
    assert client.sock.sent == []


def test_putline_sends_anything_as_it_is(offline):
    client = offline()
    client._putline(b"A\r\nB\x00")
    client._putline(bytearray(b"C"))
    client._putline(b"")
    assert client.sock.sent == [b"A\r\nB\x00\r\n", b"C\r\n", b"\r\n"]


@pytest.mark.row("Private methods")
@pytest.mark.parametrize("line", ["NOOP", "J\xfcrgen"])
def test_private_methods_take_keywords(offline, line):
    client = offline(b"+OK\r\n+OK\r\n.\r\n")
    client._putcmd(line=line)
    client._putline(line=line.encode())
    client._shortcmd(line=line)
    client._longcmd(line=line)
    assert client.sock.sent == 4 * [line.encode() + b"\r\n"]


def test_putcmd_overridden_to_rewrite_commands(pop, talk):
    class Upper(pop.POP3):
        def _putcmd(self, line):
            super()._putcmd(line.upper())

    with talk(C("USER ALICE"), S("+OK"), cls=Upper) as client:
        assert client.user("alice") == b"+OK"


@pytest.mark.row("Own _getline")
def test_getline_overridden_with_lines_of_its_own(pop, talk):
    class Canned(pop.POP3):
        lines = iter([(b"+OK", 3), (b"a", 100), (b"..b", 10), (b"", 7), (b".", 5), (b"-no", 3)])

        def _getline(self):
            return super()._getline() if self.__dict__.get("welcome") is None else next(self.lines)

    with talk(C("RETR 1"), C("NOOP"), cls=Canned) as client:
        assert client.retr(1) == (b"+OK", [b"a", b".b", b""], 116)
        with pytest.raises(pop.error_proto) as caught:
            client.noop()
        assert caught.value.args == (b"-no",)


def test_results_of_overridden_methods_are_handed_on(pop, offline):
    marker = object()

    class Own(pop.POP3):
        def _getresp(self):
            return marker

        def _getlongresp(self):
            return [marker]

    client = offline(cls=Own)
    assert client.noop() is client.dele(1) is client._shortcmd("X") is marker
    assert client.retr(1) == client.list() == client._longcmd("X") == [marker]


@pytest.mark.parametrize("response", [b"+OK 2 320", "+OK 2 320"])
def test_shortcmd_overridden_answers_stat(offline, response):
    client = offline()
    client._shortcmd = mock.Mock(return_value=response)
    assert client.stat() == (2, 320)
    assert client._shortcmd.mock_calls == [mock.call("STAT")]


def test_longcmd_overridden_answers_capa(offline):
    client = offline()
    client._longcmd = mock.Mock(return_value=(b"+OK", [b"TOP", b"SASL PLAIN"], 17))
    assert client.capa() == {"TOP": [], "SASL": ["PLAIN"]}
    assert client._longcmd.mock_calls == [mock.call("CAPA")]


@pytest.mark.row("Overridden methods", "Patched classes")
def test_class_patched_with_a_mock(pop, offline):
    client = offline()
    with mock.patch.object(pop.POP3, "_shortcmd", return_value=b"+OK patched") as patched:
        assert client.noop() == b"+OK patched"
    assert patched.mock_calls == [mock.call("NOOP")]
    assert client.sock.sent == []


@pytest.mark.row("Overridden methods")
def test_descriptors_of_any_kind(pop, offline):
    class Odd(pop.POP3):
        _getresp = staticmethod(lambda: b"+OK static")
        _getlongresp = classmethod(lambda cls: (cls.__name__,))
        _putcmd = property(lambda self: self.log.append)
        log = []  # noqa: RUF012

    client = offline(cls=Odd)
    assert client.noop() == b"+OK static"
    assert client.list() == ("Odd",)
    assert client.log == ["NOOP", "LIST"]


@pytest.mark.parametrize("name", ["_putline", "_putcmd", "_getresp", "_shortcmd"])
def test_errors_of_an_overridden_method_pass_through(talk, name):
    with talk() as client:
        setattr(client, name, mock.Mock(side_effect=LookupError("no")))
        if name == "_getresp":
            client._putcmd = mock.Mock()
        with pytest.raises(LookupError, match="no"):
            client.noop()


def test_an_error_after_the_reply_leaves_the_connection_usable(pop, talk):
    class Picky(pop.POP3):
        def _shortcmd(self, line):
            response = super()._shortcmd(line)
            if line == "DELE 1":
                raise LookupError(response)
            return response

    steps = (C("DELE 1"), S("+OK gone"), C("NOOP"), S("+OK done"))
    with talk(*steps, cls=Picky) as client:
        with pytest.raises(LookupError):
            client.dele(1)
        assert client.noop() == b"+OK done"


@pytest.mark.row("Overridden methods")
def test_hooks_taken_away_again(talk):
    """Replaced and restored between two commands."""
    steps = (C("A"), S("+OK a"), C("B"), S("+OK b"), C("C"), S("+OK c"))
    with talk(*steps) as client:
        assert client._shortcmd("A") == b"+OK a"
        client._getline = lambda: (client.file.readline()[:-2] + b"!", 0)
        assert client._shortcmd("B") == b"+OK b!"
        del client._getline
        assert client._shortcmd("C") == b"+OK c"


def test_commands_call_no_other_public_method(pop, talk):
    class Strict(pop.POP3):
        def close(self):
            self.closed = True
            super().close()

        def getwelcome(self):
            raise AssertionError("not poplib's call graph")

        stat = list = noop = getwelcome

    with talk(C("RETR 1"), S("+OK", "."), C("QUIT"), S("+OK"), cls=Strict) as client:
        client.retr(1)
        client.quit()
        assert client.closed


def test_shortcmd_overridden_with_the_methods_below(pop, talk):
    class Own(pop.POP3):
        def _shortcmd(self, line):
            self._putcmd(line)
            self._putcmd(line)
            return self._getresp(), self._getresp()

        def _longcmd(self, line):
            self._putcmd(line)
            return self._getresp(), self._getline(), self._getline()

    steps = (C("NOOP"), C("NOOP"), S("+OK a", "+OK b"), C("LIST"), S("+OK", "1 120", "."))
    with talk(*steps, cls=Own) as client:
        assert client.noop() == (b"+OK a", b"+OK b")
        assert client.list() == (b"+OK", (b"1 120", 7), (b".", 3))


def test_commands_within_commands(pop, talk):
    """Before a line is sent, and after a reply was read, others have their turn."""

    class Chatty(pop.POP3):
        def _putcmd(self, line):
            if line == "NOOP":
                assert self.stat() == (2, 320)
            super()._putcmd(line)

        def _getresp(self):
            response = super()._getresp()
            if response == b"+OK noop":
                assert self.list() == (b"+OK list", [b"1 120"], 7)
            return response

        def _getlongresp(self):
            reply = super()._getlongresp()
            assert self.rset() == b"+OK reset"
            return reply

    steps = [C("STAT"), S("+OK 2 320"), C("NOOP"), S("+OK noop")]
    steps += [C("LIST"), S("+OK list", "1 120", "."), C("RSET"), S("+OK reset")]
    with talk(*steps, cls=Chatty) as client:
        assert client.noop() == b"+OK noop"


def test_command_after_a_refusal(pop, talk):
    class Retrying(pop.POP3):
        def _getresp(self):
            try:
                return super()._getresp()
            except pop.error_proto as error:
                if error.args != (b"-ERR [AUTH] log in",):
                    raise
                self.user("mrose")
                self._putcmd("LIST")
                return super()._getresp()

    steps = [C("LIST"), S("-ERR [AUTH] log in"), C("USER mrose"), S("+OK")]
    steps += [C("LIST"), S("+OK", "1 120", ".")]
    with talk(*steps, cls=Retrying) as client:
        assert client.list() == (b"+OK", [b"1 120"], 7)


@pytest.mark.parametrize("name", ["_shortcmd", "_putcmd", "_putline", "_getresp", "_getline"])
def test_attributes_replaced_while_a_hook_is_looked_up(offline, name):
    """Keys of the __dict__ may be any, and compare themselves."""

    class Key:
        def __hash__(self):
            return hash(name)

        def __eq__(self, other):
            if armed:
                armed.clear()
                fillers.clear()
                client.__dict__ = dict.copy(attributes)
            return False

    client = offline(b"+OK done\r\n")
    attributes, armed = dict(vars(client)), []
    fillers = [{} for _ in range(500)]
    for _ in range(5):
        vars(client)[Key()] = 1
    armed.append(True)
    assert client.noop() == b"+OK done"
