"""What error_proto tells of a server's refusal: RFC 2449, section 8, and RFC 3206."""

import copy
import pickle

import pytest
from scripted import C, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT, WAYS

CODES = [
    (b"-ERR [IN-USE] locked", "IN-USE", True),
    (b"-ERR [LOGIN-DELAY] too soon", "LOGIN-DELAY", True),
    (b"-ERR [SYS/TEMP] disk full", "SYS/TEMP", True),
    (b"-ERR [SYS/PERM] no mailbox", "SYS/PERM", False),
    (b"-ERR [AUTH] wrong", "AUTH", False),
    (b"-ERR [X-Own/thing] else", "X-OWN/THING", False),
    (b"-err [sys/temp]", "SYS/TEMP", True),
    (b"-ERR wrong", None, False),
    (b"-ERR [x] [AUTH]", "X", False),
    (b"-ERR [[] odd", "[", False),
    (b"-ERR [a/b/c]", "A/B/C", False),
    *(
        (b"-ERR " + code, None, False)
        for code in (b"[", b"[]", b"[]]", b"[a", b"[a b]", b"[\xe9]")
    ),
    *((b"-ERR " + code, None, False) for code in (b"[/]", b"[/a]", b"[a/]", b"[a//b]", b"\t[a]")),
    (b"-ERR text [AUTH]", None, False),
    (b"-ERR  [AUTH]", None, False),
    (b"[AUTH]", None, False),
    (b"", None, False),
    (b"-ERR [" + 1990 * b"x" + b"]", 1990 * "X", False),
]


@pytest.mark.row("Response codes")
@pytest.mark.parametrize("line, code, temporary", CODES)
def test_a_refusal_has_its_code(line, code, temporary):
    with play(S("+OK ready"), C("PASS x"), S(line)) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        with pytest.raises(error_proto) as caught:
            client.pass_("x")
        client.close()
    error = caught.value
    assert (error.code, error.temporary, error.response) == (code, temporary, line)
    assert error.args == (line,)
    assert str(error) == str(line)


@pytest.mark.parametrize("cls", WAYS)
def test_on_every_way_of_reading(cls):
    with play(S("+OK ready"), C("LIST"), S("-ERR [SYS/TEMP] later")) as server:
        client = cls(server.host, server.port, timeout=TIMEOUT)
        with pytest.raises(error_proto) as caught:
            client.list()
        client.close()
    assert caught.value.temporary


@pytest.mark.row("Response codes")
@pytest.mark.parametrize(
    "args",
    [
        ("-ERR EOF",),
        ("-ERR [AUTH] a str",),
        (),
        (None,),
        (bytearray(b"-ERR [AUTH]"),),
        (1, b"-ERR"),
    ],
)
def test_what_the_server_has_not_said_has_no_code(args):
    error = error_proto(*args)
    assert (error.code, error.temporary, error.response) == (None, False, None)
    assert error.args == args


def test_the_server_may_be_quoted_by_hand():
    assert error_proto(b"-ERR [AUTH] no", "and more").code == "AUTH"


@pytest.mark.row("Response codes")
def test_a_subclass_may_have_attributes_of_these_names():
    class Own(error_proto):
        temporary = True

        def __init__(self, code):
            super().__init__(b"-ERR [AUTH] no")
            self.code = code

    error = Own("mine")
    assert (error.code, error.temporary, error.response) == ("mine", True, b"-ERR [AUTH] no")


def test_copies_are_alike():
    error = error_proto(b"-ERR [AUTH] no")
    assert error.code == "AUTH"
    for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is error_proto
        assert (twin.args, twin.code, vars(twin)) == (error.args, "AUTH", {})


def test_the_class_itself_has_none():
    assert (error_proto.code, error_proto.temporary, error_proto.response) == (None, False, None)


def test_args_that_are_no_tuple_are_no_trouble():
    class Odd(error_proto):
        args = property(lambda self: 1 // 0)

    assert Odd(b"-ERR [AUTH]").code is None


def test_a_code_may_be_too_long():
    assert error_proto(b"-ERR [" + 2047 * b"x" + b"]").code == 2047 * "X"
    assert error_proto(b"-ERR [" + 2048 * b"x" + b"]").code is None


@pytest.mark.parametrize("name", ["code", "temporary", "response"])
def test_no_memory_is_not_the_same_as_no_code(name):
    """It is raised."""

    class Failing(error_proto):
        @property
        def args(self):
            raise MemoryError

    with pytest.raises(MemoryError):
        getattr(Failing(b"-ERR [AUTH] wrong"), name)
