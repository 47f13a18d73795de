"""POP3_SSL changed by its users: .context, subclasses, what is replaced on classes and modules."""

import contextlib
import functools
import os
import socket
import ssl
import subprocess
import sys
from unittest import mock

import pytest
from scripted import C, RefusedTLS, S, play

OMITTED = socket._GLOBAL_DEFAULT_TIMEOUT
READY = S("+OK ready")
GREETED = b"+OK ready"


@pytest.fixture
def connect(pop, play_tls):
    """``with connect(cls) as client``: greeted over TLS; NOOP is answered once."""

    @contextlib.contextmanager
    def connect(cls=pop.POP3_SSL, *arguments, **options):
        with play_tls(READY, C("NOOP"), S("+OK done")) as server:
            client = cls(server.host, server.port, *arguments, timeout=5, **options)
            with contextlib.closing(client):
                assert client.getwelcome() == GREETED
                yield client
                assert client.noop() == b"+OK done"

    return connect


def tls_1_2():
    """A context that can be told by what it leads to."""
    context = ssl._create_unverified_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


# .context


@pytest.mark.differs("lazy_context")
def test_context_is_made_when_it_is_asked_for(connect, ours):
    with connect() as client:
        assert ("context" in vars(client)) is not ours
        context = client.context
        assert vars(client)["context"] is context is client.context
        assert type(context) is ssl.SSLContext
        assert context.verify_mode is ssl.CERT_NONE
        assert context.check_hostname is False
        assert context.options == ssl._create_stdlib_context().options


def test_context_is_writable(connect, client_context):
    with connect() as client:
        client.context = client_context
        assert client.context is client_context


def test_context_touched_before_connecting(pop, connect):
    class Limited(pop.POP3_SSL):
        def _create_socket(self, timeout):
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
            return super()._create_socket(timeout)

    with connect(Limited) as client:
        assert client.sock.version() == "TLSv1.2"
        assert client.sock.context is client.context


def test_context_used_by_a_socket_of_its_own(pop, connect):
    """As for a proxy."""

    class Proxied(pop.POP3_SSL):
        def _create_socket(self, timeout):
            sock = socket.create_connection((self.host, self.port), timeout)
            return self.context.wrap_socket(sock, server_hostname=self.host)

    with connect(Proxied) as client:
        assert type(client.sock) is ssl.SSLSocket
        assert client.sock.context is client.context


def test_context_assigned_while_connecting(pop, connect):
    class Own(pop.POP3_SSL):
        def _create_socket(self, timeout):
            self.context = tls_1_2()
            return super()._create_socket(timeout)

    with connect(Own) as client:
        assert client.sock.version() == "TLSv1.2"
        assert client.sock.context is client.context


def test_context_given_by_a_subclass(pop, connect):
    class Own(pop.POP3_SSL):
        def __init__(self, host, port, timeout):
            super().__init__(host, port, timeout=timeout, context=tls_1_2())

    with connect(Own) as client:
        assert client.sock.version() == "TLSv1.2"


@pytest.mark.parametrize("given", [False, True])
def test_context_as_a_property(pop, connect, given):
    class Kept(pop.POP3_SSL):
        @property
        def context(self):
            return self.kept

        @context.setter
        def context(self, context):
            self.kept = context

    context = tls_1_2() if given else None
    with connect(Kept, context=context) as client:
        assert "context" not in vars(client)
        if given:
            assert client.context is client.sock.context is context


@pytest.mark.differs("context_kept")
@pytest.mark.parametrize("where", ["class", "instance", "before"])
def test_context_that_is_there_before_the_constructor(pop, connect, ours, where):
    """poplib puts one of its own in its place."""
    context = tls_1_2()

    class Own(pop.POP3_SSL):
        def __init__(self, *arguments, **options):
            if where == "instance":
                self.context = context
            super().__init__(*arguments, **options)

    if where == "class":
        Own.context = context
    with connect(Own) as client:
        kept = where != "before" and ours
        assert (client.context is context) is kept
        assert client.sock.version() == ("TLSv1.2" if kept else "TLSv1.3")


@pytest.mark.parametrize("where", ["class", "instance"])
def test_context_that_is_none_before_the_constructor(pop, connect, where):
    class Own(pop.POP3_SSL):
        def __init__(self, *arguments, **options):
            if where == "instance":
                self.context = None
            super().__init__(*arguments, **options)

    if where == "class":
        Own.context = None
    with connect(Own) as client:
        assert client.sock.version() == "TLSv1.3"


# subclasses


@pytest.mark.row("Mixins and diamonds")
def test_diamond(pop, connect):
    class Noting(pop.POP3):
        def __init__(self, *arguments, **options):
            self.made = []
            super().__init__(*arguments, **options)

        def _create_socket(self, timeout):
            self.made.append(timeout)
            return super()._create_socket(timeout)

    class Both(Noting, pop.POP3_SSL):
        pass

    assert Both.__mro__[1:4] == (Noting, pop.POP3_SSL, pop.POP3)
    for context in (None, tls_1_2()):
        with connect(Both, context=context) as client:
            assert client.made == [5]
            assert client.sock.version() == ("TLSv1.2" if context else "TLSv1.3")


@pytest.mark.row("Mixins and diamonds")
def test_mixins(pop, connect):
    class Mixin:
        def _putcmd(self, line):
            self.said = [*getattr(self, "said", ()), line]
            super()._putcmd(line)

        def _getresp(self):
            response = super()._getresp()
            self.heard = [*getattr(self, "heard", ()), response]
            return response

    class Before(Mixin, pop.POP3_SSL):
        pass

    with connect(Before) as client:
        pass
    assert client.said == ["NOOP"]
    assert client.heard == [GREETED, b"+OK done"]


@pytest.mark.row("Own _create_socket")
@pytest.mark.parametrize("base", ["POP3", "POP3_SSL"])
def test_create_socket_that_gives_tls(pop, connect, client_context, base):
    class Own(getattr(pop, base)):
        def _create_socket(self, timeout):
            sock = socket.create_connection((self.host, self.port), timeout)
            return client_context.wrap_socket(sock, server_hostname="127.0.0.1")

    with connect(Own) as client:
        assert type(client.sock) is ssl.SSLSocket
        assert client.sock.context is client_context


def test_host_changed_while_connecting(pop, ca, play_tls):
    """The server name is the host's at that time."""
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.sni_callback = lambda _, name, __: names.append(name)

    class Proxied(pop.POP3_SSL):
        def _create_socket(self, timeout):
            self.port = server.port
            sock = super()._create_socket(timeout)
            self.host = "late.example.org"
            return sock

    with play_tls(READY, context=context) as server:
        client = Proxied("localhost", 1, timeout=5)
        assert (client.host, client.port) == ("late.example.org", server.port)
        client.close()
    assert names == ["localhost"]


# what is replaced


def test_create_socket_of_the_base_replaced(pop, connect, monkeypatch):
    """As for SOCKS: the connection comes from elsewhere, TLS goes over it."""
    asked = []

    def create(self, timeout):
        asked.append((self.host, self.port, timeout))
        return socket.create_connection((self.host, self.port), timeout)

    monkeypatch.setattr(pop.POP3, "_create_socket", create)
    with connect() as client:
        assert asked == [(client.host, client.port, 5)]
        assert client.sock.version() == "TLSv1.3"


@pytest.mark.parametrize("timeout", [{}, {"timeout": None}, {"timeout": 7}])
def test_init_of_the_base_replaced(pop, monkeypatch, timeout):
    """It gets all its arguments, by position."""
    calls = []

    def init(self, host, port, timeout):
        calls.append((self, host, port, timeout))

    monkeypatch.setattr(pop.POP3, "__init__", init)
    client = pop.POP3_SSL("mail.example.org", **timeout)
    assert calls == [(client, "mail.example.org", 995, timeout.get("timeout", OMITTED))]


def test_init_of_the_base_wrapped(pop, connect, monkeypatch):
    original, calls = pop.POP3.__init__, []

    def init(self, *arguments):
        calls.append(arguments)
        return original(self, *arguments)

    monkeypatch.setattr(pop.POP3, "__init__", init)
    with connect() as client:
        assert calls == [(client.host, client.port, 5)]


@pytest.mark.row("Patched classes")
def test_init_replaced(pop, monkeypatch):
    monkeypatch.setattr(
        pop.POP3_SSL, "__init__", lambda self, account: setattr(self, "a", account)
    )
    assert pop.POP3_SSL("alice").a == "alice"


@pytest.mark.row("Modules behind it")
def test_ssl_patched_on_the_module(pop, socket_double):
    double = socket_double(b"+OK patched\r\n")
    sock = mock.Mock(spec=["close"])
    with (
        mock.patch(f"{pop.__name__}.ssl") as patched,
        mock.patch(f"{pop.__name__}.socket.create_connection", return_value=sock),
    ):
        wrap = patched._create_stdlib_context.return_value.wrap_socket
        wrap.return_value = double
        client = pop.POP3_SSL("mail.example.org")
    assert wrap.mock_calls == [mock.call(sock, server_hostname="mail.example.org")]
    assert client.sock is double
    assert client.getwelcome() == b"+OK patched"


def test_ssl_patched_on_the_module_over_a_real_socket(pop):
    with play(READY) as server, mock.patch(f"{pop.__name__}.ssl") as patched:
        wrap = patched._create_stdlib_context.return_value.wrap_socket
        wrap.side_effect = lambda sock, server_hostname: sock
        client = pop.POP3_SSL(server.host, server.port, timeout=5)
        assert wrap.mock_calls == [mock.call(client.sock, server_hostname=server.host)]
        client.close()


def replaced_by(factory):
    """ssl._create_stdlib_context is replaced by factory(the original)."""
    original = ssl._create_stdlib_context
    return mock.patch("ssl._create_stdlib_context", factory(original))


def hardened(original):
    def create(*arguments, **options):
        context = original(*arguments, **options)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    return create


HARDENED = {
    "function": hardened,
    "wrapped": lambda original: functools.wraps(original)(hardened(original)),
    "partial": lambda original: functools.partial(hardened(original)),
    "mock": lambda original: mock.create_autospec(original, side_effect=hardened(original)),
}


@pytest.mark.parametrize("how", HARDENED)
def test_the_factory_of_contexts_replaced(connect, how):
    """Somebody is hardening the process: what it makes is used."""
    with replaced_by(HARDENED[how]), connect() as client:
        assert client.sock.version() == "TLSv1.2"
        assert type(client.sock) is ssl.SSLSocket
    with connect() as client:
        assert client.sock.version() == "TLSv1.3"


def test_the_factory_of_contexts_replaced_by_one_that_verifies(pop, server_context):
    refused = pytest.raises(ssl.SSLCertVerificationError)
    replaced = replaced_by(lambda _: lambda **files: ssl.create_default_context())
    with replaced, play(RefusedTLS(server_context)) as server, refused:
        pop.POP3_SSL(server.host, server.port, timeout=5)


def test_a_socket_of_another_kind(pop, connect, green, monkeypatch):
    """The ssl module makes something of it, nobody goes past its methods."""
    monkeypatch.setattr(pop.POP3, "_create_socket", green._create_socket)
    with connect() as client:
        assert type(client.sock) is ssl.SSLSocket


def test_what_cannot_be_wrapped_is_closed(pop, monkeypatch):
    sock = mock.Mock(spec=socket.socket)
    monkeypatch.setattr(pop.POP3, "_create_socket", lambda self, timeout: sock)
    context = mock.Mock(spec=["wrap_socket"])
    context.wrap_socket.side_effect = LookupError("no")
    with pytest.raises(LookupError):
        pop.POP3_SSL("mail.example.org", context=context)
    context.wrap_socket.assert_called_once_with(sock, server_hostname="mail.example.org")


# imports


LOADED = """
import importlib, sys
before = set(sys.modules)
pop = importlib.import_module(sys.argv[1])
print(sorted({"ssl", "socket"} & set(sys.modules) - before))
client = pop.POP3_SSL(sys.argv[2], int(sys.argv[3]), timeout=5)
client.noop()
client.close()
print("ssl" in sys.modules)
"""


@pytest.mark.differs("lazy_modules")
def test_tls_without_the_ssl_module(pop, ours, play_tls):
    """Importing brings neither ssl nor socket, connecting no ssl."""
    with play_tls(READY, C("NOOP"), S("+OK"), timeout=20) as server:
        output = subprocess.check_output(
            [sys.executable, "-S", "-c", LOADED, pop.__name__, server.host, str(server.port)],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
            timeout=30,
            text=True,
        )
    modules = [] if ours else ["socket", "ssl"]
    assert output.splitlines() == [str(modules), str(not ours)]
