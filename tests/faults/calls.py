"""Every public call, for walks over the ways in which it can fail.

A table for each state of a connection: what a call covers, which is the first word of its key, and
the call, whose result is the same each time. A key says behind that in which way it is called.

None makes a function while it runs, or has a comprehension, which is one before 3.12: without
memory for that, CPython 3.12 and 3.13 crash, and 3.11 keeps what it refers to.
"""

import contextlib
import io
import itertools
import os

import poplib_c
from poplib_c import POP3, POP3_SSL, Reader, TLSSocket, error_proto, sasl

from .channel_calls import CHANNEL, Channel
from .support import TIMEOUT
from .unconnected import by_hand, finalized, whole_by_hand

HOST = "127.0.0.1"
USER = "alice"
PASSWORD = "secret"
TOKEN = "token"
MESSAGES = [b"Subject: 1\n\n.\nx\n", b"Subject: 2\n\n", b"Subject: 3\n\n" + 40 * b"line\n"]
MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "ANONYMOUS", "SCRAM-SHA-256"]


class Servers:
    """Where to connect to: a port with STLS, one with TLS, and the file of their CA."""

    def __init__(self, plain, tls, ca):
        self.plain, self.tls, self.ca = int(plain), int(tls), ca

    def connect(self, cls=POP3, **options):
        client = cls(HOST, self.plain, timeout=TIMEOUT, **options)
        client.ca = self.ca
        return client

    def connect_tls(self, **options):
        return POP3_SSL(HOST, self.tls, timeout=TIMEOUT, **options)


def refused(kind, function, *arguments, **options):
    """The name of the exception that is the result."""
    try:
        function(*arguments, **options)
    except kind as error:
        return type(error).__name__
    raise AssertionError(f"{function} did not raise {kind}")


def welcome(client):
    """A greeting without what is random, of a client that is closed."""
    with contextlib.closing(client):
        return client.getwelcome()[:21]


# --- nothing is connected --------------------------------------------------------------------


def with_statement(servers):
    with servers.connect() as client:
        return client.host


def with_certificate(servers):
    try:
        POP3_SSL(HOST, servers.tls, certfile=servers.ca)
    except OSError as error:
        return type(error).__name__


def installed(servers):
    try:
        poplib_c.install(read_ahead=2)
    finally:
        poplib_c.uninstall()


def told(error):
    return error.code, error.temporary, error.response, error.number


def exchange(mechanism, *challenges):
    return [mechanism.name, mechanism.initial_response(), *map(mechanism, challenges)]


def scram(cls, *arguments):
    mechanism = cls(USER, PASSWORD, *arguments)
    first = mechanism.initial_response()[:2]
    malformed = refused(sasl.SASLError, mechanism, b"r=x")
    return first, malformed, refused(error_proto, mechanism.success)


class Bound:
    """A socket, as far as channel binding is concerned."""

    def version(self):
        return "TLSv1.3"

    def get_channel_binding(self, kind):
        return b"binding"


def token():
    return TOKEN


def oauth_error():
    mechanism = sasl.OAuthBearer(USER, TOKEN)
    mechanism.initial_response()
    return mechanism(b'{"status": "invalid_token"}'), str(mechanism.error)


NOTHING = {
    "POP3.__init__ POP3._create_socket": lambda servers: welcome(servers.connect()),
    "POP3.__init__ deadline": lambda servers: welcome(servers.connect(deadline=60)),
    "POP3.__init__ refused": lambda servers: refused(TypeError, POP3, HOST, hots=1),
    "POP3.__enter__ POP3.__exit__": with_statement,
    "POP3.__signature__": lambda servers: POP3.__signature__ is not None,
    "POP3.timestamp": lambda servers: POP3.timestamp.pattern,
    "POP3.encoding": lambda servers: POP3.encoding,
    "POP3._getresp by hand": by_hand,
    "POP3.retr_bytes by hand": whole_by_hand,
    "POP3.__new__ finalized": finalized,
    "POP3_SSL.__init__ POP3_SSL._create_socket": lambda servers: welcome(servers.connect_tls()),
    "POP3_SSL.__init__ verify": lambda servers: welcome(servers.connect_tls(verify=servers.ca)),
    "POP3_SSL.__init__ deadline": lambda servers: welcome(servers.connect_tls(deadline=60)),
    "POP3_SSL.__init__ certfile": with_certificate,
    "install uninstall": installed,
    "error_proto.code error_proto.number error_proto.response error_proto.temporary": lambda _: (
        told(error_proto(b"-ERR [SYS/TEMP] x")),
        told(error_proto("-ERR EOF")),
    ),
    "sasl.Plain": lambda servers: exchange(sasl.Plain(USER, PASSWORD, "bob")),
    "sasl.Login": lambda servers: exchange(sasl.Login(USER, PASSWORD), b"User", b"Password"),
    "sasl.CramMD5": lambda servers: exchange(sasl.CramMD5(USER, PASSWORD), b"<1@x>"),
    "sasl.XOAuth2": lambda servers: exchange(sasl.XOAuth2(USER, token)),
    "sasl.OAuthBearer sasl.OAuthError": lambda servers: oauth_error(),
    "sasl.External": lambda servers: exchange(sasl.External(USER)),
    "sasl.Anonymous": lambda servers: exchange(sasl.Anonymous(USER)),
    "sasl.ScramSHA1 sasl.SASLError": lambda servers: scram(sasl.ScramSHA1),
    "sasl.ScramSHA256": lambda servers: scram(sasl.ScramSHA256),
    "sasl.ScramSHA1Plus": lambda servers: scram(sasl.ScramSHA1Plus, Bound()),
    "sasl.ScramSHA256Plus": lambda servers: scram(sasl.ScramSHA256Plus, Bound()),
}

# --- nobody is logged in ---------------------------------------------------------------------


def user_and_password(client):
    return client.user(USER), client.pass_(PASSWORD)


def authobject(challenge):
    return f"\0{USER}\0{PASSWORD}"


def started(client, **options):
    answer = client.stls(**options)
    return answer, client.capa()["UIDL"], client.sock.version()


AUTHORIZATION = {
    "POP3.user POP3.pass_": user_and_password,
    "POP3.apop": lambda client: client.apop(USER, PASSWORD),
    "POP3.rpop": lambda client: refused(error_proto, client.rpop, USER),
    "POP3.utf8": lambda client: client.utf8(),
    "POP3.stls": started,
    "POP3.stls verify": lambda client: started(client, verify=client.ca),
    "POP3.auth": lambda client: client.auth(sasl.CramMD5(USER, PASSWORD)),
    "POP3.auth authobject": lambda client: client.auth("PLAIN", authobject),
    "POP3.auth cancelled": lambda client: refused(error_proto, client.auth, "PLAIN", {}.get),
    "POP3.auth refused": lambda client: refused(
        error_proto, client.auth, sasl.XOAuth2(USER, "not the token")
    ),
    "POP3.login": lambda client: client.login(
        USER, PASSWORD, mechanisms=["CRAM-MD5"], allow_insecure=True
    ),
    "POP3.login encoding": lambda client: client.login(
        USER, PASSWORD, mechanisms=["PLAIN"], allow_insecure=True, encoding="latin-1"
    ),
    "POP3.login by itself": lambda client: client.login(USER, PASSWORD, allow_insecure=True),
    "POP3.login_oauth2": lambda client: client.login_oauth2(USER, TOKEN, allow_insecure=True),
}

# --- logged in -------------------------------------------------------------------------------


def shown(client):
    """The debugging output of a command."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        client.set_debuglevel(1)
        client.noop()
        client.set_debuglevel(0)
    return output.getvalue()


def limited(client):
    client.set_options(max_line=None, max_size=10**6, pipelining=True, read_ahead=0)
    return client.noop()


def ahead(client):
    client.set_options(read_ahead=2)
    client.stat()
    replies = client.retr(1), client.retr(2), client.retr(3)
    client.set_options(read_ahead=0)
    return replies


def in_time(client):
    with client.deadline(60):
        return client.noop()


def into_memory(client):
    file = io.BytesIO()
    return client.retr_into(3, file), file.getvalue()


FILE = io.FileIO(os.memfd_create("message"), "w+")


def into_file(client):
    FILE.seek(0)
    FILE.truncate()
    octets = client.retr_into(3, FILE)
    FILE.seek(0)
    return octets, FILE.read()


def many(client, pipelining=True):
    client.set_options(pipelining=pipelining)
    return client


def texts(pairs):
    """What an iterator gives, with exceptions as texts."""
    given = []
    for number, what in pairs:
        given.append((number, str(what) if isinstance(what, Exception) else what))
    return given


def abandoned(client):
    iterator = iter(many(client).retr_many([1, 2, 3]))
    first = next(iterator)
    left = iterator.__length_hint__()
    iterator.close()
    return first, left, type(iterator)[int, bytes], client.noop()


def put_and_got(client):
    client._putcmd("NOOP")
    short = client._getresp()
    client._putline(b"LIST")
    return short, client._getlongresp()


def line_by_line(client):
    client._putcmd("NOOP")
    return client._getline()


def deleted_by_retr(client):
    return list(many(client).retr_many([1, 2], delete=True)), client.rset()


TRANSACTION = {
    "POP3.stat": lambda client: client.stat(),
    "POP3.list": lambda client: (client.list(), client.list(1)),
    "POP3.uidl": lambda client: (client.uidl(), client.uidl(1)),
    "POP3.retr": lambda client: client.retr(3),
    "POP3.retr refused": lambda client: refused(error_proto, client.retr, 99),
    "POP3.retr control character": lambda client: refused(ValueError, client.retr, "1\n"),
    "POP3.top": lambda client: client.top(1, 1),
    "POP3.dele POP3.rset": lambda client: (client.dele(1), client.rset()),
    "POP3.noop": lambda client: client.noop(),
    "POP3.capa": lambda client: client.capa(),
    "POP3.lang": lambda client: (
        refused(error_proto, client.lang),
        refused(error_proto, client.lang, "de"),
    ),
    "POP3.session_state POP3._get_state": lambda client: (repr(client), client.session_state),
    "POP3.getwelcome": lambda client: client.getwelcome()[:21],
    "POP3.set_debuglevel": shown,
    "POP3.set_options": limited,
    "POP3.set_options read_ahead": ahead,
    "POP3.deadline Deadline.__enter__ Deadline.__exit__": in_time,
    "POP3._shortcmd": lambda client: client._shortcmd("NOOP"),
    "POP3._longcmd": lambda client: client._longcmd("UIDL"),
    "POP3._putcmd POP3._getresp POP3._putline POP3._getlongresp": put_and_got,
    "POP3._getline": line_by_line,
    "POP3.sizes": lambda client: client.sizes(),
    "POP3.uids": lambda client: client.uids(),
    "POP3.retr_bytes": lambda client: client.retr_bytes(3),
    "POP3.top_bytes": lambda client: client.top_bytes(1, 1),
    "POP3.retr_into": into_memory,
    "POP3.retr_into file": into_file,
    "POP3.retr_many": lambda client: list(many(client).retr_many([1, 2, "3"])),
    "POP3.retr_many proved": lambda client: list(many(client, "auto").retr_many([1, 2])),
    "POP3.retr_many one by one": lambda client: list(many(client, False).retr_many([1, 2])),
    "POP3.retr_many lines": lambda client: list(many(client).retr_many([1, 2, 3], lines=True)),
    "POP3.retr_many delete": deleted_by_retr,
    "POP3.top_many": lambda client: texts(many(client).top_many([1, 99], 1, errors="return")),
    "POP3.dele_many": lambda client: (list(many(client).dele_many([1, 2])), client.rset()),
    "ManyIterator.__iter__ ManyIterator.__next__ ManyIterator.close": abandoned,
    "ManyIterator.__length_hint__ ManyIterator.__class_getitem__": abandoned,
    "POP3.quit": lambda client: client.quit(),
    "POP3.close": lambda client: client.close(),
}


def read(client, *names):
    """What .file has of the reply to UIDL, by these methods."""
    client._putcmd("UIDL 1")
    octets = []
    for name in names:
        octets.append(getattr(client.file, name)(2))
    return octets, client.file.readline()


def read_into(client, name):
    buffer = bytearray(5)
    client._putcmd("NOOP")
    return getattr(client.file, name)(buffer), bytes(buffer)


def iterated(client):
    client._putcmd("UIDL")
    lines = iter(client.file)
    return list(itertools.islice(lines, len(MESSAGES) + 2))


def read_lines(client):
    client._putcmd("NOOP")
    return client.file.readlines(1)


def entered(client):
    with client.file as file:
        return file.closed


READER = {
    "Reader.read Reader.readline": lambda client: read(client, "read", "readline"),
    "Reader.read1 Reader.peek": lambda client: read(client, "read1", "peek")[0],
    "Reader.readinto": lambda client: read_into(client, "readinto"),
    "Reader.readinto1": lambda client: read_into(client, "readinto1"),
    "Reader.readlines": read_lines,
    "Reader.__iter__ Reader.__next__": iterated,
    "Reader.__enter__ Reader.__exit__": entered,
    "Reader.close": lambda client: client.file.close(),
    "Reader.closed Reader.mode": lambda client: (client.file.closed, client.file.mode),
    "Reader.fileno Reader.isatty": lambda client: (client.file.fileno() > 2, client.file.isatty()),
    "Reader.readable Reader.writable Reader.seekable Reader.flush": lambda client: (
        *[client.file.readable(), client.file.writable(), client.file.seekable()],
        client.file.flush(),
    ),
    **{
        f"Reader.{name}": lambda client, name=name: refused(
            OSError, getattr(client.file, name), b""
        )
        for name in ("seek", "tell", "truncate", "write")
    },
}

# --- over TLS --------------------------------------------------------------------------------


def received(client, name, *arguments):
    client._putcmd("UTF8")
    return getattr(client.sock, name)(*arguments)


def received_into(client, name, *arguments):
    buffer = bytearray(100)
    count = received(client, name, *arguments, buffer)
    return count, bytes(buffer)


def sent(client, name):
    getattr(client.sock, name)(b"UTF8\r\n")
    return client._getresp()


def unwrapped(client):
    with client.sock.unwrap() as sock:
        return sock.fileno() > 2


def detached(client):
    descriptor = client.sock.detach()
    os.close(descriptor)
    return descriptor > 2


def made_file(client):
    client._putcmd("UTF8")
    with client.sock.makefile("rb") as file:
        return file.readline()


def certificate(client):
    return client.sock.getpeercert(), len(client.sock.getpeercert(True)) > 100


def entered_tls(client):
    with client.sock as sock:
        return sock.version()


def refuses(name):
    return lambda client: refused(NotImplementedError, getattr(client.sock, name))


TLS = {
    "POP3_SSL.context": lambda client: type(client.context).__name__,
    "POP3_SSL.stls": lambda client: refused(error_proto, client.stls),
    "TLSSocket.recv": lambda client: received(client, "recv", 100),
    "TLSSocket.read": lambda client: received(client, "read", 100),
    "TLSSocket.read into": lambda client: received_into(client, "read", 100),
    "TLSSocket.recv_into": lambda client: received_into(client, "recv_into"),
    "TLSSocket.send": lambda client: sent(client, "send"),
    "TLSSocket.sendall": lambda client: sent(client, "sendall"),
    "TLSSocket.write": lambda client: sent(client, "write"),
    "TLSSocket.unwrap TLSSocket._unwrapped TLSSocket._shut_down TLSSocket._sock": unwrapped,
    "TLSSocket.makefile TLSSocket._io_refs TLSSocket._decref_socketios": made_file,
    "TLSSocket.close TLSSocket._closed TLSSocket._close_unused": lambda client: (
        *[client.sock.close(), client.sock._closed],
    ),
    "TLSSocket.detach TLSSocket._sock_closed": detached,
    "TLSSocket.__enter__ TLSSocket.__exit__": entered_tls,
    "TLSSocket.getpeercert TLSSocket._certificate TLSSocket._verified": certificate,
    "TLSSocket.get_channel_binding TLSSocket._binding": lambda client: (
        type(client.sock.get_channel_binding("tls-unique")).__name__,
        type(client.sock.get_channel_binding("tls-server-end-point")).__name__,
        type(client.sock.get_channel_binding("tls-exporter")).__name__,
    ),
    "TLSSocket.cipher TLSSocket._cipher TLSSocket.version TLSSocket._version": lambda client: (
        *[client.sock.cipher(), client.sock.version()],
    ),
    "TLSSocket.selected_alpn_protocol TLSSocket.compression": lambda client: (
        client.sock.selected_alpn_protocol(),
        client.sock.compression(),
    ),
    "TLSSocket.pending TLSSocket._pending TLSSocket._has_ended": lambda client: (
        client.sock.pending()
    ),
    "TLSSocket.server_hostname TLSSocket.server_side TLSSocket.session_reused": lambda client: (
        *[client.sock.server_hostname, client.sock.server_side, client.sock.session_reused],
    ),
    "TLSSocket.__getattr__": lambda client: (client.sock.gettimeout(), client.sock.fileno() > 2),
    **{
        f"TLSSocket.{name}": refuses(name)
        for name in (
            *["dup", "recvfrom", "recvfrom_into", "recvmsg", "recvmsg_into", "sendfile"],
            *["sendmsg", "sendmsg_afalg", "sendto"],
        )
    },
}


#: What copyreg leaves on a class.
COPIED = "__slotnames__"


def public_names():
    """What the tables have to cover; private methods of POP3 are its hooks."""
    client = POP3.__new__(POP3)
    many, deadline = type(client.retr_many([])), type(client.deadline(1))
    names = {"install", "uninstall", *(f"sasl.{name}" for name in sasl.__all__)}
    for cls in (POP3, TLSSocket, Reader, Channel, many, deadline):
        own = {name for name in dir(cls) if not hasattr(object, name)} - {COPIED}
        names |= {f"{cls.__name__}.{name}" for name in own | {"__init__"} & vars(cls).keys()}
    names |= {f"error_proto.{name}" for name in vars(error_proto) if not name.startswith("__")}
    names |= {f"POP3_SSL.{name}" for name in vars(POP3_SSL) if not hasattr(object, name)}
    return names | {"POP3_SSL.__init__"}


def covered_names():
    return {name for table in TABLES.values() for key in table for name in key.split()}


FOREIGN = {
    "POP3.retr_bytes from a file": lambda client: client.retr_bytes(3),
    "POP3.retr_into from a file": into_memory,
}

TABLES = {
    "nothing": NOTHING,
    "channel": CHANNEL,
    "authorization": AUTHORIZATION,
    "transaction": TRANSACTION,
    "encrypted": TRANSACTION,
    "reader": READER,
    "foreign": FOREIGN,
    "tls": TLS,
}
