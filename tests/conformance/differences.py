"""Where poplib_c differs from poplib on purpose, by name.

A test that states both sides carries ``@pytest.mark.differs("name")``.  The interpreter's
poplib may have learned some of it already: it is probed, not judged by its version.
"""

import inspect
import io
import poplib

DIFFERENCES = {
    "timeout_default": "inspect shows the default of timeout as `<socket default>`, a text",
    "own_repr": "repr() of a connection shows host, port, TLS and state",
    "own_calls": "options by keyword only, whole messages, listings as dicts and `with` are ours",
    "control_characters": "a command with a control character is a ValueError, nothing is sent",
    "hidden_secret": "the UnicodeEncodeError of a command with a secret does not hold the secret",
    "malformed_stat": "stat() raises error_proto for a reply that is no drop listing",
    "long_message_lines": "message lines may be longer than _MAXLINE, up to max_line",
    "truncated_reply": "a reply that ends before its line end or terminator is an error",
    "out_of_step": "after an abandoned reply or command every command fails, and nothing is sent",
    "unasked_reply": "unread octets of a reply nobody asked for are an error, not an answer",
    "quit_releases": "quit() that fails leaves no open socket",
    "failed_constructor": "a constructor that fails leaves no open socket",
    "capa_failure": "capa() reports a lost connection as what it is",
    "capa_limit": "a reply to CAPA with more than 64 KiB of lines is an error",
    "capa_lines": "capa() skips blank lines and decodes non-ASCII with surrogateescape",
    "use_after_close": "the AttributeError after close() says that the connection is closed",
    "own_error_proto": "error_proto is no subclass of poplib's",
    "lazy_modules": "importing the module imports no ssl",
    "files_everywhere": "POP3_SSL takes keyfile and certfile, and all by position, on 3.12 too",
    "lazy_context": "POP3_SSL.context is made when it is first asked for",
    "context_kept": "a .context from before the constructor is used, not replaced",
    "stls_files": "stls() takes keyfile and certfile",
    "stls_injection": "octets behind the reply to STLS are an error, before any handshake",
    "stls_failure": "a failed handshake in stls() leaves the connection closed",
    "native_socket": "without context= .sock is a TLSSocket, no ssl.SSLSocket",
    "tls_minimum": "TLS 1.2 is the least on every version",
    "tls_unique": "the channel binding tls-unique is None in TLS 1.3",
    "tls_texts": "the text of a TLS error or timeout names no place in the ssl module's source",
    "tls_eof": "the end of the stream in a handshake is an SSLEOFError on every version",
    "tls_reset": "a reset connection is an OSError over TLS too, never the end of the stream",
    "wrong_host": "the text about a certificate for another host names its hosts too",
    "unwrapped": "after unwrap() of a TLSSocket commands are an error, and not sent in plain text",
    "verify_option": "verify is a keyword-only argument of POP3_SSL and stls()",
    "encrypted_key": "a keyfile that is encrypted is an SSLError, the password is not asked for",
    "have_ssl": "HAVE_SSL is True, and there is TLS, where the interpreter has no ssl module",
    "final_dot": "the server name is sent without a final dot",
    "no_deprecation": "keyfile and certfile give no DeprecationWarning",
}


class _Sink:
    def sendall(self, data):
        pass


def _oracle(replies):
    client = poplib.POP3.__new__(poplib.POP3)
    client.sock = _Sink()
    client.file = io.BytesIO(replies)
    client._debugging = 0
    return client


def poplib_refuses_control_characters():
    try:
        _oracle(b"")._putcmd("NOOP\n")
    except ValueError:
        return True
    return False


def poplib_checks_stat():
    try:
        _oracle(b"+OK\r\n").stat()
    except poplib.error_proto:
        return True
    except IndexError:
        return False


def poplib_takes_files():
    """Whether its POP3_SSL has keyfile and certfile, and takes all its arguments by position."""
    return "keyfile" in inspect.signature(poplib.POP3_SSL).parameters
