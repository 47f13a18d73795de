"""Messages that are hard on a POP3 client; each run has equal ones.

None begins with a dot or holds a NUL: Dovecot does not byte-stuff a message's first octet
and transfers 0x80 for NUL.
"""

import base64
import dataclasses
import functools
import random
import re

COUNT = 200
SEED = 1939

HEADER = b"From: ann@example.org\nTo: bob@example.com\nSubject: %s\nMIME-Version: 1.0\n"
CRLF = b"\r\n"

# Around poplib's limit (2,048 octets with the line end) and usual buffer sizes, up to a megabyte.
LINE_LENGTHS = (
    *(1, 76, 510, 998, 999, 2045, 2046, 2047, 2048, 2049),
    *(size + delta for size in (4096, 8192, 16384, 65536) for delta in (-2, -1, 0, 1)),
    1 << 20,
)


@dataclasses.dataclass(frozen=True)
class Message:
    """A message as it is stored in the Maildir, and what POP3 makes of it."""

    name: str
    stored: bytes

    @functools.cached_property
    def size(self):
        """The size in LIST: each line end counts as two octets, a missing last one as none."""
        return len(_with_crlf(self.stored))

    @functools.cached_property
    def wire(self):
        """The message that RETR transfers, byte-stuffing (RFC 1939, section 3) undone."""
        text = _with_crlf(self.stored)
        return text if text.endswith(CRLF) else text + CRLF

    @functools.cached_property
    def lines(self):
        return self.wire.split(CRLF)[:-1]

    def top(self, count):
        """The lines of TOP: the header, the blank line and count lines of the body.

        Dovecot takes a line that begins with a bare CR for a blank one.
        """
        lines = self.lines
        blank = (n for n, line in enumerate(lines) if line[:1] in (b"", b"\r"))
        return lines[: next(blank, len(lines)) + 1 + count]

    @functools.cached_property
    def longest_line(self):
        """Octets of the longest line as it is sent: byte-stuffed, with its line end."""
        return max(len(line) + line.startswith(b".") for line in self.lines) + len(CRLF)


def _with_crlf(text):
    return re.sub(rb"(?<!\r)\n", CRLF, text)


def messages():
    """Return COUNT messages."""
    rng = random.Random(SEED)
    special = [*_shapes(), *_line_ends(), *_dots(rng), *_long_lines(), *_octets(rng), *_large(rng)]
    ordinary = [_ordinary(rng, number) for number in range(COUNT - len(special))]
    made = special + ordinary
    rng.shuffle(made)
    return made


def _mail(name, body, end=b"\n"):
    text = HEADER % name.encode("ascii")
    return Message(name, text.replace(b"\n", end) + end + body)


def _shapes():
    header = HEADER % b"shape"
    yield Message("empty file", b"")
    yield Message("one newline", b"\n")
    yield Message("one octet", b"x")
    yield Message("header only", header)
    yield Message("header only, no final newline", header[:-1])
    yield Message("body only", b"\nThe header is empty.\n")
    yield Message("a thousand header fields", b"X-Field: value\n" * 1000 + b"\nbody\n")
    yield Message("folded header field", b"X-Folded: a\n" + b"\tb\n" * 500 + b"\nbody\n")
    yield _mail("empty body", b"")
    yield _mail("blank lines", b"\n" * 5000)
    yield _mail("blanks at line ends", b"a \nb\t\n \n\t\n")
    yield _mail("looks like replies", b"+OK\n-ERR no\n+OK 2 messages\n+ \n")
    yield _mail("looks like commands", b"QUIT\nDELE 1\n")


def _line_ends():
    yield _mail("CRLF", b"one\r\ntwo\r\n\r\n.three\r\n", end=b"\r\n")
    yield _mail("CRLF, no final newline", b"one\r\ntwo", end=b"\r\n")
    yield _mail("CRLF header, LF body", b"one\ntwo\n", end=b"\r\n")
    yield _mail("LF and CRLF mixed", b"one\ntwo\r\nthree\n\r\n\n")
    yield _mail("no final newline", b"one\ntwo")
    yield _mail("ends with CR", b"one\ntwo\r")
    yield _mail("bare CR", b"one\rtwo\r\rthree\n\rfour\n")
    yield _mail("CR CR LF", b"one\r\r\ntwo\r\r\r\n\r\r\n")
    yield _mail("separators of str.splitlines", "a\vb\fc\x1cd\x1de\x85f\u2028g\n".encode())


def _dots(rng):
    yield _mail("a lone dot", b"before\n.\nafter\n")
    yield _mail("a lone dot at the end", b"before\n.\n")
    yield _mail("a lone dot at the end, no final newline", b"before\n.")
    yield _mail("a lone dot at the start", b".\nafter\n")
    yield _mail("a lone dot in CRLF", b"before\r\n.\r\nafter\r\n", end=b"\r\n")
    yield _mail("dots at line starts", b".a\n..b\n...c\n....\n.\n..\n. \n.\t\n.\xff\n")
    yield _mail("dot and CR", b".\r.\n.\r\r\n\r.\n")
    yield _mail("thousands of lone dots", b".\n" * 20000)
    yield Message("dots without a header", b"\n.\n..\n.")
    yield Message("dots in the header", b"X-Dots: .\n.\n..\n\n.\n")
    for number in range(8):
        body = bytes(rng.choices(b".\nx\r", weights=(4, 3, 1, 1), k=30000))
        yield _mail(f"random dots {number}", body)


def _long_lines():
    for length in LINE_LENGTHS:
        yield _mail(f"line of {length}", b"a" * length + b"\nend\n")
        yield _mail(f"line of {length} with a dot", b"." * length + b"\n.\n")
    yield _mail("long line, no final newline", b"." + b"z" * 100000)
    yield Message("long header field", b"X-Long: " + b"h" * 50000 + b"\n\nbody\n")


def _octets(rng):
    yield _mail("every octet but NUL", bytes(range(1, 256)) * 20)
    yield _mail("Latin-1", "Gr\u00fc\u00dfe aus K\u00f6ln\n".encode("latin-1") * 40)
    yield _mail("UTF-8", "Gr\u00fc\u00dfe \u2014 \u4f60\u597d \U0001f4ec\n".encode() * 40)
    yield Message("UTF-8 header", "Subject: \u4f60\u597d\n\nbody\n".encode())
    yield _mail("not UTF-8", b"\xff\xfe\xc0\x80\xed\xa0\x80\n")
    for number in range(12):
        octets = bytes(rng.choices(range(1, 256), k=rng.randrange(1, 60000)))
        yield _mail(f"binary {number}", octets)
        yield Message(f"binary without a header {number}", octets[::-1])


def _large(rng):
    attachment = rng.getrandbits(8 << 20).to_bytes(1 << 20, "big")
    yield _mail("attachment", base64.encodebytes(attachment))
    yield _mail(
        "a line of five megabytes", b"0123456789abcdef" * 4 * (5 << 14) + b"\n.\n" + b"x\n" * 9
    )
    yield _mail("three megabytes of text", b"The quick brown fox jumps over the dog.\n" * 78000)
    yield _mail("a hundred thousand short lines", b"".join(b"%d\n" % n for n in range(100000)))


def _ordinary(rng, number):
    words = ["lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit"]
    paragraphs = []
    for _ in range(rng.randrange(1, 300)):
        paragraphs.append(" ".join(rng.choices(words, k=rng.randrange(12))).encode())
    return _mail(f"ordinary {number}", b"\n".join(paragraphs) + b"\n")
