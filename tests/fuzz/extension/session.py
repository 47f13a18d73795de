"""One input: a session of calls with a server, both as the input says, and what is true of it.

The input: options (1 octet), the sizes in which octets are received (2, by turns; 0: all there
is), the number of calls and each of them (1 octet each: which; the highest bits: its number), and
the server's answers, from the greeting on (see ``peer.py``).
"""

import asyncio
import socket

from poplib_c import POP3, aio, error_proto

from .calls import CALLS, is_refusal
from .peer import KINDS, TIMEOUT, Fault, Input, Methods, Server, Thread

MOST_CALLS = 24
MAX_SIZE = 60
TOO_LARGE = f"reply larger than {MAX_SIZE} octets"
OWN = {
    "-ERR CAPA not supported by server",
    "-ERR APOP not supported by server",
    "-ERR malformed STAT response",
}
#: Commands after which messages that were read ahead are kept.
KEEPING = {b"RETR", b"TOP", b"LIST", b"UIDL", b"STAT", b"NOOP", b"CAPA", b"DELE"}


class Client(POP3):
    """Made over a socket that is there."""

    made = None

    def _create_socket(self, timeout):
        return self.made


class Awaited:
    """The client for asyncio; a call returns what the coroutine does."""

    file = None

    def __init__(self, sock, options):
        self.loop = asyncio.new_event_loop()
        self.client = aio.POP3("mail.invalid", sock=sock, timeout=TIMEOUT, **options)

    def wait(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def __getattr__(self, name):
        attribute = getattr(self.client, name)
        if not callable(attribute):
            return attribute

        def call(*arguments, **options):
            if name.endswith("_many"):
                return Iterator(self, lambda: attribute(*arguments, **options))
            return self.wait(attribute(*arguments, **options))

        return call

    def close(self):
        self.client.close()


class Iterator:
    """An iterator that is made when it is used, so that it raises then."""

    def __init__(self, client, make):
        self.client, self.make, self.iterator = client, make, None

    def __next__(self):
        if self.iterator is None:
            self.iterator = self.make()
        try:
            return self.client.wait(self.iterator.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def close(self):
        if self.iterator is not None:
            self.client.wait(self.iterator.aclose())


class Plan:
    """What an input says of the client; what is left is the server's."""

    def __init__(self, source):
        flags = source.take()
        self.is_awaited = flags >> 7 & 1
        self.by_methods = not flags & 1 and not self.is_awaited
        self.options = {
            "pipelining": ["auto", True, False, "auto"][flags >> 1 & 3],
            "max_size": MAX_SIZE if flags >> 4 & 1 else None,
        }
        if not self.is_awaited:
            self.options["read_ahead"] = 3 * (flags >> 3 & 1)
        self.end = KINDS[flags >> 5 & 3]
        self.sizes = [source.take(), source.take()]
        octets = [source.take() for _ in range(source.take() % MOST_CALLS)]
        self.calls = [(CALLS[octet % 32 % len(CALLS)], 1 + (octet >> 5)) for octet in octets]


class Session:
    def __init__(self, data):
        source = Input(data)
        plan = Plan(source)
        self.is_awaited = plan.is_awaited
        self.by_methods = plan.by_methods
        self.options = plan.options
        self.calls = plan.calls
        self.server = Server(source, self.by_methods)
        self.client = self.thread = None
        self.iterators = []
        self.is_loose = False  # something was done by hand: who knows what comes next
        self.is_lost = False  # the connection failed in a call
        self.is_closed = False
        if self.by_methods:
            self.sock = Methods()
            self.sock.begin(self.server, plan.sizes, plan.end, self.close)
        else:
            self.thread = Thread(self.server)
            self.sock = self.thread.here

    # --- what is known ----------------------------------------------------------------------

    def is_exact(self):
        """The server has answered each line with one plain reply."""
        return not self.is_loose and all(reply.is_one for reply in self.server.replies)

    def is_told(self):
        """What a call returns is the reply to its own line."""
        return not self.is_loose and (not self.by_methods or self.is_exact())

    def candidates(self, line, since):
        """Replies that may be that to a line; of messages, what was read ahead may be older."""
        if since is not None and line.startswith(b"RETR") and self.options.get("read_ahead"):
            since = min(since, self.held_since(line))
        return [reply for reply in self.server.replies[since:] if reply.line == line]

    def held_since(self, line):
        """The last command after which a message that is held is not what the server would say."""
        for index, reply in reversed([*enumerate(self.server.replies)]):
            verb = reply.line.split(b" ")[0]
            if verb not in KEEPING or reply.line == line.replace(b"RETR", b"DELE"):
                return index
        return 0

    def check(self, result, line, since, make):
        """It is what the server said to that line."""
        if not self.is_told():
            return
        replies = self.candidates(line, since)
        odd = [reply for reply in replies if not reply.is_plain]
        values = [make(reply) for reply in replies if reply.is_plain and not reply.is_refusal]
        assert odd or None in values or result in values, (line, result, values)

    def check_refusal(self, error, line, since):
        replies = self.candidates(line, since)
        if since is None and line.startswith(b"RETR"):  # Or of its deletion.
            replies += self.candidates(line.replace(b"RETR", b"DELE"), since)
        if self.is_told() and is_refusal(error):
            status = [reply.status for reply in replies]
            assert error.args[0] in status, (line, error, status)
        return is_refusal(error)

    # --- one call ---------------------------------------------------------------------------

    def ask(self, function, line, make, shape):
        since = len(self.server.replies)
        was_lost = self.is_lost
        try:
            result = function()
        except Exception as error:
            self.failed(error, line, since)
            return
        assert isinstance(result, shape), (line, result)
        assert not was_lost, (line, result)
        self.check(result, line, since, make)

    def failed(self, error, line=None, since=None):
        """A documented exception, and with a server that did nothing wrong none but a refusal."""
        kinds = (error_proto, OSError, Fault)
        assert isinstance(error, kinds + (AttributeError,) * self.is_closed), repr(error)
        assert self.thread is None or not isinstance(error, socket.timeout), "it hangs"
        if line is not None and self.check_refusal(error, line, since):
            return
        if self.is_closed or self.is_lost or not self.is_exact() or self.is_own(error, line):
            return
        if self.server.end is not None:
            assert not (self.by_methods and self.sock.has_starved), (line, error)
            self.is_lost = True
            return
        # What was sent ahead may have been answered in a way that shows no order.
        assert not self.server.is_tagged or is_refusal(error), (line, error)
        self.is_loose = True

    def is_own(self, error, line):
        """The reply was read to its end, and is not what was wanted."""
        if isinstance(error, Fault):
            return self.server.end is None
        text = str(error.args[0])
        return text in OWN or (text == TOO_LARGE and self.options["max_size"] is not None)

    def short(self, function, line):
        self.ask(function, line, lambda reply: reply.status, bytes)

    def long(self, function, line):
        self.ask(function, line, lambda reply: reply.listed, tuple)

    # --- all of them ------------------------------------------------------------------------

    def play(self):
        try:
            if self.begin():
                for function, number in self.calls:
                    function(self, number)
                self.iterators.clear()
                self.short(self.client.noop, b"NOOP")
        finally:
            self.close()
            self.sock.close()
            if self.is_awaited and self.client is not None:
                self.client.loop.close()
            if self.thread is not None:
                self.thread.end()

    def begin(self):
        Client.made = self.sock
        self.sock.settimeout(TIMEOUT)
        try:
            if self.is_awaited:
                self.client = Awaited(self.sock, self.options)
                self.client.connect()
            else:
                self.client = Client("mail.invalid", **self.options)
        except Exception as error:
            self.failed(error, b"", 0)
            return False
        finally:
            Client.made = None
        self.check(self.client.welcome, b"", 0, lambda reply: reply.status)
        return True

    def close(self):
        self.is_closed = True
        if self.client is not None:
            self.client.close()


def run(data):
    """Plays an input; what is not as it should be is an AssertionError, or another exception."""
    Session(data).play()
