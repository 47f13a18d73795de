"""stls(): when it is possible, what it changes, and what must not come with it."""

import contextlib
import inspect
import select
import socket
import ssl
import threading
from unittest import mock

import pytest
from scripted import Anything, Await, C, Close, Raw, RefusedTLS, S, StartTLS, play

OFFERED = (C("CAPA"), S("+OK", "TOP", "STLS", "."))
ACCEPTED = (C("STLS"), S("+OK begin"))
NOOP = (C("NOOP"), S("+OK done"))


@pytest.fixture
def link(make_link):
    return make_link("plain")


@pytest.fixture(params=["no context", "context"])
def context(request, client_context):
    """What stls() is given."""
    return client_context if request.param == "context" else None


@pytest.fixture
def begin(server_context):
    """The steps of an STLS that succeeds."""
    return (*OFFERED, *ACCEPTED, StartTLS(server_context))


@pytest.fixture
def asking_server(ca):
    """A server's context that refuses the handshake without a client's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.fixture
def talk_refused(talk):
    """talk() for a handshake that fails: poplib's close() raises after that."""

    @contextlib.contextmanager
    def talk_refused(*steps, **options):
        with talk(*steps, **options) as client:
            yield client
            if client.file is not None:
                client.file.close()
                client.file = client.sock = None

    return talk_refused


def test_what_it_returns_and_changes(talk, begin, context):
    with talk(*begin, *NOOP) as client:
        sock, file, names = client.sock, client.file, list(vars(client))
        assert client.stls(context) == b"+OK begin"
        assert client._tls_established is True
        assert list(vars(client)) == names
        assert client.sock is not sock and client.file is not file
        assert client.sock.version() == "TLSv1.3"
        assert client.sock.gettimeout() == 5
        assert client.sock.fileno() == client.file.fileno() >= 0
        assert sock.fileno() == -1
        assert client.welcome == b"+OK ready"
        assert client.noop() == b"+OK done"


def test_context_by_keyword(talk, begin, client_context):
    with talk(*begin) as client:
        client.stls(context=client_context)
        assert type(client.sock) is ssl.SSLSocket
        assert client.sock.context is client_context
        assert client.sock.server_hostname == client.host
        assert not hasattr(client, "context")


def test_a_session(talk, begin, context):
    steps = [
        *begin,
        *(C("CAPA"), S("+OK", "TOP", ".")),
        *(C("USER J\xfcrgen"), S("+OK"), C("PASS x"), S("+OK")),
        *(C("RETR 1"), S("+OK", "..a", "", 100_000 * "x", "."), C("QUIT"), S("+OK bye")),
    ]
    with talk(*steps) as client:
        client.stls(context)
        assert client.capa() == {"TOP": []}
        client.user("J\xfcrgen")
        client.pass_("x")
        client._getline = lambda: (client.file.readline()[:-2], 0)
        assert client.retr(1)[1] == [b".a", b"", 100_000 * b"x"]
        del client._getline
        sock = client.sock
        assert client.quit() == b"+OK bye"
        assert client.sock is client.file is None
        assert sock.fileno() == -1


def test_close_ends_the_connection(pop, begin, context):
    with play(S("+OK ready"), *begin) as server:
        client = pop.POP3(server.host, server.port, 5)
        client.stls(context)
        client.close()
        assert server.wait_eof()


def test_debug_output(talk, begin, capsys, context):
    with talk(*begin, *NOOP) as client:
        client.set_debuglevel(2)
        client.stls(context)
        client.noop()
    assert capsys.readouterr().out.splitlines() == [
        "*cmd* 'CAPA'",
        "*put* b'CAPA'",
        "*get* b'+OK\\r\\n'",
        "*resp* b'+OK'",
        *(f"*get* {line!r}" for line in (b"TOP\r\n", b"STLS\r\n", b".\r\n")),
        "*cmd* 'STLS'",
        "*put* b'STLS'",
        "*get* b'+OK begin\\r\\n'",
        "*resp* b'+OK begin'",
        "*cmd* 'NOOP'",
        "*put* b'NOOP'",
        "*get* b'+OK done\\r\\n'",
        "*resp* b'+OK done'",
    ]


@pytest.mark.row("No STLS")
def test_not_offered(pop, talk, context):
    with talk(C("CAPA"), S("+OK", "TOP", "stls", "."), *NOOP) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.stls(context)
        assert caught.value.args == ("-ERR STLS not supported by server",)
        assert client._tls_established is False
        assert client.noop() == b"+OK done"


def test_no_capabilities(pop, talk, context):
    with talk(C("CAPA"), S("-ERR unknown"), *NOOP) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.stls(context)
        assert caught.value.args == ("-ERR CAPA not supported by server",)
        assert client.noop() == b"+OK done"


def test_refused(pop, talk, context):
    with talk(*OFFERED, C("STLS"), S("-ERR not now"), *NOOP) as client:
        sock, file = client.sock, client.file
        with pytest.raises(pop.error_proto) as caught:
            client.stls(context)
        assert caught.value.args == (b"-ERR not now",)
        assert client._tls_established is False
        assert (client.sock, client.file) == (sock, file)
        assert client.noop() == b"+OK done"


def test_twice(pop, talk, begin, context):
    with talk(*begin, *NOOP) as client:
        client.stls(context)
        with pytest.raises(pop.error_proto) as caught:
            client.stls(context)
        assert caught.value.args == ("-ERR TLS session already established",)
        assert client.noop() == b"+OK done"


@pytest.mark.row("Replaced in mid-session")
@pytest.mark.parametrize("established", [True, 1, "yes"])
def test_a_session_that_was_made_by_hand(pop, talk, established):
    with talk(*NOOP) as client:
        client._tls_established = established
        with pytest.raises(pop.error_proto) as caught:
            client.stls()
        assert caught.value.args == ("-ERR TLS session already established",)
        assert client.noop() == b"+OK done"


@pytest.mark.row("stls")
@pytest.mark.parametrize("options", [{}, {"context": None}, {"context": "anything"}])
def test_on_pop3_ssl(pop, play_tls, options):
    with play_tls(S("+OK ready"), *NOOP) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5)
        for arguments, keywords in [((), options), (tuple(options.values()), {})]:
            with pytest.raises(pop.error_proto) as caught:
                client.stls(*arguments, **keywords)
            assert caught.value.args == ("-ERR TLS session already established",)
        assert client.noop() == b"+OK done"
        client.close()


@pytest.mark.differs("files_everywhere")
@pytest.mark.parametrize(
    "arguments, keywords",
    [
        ((), {"keyfile": "a", "certfile": "b"}),
        ((), {"certfile": "b", "context": "c"}),
        (("a", "b", "c"), {}),
        (("a",), {"certfile": "b"}),
    ],
)
def test_files_on_pop3_ssl(pop, takes_files, arguments, keywords):
    client = pop.POP3_SSL.__new__(pop.POP3_SSL)
    with pytest.raises(pop.error_proto if takes_files else TypeError):
        client.stls(*arguments, **keywords)


def test_wrong_arguments(pop):
    for cls in (pop.POP3, pop.POP3_SSL):
        client = cls.__new__(cls)
        for arguments, keywords in [((None, None, None, None), {}), ((), {"contexts": None})]:
            with pytest.raises(TypeError):
                client.stls(*arguments, **keywords)


def test_signature(pop):
    of_pop3 = inspect.signature(pop.POP3.stls).parameters
    assert list(of_pop3)[:2] == ["self", "context"]
    assert of_pop3["context"].default is None
    others = list(of_pop3.values())[2:]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in others)
    of_ssl = inspect.signature(pop.POP3_SSL.stls).parameters
    assert of_ssl["context"].default is None


def test_autospec(pop):
    for cls in (pop.POP3, pop.POP3_SSL):
        client = mock.create_autospec(cls)("mail.example.org")
        client.stls.return_value = b"+OK"
        assert client.stls() == client.stls(context=None) == b"+OK"


@pytest.mark.row("stls")
@pytest.mark.differs("stls_files")
def test_files(pop, ours, talk, authority, asking_server):
    certificate = authority.issue("client@example.org")
    options = {"keyfile": certificate.key_file, "certfile": certificate.file}
    steps = [*OFFERED, *ACCEPTED, StartTLS(asking_server)] if ours else []
    with talk(*steps, *NOOP) as client:
        if ours:
            assert client.stls(**options) == b"+OK begin"
        else:
            with pytest.raises(TypeError):
                client.stls(**options)
        assert client.noop() == b"+OK done"


@pytest.mark.differs("stls_files")
@pytest.mark.parametrize(
    "options, error",
    [
        ({"certfile": "no-such-file"}, FileNotFoundError),
        ({"certfile": __file__}, ssl.SSLError),
        ({"keyfile": "no-such-file"}, ValueError),
        ({"keyfile": "no-such-file", "context": "context"}, ValueError),
        ({"certfile": "no-such-file", "context": "context"}, ValueError),
    ],
)
def test_files_that_are_wrong(ours, talk, options, error):
    """Nothing is sent, and the connection goes on without TLS."""
    with talk(*NOOP) as client:
        with pytest.raises(error if ours else TypeError):
            client.stls(**options)
        assert client._tls_established is False
        assert client.noop() == b"+OK done"


@pytest.mark.row("Host of stls")
def test_host_changed_before(pop, ca, talk, context):
    """It is the server name."""
    names = []
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("pop.example.org").configure_cert(server_context)
    server_context.sni_callback = lambda _, name, __: names.append(name)
    with talk(*OFFERED, *ACCEPTED, StartTLS(server_context), *NOOP) as client:
        client.host = "pop.example.org"
        client.stls(context)
        assert client.sock.server_hostname == "pop.example.org"
        assert client.noop() == b"+OK done"
    assert names == ["pop.example.org"]


def test_address(ca, talk, context):
    """No server name is sent for it."""
    names = []
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server_context)
    server_context.sni_callback = lambda _, name, __: names.append(name)
    with talk(*OFFERED, *ACCEPTED, StartTLS(server_context)) as client:
        client.stls(context)
    assert names == [None]


# hooks


@pytest.mark.parametrize("capabilities", [{"STLS": []}, ["STLS"], "STLS"])
def test_capa_overridden(pop, talk, server_context, context, capabilities):
    class Sure(pop.POP3):
        def capa(self):
            return capabilities

    with talk(*ACCEPTED, StartTLS(server_context), *NOOP, cls=Sure) as client:
        assert client.stls(context) == b"+OK begin"
        assert client.noop() == b"+OK done"


def test_capa_overridden_without_stls(pop, talk):
    class Modest(pop.POP3):
        def capa(self):
            return {}

    with talk(*NOOP, cls=Modest) as client:
        with pytest.raises(pop.error_proto, match="STLS not supported"):
            client.stls()
        assert client.noop() == b"+OK done"


def test_shortcmd_overridden(pop, talk, begin, context):
    class Noting(pop.POP3):
        def _shortcmd(self, line):
            self.said = [*getattr(self, "said", ()), line]
            return super()._shortcmd(line) + b"!"

    with talk(*begin, cls=Noting) as client:
        assert client.stls(context) == b"+OK begin!"
        assert client.said == ["STLS"]


def test_a_context_of_any_kind(talk, begin, client_context):
    proxy = mock.Mock(spec=["wrap_socket"], wraps=client_context)
    with talk(*begin) as client:
        sock = client.sock
        client.stls(proxy)
    assert proxy.mock_calls == [mock.call.wrap_socket(sock, server_hostname="127.0.0.1")]


def test_over_a_double(pop, offline, socket_double):
    client = offline(b"+OK\r\nSTLS\r\n.\r\n+OK begin\r\n")
    client.host, client._tls_established = "mail.example.org", False
    sock, wrapped = client.sock, socket_double(b"+OK done\r\n")
    context = mock.Mock()
    context.wrap_socket.return_value = wrapped
    assert client.stls(context) == b"+OK begin"
    assert context.mock_calls == [mock.call.wrap_socket(sock, server_hostname=client.host)]
    assert sock.sent == [b"CAPA\r\n", b"STLS\r\n"]
    assert sock.calls == [("makefile", "rb")]
    assert client.sock is wrapped
    assert client.noop() == b"+OK done"
    assert wrapped.sent == [b"NOOP\r\n"]
    with pytest.raises(pop.error_proto):
        client.stls(context)


def test_ssl_patched_on_the_module(pop, talk):
    with mock.patch(f"{pop.__name__}.ssl") as patched, talk(*OFFERED, *ACCEPTED) as client:
        wrap = patched._create_stdlib_context.return_value.wrap_socket
        wrap.side_effect = lambda sock, server_hostname: sock
        sock = client.sock
        assert client.stls() == b"+OK begin"
        assert wrap.mock_calls == [mock.call(sock, server_hostname="127.0.0.1")]


def test_the_factory_of_contexts_replaced(talk_refused, server_context):
    def create(**files):
        return ssl.create_default_context()

    steps = (*OFFERED, *ACCEPTED, RefusedTLS(server_context))
    hardened = mock.patch("ssl._create_stdlib_context", create)
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with hardened, talk_refused(*steps) as client, refused:
        client.stls()


def test_a_socket_of_another_kind(green, talk, begin, context):
    with talk(*begin, *NOOP, cls=green) as client:
        client.stls(context)
        assert type(client.sock) is ssl.SSLSocket
        assert client.noop() == b"+OK done"


# what goes wrong


@pytest.mark.row("Octets behind STLS")
@pytest.mark.differs("stls_injection")
@pytest.mark.parametrize("injected", [b"+OK injected\r\n", b"+", b"\0"])
def test_octets_behind_the_reply(pop, ours, talk, server_context, context, injected):
    """Somebody on the way says more than the server: the replies to come, for one."""
    after = [] if ours else [StartTLS(server_context), *NOOP]
    with talk(*OFFERED, C("STLS"), Raw(b"+OK begin\r\n" + injected), *after) as client:
        sock = client.sock
        if not ours:
            client.stls(context)
            assert client.noop() == b"+OK done"
            return
        with pytest.raises(pop.error_proto) as caught:
            client.stls(context)
        assert type(caught.value.args[0]) is str
        assert client.sock is client.file is None
        assert sock.fileno() == -1


@pytest.mark.differs("stls_injection")
def test_octets_soon_behind_the_reply(pop, ours, talk_refused, context):
    """They have arrived, and nobody has received them yet."""
    replied = threading.Event()

    class Slow(pop.POP3):
        def _shortcmd(self, line):
            response = super()._shortcmd(line)
            replied.set()
            assert select.select([self.sock], [], [], 5)[0]
            return response

    steps = (*OFFERED, *ACCEPTED, Await(replied), S("+OK injected"))
    after = [] if ours else [Anything()]
    with talk_refused(*steps, *after, cls=Slow) as client:
        sock = client.sock
        with pytest.raises(pop.error_proto if ours else ssl.SSLError):
            client.stls(context)
        assert (client.sock is client.file is None) is ours
        assert sock.fileno() == -1


#: Ways in which a handshake fails, and what it raises.
FAILURES = {
    "refused": (ssl.SSLError,),
    "distrusted": (ssl.SSLCertVerificationError,),
    "unanswered": (ssl.SSLEOFError, ssl.SSLZeroReturnError),
    "closed before": (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError),
}


@pytest.mark.row("A handshake that fails")
@pytest.mark.differs("stls_failure")
@pytest.mark.parametrize("how", FAILURES)
def test_failed_handshake(ours, talk_refused, server_context, asking_server, how):
    context = ssl.create_default_context() if how == "distrusted" else None
    steps = {
        "refused": (RefusedTLS(asking_server),),
        "distrusted": (RefusedTLS(server_context),),
        "unanswered": (Anything(once=True), Close()),
        "closed before": (Close(),),
    }[how]
    with talk_refused(*OFFERED, *ACCEPTED, *steps) as client:
        with pytest.raises(OSError) as caught:
            client.stls(context)
        assert type(caught.value) in FAILURES[how]
        assert client._tls_established is False
        assert (client.sock is client.file is None) is ours
        with pytest.raises(AttributeError if ours else OSError):
            client.noop()


@pytest.mark.differs("stls_failure")
def test_timeout_of_the_handshake(ours, talk_refused, context):
    with talk_refused(*OFFERED, *ACCEPTED, Anything()) as client:
        client.sock.settimeout(0.1)
        with pytest.raises(socket.timeout) as caught:
            client.stls(context)
        assert str(caught.value).endswith("handshake operation timed out")
        assert (client.sock is None) is ours


@pytest.mark.differs("stls_failure")
def test_a_context_that_fails(ours, talk):
    context = mock.Mock(spec=["wrap_socket"])
    context.wrap_socket.side_effect = LookupError("no")
    with talk(*OFFERED, *ACCEPTED) as client:
        sock = client.sock
        with pytest.raises(LookupError):
            client.stls(context)
        assert (sock.fileno() == -1) is ours
        assert (client.sock is None) is ours
