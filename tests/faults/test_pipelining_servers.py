"""Which servers are sent commands ahead, and what is found out about those that can't take it."""

import hashlib
import socket

import pytest
from scripted import C, Close, Pause, S, play

from poplib_c import POP3, error_proto

from .ahead import ANNOUNCED, by_either, proved, retr
from .support import TIMEOUT, Lines, greeted

PROOF = [C("LIST 1"), C("LIST 2")]
PROVED = [*PROOF, S("+OK 1 10", "+OK 2 20")]
NONE_1, NONE_2 = ([C(f"LIST {number}"), S("-ERR none")] for number in (1, 2))
SIZE_2, OTHER_2 = ([C("LIST 2"), S(size)] for size in ("+OK 2 20", "+OK 1 10"))
AHEAD = [C("RETR 1"), C("RETR 2"), S("+OK", "1", ".", "+OK", "2", ".")]
SERIALLY = [C("RETR 1"), S("+OK", "1", "."), C("RETR 2"), S("+OK", "2", ".")]
MESSAGES = [(1, b"1\r\n"), (2, b"2\r\n")]


@by_either
@pytest.mark.parametrize(
    "steps",
    [
        [*ANNOUNCED, *PROVED, *AHEAD, *AHEAD],
        # What is refused is refused on its own, too.
        [*ANNOUNCED, *PROOF, S("+OK 1 10", "-ERR none"), *NONE_2, *AHEAD, *AHEAD],
        [*ANNOUNCED, *PROOF, S("-ERR none", "+OK  2\t20 x"), *NONE_1, *AHEAD, *AHEAD],
        # Or not: that was too many commands at once.
        [*ANNOUNCED, *PROOF, S("+OK 1 10", "-ERR busy"), *SIZE_2, *SERIALLY, *SERIALLY],
        [*ANNOUNCED, *PROOF, S("+OK 1 10", "-ERR busy"), *OTHER_2, *SERIALLY, *SERIALLY],
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


def test_last_refusal_behind_the_right_ones_is_asked_again():
    """Message 2 was deleted; from the fourth command on, the server has no room."""
    steps = [*ANNOUNCED, *[C(f"LIST {number}") for number in range(1, 7)]]
    steps += [S("+OK 1 10", "-ERR deleted", "+OK 3 10", *3 * ["-ERR busy"])]
    steps += [C("LIST 4"), S("+OK 4 10"), C("RETR 1"), S("+OK", "1", ".")]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        assert next(client.retr_many(range(1, 7))) == MESSAGES[0]
        client.close()


@pytest.mark.parametrize("numbers", [[1, 1], [1, "1"], ["1", "01"]])
def test_one_message_shows_no_order(numbers):
    asked = [step for number in numbers for step in (C(f"RETR {number}"), S("+OK", "1", "."))]
    with play(S("+OK ready"), *asked, *ANNOUNCED, *PROVED, *AHEAD) as server:
        client = greeted(server)
        assert [m for _, m in client.retr_many(numbers)] == 2 * [b"1\r\n"]
        assert list(client.retr_many([1, 2])) == MESSAGES
        client.close()


def test_repeated_numbers_are_asked_for_once():
    steps = [*ANNOUNCED, *PROVED, *3 * [C("RETR 1")], C("RETR 2"), S(*4 * ["+OK", "1", "."])]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        assert [n for n, _ in client.retr_many([1, 1, 1, 2])] == [1, 1, 1, 2]
        client.close()


@pytest.mark.parametrize("method", ["retr_many", "dele_many"])
def test_deletions_are_proved_first(method):
    """Also where pipelining=True says that nothing needs to be proved."""
    deletes = {"delete": True} if method == "retr_many" else {}
    one_by_one = [C("DELE 1"), S("+OK"), C("DELE 2"), S("+OK")]
    if deletes:
        one_by_one = [*SERIALLY[:2], *one_by_one[:2], *SERIALLY[2:], *one_by_one[2:]]
    with play(S("+OK ready"), *PROOF, S("+OK 2 20", "+OK 1 10"), *one_by_one) as server:
        client = greeted(server, pipelining=True)
        assert len(list(getattr(client, method)([1, 2], **deletes))) == 2
        client.close()


def test_deletions_wait_for_what_was_sent_ahead():
    """An iteration of messages is received, and is at its end, before the first deletion."""
    steps = [*ANNOUNCED, *PROVED, *AHEAD, C("DELE 1"), C("DELE 2"), S("+OK", "+OK")]
    with play(S("+OK ready"), *steps) as server:
        client = greeted(server)
        messages = client.retr_many([1, 2])
        assert next(messages) == MESSAGES[0]
        assert [n for n, _ in client.dele_many([1, 2])] == [1, 2]
        assert list(messages) == MESSAGES[1:]
        client.close()
    twice = S("+OK", "1", ".", "+OK", "2", ".", "+OK", "2", ".")
    with play(S("+OK ready"), *ANNOUNCED, *PROVED, *AHEAD[:2], twice) as server:
        client = greeted(server)
        messages = client.retr_many([1, 2])
        assert next(messages) == MESSAGES[0]
        with pytest.raises(error_proto, match="nobody asked for"):
            next(client.dele_many([1, 2]))
        client.close()


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


METHODS = ["retr_many", "dele_many"]

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
            "use a longer timeout, or pipelining=False to send one at a time"
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
    """The messages behind it are others, and there is one more of them than was asked for."""
    twice = S("+OK", "1", ".", "+OK", "2", ".", "+OK", "2", ".", "+OK", "3", ".", "+OK", "4", ".")
    asked = [C(f"RETR {number}") for number in range(1, 5)]
    with play(S("+OK ready"), *asked, twice) as server:
        client = greeted(server, cls, pipelining=True)
        numbers = []
        with pytest.raises(error_proto, match="nobody asked for"):
            for number, _ in client.retr_many(range(1, 9), window=4):
                numbers.append(number)
        assert numbers == [1, 2, 3, 4]
        with pytest.raises(error_proto, match="out of step"):
            client.quit()


@pytest.mark.parametrize(
    "method, line",
    [
        *[(method, line) for method in METHODS for line in ("Subject: x", ".", "", "OK", "-- ")],
        *[("retr_many", line) for line in ("+ERR no", "+", "+1")],
    ],
)
def test_lines_that_are_no_replies(method, line):
    """They are not given out as refusals, and what follows is not given out at all."""
    verb = method[:4].upper()
    asked = [C(f"{verb} {number}") for number in (1, 2, 3)]
    proof = proved(1, 2, 3) if verb == "DELE" else []
    with play(S("+OK ready"), *proof, *asked, S("-ERR no", line, "+OK", "3", ".")) as server:
        client = greeted(server, pipelining=True)
        iterator = getattr(client, method)([1, 2, 3], errors="return")
        assert next(iterator)[1].args == (b"-ERR no",)
        with pytest.raises(error_proto, match="neither"):
            next(iterator)
        with pytest.raises(error_proto, match="out of step"):
            client.quit()


@pytest.mark.row("An error with a plus")
@by_either
def test_refusal_with_a_plus_takes_no_other_message(cls):
    """What comes behind it is the next one's, and nothing is deleted."""
    said = S("+OK", "1", ".", "+ERR no such message", "+OK", "3", ".")
    with play(S("+OK ready"), *proved(1, 2, 3), *retr(1, 2, 3), said) as server:
        client = greeted(server, cls, pipelining=True)
        iterator = client.retr_many([1, 2, 3], delete=True)
        assert next(iterator) == MESSAGES[0]
        with pytest.raises(error_proto, match="neither"):
            next(iterator)
        assert list(iterator) == []
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
        client = POP3(*server.address, timeout=TIMEOUT)
        client.sock.settimeout(0.3)
        with pytest.raises(socket.timeout, match=r"\d+ of 64 commands sent ahead"):
            next(client.retr_many(range(1, 200), window=64))
        client.close()
        client = POP3(*server.address, timeout=TIMEOUT, pipelining=False)
        assert [n for n, _ in client.retr_many(range(1, 10))] == list(range(1, 10))
        client.close()
    assert not any(line.startswith(b"RETR 64") for line in server.received)
