"""Connects as the options say: encrypts, and verifies the server."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator

from poplib_c import POP3, POP3_SSL, error_proto
from poplib_c._cli.account import Account
from poplib_c._cli.failures import Failure, is_end, is_timeout, is_too_large, reason, usage

#: Octets of the largest reply that a run holds in memory.
MOST_IN_MEMORY = 1 << 26

_FINGERPRINT = re.compile(r"(?i:sha256:)((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})")


def fingerprint(text: str) -> str:
    """Return the 64 digits of ``sha256:HEX``; colons between octets are optional."""
    match = _FINGERPRINT.fullmatch(text)
    if match is None:
        raise ValueError("a fingerprint is sha256: and 64 hexadecimal digits")
    return match[1].replace(":", "").lower()


def digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def check_policy(account: Account, options: argparse.Namespace) -> None:
    """Raise Failure if options contradict each other or the URL."""
    if options.insecure and account.tls:
        raise usage(
            "--insecure is for pop3:// only; if the certificate can't be verified, "
            "use --fingerprint or --cafile"
        )
    if options.insecure and options.fingerprint:
        raise usage("--insecure contradicts --fingerprint: without TLS there is no certificate")
    if options.no_verify and (options.cafile or options.fingerprint):
        raise usage("--no-verify contradicts --cafile and --fingerprint: leave it out")
    if options.cafile:
        try:
            os.stat(options.cafile)
        except OSError as error:
            raise usage(f"--cafile {options.cafile}: {reason(error)}") from None


def warning(account: Account, options: argparse.Namespace) -> str | None:
    """Return the protection that the options give up, in one line."""
    if options.insecure:
        return "--insecure: eavesdroppers can read the password and the mail"
    if options.no_verify:
        return (
            "--no-verify: the server's identity is not checked; a man in the middle can get the "
            "password and the mail"
        )
    return None


def connect(
    account: Account,
    options: argparse.Namespace,
    before_tls: Callable[[POP3], None] = lambda client: None,
) -> POP3:
    """Connect, and verify the server during the TLS handshake.

    before_tls: called with the connection before STLS. Replies may have MOST_IN_MEMORY octets.
    Raises OSError, error_proto, or Failure if the fingerprint differs.
    """
    where = account.host, account.port
    client: POP3
    limits = {
        "timeout": options.timeout,
        "deadline": options.deadline,
        "max_size": MOST_IN_MEMORY,
    }
    if account.tls:
        client = POP3_SSL(*where, verify=_verify(options), **limits)
    else:
        try:
            client = POP3(*where, **limits)
        except (OSError, error_proto) as error:
            if isinstance(error, ConnectionRefusedError) or not (
                is_timeout(error) or is_end(error)
            ):
                raise
            # A TLS server waits for the client's first octets.
            raise OSError(
                f"{reason(error)} before the greeting: if port {account.port} speaks TLS, use pop3s://"
            ) from None
    try:
        if not account.tls and not options.insecure:
            before_tls(client)
            client.stls(verify=_verify(options))
        if options.fingerprint:
            _compare(digest(client.sock.getpeercert(True)), options.fingerprint)
    except BaseException:
        client.close()
        raise
    return client


@contextlib.contextmanager
def listings(client: POP3, options: argparse.Namespace) -> Iterator[None]:
    """Allow --max-listing octets for replies in the block. Raises Failure if one has more."""
    client.set_options(max_size=options.max_listing or MOST_IN_MEMORY)
    try:
        yield
    except error_proto as error:
        if not is_too_large(error):
            raise
        raise Failure(f"the mailbox needs a larger --max-listing: {reason(error)}") from None
    client.set_options(max_size=MOST_IN_MEMORY)


def _verify(options: argparse.Namespace) -> bool | str:
    if options.cafile:
        return str(options.cafile)
    return not (options.no_verify or options.fingerprint)


def _compare(found: str, wanted: str) -> None:
    if found != wanted:
        raise Failure(
            "the server's certificate does not match --fingerprint, so no password was sent: its "
            f"fingerprint is sha256:{found}"
        )
