import errno as errno
import re as re
import socket as socket
import ssl as ssl
import sys as sys
from builtins import list as _list  # POP3 has a method of that name.
from collections.abc import Callable, Iterable, Iterator
from types import GenericAlias, TracebackType
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
    """An iterator over (number, answer), which retr_many() returns."""
    # Iterator has it; jedi finds the types of a for loop only here.
    def __iter__(self) -> Self: ...
    def __next__(self) -> tuple[_N, _T]: ...
    def __length_hint__(self) -> int:
        """Return how many results are left; NotImplemented if the numbers have no
        length.
        """
    def __class_getitem__(cls, item: Any, /) -> GenericAlias:
        """Return ManyIterator[number, answer], for annotations."""
    def close(self) -> None:
        """End the iteration without waiting.

        The next command on the connection receives and drops the pending replies.
        Deleting the iterator has the same effect.
        """

@final
class Deadline:
    """The time limit of a block of commands, which deadline() returns."""
    def __enter__(self) -> Self:
        """Start the clock.

        Raises:
            RuntimeError: The block is entered already.
        """
    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        """Restore the deadline that applied before the block."""

class error_proto(Exception):
    """An error that the server reports, or a reply that breaks the protocol.

    args[0] is bytes if the server sent the error, b'-ERR no such message', and
    str if the client found it, '-ERR EOF' or 'line too long'. Errors of the
    network are OSError.

    Attributes:
        response (bytes): The server's reply; None if the client found the error.
        code (str): The response code in the reply, in upper case and without
            brackets (RFC 2449, section 8; RFC 3206): 'AUTH', 'IN-USE',
            'LOGIN-DELAY', 'SYS/TEMP', 'SYS/PERM' or another; None without one.
        temporary (bool): Whether the command may succeed later: the code is
            'IN-USE', 'LOGIN-DELAY' or 'SYS/TEMP'.
        number (int): The message whose end is uncertain, because commands were
            sent ahead of its reply; else None. The messages before it are
            right. Fetch it alone, over a new connection, by retr_bytes() or
            top_bytes(): retr() and top() end a message where poplib does.
    """
    @property
    def code(self) -> str | None:
        """The response code in the reply, in upper case (RFC 2449, section 8; RFC 3206).

        'AUTH', 'IN-USE', 'LOGIN-DELAY', 'SYS/TEMP', 'SYS/PERM' or another; None without one.
        """
    @property
    def temporary(self) -> bool:
        """Whether it may succeed later: the code is 'IN-USE', 'LOGIN-DELAY' or 'SYS/TEMP'."""
    @property
    def response(self) -> bytes | None:
        """The server's reply, b'-ERR [IN-USE] locked'; None if the client found the error."""
    number: int | None

@disjoint_base
class POP3:
    """A connection to a POP3 server (RFC 1939), plain until stls().

    The constructor connects and reads the server's greeting.

    Methods that send a command raise error_proto if the server refuses or its
    reply is broken, OSError if the network fails, ValueError for a control
    character in an argument, AttributeError after close(), and RuntimeError if
    the same thread is in the middle of another command, in a signal handler
    for example. Arguments of commands may be str, int or any object; '%s'
    formats them.

    Args:
        host (str): Name or address of the server.
        port (int): Port of the server.
        timeout (float or None): Seconds that connecting, and each later send
            or receive, may take. None sets no limit; the default is the value
            of socket.getdefaulttimeout().
        max_line (int or None): Octets of the longest line of a message, as
            described at set_options(). None sets no limit.
        max_size (int or None): Octets of the largest message or other reply of
            several lines. None sets no limit.
        pipelining (bool or str): Whether retr_many() and its like send
            commands ahead: 'auto', True or False, as described at
            set_options().
        read_ahead (int): Messages to request ahead of retr(), 0 to 65535, as
            described at set_options(). The default is 0, unless install() has
            set another.
        deadline (float or None): Seconds that the whole session may take, from
            the start of the constructor. None sets no limit. Later commands
            raise TimeoutError and send nothing. See deadline().

    Raises:
        error_proto: The greeting is not positive, or there is none.
        OSError: The network fails: socket.gaierror, ConnectionRefusedError,
            TimeoutError (socket.timeout before Python 3.10) or another.
        ValueError: timeout is 0, or an option is out of its range.
        TypeError: An option has another type.
    """

    __signature__: Any
    @property
    def session_state(self) -> str:
        """The state of the session, as far as the client knows; nothing is sent.

        - 'authorization': connected; no login has succeeded.
        - 'transaction': a login has succeeded.
        - 'timed out', 'out of step': a reply was abandoned; commands raise OSError or error_proto.
        - 'ended': the server has closed the connection, or it broke.
        - 'closed': close() or quit() was called, or the constructor was not.
        """
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
        """Return the connection, for a with statement.

        The statement calls quit() at its end. If its block raises, it calls
        close() instead, so that no deletion is committed.
        """
    def __exit__(
        self,
        type: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Call quit(), or close() if the block has raised an exception.

        Do nothing if the connection is closed.
        """
    def close(self) -> None:
        """Close the connection without QUIT: the server commits no deletion.

        Another thread may call it: a command that is blocked in the connection, or
        a constructor, raises ConnectionAbortedError; a constructor that resolves a
        name raises when that ends. Do nothing if the connection is closed.
        """
    def set_options(
        self,
        *,
        max_line: int | None = ...,
        max_size: int | None = ...,
        pipelining: _Pipelining = ...,
        read_ahead: int = ...,
    ) -> None:
        """Change options of the constructor; an option not given stays as it is.

        Args:
            max_line (int or None): Octets of the longest line of a message, line
                end included; a longer line raises error_proto('line too long').
                None sets no limit. If the module's _MAXLINE is larger, it counts.
            max_size (int or None): Octets of the largest message or other reply of
                several lines; a larger one raises error_proto and is not kept.
                None sets no limit.
            pipelining (bool or str): Whether retr_many(), top_many() and
                dele_many() send commands ahead of the replies to others. 'auto':
                if the server lists PIPELINING and passes a test; True: without
                asking the server; False: never.
            read_ahead (int): Messages to request ahead, by the rules of
                pipelining, while retr() or retr_bytes() is called for one number
                after the other; 0 to 65535. Only messages that stat() or a listing
                has named, and that are not deleted, are requested. As many are
                held in memory, and servers may mark them as seen.

        Raises:
            TypeError: An option has another type.
            ValueError: An option is out of its range.
        """
    def deadline(self, seconds: float | None) -> Deadline:
        """Limit the time of a block: `with client.deadline(30): ...`.

        All commands of the block together may take that long, however often the
        server sends something. The earliest deadline of the entered blocks and the
        constructor applies, in addition to the timeout of each operation. Leaving
        a block restores the deadline before it. The context manager is reusable,
        not reentrant; each entry restarts the clock.

        After the deadline a waiting command raises TimeoutError (socket.timeout
        before Python 3.10), and the connection can only be closed. A command that
        begins later raises TimeoutError and sends nothing; the connection can be
        used after the block.

        Args:
            seconds (float or None): More than 0; None sets no limit.

        Returns:
            Deadline: The context manager.

        Raises:
            ValueError: seconds is not positive.
        """
    def getwelcome(self) -> bytes:
        """Return the server's greeting.

        Returns:
            bytes: The line that the server sent first.
        """
    def set_debuglevel(self, level: int) -> None:
        """Print what is sent and received, passwords included.

        The logger 'poplib_c' shows the same without secrets.

        Args:
            level (int): 0 prints nothing, 1 commands and status lines, 2 also each
                line that is sent or received.
        """
    # For subclasses that override them. A socket is Any, as .sock is.
    def _create_socket(self, timeout: float | None) -> Any:
        """Return a socket that is connected to (self.host, self.port).

        The constructor calls it; a subclass overrides it to connect in another
        way.

        Args:
            timeout (float or None): Seconds, as the constructor got it.

        Returns:
            socket.socket: The socket.

        Raises:
            ValueError: timeout is 0.
            OSError: The connection fails.
        """
    def _putline(self, line: bytes) -> None:
        """Send a line and CRLF.

        Args:
            line (bytes): The line.
        """
    def _putcmd(self, line: str) -> None:
        """Send a command line through _putline().

        Args:
            line (str): The command; it is encoded by the attribute encoding.

        Raises:
            ValueError: The line has a control character; nothing was sent.
        """
    def _getline(self) -> tuple[bytes, int]:
        """Read one line.

        Returns:
            tuple: (line without line end, octets with it).

        Raises:
            error_proto: The line is too long, or the server closed the connection.
        """
    def _getresp(self) -> bytes:
        """Read a status line.

        Returns:
            bytes: The line.

        Raises:
            error_proto: The line does not begin with b'+'.
        """
    def _getlongresp(self) -> _Reply:
        """Read a reply of several lines.

        Returns:
            tuple: (response, [line, ...], octets), as retr() returns it.

        Raises:
            error_proto: The status line does not begin with b'+'.
        """
    def _shortcmd(self, line: str) -> bytes:
        """Send a command whose reply is one line.

        Args:
            line (str): The command.

        Returns:
            bytes: The response.
        """
    def _longcmd(self, line: str) -> _Reply:
        """Send a command whose reply has several lines.

        Args:
            line (str): The command.

        Returns:
            tuple: (response, [line, ...], octets), as retr() returns it.
        """
    # RFC 1939; numbers are Any as in typeshed, for subclasses that narrow them
    def user(self, user: str) -> bytes:
        """Send the user name (USER; RFC 1939, section 7).

        Args:
            user (str): The user's name.

        Returns:
            bytes: The response, which usually asks for the password.
        """
    def pass_(self, pswd: str) -> bytes:
        """Send the password and log in (PASS; RFC 1939, section 7).

        The server locks the mailbox until quit() or the end of the connection.

        Args:
            pswd (str): The password.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses. Its attribute code says why, if the
                server does: 'AUTH', 'IN-USE' or another.
        """
    def apop(self, user: str, password: str) -> bytes:
        """Log in by a digest of the password (APOP; RFC 1939, section 7).

        The server locks the mailbox until quit() or the end of the connection.

        Args:
            user (str): The user's name.
            password (str): The password, which is not sent.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses, or its greeting has no time stamp.
        """
    def rpop(self, user: str) -> bytes:
        """Log in by the obsolete command RPOP (RFC 1081).

        Args:
            user (str): The user's name.

        Returns:
            bytes: The response.
        """
    def stat(self) -> tuple[int, int]:
        """Get the number and size of the messages (STAT; RFC 1939, section 5).

        Returns:
            tuple: (number of messages, octets of all messages), two ints.

        Raises:
            error_proto: The server refuses, or the response lacks two numbers.
        """
    @overload
    def list(self, which: None = None) -> _Reply:
        """Get the sizes of messages as text (LIST; RFC 1939, section 5).

        sizes() returns them as a dict of numbers.

        Args:
            which (int or str): Number of a message; None for all messages.

        Returns:
            tuple or bytes: (response, [b'number octets', ...], octets); for one
            message the response, b'+OK number octets'.
        """
    @overload
    def list(self, which: Any) -> bytes: ...
    @overload
    def uidl(self, which: None = None) -> _Reply:
        """Get the unique ids of messages as text (UIDL; RFC 1939, section 7).

        uids() returns them as a dict.

        Args:
            which (int or str): Number of a message; None for all messages.

        Returns:
            tuple or bytes: (response, [b'number uid', ...], octets); for one
            message the response, b'+OK number uid'.
        """
    @overload
    def uidl(self, which: Any) -> bytes: ...
    def retr(self, which: Any) -> _Reply:
        """Retrieve a message as a list of lines (RETR; RFC 1939, section 5).

        retr_bytes() returns the message as one bytes object.

        Args:
            which (int or str): Number of the message.

        Returns:
            tuple: (response, [line, ...], octets). Lines are bytes without line
            ends; octets counts them with their line ends.

        Raises:
            error_proto: The server refuses, a line is longer than max_line, or the
                message is larger than max_size.
        """
    def top(self, which: Any, howmuch: Any) -> _Reply:
        """Retrieve a header and some lines of the body (TOP; RFC 1939, section 7).

        Some servers mark the message as seen.

        Args:
            which (int or str): Number of the message.
            howmuch (int or str): Number of lines of the body; 0 for the header
                alone.

        Returns:
            tuple: (response, [line, ...], octets), as retr() returns it.

        Raises:
            error_proto: As for retr(). TOP is optional for servers.
        """
    def dele(self, which: Any) -> bytes:
        """Mark a message as deleted (DELE; RFC 1939, section 5).

        quit() commits the deletion; rset() takes it back. Some servers also delete
        marked messages if the connection ends without quit().

        Args:
            which (int or str): Number of the message.

        Returns:
            bytes: The response.
        """
    def noop(self) -> bytes:
        """Do nothing but keep the connection alive (NOOP; RFC 1939, section 5).

        Returns:
            bytes: The response.
        """
    def rset(self) -> bytes:
        """Unmark the messages marked as deleted (RSET; RFC 1939, section 5).

        Returns:
            bytes: The response.
        """
    def quit(self) -> bytes:
        """Commit deletions, unlock the mailbox and close the connection.

        Sends QUIT (RFC 1939, section 6). The connection is closed even if quit()
        raises.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses: it may not have removed all messages
                that were marked as deleted.
        """
    # RFC 2449, 2595, 5034, 6856
    def capa(self) -> dict[str, _list[str]]:
        """Get the server's capabilities (CAPA; RFC 2449, section 5).

        Returns:
            dict: Names of capabilities and their arguments, all str: {'UIDL': [],
            'EXPIRE': ['NEVER'], ...}.

        Raises:
            error_proto: '-ERR CAPA not supported by server' if the server refuses.
        """
    def stls(
        self,
        context: ssl.SSLContext | None = None,
        *,
        keyfile: StrOrBytesPath | None = None,
        certfile: StrOrBytesPath | None = None,
        verify: bool | StrOrBytesPath | None = None,
    ) -> bytes:
        """Start TLS on a plain connection (STLS; RFC 2595, section 4).

        Call it before logging in. If the handshake fails, the connection is
        closed.

        Args:
            context (ssl.SSLContext): As for POP3_SSL.
            keyfile (path): As for POP3_SSL.
            certfile (path): As for POP3_SSL.
            verify (bool or path): As for POP3_SSL.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server does not support STLS, the connection uses TLS
                already, or something unprotected follows the response.
            ssl.SSLError: The TLS handshake fails; ssl.SSLCertVerificationError for
                the server's certificate.
            OSError: The connection fails, or a file can't be read.
            ValueError: The arguments exclude each other.
        """
    def auth(
        self,
        mechanism: str | _Mechanism,
        authobject: _AuthObject | None = None,
        initial_response: bytes | str | None = None,
    ) -> bytes:
        """Log in by a SASL mechanism (AUTH; RFC 5034).

        Args:
            mechanism (str or object): Name of a mechanism, such as 'PLAIN', or an
                object of poplib_c.sasl, which makes the other arguments needless.
            authobject (callable): Gets each challenge, bytes, and returns the
                response, bytes or ASCII str; None cancels the exchange. If it
                raises, the exchange is cancelled and auth() raises the exception.
                It can't use the connection. Its success(), if it has one, is
                called after +OK; if success() raises, the connection is closed.
            initial_response (bytes or str): The first response, sent with the
                command. If the command would have more than 255 octets, it is sent
                after an empty challenge.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses, or sends something that is no
                challenge.
            ValueError: The name is that of no mechanism, or a str is not ASCII;
                nothing was sent.
            TypeError: There is neither authobject nor initial_response, or an
                argument has another type.
        """
    def utf8(self) -> bytes:
        """Enter UTF-8 mode (UTF8; RFC 6856, section 2).

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server does not support the command.
        """
    @overload
    def lang(self, tag: None = None) -> _Reply:
        """Choose or list the languages of the server's texts (LANG; RFC 6856).

        capa() has 'LANG' if the server supports the command.

        Args:
            tag (str): A language such as 'de', or '*' for the server's choice.
                None lists the languages.

        Returns:
            bytes or tuple: The response; for a list (response, [b'tag name', ...],
            octets).
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
        (these four need the library scramp), 'PLAIN', 'LOGIN', 'USER', 'CRAM-MD5',
        'APOP'. Otherwise 'PLAIN', 'LOGIN' and 'USER' come last.

        Args:
            user (str): The user's name.
            password (str): The password.
            mechanisms (iterable of str): Some of the names above, in the order to
                try them. None for the order above.
            allow_insecure (bool): Whether the password itself may be sent without
                TLS to another machine, by 'PLAIN', 'LOGIN' or 'USER'.
            encoding (str): Encoding of user and password. None for the attribute
                encoding, UTF-8. SCRAM always uses UTF-8.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses, or no mechanism is left; the text says
                what was tried.
            ValueError: A name of mechanisms is unknown, or no mechanism can send
                the user or the password.
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

        Args:
            user (str): The user's name.
            token (str or callable): The access token, or a function without
                arguments that returns it. The function is called a second time if
                the server refuses the first token and keeps the connection open.
            mechanisms (iterable of str): 'OAUTHBEARER', 'XOAUTH2', or both in the
                order to prefer them. None for the order given here.
            allow_insecure (bool): Whether the token may be sent without TLS to
                another machine.

        Returns:
            bytes: The response.

        Raises:
            error_proto: The server refuses. The attribute __cause__ is a
                poplib_c.sasl.OAuthError with the server's explanation, if it sent
                one.
        """
    # Whole messages
    def sizes(self) -> dict[int, int | None]:
        """Get the sizes of all messages (LIST; RFC 1939, section 5).

        The dict has every message that the server lists. A size is None if it
        can't be read: it is missing, negative, has more than 18 digits or is no
        number. Servers are often wrong by some octets. If a number comes twice,
        the last row counts. Rows without a readable message number are left out.

        Returns:
            dict: Message numbers and their sizes in octets, in the server's order.
        """
    def uids(self) -> dict[int, bytes]:
        """Get the unique ids of all messages (UIDL; RFC 1939, section 7).

        Messages without an id are left out: take the numbers from sizes(), and the
        ids by uids().get(number). Some servers give several messages one id. If a
        number comes twice, the last row counts. Rows without a readable message
        number are left out.

        Returns:
            dict: Message numbers and their ids, bytes of any length.

        Raises:
            error_proto: The server refuses. UIDL is optional for servers.
        """
    def retr_bytes(self, which: _Number) -> bytes:
        """Retrieve a message as bytes (RETR; RFC 1939, section 5).

        email.message_from_bytes() parses it. No line is too long.

        Args:
            which (int or str): Number of the message.

        Returns:
            bytes: The octets that the server sent, with its line ends and without
            the dots that the protocol adds.

        Raises:
            error_proto: The server refuses, or the message is larger than
                max_size.
        """
    def top_bytes(self, which: _Number, howmuch: _Number) -> bytes:
        """Retrieve a header and some lines of the body (TOP; RFC 1939, section 7).

        Args:
            which (int or str): Number of the message.
            howmuch (int or str): Number of lines of the body; 0 for the header
                alone.

        Returns:
            bytes: The octets, as retr_bytes() returns them.

        Raises:
            error_proto: As for retr_bytes(). TOP is optional for servers.
        """
    def retr_into(self, which: _Number, file: _Writable) -> int:
        """Retrieve a message into a file (RETR; RFC 1939, section 5).

        If write() raises, retr_into() reads and drops the rest of the message, up
        to 16 MiB. If there is more, the connection is out of step.

        Args:
            which (int or str): Number of the message.
            file (binary file): Any object with write(bytes). It gets the octets
                that retr_bytes() returns, in blocks. A file opened with
                buffering=0 is written to without the GIL.

        Returns:
            int: The number of octets written.

        Raises:
            error_proto: As for retr_bytes().
            Exception: What write() raises.
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
        """Retrieve many messages; return an iterator over (number, message).

        The results have the order of the numbers. Commands are sent ahead of the
        replies to others (RFC 2449, section 6.6) if the option pipelining and the
        server allow it. Other commands may be called during the iteration: they
        first receive all pending replies.

        If a message can't be retrieved, next() raises error_proto at its turn and
        goes on after it. Other exceptions end the iteration.

        Args:
            numbers (iterable): Numbers of messages, int or str. At most window
                numbers are taken ahead of the results.
            window (int): Messages to request ahead, at least 1; at most 65535 are
                requested.
            delete (bool): Whether to mark each message as deleted when the next
                one is requested. A refused deletion is an error of its own.
            errors (str): 'raise', or 'return' to return error_proto in place of
                the message, so that a for loop goes on.
            lines (bool): Whether a message is what retr() returns, instead of what
                retr_bytes() returns.

        Returns:
            ManyIterator: The iterator. Nothing is sent before its first next().

        Raises:
            TypeError: numbers is str, bytes or no iterable.
            ValueError: window is less than 1, or errors is another text.
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
        """Retrieve the headers and first lines of many messages.

        Args:
            numbers (iterable): As for retr_many().
            howmuch (int or str): Number of lines of each body; 0 for the headers
                alone.
            window (int): As for retr_many().
            delete (bool): As for retr_many().
            errors (str): As for retr_many().
            lines (bool): Whether a result is what top() returns, instead of what
                top_bytes() returns.

        Returns:
            ManyIterator: An iterator over (number, message), as retr_many() has
            it.

        Raises:
            TypeError: As for retr_many().
            ValueError: As for retr_many().
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
        """Mark many messages as deleted; quit() commits the deletions.

        Nothing is sent before the iterator is used.

        Args:
            numbers (iterable): As for retr_many().
            window (int): As for retr_many().
            errors (str): As for retr_many().

        Returns:
            ManyIterator: An iterator over (number, response), as retr_many() has
            it.

        Raises:
            TypeError: As for retr_many().
            ValueError: As for retr_many().
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

    Without context the package's own TLS is used, TLS 1.2 or later, and the
    attribute sock is a TLSSocket.

    Args:
        host (str): Name or address of the server.
        port (int): Port of the server.
        keyfile (path): PEM file with the client's key, without a password.
        certfile (path): PEM file with the client's certificate chain.
        timeout (float or None): Seconds, as for POP3.
        context (ssl.SSLContext): Makes the TLS socket. Excludes keyfile,
            certfile and verify.
        verify (bool or path): True verifies the server's certificate by the
            system's trust store, and that it is for host. A path does so by
            the CA certificates in that PEM file or directory of hashed names.
            None or False verifies nothing, as poplib does.
        max_line (int or None): Octets, as for POP3.
        max_size (int or None): Octets, as for POP3.
        pipelining (bool or str): As for POP3.
        read_ahead (int): Messages, as for POP3.
        deadline (float or None): Seconds, as for POP3.

    Raises:
        ssl.SSLError: The TLS handshake fails; ssl.SSLCertVerificationError for
            the server's certificate.
        error_proto: As for POP3.
        OSError: As for POP3; also a file that can't be read.
        ValueError: As for POP3; also arguments that exclude each other.
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
        """Return a socket from POP3._create_socket(), with TLS.

        Args:
            timeout (float or None): Seconds, as the constructor got it.

        Returns:
            TLSSocket or ssl.SSLSocket: The socket; ssl.SSLSocket with context.
        """
    # Accepts the arguments of poplib's method, and raises.
    def stls(  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        keyfile: Any = None,
        certfile: Any = None,
        context: Any = None,
        *,
        verify: Any = None,
    ) -> Never:
        """Raise error_proto: the connection uses TLS from its start."""

@final
class TLSSocket:
    """A connected socket with TLS, made by POP3_SSL and stls().

    The attribute sock of a connection is a TLSSocket, unless context= was given. It has the
    methods of ssl.SSLSocket. Other attributes, such as settimeout(), getpeername(), fileno() and
    setsockopt(), are those of the plain socket.

    One thread at a time sends or receives; others wait. Methods raise ssl.SSLError, one of its
    subclasses, or OSError; after unwrap(), ValueError.

    Attributes:
        server_hostname (str): The name that was sent to the server; None if there was none.
        server_side (bool): False.
        session_reused (bool): False.
    """

    server_hostname: Final[str | None]
    server_side: Final[bool]
    session_reused: Final[bool]
    # Other attributes are those of the plain socket: fileno(), settimeout(), getpeername() ...
    def __getattr__(self, name: str) -> Any: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive octets.

        Args:
            buflen (int): The most octets to receive.
            flags (int): Must be 0.

        Returns:
            bytes: The octets; b'' at the end of the stream.

        Raises:
            ssl.SSLWantReadError: The socket is non-blocking, and nothing has arrived.
        """
    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive octets into a buffer.

        Args:
            buffer (buffer): A writable object such as a bytearray.
            nbytes (int): The most octets to receive; None or 0 for as many as fit.
            flags (int): Must be 0.

        Returns:
            int: The number of octets; 0 at the end of the stream.
        """
    def read(self, len: int = 1024, buffer: WriteableBuffer | None = None) -> bytes | int:
        """Receive octets, into a buffer if there is one.

        Args:
            len (int): The most octets to receive.
            buffer (buffer): A writable object such as a bytearray; None for recv(len).

        Returns:
            bytes or int: The octets; with a buffer their number.
        """
    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send some of the data.

        Args:
            data (buffer): The octets.
            flags (int): Must be 0.

        Returns:
            int: The number of octets sent.
        """
    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        """Send all of the data. Each part must be sent within the timeout.

        Args:
            data (buffer): The octets.
            flags (int): Must be 0.
        """
    def write(self, data: ReadableBuffer) -> int:
        """Send some of the data, as send() does.

        Args:
            data (buffer): The octets.

        Returns:
            int: The number of octets sent.
        """
    def unwrap(self) -> socket.socket:
        """End TLS: send close_notify, and wait for the server's.

        From then on, methods of this socket that send or receive raise ValueError, and so do the
        connection's commands.

        Returns:
            socket.socket: The plain socket.

        Raises:
            ValueError: TLS has ended before.
        """
    def makefile(self, *args: Any, **kwargs: Any) -> Any:
        """Return a file over this socket, as socket.socket.makefile() does."""
    def close(self) -> None:
        """Close the socket, once the files made by makefile() are closed, too.

        A thread that is blocked in the socket raises an exception. No close_notify is sent; see
        unwrap().
        """
    def detach(self) -> int:
        """Take the descriptor away from the socket, without closing it.

        Returns:
            int: The descriptor.
        """
    @overload
    def getpeercert(self, binary_form: Literal[False] = False) -> dict[str, Any] | None:
        """Return the server's certificate.

        Args:
            binary_form (bool): Whether to return the DER encoding.

        Returns:
            dict or bytes: The fields, as ssl.SSLSocket.getpeercert() has them, and an empty dict
            if the certificate was not verified; or the DER encoding. None without a certificate.
        """
    @overload
    def getpeercert(self, binary_form: Literal[True]) -> bytes | None: ...
    @overload
    def getpeercert(self, binary_form: bool) -> dict[str, Any] | bytes | None: ...
    def cipher(self) -> tuple[str, str, int] | None:
        """Return the cipher suite.

        Returns:
            tuple: (name, version of TLS that defines it, secret bits); None after the end of TLS.
        """
    def version(self) -> str | None:
        """Return 'TLSv1.2' or 'TLSv1.3'; None after the end of TLS."""
    def compression(self) -> None:
        """Return None: TLS compression is not used."""
    def selected_alpn_protocol(self) -> str | None:
        """Return None: ALPN is not used."""
    def pending(self) -> int:
        """Return how many decrypted octets wait to be received; select() does not see them."""
    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Return channel binding data, for SASL.

        Args:
            cb_type (str): 'tls-unique' (RFC 5929), 'tls-server-end-point' (RFC 5929) or
                'tls-exporter' (RFC 9266).

        Returns:
            bytes: The data. None for 'tls-unique' in TLS 1.3, for 'tls-exporter' in TLS 1.2
            without the extended master secret, and after the end of TLS.

        Raises:
            ValueError: The type is another one.
        """
    # TLS has no datagrams, and a TLSSocket can't be duplicated: these raise.
    def dup(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def recvfrom(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def recvfrom_into(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def recvmsg(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def recvmsg_into(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def sendfile(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def sendmsg(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def sendmsg_afalg(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""
    def sendto(self, *args: object) -> Never:
        """Raise NotImplementedError: the method would bypass TLS."""

@final
class Reader:
    """A buffered binary file over the receive buffer of a connection.

    The attribute file of a connection is a Reader. It reads what the commands
    have not read. Methods raise ValueError after close() and RuntimeError
    while a command reads.
    """
    @property
    def closed(self) -> bool:
        """Whether it was closed."""
    @property
    def mode(self) -> str: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> bytes: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...
    def read(self, size: int | None = -1, /) -> bytes:
        """Read octets.

        Args:
            size (int): How many; -1 or None for all until the end of the stream.

        Returns:
            bytes: The octets; fewer than size only at the end of the stream.
        """
    def read1(self, size: int = -1, /) -> bytes:
        """Read what is available, with at most one receive.

        Args:
            size (int): The most octets to return; -1 for as many as are available.

        Returns:
            bytes: The octets; b'' at the end of the stream.
        """
    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read octets into a buffer until it is full.

        Args:
            buffer (buffer): A writable object such as a bytearray.

        Returns:
            int: The number of octets; fewer than fit only at the end of the stream.
        """
    def readinto1(self, buffer: WriteableBuffer, /) -> int:
        """Read what is available into a buffer, with at most one receive.

        Args:
            buffer (buffer): A writable object such as a bytearray.

        Returns:
            int: The number of octets; 0 at the end of the stream.
        """
    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line with its line end.

        Args:
            size (int): The most octets to return; -1 or None sets no limit.

        Returns:
            bytes: The line; b'' at the end of the stream.
        """
    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Read lines until the end of the stream.

        Args:
            hint (int): Stop after the line that makes this many octets; -1 or None
                reads all lines.

        Returns:
            list: The lines, bytes with their line ends.
        """
    def peek(self, size: int = 0, /) -> bytes:
        """Return unread octets without reading them, after at most one receive.

        Args:
            size (int): Ignored.

        Returns:
            bytes: The octets; b'' at the end of the stream.
        """
    def close(self) -> None:
        """Close the reader. A thread that is blocked in it raises an exception."""
    def fileno(self) -> int:
        """Return the descriptor of the socket."""
    def isatty(self) -> bool:
        """Return False; raise ValueError if the reader is closed."""
    def readable(self) -> bool:
        """Return True; raise ValueError if the reader is closed."""
    def writable(self) -> bool:
        """Return False; raise ValueError if the reader is closed."""
    def seekable(self) -> bool:
        """Return False; raise ValueError if the reader is closed."""
    def flush(self) -> None:
        """Do nothing: nothing is written through a reader."""
    def write(self, *args: object) -> Never:
        """Raise io.UnsupportedOperation: a reader neither writes nor seeks."""
    def seek(self, *args: object) -> Never:
        """Raise io.UnsupportedOperation: a reader neither writes nor seeks."""
    def tell(self, *args: object) -> Never:
        """Raise io.UnsupportedOperation: a reader neither writes nor seeks."""
    def truncate(self, *args: object) -> Never:
        """Raise io.UnsupportedOperation: a reader neither writes nor seeks."""
