"""Walks over the ways in which public calls can fail; it runs in a program of its own.

    python -m faults.walk HOW PORT-WITH-STLS PORT-WITH-TLS CA-FILE TABLE,... [REPEATS]

HOW is "python" (each allocation of the interpreter's fails in turn), "module" (each of the
extension module's own), "system", "whole system" (each of its calls to the system) or "nothing".
With REPEATS each failure comes so often, and nothing may be kept each time.  It prints how many
calls have failed, by table.
"""

import contextlib
import ctypes
import errno
import gc
import socket
import ssl
import sys

import poplib_c
from poplib_c import POP3, error_proto

from .calls import PASSWORD, TABLES, USER, Servers
from .support import ByFile, open_descriptors

#: Lines, and all that may answer them; the answers are no other command's.
UNKNOWN = b"-ERR unknown command"
PROBES = {
    "RSET": {
        b"+OK maildrop has 3 messages (288 octets)",
        b"-ERR command is not valid in this state",
    },
    "LIST 2": {b"+OK 2 14", b"-ERR command is not valid in this state"},
    "X-PROBE": {UNKNOWN},
    "UIDL 99": {
        b"-ERR no such message, only 3 in maildrop",
        b"-ERR command is not valid in this state",
    },
}

#: Of the interpreter, where MemoryError is not its word for it, also if a function in Python
#: raises and there is no memory for the traceback; and of a connection, when one call has kept
#: MemoryError behind an answer, and the next one has dropped it.
OTHER_WORDS = (
    "<function _refuse at ",
    *("can't allocate lock", "can't allocate read lock", "_PyEval_EvalFrameDefault returned NULL"),
    "error return without exception set",
    "<built-in method throw of generator object at ",
    "out of step: a reply was abandoned half-way",
)

#: Of references on a debug build, of blocks on others.
COUNT = getattr(sys, "gettotalrefcount", sys.getallocatedblocks)


#: Calls of Python code that makes functions: without memory for one, CPython 3.12 crashes, and
#: 3.11 may lose the exception.
MAKE_FUNCTIONS = {
    "POP3.login_oauth2",
    *["sasl.OAuthBearer sasl.OAuthError", "sasl.ScramSHA1 sasl.SASLError"],
    *["sasl.ScramSHA256", "sasl.ScramSHA1Plus", "sasl.ScramSHA256Plus"],
}


class Wrong(Exception):
    """What should never happen; the cause is what has."""


def probe(client):
    """Whether the connection is in step.  If it is not, it says so."""
    for line, answers in PROBES.items():
        try:
            reply = client._shortcmd(line)
        except error_proto as error:
            reply = error.args[0]
        except (OSError, AttributeError, ValueError):
            return False
        if isinstance(reply, str):
            return False
        if reply not in answers:
            raise Wrong(f"{line!r} was answered {reply!r}")
    return True


class Nothing:
    """Nothing fails."""

    ways = (None,)
    left_out = frozenset()

    def begin(self, way, number):
        pass

    def end(self):
        return False

    def check(self, way, error):
        raise Wrong("it fails") from error

    def may_change(self, way):
        """Whether what is read by hand may then be something else."""
        return False

    def live_blocks(self):
        return 0


class Memory(Nothing):
    """Each allocation through Python's allocators fails once."""

    #: The interpreter's compiler and its ssl module lose the exception; SCRAM has too many.
    left_out = frozenset({"POP3.__signature__", "POP3_SSL.context", "POP3.login by itself"})

    def __init__(self):
        import _testcapi

        self.api = _testcapi
        if sys.version_info >= (3, 11):
            self.left_out |= MAKE_FUNCTIONS

    def begin(self, way, number):
        self.number = number
        self.api.set_nomemory(number, number + 1)

    def end(self):
        """Whether an allocation has failed: then all that follow succeed."""
        try:
            for _ in range(self.number + 10):
                bytearray(1000)
        except MemoryError:
            return False
        finally:
            self.api.remove_mem_hooks()
        return True

    def check(self, way, error):
        if not isinstance(error, MemoryError) and all(w not in str(error) for w in OTHER_WORDS):
            raise Wrong(f"{error!r} is no MemoryError") from error


class Preloaded(Nothing):
    """What preload.c makes fail."""

    functions = ("", "malloc", "recv", "send", "poll", "writev", "connect")

    def __init__(self):
        self.library = ctypes.CDLL(None)
        self.library.faults_begin.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int]
        self.library.faults_live_blocks.restype = ctypes.c_long
        if not self.library.faults_watch(b"_cpoplib"):
            raise Wrong("the extension module is not there")

    def begin(self, way, number):
        function, failure = way
        self.library.faults_begin(self.functions.index(function), number, failure)

    def end(self):
        return bool(self.library.faults_end())

    def live_blocks(self):
        return self.library.faults_live_blocks()


class Module(Preloaded):
    """Each allocation of the extension module's own."""

    ways = (("malloc", errno.ENOMEM),)

    def check(self, way, error):
        if not isinstance(error, MemoryError):
            raise Wrong(f"{error!r} is no MemoryError") from error


ONE_OCTET = -1
NOTHING = 0

#: What changes nothing.
PASSING = (ONE_OCTET, errno.EINTR, errno.EAGAIN)


class System(Preloaded):
    """Each call to the system, in the ways that differ most."""

    ways = (
        *(("recv", way) for way in (ONE_OCTET, NOTHING, errno.ECONNRESET)),
        *(("send", way) for way in (errno.EINTR, errno.EPIPE)),
        *(("poll", NOTHING), ("writev", ONE_OCTET), ("connect", errno.ECONNREFUSED)),
    )

    def may_change(self, way):
        return way in (("recv", ONE_OCTET), ("recv", NOTHING))

    def check(self, way, error):
        function, failure = way
        if failure in PASSING:
            right = False
        elif failure == NOTHING and function == "recv":
            ended = isinstance(error, error_proto) and str(error).startswith("-ERR EOF")
            right = ended or isinstance(error, (ssl.SSLEOFError, StopIteration))
        elif failure == NOTHING:
            right = isinstance(error, socket.timeout)
        else:
            right = isinstance(error, OSError) and error.errno in (failure, None)
        if not right:
            raise Wrong(f"{error!r}") from error


class WholeSystem(System):
    """Each call to the system, in every way."""

    ways = (
        *(("recv", way) for way in (*PASSING, NOTHING, errno.ECONNRESET, errno.ETIMEDOUT)),
        *(("send", way) for way in (*PASSING, errno.ECONNRESET, errno.EPIPE)),
        *(("poll", way) for way in (errno.EINTR, errno.ENOMEM, NOTHING)),
        *(("writev", way) for way in (ONE_OCTET, errno.EINTR, errno.ENOSPC)),
        *(("connect", way) for way in (errno.EINTR, errno.ECONNREFUSED, errno.ENETUNREACH)),
    )


def new_objects():
    """How many instances there are of the extension module's types, since gc.freeze()."""
    return sum(type(o).__module__ in ("poplib_c", "_cpoplib") for o in gc.get_objects())


#: How often it is tried whether anything is kept; something is, as long as a cache grows.
ATTEMPTS = 5


class Walk:
    """One table's calls, each with every failure."""

    def __init__(self, failures, servers, state):
        self.failures, self.servers, self.state = failures, servers, state
        self.by_hand = state in ("reader", "tls")
        self.client = None
        self.failed = 0

    def subject(self):
        """What the calls get: a client in that state."""
        if self.state in ("nothing", "channel"):
            return self.servers
        if self.client is None:
            has_tls = self.state in ("tls", "encrypted")
            cls = ByFile if self.state == "foreign" else POP3
            self.client = self.servers.connect_tls() if has_tls else self.servers.connect(cls)
            if self.state in ("transaction", "encrypted", "reader", "foreign"):
                self.client.user(USER)
                self.client.pass_(PASSWORD)
        return self.client

    def settle(self):
        """After a call: the client is dropped, unless it can be used for the next."""
        poplib_c.uninstall()
        sys.stdout = sys.__stdout__
        client = self.client
        if client is None:
            return
        client.set_debuglevel(0)
        client.set_options(read_ahead=0)
        in_step = client.sock is not None and probe(client)
        if not in_step or self.state == "authorization":
            self.drop()

    def drop(self):
        client, self.client = self.client, None
        if client is not None:
            with contextlib.suppress(OSError, AttributeError):
                POP3.close(client)

    def each(self, call, expected, repeats):
        """Runs the call with one failure after the other, until there is none to come."""
        for way in self.failures.ways:
            number, hit = 0, True
            while hit:
                hit = self.once(call, expected, way, number)
                if repeats:
                    self.again(call, expected, way, number, repeats)
                number += 1

    def again(self, call, expected, way, number, repeats):
        """Less is kept than one thing each time, once all caches are filled."""
        for _ in range(ATTEMPTS):
            before = self.usage()[-1]
            for _ in range(repeats):
                self.once(call, expected, way, number)
            kept = self.usage()[-1] - before
            if kept <= repeats // 2:
                return
        raise Wrong(f"{kept} are kept by {repeats} times {way}, number {number}")

    def once(self, call, expected, way, number):
        subject = self.subject()
        self.failures.begin(way, number)
        try:
            result = call(subject)
        except BaseException as error:
            hit = self.failures.end()
            failure = error.with_traceback(None)
        else:
            hit = self.failures.end()
            failure = None
        if failure is not None:
            self.failed += 1
            try:
                self.failures.check(way, failure)
            except Wrong as wrong:
                raise Wrong(f"{way}, number {number}: {wrong}") from failure
        elif result != expected and not (self.by_hand and self.failures.may_change(way)):
            raise Wrong(f"{way}, number {number}: {result!r} instead of {expected!r}")
        self.settle()
        return hit

    def usage(self):
        """Descriptors, objects and blocks of the extension module's, and all there are."""
        self.drop()
        # Its buffers become the spare ones, which the extension module keeps for the next command.
        self.servers.connect().close()
        gc.collect()
        sys._clear_type_cache()  # It keeps the names of attributes.
        return open_descriptors(), new_objects(), self.failures.live_blocks(), COUNT()

    def run(self, repeats):
        """All calls of the table."""
        before = self.usage()
        for name, call in TABLES[self.state].items():
            if name not in self.failures.left_out:
                try:
                    expected = call(self.subject())
                    self.settle()
                    self.each(call, expected, repeats)
                except Wrong as wrong:
                    raise Wrong(f"{name}: {wrong}") from wrong.__cause__
        after = self.usage()
        if after[:3] != before[:3]:
            raise Wrong(f"{before} has become {after}")


WALKS = {
    "nothing": Nothing,
    "python": Memory,
    "module": Module,
    "system": System,
    "whole system": WholeSystem,
}


def main(how, plain, tls, ca, states, repeats=0):
    failures, servers = WALKS[how](), Servers(plain, tls, ca)
    failed = {}
    for state in states.split(","):
        walk = Walk(failures, servers, state)
        walk.subject()
        walk.drop()
        gc.collect()
        gc.freeze()
        walk.run(int(repeats))
        failed[state] = walk.failed
    print(failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
