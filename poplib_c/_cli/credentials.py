"""Passwords and tokens: where they come from, and logging in with them."""

from __future__ import annotations

import argparse
import getpass
import netrc
import os
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from poplib_c import POP3, error_proto
from poplib_c._cli.account import Account
from poplib_c._cli.failures import Failure, Status, reason

_VARIABLE = "POPLIB_C_PASSWORD"


class Credentials(NamedTuple):
    """What returns a token, new at each call; a password where that is None."""

    password: str
    token: Callable[[], str] | None = None


def obtain(account: Account, options: argparse.Namespace) -> Credentials:
    """Find the password; prompt for it if nothing else has it. Failure: there is none."""
    command = options.oauth2_token_command
    if command:
        return Credentials("", lambda: first_line(command, "--oauth2-token-command"))
    if options.password_command:
        return Credentials(first_line(options.password_command, "--password-command"))
    password = os.environ.get(_VARIABLE) or _from_netrc(account) or _prompt(account)
    return Credentials(password)


def first_line(command: str, option: str) -> str:
    """Run a command in the shell and return the first line that it prints."""
    ended = subprocess.run(command, shell=True, stdout=subprocess.PIPE, check=False)
    if ended.returncode:
        raise Failure(
            f"the command of {option} failed with status {ended.returncode}", Status.AUTHENTICATION
        )
    line = ended.stdout.partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise Failure(f"the command of {option} printed nothing", Status.AUTHENTICATION)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Failure(
            f"what the command of {option} printed is not UTF-8", Status.AUTHENTICATION
        ) from None


def _from_netrc(account: Account) -> str | None:
    try:
        found = netrc.netrc().authenticators(account.host)
    except FileNotFoundError:
        return None
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        told = getattr(error, "msg", None) or reason(error)
        raise Failure(f"~/.netrc: {told}", Status.AUTHENTICATION) from None
    if found is None or found[0] not in (None, "", account.user):
        return None
    return found[2]


def _prompt(account: Account) -> str:
    if not sys.stdin.isatty():
        raise Failure(
            f"no password: give --password-command, {_VARIABLE} or an entry in ~/.netrc, "
            "or run it in a terminal, where it is asked for",
            Status.AUTHENTICATION,
        )
    try:
        return getpass.getpass(f"Password of {account}: ")
    except EOFError:
        raise Failure("no password was given", Status.AUTHENTICATION) from None


def authenticate(
    client: POP3, account: Account, credentials: Credentials, options: argparse.Namespace
) -> None:
    """Log in. Failure: refused; a refusal that is temporary by its response code is that."""
    try:
        if credentials.token is None:
            client.login(account.user, credentials.password, allow_insecure=options.insecure)
        else:
            client.login_oauth2(account.user, credentials.token, allow_insecure=options.insecure)
    except error_proto as error:
        if error.args[0] == "-ERR EOF":
            raise
        status = Status.TEMPORARY if error.temporary else Status.AUTHENTICATION
        raise Failure(f"the login is refused: {reason(error)}", status) from None
    except ValueError as error:
        raise Failure(f"can't log in: {reason(error)}", Status.AUTHENTICATION) from None
