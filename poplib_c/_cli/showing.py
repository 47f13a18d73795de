"""The command config: shows the options of each account, and where each value comes from."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable
from typing import Any

from poplib_c._cli import arguments, config, jobs, state
from poplib_c._cli.failures import Failure, Status, gravest
from poplib_c._cli.texts import printable


def run(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> Status:
    """Show what counts, as TOML with the sources in comments. Secrets are left out."""
    status = Status.DONE
    for number, mailbox in enumerate(config.find(options)):
        if number:
            write("")
        write(_title(mailbox))
        rows = [
            ("url", mailbox.account.url, config.ACCOUNT if mailbox.place else config.COMMAND_LINE)
        ]
        mailbox.options.state = mailbox.options.state or state.default_path()
        for name, source in mailbox.sources.items():
            value = getattr(mailbox.options, name)
            is_shown = value not in (None, False, 0) or source != config.BUILT_IN
            if is_shown and name not in config.COMMAND_LINE_ONLY:
                rows.append((config.key(name), _safe(name, value), source))
        width = max(len(f"{key} = {_toml(value)}") for key, value, _ in rows)
        for key, value, source in rows:
            write(f"{f'{key} = {_toml(value)}':<{width}}  # {source}")
        try:
            jobs.job(mailbox)
        except Failure as error:
            print(printable(f"{program} config: {error}"), file=sys.stderr)
            status = gravest(status, error.status)
    return status


def _title(mailbox: config.Mailbox) -> str:
    if not mailbox.name:
        return f"# {mailbox.place or 'a URL of the command line'}\n[[account]]"
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", mailbox.name)
    name = mailbox.name if bare else _toml(mailbox.name)
    return f"# {mailbox.place.rpartition(': ')[0]}\n[account.{name}]"


def _safe(name: str, value: Any) -> Any:
    """Return a value without secrets. Of a command, only the program is shown."""
    if name in config.COMMANDS and value:
        try:
            program, *more = shlex.split(value)
        except ValueError:
            return "..."
        return "..." if "=" in program else " ".join([program, *["..."][: len(more)]])
    return arguments.without_passwords(value) if isinstance(value, str) else value


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
