"""The differences on purpose of our own TLS from the ssl module's, where no context is given."""

import contextlib
import inspect
import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading

import pytest
from links import through
from scripted import Anything, C, Close, RefusedTLS, S, StartTLS, play

READY = S("+OK ready")
NOOP = (C("NOOP"), S("+OK done"))


@pytest.fixture
def run():
    """The lines that a program writes: run(code, *arguments, **options of subprocess.run)."""

    def run(code, *arguments, env=(), **options):
        child = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **dict(env)},
            stdout=subprocess.PIPE,
            timeout=30,
            check=True,
            text=True,
            **options,
        )
        return child.stdout.splitlines()

    return run


@pytest.mark.differs("native_socket")
def test_the_socket(pop, ours, play_tls, client_context):
    """It is none of the ssl module's, and answers as one."""
    with play_tls(READY, *NOOP) as server, play_tls(READY) as other:
        client = pop.POP3_SSL(server.host, server.port, timeout=5)
        theirs = pop.POP3_SSL(other.host, other.port, timeout=5, context=client_context)
        sock, model = client.sock, theirs.sock
        assert isinstance(sock, ssl.SSLSocket) is not ours
        assert isinstance(sock, socket.socket) is not ours
        for name in ("version", "cipher", "gettimeout", "compression", "selected_alpn_protocol"):
            assert getattr(sock, name)() == getattr(model, name)(), name
        for name in ("server_side", "server_hostname", "family", "type", "proto", "timeout"):
            assert getattr(sock, name) == getattr(model, name), name
        assert sock.getpeercert(True) == model.getpeercert(True)
        assert sock.getpeercert() == {}
        assert sock.getpeername() == (server.host, server.port)
        client._putcmd("NOOP")
        assert select.select([sock], [], [], 5)[0] == [sock]
        assert client._getresp() == b"+OK done"
        client.close()
        theirs.close()


@pytest.mark.differs("tls_unique")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_channel_binding(pop, ours, ca, play_tls, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with play_tls(READY, context=context) as server:
        client = pop.POP3_SSL(server.host, server.port, timeout=5)
        binding = client.sock.get_channel_binding("tls-unique")
        assert binding == client.sock.get_channel_binding()
        client.close()
    if ours and version is ssl.TLSVersion.TLSv1_3:
        assert binding is None
    else:
        assert type(binding) is bytes and binding


OLD_TLS = """\
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MinProtocol = TLSv1
CipherString = DEFAULT:@SECLEVEL=0
"""

ALLOWED = """
import ssl
print(ssl._create_stdlib_context().minimum_version < ssl.TLSVersion.TLSv1_2)
"""

CONNECT = """
import importlib, ssl, sys
pop = importlib.import_module(sys.argv[1])
try:
    client = pop.POP3_SSL(sys.argv[2], int(sys.argv[3]), timeout=5)
except ssl.SSLError:
    print("refused")
else:
    print(client.sock.version())
    client.close()
"""


@pytest.fixture
def old_server(ca):
    """A server's context for TLS 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.differs("tls_minimum")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_oldest_version(pop, ours, run, old_server, tmp_path):
    """Even where the system allows older ones; poplib did up to Python 3.9."""
    settings = tmp_path / "openssl.cnf"
    settings.write_text(OLD_TLS, encoding="ascii")
    env = {"OPENSSL_CONF": str(settings)}
    accepted = not ours and run(ALLOWED, env=env) == ["True"]
    steps = [StartTLS(old_server), READY] if accepted else [RefusedTLS(old_server)]
    with play(*steps, timeout=20) as server:
        outcome = run(CONNECT, pop.__name__, server.host, server.port, env=env)
    assert outcome == ["TLSv1.1" if accepted else "refused"]


def without_place(text):
    """The ssl module's text without the place in its source."""
    return re.sub(r"^_ssl\.c:\d+: | \(_ssl\.c:\d+\)$", "", text)


@pytest.mark.differs("tls_texts")
def test_text_of_an_error(pop, ours):
    with play(READY, Anything()) as server, pytest.raises(ssl.SSLError) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=5)
    number, text = caught.value.args
    assert number == caught.value.errno == 1
    assert (caught.value.library, caught.value.reason) == ("SSL", "WRONG_VERSION_NUMBER")
    assert without_place(text) == "[SSL: WRONG_VERSION_NUMBER] wrong version number"
    assert (without_place(text) == text) is ours


@pytest.mark.differs("tls_texts")
def test_text_of_a_timeout(pop, ours):
    with play(Anything()) as server, pytest.raises(socket.timeout) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=0.05)
    (text,) = caught.value.args
    assert without_place(text) == "The handshake operation timed out"
    assert (without_place(text) == text) is ours


@pytest.mark.differs("tls_eof")
def test_end_of_the_stream_in_the_handshake(pop, ours):
    """In Python 3.9 poplib's is an SSLZeroReturnError, with OpenSSL 3."""
    with play(Anything(once=True), Close()) as server, pytest.raises(ssl.SSLError) as caught:
        pop.POP3_SSL(server.host, server.port, timeout=5)
    error = caught.value
    if ours:
        assert type(error) is ssl.SSLEOFError
        assert error.args == (
            ssl.SSL_ERROR_EOF,
            "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol",
        )
        assert (error.library, error.reason) == ("SSL", "UNEXPECTED_EOF_WHILE_READING")
    else:
        assert type(error) in (ssl.SSLEOFError, ssl.SSLZeroReturnError)
        assert hasattr(error, "library") and hasattr(error, "reason")


@pytest.fixture
def elsewhere(ca):
    """A context of a server that has another name and address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("a.example.org", "*.b.example.org", "192.0.2.1").configure_cert(context)
    return context


@pytest.mark.differs("verify_option")
@pytest.mark.differs("wrong_host")
@pytest.mark.parametrize(
    "host, text",
    [
        ("localhost", "Hostname mismatch, certificate is not valid for 'localhost'"),
        ("127.0.0.1", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_wrong_host(pop, ours, client_context, authority, elsewhere, host, text):
    options = {"verify": authority.ca_file} if ours else {"context": client_context}
    refused = pytest.raises(ssl.SSLCertVerificationError)
    with play(RefusedTLS(elsewhere)) as server, refused as caught:
        pop.POP3_SSL(host, server.port, timeout=5, **options)
    named = ", but for: a.example.org, *.b.example.org, 192.0.2.1"
    message = text + (named if ours else ".")
    error = caught.value
    assert error.verify_message == message
    assert without_place(error.strerror) == (
        f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {message}"
    )
    assert (error.library, error.reason) == ("SSL", "CERTIFICATE_VERIFY_FAILED")


@through("plain")
@pytest.mark.differs("verify_option")
@pytest.mark.parametrize("how", ["constructor", "stls"])
def test_verify(pop, ours, talk, play_tls, server_context, authority, how):
    if not ours:
        for wrong in (lambda **it: pop.POP3_SSL("127.0.0.1", 1, **it), pop.POP3.stls):
            with pytest.raises(TypeError):
                wrong(verify=True)
        return
    for verify in (None, False, authority.ca_file, os.fsencode(authority.ca_file)):
        verified = verify not in (None, False)
        if how == "constructor":
            with play_tls(READY) as server:
                client = pop.POP3_SSL(server.host, server.port, timeout=5, verify=verify)
                assert bool(client.sock.getpeercert()) is verified
                client.close()
        else:
            steps = (C("CAPA"), S("+OK", "STLS", "."), C("STLS"), S("+OK"))
            with talk(*steps, StartTLS(server_context)) as client:
                client.stls(verify=verify)
                assert bool(client.sock.getpeercert()) is verified
    with play(RefusedTLS(server_context)) as server, pytest.raises(ssl.SSLCertVerificationError):
        pop.POP3_SSL(server.host, server.port, timeout=5, verify=True)


@pytest.mark.differs("verify_option")
def test_verify_excludes_context(pop, ours, client_context):
    for method in (pop.POP3_SSL, pop.POP3.stls):
        assert ("verify" in inspect.signature(method).parameters) is ours
    if ours:
        with pytest.raises(ValueError) as caught:
            pop.POP3_SSL("127.0.0.1", 1, context=client_context, verify=True)
        assert str(caught.value) == "context and verify arguments are mutually exclusive"
        with pytest.raises(TypeError, match=r"not an ssl\.SSLContext; use context="):
            pop.POP3_SSL("127.0.0.1", 1, verify=client_context)


ENCRYPTED = """
import importlib, ssl, sys, warnings
warnings.simplefilter("ignore")
pop = importlib.import_module(sys.argv[1])
try:
    pop.POP3_SSL(sys.argv[2], int(sys.argv[3]), keyfile=sys.argv[4], certfile=sys.argv[5])
except ssl.SSLError as error:
    print(error.strerror)
else:
    print("connected")
"""


@pytest.mark.differs("encrypted_key")
def test_encrypted_key(pop, ours, takes_files, run, play_tls, authority, tmp_path):
    """poplib asks for the password: at the terminal, or here, where there is none, at stdin."""
    certificate = authority.issue("client@example.org")
    key = tmp_path / "key.pem"
    command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-out", str(key)]
    subprocess.run([*command, "-in", certificate.key_file], check=True, timeout=30)
    if not takes_files:
        assert "keyfile" not in inspect.signature(pop.POP3_SSL).parameters
        return

    def connect(host, port):
        arguments = (pop.__name__, host, port, key, certificate.file)
        return run(ENCRYPTED, *arguments, input="secret\n", start_new_session=True)

    if ours:
        (text,) = connect("127.0.0.1", 1)
        assert "the private key is encrypted" in text
        return
    with play_tls(READY, timeout=20) as server:
        assert connect(server.host, server.port)[-1].endswith("connected")


NO_SSL = """
import importlib, sys
sys.modules["_ssl"] = None
pop = importlib.import_module(sys.argv[1])
print(pop.HAVE_SSL, hasattr(pop, "POP3_SSL"))
if pop.HAVE_SSL:
    client = pop.POP3_SSL(sys.argv[2], int(sys.argv[3]), timeout=5)
    print(client.noop())
    client.close()
"""


@pytest.mark.differs("have_ssl")
def test_an_interpreter_without_ssl(pop, ours, run, play_tls):
    if not ours:
        assert run(NO_SSL, pop.__name__) == ["False False"]
        return
    with play_tls(READY, *NOOP, timeout=20) as server:
        output = run(NO_SSL, pop.__name__, server.host, server.port)
    assert output == ["True True", "b'+OK done'"]


def test_log_of_keys(pop, run, play_tls, tmp_path):
    """No difference: where SSLKEYLOGFILE asks for it, a context of the ssl module's writes it."""
    log = tmp_path / "keys"
    with play_tls(READY, timeout=20) as server:
        where = (pop.__name__, server.host, server.port)
        assert run(CONNECT, *where, env={"SSLKEYLOGFILE": str(log)}) == ["TLSv1.3"]
    assert log.exists()


@pytest.mark.differs("final_dot")
def test_server_name_with_a_final_dot(pop, ours, ca, play_tls, monkeypatch):
    """It is no part of the name (RFC 6066, section 3)."""
    names = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("pop.example.org").configure_cert(context)
    context.sni_callback = lambda _, name, __: names.append(name)
    with play_tls(READY, context=context) as server:
        sock = socket.create_connection((server.host, server.port), 5)
        monkeypatch.setattr(pop.POP3, "_create_socket", lambda self, timeout: sock)
        client = pop.POP3_SSL("pop.example.org.", server.port)
        assert client.sock.server_hostname == client.host
        client.close()
    assert names == ["pop.example.org" if ours else "pop.example.org."]


@pytest.fixture
def unwrapping(pop, server_context):
    """A client whose TLS was ended, the plain socket, and what the server hears after that."""
    heard = []

    def serve(listener):
        connection, _ = listener.accept()
        with server_context.wrap_socket(connection, server_side=True) as there:
            there.settimeout(5)
            there.sendall(b"+OK ready\r\n")
            with there.unwrap() as plain, contextlib.suppress(OSError):
                heard.append(plain.recv(100))
                plain.sendall(b"+OK done\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        client = pop.POP3_SSL(*listener.getsockname(), timeout=5)
        yield client, client.sock.unwrap(), heard
        client.close()
        thread.join(5)


@pytest.mark.differs("unwrapped")
def test_commands_after_unwrap(ours, unwrapping):
    """Nothing goes out in plain text that was to be protected, unless by the plain socket."""
    client, plain, heard = unwrapping
    if ours:
        for call in (client.noop, client._getresp, lambda: client._putcmd("NOOP")):
            with pytest.raises(ValueError, match="use the plain socket"):
                call()
        assert heard == []
        client.sock, client.file = plain, plain.makefile("rb")
    assert client.noop() == b"+OK done"
    assert heard == [b"NOOP\r\n"]


@pytest.mark.differs("unwrapped")
def test_quit_after_unwrap(ours, unwrapping):
    """It sends nothing, and releases the socket."""
    client, plain, heard = unwrapping
    if ours:
        with pytest.raises(ValueError, match="use the plain socket"):
            client.quit()
    else:
        assert client.quit() == b"+OK done"
        assert heard == [b"QUIT\r\n"]
    assert client.sock is client.file is None
    assert plain.fileno() == -1
    assert heard in ([], [b""]) or not ours
