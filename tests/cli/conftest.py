import pytest

from poplib_c.__main__ import main
from poplib_c.testing import POP3Server
from poplib_c.testing.session import Session

from .receivers import Kept, Server
from .support import User, numbered, url

ALICE = {"alice": "secret"}
WARNING = "warning: --insecure: eavesdroppers can read the password and the mail"


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


@pytest.fixture
def fetch(user):
    """Runs fetch from a server without TLS; the warning about that is taken away."""

    def fetch(server, *arguments):
        ended = user.fetch("--insecure", *arguments, url(server))
        if {"-q", "--quiet"}.intersection(arguments):
            return ended
        first, _, ended.stderr = ended.stderr.partition("\n")
        assert first == f"python -m poplib_c: {WARNING}"
        return ended

    return fetch


@pytest.fixture
def new(fetch, user):
    """fetch(), into a Maildir."""
    return lambda server, *arguments: fetch(server, "--maildir", user.maildir, *arguments)


@pytest.fixture
def run(user, monkeypatch, capsys):
    """Runs fetch in this process, into a Maildir; status, lines of errors and the result."""
    monkeypatch.setenv("POPLIB_C_PASSWORD", "secret")
    into = ["--maildir", str(user.maildir), "--state", str(user.home / "state")]

    def run(server, *arguments):
        options = ["--insecure", "--timeout", "1", *into, *map(str, arguments)]
        status = main(["fetch", *options, url(server)])
        output, errors = capsys.readouterr()
        place = f"alice@127.0.0.1:{server.port}: "
        told = [line.partition(": ")[2].removeprefix(place) for line in errors.splitlines()]
        return status, told[1:], output.removeprefix(place).rstrip()

    return run


@pytest.fixture
def odd(serve, monkeypatch):
    """Starts servers with habits: odd(messages, {command: habit}).

    A habit gets the session and the reply, and returns what is sent instead. The number in a
    command is that of the message when the server started; with b"*" in its place all are meant.
    """

    def odd(messages, habits, **options):
        class Odd(Session):
            def _execute(self, line):
                words = line.split()
                number = int(words[1]) if words[1:] and words[1].isdigit() else 0
                if 0 < number <= len(self._messages):
                    octets = self._messages[number - 1].octets
                    words[1] = b"%d" % (served.index(octets) + 1)
                habit = habits.get(b" ".join(words)) or habits.get(b" ".join([*words[:1], b"*"]))
                reply = super()._execute(line)
                return reply if habit is None else habit(self, reply)

        monkeypatch.setattr("poplib_c.testing.Session", Odd)
        server = serve(messages, **options)
        served = server.messages
        return server

    return odd


@pytest.fixture
def receiver():
    """Starts servers: receiver("lmtp", path); returns the place, and what the server keeps."""
    started = []

    def receiver(kind, path=None):
        kept = Kept()
        started.append(Server(kind, path, kept))
        return started[-1].place, kept

    yield receiver
    for server in started:
        server.stop()
