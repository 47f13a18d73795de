"""Every public call, with everything that can fail on its way: walk.py has what is checked.

make leaks walks longer: each failure again and again.
"""

import ast
import contextlib
import importlib.util
import os
import pathlib

import cbuild
import pytest

from poplib_c.testing import POP3Server

from .calls import MECHANISMS, MESSAGES, PASSWORD, TABLES, TOKEN, USER, covered_names, public_names
from .support import SANITIZED, measures_memory, run_program

WALK = """
    import sys
    from faults import walk
    walk.main(*sys.argv[1:])
"""

#: How often each failure comes; 0: once, and what is kept is not counted.
REPEATS = int(os.environ.get("LEAKS", "0"))

allocates = pytest.mark.skipif(SANITIZED, reason="has allocation functions of its own")

#: Seconds, for a machine that has much else to do, and for sanitizers.
TIMEOUT = 3600 if REPEATS else 300

LONG = pytest.mark.timeout(TIMEOUT)


def test_every_public_name_is_walked():
    """A new method needs a call in the tables of calls.py."""
    assert public_names() - covered_names() == set()


@pytest.fixture(scope="module")
def places(authority, server_context):
    """Where the walks connect to."""
    options = {"users": {USER: PASSWORD}, "tokens": {USER: TOKEN}, "mechanisms": MECHANISMS}
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(POP3Server(MESSAGES, **kind, **options))
            for kind in ({"stls": server_context}, {"tls": server_context})
        ]
        yield [*(server.port for server in servers), authority.ca_file]


@pytest.fixture(scope="module")
def preload(unavailable):
    flags = ["-DSANITIZED"] if SANITIZED else []
    return cbuild.build_library(unavailable, pathlib.Path(__file__).with_name("preload.c"), *flags)


def walk(how, places, states, repeats=REPEATS, preload=None):
    """How many calls have failed, by table."""
    output, _ = run_program(
        WALK, how, *places, ",".join(states), repeats, timeout=TIMEOUT, preload=preload
    )
    print(how, output)
    return ast.literal_eval(output)


@LONG
def test_nothing_fails(places):
    """And nothing is kept, however often."""
    states = TABLES if REPEATS else ["nothing", "channel", "transaction", "reader"]
    assert set(walk("nothing", places, states, max(REPEATS, 6)).values()) == {0}


@LONG
def test_each_allocation_of_python_fails_in_turn(places, unavailable):
    if importlib.util.find_spec("_testcapi") is None:
        unavailable("_testcapi is missing: install the package with CPython's own tests")
    failed = walk("python", places, [state for state in TABLES if state != "encrypted"])
    assert all(count > 10 for count in failed.values())


@LONG
@allocates
def test_each_allocation_of_the_extension_fails_in_turn(places, preload):
    failed = walk("module", places, TABLES, preload=preload)
    assert failed["nothing"] > 10 and failed["authorization"] > 10


@LONG
def test_each_call_to_the_system_fails_in_turn(places, preload):
    how = "whole system" if REPEATS else "system"
    states = TABLES if REPEATS else ["nothing", "channel", "transaction", "tls"]
    failed = walk(how, places, states, repeats=0, preload=preload)
    assert all(count > 10 for count in failed.values())


@LONG
@measures_memory
def test_many_commands_and_connections(places):
    """Descriptors, threads and memory stay as they were."""
    counts = (100_000, 5_000) if REPEATS else (1_000, 50)
    output, _ = run_program(FLAT, *places, *counts, timeout=TIMEOUT)
    print(output)
    for grown in ast.literal_eval(output).values():
        assert grown["descriptors"] == grown["threads"] == 0
        assert grown["KiB"] < 1024


NO_REPLY = """
    import errno, socket
    from faults.walk import Module
    from poplib_c import POP3, error_proto

    here, there = socket.socketpair()

    class Client(POP3):
        def _create_socket(self, timeout):
            return here

        def _getresp(self):
            return b"+OK"

    client = Client("mail.example.org")
    del Client._getresp
    there.sendall(b"\\r")
    failures = Module()
    failures.begin(("malloc", errno.ENOMEM), 0)
    try:
        client.noop()
    except MemoryError:
        print(failures.end())
    client._putcmd("NOOP")
    there.sendall(b"+OK\\r\\n")
    try:
        client._getresp()
    except error_proto as error:
        print(error.args[0])
"""


@allocates
def test_no_memory_to_see_whether_there_is_a_reply(preload):
    """A CR is none, nor is what TLS sends; without memory for it nobody says that it is one."""
    output, _ = run_program(NO_REPLY, preload=preload)
    assert output.splitlines() == ["True", repr(b"\r+OK")]


FLAT = """
    import sys
    from faults import flat
    flat.main(*sys.argv[1:])
"""
