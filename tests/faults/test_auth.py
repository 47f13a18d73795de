"""auth(): challenges and responses as RFC 5034 has them, and whatever else a server may say."""

import enum
import threading

import pytest
from scripted import Await, C, Close, S

import poplib_c
from poplib_c import error_proto, sasl

from .auth import Mechanism, b64, talk
from .support import SHORT, WAYS

# --- what is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", WAYS)
def test_challenges_are_answered(cls):
    mechanism = Mechanism(first=b"begin", answers=[b"one", "two", b"", bytearray(b"\xff")])
    steps = [C(f"AUTH X-TEST {b64(b'begin')}"), S(f"+ {b64(b'first')}"), C(b64(b"one")), S("+ ")]
    steps += [C(b64(b"two")), S("+"), C(""), S("+ AAA="), C("/w=="), S("+OK in")]
    with talk(*steps, cls=cls) as client:
        assert client.auth(mechanism) == b"+OK in"
    assert mechanism.challenges == [b"first", b"", b"", b"\0\0"]
    assert mechanism.succeeded == 1


@pytest.mark.parametrize("initial", [b"a\0b", "abc", bytearray(b"xy"), memoryview(b"xy")])
def test_a_name_and_an_initial_response(initial):
    octets = initial.encode() if isinstance(initial, str) else bytes(initial)
    with talk(C(f"AUTH PLAIN {b64(octets)}"), S("+OK")) as client:
        assert client.auth("PLAIN", initial_response=initial) == b"+OK"


class Names(str, enum.Enum):
    PLAIN = "PLAIN"


def test_a_name_that_is_the_member_of_an_enum():
    with talk(C(f"AUTH PLAIN {b64(b'x')}"), S("+OK")) as client:
        assert client.auth(Names.PLAIN, initial_response=b"x") == b"+OK"


def test_an_empty_initial_response_is_an_equals_sign():
    with talk(C("AUTH EXTERNAL ="), S("+OK")) as client:
        assert client.auth("EXTERNAL", initial_response=b"") == b"+OK"


@pytest.mark.row("The auth method")
def test_a_name_and_a_callable():
    with talk(C("AUTH LOGIN"), S("+ VXNlcjo="), C("YWxpY2U="), S("+ UGFzczo="), C("c2VjcmV0"),
              S("+OK")) as client:  # fmt: skip
        answers = {b"User:": "alice", b"Pass:": "secret"}
        assert client.auth("LOGIN", answers.__getitem__) == b"+OK"


def test_arguments_win_over_the_mechanism_s():
    mechanism = Mechanism("X", first=b"its own")
    with talk(C("AUTH X bWluZQ=="), S("+ "), C("YW5zd2Vy"), S("+OK")) as client:
        assert client.auth(mechanism, lambda challenge: b"answer", b"mine") == b"+OK"
    assert mechanism.challenges == []


def test_the_name_of_a_mechanism_without_its_initial_response():
    mechanism = Mechanism("X", first=b"its own", answers=[b"later"])
    with talk(C("AUTH X"), S("+ "), C("bGF0ZXI="), S("+OK")) as client:
        assert client.auth("X", mechanism) == b"+OK"
    assert mechanism.succeeded == 1


def test_a_mechanism_may_be_anything_with_a_name():
    class Least:
        name = "X"

        def __call__(self, challenge):
            return b"yes"

    with talk(C("AUTH X"), S("+ "), C("eWVz"), S("+OK")) as client:
        assert client.auth(Least()) == b"+OK"


# "AUTH X-TEST " and CRLF are 14 octets; base64 comes in groups of four.
@pytest.mark.parametrize(
    "name, octets, line", [("X-TEST", 180, 254), ("X-TESTS", 180, 255), ("X-TESTED", 180, 256)]
)
def test_the_command_has_255_octets_at_the_most(name, octets, line):
    first = octets * b"x"
    command = f"AUTH {name} {b64(first)}"
    assert len(command) + 2 == line
    if line <= 255:
        steps = [C(command), S("+OK")]
    else:
        steps = [C(f"AUTH {name}"), S("+ "), C(b64(first)), S("+OK")]
    with talk(*steps) as client:
        assert client.auth(name, initial_response=first) == b"+OK"


def test_a_late_initial_response_is_the_first_answer():
    mechanism = Mechanism(first=300 * b"x", answers=[b"then"])
    steps = [
        C("AUTH X-TEST"),
        S("+"),
        C(b64(300 * b"x")),
        S("+ bW9yZQ=="),
        C("dGhlbg=="),
        S("+OK"),
    ]
    with talk(*steps) as client:
        assert client.auth(mechanism) == b"+OK"
    assert mechanism.challenges == [b"more"]


@pytest.mark.parametrize("line", ["+ bW9yZQ==", "+ send", "+ go ahead", b"+ \xff"])
def test_any_text_stands_for_the_empty_challenge(line):
    answer = C(b64(300 * b"x"))
    with talk(C("AUTH X-TEST"), S(line), answer, S("+OK in")) as client:
        assert client.auth(Mechanism(first=300 * b"x")) == b"+OK in"


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (sasl.Plain, b"\0alice\0secret"),
        (sasl.XOAuth2, b"user=alice\1auth=Bearer secret\1\1"),
        (sasl.OAuthBearer, b"n,a=alice,\1auth=Bearer secret\1\1"),
    ],
)
@pytest.mark.parametrize("text", ["send", "go ahead", ""])
def test_a_prompt_for_the_initial_response(make, answer, text):
    """For servers that want two lines: the mechanism's object is the authobject."""
    mechanism = make("alice", "secret")
    with talk(C(f"AUTH {mechanism.name}"), S(f"+ {text}"), C(b64(answer)), S("+OK")) as client:
        client.auth(mechanism.name, mechanism)


@pytest.mark.parametrize("make", [sasl.Plain, sasl.XOAuth2, sasl.OAuthBearer, sasl.ScramSHA1])
def test_an_initial_response_that_the_server_ignores(make):
    """The message is the answer to the text, too."""

    class Again:
        def play(self, peer):
            command = peer.read_line(self).split()
            peer.send(b"+ go ahead\r\n")
            assert [command[2]] == peer.read_line(self).split()

    mechanism = make("alice", "secret")
    with talk(Again(), S("-ERR no")) as client, pytest.raises(error_proto, match="-ERR no"):
        client.auth(mechanism)


def test_prompts_in_clear_text():
    steps = [C("AUTH LOGIN"), S("+ Username:"), C("YWxpY2U="), S("+ Password:"), C("c2VjcmV0")]
    with talk(*steps, S("+OK")) as client:
        client.auth(sasl.Login("alice", "secret"))


def test_a_prompt_is_a_method_of_the_authobject():
    class Prompted(Mechanism):
        def prompt(self, text):
            assert text == b"go on"
            return self(text)

    mechanism = Prompted(answers=[b"x"])
    with talk(C("AUTH X-TEST"), S("+ go on "), C("eA=="), S("+OK")) as client:
        client.auth(mechanism)
    assert mechanism.challenges == [b"go on"]


def test_a_long_response():
    secret = 20_000 * b"x"
    with talk(C("AUTH X"), S("+ "), C(b64(secret)), S("+OK")) as client:
        assert client.auth("X", lambda challenge: secret) == b"+OK"


# --- what is refused before anything is sent ------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "PLAIN x", "PLAIN\r\nDELE 1", "PLAIN\n", "A\0", "A\x7f", "\xc4", "A\tB"]
)
def test_a_name_is_a_word(name):
    with talk() as client:
        for mechanism in (name, Mechanism(name)):
            with pytest.raises(ValueError, match="no name of a mechanism"):
                client.auth(mechanism, bytes)


@pytest.mark.parametrize(
    "arguments, error",
    [
        ((), TypeError),
        (("PLAIN",), TypeError),
        (("PLAIN", b"no callable"), TypeError),
        (("PLAIN", None, 1), TypeError),
        (("PLAIN", None, "\xe9"), ValueError),
        ((b"PLAIN", bytes), TypeError),
        ((Mechanism(b"PLAIN"),), TypeError),
        ((Mechanism(first=7),), TypeError),
    ],
)
def test_arguments(arguments, error):
    with talk() as client, pytest.raises(error):
        client.auth(*arguments)


@pytest.mark.parametrize(
    "mechanism, kind", [(("alice", "secret"), "tuple"), (sasl.Plain, "type"), (None, "NoneType")]
)
def test_what_is_no_mechanism(mechanism, kind):
    text = f"must be a str or an object of poplib_c.sasl, not {kind}$"
    with talk() as client, pytest.raises(TypeError, match=text):
        client.auth(mechanism)


def test_a_name_that_raises():
    class Raises(Mechanism):
        name = property(lambda self: 1 / 0, lambda self, name: None)

    with talk() as client, pytest.raises(ZeroDivisionError):
        client.auth(Raises())


def test_an_initial_response_that_raises():
    class Raises(Mechanism):
        def initial_response(self):
            raise KeyError("no password")

    with talk() as client, pytest.raises(KeyError):
        client.auth(Raises())


# --- what the server says -------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(f"+ {text}" for text in ("====", "YQ", "YQ=", "Y", "=", "YQ==YQ==", "Y Q=", "-_-_")),
        *(f"+ {text}" for text in ("Y===", "YQ=a", "YWE==", "YWFh=", "YWF,", "Y=WFh===", " YQ==")),
    ],
)
@pytest.mark.parametrize("cls", [WAYS[0], WAYS[1], WAYS[4]])
def test_a_challenge_that_is_not_base64_cancels(cls, line):
    mechanism = Mechanism()
    with (
        talk(C("AUTH X-TEST"), S(line), C("*"), S("-ERR cancelled"), cls=cls) as client,
        pytest.raises(error_proto, match="not base64") as caught,
    ):
        client.auth(mechanism)
    assert caught.value.response is None
    assert mechanism.challenges == []


def test_octets_that_are_no_text_are_no_challenge():
    steps = [C("AUTH X-TEST"), S(b"+ \xff\0Q="), C("*"), S("-ERR")]
    with talk(*steps) as client, pytest.raises(error_proto, match="not base64"):
        client.auth(Mechanism())


@pytest.mark.parametrize("line", ["+YQ==", "+ERR boom", "++", "+=", "+O"])
def test_a_reply_of_another_kind_cancels(line):
    steps = [C("AUTH X-TEST"), S(line), C("*"), S("-ERR unknown command")]
    with talk(*steps) as client, pytest.raises(error_proto, match="neither a challenge"):
        client.auth(Mechanism())


def test_spaces_behind_a_challenge_do_not_count():
    mechanism = Mechanism(answers=[b""])
    with talk(C("AUTH X-TEST"), S("+ YQ==  "), C(""), S("+OK")) as client:
        client.auth(mechanism)
    assert mechanism.challenges == [b"a"]


@pytest.mark.parametrize("line", ["+OK", "+ok in", "+OK in", "+Ok"])
def test_ok_may_come_early(line):
    mechanism = Mechanism()
    with talk(C("AUTH X-TEST"), S(line)) as client:
        assert client.auth(mechanism) == line.encode()
    assert (mechanism.challenges, mechanism.succeeded) == ([], 1)


def test_ok_in_the_place_of_the_empty_challenge():
    early = pytest.raises(error_proto, match="before the initial response")
    with talk(C("AUTH X-TEST"), S("+OK"), in_step=False) as client:
        with early:
            client.auth(Mechanism(first=300 * b"x"))
        assert client.sock is None


@pytest.mark.parametrize("by_name", [False, True])
def test_a_mechanism_may_not_believe_it(by_name):
    class Doubts(Mechanism):
        def success(self):
            raise error_proto("an impostor")

    arguments = ["X-TEST", Doubts()] if by_name else [Doubts()]
    with talk(C("AUTH X-TEST"), S("+OK"), in_step=False) as client:
        with pytest.raises(error_proto, match="an impostor"):
            client.auth(*arguments)
        assert client.sock is None


def test_a_late_challenge_is_answered():
    """SCRAM's last message, and the error of OAuth, which wants an answer before -ERR."""
    mechanism = Mechanism(first=b"token", answers=[b""])
    steps = [C("AUTH X-TEST dG9rZW4="), S("+ eyJzdGF0dXMiOiI0MDEifQ=="), C("")]
    with talk(*steps, S("-ERR [AUTH] no")) as client, pytest.raises(error_proto) as caught:
        client.auth(mechanism)
    assert caught.value.code == "AUTH"
    assert mechanism.challenges == [b'{"status":"401"}']
    assert mechanism.succeeded == 0


def test_a_challenge_that_nobody_answers_cancels():
    steps = [C("AUTH PLAIN dG9rZW4="), S("+ bW9yZQ=="), C("*"), S("-ERR [AUTH] cancelled")]
    with talk(*steps) as client, pytest.raises(error_proto) as caught:
        client.auth("PLAIN", initial_response=b"token")
    assert caught.value.args == (b"-ERR [AUTH] cancelled",)


@pytest.mark.parametrize("challenges", [64, 65])
def test_challenges_come_to_an_end(challenges):
    rounds = [step for _ in range(64) for step in (S("+ "), C(""))]
    end = [S("+OK")] if challenges == 64 else [S("+ "), C("*"), S("-ERR")]
    with talk(C("AUTH X"), *rounds, *end) as client:
        if challenges == 64:
            assert client.auth("X", bytes) == b"+OK"
        else:
            with pytest.raises(error_proto, match="too many challenges"):
                client.auth("X", bytes)


@pytest.mark.parametrize("cls", [WAYS[0], WAYS[1], WAYS[4]])
def test_a_challenge_may_be_longer_than_a_status_line(cls):
    challenge = 9000 * b"x"
    mechanism = Mechanism(answers=[b"yes"])
    steps = [C("AUTH X-TEST"), S(f"+ {b64(challenge)}"), C("eWVz"), S("+OK")]
    with talk(*steps, cls=cls) as client:
        client.auth(mechanism)
    assert mechanism.challenges == [challenge]


@pytest.mark.parametrize("cls", [WAYS[0], WAYS[1], WAYS[4]])
def test_but_not_of_any_length(cls):
    steps = [C("AUTH X"), S("+ " + 12288 * "A")]
    with talk(*steps, cls=cls, in_step=False) as client:
        with pytest.raises(error_proto, match="line too long"):
            client.auth("X", bytes)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()


def test_other_status_lines_keep_their_limit():
    steps = [C("AUTH X"), S("+OK"), C("NOOP"), S("+OK " + 3000 * "x")]
    with talk(*steps, in_step=False) as client:
        client.auth("X", bytes)
        with pytest.raises(error_proto, match="line too long"):
            client.noop()


def test_maxline_may_allow_more(monkeypatch):
    monkeypatch.setattr(poplib_c, "_MAXLINE", 1 << 20)
    with talk(C("AUTH X"), S("+ " + 16000 * "A"), C(""), S("+OK")) as client:
        assert client.auth("X", lambda challenge: challenge[:0]) == b"+OK"


def test_two_replies_to_one_command():
    """The answer would not be to the challenge; it may be a secret."""
    with talk(C("AUTH X"), S("+ ", "-ERR logged out"), in_step=False) as client:
        with pytest.raises(error_proto, match="nobody asked for"):
            client.auth("X", bytes)
        with pytest.raises(error_proto, match="out of step"):
            client.noop()


@pytest.mark.parametrize("cls", WAYS)
def test_the_stream_ends_in_the_exchange(cls):
    with talk(C("AUTH X"), S("+ "), C(""), Close(), cls=cls, in_step=False) as client:
        with pytest.raises((error_proto, OSError)) as caught:
            client.auth("X", bytes)
        if isinstance(caught.value, error_proto):
            assert caught.value.args == ("-ERR EOF",)


@pytest.mark.parametrize("cls", WAYS)
def test_a_timeout_in_the_exchange(cls):
    done = threading.Event()
    with talk(C("AUTH X"), S("+ "), C(""), Await(done), cls=cls, in_step=False) as client:
        client.sock.settimeout(SHORT)
        with pytest.raises(OSError, match="timed out"):
            client.auth("X", bytes)
        with pytest.raises((OSError, error_proto)):
            client.auth("X", bytes)
        done.set()
