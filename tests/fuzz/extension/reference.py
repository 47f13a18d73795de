"""A reply, read in the most obvious way."""

import re

#: Octets of a status line, of a reply to CAPA.
LONGEST_STATUS = 2048
LARGEST_CAPA = 65536

WITH_LINES = re.compile(rb"(RETR|TOP) .*|(LIST|UIDL|CAPA|LANG)")


def text_of(line):
    """A line without its end."""
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[1:-1] if line.startswith(b"\r") and len(line) > 1 else line[:-1]


def without_dot(line):
    """A line as it was before the server added a dot, and its text."""
    text = text_of(line)
    if not text.startswith(b".."):
        return line, text
    return line.replace(b".", b"", 1), text[1:]


class Reply:
    """What the server has sent in answer to a line, which need not be one reply."""

    def __init__(self, line, octets, is_challenge=False):
        self.line = line
        lines = octets.splitlines(True) if b"\r" not in octets else split(octets)
        self.status = text_of(lines[0]) if ends(lines[:1]) else None
        self.is_refusal = self.status is not None and not self.status.startswith(b"+")
        self.lines = None
        used, is_whole = 1, self.status is not None
        if is_whole and WITH_LINES.fullmatch(line) and not self.is_refusal:
            self.lines, is_whole = until_dot(lines[1:])
            used += len(self.lines) + 1
            # Whether another end is one depends on what follows, and on the call.
            end = b"".join(lines[:used])[-5:]
            is_whole &= end == b"\r\n.\r\n" or not lines[0].endswith(b"\r\n")
        begins = (b"+OK", b"-ERR", b"+ ") if is_challenge else (b"+OK", b"-ERR")
        #: Not of a kind that is taken in one way here and in another there.
        self.is_plain = is_whole and self.status.startswith(begins)
        self.is_plain &= len(lines[0]) <= LONGEST_STATUS if lines else False
        self.is_plain &= line != b"CAPA" or len(octets) < LARGEST_CAPA
        #: One such reply, and nothing else.
        self.is_one = self.is_plain and used == len(lines)

    @property
    def octets(self):
        """Of the lines, as they are counted."""
        return len(self.raw)

    @property
    def raw(self):
        return b"".join(without_dot(line)[0] for line in self.lines or [])

    @property
    def listed(self):
        return self.status, [without_dot(line)[1] for line in self.lines], self.octets

    @property
    def pairs(self):
        """Of a listing, if each of its lines is a number and something without a space."""
        found = [re.fullmatch(rb"(\d{1,9}) ([!-~]+)", text) for text in self.listed[1]]
        if None in found:
            return None
        return {int(match[1]): match[2] for match in found if int(match[1])}


def split(octets):
    return re.findall(rb"[^\n]*\n|[^\n]+$", octets)


def ends(lines):
    return bool(lines) and lines[0].endswith(b"\n")


def until_dot(lines):
    """The lines before the terminator, and whether there is one."""
    for number, line in enumerate(lines):
        if line.endswith(b"\n") and text_of(line) == b".":
            return lines[:number], True
    return lines, False
