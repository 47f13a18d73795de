"""``make servers`` runs these tests, each with every server that this machine can run."""

import re

import pytest
from certificates import HOSTS
from integration.server import Unavailable

from .courier import Courier
from .cyrus import Cyrus
from .dovecot import Dovecot
from .mailutils import Mailutils
from .popa3d import Popa3d
from .twisted_pop3 import Twisted

SERVERS = {
    "courier": Courier,
    "cyrus": Cyrus,
    "dovecot": Dovecot,
    "mailutils": Mailutils,
    "popa3d": Popa3d,
    "twisted": Twisted,
}

#: A run in CI that can't have one of these fails.
PROMISED = {"cyrus", "dovecot", "twisted"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one server over one link run in one process, one after the other."""
    from xdist.scheduler import LoadScopeScheduling

    class ByLink(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            link = re.search(r"\[(.+)\]", nodeid)
            return link[1] if link else nodeid.partition("::")[0]

    return ByLink(config, log)


@pytest.fixture(scope="session")
def running(start_server, authority, unavailable):
    """running(name): the server, started at the first call."""
    started = {}

    def running(name):
        if name not in started:
            try:
                started[name] = start_server(SERVERS[name](authority.issue(*HOSTS)))
            except Unavailable as exc:
                started[name] = str(exc)
        if isinstance(started[name], str):
            if name in PROMISED:
                unavailable(started[name])
            pytest.skip(started[name])
        return started[name]

    return running


@pytest.fixture
def server(running, request):
    return running(request.param)
