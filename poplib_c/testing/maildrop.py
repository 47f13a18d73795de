"""The maildrop of the test server: messages as RETR sends them, and the exclusive-access lock."""

from __future__ import annotations

import collections
import hashlib
import mailbox
import threading
from collections.abc import Iterable
from email.message import Message
from typing import Any, NamedTuple

# Seconds for which a login waits for the maildrop's lock: a client may drop its connection and
# log in again before the thread of the first connection notices the drop.
_LOCK_WAIT = 0.5


class Refusal(Exception):
    """A command is refused; the text is sent after ``-ERR``."""


class StoredMessage(NamedTuple):
    key: Any
    uid: str
    octets: bytes


class Maildrop:
    """The messages, their unique-ids, and the exclusive-access lock (RFC 1939, section 4)."""

    def __init__(self, messages: Iterable[bytes | str | Message] | mailbox.Mailbox[Any]) -> None:
        if isinstance(messages, mailbox.Mailbox):
            self._store: _MailboxStore | _MemoryStore = _MailboxStore(messages)
        else:
            self._store = _MemoryStore(messages)
        self.locked = False
        self._session = threading.Lock()
        self._access = threading.Lock()
        self._uids: dict[Any, str] = {}
        self._copies: collections.Counter[str] = collections.Counter()

    def contents(self) -> list[bytes]:
        with self._access:
            return [octets for _, octets in self._store.items()]

    def open(self) -> list[StoredMessage]:
        """Lock the maildrop and return its messages; raise Refusal if either fails."""
        if self.locked or not self._session.acquire(timeout=_LOCK_WAIT):
            raise Refusal("[IN-USE] maildrop is locked by another session")
        try:
            with self._access:
                return [
                    StoredMessage(key, self._uid(key, octets), octets)
                    for key, octets in self._store.items()
                ]
        except BaseException as error:
            self._session.release()
            # A mailbox.Mailbox may raise anything; the client gets a reply in any case.
            if isinstance(error, Exception):
                raise Refusal("[SYS/TEMP] maildrop cannot be read") from None
            raise

    def remove(self, messages: list[StoredMessage]) -> None:
        """Remove *messages* for good; raise Refusal if some of them are left."""
        if not messages:
            return
        try:
            with self._access:
                self._store.remove([message.key for message in messages])
        except (OSError, mailbox.Error):
            raise Refusal("[SYS/TEMP] some deleted messages not removed") from None

    def close(self) -> None:
        self._session.release()

    def _uid(self, key: Any, octets: bytes) -> str:
        """Return the unique-id: equal messages in equal order have equal ones in every server."""
        if key not in self._uids:
            digest = hashlib.sha256(octets).hexdigest()[:16]
            self._copies[digest] += 1
            copy = self._copies[digest]
            self._uids[key] = digest if copy == 1 else f"{digest}-{copy}"
        return self._uids[key]


class _MemoryStore:
    def __init__(self, messages: Iterable[bytes | str | Message]) -> None:
        if isinstance(messages, (bytes, str)):
            raise TypeError("messages must be an iterable of messages, not a single one")
        self._messages = {key: _octets(message) for key, message in enumerate(messages)}

    def items(self) -> Iterable[tuple[int, bytes]]:
        return self._messages.items()

    def remove(self, keys: list[int]) -> None:
        for key in keys:
            del self._messages[key]


class _MailboxStore:
    def __init__(self, box: mailbox.Mailbox[Any]) -> None:
        self._box = box

    def items(self) -> Iterable[tuple[Any, bytes]]:
        # A Maildir lists its keys in the file system's order; sorting gives the order of delivery.
        return ((key, _octets(self._box.get_bytes(key))) for key in sorted(self._box.keys()))

    def remove(self, keys: list[Any]) -> None:
        self._box.lock()
        try:
            for key in keys:
                self._box.discard(key)
            self._box.flush()
        finally:
            self._box.unlock()


def _octets(message: bytes | str | Message) -> bytes:
    """Return *message* as RETR sends it: each line ends in CRLF, the last one too."""
    if isinstance(message, Message):
        message = message.as_bytes()
    elif isinstance(message, str):
        message = message.encode()
    elif not isinstance(message, bytes):
        kind = type(message).__name__
        raise TypeError(f"a message must be bytes, str or email.message.Message, not {kind}")
    octets = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"
