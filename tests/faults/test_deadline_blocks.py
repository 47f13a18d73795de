"""Blocks of commands with a deadline: which one counts, and what is there when it is left."""

import contextlib
import gc
import time
import weakref

import pytest

from poplib_c import POP3

from .deadline import PATIENT, passes
from .support import SHORT, TIMEOUT, ByMethods, Lines


@pytest.fixture(params=[POP3, ByMethods])
def client(request):
    """Every command of its is answered."""
    with Lines(lambda line: b"+OK done\r\n") as server:
        client = request.param(*server.address, PATIENT)
        with contextlib.closing(client):
            yield client


BRIEF = 0.01


def let_pass(seconds=BRIEF):
    time.sleep(1.1 * seconds)


def is_over(client, seconds=BRIEF):
    with passes(seconds, begun=False):
        client.noop()
    return True


def is_fine(client):
    return client.noop() == b"+OK done" and client.sock.gettimeout() == PATIENT


def test_in_time(client):
    with client.deadline(PATIENT):
        assert is_fine(client)
    assert is_fine(client)


def test_a_block_that_ends_late(client):
    with client.deadline(BRIEF):
        let_pass()
    assert is_fine(client)


def test_a_command_that_comes_too_late(client):
    """The connection stays in step."""
    with passes(SHORT, begun=False), client.deadline(SHORT):
        assert is_fine(client)
        let_pass(SHORT)
        client.noop()
    assert is_fine(client)


@pytest.mark.parametrize("outer, inner", [(BRIEF, PATIENT), (PATIENT, BRIEF), (BRIEF, None)])
def test_the_earliest_counts(client, outer, inner):
    with client.deadline(outer):
        with client.deadline(inner):
            let_pass()
            assert is_over(client)
        assert (is_over if outer == BRIEF else is_fine)(client)
    assert is_fine(client)


def test_equal_ones(client):
    with client.deadline(PATIENT), client.deadline(PATIENT):
        assert is_fine(client)
    assert is_fine(client)


def test_no_limit(client):
    with client.deadline(None):
        assert is_fine(client)


def test_a_block_within_a_session():
    with Lines(lambda line: b"+OK done\r\n") as server:
        client = POP3(*server.address, PATIENT, deadline=PATIENT)
        with client.deadline(BRIEF):
            let_pass()
            assert is_over(client)
        assert is_fine(client)
        client.close()
        client = POP3(*server.address, PATIENT, deadline=0.3)
        with client.deadline(PATIENT):
            let_pass(0.3)
            assert is_over(client, 0.3)
        client.close()


def test_an_exception_in_a_block(client):
    with pytest.raises(LookupError), client.deadline(BRIEF):
        raise LookupError
    let_pass()
    assert is_fine(client)


def test_entered_again(client):
    """It counts anew each time."""
    block = client.deadline(SHORT)
    for _ in range(2):
        with block as entered:
            assert entered is block
            assert is_fine(client)
            let_pass(SHORT)
            assert is_over(client, SHORT)
    assert is_fine(client)


def test_entered_twice(client):
    with client.deadline(PATIENT) as block:
        with pytest.raises(RuntimeError, match="entered already"):
            block.__enter__()
        assert is_fine(client)


def test_left_in_any_order(client):
    """By generators, or by threads."""
    first, second = client.deadline(BRIEF), client.deadline(PATIENT)
    first.__enter__()
    second.__enter__()
    let_pass()
    assert is_over(client)
    first.__exit__(None, None, None)
    assert is_fine(client)
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert is_fine(client)


def test_never_left(client):
    """Then it counts for as long as somebody has it."""
    block = client.deadline(BRIEF)
    block.__enter__()
    let_pass()
    assert is_over(client)
    del block
    gc.collect()
    assert is_fine(client)


def test_a_file_that_was_wrapped_meanwhile(client):
    """What an earlier block has left does not count by another way."""
    with client.deadline(SHORT):
        file, client.file = client.file, client.sock.makefile("rb")
        assert is_fine(client)
    let_pass(SHORT)
    client.file.close()
    client.file = file
    assert is_fine(client)


def test_after_close(client):
    with client.deadline(PATIENT):
        client.close()
    with client.deadline(PATIENT), pytest.raises(AttributeError):
        client.noop()


def test_a_connection_in_a_cycle_with_its_block():
    class Client(POP3):
        pass

    with Lines(lambda line: b"+OK done\r\n") as server:
        client = Client(*server.address, TIMEOUT)
        client.block = client.deadline(PATIENT)
        client.block.__enter__()
        client.close()
        reference = weakref.ref(client)
        del client
        gc.collect()
        assert reference() is None


class Revenant:
    """Made while a cycle is finalized, it dies while that is broken."""

    def __init__(self, cycle):
        self.cycle = weakref.ref(cycle)

    def __del__(self):
        cycle = self.cycle()
        if cycle is not None:  # Python 3.14 clears that reference, too.
            with contextlib.suppress(RuntimeError), cycle.block:
                pass
            cycle.block.__exit__(None, None, None)


class Cycle:
    def __init__(self, block, held):
        self.block = block
        self.held = held
        self.itself = self

    def __del__(self):
        self.held.append(Revenant(self))


def test_a_block_that_is_entered_while_its_cycle_is_broken():
    client = POP3.__new__(POP3)
    block = client.deadline(PATIENT)
    held = []
    held.append(held)
    client.block = block
    client.cycle = Cycle(block, held)
    reference = weakref.ref(client.cycle)
    del client, block, held
    gc.collect()
    assert reference() is None


def test_a_block_is_made_by_its_connection():
    client = POP3.__new__(POP3)
    block = client.deadline(PATIENT)
    with pytest.raises(TypeError):
        type(block)()
    with block:
        assert not hasattr(client, "sock")
