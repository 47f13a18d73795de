"""Where a connection stands before a call, from what poplib has done on it so far."""

import socket
from dataclasses import dataclass
from typing import Optional

from .recording import Raised

TOO_LONG = "a line was too long"
CUT_OFF = "a line was cut off"
IN_PART = "a command was sent in part"
TIMED_OUT = object()
OWN_METHODS = frozenset({"foreign", "tls"})


def strip(raw):
    """A line without its line end, as poplib takes it."""
    if raw[-2:] == b"\r\n":
        return raw[:-2]
    return raw[1:-1] if raw[:1] == b"\r" else raw[:-1]


def is_cut(read):
    """Whether the stream ended within this line: it is neither whole nor as long as asked for."""
    raw = read.what
    return is_line(read) and raw and not raw.endswith(b"\n") and len(raw) < read.args[0]


def is_overlong(read):
    return is_line(read) and len(read.what) == read.args[0]


def is_line(read):
    """Whether _getline() read it, and not a user."""
    return isinstance(read.what, bytes) and len(read.args) == 1


def is_sent_line(event):
    """Whether it announces a line that can be sent."""
    return event.what == "poplib.putline" and isinstance(event.args[0], (bytes, bytearray))


@dataclass
class Position:
    """``why`` commands fail, if they do; how many commands are ``unanswered`` at most, at least.

    What a user reads by hand may be no whole line, and is then an answer or not.

    The stream has ``ended`` if that was read from it; ``broken`` is what a method of the socket
    raised to say that the connection broke.

    With ``own_methods`` of a socket, nobody knows how much a sendall() that fails has sent; with
    an ``own_file`` poplib_c does not know what a user reads from it, nor whether a line that is
    cut off was the stream's end or a pause.
    """

    why: Optional[object] = None
    unanswered: tuple = (0, 0)
    ended: bool = False
    broken: Optional[Exception] = None
    own_methods: bool = False
    own_file: bool = False

    def after(self, trace):
        """Moves on over a step."""
        step = trace.step
        for event in trace.events:
            if is_sent_line(event) and trace.wire and not self._was_not_sent(trace):
                self._count(1, 1)
            elif event.kind == "read" and not (self.own_file and is_by_hand(step)):
                self._after_read(event, step, is_first=event is trace.reads[0])
        if step is None:
            return
        if self.own_methods and self._was_not_sent(trace) and not self._break(trace.outcome.error):
            self._leave(IN_PART)
        if step.is_exchange and self._was_replied(trace):
            self.unanswered = (0, 0)

    def _count(self, most, least):
        self.unanswered = tuple(
            max(0, old + more) for old, more in zip(self.unanswered, (most, least))
        )

    def _leave(self, why):
        if not self.ended:
            self.why = self.why or why

    def _break(self, error):
        broke = isinstance(error, ConnectionError) and error.errno is not None
        if broke and self.own_methods and not (self.ended or self.why):
            self.broken = self.broken or error
        return broke

    def _end(self):
        self.ended = True
        self.unanswered = (0, 0)

    def _after_read(self, read, step, is_first):
        if isinstance(read.what, socket.timeout):
            self._leave(TIMED_OUT)
        elif isinstance(read.what, ConnectionError):
            self._break(read.what)
            self._end()
        elif read.what == b"" and read.args != (0,):
            self._end()
        elif is_overlong(read) and not is_by_hand(step):
            self._leave(TOO_LONG)
        elif self.own_file and is_cut(read):
            self._leave(CUT_OFF)
        elif is_first and isinstance(read.what, bytes):
            self._count(-read.what.endswith(b"\n"), -1)

    @staticmethod
    def _was_not_sent(trace):
        lines = [event for event in trace.events if is_sent_line(event)]
        failed = isinstance(trace.outcome, Raised) and isinstance(trace.outcome.error, OSError)
        return lines and failed and not trace.reads

    @staticmethod
    def _was_replied(trace):
        return bool(trace.reads) and isinstance(trace.reads[0].what, bytes)


def is_by_hand(step):
    return step is not None and step.name == "file.readline"


def position_after(traces, wire):
    own_file = wire == "double"
    position = Position(own_methods=own_file or wire in OWN_METHODS, own_file=own_file)
    for trace in traces:
        position.after(trace)
    return position
