"""Makes the ssl.SSLContext that --cert, --tls-min and --ciphers need.

Without these options, connections use the TLS of poplib_c, which needs no context.
"""

from __future__ import annotations

import argparse
import functools
import getpass
import re
import sys
from typing import TYPE_CHECKING, Any

from poplib_c import _tls
from poplib_c._cli.converters import TLS_VERSIONS
from poplib_c._cli.failures import reason, usage

if TYPE_CHECKING:
    import ssl

_OLD = ("1.0", "1.1")
_LEVEL = re.compile(r"@SECLEVEL=([0-5])")
# Without a certificate anybody could be the server; without encryption anybody could read.
_NEVER = ":!aNULL:!eNULL"
# How many bits of strength a cipher needs at each of OpenSSL's security levels.
_LEAST_BITS = (0, 80, 112, 128, 192, 256)
_OPENSSL_OLD = "DEFAULT@SECLEVEL=0"  # OpenSSL 3 has TLS 1.0 and 1.1 at this level only.


def is_needed(options: argparse.Namespace) -> bool:
    return bool(options.cert or options.tls_min or options.ciphers)


def context(options: argparse.Namespace, verify: bool | str) -> ssl.SSLContext | None:
    """Return the context for the options; None if they need none. Raises Failure.

    verify: True, or the path of trusted certificates, or False.
    """
    if not is_needed(options):
        return None
    return _context(options.cert, options.key, options.tls_min, options.ciphers, verify)


@functools.cache  # An encrypted key asks for its passphrase once.
def _context(
    cert: str | None, key: str | None, tls_min: str | None, ciphers: str | None, verify: bool | str
) -> ssl.SSLContext:
    import ssl

    made: ssl.SSLContext = _tls.new_context(ssl, None, None, verify)
    made.minimum_version = getattr(ssl.TLSVersion, TLS_VERSIONS[tls_min or "1.2"])
    if ciphers is None and tls_min in _OLD:
        ciphers = _OPENSSL_OLD
    if ciphers is not None:
        try:
            made.set_ciphers(ciphers + _NEVER)
        except ssl.SSLError:
            raise usage(
                f"--ciphers {ciphers}: OpenSSL has no such ciphers for TLS 1.2 and older; "
                "'openssl ciphers -v LIST' shows what a list means"
            ) from None
    if cert is not None:
        _load(made, cert, key)
    return made


def _load(made: ssl.SSLContext, cert: str, key: str | None) -> None:
    import ssl

    name = f"--key {key}" if key else f"--cert {cert}"

    def passphrase() -> str:
        if not sys.stdin.isatty():
            raise usage(
                f"{name}: the key has a passphrase: run in a terminal to be prompted, or use a "
                "copy without one (openssl pkey -in KEY -out COPY)"
            )
        return getpass.getpass(f"Passphrase of {key or cert}: ")

    for option, path in (("--cert", cert), ("--key", key)):
        if path is not None:
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise usage(f"{option} {path}: {reason(error)}") from None
    try:
        made.load_cert_chain(cert, key, passphrase)
    except ssl.SSLError as error:
        raise usage(f"{name}: {_why(error, key)}") from None


def _why(error: ssl.SSLError, key: str | None) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate"
    if error.reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ"):
        return "the passphrase is wrong"
    if key is None:
        return "the file needs a certificate and its key in PEM, or --key must name the key's file"
    return "--cert needs a certificate in PEM, and --key its private key"


def warnings(options: argparse.Namespace) -> list[str]:
    """Return the protection that --tls-min and --ciphers give up, a line for each."""
    told = []
    if options.tls_min in _OLD:
        old = "" if options.ciphers else ", and allows old ciphers and weak certificates"
        told.append(
            f"--tls-min {options.tls_min}: a man in the middle can choose TLS "
            f"{options.tls_min}, which has known weaknesses{old}"
        )
    if options.ciphers and (weaker := _weaker(options.ciphers)):
        told.append(f"--ciphers {options.ciphers}: {weaker}")
    return told


def _weaker(ciphers: str) -> str | None:
    """Return what a list of ciphers gives up, compared with OpenSSL's default list."""
    import ssl

    usual = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    level = min(_LEVEL.findall(ciphers), default=None)
    if level and int(level) < getattr(usual, "security_level", 1):  # since Python 3.10
        return (
            f"security level {level} allows weak keys, signatures and ciphers: a man in the "
            "middle may be able to get the password and the mail"
        )
    usual.set_ciphers(ciphers + _NEVER)
    least = _LEAST_BITS[getattr(usual, "security_level", 0)]
    weak = [each["name"] for each in usual.get_ciphers() if _is_weak(each, least)]
    if weak:
        more = f" and {len(weak) - 1} more" if weak[1:] else ""
        return (
            f"{weak[0]}{more} can be broken: eavesdroppers may be able to read the password and "
            "the mail"
        )
    return None


def _is_weak(cipher: Any, least: int) -> bool:
    """Return whether a cipher is weak; one with fewer bits than *least* is never negotiated."""
    bits = cipher["strength_bits"]
    return bool(bits >= least and (bits < 128 or cipher["symmetric"].startswith(("rc", "des"))))
