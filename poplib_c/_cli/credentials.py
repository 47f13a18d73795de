"""Finds passwords and tokens, and logs in with them."""

from __future__ import annotations

import argparse
import getpass
import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from poplib_c import error_proto
from poplib_c._cli import netrc_file
from poplib_c._cli.account import Account
from poplib_c._cli.connection import Client
from poplib_c._cli.failures import Failure, Status, is_end, is_timeout, reason, usage
from poplib_c._cli.texts import printable
from poplib_c._login import Secret, login, login_oauth2
from poplib_c._policy import History

_VARIABLE = "POPLIB_C_PASSWORD"
_REFUSED = "POPLIB_C_TOKEN_REFUSED"
_PASSWORD_COMMAND, _TOKEN_COMMAND = "--password-command", "--oauth2-token-command"


class Credentials(Secret):
    """A password, or a callable that returns a new token at each call."""

    __slots__ = ()

    def begin(self) -> None:
        """Begin a login: the server has refused none of its tokens yet."""
        if isinstance(self._value, _TokenCommand):
            self._value.is_again = False


class _TokenCommand:
    """Runs --oauth2-token-command, and tells it if the server has refused a token of the login."""

    def __init__(self, command: str, account: Account) -> None:
        self._command = command
        self._account = account
        self.is_again = False

    def __call__(self) -> str:
        refused = {_REFUSED: "1"} if self.is_again else {}
        self.is_again = True
        return _first_line(self._command, _TOKEN_COMMAND, self._account, refused)


def _none(text: str) -> Failure:
    return Failure(text, Status.AUTHENTICATION)


def obtain(account: Account, options: argparse.Namespace, mailboxes: int = 1) -> Credentials:
    """Return the password from the first source that has it. Raises Failure if none has.

    mailboxes: their number. The variable names no server, so it is refused for several mailboxes.
    """
    if options.oauth2_token_command:
        return Credentials(_TokenCommand(options.oauth2_token_command, account))
    if options.password_command:
        return Credentials(_first_line(options.password_command, _PASSWORD_COMMAND, account))
    return Credentials(
        (_from_keyring(account) if options.keyring else None)
        or netrc_file.find(account.host, account.user)
        or _from_variable(mailboxes)
        or _prompt(account, options.keyring)
    )


def check_shared(options: argparse.Namespace, mailboxes: int) -> None:
    """Raise Failure if several servers would get the secret of one command."""
    for command, option in (
        (options.password_command, _PASSWORD_COMMAND),
        (options.oauth2_token_command, _TOKEN_COMMAND),
    ):
        if command and mailboxes > 1:
            raise usage(
                f"{option} is for one mailbox, and there are {mailboxes}: "
                f"write {option[2:]} into the configuration for each, or use ~/.netrc"
            )


def _first_line(
    command: str, option: str, account: Account, more: Mapping[str, str] | None = None
) -> str:
    """Run a command in the shell and return the first line that it prints.

    more: variables of its environment.
    """
    about = {
        "POPLIB_C_USER": account.user,
        "POPLIB_C_HOST": account.host,
        "POPLIB_C_PORT": str(account.port),
    }
    environment = {**os.environ, **about}
    environment.pop(_REFUSED, None)
    environment.update(more or {})
    ended = subprocess.run(
        command, shell=True, stdout=subprocess.PIPE, check=False, env=environment
    )
    if ended.returncode:
        raise _none(f"the command of {option} failed with status {ended.returncode}")
    line = ended.stdout.partition(b"\n")[0].rstrip(b"\r")
    if not line:
        raise _none(f"the command of {option} printed nothing")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise _none(f"the command of {option} printed invalid UTF-8") from None


def _service(account: Account) -> str:
    host = account.host.lower()
    return f"pop3://[{host}]" if ":" in host else f"pop3://{host}"


def _from_keyring(account: Account) -> str | None:
    """Return the password that the system's keyring has for host and user."""
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        raise usage("--keyring needs the package keyring: install poplib-c[keyring]") from None
    try:
        password: str | None = keyring.get_password(_service(account), account.user)
    except Exception as error:  # Exceptions of backends have no common class.
        if type(error).__name__ == "NoKeyringError":
            told = "this system has no keyring that the package keyring can use"
        else:
            told = f"{type(error).__name__}: {reason(error)}"
        raise _none(
            f"--keyring: {told} ('keyring --list-backends' and 'keyring diagnose' tell more)"
        ) from None
    return password


def _from_variable(mailboxes: int) -> str | None:
    password = os.environ.get(_VARIABLE)
    if password and mailboxes > 1:
        raise _none(
            f"{_VARIABLE} is for one mailbox, and there are {mailboxes}: "
            "write password-command into the configuration for each, or use ~/.netrc"
        )
    return password


def _prompt(account: Account, is_in_keyring: bool) -> str:
    if not sys.stdin.isatty():
        keyring = f"'keyring set {_service(account)} {account.user}'"
        raise _none(
            f"no password: give --password-command, {keyring if is_in_keyring else '--keyring'}, "
            f"an entry in ~/.netrc or {_VARIABLE}, or run in a terminal to be prompted"
        )
    try:
        return getpass.getpass(f"Password of {account}: ")
    except EOFError:
        raise _none("no password was given") from None


def authenticate(
    client: Client,
    account: Account,
    credentials: Credentials,
    options: argparse.Namespace,
    history: History,
) -> None:
    """Log in. Raises Failure; its status is TEMPORARY if the server's response code says so.

    history: what earlier connections have tried.
    """
    _begin_utf8(client, options)
    try:
        if credentials.renewable:
            credentials.begin()
            login_oauth2(client, account.user, credentials, options.mechanism, options.insecure)
        else:
            login(
                client,
                account.user,
                credentials,
                options.mechanism,
                options.insecure,
                is_verified=is_verified(options),
                history=history,
            )
    except error_proto as error:
        if error.args[0] == "-ERR EOF":
            raise
        status = Status.TEMPORARY if error.temporary else Status.AUTHENTICATION
        told = f"the server refused the login: {reason(error)}{_explained(error)}"
        raise Failure(told, status) from None
    except ValueError as error:
        raise _none(f"can't log in: {reason(error)}") from None
    client.forget()


def _explained(error: error_proto) -> str:
    """Return the server's explanation of a refused token, or nothing."""
    from poplib_c import sasl

    if not isinstance(error.__cause__, sasl.OAuthError):
        return ""
    explanation: dict[str, Any] = error.__cause__.args[0]
    told = ", ".join(f"{name} {value}" for name, value in explanation.items())
    return f" (the server explains: {printable(told)})"


def is_verified(options: argparse.Namespace) -> bool:
    """Whether the options let connect() return only with the server that was meant."""
    return not (options.insecure or options.no_verify)


def _begin_utf8(client: Client, options: argparse.Namespace) -> None:
    """Ask for header fields as they are (RFC 6856): some servers replace 8-bit ones otherwise."""
    if options.no_utf8:
        return
    try:
        if "UTF8" in client.capa():
            client.utf8()
    except error_proto as error:
        if is_end(error):
            raise _ended_by_utf8(error) from None
    except OSError as error:
        if not (is_end(error) or is_timeout(error)):
            raise
        raise _ended_by_utf8(error) from None


def _ended_by_utf8(error: Exception) -> Failure:
    told = f"{reason(error)} at UTF8: --no-utf8 does without that command"
    return Failure(told, Status.TEMPORARY)
