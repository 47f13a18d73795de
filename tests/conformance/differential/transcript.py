"""What an example is made of: what a server says, and what is called meanwhile."""

import re
from dataclasses import dataclass
from typing import Optional

#: The methods that an example may override, each to note its call and to go on as before.
HOOKS = (
    *("_putline", "_putcmd", "_getline", "_getresp"),
    *("_getlongresp", "_shortcmd", "_longcmd", "close"),
)

#: The ends of what a server says: nothing more is sent; the connection is gone.
ENDS = ("eof", "reset")

_LONG = frozenset({"retr", "top", "capa", "stls", "_longcmd"})
_SHORT = frozenset(
    {
        *("user", "pass_", "rpop", "apop", "stat", "dele", "noop", "rset", "quit", "utf8"),
        "_shortcmd",
    }
)
_READING = frozenset({"_getline", "_getresp", "_getlongresp", "file.readline"})


def written(octets):
    """repr() of bytes, with long runs of an octet as products."""
    parts = re.split(rb"((.)\2{39,})", octets, flags=re.DOTALL)
    shown = []
    for head, run, octet in zip(parts[::3], [*parts[1::3], b""], [*parts[2::3], b""]):
        shown += [repr(head)] if head else []
        shown += [f"{len(run)} * {octet!r}"] if run else []
    return " + ".join(shown) or "b''"


@dataclass(frozen=True, repr=False)
class Reply:
    """Octets, a tuple of segments, and how the stream ends behind them, if it does."""

    segments: tuple = ()
    end: Optional[str] = None

    def __repr__(self):
        segments = "".join(f"{written(segment)}, " for segment in self.segments)
        end = f", {self.end!r}" if self.end else ""
        return f"Reply(({segments}){end})"

    @property
    def octets(self):
        return b"".join(self.segments)


def line(*lines, end=None):
    """A Reply of whole lines in one segment."""
    return Reply((b"".join(text + b"\r\n" for text in lines),), end)


@dataclass(frozen=True, repr=False)
class Step:
    """A call, and what the server says to it.

    ``name`` is a method, ``"file.readline"``, or ``"set"`` with an attribute of the client or
    ``_MAXLINE`` of the module and its value.  The server speaks when the call sends its first
    line, but before the call if that is ``early`` or one that only reads.
    """

    name: str
    args: tuple = ()
    reply: Reply = Reply()
    early: bool = False

    def __repr__(self):
        early = ", early=True" if self.early else ""
        return f"Step({self.name!r}, {self.args!r}, {self.reply!r}{early})"

    @property
    def is_long(self):
        """Whether it sends a command whose reply has lines."""
        without = self.name in {"list", "uidl"} and self.args in ((), (None,))
        return self.name in _LONG or without

    @property
    def is_exchange(self):
        """Whether it sends a command and reads the reply."""
        return self.is_long or self.name in _SHORT or self.name in {"list", "uidl"}

    @property
    def reads_only(self):
        return self.name in _READING

    @property
    def speaks_first(self):
        return self.early or self.reads_only


@dataclass(frozen=True)
class Example:
    """A connection: ``hooks`` are the methods that the client's class overrides."""

    greeting: Reply
    steps: tuple
    wire: str = "packets"
    hooks: frozenset = frozenset()
