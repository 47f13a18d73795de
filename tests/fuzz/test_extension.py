"""The whole extension with a server that does anything: on the inputs that are kept.

``make fuzz`` makes more of them, on a build of its own.
"""

import pytest
from extension.calls import CALLS
from extension.inputs import kept, regressions
from extension.peer import Input
from extension.session import Plan, run


@pytest.mark.parametrize("part", range(4))
def test_inputs_that_are_kept(part):
    inputs = [*kept(), *regressions()][part::4]
    assert inputs
    for data in [*inputs, *map(awaited, inputs)]:
        try:
            run(data)
        except BaseException:
            print(f"input: {data.hex()}")
            raise


def awaited(data):
    """The input, with the client for asyncio."""
    return bytes([data[0] | 0x80]) + data[1:]


def test_every_call_is_made():
    """By the inputs that are kept, on both kinds of connection."""
    for by_methods in (True, False):
        plans = [plan for plan in map(Plan, map(Input, kept())) if plan.by_methods is by_methods]
        assert {function for plan in plans for function, _ in plan.calls} == {*CALLS}
