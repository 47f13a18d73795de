"""Replies that C does not read or parse: the greeting, STAT, CAPA, and lines from a hook.

The package imports this module: stat() and capa() also work while the interpreter exits.
error_proto: the client's, which is another one if the package was imported twice. client: POP3;
in timestamp(), any object with these attributes.
"""

from __future__ import annotations

import sys

from poplib_c._redact import logged_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def timestamp(error_proto: Any, client: Any) -> bytes:
    """Return the time stamp of the greeting, which APOP needs."""
    match = client.timestamp.match(client.welcome)
    if match is None:
        raise error_proto("-ERR APOP not supported by server")
    stamp: bytes = match.group(1)
    return stamp


def md5() -> Any:
    """Return a new MD5: RFC 1939 prescribes it for APOP, and FIPS forbids it for security."""
    import hashlib

    return hashlib.md5(usedforsecurity=False)


def stat(error_proto: Any, response: Any) -> tuple[int, int]:
    """Return the number of messages and their octets."""
    fields = response.split()
    # More fields may follow the two numbers (RFC 1939, section 5).
    if len(fields) < 3:
        raise error_proto("Invalid STAT response format")
    try:
        return int(fields[1]), int(fields[2])
    except ValueError:
        raise error_proto("Invalid STAT response data: non-numeric values")  # noqa: B904


def printed_stat(error_proto: Any, client: Any, response: Any) -> tuple[int, int]:
    """Print debug output, and return stat()."""
    if client._debugging:
        print("*stat*", repr(response.split()))
    return stat(error_proto, response)


def status_line(client: Any) -> Any:
    """Read a line by _getline(), which may be overridden."""
    line, _ = client._getline()
    return line


def lines(client: Any, response: Any, limit: int | None) -> tuple[Any, list[bytes], int] | None:
    """Read the lines after a status line; return None if they are too many for *limit* octets."""
    collected: list[bytes] = []
    total = 0
    line, octets = client._getline()
    while line != b".":
        # A dot that was added (RFC 1939, section 3).
        if line.startswith(b".."):
            octets = octets - 1
            line = line[1:]
        total = total + octets
        collected.append(line)
        if limit is not None and (total > limit or len(collected) > limit):
            return None
        line, octets = client._getline()
    return response, collected, total


def capa(reply: Any) -> dict[str, list[str]]:
    """Return the capabilities, and log the lines."""
    logging: Any = sys.modules.get("logging")
    if hasattr(logging, "getLogger"):  # Not so while logging is being imported.
        logger = logging.getLogger("poplib_c")
        for line in reply[1]:
            logger.debug("S: %s", logged_status(line, False))
    return capabilities_of(reply[1])


def capabilities_of(lines: list[bytes]) -> dict[str, list[str]]:
    """Return {name: [argument, ...]}."""
    capabilities = {}
    for line in lines:
        words = line.decode("ascii", "surrogateescape").split()
        if words:
            capabilities[words[0]] = words[1:]
    return capabilities


def check_stls(error_proto: Any, client: Any) -> None:
    """Raise error_proto if TLS is active or the server does not offer STLS."""
    check_plain(error_proto, client._tls_established)
    check_offer(error_proto, client.capa())


def check_plain(error_proto: Any, has_tls: Any) -> None:
    """Raise error_proto if TLS is active."""
    if has_tls:
        raise error_proto("-ERR TLS session already established")


def check_offer(error_proto: Any, capabilities: Any) -> None:
    """Raise error_proto if the server does not offer STLS."""
    if "STLS" not in capabilities:
        raise error_proto("-ERR STLS not supported by server")
