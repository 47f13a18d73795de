"""Messages that hold what looks like their end, and servers that send them as they are stored.

One kind of server ends its lines in LF and stuffs the dots of all of them.  The other stuffs dots
after CRLF only: there a mail can hold a line of one dot.
"""

import time

from faults.support import Lines

FORGERY = (
    b"Subject: 1\r\n\r\nfirst\n.\n+OK\nSubject: FORGED as number 2\n\npay\n.\n"
    b"+OK\r\nSubject: FORGED as number 3\r\n\r\npay more\r\n"
)
#: Forgeries by each line that poplib takes for an end, but one.
FORGERIES = [FORGERY.replace(b"\n.\n", end) for end in (b"\n.\n", b"\n.\r\n", b"\n\r.\n")]
MESSAGES = [FORGERY, b"Subject: 2\r\n\r\ntwo\r\n", b"Subject: 3\r\n\r\nthree\r\n"]
STORED = [message.replace(b"\r\n", b"\n") for message in MESSAGES[1:]]


def after_crlf(message):
    """As sent by a server that stuffs dots after CRLF only."""
    end = b"" if message.endswith(b"\r\n") else b"\r\n"
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    return stuffed + end, message + end


def after_lf(message):
    """As sent by a server that stuffs the dots of all lines, and ends its own in LF."""
    end = b"" if message.endswith(b"\n") else b"\n"
    stuffed = (b"\n" + message).replace(b"\n.", b"\n..")[1:]
    return stuffed + end, message + end


class Maildrop(Lines):
    """A server that has these messages; its status lines end in CRLF."""

    def __init__(self, messages, rule, announces=True, cuts=()):
        super().__init__(self.reply)
        self.sent, self.messages = zip(*map(rule, messages))
        self.announces = announces
        self.cuts = cuts

    def message(self, number):
        octets = b" %d octets" % len(self.messages[number - 1]) * self.announces
        return b"+OK%s\r\n%s.\r\n" % (octets, self.sent[number - 1])

    def row(self, verb, number):
        if verb == b"UIDL":
            return b"%d uid%d\r\n" % (number, number)
        return b"%d %d\r\n" % (number, len(self.messages[number - 1]))

    def listing(self, verb, *arguments):
        if arguments:
            return b"+OK " + self.row(verb, int(arguments[0]))
        rows = [self.row(verb, number) for number in range(1, len(self.sent) + 1)]
        return b"+OK\r\n" + b"".join(rows) + b".\r\n"

    def reply(self, line):
        verb, *arguments = line.split()
        if verb in (b"RETR", b"TOP"):
            return self.pieces(self.message(int(arguments[0])))
        if verb in (b"LIST", b"UIDL"):
            return self.listing(verb, *arguments)
        if verb == b"STAT":
            return b"+OK %d 100\r\n" % len(self.sent)
        return b"+OK\r\nPIPELINING\r\n.\r\n" if verb == b"CAPA" else b"+OK\r\n"

    def pieces(self, reply):
        edges = [0, *sorted(cut % len(reply) for cut in self.cuts), len(reply)]
        for start, end in zip(edges, edges[1:]):
            time.sleep(0.001)
            yield reply[start:end]
