import pytest

from poplib_c.testing import POP3Server

from .support import User, numbered

ALICE = {"alice": "secret"}


@pytest.fixture
def user(tmp_path):
    return User(tmp_path)


@pytest.fixture
def serve():
    """Starts servers without encryption: serve(messages, **options of POP3Server)."""
    started = []

    def serve(messages=(), **options):
        server = POP3Server(messages, **{"users": ALICE, **options})
        server.start()
        started.append(server)
        return server

    yield serve
    for server in started:
        server.stop()


@pytest.fixture
def server(serve):
    """Three messages."""
    return serve(numbered(3))
