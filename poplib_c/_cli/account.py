"""The URL of a mailbox: user, host, port, and how TLS begins."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from poplib_c import POP3_PORT, POP3_SSL_PORT
from poplib_c._cli.failures import usage
from poplib_c._cli.texts import printable

_SCHEMES = {"pop3s": True, "pops": True, "pop3": False, "pop": False}
# In "a/b@c" the host is "a" to other programs. So before a slash in USER comes a backslash, which
# no host has.
_URL = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/?#]*|[^@/?#]*\\[^@/?#]*/[^?#]*)@)?"
    r"(\[[0-9A-Fa-f:.%]+\]|[^][:/?#@]+)(?::([0-9]*))?/?"
)
_FORM = "write pop3s://USER@HOST[:PORT]"
_ESCAPES = "in USER write %3A for a colon, %2F for a slash"
_RECENT = re.compile(r"recent:[^:]+@[^:]+")  # Gmail's name for mail of the last 30 days


class Account(NamedTuple):
    """tls: TLS begins with the connection, otherwise by STLS. user: empty if the URL has none."""

    tls: bool
    host: str
    port: int
    user: str

    def __str__(self) -> str:
        default = POP3_SSL_PORT if self.tls else POP3_PORT
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == default else f":{self.port}"
        return printable(f"{self.user}@{host}{port}" if self.user else f"{host}{port}")

    @property
    def key(self) -> str:
        """The name of the mailbox in the state."""
        return f"{self.user}@{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'pop3s' if self.tls else 'pop3'}://{self}"


def parse(url: str, needs_user: bool = False) -> Account:
    """Return the account of a URL.

    Raises Failure if the URL is wrong or has a password; the text does not repeat the password.
    """
    match = _URL.fullmatch(url)
    if match is None:
        # A text that is no URL may still have a password in it.
        if ":" not in url and _URL.fullmatch(f"pop3s://{url}"):
            raise usage(
                f"{printable(url)} is not the URL of a mailbox: write pop3s://{printable(url)}"
            )
        shown = printable(url) if "@" not in url else "the argument"
        raise usage(f"{shown} is not the URL of a mailbox: {_FORM}; {_ESCAPES}")
    scheme, user, host, port = match.groups()
    if scheme.lower() not in _SCHEMES:
        raise usage(f"{scheme}:// is not for mailboxes: {_FORM}, or pop3:// for STLS")
    if user and ":" in user and not _RECENT.fullmatch(user):
        raise usage(
            "other users of this machine can read a password in a URL: leave it out; the prompt, "
            "--password-command, ~/.netrc or POPLIB_C_PASSWORD can supply it; "
            "if the colon belongs to USER, write %3A"
        )
    tls = _SCHEMES[scheme.lower()]
    number = int(port) if port else (POP3_SSL_PORT if tls else POP3_PORT)
    if not 0 < number < 65536:
        raise usage(f"{port} is not a port: write a number from 1 to 65535")
    if not host.isprintable() or " " in host:
        raise usage(f"the host name has invalid characters: {_FORM}")
    name = unquote(user or "")
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise usage(f"the user name has control characters: {_FORM}")
    account = Account(tls, host.strip("[]"), number, name)
    if needs_user and not name:
        raise usage(f"{account.url} has no user: {_FORM}")
    return account
