"""What the test server does wrong, if a test asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from poplib_c.testing.maildrop import Refusal


class Faults:
    """The arguments of POP3Server of these names, as dicts that may be changed at any time."""

    def __init__(
        self,
        refused: Mapping[str, str | None],
        delays: Mapping[str, float],
        cut: Mapping[str, int],
        sizes: Mapping[int, int],
    ) -> None:
        self.refused = {name.upper(): text for name, text in refused.items()}
        self.delays = {name.upper(): seconds for name, seconds in delays.items()}
        self.cut = {name.upper(): octets for name, octets in cut.items()}
        self.sizes = dict(sizes)

    def refuse(self, name: bytes) -> None:
        """Raise Refusal, or EOFError to close the connection, if *name* is to be refused."""
        key = _key(name)
        if key in self.refused:
            text = self.refused[key]
            raise EOFError if text is None else Refusal(text)

    def delay(self, name: bytes) -> float:
        return self.delays.get(_key(name), 0.0)

    def left_of(self, name: bytes, reply: bytes) -> tuple[bytes, bool]:
        """Return what to send of the reply, and whether to close the connection after it."""
        limit = self.cut.get(_key(name))
        return (reply, False) if limit is None else (reply[:limit], True)

    def size(self, number: int, octets: bytes) -> int:
        return self.sizes.get(number, len(octets))


def _key(name: bytes) -> str:
    return name.decode("ascii", "replace")
