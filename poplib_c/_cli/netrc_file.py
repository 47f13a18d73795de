"""Finds passwords in ~/.netrc."""

from __future__ import annotations

import netrc
import re
from typing import Any

from poplib_c._cli.failures import Failure, Status, reason

_FORM = "machine HOST login USER password PASSWORD"


class _Entries(dict[str, Any]):
    """The hosts of a netrc. The dict has the last entry of a host, *kept* all, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[str, str, str]] = []  # host, login, password

    def __setitem__(self, host: str, entry: Any) -> None:
        super().__setitem__(host, entry)
        if entry:
            login, _, password = entry
            self.kept.append((host.lower(), login or "", password))


class _Netrc(netrc.netrc):
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, _Entries() if name == "hosts" else value)


def find(host: str, user: str, has_default: bool = True) -> str | None:
    """Return the password of the most specific entry for host and user. Raises Failure.

    has_default: whether the entries for all hosts count.
    """
    try:
        entries: Any = _Netrc().hosts
    except FileNotFoundError:
        return None
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        told = (getattr(error, "msg", None) or reason(error)).removeprefix("~/.netrc ")
        # The bad token may be a part of a password.
        told = re.sub(r"(token) .*", rf"\1: write {_FORM}", told)
        if "permissive" in told:
            told = "others may read or write it: chmod 600 ~/.netrc"
        line = getattr(error, "lineno", None)
        told = f"~/.netrc{f', near line {line}' if line else ''}: {told}"
        raise Failure(told, Status.AUTHENTICATION) from None
    for named in (host.lower(), "default") if has_default else (host.lower(),):
        for login in (user, ""):
            for entry in entries.kept:
                if entry[:2] == (named, login) and entry[2]:
                    return str(entry[2])
    return None
