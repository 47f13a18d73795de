import errno as errno
import re as re
import socket as socket
import ssl as ssl
import sys as sys
from builtins import list as _list  # POP3 has a method of that name.
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, Protocol, TypeVar, final, overload

from _typeshed import ReadableBuffer, StrOrBytesPath, WriteableBuffer
from typing_extensions import Never, Self, TypeAlias, disjoint_base

from poplib_c._install import install as install
from poplib_c._install import uninstall as uninstall

__all__ = ["POP3", "POP3_SSL", "error_proto"]

__version__: Final[str]

OPENSSL_VERSION: Final[str]
HAVE_SSL: Final = True
POP3_PORT: Final = 110
POP3_SSL_PORT: Final = 995
CR: Final = b"\r"
LF: Final = b"\n"
CRLF: Final = b"\r\n"
_MAXLINE: int

# The status line, the lines, their octets.
_Reply: TypeAlias = tuple[bytes, _list[bytes], int]
# The number of a message.
_Number: TypeAlias = int | str
_N = TypeVar("_N", int, str)
_T = TypeVar("_T")
_Pipelining: TypeAlias = Literal["auto"] | bool

# Returns the response to a challenge; None cancels the exchange.
_AuthObject: TypeAlias = Callable[[bytes], bytes | str | None]

class _Mechanism(Protocol):
    @property
    def name(self) -> str: ...
    def initial_response(self) -> bytes | None: ...
    def __call__(self, challenge: bytes, /) -> bytes | None: ...

class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...

@final
class ManyIterator(Iterator[tuple[_N, _T]]):
    """An iterator over (number, answer), as retr_many() returns it."""
    def __next__(self) -> tuple[_N, _T]: ...
    def __length_hint__(self) -> int:
        """Return how many results are left; NotImplemented if the numbers have no
        length.
        """
    def close(self) -> None:
        """End the iteration.

        Receives nothing now: the next command on the connection receives and drops
        the pending replies.  So it does after the iterator is freed.
        """

@final
class Deadline:
    """A block of a connection's commands, as deadline() returns it."""
    def __enter__(self) -> Self:
        """The seconds count from here on.  RuntimeError while it is entered."""
    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """What counted before counts again."""

class error_proto(Exception):
    """A reply that is an error, or that is no reply.

    args[0] is bytes for what the server said (b'-ERR no such message') and str
    for what the client found ('-ERR EOF', 'line too long').
    OSError from sockets passes through and is never turned into error_proto.

    response: what the server said, bytes, or None.
    code: its response code in upper case (RFC 2449, section 8; RFC 3206), str
    without the brackets: 'AUTH', 'IN-USE', 'LOGIN-DELAY', 'SYS/TEMP',
    'SYS/PERM' or another; None without one.
    temporary: whether that code says that it may work later: 'IN-USE',
    'LOGIN-DELAY', 'SYS/TEMP'.
    number: the message whose end can't be told, since commands were sent ahead
    of its reply, int; else None.  The messages before it are right.  Fetch it
    alone, over a new connection, by retr_bytes() or top_bytes(): retr() and
    top() end a message where poplib does.
    """
    @property
    def code(self) -> str | None:
        """The response code in the reply, in upper case (RFC 2449, section 8; RFC 3206).

        'AUTH', 'IN-USE', 'LOGIN-DELAY', 'SYS/TEMP', 'SYS/PERM' or another; None without one.
        """
    @property
    def temporary(self) -> bool:
        """Whether the command may succeed later: the code is 'IN-USE', 'LOGIN-DELAY' or 'SYS/TEMP'."""
    @property
    def response(self) -> bytes | None:
        """The server's reply, such as b'-ERR [IN-USE] locked'; None if the client found the error."""
    number: int | None

@disjoint_base
class POP3:
    """A connection to a POP3 server (RFC 1939).

    host, port: the server; the connection is made at once, and the greeting
    is kept for getwelcome().
    timeout: seconds that connecting, and each later send and receive, may
    take; None for no limit, left out for socket.getdefaulttimeout(); 0 is a
    ValueError.
    max_line, max_size: octets of the longest line of a message, and of a
    whole one, or None; pipelining: 'auto', True or False; read_ahead: 0 to
    65535 messages, left out for what install() has set, or 0; see
    set_options().
    deadline: seconds that the whole session may take, from here on, however
    often the server sends something; or None.  Connecting to all addresses,
    the TLS handshake, the greeting and all commands count; what waits when
    it passes raises TimeoutError, and so does each later command, which
    sends nothing; see deadline().

    Raises error_proto for a greeting that is not positive or none at all,
    OSError (socket.gaierror, ConnectionRefusedError, TimeoutError ...) for
    the network.  The methods raise the same, ValueError for a control
    character in an argument, and AttributeError after close().
    Arguments of commands may be str, int or anything that '%s' formats.
    """

    __signature__: Any
    encoding: str
    timestamp: re.Pattern[bytes]
    host: str
    port: int
    # A socket.socket; with TLS a TLSSocket, or with context= an ssl.SSLSocket.
    sock: Any
    file: BinaryIO
    welcome: bytes
    def __init__(
        self,
        host: str,
        port: int = 110,
        timeout: float | None = ...,
        *,
        max_line: int | None = 16777216,
        max_size: int | None = None,
        pipelining: _Pipelining = "auto",
        read_ahead: int = ...,
        deadline: float | None = None,
    ) -> None: ...
    def __enter__(self) -> Self:
        """`with POP3(...) as client:` ends by quit(), or, if the block raises, by
        close(): then no deletion is committed.
        """
    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See __enter__().  Nothing is done if the connection was closed before."""
    def close(self) -> None:
        """Close the connection without sending QUIT: no deletion is committed.

        It may be called from another thread; a call that is blocked in this
        connection ends with ConnectionAbortedError.
        """
    def set_options(
        self,
        *,
        max_line: int | None = ...,
        max_size: int | None = ...,
        pipelining: _Pipelining = ...,
        read_ahead: int = ...,
    ) -> None:
        """Change what the keyword-only arguments of the constructor have set.

        max_line: octets of the longest line of a message, line end included, or
        None for no limit; a longer line raises error_proto('line too long').
        Where the module's _MAXLINE is larger, that counts.
        max_size: octets of the largest reply of several lines, a message for
        instance, or None for no limit; a larger one raises error_proto, and is
        not kept.
        pipelining: whether retr_many(), top_many() and dele_many() send commands
        ahead of the replies to others.  'auto': if the server says that it takes
        them, and has passed a test; True: without asking; False: never.
        read_ahead: so many messages are asked for ahead, by the same rules, while
        retr() or retr_bytes() is called for one after the other; 0 for none.  They
        are messages that stat() or a listing has named, and that are not deleted.
        As many may be held in memory, and servers may mark them as seen.
        What is not given stays as it is.
        """
    def deadline(self, seconds: float | None) -> Deadline:
        """`with client.deadline(30):` gives all commands of the block together 30
        seconds, however often the server sends something.

        seconds: more than 0; or None, which sets no limit.  The earliest deadline
        of the entered blocks and the constructor applies, besides the timeout of
        each operation.  Leaving a block restores the deadline before it.  The
        context manager is reusable, not reentrant; each entry restarts the clock.

        After the deadline a waiting command raises TimeoutError (socket.timeout
        before Python 3.10), and the connection can only be closed.  A command that
        begins later raises TimeoutError and sends nothing; the connection can be
        used after the block.
        """
    def getwelcome(self) -> bytes:
        """Return the server's greeting, bytes."""
    def set_debuglevel(self, level: int) -> None:
        """Print what is sent and received: 0 nothing, 1 commands, 2 each line too.

        Passwords are printed as well.
        """
    # For subclasses that override them. A socket is Any, as .sock is.
    def _create_socket(self, timeout: float | None) -> Any:
        """Return a socket connected to (self.host, self.port).

        Override it to connect in another way; ValueError if timeout is 0.
        """
    def _putline(self, line: bytes) -> None:
        """Send a line (bytes) and CRLF."""
    def _putcmd(self, line: str) -> None:
        """Send a command line (str), encoded, through _putline().

        ValueError, and nothing is sent, if it holds a control character.
        """
    def _getline(self) -> tuple[bytes, int]:
        """Read one line: (line without line end, octets with it)."""
    def _getresp(self) -> bytes:
        """Read a status line; error_proto(line) unless it begins with b'+'."""
    def _getlongresp(self) -> _Reply:
        """Read a multi-line reply: (response, list of lines, octets)."""
    def _shortcmd(self, line: str) -> bytes:
        """Send any command whose reply is one line; return that line."""
    def _longcmd(self, line: str) -> _Reply:
        """Send any command whose reply has several lines; return
        (response, list of lines, octets).
        """
    # RFC 1939; numbers are Any as in typeshed, for subclasses that narrow them
    def user(self, user: str) -> bytes:
        """Send the user name (USER; RFC 1939, section 7).

        Returns the response, bytes; it should say that a password is wanted.
        """
    def pass_(self, pswd: str) -> bytes:
        """Send the password (PASS; RFC 1939, section 7).

        The mailbox is locked from here to quit().  Returns the response, bytes.
        """
    def apop(self, user: str, password: str) -> bytes:
        """Log in without sending the password (APOP; RFC 1939, section 7).

        Only if the greeting has a time stamp, else error_proto.  The mailbox is
        locked from here to quit().  Returns the response, bytes.
        """
    def rpop(self, user: str) -> bytes:
        """Log in by the obsolete RPOP (RFC 1081).  Returns the response, bytes."""
    def stat(self) -> tuple[int, int]:
        """Get the mailbox's status (STAT; RFC 1939, section 5).

        Returns (number of messages, octets in all), two ints.  error_proto also
        if the response has no two numbers.
        """
    @overload
    def list(self, which: None = None) -> _Reply:
        """Ask for the messages' sizes (LIST; RFC 1939, section 5).

        Returns (response, [b'number octets', ...], octets); with `which`, the
        response for that message, bytes.
        """
    @overload
    def list(self, which: Any) -> bytes: ...
    @overload
    def uidl(self, which: None = None) -> _Reply:
        """Ask for the messages' unique ids (UIDL; RFC 1939, section 7).

        Returns (response, [b'number uid', ...], octets); with `which`, the
        response for that message, bytes.
        """
    @overload
    def uidl(self, which: Any) -> bytes: ...
    def retr(self, which: Any) -> _Reply:
        """Retrieve a whole message (RETR; RFC 1939, section 5).

        Returns (response, [line, ...], octets): lines are bytes without line ends;
        octets counts them with their line ends.
        """
    def top(self, which: Any, howmuch: Any) -> _Reply:
        """Retrieve a message's header and the first `howmuch` lines of its body
        (TOP; RFC 1939, section 7).

        Returns what retr() does.  Some servers mark the message as seen.
        """
    def dele(self, which: Any) -> bytes:
        """Mark a message as deleted; quit() commits it (DELE; RFC 1939, section 5).

        Some servers delete what is marked at any disconnect.  Returns the
        response, bytes.
        """
    def noop(self) -> bytes:
        """Do nothing; it keeps the connection alive (NOOP; RFC 1939, section 5).

        Returns the response, bytes.
        """
    def rset(self) -> bytes:
        """Unmark all messages that are marked as deleted (RSET; RFC 1939, section
        5).  Returns the response, bytes.
        """
    def quit(self) -> bytes:
        """Sign off: commit deletions, unlock the mailbox, close the connection
        (QUIT; RFC 1939, section 6).

        Returns the response, bytes.  The connection is closed also if it raises.
        """
    # RFC 2449, 2595, 5034, 6856
    def capa(self) -> dict[str, _list[str]]:
        """Ask for the server's capabilities (CAPA; RFC 2449, section 5).

        Returns a dict of name to list of arguments, all str:
        {'UIDL': [], 'EXPIRE': ['NEVER'], ...}.  error_proto('-ERR CAPA not
        supported by server') if the server refuses.
        """
    def stls(
        self,
        context: ssl.SSLContext | None = None,
        *,
        keyfile: StrOrBytesPath | None = None,
        certfile: StrOrBytesPath | None = None,
        verify: bool | StrOrBytesPath | None = None,
    ) -> bytes:
        """Begin TLS on a plain connection (STLS; RFC 2595, section 4).

        The arguments are those of POP3_SSL.  Returns the response, bytes.  Raises
        error_proto if the server does not offer it, if there is TLS already, and
        if anything follows the server's reply that is not protected.  If the
        handshake fails, which raises ssl.SSLError or OSError, the connection is
        closed.
        """
    def auth(
        self,
        mechanism: str | _Mechanism,
        authobject: _AuthObject | None = None,
        initial_response: bytes | str | None = None,
    ) -> bytes:
        """Log in by a SASL mechanism (AUTH; RFC 5034).

        mechanism: its name, 'PLAIN', or an object of poplib_c.sasl, which brings
        what the other two arguments are, unless they are given.
        authobject: a callable that is given each challenge, bytes, and returns
        the response, bytes or ASCII str, or None to cancel.  If it raises, the
        exchange is cancelled too, and that is raised.  It can't use the
        connection.
        initial_response: bytes or ASCII str to begin with.  It is sent along with
        the command, or, if that had more than 255 octets then, as the answer to
        an empty challenge.

        Returns the response, bytes.  error_proto for the server's refusal, and for
        what is no challenge; ValueError, before anything is sent, for a name that
        is none, or for str beyond ASCII.  What success() of either object raises
        after +OK closes the connection.
        """
    def utf8(self) -> bytes:
        """Try to enter UTF-8 mode (UTF8; RFC 6856).  Returns the response, bytes."""
    @overload
    def lang(self, tag: None = None) -> _Reply:
        """Choose the language of the server's texts (LANG; RFC 6856, section 3).

        tag: 'de', or '*' for the server's choice; returns the response, bytes.
        Without it, the languages there are: (response, [b'tag name', ...],
        octets).  CAPA says whether there is such a command.
        """
    @overload
    def lang(self, tag: str) -> bytes: ...
    # Logging in by the best mechanism
    def login(
        self,
        user: str,
        password: str,
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
        encoding: str | None = None,
    ) -> bytes:
        """Log in by the best mechanism that the server and the connection allow.

        If the server's certificate was verified, the order is
        'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'
        (these four need the library scramp), 'PLAIN', 'LOGIN', 'USER',
        'CRAM-MD5', 'APOP'.  Otherwise 'PLAIN', 'LOGIN' and 'USER' come last.
        mechanisms: some of these names, in the order to try them.
        allow_insecure: PLAIN, LOGIN and USER are used only over TLS or to this
        machine, unless this is true.
        encoding: of user and password, instead of .encoding; SCRAM is UTF-8.

        Returns the response, bytes.  Raises error_proto if the server refuses, or
        if no mechanism is left; its text says what was tried.
        """
    def login_oauth2(
        self,
        user: str,
        token: str | Callable[[], str],
        *,
        mechanisms: Iterable[str] | None = None,
        allow_insecure: bool = False,
    ) -> bytes:
        """Log in by an OAuth 2.0 access token (OAUTHBEARER, RFC 7628; XOAUTH2).

        token: str, or a callable without arguments that returns one.  It is
        called once more if the server refuses the token.
        mechanisms: 'OAUTHBEARER', 'XOAUTH2', or both in the order to prefer them.
        allow_insecure: the token is sent only over TLS or to this machine, unless
        this is true.

        Returns the response, bytes.  Raises error_proto if the server refuses; its
        __cause__ is an OAuthError with the server's explanation.
        """
    # Whole messages
    def sizes(self) -> dict[int, int | None]:
        """Ask for the messages' sizes (LIST; RFC 1939, section 5): a dict of message
        number to octets, in the server's order.

        Every message that the server lists is there.  A size that can't be read is
        None: it is missing, negative, has more than 18 digits or is no number.
        Servers are often wrong by some octets.  If a number comes twice, the last
        row counts.  Rows that name no message are left out: their number can't be
        read, or is 0.
        """
    def uids(self) -> dict[int, bytes]:
        """Ask for the messages' unique ids (UIDL; RFC 1939, section 7): a dict of
        message number to id, bytes of any length.

        Some servers give one id to several messages.  A message without an id is
        left out: take the numbers from sizes(), and the ids by get().  If a number
        comes twice, the last row counts.  Rows that name no message are left out:
        their number can't be read, or is 0.
        """
    def retr_bytes(self, which: _Number) -> bytes:
        """Retrieve a whole message (RETR; RFC 1939, section 5) as bytes.

        The octets are those that the server sent, with its line ends and without
        the dots that were added: email.message_from_bytes() takes them.  Raises
        what retr() does, but no line is too long.
        """
    def top_bytes(self, which: _Number, howmuch: _Number) -> bytes:
        """Retrieve a message's header and the first `howmuch` lines of its body
        (TOP; RFC 1939, section 7) as bytes, as retr_bytes() does.
        """
    def retr_into(self, which: _Number, file: _Writable) -> int:
        """Retrieve a whole message (RETR; RFC 1939, section 5) into a file.

        file: anything with write(bytes), which gets the octets that retr_bytes()
        returns, in blocks; an unbuffered file of open() is written to directly.
        Returns how many octets were written.  If write() raises, the rest of the
        message is read and dropped, up to 16 MiB of it; if there is more, or
        another error, the connection is out of step.
        """
    # Pipelining
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: Literal[False] = False,
    ) -> ManyIterator[_N, bytes]:
        """Retrieve many messages: an iterator over (number, message), in the order of
        the numbers, any iterable.

        The messages are what retr_bytes() returns or, with lines, what retr()
        returns.  Commands are sent ahead of the replies to others (RFC 2449,
        section 6.6) where the option `pipelining` and the server allow it, up to
        `window` of them, 65535 at most; numbers are taken from the iterable as far
        ahead.
        A message that can't be retrieved raises error_proto in its turn, and
        next() continues after it; with errors='return' the exception is returned
        in place of the message.  Other exceptions end the iteration.
        delete: marks each message as deleted when the next one is requested; a
        refusal is an error of its own.
        Other commands may be called in between: they first receive all pending
        replies.
        """
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: Literal[True],
    ) -> ManyIterator[_N, _Reply]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: bool,
    ) -> ManyIterator[_N, bytes | _Reply]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: Literal[False] = False,
    ) -> ManyIterator[_N, bytes | error_proto]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: Literal[True],
    ) -> ManyIterator[_N, _Reply | error_proto]: ...
    @overload
    def retr_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: bool,
    ) -> ManyIterator[_N, bytes | _Reply | error_proto]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: Literal[False] = False,
    ) -> ManyIterator[_N, bytes]:
        """Retrieve the headers and the first `howmuch` lines of many messages: an
        iterator over (number, bytes or what top() returns), as retr_many() gives
        whole ones.
        """
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: Literal[True],
    ) -> ManyIterator[_N, _Reply]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["raise"] = "raise",
        lines: bool,
    ) -> ManyIterator[_N, bytes | _Reply]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: Literal[False] = False,
    ) -> ManyIterator[_N, bytes | error_proto]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: Literal[True],
    ) -> ManyIterator[_N, _Reply | error_proto]: ...
    @overload
    def top_many(
        self,
        numbers: Iterable[_N],
        howmuch: _Number,
        *,
        window: int = 128,
        delete: bool = False,
        errors: Literal["return"],
        lines: bool,
    ) -> ManyIterator[_N, bytes | _Reply | error_proto]: ...
    @overload
    def dele_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        errors: Literal["raise"] = "raise",
    ) -> ManyIterator[_N, bytes]:
        """Mark many messages as deleted: an iterator over (number, response), as
        retr_many() gives messages.  quit() commits it.
        """
    @overload
    def dele_many(
        self,
        numbers: Iterable[_N],
        *,
        window: int = 128,
        errors: Literal["return"],
    ) -> ManyIterator[_N, bytes | error_proto]: ...

class POP3_SSL(POP3):
    """A connection to a POP3 server over TLS (RFC 8314).

    host, port, timeout, max_line, max_size, pipelining, read_ahead, deadline:
    as for POP3.
    keyfile, certfile: paths of PEM files, the client's key and certificate
    chain; a key that is encrypted is refused.
    context: an ssl.SSLContext that makes the TLS socket; excludes keyfile,
    certfile and verify.
    verify: None or False does not verify the server's certificate, as poplib;
    True verifies it, and that it is for host, by the system's trust store; a
    path, of a PEM file or a directory of hashed ones, by those CAs.

    Without context, TLS is OpenSSL's from 1.2 on, and .sock is a TLSSocket.
    Raises the exceptions of POP3, ssl.SSLError and its subclasses
    (ssl.SSLCertVerificationError for a certificate), and OSError for files.
    """

    keyfile: StrOrBytesPath | None
    certfile: StrOrBytesPath | None
    context: ssl.SSLContext
    def __init__(
        self,
        host: str,
        port: int = 995,
        keyfile: StrOrBytesPath | None = None,
        certfile: StrOrBytesPath | None = None,
        timeout: float | None = ...,
        context: ssl.SSLContext | None = None,
        *,
        verify: bool | StrOrBytesPath | None = None,
        max_line: int | None = 16777216,
        max_size: int | None = None,
        pipelining: _Pipelining = "auto",
        read_ahead: int = ...,
        deadline: float | None = None,
    ) -> None: ...
    def _create_socket(self, timeout: float | None) -> Any:
        """Return POP3._create_socket(self, timeout) with TLS."""
    # Accepts the arguments of poplib's method, and raises.
    def stls(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        keyfile: Any = None,
        certfile: Any = None,
        context: Any = None,
        *,
        verify: Any = None,
    ) -> Never:
        """Raises error_proto: there is TLS already."""

@final
class TLSSocket:
    """A connected socket with TLS, made by POP3_SSL and stls().

    After a TLS handshake without a context= argument, .sock of a connection is a TLSSocket.  It
    has the methods of ssl.SSLSocket.  Other attributes, such as settimeout(), getpeername(),
    fileno() and setsockopt(), are those of the plain socket.

    One thread at a time sends or receives; others wait.  Methods raise ssl.SSLError, one of its
    subclasses, or OSError.
    """

    server_hostname: Final[str | None]
    server_side: Final[bool]
    session_reused: Final[bool]
    # Other attributes are those of the plain socket: fileno(), settimeout(), getpeername() ...
    def __getattr__(self, name: str) -> Any: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive at most buflen octets, bytes; b'' at the end of the stream.

        flags must be 0.  ssl.SSLWantReadError on a non-blocking socket.
        """
    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive at most nbytes octets into a writable buffer; how many.

        Without nbytes, with 0, or with more than that, as many as fit.  0 at the
        end of the stream.  flags must be 0.
        """
    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> bytes | int:
        """recv(len) or, with a buffer, recv_into(buffer, len)."""
    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send some of the data; how many octets.  flags must be 0."""
    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of the data; each part within the timeout.  flags must be 0."""
    def write(self, data: ReadableBuffer) -> int:
        """send(data)"""
    def unwrap(self) -> socket.socket:
        """End TLS: send close_notify, wait for the server's, and return the plain socket.

        Use the plain socket from then on: methods of this one that send or receive raise
        ValueError, and so do the connection's commands.  Raises ValueError if TLS had ended.
        """
    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        """A file over this socket, as socket.socket.makefile() makes it."""
    def close(self) -> None:
        """Close the socket, once the files made by makefile() are closed too.

        No close_notify is sent; see unwrap().  A thread that is blocked in this socket is woken.
        """
    def detach(self) -> int:
        """Give the descriptor away without closing it, and return it."""
    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> dict[str, Any] | None:
        """The server's certificate: with binary_form its DER encoding, bytes; else a dict as
        ssl.SSLSocket.getpeercert() has it, empty if the certificate was not verified.  None if
        there is no certificate.
        """
    @overload
    def getpeercert(self, binary_form: Literal[True]) -> bytes | None: ...
    @overload
    def getpeercert(self, binary_form: bool) -> dict[str, Any] | bytes | None: ...
    def cipher(self) -> tuple[str, str, int] | None:
        """(name of the cipher suite, version of TLS that defines it, secret bits), as the
        handshake found it; None after the end of TLS.
        """
    def version(self) -> str | None:
        """'TLSv1.2' or 'TLSv1.3'; None after the end of TLS."""
    def compression(self) -> None:
        """None: it is not used."""
    def selected_alpn_protocol(self) -> str | None:
        """None: it is not used."""
    def pending(self) -> int:
        """Return how many decrypted octets wait to be received.  select() does not see them."""
    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Channel binding data, bytes, for SASL: 'tls-unique' (RFC 5929; None in TLS 1.3, which
        has none), 'tls-server-end-point' (RFC 5929), 'tls-exporter' (RFC 9266; None in TLS 1.2
        without the extended master secret).  None after the end of TLS.
        """
    # TLS has no datagrams, and a TLSSocket can't be duplicated: these raise.
    def dup(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def recvfrom(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def recvfrom_into(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def recvmsg(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def recvmsg_into(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def sendfile(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def sendmsg(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def sendmsg_afalg(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""
    def sendto(self, *args: object) -> Never:
        """Raises NotImplementedError: it would go past TLS."""

@final
class Reader:
    """A buffered binary reader over a POP3 connection's own receive buffer.

    It is what the attribute .file of a connection is; it reads what the
    commands have not read.
    """
    @property
    def closed(self) -> bool:
        """Whether it was closed."""
    @property
    def mode(self) -> str:
        """str(object='') -> str
        str(bytes_or_buffer[, encoding[, errors]]) -> str

        Create a new string object from the given object. If encoding or
        errors is specified, then the object must expose a data buffer
        that will be decoded using the given encoding and error handler.
        Otherwise, returns the result of object.__str__() (if defined)
        or repr(object).
        encoding defaults to sys.getdefaultencoding().
        errors defaults to 'strict'.
        """
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def read(self, size: int | None = -1, /) -> bytes:
        """Read size octets, or fewer at the end of the stream; without size, all."""
    def read1(self, size: int = -1, /) -> bytes:
        """Read what is there, at most size octets, with at most one receive."""
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a writable buffer; return how many octets were stored.

        Fewer than the buffer holds only at the end of the stream.
        """
    def readinto1(self, buffer: WriteableBuffer, /) -> int:
        """Store what is there in a writable buffer, with at most one receive."""
    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line with its line end, at most size octets of it.

        b'' at the end of the stream.
        """
    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Read lines to the end of the stream, or until they have hint octets."""
    def peek(self, size: int = 0, /) -> bytes:
        """Return what is unread without reading it, after at most one receive."""
    def close(self) -> None:
        """Close the reader.  A thread that is blocked in it is woken."""
    def fileno(self) -> int:
        """Return the descriptor of the socket."""
    def isatty(self) -> bool:
        """False."""
    def readable(self) -> bool:
        """True."""
    def writable(self) -> bool:
        """False."""
    def seekable(self) -> bool:
        """False."""
    def flush(self) -> None:
        """Do nothing: nothing is written through a reader."""
    def write(self, *args: object) -> Never:
        """Raises io.UnsupportedOperation: a reader neither writes nor seeks."""
    def seek(self, *args: object) -> Never:
        """Raises io.UnsupportedOperation: a reader neither writes nor seeks."""
    def tell(self, *args: object) -> Never:
        """Raises io.UnsupportedOperation: a reader neither writes nor seeks."""
    def truncate(self, *args: object) -> Never:
        """Raises io.UnsupportedOperation: a reader neither writes nor seeks."""
