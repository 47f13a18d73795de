"""login(): what it does after a refusal, and what the error says."""

import contextlib
import pickle

import pytest
from scripted import Anything, C, Close, S, play
from secret import SECRET, places_of_secret

from poplib_c import POP3, _login, _policy, error_proto
from poplib_c.testing import POP3Server

from .auth import CRAM, LOGIN, PLAIN, Remote, b64, capa, login, outlives, talk
from .support import TIMEOUT

TWO_LINES = C("AUTH PLAIN"), S("+ "), C(PLAIN.split()[2])
#: The server ignores the initial response.
LATE_PLAIN = C(PLAIN), S("+ "), C(PLAIN.split()[2])


@pytest.mark.parametrize(
    ("greeting", "steps", "told"),
    [
        ("+OK", [], "the server lists XOAUTH2; for a token, use login_oauth2()"),
        (
            "+OK <a@b>",
            [Anything(once=True), S("-ERR use OAuth")],
            "-ERR use OAuth (tried APOP; the server lists only XOAUTH2: use login_oauth2())",
        ),
    ],
)
def test_a_server_that_lists_only_mechanisms_for_tokens(greeting, steps, told):
    with (
        play(S(greeting), *capa("SASL XOAUTH2"), *steps) as server,
        contextlib.closing(POP3(server.host, server.port, timeout=TIMEOUT)) as client,
        pytest.raises(error_proto) as caught,
    ):
        client.login("alice", SECRET)
    assert str(pickle.loads(pickle.dumps(caught.value))).endswith(told)


# --- refusals -------------------------------------------------------------------------------


def test_a_refused_user_is_not_followed_by_the_password():
    with (
        talk(*capa("USER"), C("USER alice"), S("-ERR [AUTH] no such user")) as client,
        pytest.raises(error_proto) as caught,
    ):
        login(client)
    assert caught.value.code == "AUTH"


def test_a_refused_user_without_a_code_neither():
    with (
        talk(*capa("USER"), C("USER alice"), S("-ERR never heard of")) as client,
        pytest.raises(error_proto) as caught,
    ):
        login(client)
    assert caught.value.args[0] == b"-ERR never heard of"


@pytest.mark.parametrize(
    "steps",
    [
        [*capa("SASL CRAM-MD5"), C("AUTH CRAM-MD5"), S("-ERR what?")],
        [*capa("SASL CRAM-MD5 PLAIN"), C("AUTH CRAM-MD5"), S("-ERR what?"), C(PLAIN), S("+OK in")],
    ],
)
def test_a_refusal_does_not_keep_the_client(steps):
    assert not outlives(login, *steps)


def test_what_is_left_would_show_the_password():
    steps = [*capa("SASL CRAM-MD5 PLAIN"), C("AUTH CRAM-MD5"), S("-ERR what?")]
    with (
        talk(*steps, cls=Remote) as client,
        pytest.raises(error_proto, match="not encrypted") as caught,
    ):
        login(client)
    assert caught.value.__cause__.args == (b"-ERR what?", (("CRAM-MD5", "-ERR what?"),))


def test_a_refused_digest_where_the_password_would_be_shown():
    steps = [*capa("SASL CRAM-MD5 PLAIN"), *CRAM, Anything(once=True), S("-ERR [AUTH] no")]
    with talk(*steps, cls=Remote) as client, pytest.raises(error_proto, match="tried CRAM-MD5;"):
        login(client)


@pytest.mark.row("The login methods")
@pytest.mark.parametrize("code", ["AUTH", "IN-USE", "SYS/TEMP", "SYS/PERM", "X-OTHER"])
def test_a_refusal_with_a_code_is_the_last_word(code):
    steps = [*capa("SASL CRAM-MD5 PLAIN", "USER"), C("AUTH CRAM-MD5"), S(f"-ERR [{code}] no")]
    with talk(*steps) as client, pytest.raises(error_proto) as caught:
        login(client)
    assert caught.value.code == code


@pytest.mark.parametrize("refusal", ["-ERR [AUTH] no", "-ERR no"])
@pytest.mark.parametrize(
    "dialogue",
    [
        [*capa("SASL PLAIN LOGIN", "USER"), *LATE_PLAIN],
        [*capa("SASL LOGIN", "USER"), *LOGIN],
        [*capa("USER"), C("USER alice"), S("+OK"), C(f"PASS {SECRET}")],
    ],
)
def test_a_refusal_of_the_password_itself_is_the_last_word(dialogue, refusal):
    with talk(*dialogue, S(refusal)) as client, pytest.raises(error_proto) as caught:
        login(client)
    assert caught.value.args[0] == refusal.encode()
    assert places_of_secret(caught.value) == []


def test_a_mechanism_that_the_server_does_not_have_after_all():
    steps = [
        *capa("SASL CRAM-MD5 SCRAM-SHA-1 PLAIN"),
        AnyOf(b"AUTH SCRAM-SHA-1 "),
        S("-ERR what?"),
    ]
    steps += [C("AUTH CRAM-MD5"), S("-ERR what?"), C(PLAIN), S("+OK in")]
    with talk(*steps) as client:
        assert login(client) == b"+OK in"


def test_a_mechanism_that_is_cancelled_before_it_said_anything():
    steps = [
        *capa("SASL CRAM-MD5 PLAIN"),
        C("AUTH CRAM-MD5"),
        S("+ "),
        C("*"),
        S("-ERR cancelled"),
    ]
    with talk(*steps, C(PLAIN), S("+OK in")) as client:
        assert login(client) == b"+OK in"


def test_a_challenge_that_makes_no_sense_is_the_last_word():
    steps = [
        *capa("SASL CRAM-MD5 PLAIN"),
        C("AUTH CRAM-MD5"),
        S("+ !"),
        C("*"),
        S("-ERR cancelled"),
    ]
    with talk(*steps) as client, pytest.raises(error_proto, match="not base64"):
        login(client)


def test_a_server_that_cannot_prove_itself_is_the_last_word():
    steps = [*capa("SASL SCRAM-SHA-1 PLAIN"), AnyOf(b"AUTH SCRAM-SHA-1 "), S("+OK in")]
    unproved = pytest.raises(error_proto, match="has not proved")
    with talk(*steps, in_step=False) as client, unproved:
        login(client)


class AnyOf:
    """The client has to say a line that begins so."""

    def __init__(self, start):
        self.start = start

    def play(self, peer):
        assert peer.read_line(self).startswith(self.start)


# --- PLAIN in two lines ---------------------------------------------------------------------


def test_plain_in_two_lines():
    """The server refuses or ignores the initial response; some send a text."""
    steps = [*capa("SASL PLAIN LOGIN", "USER"), C(PLAIN), S("-ERR syntax error"), *TWO_LINES]
    with talk(*steps, S("+OK in")) as client:
        assert login(client) == b"+OK in"
    for text in ("+ ", "+ go ahead", "+ send"):
        steps = [*capa("SASL PLAIN"), C(PLAIN), S(text), LATE_PLAIN[2]]
        with talk(*steps, S("+OK in")) as client:
            assert login(client) == b"+OK in"
        steps = [*capa("SASL PLAIN"), C(PLAIN), S("-ERR"), C("AUTH PLAIN"), S(text)]
        with talk(*steps, LATE_PLAIN[2], S("+OK in")) as client:
            assert login(client) == b"+OK in"


def test_plain_in_two_lines_is_tried_once():
    steps = [*capa("SASL PLAIN", "USER"), C(PLAIN), S("-ERR no"), *TWO_LINES, S("-ERR no")]
    with talk(*steps) as client, pytest.raises(error_proto) as caught:
        login(client)
    tried = (("PLAIN", "-ERR no"), ("PLAIN (in two lines)", "-ERR no"))
    assert caught.value.args == (b"-ERR no", tried)
    assert places_of_secret(caught.value) == []


@pytest.mark.parametrize("code", ["AUTH", "IN-USE", "SYS/PERM"])
def test_plain_in_two_lines_is_not_for_a_wrong_password(code):
    steps = [*capa("SASL PLAIN", "USER"), C(PLAIN), S(f"-ERR [{code}] no")]
    with talk(*steps) as client, pytest.raises(error_proto) as caught:
        login(client)
    assert caught.value.code == code


def test_plain_in_two_lines_is_not_for_what_has_two_anyway():
    long = "x" * 200
    steps = [*capa("SASL PLAIN"), C("AUTH PLAIN"), S("+ "), C(b64(f"\0alice\0{long}".encode()))]
    with talk(*steps, S("-ERR no")) as client, pytest.raises(error_proto, match="tried PLAIN;"):
        client.login("alice", long)


def test_a_server_that_does_not_support_plain_after_all():
    steps = [*capa("SASL PLAIN", "USER"), C(PLAIN), S("-ERR what?"), C("AUTH PLAIN")]
    steps += [S("-ERR what?"), C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")]
    with talk(*steps) as client:
        assert login(client) == b"+OK in"


# --- the error ------------------------------------------------------------------------------


def test_the_error_says_what_was_tried():
    steps = [*capa("SASL CRAM-MD5 PLAIN"), C("AUTH CRAM-MD5"), S(b"-ERR \x1b[2Jwhat?"), C(PLAIN)]
    with talk(*steps, S("-ERR [AUTH] no")) as client, pytest.raises(error_proto) as caught:
        login(client)
    error = caught.value
    assert (error.code, error.response, error.temporary) == ("AUTH", b"-ERR [AUTH] no", False)
    assert str(error) == (
        "-ERR [AUTH] no (tried CRAM-MD5: -ERR \\x1b[2Jwhat?; PLAIN: -ERR [AUTH] no; "
        "mechanisms= names the mechanisms to use)"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_error_of_a_connection_that_ends():
    steps = [*capa("SASL CRAM-MD5"), *CRAM, Anything(once=True), Close()]
    with talk(*steps, in_step=False) as client, pytest.raises(error_proto) as caught:
        login(client)
    assert str(caught.value).startswith("-ERR EOF (tried CRAM-MD5;")


# --- allow_insecure -------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", ["-ERR [AUTH] no", "-ERR no"])
@pytest.mark.parametrize("name", ["APOP", "CRAM-MD5"])
def test_a_refused_digest_of_who_allows_the_password(name, refusal):
    """Servers with hashed passwords announce it, and can't check it."""
    if name == "APOP":
        listed, begun = "SASL PLAIN", ()
    else:
        listed, begun = "SASL CRAM-MD5 PLAIN", CRAM
    greeting = S("+OK <a@b>" if name == "APOP" else "+OK")
    steps = [greeting, *capa(listed), *begun, Anything(once=True), S(refusal)]
    for allowed in (True, False):
        more = [C(PLAIN), S("+OK in")] if allowed else []
        with play(*steps, *more) as server:
            client = POP3(server.host, server.port, timeout=TIMEOUT)
            if allowed:
                assert login(client, allow_insecure=True) == b"+OK in"
            else:
                with pytest.raises(error_proto) as caught:
                    login(client)
                assert caught.value.args == (refusal.encode(), ((name, refusal),))
            client.close()


@pytest.mark.parametrize("refusal", ["-ERR [AUTH] no", "-ERR no"])
def test_a_refused_proof_of_scram_is_the_last_word(refusal):
    with POP3Server([], users={"alice": "x"}, mechanisms=["SCRAM-SHA-1", "PLAIN"]) as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        with pytest.raises(error_proto, match=r"tried SCRAM-SHA-1;"):
            login(client, allow_insecure=True)
        client.close()


# --- over several connections ---------------------------------------------------------------


def again(history, *steps, **options):
    """One of several connections that share what was tried: the login's exception, or None."""
    with talk(*steps, in_step=False) as client:
        try:
            _login.login(client, "alice", _login.Secret(SECRET), history=history, **options)
        except error_proto as error:
            return error
    return None


def test_a_server_that_hangs_up_on_an_initial_response():
    history = _policy.History()
    listed = capa("SASL PLAIN", "USER")
    assert again(history, *listed, C(PLAIN), Close()).args[0] == "-ERR EOF"
    assert not history.is_over
    assert again(history, *listed, *TWO_LINES, S("+OK in")) is None
    assert again(history, *listed, *TWO_LINES, S("+OK in")) is None


def test_a_server_that_hangs_up_after_a_refusal():
    """It is as if the next attempt had not been."""
    history = _policy.History()
    listed = capa("SASL PLAIN", "USER")
    refused = [C(PLAIN), S("-ERR Protocol error"), Anything(once=True), Close()]
    error = again(history, *listed, *refused)
    assert error.args == ("-ERR EOF", (("PLAIN", "-ERR Protocol error"),))
    assert "(tried PLAIN: -ERR Protocol error;" in str(error)
    assert again(history, *listed, *TWO_LINES, S("+OK in")) is None


def test_a_server_that_hangs_up_on_the_password():
    history = _policy.History()
    steps = [*capa("USER"), C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), Close()]
    assert again(history, *steps).args[0] == "-ERR EOF"
    assert history.is_over


def test_a_server_that_hangs_up_on_a_digest():
    history = _policy.History()
    listed = capa("SASL CRAM-MD5 PLAIN")
    hung_up = [*CRAM, Anything(once=True), Close()]
    assert again(history, *listed, *hung_up, allow_insecure=True).args[0] == "-ERR EOF"
    assert again(history, *listed, C(PLAIN), S("+OK in"), allow_insecure=True) is None


def test_refusals_are_counted_over_connections():
    history = _policy.History()
    for number in range(_policy.MOST_REFUSALS):
        assert not history.is_over
        assert history.refusals == number
        history.closed.clear()
        steps = [*capa("SASL CRAM-MD5"), *CRAM, Anything(once=True), S("-ERR no")]
        again(history, *steps, allow_insecure=True)
    assert "tried CRAM-MD5: -ERR no; CRAM-MD5" in str(again(history, *capa("SASL CRAM-MD5")))


@pytest.mark.parametrize(("refusal", "times"), [("-ERR locked", 4), ("-ERR [IN-USE] no", 10)])
def test_refusals_after_a_login_are_counted(refusal, times):
    """A server that has accepted the password may count the next ones, and no earlier ones."""
    history = _policy.History()
    history.refusals = 3
    history.tried = [("APOP", "-ERR no")]
    listed = capa("SASL PLAIN", "USER")
    assert again(history, *listed, C(PLAIN), S("+OK in")) is None
    for _ in range(times):
        assert not history.is_over
        error = again(history, *listed, C(PLAIN), S(refusal))
        assert error.response == refusal.encode()
        assert {*error.args[1]} == {("PLAIN", refusal)}
    assert history.is_over == (times == 4)


def test_a_time_stamp_that_is_no_message_id_after_a_login():
    """Who has taken the server's place gets no digest of a text that he chooses."""
    history = _policy.History()
    password = C("USER alice"), S("+OK"), C(f"PASS {SECRET}")
    for stamp, begun in (("<a@b>", [Anything(once=True)]), ("<\1chosen>", password)):
        with (
            play(S(f"+OK {stamp}"), *capa("USER"), *begun, S("+OK in")) as server,
            contextlib.closing(POP3(server.host, server.port, timeout=TIMEOUT)) as client,
        ):
            _login.login(client, "alice", _login.Secret(SECRET), history=history)
    assert history.accepted.name == "USER"
