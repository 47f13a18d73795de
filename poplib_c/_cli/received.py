"""The Received header of --received (RFC 5321, section 4.4)."""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import ipaddress
import re
import socket

from poplib_c import __version__
from poplib_c._cli.account import Account

MOST = 1024  # octets of a header, at most
_DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_TEXT = re.compile(r"[^!-'*-\[\]-~]")  # not allowed in a comment (RFC 5322), or white space
_LONGEST = 100  # octets of a user or uid
_HEADER = re.compile(rb"Received: from .*\r?\n\tid ([0-9a-f]+) .*\r?\n\t.*\r?\n")


def header(account: Account, is_encrypted: bool, uid: bytes, ticket: str, date: float) -> bytes:
    """Return the header of a message."""
    facts = [f"user {_comment(account.user)}"]
    if uid:
        facts.append(f"uid {_comment(uid.decode('ascii', 'replace'))}")
    time = datetime.datetime.fromtimestamp(int(date), datetime.timezone.utc)
    return (
        f"Received: from {_domain(account.host)} by {_domain(socket.gethostname())} "
        f"with {'POP3S' if is_encrypted else 'POP3'} (poplib-c {__version__})\r\n"
        f"\tid {_id(ticket)} ({', '.join(facts)});\r\n"
        f"\t{email.utils.format_datetime(time)}\r\n"
    ).encode("ascii")


def without(message: bytes, ticket: str) -> bytes:
    """Return a message without the header() that was written for *ticket*."""
    found = _HEADER.match(message)
    ours = found is not None and found[1].decode() == _id(ticket)
    return message[found.end() :] if found is not None and ours else message


def _id(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _domain(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host if _DOMAIN.fullmatch(host) else "unknown"
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _comment(text: str) -> str:
    return _TEXT.sub("?", text)[:_LONGEST]
