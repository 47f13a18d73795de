"""What can be seen of a call: its trace."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

DOCUMENTED = ("host", "port", "welcome", "_debugging", "_tls_established", "sock", "file")


class Noted(NamedTuple):
    """An event: ``kind`` is print, audit, hook or, of a watched file, read."""

    kind: str
    what: Any
    args: tuple = ()


class Observer:
    """Notes events in their order; is sys.stdout, too."""

    def __init__(self):
        self.consumed = 0
        self._events = []
        self._text = ""

    def begin(self):
        self._events = []

    def end(self):
        """The events since begin()."""
        if self._text:
            self.note("print", self._text)
            self._text = ""
        return tuple(self._events)

    def note(self, kind, what, *args):
        self._events.append(Noted(kind, what, args))

    def write(self, text):
        *lines, self._text = (self._text + text).split("\n")
        for line in lines:
            self.note("print", line)
        return len(text)

    def flush(self):
        pass


class NotedFile:
    """A file that notes what is read from it."""

    def __init__(self, file, observer):
        self._file = file
        self._observer = observer

    def readline(self, *size):
        try:
            raw = self._file.readline(*size)
        except Exception as error:
            self._observer.note("read", error, *size)
            raise
        self._observer.note("read", raw, *size)
        self._observer.consumed += len(raw)
        return raw

    def close(self):
        self._file.close()


def _shown(value):
    return f"{type(value).__name__} {value!r}"


@dataclass(frozen=True)
class Returned:
    value: Any = field(compare=False)
    shown: str = ""

    def __post_init__(self):
        object.__setattr__(self, "shown", _shown(self.value))

    def __str__(self):
        return f"returned {self.shown}"


def _kind(error):
    """Exceptions by name: the two modules have an error_proto each."""
    cls = type(error)
    return cls.__name__ if cls.__name__ == "error_proto" else f"{cls.__module__}.{cls.__name__}"


@dataclass(frozen=True)
class Raised:
    """An exception; ``context`` are the arguments of the error_proto that it replaced."""

    error: Any = field(compare=False)
    kind: str = ""
    shown: str = ""
    context: Optional[tuple] = field(default=None, compare=False)

    def __post_init__(self):
        if isinstance(self.error, Exception):
            context = self.error.__context__
            object.__setattr__(self, "kind", _kind(self.error))
            object.__setattr__(self, "shown", repr(self.error.args))
            if context is not None and _kind(context) == "error_proto":
                object.__setattr__(self, "context", context.args)
            self.error.__traceback__ = None

    @property
    def args(self):
        return self.error.args

    def __str__(self):
        return f"raised {self.kind}{self.shown}"


def proto(*args):
    """An error_proto of either module."""
    return Raised(type("error_proto", (Exception,), {})(*args))


def state_of(client):
    """The documented attributes: what they are, or of objects that there is one."""
    if client is None:
        return None
    attributes = vars(client)
    return tuple((name, _attribute(name, attributes)) for name in DOCUMENTED)


def _attribute(name, attributes):
    if name not in attributes:
        return "missing"
    value = attributes[name]
    return "an object" if name in {"sock", "file"} and value is not None else _shown(value)


@dataclass(frozen=True)
class Trace:
    """What a step did.

    The last three are known of the server: what it had said that was not read when the call
    began; that and what it said during the call; whether that was its last word.
    """

    step: Any
    outcome: Any
    events: tuple
    wire: bytes
    state: Optional[tuple]
    released: bool
    unread: bytes = b""
    stream: bytes = b""
    ended: Optional[str] = None

    @property
    def visible(self):
        """The events that a user of the client could see."""
        return tuple(event for event in self.events if event.kind != "read")

    @property
    def reads(self):
        return [event for event in self.events if event.kind == "read"]

    def attribute(self, name):
        return dict(self.state)[name]


def same(one, other):
    """Whether a user could tell the two traces apart."""
    return all(getattr(one, part) == getattr(other, part) for part in SEEN)


SEEN = ("outcome", "visible", "wire", "state", "released")
