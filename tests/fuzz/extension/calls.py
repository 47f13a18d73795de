"""The calls that a session consists of: functions of the session and a number from 1 to 8."""

import io
import re

from poplib_c import error_proto

from .peer import Fault

MOST_STEPS = 64

CALLS = []


def call(function):
    CALLS.append(function)
    return function


class File(io.BytesIO):
    """It may fail."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def write(self, data):
        if self.kind == 0:
            raise Fault
        return super().write(data)


def is_refusal(error):
    return type(error) is error_proto and isinstance(error.args[0], bytes)


# --- the calls ------------------------------------------------------------------------------


@call
def noop(self, number):
    self.short(self.client.noop, b"NOOP")


@call
def stat(self, number):
    def make(reply):
        words = reply.status.split()
        if len(words) > 2 and all(word.isdigit() and len(word) < 19 for word in words[1:3]):
            return int(words[1]), int(words[2])
        return None

    self.ask(self.client.stat, b"STAT", make, tuple)


@call
def listing(self, number):
    if number > 4:
        self.long(self.client.list, b"LIST")
    else:
        self.short(lambda: self.client.list(number), b"LIST %d" % number)


@call
def uidl(self, number):
    if number > 4:
        self.long(self.client.uidl, b"UIDL")
    else:
        self.short(lambda: self.client.uidl(number), b"UIDL %d" % number)


@call
def retr(self, number):
    self.long(lambda: self.client.retr(number), b"RETR %d" % number)


@call
def retr_loop(self, number):
    stat(self, number)
    for each in range(number, number + 3):
        self.long(lambda each=each: self.client.retr(each), b"RETR %d" % each)


@call
def top(self, number):
    self.long(lambda: self.client.top(number, 2), b"TOP %d 2" % number)


@call
def dele(self, number):
    self.short(lambda: self.client.dele(number), b"DELE %d" % number)


@call
def simple(self, number):
    name, line, *arguments = [
        ("rset", b"RSET"),
        ("user", b"USER u", "u"),
        ("pass_", b"PASS p", "p"),
        ("rpop", b"RPOP u", "u"),
        ("utf8", b"UTF8"),
        ("lang", b"LANG en", "en"),
        ("_shortcmd", b"X 1", "X 1"),
        ("_shortcmd", b"NOOP", "NOOP"),
    ][number - 1]
    if not (self.is_awaited and name == "_shortcmd"):
        self.short(lambda: getattr(self.client, name)(*arguments), line)


@call
def lang(self, number):
    self.long(self.client.lang, b"LANG")


@call
def capa(self, number):
    def make(reply):
        texts = reply.listed[1]
        if not all(text.strip() and min(text) >= 32 and max(text) < 127 for text in texts):
            return None
        words = [text.decode().split() for text in texts]
        return {first: rest for first, *rest in words}

    self.ask(self.client.capa, b"CAPA", make, dict)


@call
def apop(self, number):
    since = len(self.server.replies)
    try:
        assert isinstance(self.client.apop("u", "p"), bytes)
    except Exception as error:
        said = self.server.replies[since:]
        self.failed(error, said[-1].line if said else None, since)


@call
def retr_bytes(self, number):
    line = b"RETR %d" % number
    self.ask(lambda: self.client.retr_bytes(number), line, lambda reply: reply.raw, bytes)


@call
def top_bytes(self, number):
    line = b"TOP %d 1" % number
    self.ask(lambda: self.client.top_bytes(number, 1), line, lambda reply: reply.raw, bytes)


@call
def retr_into(self, number):
    file = File(number % 4)
    line = b"RETR %d" % number
    since = len(self.server.replies)
    self.ask(lambda: self.client.retr_into(number, file), line, lambda r: r.octets, int)
    for reply in self.server.replies[since:]:
        if self.is_told() and reply.line == line and reply.is_plain:
            assert reply.raw.startswith(file.getvalue())


@call
def sizes(self, number):
    def make(reply):
        if reply.pairs is None:
            return None
        found = {key: re.fullmatch(rb"\d{1,18}", value) for key, value in reply.pairs.items()}
        return {key: match and int(match[0]) for key, match in found.items()}

    self.ask(self.client.sizes, b"LIST", make, dict)


@call
def uids(self, number):
    self.ask(self.client.uids, b"UIDL", lambda reply: reply.pairs, dict)


@call
def retr_many(self, number):
    options = {"window": number, "errors": "return", "delete": number == 5}
    numbers = range(number, number + 4)
    iterate(self, self.client.retr_many(numbers, **options), b"RETR %d", "raw", number)


@call
def top_many(self, number):
    numbers = [number, 1, 2, 9]
    iterator = self.client.top_many(numbers, 3, lines=True, errors="return")
    iterate(self, iterator, b"TOP %d 3", "listed", number)


@call
def dele_many(self, number):
    iterate(self, self.client.dele_many([1, number, 9]), b"DELE %d", "status", number)


def iterate(self, iterator, line, attribute, number):
    self.iterators.append((iterator, line, attribute))
    if number % 2:
        for _ in range(MOST_STEPS):
            if not advance(self, len(self.iterators) - 1):
                return
        raise AssertionError("an iteration without end")


def advance(self, index):
    """One step of an iteration; whether there may be more."""
    iterator, line, attribute = self.iterators[index]
    try:
        number, result = next(iterator)
    except StopIteration:
        return False
    except Exception as error:
        self.failed(error)
        return is_refusal(error)
    if type(result) is error_proto:
        if not self.check_refusal(result, line % number, None):
            assert self.is_own(result, line) or not self.is_exact(), result
    else:
        self.check(result, line % number, None, lambda reply: getattr(reply, attribute))
    return True


@call
def go_on(self, number):
    if not self.iterators:
        return
    index = number % len(self.iterators)
    if number > 6:
        self.iterators.pop(index)[0].close()
    else:
        advance(self, index)


@call
def set_options(self, number):
    if not self.is_awaited:
        self.options["pipelining"] = ["auto", True, False][number % 3]
        self.client.set_options(pipelining=self.options["pipelining"])


@call
def unsendable(self, number):
    try:
        self.client.user("a\r\nDELE 1")
    except ValueError:
        assert not any(reply.line == b"USER a" for reply in self.server.replies)
    except (AttributeError, error_proto, OSError) as error:
        self.failed(error)
    else:
        raise AssertionError("a line was sent that is two")


# --- those after which nothing is certain ---------------------------------------------------


def loosely(self, function):
    try:
        function()
    except Exception as error:
        kinds = (error_proto, OSError, Fault, RuntimeError)
        assert isinstance(error, kinds + (AttributeError,) * self.is_closed), repr(error)
        self.is_loose = True


@call
def auth(self, number):
    answers = iter([b"one", None] if number % 2 else [b"one", b"two", b"three"])
    initial = b"first" if number > 4 else None

    def answer(challenge):
        assert isinstance(challenge, bytes)
        return next(answers, b"more")

    loosely(self, lambda: self.client.auth("X-TEST", answer, initial))


@call
def login(self, number):
    loosely(self, lambda: self.client.login("u", "p", allow_insecure=True))


@call
def by_hand(self, number):
    if self.is_awaited:
        return
    self.is_loose = True
    loosely(self, lambda: self.client._putcmd("NOOP"))
    if number > 2 and (self.by_methods or number > 4):
        read = [self.client.__getattribute__(n) for n in ("_getresp", "_getline", "_getlongresp")]
        loosely(self, read[number % 3 if self.by_methods else 0])


@call
def from_the_file(self, number):
    file = self.client.file
    if self.by_methods and file is not None:
        self.is_loose = True
        for name in ["readline", "peek", "read1"][: number % 3 + 1]:
            loosely(self, getattr(file, name))


@call
def stls(self, number):
    if not self.by_methods and not self.is_loose:
        loosely(self, self.client.stls)
        self.is_loose = True
        self.is_closed = self.client.sock is None


@call
def leave(self, number):
    if number > 4:
        self.close()
    else:
        loosely(self, self.client.quit)
        self.is_closed = True
