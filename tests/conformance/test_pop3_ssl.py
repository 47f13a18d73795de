"""POP3_SSL: its constructor in all its forms, its attributes, the server name it sends."""

import inspect
import pathlib
import socket
import ssl
import warnings
from unittest import mock

import pytest
from scripted import Anything, C, RefusedTLS, S, StartTLS, play

OMITTED = socket._GLOBAL_DEFAULT_TIMEOUT
READY = S("+OK ready")
GREETED = b"+OK ready"


@pytest.fixture
def files(authority):
    """The client's keyfile and certfile."""
    certificate = authority.issue("client@example.org")
    return certificate.key_file, certificate.file


@pytest.fixture
def one_file(files, tmp_path):
    """A certfile with the key in it."""
    path = tmp_path / "client.pem"
    path.write_bytes(b"".join(pathlib.Path(file).read_bytes() for file in files))
    return str(path)


@pytest.fixture
def asking_server(ca):
    """A server's context that asks for a client's certificate, and requires it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.row("POP3_SSL")
@pytest.mark.parametrize("how", ["positional", "keyword"])
def test_arguments_of_every_version(pop, play_tls, client_context, how):
    """Those of Python 3.12."""
    options = {"timeout": 4, "context": client_context}
    with play_tls(READY) as server:
        if how == "positional":
            client = pop.POP3_SSL(server.host, server.port, **options)
        else:
            client = pop.POP3_SSL(**options, port=server.port, host=server.host)
        assert (client.host, client.port) == (server.host, server.port)
        assert client.sock.gettimeout() == 4
        assert client.getwelcome() == GREETED
        client.close()


@pytest.mark.row("POP3_SSL")
@pytest.mark.differs("files_everywhere")
@pytest.mark.parametrize(
    "arguments, keywords",
    [
        ((None, None, 4), {}),
        ((None,), {"certfile": None, "timeout": 4}),
        (("key", "cert", 4), {}),
        (("key",), {"certfile": "cert", "timeout": 4}),
        ((), {"timeout": 4, "certfile": "cert", "keyfile": "key"}),
        ((None, "both", 4), {}),
        ((), {"certfile": "both", "timeout": 4}),
        ((None, None, 4, "context"), {}),
        ((None, None, 4), {"context": "context"}),
    ],
)
@pytest.mark.filterwarnings("ignore:keyfile and certfile")
def test_arguments_of_older_versions(
    pop, takes_files, play_tls, files, one_file, client_context, arguments, keywords
):
    """Those of Python 2.7, and up to 3.11: with files, and by position."""
    values = {"key": files[0], "cert": files[1], "both": one_file, "context": client_context}
    arguments = [values.get(value, value) for value in arguments]
    keywords = {name: values.get(value, value) for name, value in keywords.items()}
    if not takes_files:
        with pytest.raises(TypeError):
            pop.POP3_SSL("127.0.0.1", 1, *arguments, **keywords)
        return
    given = dict(zip(("keyfile", "certfile", "timeout", "context"), arguments), **keywords)
    with play_tls(READY) as server:
        client = pop.POP3_SSL(server.host, server.port, *arguments, **keywords)
        assert client.sock.gettimeout() == 4
        assert client.keyfile == given.get("keyfile")
        assert client.certfile == given.get("certfile")
        assert client.getwelcome() == GREETED
        assert given.get("context") in (None, client.context)
        client.close()


@pytest.mark.differs("files_everywhere")
@pytest.mark.parametrize("way", ["files", "one file", "context"])
@pytest.mark.filterwarnings("ignore:keyfile and certfile")
def test_a_client_certificate(pop, takes_files, play_tls, files, one_file, asking_server, way):
    if way == "context":
        context = ssl._create_unverified_context()
        context.load_cert_chain(files[1], files[0])
        options = {"context": context}
    elif way == "files":
        options = {"keyfile": files[0], "certfile": files[1]}
    else:
        options = {"certfile": one_file}
    if way != "context" and not takes_files:
        with pytest.raises(TypeError):
            pop.POP3_SSL("127.0.0.1", 1, **options)
        return
    with play_tls(READY, context=asking_server) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5, **options)
        assert client.getwelcome() == GREETED
        client.close()


def test_no_client_certificate(pop, asking_server):
    with play(RefusedTLS(asking_server)) as server, pytest.raises(OSError) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=5)
    assert type(caught.value) in (ssl.SSLError, ConnectionResetError)


@pytest.mark.row("Context or files")
@pytest.mark.differs("files_everywhere")
@pytest.mark.parametrize("name", ["keyfile", "certfile"])
def test_context_excludes_files(pop, takes_files, client_context, name):
    expected = ValueError if takes_files else TypeError
    with pytest.raises(expected) as caught:
        pop.POP3_SSL("127.0.0.1", 1, context=client_context, **{name: "no-such-file"})
    if takes_files:
        text = f"context and {name} arguments are mutually exclusive"
        assert str(caught.value) == text


@pytest.mark.differs("files_everywhere")
@pytest.mark.filterwarnings("ignore:keyfile and certfile")
@pytest.mark.parametrize(
    "options, error",
    [
        ({"keyfile": "key"}, ValueError),
        ({"certfile": "no-such-file"}, FileNotFoundError),
        ({"certfile": "cert", "keyfile": "no-such-file"}, FileNotFoundError),
        ({"certfile": "key"}, ssl.SSLError),
        ({"certfile": "cert"}, ssl.SSLError),
        ({"certfile": "cert", "keyfile": "another"}, ssl.SSLError),
        ({"certfile": 5}, TypeError),
    ],
)
def test_files_that_are_wrong(pop, takes_files, files, authority, options, error):
    """Nothing is connected."""
    values = {"key": files[0], "cert": files[1], "another": authority.issue("a@b.c").key_file}
    options = {name: values.get(value, value) for name, value in options.items()}
    if not takes_files:
        error = TypeError
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        with pytest.raises(error) as caught:
            pop.POP3_SSL(*server.getsockname(), timeout=5, **options)
        assert type(caught.value) is error
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.row("Timeout")
@pytest.mark.parametrize("context", ["none", "given"])
@pytest.mark.parametrize("timeout", [4.5, None])
def test_timeout_omitted_is_the_socket_default(
    pop, play_tls, client_context, default_timeout, context, timeout
):
    default_timeout(timeout)
    with play_tls(READY) as server:
        given = client_context if context == "given" else None
        client = pop.POP3_SSL(server.host, server.port, context=given)
        assert client.sock.gettimeout() == timeout
        client.close()


@pytest.mark.row("Timeout")
@pytest.mark.parametrize("timeout", [0, 0.0, False])
def test_timeout_zero(pop, client_context, timeout):
    for context in (None, client_context):
        with pytest.raises(ValueError) as caught:
            pop.POP3_SSL("127.0.0.1", 1, timeout=timeout, context=context)
        assert str(caught.value) == "Non-blocking socket (timeout=0) is not supported"


@pytest.mark.parametrize("context", ["none", "given"])
def test_timeout_of_the_handshake(pop, client_context, context):
    given = client_context if context == "given" else None
    with play(Anything()) as server, pytest.raises(socket.timeout) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=0.05, context=given)
    assert "timed out" in str(caught.value)


NAMES = ["host", "port", "_tls_established", "sock", "file", "_debugging", "welcome"]


@pytest.mark.row("Attributes")
@pytest.mark.differs("files_everywhere")
def test_attributes_of_an_instance(pop, takes_files, play_tls, client_context):
    with play_tls(READY) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5, context=client_context)
        files = ["keyfile", "certfile"] if takes_files else []
        assert list(vars(client)) == [*files, "context", *NAMES]
        assert [vars(client)[name] for name in files] == [None for _ in files]
        assert client.context is client_context
        assert client._tls_established is False
        client.close()


def test_context_given(pop, play_tls, client_context):
    """It makes the socket, which is its own."""
    with play_tls(READY, C("NOOP"), S("+OK")) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5, context=client_context)
        assert type(client.sock) is ssl.SSLSocket
        assert client.sock.context is client.context is client_context
        assert client.sock.server_hostname == server.host
        assert client.sock.getpeercert()["subjectAltName"]
        assert client.noop() == b"+OK"
        client.close()


def test_a_context_of_any_kind(pop, play_tls, client_context):
    """What has wrap_socket() is asked for nothing else."""
    proxy = mock.Mock(spec=["wrap_socket"], wraps=client_context)
    with play_tls(READY) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5, context=proxy)
        ((plain,), options) = proxy.wrap_socket.call_args
        assert type(plain) is socket.socket
        assert options == {"server_hostname": server.host}
        assert client.context is proxy
        client.close()


def test_context_that_verifies(pop, server_context):
    context, refused = ssl.create_default_context(), pytest.raises(ssl.SSLCertVerificationError)
    with play(RefusedTLS(server_context)) as server, refused:
        pop.POP3_SSL(server.host, server.port, timeout=5, context=context)


@pytest.mark.row("Attributes")
@pytest.mark.parametrize("name", ["context", "keyfile", "certfile"])
def test_attributes_can_be_set_and_deleted(pop, name):
    client = pop.POP3_SSL.__new__(pop.POP3_SSL)
    marker = object()
    setattr(client, name, marker)
    assert getattr(client, name) is vars(client)[name] is marker
    delattr(client, name)
    assert name not in vars(client)


def test_the_class(pop):
    assert pop.POP3_SSL.__name__ == pop.POP3_SSL.__qualname__ == "POP3_SSL"
    assert pop.POP3_SSL.__module__ == pop.__name__
    assert pop.POP3_SSL.__bases__ == (pop.POP3,)
    assert pop.POP3_SSL.__doc__
    assert not hasattr(pop.POP3_SSL, "context")


def test_signature_of_every_version(pop):
    parameters = inspect.signature(pop.POP3_SSL).parameters
    assert list(parameters)[:2] == ["host", "port"]
    assert parameters["host"].default is inspect.Parameter.empty
    assert parameters["port"].default == 995
    assert parameters["context"].default is None
    assert {"timeout", "context"} < set(parameters)


@pytest.mark.row("Signatures")
@pytest.mark.differs("files_everywhere")
def test_signature(pop, takes_files):
    parameters = inspect.signature(pop.POP3_SSL).parameters
    if not takes_files:
        assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
        return
    names = ["host", "port", "keyfile", "certfile", "timeout", "context"]
    assert list(parameters)[:6] == names
    kinds = {parameters[name].kind for name in names}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}
    assert parameters["keyfile"].default is parameters["certfile"].default is None
    of_init = inspect.signature(pop.POP3_SSL.__init__).parameters
    assert list(of_init)[:7] == ["self", *names]


@pytest.mark.row("Signatures")
def test_autospec(pop):
    spec = mock.create_autospec(pop.POP3_SSL)
    client = spec("mail.example.org", 995, timeout=5, context=None)
    client.stat.return_value = (0, 0)
    assert client.stat() == (0, 0)
    for arguments, keywords in [
        ((), {}),
        (("mail.example.org",), {"hots": 1}),
        (("mail.example.org", 995, None, None, 5, None, None), {}),
    ]:
        with pytest.raises(TypeError):
            spec(*arguments, **keywords)
    with pytest.raises(AttributeError):
        client.mailbox  # noqa: B018


@pytest.mark.differs("files_everywhere")
def test_autospec_of_older_versions(pop, takes_files):
    spec = mock.create_autospec(pop.POP3_SSL)
    if takes_files:
        spec("mail.example.org", 995, None, None, 5, None)
        spec("mail.example.org", keyfile="key.pem", certfile="cert.pem")
    else:
        with pytest.raises(TypeError):
            spec("mail.example.org", 995, None)


@pytest.mark.differs("no_deprecation")
def test_files_are_not_deprecated(pop, ours, takes_files, play_tls, one_file):
    if not takes_files:
        assert "certfile" not in inspect.signature(pop.POP3_SSL).parameters
        return
    with warnings.catch_warnings(record=True) as caught, play_tls(READY) as server:
        warnings.simplefilter("always", DeprecationWarning)
        pop.POP3_SSL(server.host, server.port, certfile=one_file, timeout=5).close()
    said = [str(warning.message) for warning in caught]
    assert any(text.startswith("keyfile and certfile") for text in said) is not ours


class Names(list):
    """The server names that arrive at a server's context."""

    def __init__(self, ca):
        super().__init__()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost", "127.0.0.1").configure_cert(self.context)
        self.context.sni_callback = lambda _, name, __: self.append(name)


@pytest.mark.parametrize("context", ["none", "given"])
@pytest.mark.parametrize(
    "host, hostname, sent",
    [
        ("localhost", "localhost", True),
        ("Pop.Example.ORG", "Pop.Example.ORG", True),
        ("b\xfccher.example", "xn--bcher-kva.example", True),
        (b"pop.example.org", "pop.example.org", True),
        ("my_host", "my_host", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "::1", False),
        (None, None, False),
    ],
)
def test_server_name(pop, ca, monkeypatch, context, host, hostname, sent):
    """It is sent for names, never for addresses."""
    names = Names(ca)
    given = ssl._create_unverified_context() if context == "given" else None
    create = socket.create_connection
    with play(StartTLS(names.context), READY) as server:
        connect = lambda address, *rest: create((server.host, server.port), *rest)  # noqa: E731
        monkeypatch.setattr(pop.socket, "create_connection", connect)
        client = pop.POP3_SSL(host, server.port, timeout=5, context=given)
        assert client.sock.server_hostname == hostname
        client.close()
    assert names == [hostname if sent else None]


@pytest.mark.differs("failed_constructor")
@pytest.mark.parametrize(
    "host, error",
    [
        ("", ValueError),
        (".example.org", UnicodeError),
        (64 * "a" + ".example", UnicodeError),
        ("a..b", UnicodeError),
        ("a\0b", TypeError),
    ],
)
def test_hosts_that_are_no_server_names(pop, ours, monkeypatch, host, error):
    """Nothing is said."""
    create = socket.create_connection
    with play() as server:
        connect = lambda address, *rest: create((server.host, server.port), *rest)  # noqa: E731
        monkeypatch.setattr(pop.socket, "create_connection", connect)
        with pytest.raises(error) as caught:
            pop.POP3_SSL(host, server.port, timeout=5)
        assert caught.value.__traceback__ is not None
        if ours:
            assert server.wait_eof()
    assert server.wire == b""


@pytest.mark.parametrize("context", ["none", "given"])
def test_failed_handshake_leaves_no_socket(pop, client_context, context):
    """A server without TLS."""
    given = client_context if context == "given" else None
    with play(READY, Anything()) as server, pytest.raises(ssl.SSLError) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=5, context=given)
    assert caught.value.__traceback__ is not None
    assert caught.value.reason == "WRONG_VERSION_NUMBER"
