"""A session of random calls, each of whose results is known beforehand."""

import contextlib
import faulthandler
import functools
import io
import random
import ssl
import tempfile
import time
from collections import Counter

from integration import corpus, jwt

from poplib_c import POP3, POP3_SSL, error_proto, sasl

#: What a broken connection may raise (docs/differences.rst).
DOCUMENTED = (error_proto, OSError)

LINKS = ("plain", "tls", "stls", "tls context", "stls context")
PASSWORDS = (sasl.Plain, sasl.Login, sasl.CramMD5, sasl.ScramSHA1, sasl.ScramSHA256)
MESSAGES = corpus.messages()
CRLF = b"\r\n"

#: Dovecot disconnects after 20 refusals in a row, those of what was read ahead included.
MOST_DELETED, MOST_REFUSALS = 6, 2

#: Far beyond any timeout, in seconds: a call that takes so long would never end.
HANG = 120


class Wrong(Exception):
    """Something that must not happen."""


def expect(result, expected, what):
    if result != expected:
        raise Wrong(f"{what}: {result!r:.300} instead of {expected!r:.300}")


@functools.cache
def whole(message):
    """As it is transferred, and its lines."""
    return message.wire, message.lines


def kind_of(error):
    """An exception without its numbers, to count it."""
    if isinstance(error, error_proto):
        reason = error.args[0]  # That of login() has its attempts, too.
        if isinstance(reason, bytes):
            return "error_proto: the server's -ERR"
        return "error_proto: " + reason.partition(":")[0].rstrip("0123456789 ")
    name = "TimeoutError" if type(error).__name__ == "timeout" else type(error).__name__
    return f"OSError: {error}" if type(error) is OSError and not error.errno else name


def is_refusal(error):
    """The server's word, at a reply's end: the connection can be used."""
    return isinstance(error, error_proto) and isinstance(error.args[0], bytes)


class Session:
    """One connection. ``order`` is what the driver says of it, ``tell`` what it is told."""

    def __init__(self, order, tell):
        self.order = order
        self.tell = tell
        self.numbers = random.Random(order["seed"])
        self.messages = [MESSAGES[index] for index in order["messages"]]
        self.uids = {}
        self.deleted = set()
        self.refusals = 0
        self.client = None
        self.commands, self.errors = Counter(), Counter()
        self.delivered = self.octets = 0
        self.longest = 0.0
        self.committed = None

    # --- calls -------------------------------------------------------------

    def timed(self, function, *arguments, **options):
        begun = time.monotonic()
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            return function(*arguments, **options)
        except DOCUMENTED as error:
            self.errors[kind_of(error)] += 1
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.longest = max(self.longest, time.monotonic() - begun)

    def call(self, name, *arguments, **options):
        self.commands[name] += 1
        return self.timed(getattr(self.client, name), *arguments, **options)

    def each(self, name, *arguments, **options):
        iterator = self.call(name, *arguments, **options)
        while True:
            try:
                pair = self.timed(next, iterator)
            except StopIteration:
                return
            yield pair

    def refused(self, name, *arguments):
        """What the server must refuse."""
        try:
            result = self.call(name, *arguments)
        except error_proto as error:
            if not is_refusal(error):
                raise
            self.errors[kind_of(error)] -= 1
            self.errors["error_proto: the server's -ERR, as it must be"] += 1
        else:
            raise Wrong(f"{name}{arguments} returned {result!r:.300}")
        self.refusals += 1
        if self.refusals == MOST_REFUSALS:
            self.noop()

    # --- the session -------------------------------------------------------

    def run(self):
        broken_by = None
        try:
            self.connect()
            self.log_in()
            for _ in range(self.numbers.randrange(1, 40)):
                self.numbers.choice(self.STEPS)(self)
        except DOCUMENTED as error:
            broken_by = error
        if self.client is None:
            return
        if broken_by is not None and not is_refusal(broken_by):
            self.check_broken(broken_by)
        self.end(broken_by)

    def connect(self):
        link, *context = self.order["link"].split()
        port, timeout = self.order["port"], self.order["timeout"]
        how = {"verify": self.order["ca_file"]}
        if context:
            how = {"context": ssl.create_default_context(cafile=self.order["ca_file"])}
        if link == "tls":
            self.client = self.timed(POP3_SSL, "127.0.0.1", port, timeout=timeout, **how)
        else:
            self.client = self.timed(POP3, "127.0.0.1", port, timeout)
        self.sock = self.client.sock
        self.set_options()
        if link == "stls":
            self.call("stls", **how)
            self.sock = self.client.sock

    def set_options(self):
        self.client.set_options(
            read_ahead=self.numbers.choice([0, 0, 1, 4, 16]),
            pipelining=self.numbers.choice(["auto", "auto", True, False]),
        )

    def log_in(self):
        user, password = self.order["user"], self.order["password"]
        way = self.numbers.choice(["user", "apop", "auth", "login", "login_oauth2"])
        if way == "user":
            self.call("user", user)
            self.call("pass_", password)
        elif way == "apop":
            self.call("apop", user, password)
        elif way == "auth":
            self.call("auth", self.numbers.choice(PASSWORDS)(user, password))
        elif way == "login":
            self.call("login", user, password, allow_insecure=True)
        else:
            self.call("login_oauth2", user, jwt.token(user), allow_insecure=True)

    def check_broken(self, error):
        """Out of step or disconnected: nothing is answered any more."""
        if self.client.sock is None:
            return  # As a handshake that failed leaves it.
        first = self.messages and [1]
        calls = [("noop",), ("stat",), ("retr", 1), ("uidl",), ("retr_bytes", 1), ("dele", 1)]
        for name, *arguments in self.numbers.sample(calls, self.numbers.randrange(4)):
            if name == "dele":
                self.tell(asked=first)
            try:
                result = self.call(name, *arguments)
            except DOCUMENTED:
                continue
            raise Wrong(f"{name}{arguments} returned {result!r:.300} after {error!r}")

    def end(self, broken_by):
        """By quit(), which alone commits deletions, or by close(): the socket is released."""
        if self.client.sock is None:
            return
        if self.numbers.random() < 0.7:
            self.tell(quit=True)
            with contextlib.suppress(*DOCUMENTED):
                self.call("quit")
                self.committed = sorted(self.deleted)
            if self.committed is not None and broken_by is not None and not is_refusal(broken_by):
                raise Wrong(f"quit() succeeded after {broken_by!r}")
        else:
            self.client.close()
        expect(self.sock.fileno(), -1, "the descriptor")

    # --- what is called, and what comes of it --------------------------------

    @property
    def there(self):
        return [n for n in range(1, len(self.messages) + 1) if n not in self.deleted]

    def any_number(self):
        return self.numbers.randrange(1, len(self.messages) + 2)

    def check_message(self, number, result, name):
        wire, lines = whole(self.messages[number - 1])
        if isinstance(result, bytes):
            expect(result, wire, name)
        else:
            expect(result[1:], (lines, len(wire)), name)
        self.delivered += 1
        self.octets += len(wire)

    def fetch(self):
        number, name = self.any_number(), self.numbers.choice(["retr", "retr_bytes"])
        if number in self.there:
            self.check_message(number, self.call(name, number), name)
        else:
            self.refused(name, number)

    def fetch_into(self):
        number, kind = self.any_number(), self.numbers.choice(["memory", "buffered", "raw"])
        with contextlib.ExitStack() as stack:
            file = io.BytesIO()
            if kind != "memory":
                buffering = 0 if kind == "raw" else -1
                file = stack.enter_context(tempfile.TemporaryFile(buffering=buffering))
            if number not in self.there:
                self.refused("retr_into", number, file)
                return
            count = self.call("retr_into", number, file)
            file.seek(0)
            data = file.read()
            expect(count, len(data), "octets of retr_into")
            self.check_message(number, data, "retr_into")

    def loop(self):
        """What read_ahead is for, if the program has asked how many messages there are."""
        self.call("stat")
        name = self.numbers.choice(["retr", "retr_bytes"])
        deletes = self.numbers.random() < 0.2
        for number in range(self.any_number(), self.any_number()):
            if number not in self.there:
                self.refused(name, number)
                continue
            self.check_message(number, self.call(name, number), name)
            if deletes and len(self.deleted) < MOST_DELETED:
                self.delete(number)

    def fetch_many(self):
        """In any order, with other commands between, perhaps not to the end."""
        lines, deletes = self.numbers.random() < 0.5, self.numbers.random() < 0.2
        asked = self.numbers.sample(self.there, self.numbers.randrange(len(self.there) + 1))
        if deletes:
            asked = asked[: MOST_DELETED - len(self.deleted)]
        absent = len(self.messages) + 1
        asked += [absent] * (self.numbers.random() < 0.2)
        options = {"lines": lines, "delete": deletes, "errors": "return"}
        window = self.numbers.choice([1, 2, 3, 8, 128])
        before = None
        for number, result in self.each("retr_many", (*asked,), window=window, **options):
            if before is not None and deletes:
                self.deleted.add(before)
            expect(number, asked.pop(0), "the number")
            before = None
            if number == absent:
                expect(type(result), error_proto, "a message that is not there")
            else:
                self.check_message(number, result, "retr_many")
                before = number
            if self.numbers.random() < 0.05:
                break
            if self.numbers.random() < 0.1:
                self.numbers.choice([Session.noop, Session.listing, Session.fetch])(self)
            if deletes and before is not None:
                self.tell(asked=[before])
        else:
            if deletes and before is not None:
                self.deleted.add(before)
            expect(asked, [], "numbers left")

    def top(self):
        number, count = self.any_number(), self.numbers.randrange(20)
        name = self.numbers.choice(["top", "top_bytes"])
        if number in self.there:
            self.check_top(number, count, self.call(name, number, count))
        else:
            self.refused(name, number, count)

    def top_many(self):
        asked, count = self.there, self.numbers.randrange(20)
        window = self.numbers.choice([1, 2, 8, 128])
        for number, result in self.each("top_many", (*asked,), count, window=window):
            expect(number, asked.pop(0), "the number")
            self.check_top(number, count, result)
            if self.numbers.random() < 0.05:
                break

    def check_top(self, number, count, result):
        lines = self.messages[number - 1].top(count)
        if isinstance(result, bytes):
            expect(result, b"".join(line + CRLF for line in lines), "top_bytes")
        else:
            expect(result[1], lines, "top")

    def listing(self):
        sizes = {number: self.messages[number - 1].size for number in self.there}
        name = self.numbers.choice(["sizes", "list", "uids", "uidl", "stat"])
        result = self.call(name)
        if name == "sizes":
            expect(result, sizes, name)
        elif name == "list":
            expect(result[1], [b"%d %d" % size for size in sizes.items()], name)
        elif name == "stat":
            expect(result, (len(sizes), sum(sizes.values())), name)
        else:
            pairs = result.items() if name == "uids" else map(bytes.split, result[1])
            uids = {int(number): uid for number, uid in pairs}
            expect([*uids], self.there, name)
            for number, uid in uids.items():
                self.check_uid(number, uid)

    def check_uid(self, number, uid):
        """Another for each message, always the same for one, and with its number here."""
        expect(int(uid[:8], 16), number, "the unique id")
        expect(uid, self.uids.setdefault(number, uid), "the unique id")

    def listing_of_one(self):
        number, name = self.any_number(), self.numbers.choice(["list", "uidl"])
        if number not in self.there:
            self.refused(name, number)
            return
        response, told, value = self.call(name, number).split()
        expect((response, int(told)), (b"+OK", number), name)
        if name == "list":
            expect(int(value), self.messages[number - 1].size, name)
        else:
            self.check_uid(number, value)

    def noop(self):
        expect(self.call("noop"), b"+OK", "noop")
        self.refusals = 0

    def capa(self):
        expect("TOP" in self.call("capa"), True, "capa")

    def delete(self, number):
        self.tell(asked=[number])
        self.call("dele", number)
        self.deleted.add(number)

    def delete_some(self):
        """Mostly taken back."""
        most = min(len(self.there), MOST_DELETED - len(self.deleted), self.numbers.randrange(4))
        some = self.numbers.sample(self.there, most)
        if self.numbers.random() < 0.5:
            for number in some:
                self.delete(number)
        else:
            self.tell(asked=some)
            for number, _ in self.each("dele_many", some):
                self.deleted.add(number)
            expect(self.deleted >= {*some}, True, "dele_many")
        if self.numbers.random() < 0.7:
            self.call("rset")
            self.deleted.clear()
            self.tell(taken_back=True)

    STEPS = (
        *(fetch, fetch_into, loop, loop, fetch_many, fetch_many, fetch_many, top, top_many),
        *(listing, listing, listing_of_one, noop, capa, delete_some, set_options),
    )
