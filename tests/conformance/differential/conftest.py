"""How many examples there are, and what they went through.

They are few, always the same, and made by hypothesis, which looks for the smallest one that
fails; unless $EXAMPLES asks for a number of them: $SEED then says which, and gives the same ones
again.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

EXAMPLES = int(os.environ.get("EXAMPLES") or 0)
SEED = os.environ.get("SEED") or "0"

settings.register_profile(
    "bounded",
    max_examples=600,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("tester", settings.get_profile("bounded"), phases=[Phase.generate])


@pytest.fixture(scope="package")
def asked_for():
    """How many examples there are to be in all, or 0; and their seed."""
    return EXAMPLES, SEED


MET = pytest.StashKey[Counter]()


def pytest_configure(config):
    config.stash[MET] = Counter()


def pytest_collection_modifyitems(items):
    """Come last: an audit hook stays, and with it the other tests would see one path alone."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="package")
def met(request):
    """How many examples ended with which differences."""
    return request.config.stash[MET]


@pytest.fixture(scope="package")
def contexts(server_context, client_context):
    """For TLS: the server's and the client's."""
    return server_context, client_context


def pytest_terminal_summary(terminalreporter, config):
    if EXAMPLES:
        terminalreporter.section("examples, by the differences that they end with")
        for names, count in config.stash[MET].most_common():
            terminalreporter.write_line(f"{count:8} {' and '.join(names)}")
        terminalreporter.write_line(f"repeat: make conformance EXAMPLES={EXAMPLES} SEED={SEED}")
