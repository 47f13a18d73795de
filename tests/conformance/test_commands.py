"""Every command: what it sends, what it returns, what it takes as arguments."""

import inspect

import pytest
from links import ALL_LINKS, through
from scripted import C, S

OK = b"+OK done"

SHORT = [
    ("user", ("alice",), "USER alice"),
    ("pass_", ("wonder land",), "PASS wonder land"),
    ("rpop", ("alice",), "RPOP alice"),
    ("list", (1,), "LIST 1"),
    ("uidl", (1,), "UIDL 1"),
    ("dele", (1,), "DELE 1"),
    ("noop", (), "NOOP"),
    ("rset", (), "RSET"),
    ("quit", (), "QUIT"),
    ("utf8", (), "UTF8"),
]

LONG = [
    ("list", (), "LIST"),
    ("uidl", (), "UIDL"),
    ("retr", (1,), "RETR 1"),
    ("top", (1, 10), "TOP 1 10"),
]

KEYWORDS = [
    ("user", {"user": "alice"}, "USER alice"),
    ("pass_", {"pswd": "secret"}, "PASS secret"),
    ("rpop", {"user": "alice"}, "RPOP alice"),
    ("list", {"which": 2}, "LIST 2"),
    ("uidl", {"which": 2}, "UIDL 2"),
    ("dele", {"which": 2}, "DELE 2"),
    ("retr", {"which": 2}, "RETR 2"),
    ("top", {"which": 2, "howmuch": 0}, "TOP 2 0"),
    ("top", {"howmuch": 0, "which": 2}, "TOP 2 0"),
]


class Number:
    def __str__(self):
        return "7"


class Text(str):
    def __str__(self):
        return "7"


FORMATTED = [
    (1, "1"),
    ("1", "1"),
    (0, "0"),
    (-1, "-1"),
    (True, "True"),
    (10**30, "1" + 30 * "0"),
    (1.5, "1.5"),
    (b"1", "b'1'"),
    ([1], "[1]"),
    ({}, "{}"),
    ("", ""),
    (" 1 ", " 1 "),
    ("100%s", "100%s"),
    (Number(), "7"),
    (Text("1"), "7"),
    ("J\xfcrgen \u20ac \U0001f4ee", "J\xfcrgen \u20ac \U0001f4ee"),
]


def names(cases):
    return [f"{case[0]}{len(case[1])}" for case in cases]


@pytest.mark.row("Methods", "Results")
@pytest.mark.parametrize("name, arguments, wire", SHORT, ids=names(SHORT))
def test_short_command(talk, name, arguments, wire):
    with talk(C(wire), S("+OK done")) as client:
        result = getattr(client, name)(*arguments)
        assert result == OK and type(result) is bytes


@pytest.mark.parametrize("name, arguments, wire", SHORT + LONG, ids=names(SHORT + LONG))
def test_command_refused(pop, talk, name, arguments, wire):
    steps = [C(wire), S("-ERR not now")]
    if name != "quit":
        steps += [C("NOOP"), S("+OK done")]
    with talk(*steps) as client:
        with pytest.raises(pop.error_proto) as caught:
            getattr(client, name)(*arguments)
        assert caught.value.args == (b"-ERR not now",)
        if name != "quit":
            assert client.noop() == OK


@pytest.mark.row("Methods", "Results")
@pytest.mark.parametrize("name, arguments, wire", LONG, ids=names(LONG))
def test_long_command(talk, name, arguments, wire):
    with talk(C(wire), S("+OK done", "1 120", "", "2 200", ".")) as client:
        result = getattr(client, name)(*arguments)
    assert type(result) is tuple
    response, lines, octets = result
    assert (type(response), type(lines), type(octets)) == (bytes, list, int)
    assert {type(line) for line in lines} == {bytes}
    assert result == (OK, [b"1 120", b"", b"2 200"], 7 + 2 + 7)


def test_long_reply_without_lines(talk):
    with talk(C("LIST"), S("+OK done", ".")) as client:
        assert client.list() == (OK, [], 0)


@pytest.mark.row("Results")
def test_each_result_is_a_new_list(talk):
    reply = S("+OK done", ".")
    with talk(C("LIST"), reply, C("LIST"), reply) as client:
        assert client.list()[1] is not client.list()[1]


@pytest.mark.row("Methods")
@pytest.mark.parametrize("name, keywords, wire", KEYWORDS, ids=[case[2] for case in KEYWORDS])
def test_keyword_arguments(offline, name, keywords, wire):
    client = offline(b"+OK done\r\n.\r\n")
    getattr(client, name)(**keywords)
    assert client.sock.sent == [wire.encode() + b"\r\n"]


@pytest.mark.row("Methods")
def test_keyword_arguments_of_apop_and_set_debuglevel(offline):
    client = offline(b"+OK done\r\n")
    client.welcome = b"+OK <1896.697170952@dbc.mtview.ca.us>"
    client.apop(password="tanstaaf", user="mrose")
    assert client.sock.sent == [b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"]
    client.set_debuglevel(level=2)
    assert client._debugging == 2


def kinds(cases):
    return [f"{type(argument).__name__} {text!a}" for argument, text in cases]


@pytest.mark.row("Arguments")
@pytest.mark.parametrize("argument, text", FORMATTED, ids=kinds(FORMATTED))
def test_arguments_are_formatted_by_percent_s(offline, argument, text):
    for name in ("user", "pass_", "rpop", "list", "uidl", "dele", "retr"):
        client = offline(b"+OK done\r\n.\r\n")
        getattr(client, name)(argument)
        verb = name.rstrip("_").upper()
        assert client.sock.sent == [f"{verb} {text}\r\n".encode()]


def test_both_arguments_of_top_are_formatted(offline):
    client = offline(b"+OK done\r\n.\r\n")
    client.top(Number(), (1, 2))
    assert client.sock.sent == [b"TOP 7 (1, 2)\r\n"]


def test_none_is_an_argument_but_of_list_and_uidl(offline):
    client = offline(b"+OK done\r\n.\r\n")
    client.retr(None)
    assert client.sock.sent == [b"RETR None\r\n"]
    for name in ("list", "uidl"):
        client = offline(b"+OK done\r\n.\r\n")
        assert getattr(client, name)(None) == (OK, [], 0)
        assert client.sock.sent == [name.upper().encode() + b"\r\n"]


@pytest.mark.parametrize("name", ["user", "pass_", "rpop", "list", "uidl", "dele", "retr"])
def test_a_tuple_holds_the_arguments_of_the_format(offline, name):
    client = offline(b"+OK done\r\n.\r\n")
    method = getattr(client, name)
    for wrong in ((), (1, 2)):
        with pytest.raises(TypeError):
            method(wrong)
    assert client.sock.sent == []
    method((1,))
    assert client.sock.sent == [f"{name.rstrip('_').upper()} 1\r\n".encode()]


def test_an_argument_that_cannot_be_formatted(talk):
    class Broken:
        def __str__(self):
            raise LookupError("no text")

    with talk(C("NOOP"), S("+OK done")) as client:
        with pytest.raises(LookupError, match="no text"):
            client.retr(Broken())
        assert client.noop() == OK


def test_an_argument_that_cannot_be_encoded(talk):
    with talk(C("NOOP"), S("+OK done")) as client:
        with pytest.raises(UnicodeEncodeError):
            client.user("\udcff")
        assert client.noop() == OK


@pytest.mark.parametrize("text", ["~", "\x80", "\x85", "\xa0", "\u2028", "\ufeff"])
def test_characters_that_are_no_controls_of_ascii(offline, text):
    client = offline(b"+OK done\r\n")
    client.pass_(text)
    assert client.sock.sent == [b"PASS " + text.encode() + b"\r\n"]


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("user", ()),
        ("user", ("a", "b")),
        ("pass_", ()),
        ("pass_", ("a", "b")),
        ("rpop", ()),
        ("apop", ("alice",)),
        ("apop", ("alice", "secret", "more")),
        ("stat", (1,)),
        ("list", (1, 2)),
        ("retr", ()),
        ("retr", (1, 2)),
        ("dele", ()),
        ("top", (1,)),
        ("top", (1, 2, 3)),
        ("uidl", (1, 2)),
        ("noop", (1,)),
        ("rset", (1,)),
        ("quit", (1,)),
        ("utf8", (1,)),
        ("capa", (1,)),
        ("close", (1,)),
        ("getwelcome", (1,)),
        ("set_debuglevel", ()),
        ("set_debuglevel", (1, 2)),
        ("_putcmd", ()),
        ("_putline", ()),
        ("_getline", (1,)),
        ("_getresp", (1,)),
        ("_getlongresp", (1,)),
        ("_shortcmd", ()),
        ("_longcmd", ("LIST", "1")),
        ("_create_socket", ()),
    ],
)
def test_wrong_number_of_arguments(offline, name, arguments):
    client = offline(b"+OK\r\n")
    with pytest.raises(TypeError):
        getattr(client, name)(*arguments)
    assert client.sock.sent == []


@pytest.mark.parametrize(
    "name, keywords",
    [
        ("user", {"name": "alice"}),
        ("pass_", {"password": "secret"}),
        ("list", {"msg": 1}),
        ("retr", {"which": 1, "howmuch": 1}),
        ("noop", {"which": 1}),
    ],
)
def test_unknown_keyword_argument(offline, name, keywords):
    client = offline(b"+OK\r\n")
    with pytest.raises(TypeError):
        getattr(client, name)(**keywords)
    with pytest.raises(TypeError):
        client.retr(1, which=1)
    assert client.sock.sent == []


METHODS = {
    "_create_socket": "timeout",
    "_putline": "line",
    "_putcmd": "line",
    "_getline": "",
    "_getresp": "",
    "_getlongresp": "",
    "_shortcmd": "line",
    "_longcmd": "line",
    "getwelcome": "",
    "set_debuglevel": "level",
    "user": "user",
    "pass_": "pswd",
    "stat": "",
    "list": "which=None",
    "retr": "which",
    "dele": "which",
    "noop": "",
    "rset": "",
    "quit": "",
    "close": "",
    "rpop": "user",
    "apop": "user password",
    "top": "which howmuch",
    "uidl": "which=None",
    "utf8": "",
    "capa": "",
}


def spell(parameters):
    return " ".join(
        p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters
    )


@pytest.mark.row("Signatures")
@pytest.mark.parametrize("name", METHODS)
def test_signature_of_a_method(pop, offline, name):
    parameters = list(inspect.signature(getattr(pop.POP3, name)).parameters.values())
    assert parameters[0].name == "self"
    assert spell(parameters[1:]) == METHODS[name]
    bound = inspect.signature(getattr(offline(), name)).parameters.values()
    assert spell(bound) == METHODS[name]
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in bound)


@pytest.mark.parametrize("name", METHODS)
def test_name_of_a_method(pop, name):
    method = getattr(pop.POP3, name)
    assert method.__name__ == name
    assert method.__qualname__ == f"POP3.{name}"


@pytest.mark.row("Results", "An odd drop listing")
@pytest.mark.parametrize(
    "reply, result",
    [
        ("+OK 2 320", (2, 320)),
        ("+OK 0 0", (0, 0)),
        ("+OK 3 0", (3, 0)),
        ("+OK 2 320 (octets)", (2, 320)),
        ("+OK\t2   320  ", (2, 320)),
        ("+ 2 320", (2, 320)),
        ("+ERR 2 320", (2, 320)),
        ("+OK 1000000000 123456789012345678901234567890", (10**9, 123456789012345678901234567890)),
        ("+OK -1 +007", (-1, 7)),
    ],
)
def test_stat(talk, reply, result):
    with talk(C("STAT"), S(reply)) as client:
        got = client.stat()
    assert got == result
    assert type(got) is tuple
    assert {type(number) for number in got} == {int}


@pytest.mark.row("Results")
@pytest.mark.parametrize(
    "lines, result",
    [
        ([], {}),
        (["TOP"], {"TOP": []}),
        (["SASL PLAIN  CRAM-MD5\tLOGIN "], {"SASL": ["PLAIN", "CRAM-MD5", "LOGIN"]}),
        (["A\x0bB\x1fC\x0c"], {"A": ["B", "C"]}),
        (["EXPIRE 7", "EXPIRE NEVER"], {"EXPIRE": ["NEVER"]}),
        (["top", "UIDL", "X-Y"], {"top": [], "UIDL": [], "X-Y": []}),
        (
            ["IMPLEMENTATION Cyrus POP3 server v2.2.12", "LOGIN-DELAY 0"],
            {"IMPLEMENTATION": ["Cyrus", "POP3", "server", "v2.2.12"], "LOGIN-DELAY": ["0"]},
        ),
    ],
)
def test_capa(talk, lines, result):
    with talk(C("CAPA"), S("+OK Capability list follows", *lines, ".")) as client:
        capabilities = client.capa()
    assert capabilities == result
    assert list(capabilities) == list(result)
    assert type(capabilities) is dict
    for name, arguments in capabilities.items():
        assert (type(name), type(arguments)) == (str, list)
        assert all(type(argument) is str for argument in arguments)


@pytest.mark.row("No CAPA")
def test_capa_refused(pop, talk):
    with talk(C("CAPA"), S("-ERR unknown"), C("NOOP"), S("+OK done")) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.capa()
        assert caught.value.args == ("-ERR CAPA not supported by server",)
        assert client.noop() == OK


@pytest.mark.row("Any command")
@pytest.mark.parametrize("command", ["XSENDER 1", "LAST", "XMSG", "AUTH XOAUTH2", "", "x", "*"])
def test_raw_short_command(talk, command):
    with talk(C(command), S("+OK done")) as client:
        assert client._shortcmd(command) == OK


@pytest.mark.row("Any command")
@pytest.mark.parametrize("command", ["*ENV 1", "XTND XLST From", "LIST 1", "", "x"])
def test_raw_long_command(talk, command):
    with talk(C(command), S("+OK done", "1", ".")) as client:
        assert client._longcmd(command) == (OK, [b"1"], 3)


@pytest.mark.row("The manual's example")
@through(*ALL_LINKS)
def test_a_session(talk):
    """The manual's example."""
    steps = [
        *(C("USER mrose"), S("+OK mrose is a real hoopy frood")),
        *(C("PASS secret"), S("+OK mrose's maildrop has 2 messages (320 octets)")),
        *(C("LIST"), S("+OK 2 messages (320 octets)", "1 120", "2 200", ".")),
        *(C("RETR 1"), S("+OK 120 octets", "Subject: one", "", "1", ".")),
        *(C("RETR 2"), S("+OK 200 octets", "Subject: two", "", "2", ".")),
        *(C("QUIT"), S("+OK dewey POP3 server signing off")),
    ]
    with talk(*steps) as client:
        client.user("mrose")
        client.pass_("secret")
        count = len(client.list()[1])
        messages = [line for number in range(count) for line in client.retr(number + 1)[1]]
        client.quit()
    assert messages == [b"Subject: one", b"", b"1", b"Subject: two", b"", b"2"]
