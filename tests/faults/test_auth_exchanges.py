"""auth() is cancelled, and what else goes on during an exchange: other commands, hooks."""

import io
import logging
import sys
import threading

import pytest
from scripted import Await, C, S

from poplib_c import POP3, _auth, error_proto

from .auth import Mechanism, talk
from .support import SHORT, WAYS, Call

ABANDONED = "an authentication was abandoned half-way"

# --- cancelling -----------------------------------------------------------------------------


def test_none_cancels():
    with (
        talk(C("AUTH X"), S("+ "), C("*"), S("-ERR [AUTH] as you like")) as client,
        pytest.raises(error_proto) as caught,
    ):
        client.auth("X", lambda challenge: None)
    assert caught.value.args == (b"-ERR [AUTH] as you like",)


@pytest.mark.parametrize("cls", WAYS)
@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), error_proto("own")])
def test_an_exception_cancels(cls, error):
    mechanism = Mechanism(answers=[error])
    with (
        talk(C("AUTH X-TEST"), S("+ "), C("*"), S("-ERR cancelled"), cls=cls) as client,
        pytest.raises(type(error)) as caught,
    ):
        client.auth(mechanism)
    assert caught.value is error
    assert error.__context__ is None


@pytest.mark.parametrize("answer, error", [(1, TypeError), ([], TypeError), ("\xe9", ValueError)])
def test_an_answer_of_the_wrong_kind_cancels(answer, error):
    with (
        talk(C("AUTH X"), S("+ "), C("*"), S("-ERR cancelled")) as client,
        pytest.raises(error, match="what authobject returns must be bytes"),
    ):
        client.auth("X", lambda challenge: answer)


def test_the_server_goes_on_all_the_same():
    with talk(C("AUTH X"), S("+ "), C("*"), S("+ bW9yZQ=="), in_step=False) as client:
        with pytest.raises(error_proto, match="did not let AUTH be cancelled"):
            client.auth("X", lambda challenge: None)
        with pytest.raises(error_proto, match=ABANDONED):
            client.noop()


def test_the_server_says_ok_to_it():
    with (
        talk(C("AUTH X"), S("+ "), C("*"), S("+OK")) as client,
        pytest.raises(error_proto, match="did not let AUTH be cancelled"),
    ):
        client.auth("X", lambda challenge: None)


def test_the_server_goes_on_after_an_exception():
    with talk(C("AUTH X"), S("+ "), C("*"), S("+ "), in_step=False) as client:
        with pytest.raises(KeyError):
            client.auth("X", {}.__getitem__)
        with pytest.raises(error_proto, match=ABANDONED):
            client.noop()


@pytest.mark.parametrize("answer", [None, KeyError("x")])
def test_the_server_does_not_answer_it(answer):
    done = threading.Event()
    with talk(C("AUTH X-TEST"), S("+ "), C("*"), Await(done), in_step=False) as client:
        client.sock.settimeout(SHORT)
        with pytest.raises(OSError if answer is None else KeyError):
            client.auth(Mechanism(answers=[answer]))
        with pytest.raises(OSError, match="timed out object"):
            client.noop()
        done.set()


# --- the connection, meanwhile --------------------------------------------------------------


@pytest.mark.parametrize(
    "use",
    [
        POP3.noop,
        POP3.stat,
        lambda client: client.auth("Y", bytes),
        lambda client: client._putcmd("NOOP"),
        lambda client: client._putline(b"NOOP"),
        POP3._getline,
        POP3._getresp,
        POP3._getlongresp,
        lambda client: list(client.dele_many([1])),
        lambda client: client.retr_bytes(1),
        lambda client: client.login("alice", "secret"),
        POP3.stls,
    ],
)
def test_the_callable_cannot_use_the_connection(use):
    with (
        talk(C("AUTH X"), S("+ "), C("*"), S("-ERR")) as client,
        pytest.raises(RuntimeError, match="reentrant call inside"),
    ):
        client.auth("X", lambda challenge: use(client))


def test_nor_can_code_that_runs_while_a_challenge_is_decoded(monkeypatch):
    """A signal handler, for example."""
    monkeypatch.setattr(_auth, "_decode", lambda text: client._putline(b"NOOP"))
    with (
        talk(C("AUTH X"), S("+ "), C("*"), S("-ERR")) as client,
        pytest.raises(RuntimeError, match="reentrant call inside"),
    ):
        client.auth("X", bytes)


def test_the_callable_may_find_that_out():
    def answer(challenge):
        with pytest.raises(RuntimeError):
            client.noop()
        return b""

    with talk(C("AUTH X"), S("+ "), C(""), S("+OK")) as client:
        assert client.auth("X", answer) == b"+OK"


def test_the_callable_closes_the_connection():
    def answer(challenge):
        client.close()
        return b"secret"

    with (
        talk(C("AUTH X"), S("+ "), in_step=False) as client,
        pytest.raises(AttributeError, match="the connection is closed"),
    ):
        client.auth("X", answer)


def test_the_callable_closes_the_connection_and_raises():
    def answer(challenge):
        client.close()
        raise KeyError("x")

    with talk(C("AUTH X"), S("+ "), in_step=False) as client, pytest.raises(KeyError):
        client.auth("X", answer)


def test_no_other_thread_s_command_comes_between():
    calls = []

    def answer(challenge):
        calls.append(Call(client.stat))
        assert calls[0].is_blocked()
        return b""

    steps = [C("AUTH X"), S("+ "), C(""), S("+OK"), C("STAT"), S("+OK 2 320")]
    with talk(*steps) as client:
        client.auth("X", answer)
        assert calls[0].end() == (2, 320)


def test_another_thread_closes_the_connection():
    with talk(C("AUTH X"), S("+ "), C(""), in_step=False) as client:
        call = Call(client.auth, "X", bytes)
        assert call.is_blocked()
        client.close()
        assert isinstance(call.end(), ConnectionAbortedError)


# --- overridden methods ---------------------------------------------------------------------


class Recording(POP3):
    """Tells which of its methods were called, by poplib's names."""

    def __init__(self, *arguments, **options):
        self.calls = []
        super().__init__(*arguments, **options)
        self.calls.clear()

    def _shortcmd(self, line):
        self.calls.append(("_shortcmd", line))
        return super()._shortcmd(line)

    def _putcmd(self, line):
        self.calls.append(("_putcmd", line))
        super()._putcmd(line)

    def _putline(self, line):
        self.calls.append(("_putline", line))
        super()._putline(line)

    def _getresp(self):
        self.calls.append("_getresp")
        return super()._getresp()

    def _getline(self):
        self.calls.append("_getline")
        return super()._getline()


@pytest.mark.row("The auth method")
def test_overridden_methods_are_called():
    steps = [C("AUTH X Zmlyc3Q="), S("+ "), C("YQ=="), S("+OK")]
    with talk(*steps, cls=Recording) as client:
        client.auth("X", lambda challenge: b"a", b"first")
        assert client.calls == [
            ("_shortcmd", "AUTH X Zmlyc3Q="),
            ("_putcmd", "AUTH X Zmlyc3Q="),
            ("_putline", b"AUTH X Zmlyc3Q="),
            "_getresp",
            "_getline",
            ("_putcmd", "YQ=="),
            ("_putline", b"YQ=="),
            "_getresp",
            "_getline",
        ]


def test_a_method_that_sends_a_command_of_its_own():
    class Curious(POP3):
        def _putcmd(self, line):
            if not line.startswith(("AUTH", "NOOP", "STAT")):
                self.noop()
            super()._putcmd(line)

    with talk(C("AUTH X"), S("+ "), cls=Curious, in_step=False) as client:
        with pytest.raises(RuntimeError, match="reentrant"):
            client.auth("X", bytes)
        with pytest.raises(error_proto, match=ABANDONED):
            client.stat()


def test_a_method_that_authenticates_anew():
    class Curious(POP3):
        def _putcmd(self, line):
            if line == "":
                self.auth("Y", bytes)
            super()._putcmd(line)

    with (
        talk(C("AUTH X"), S("+ "), cls=Curious, in_step=False) as client,
        pytest.raises(RuntimeError, match="reentrant"),
    ):
        client.auth("X", bytes)


def test_a_method_may_send_its_own_before_auth():
    class Polite(POP3):
        def _putcmd(self, line):
            if line.startswith("AUTH"):
                self.noop()
            super()._putcmd(line)

    steps = [C("NOOP"), S("+OK"), C("AUTH X"), S("+ "), C(""), S("+OK")]
    with talk(*steps, cls=Polite) as client:
        assert client.auth("X", bytes) == b"+OK"


def test_a_method_that_raises_in_the_exchange():
    class Broken(POP3):
        def _putline(self, line):
            if line == b"":
                raise KeyError("x")
            super()._putline(line)

    with talk(C("AUTH X"), S("+ "), cls=Broken, in_step=False) as client:
        with pytest.raises(KeyError):
            client.auth("X", bytes)
        with pytest.raises(error_proto, match=ABANDONED):
            client.noop()


class Break(Exception):
    pass


def by_method(client, monkeypatch):
    def getresp():
        raise Break(POP3._getresp(client))

    monkeypatch.setattr(client, "_getresp", getresp, raising=False)


def by_log(client, monkeypatch):
    def debug(template, line):
        if line.startswith("+ "):
            raise Break(line)

    logger = logging.getLogger("poplib_c")
    monkeypatch.setattr(logger, "isEnabledFor", lambda level: True)
    monkeypatch.setattr(logger, "debug", debug)


def by_print(word):
    def spoil(client, monkeypatch):
        class Output(io.StringIO):
            def write(self, text):
                if text == word:
                    raise Break(text)

        client.set_debuglevel(2)
        monkeypatch.setattr(sys, "stdout", Output())

    return spoil


@pytest.mark.parametrize("spoil", [by_method, by_log, by_print("*get*"), by_print("*resp*")])
def test_what_raises_behind_the_first_challenge(monkeypatch, spoil):
    """The next command would be the answer to it."""
    with talk(C("AUTH X"), S("+ "), in_step=False) as client:
        with monkeypatch.context() as patch:
            spoil(client, patch)
            with pytest.raises(Break):
                client.auth("X", bytes)
        client.set_debuglevel(0)
        with pytest.raises(error_proto, match=ABANDONED):
            client.noop()


def test_what_raises_behind_a_refusal(monkeypatch):
    """That has ended the exchange."""
    with talk(C("AUTH X"), S("-ERR")) as client:
        with monkeypatch.context() as patch:
            by_print("*resp*")(client, patch)
            with pytest.raises(Break):
                client.auth("X", bytes)
        client.set_debuglevel(0)


def test_a_reply_that_is_not_bytes():
    class Texts(POP3):
        def _shortcmd(self, line):
            return super()._shortcmd(line).decode()

    with talk(C("AUTH X"), S("+ "), C("*"), S("-ERR"), C("NOOP"), S("+OK"), cls=Texts,
              in_step=False) as client:  # fmt: skip
        with pytest.raises(error_proto, match="neither a challenge"):
            client.auth("X", bytes)
        assert client.noop() == "+OK"


def test_without_the_constructor(socketless):
    client = socketless(b"+ \r\n+OK in\r\n")
    assert client.auth("X", bytes) == b"+OK in"
    assert client.sock.sent == b"AUTH X\r\n\r\n"


@pytest.fixture
def socketless():
    class Socket:
        sent = b""

        def sendall(self, data):
            self.sent += data

    def make(replies):
        client = POP3.__new__(POP3)
        client.sock, client.file, client._debugging = Socket(), io.BytesIO(replies), 0
        return client

    return make


# --- capabilities ---------------------------------------------------------------------------


def test_capabilities_are_read_again_afterwards():
    capa = [C("CAPA"), S("+OK", "PIPELINING", "."), C("LIST 1"), C("LIST 2")]
    proof = [*capa, S("+OK 1 10", "+OK 2 10")]
    steps = [*proof, C("DELE 1"), C("DELE 2"), S("+OK 1", "+OK 2")]
    with talk(*steps, C("AUTH X"), S("+ "), C(""), S("+OK"), *steps) as client:
        assert len(list(client.dele_many([1, 2]))) == 2
        client.auth("X", bytes)
        assert len(list(client.dele_many([1, 2]))) == 2
