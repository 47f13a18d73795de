"""Servers under test, and connections to them."""

import pytest
from wire import ALICE, FIRST, SECOND, THIRD, Wire

from poplib_c.testing import POP3Server

MESSAGES = (FIRST, SECOND, THIRD)


@pytest.fixture
def server():
    """Serves three messages to alice."""
    with POP3Server(MESSAGES, users=ALICE) as server:
        yield server


@pytest.fixture
def wire(server):
    """A connection to *server*."""
    with Wire(server) as wire:
        yield wire


@pytest.fixture
def serve(server_context):
    """Makes a server: of POP3S by the kind "tls", with the command STLS by "stls"."""

    def make(kind, messages=MESSAGES, context=server_context, **options):
        return POP3Server(messages, users=ALICE, **{kind: context}, **options)

    return make
