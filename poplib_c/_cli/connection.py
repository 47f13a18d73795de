"""Connects as the options say: encrypts, and verifies the server."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from poplib_c import POP3, POP3_SSL, error_proto
from poplib_c._cli import dialing, encryption
from poplib_c._cli.account import Account
from poplib_c._cli.failures import (
    CapaFailure,
    Failure,
    Status,
    is_end,
    is_timeout,
    is_too_large,
    reason,
    usage,
)
from poplib_c._cli.log import Counted
from poplib_c._policy import MECHANISMS, MECHANISMS_OAUTH2, NO_CAPA, UNLISTED

#: Octets of the largest reply that a run holds in memory.
MOST_IN_MEMORY = 1 << 26

_WITHOUT_CAPA = "for passwords, --mechanism USER does without that command"
_FINGERPRINT = re.compile(
    r"(?:sha-?256(?:[ _]fingerprint)?\s*[:=]?\s*)?((?:[0-9a-f]{2}[:\s]*){31}[0-9a-f]{2})", re.I
)
_OTHER_HASHES = {32: "MD5", 40: "SHA-1", 96: "SHA-384", 128: "SHA-512"}  # by digits
_KEY_PIN = re.compile(r"(?i:(?:pin-sha256|sha256)(?://|[:=]))?\"?([A-Za-z0-9+/_-]{43}=?)\"?")
_ASK = "'check' prints the fingerprint, and so does openssl x509 -noout -fingerprint -sha256"


def fingerprint(text: str) -> str:
    """Return the 64 digits of a certificate's SHA-256 fingerprint, in any usual notation.

    openssl writes ``SHA256 Fingerprint=AA:BB...``, mpop ``AA:BB...``, GnuTLS ``sha256:aabb...``.
    """
    match = _FINGERPRINT.fullmatch(text.strip())
    if match is not None:
        return re.sub(r"[:\s]", "", match[1]).lower()
    if _KEY_PIN.fullmatch(text.strip()):
        raise ValueError(
            f"base64 is the notation for pins of public keys, not for fingerprints: {_ASK}"
        )
    found = re.search(r"(?:[0-9A-Fa-f]{2}[:\s]*)+$", text)
    other = _OTHER_HASHES.get(len(re.sub(r"[:\s]", "", found[0]))) if found else None
    if other:
        raise ValueError(f"this is a fingerprint by {other}, and SHA-256 is needed: {_ASK}")
    raise ValueError(f"a fingerprint has 64 hexadecimal digits: {_ASK}")


def digest(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def check_cafile(options: argparse.Namespace) -> None:
    """Raise Failure if the file of --cafile is missing. check_policy() refuses --no-verify."""
    if options.cafile and not options.no_verify:
        try:
            os.stat(options.cafile)
        except OSError as error:
            raise usage(f"--cafile {options.cafile}: {reason(error)}") from None


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
    known = MECHANISMS_OAUTH2 if options.oauth2_token_command else tuple(MECHANISMS)
    for name in options.mechanism or ():
        if name not in known:
            secret = "tokens" if options.oauth2_token_command else "passwords"
            cure = "; for tokens, use --oauth2-token-command" if name in MECHANISMS_OAUTH2 else ""
            raise usage(
                f"--mechanism {name} is not for {secret}: there are {', '.join(known)}{cure}"
            )
    if options.key and not options.cert:
        raise usage("--key needs --cert, the certificate of the key")
    if options.insecure and options.cert:
        raise usage("--insecure contradicts --cert: without TLS no certificate is shown")
    encryption.context(options, _verify(options))
    dialing.check_policy(options)


def is_unlisted(options: argparse.Namespace) -> bool:
    """Whether no mechanism of --mechanism is one that CAPA lists, so that CAPA is not sent."""
    return bool(options.mechanism) and UNLISTED.issuperset(options.mechanism)


def warning(account: Account, options: argparse.Namespace) -> str | None:
    """Return the protection that the options give up, in one line."""
    if options.insecure:
        return "--insecure: eavesdroppers can read the password and the mail"
    told = encryption.warnings(options)
    if options.no_verify:
        told.append(
            "--no-verify: the server's identity is not checked; a man in the middle can get the "
            "password and the mail"
        )
    return "; ".join(told) or None


class Client(Counted):
    """Sends CAPA once before STLS and once after, or not at all.

    has_capa: whether CAPA may be sent. Without it, capa() raises what it raises for a server that
    does not support CAPA, and stls() tries STLS.
    """

    has_capa = True
    _without_greeting: str | None = None  # advice, once the server has to send the greeting
    _known: dict[str, list[str]] | error_proto | None = None

    def __init__(self, account: Account, options: argparse.Namespace, **given: Any) -> None:
        self._options = options
        try:
            super().__init__(
                account.host,
                account.port,
                timeout=options.timeout,
                deadline=options.deadline,
                max_size=MOST_IN_MEMORY,
                **given,
            )
        except (OSError, error_proto) as error:
            if not self._without_greeting or not (is_timeout(error) or is_end(error)):
                raise
            told = f"{reason(error)} before the greeting{self._without_greeting}"
            raise OSError(told) from None
        self.set_options()

    def set_options(self, **given: Any) -> None:
        if self._options.no_pipelining:
            given["pipelining"] = False
        super().set_options(**given)

    def _create_socket(self, timeout: Any) -> Any:
        where = self.host, self.port
        if dialing.is_direct(self._options):
            make: Any = super()
            sock = make._create_socket(timeout)
        else:
            sock = dialing.dial(*where, self._options, timeout)
        # A TLS server waits for the client's first octets.
        self._without_greeting = f": if port {self.port} speaks TLS, use pop3s://"
        try:
            if dialing.expect_greeting(sock, *where, self._options):
                self._without_greeting = (
                    f", and port {self.port} does not speak TLS either: if this lasts, tell the "
                    "server's administrator"
                )
            sock.settimeout(timeout)
        except BaseException:
            sock.close()
            raise
        return sock

    def capa(self) -> dict[str, list[str]]:
        """Return the capabilities with names in upper case. Raises CapaFailure, too."""
        if self._known is None:
            self._known = self._ask() if self.has_capa else error_proto(NO_CAPA)
        if isinstance(self._known, error_proto):
            raise error_proto(*self._known.args)
        return {name: [*arguments] for name, arguments in self._known.items()}

    def forget(self) -> None:
        """Ask again next time: the capabilities change with STLS and the login."""
        self._known = None

    def _ask(self) -> dict[str, list[str]] | error_proto:
        try:
            return {name.upper(): arguments for name, arguments in super().capa().items()}
        except (error_proto, OSError) as error:
            if is_end(error) or is_timeout(error):
                told = f"{reason(error)} at CAPA ({_WITHOUT_CAPA})"
                raise CapaFailure(told, Status.TEMPORARY) from None
            if not isinstance(error, error_proto) or error.args[0] != NO_CAPA:
                raise
            return error

    def stls(self, *arguments: Any, **options: Any) -> bytes:
        if not self.has_capa:
            self._known = {"STLS": []}
        response = super().stls(*arguments, **options)
        self.forget()
        return response


class _TLSClient(Client, POP3_SSL):  # type: ignore[misc]
    def _create_socket(self, timeout: Any) -> Any:
        if dialing.is_direct(self._options):
            make: Any = super(Client, self)
            return make._create_socket(timeout)
        plain = dialing.dial(self.host, self.port, self._options, timeout)
        try:
            sock = self.context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
        sock.settimeout(timeout)
        return sock


def connect(
    account: Account,
    options: argparse.Namespace,
    before_tls: Callable[[POP3], None] = lambda client: None,
    has_capa: bool = True,
) -> Client:
    """Connect, and verify the server during the TLS handshake.

    before_tls: called with the connection before STLS. has_capa: whether CAPA may be sent. Replies
    may have MOST_IN_MEMORY octets. Raises OSError, error_proto, or Failure if the certificate is
    refused.
    """
    try:
        return _connect(account, options, before_tls, has_capa)
    except OSError as error:
        why = getattr(error, "verify_message", None)  # of an ssl.SSLCertVerificationError
        if not why:
            raise
    raise Failure(
        f"the server's certificate is refused: {why}; {_advice(why, options)}", Status.UNAVAILABLE
    )


def _advice(why: str, options: argparse.Namespace) -> str:
    pinned = "--fingerprint without --cafile" if options.cafile else "--fingerprint"
    if "mismatch, certificate is not valid for" in why:
        return f"connect by one of those names, or use {pinned}"
    other = "" if options.cafile else "--cafile, or "
    return f"to trust it, use {other}{pinned}, with the value that 'check' prints"


def _connect(
    account: Account,
    options: argparse.Namespace,
    before_tls: Callable[[POP3], None],
    has_capa: bool,
) -> Client:
    trust: dict[str, Any] = {"verify": _verify(options)}
    context = encryption.context(options, trust["verify"])
    if context is not None:
        trust = {"context": context}
    client = _TLSClient(account, options, **trust) if account.tls else Client(account, options)
    client.has_capa = has_capa and not is_unlisted(options)
    try:
        if not account.tls and not options.insecure:
            before_tls(client)
            client.stls(**trust)
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
            f"fingerprint is sha256:{found}",
            Status.UNAVAILABLE,
        )
