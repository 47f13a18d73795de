"""Which servers are sent commands ahead, and what is found out about those that can't take it."""

import hashlib
import socket

import pytest
from scripted import C, Close, Pause, S, play

from poplib_c import POP3, error_proto

from .ahead import by_either
from .support import TIMEOUT, Lines
from .whole import greeted

ANNOUNCED = [C("CAPA"), S("+OK", "PIPELINING", ".")]
PROOF = [C("LIST 1"), C("LIST 2")]
PROVED = [*PROOF, S("+OK 1 10", "+OK 2 20")]
AHEAD = [C("RETR 1"), C("RETR 2"), S("+OK", "1", ".", "+OK", "2", ".")]
SERIALLY = [C("RETR 1"), S("+OK", "1", "."), C("RETR 2"), S("+OK", "2", ".")]
MESSAGES = [(1, b"1\r\n"), (2, b"2\r\n")]


@by_either
@pytest.mark.parametrize(
    "steps",
    [
        [*ANNOUNCED, *PROVED, *AHEAD, *AHEAD],
        [*ANNOUNCED, *PROOF, S("+OK 1 10", "-ERR none"), *AHEAD, *AHEAD],
        [*ANNOUNCED, *PROOF, S("-ERR none", "+OK  2\t20 x"), *AHEAD, *AHEAD],
        [C("CAPA"), S("+OK", "TOP", "."), *SERIALLY, *SERIALLY],
        [C("CAPA"), S("-ERR what?"), *SERIALLY, *SERIALLY],
        # That says nothing of their order.
        [*ANNOUNCED, *PROOF, S("-ERR", "-ERR"), *SERIALLY, *SERIALLY],
        # Two replies, and not in order.
        [*ANNOUNCED, *PROOF, S("+OK 2 20", "+OK 1 10"), *SERIALLY, *SERIALLY],
        # The first one twice, no numbers, others.
        [*ANNOUNCED, *PROOF, S("+OK 1 10", "+OK 1 10"), *SERIALLY, *SERIALLY],
        [*ANNOUNCED, *PROOF, S("+OK", "+OK"), *SERIALLY, *SERIALLY],
        [*ANNOUNCED, *PROOF, S("+OK 10", "+OK 20"), *SERIALLY, *SERIALLY],
    ],
)
def test_auto(cls, steps):
    """Found out once."""
    with play(S("+OK ready"), *steps, C("NOOP"), S("+OK done")) as server:
        client = greeted(server, cls)
        assert list(client.retr_many([1, 2])) == MESSAGES
        assert list(client.retr_many(["1", "2"])) == [("1", b"1\r\n"), ("2", b"2\r\n")]
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.parametrize(
    "numbers", [[1], ["x", "y"], [2**70, -1], ["1 ", " 2"], ["", ""], [1, None]]
)
def test_nothing_to_prove_it_with(numbers):
    with Lines(lambda line: b"-ERR no\r\n") as server:
        client = POP3(*server.address, timeout=TIMEOUT)
        assert len(list(client.retr_many(numbers, errors="return"))) == len(numbers)
        client.close()
    assert server.received == [f"RETR {number}\r\n".encode() for number in numbers]


@pytest.mark.parametrize(
    "method, arguments, line",
    [
        ("pass_", ["b"], "PASS b"),
        ("rpop", ["a"], "RPOP a"),
        ("_shortcmd", ["auth PLAIN x"], "auth PLAIN x"),
        ("apop", ["a", "b"], "APOP a " + hashlib.md5(b"<1@x>b").hexdigest()),
    ],
)
def test_asked_anew_after_login(method, arguments, line):
    refused = [C("RETR 1"), S("-ERR"), C("RETR 2"), S("-ERR")]
    steps = [C("CAPA"), S("+OK", "USER", "."), *refused, C(line), S("+OK")]
    with play(S("+OK <1@x> ready"), *steps, *ANNOUNCED, *PROVED, *AHEAD) as server:
        client = greeted(server)
        assert len(list(client.retr_many([1, 2], errors="return"))) == 2
        getattr(client, method)(*arguments)
        assert list(client.retr_many([1, 2])) == MESSAGES
        client.close()


def test_options():
    with play(S("+OK ready"), *AHEAD, *SERIALLY) as server:
        client = greeted(server, pipelining=True)
        assert list(client.retr_many([1, 2])) == MESSAGES
        client.set_options(pipelining=False)
        assert list(client.retr_many([1, 2])) == MESSAGES
        client.close()


class Reduced(POP3):
    def capa(self):
        capabilities = super().capa()
        del capabilities["PIPELINING"]
        return capabilities


def test_overridden_capa():
    with play(S("+OK ready"), *ANNOUNCED, *SERIALLY) as server:
        client = greeted(server, Reduced)
        assert list(client.retr_many([1, 2])) == MESSAGES
        client.close()


# --- broken ones ----------------------------------------------------------------------------


@by_either
@pytest.mark.parametrize("answered", [0, 1])
def test_commands_that_are_dropped(cls, answered):
    reply = S(*["+OK 1 10"][:answered])
    with play(S("+OK ready"), *ANNOUNCED, *PROOF, reply, Pause(0.4)) as server:
        client = greeted(server, cls, timeout=0.1)
        with pytest.raises(socket.timeout) as caught:
            next(client.retr_many([1, 2]))
        assert str(caught.value) == (
            f"timed out: {answered} of 2 commands sent ahead were answered; "
            "pipelining=False sends one at a time"
        )
        client.close()


@by_either
def test_connection_that_is_closed(cls):
    with play(S("+OK ready"), *ANNOUNCED, *PROOF, S("+OK 1 10"), Close()) as server:
        client = greeted(server, cls)
        with pytest.raises(error_proto, match="EOF: 1 of 2 commands sent ahead were answered"):
            next(client.retr_many([1, 2]))
        client.close()


@by_either
def test_one_reply_too_many(cls):
    with play(S("+OK ready"), *ANNOUNCED, *PROOF, S("+OK 1 10", "+OK 2 20", "+OK")) as server:
        client = greeted(server, cls)
        with pytest.raises(error_proto, match="nobody asked for"):
            next(client.retr_many([1, 2]))
        client.close()


@by_either
def test_one_reply_twice(cls):
    """The messages behind it are others: one of them has come before it was asked for."""
    twice = S("+OK", "1", ".", "+OK", "2", ".", "+OK", "2", ".", "+OK", "3", ".", "+OK", "4", ".")
    asked = [C(f"RETR {number}") for number in range(1, 9)]
    with play(S("+OK ready"), *asked[:4], twice, *asked[4:]) as server:
        client = greeted(server, cls, pipelining=True)
        numbers = []
        with pytest.raises(error_proto, match="before its command was sent"):
            for number, _ in client.retr_many(range(1, 9), window=4):
                numbers.append(number)
        assert numbers == [1, 2, 3, 4]
        with pytest.raises(error_proto, match="out of step"):
            client.quit()


@pytest.mark.parametrize("method", ["retr_many", "dele_many"])
@pytest.mark.parametrize("line", ["Subject: x", ".", "", "OK"])
def test_lines_that_are_no_replies(method, line):
    """They are not given out as refusals, and what follows is not given out at all."""
    verb = method[:4].upper()
    asked = [C(f"{verb} {number}") for number in (1, 2, 3)]
    with play(S("+OK ready"), *asked, S("-ERR no", line, "+OK", "3", ".")) as server:
        client = greeted(server, pipelining=True)
        iterator = getattr(client, method)([1, 2, 3], errors="return")
        assert next(iterator)[1].args == (b"-ERR no",)
        with pytest.raises(error_proto, match="neither"):
            next(iterator)
        with pytest.raises(error_proto, match="out of step"):
            client.quit()


@pytest.mark.parametrize("buffer", [20, 100, 500])
def test_input_buffer_that_overflows(buffer):
    """A batch as long as the window is what it is proved with."""

    class Forgetful(Lines):
        def _serve(self, connection):
            with connection:
                connection.sendall(b"+OK ready\r\n")
                while received := connection.recv(65536):
                    lines = received[:buffer].split(b"\r\n")[:-1]
                    self.received += lines
                    connection.sendall(b"".join(map(self.answer, lines)))

    def answer(line):
        verb, _, number = line.partition(b" ")
        lines = {b"CAPA": b"PIPELINING\r\n.\r\n", b"RETR": number + b"\r\n.\r\n"}
        return b"+OK %s 10\r\n" % number + lines.get(verb, b"")

    with Forgetful(answer) as server:
        client = POP3(*server.address, timeout=0.3)
        with pytest.raises(socket.timeout, match=r"\d+ of 64 commands sent ahead"):
            next(client.retr_many(range(1, 200), window=64))
        client.close()
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=False)
        assert [n for n, _ in client.retr_many(range(1, 10))] == list(range(1, 10))
        client.close()
    assert not any(line.startswith(b"RETR 64") for line in server.received)
