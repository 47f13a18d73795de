"""What the tests of poplib_c.aio share."""

import asyncio

#: Of what does not happen in time only if something is wrong.
TIMEOUT = 20.0


def run(main):
    """Return what the coroutine returns, in a loop of its own."""
    return asyncio.run(main)
