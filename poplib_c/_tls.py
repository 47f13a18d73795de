"""TLS by the ssl module: when it replaces our own, its contexts and its exceptions."""

from __future__ import annotations

import os
import sys
from typing import Any


def is_wanted(verify: object, has_key_log: int) -> bool:
    """Return whether the process wants the ssl module's TLS instead of our own.

    It does if SSLKEYLOGFILE is set (*has_key_log*) and, unless *verify* is given, if
    ssl._create_stdlib_context was replaced. Does not import ssl.
    """
    if has_key_log and not sys.flags.ignore_environment:
        return True
    own: Any = sys.modules.get("ssl")
    if verify is not None or own is None:
        return False
    import poplib_c

    ssl: Any = poplib_c.ssl
    function = ssl._create_stdlib_context
    # A wrapper copies the names (functools.wraps), but has globals of its own.
    return not (
        isinstance(function, type(is_wanted))
        and function.__globals__ is getattr(own, "__dict__", None)
        and function.__qualname__ == "_create_unverified_context"
    )


def check_arguments(context: Any, keyfile: Any, certfile: Any, verify: Any) -> None:
    """Raise ValueError for arguments of POP3_SSL() and stls() that exclude each other, and
    TypeError for a context given as verify.
    """
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(verify, ssl.SSLContext):
        raise TypeError("verify must be True or a path, not an ssl.SSLContext; use context=")
    others = {"keyfile": keyfile, "certfile": certfile, "verify": verify}
    for name, value in others.items():
        if context is not None and value is not None:
            raise ValueError(f"context and {name} arguments are mutually exclusive")
    if keyfile is not None and certfile is None:
        raise ValueError("certfile must be specified")
    if isinstance(verify, (str, bytes)) and not verify:
        raise ValueError(
            "verify must be True, or name a PEM file or a directory of trusted certificates"
        )


def new_context(ssl: Any, certfile: Any, keyfile: Any, verify: Any) -> Any:
    """Return a context: with *verify*, one as strict as our own TLS; else poplib's.

    verify: None, False, True or the path of trusted certificates.
    """
    if verify is None or verify is False:
        given = {}
        if certfile is not None:
            given["certfile"] = certfile
        if keyfile is not None:
            given["keyfile"] = keyfile
        return ssl._create_stdlib_context(**given)
    trusted = {} if verify is True else {_kind(verify): verify}
    context = ssl.create_default_context(**trusted)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # VERIFY_X509_PARTIAL_CHAIN, named since Python 3.10: trusts a certificate that is no root.
    context.verify_flags |= 0x80000
    context.hostname_checks_common_name = False
    if certfile is not None:
        context.load_cert_chain(certfile, keyfile)
    return context


def _kind(path: Any) -> str:
    return "capath" if os.path.isdir(path) else "cafile"


def wrap(context: Any, sock: Any, host: Any) -> Any:
    return context.wrap_socket(sock, server_hostname=host)


#: The libraries by OpenSSL's numbers.
_LIBRARIES = {2: "SYS", 4: "RSA", 6: "EVP", 9: "PEM", 11: "X509", 13: "ASN1", 14: "CONF"}
_LIBRARIES.update({15: "CRYPTO", 16: "EC", 20: "SSL", 32: "BIO", 34: "X509V3", 35: "PKCS12"})
_LIBRARIES[38] = "ENGINE"

#: Alerts that OpenSSL 3.2 has reworded, so that their words in capitals are no names (RFC 8446,
#: section 6); by the reasons' numbers.
_ALERTS = {
    1010: "UNEXPECTED_MESSAGE",
    1020: "BAD_RECORD_MAC",
    1040: "HANDSHAKE_FAILURE",
    1042: "BAD_CERTIFICATE",
    1043: "UNSUPPORTED_CERTIFICATE",
    1044: "CERTIFICATE_REVOKED",
    1045: "CERTIFICATE_EXPIRED",
    1046: "CERTIFICATE_UNKNOWN",
    1047: "ILLEGAL_PARAMETER",
}

#: What _make_error() needs for an exception without an OpenSSL code.
_CONDITIONS: dict[str, tuple[Any, ...]] = {
    "SSLEOFError": (
        *(8, "SSL", "UNEXPECTED_EOF_WHILE_READING"),
        *("EOF occurred in violation of protocol", "", 0),
    ),
    "SSLWantReadError": (2, None, None, None, "The operation did not complete (read)", 0),
    "SSLWantWriteError": (3, None, None, None, "The operation did not complete (write)", 0),
}


def new_condition(name: str) -> OSError:
    """Return ssl.<name>, one of those that no OpenSSL code tells of."""
    return _make_error(name, *_CONDITIONS[name])


def new_error(library: int, number: int, words: str | None, detail: str, verify: int) -> OSError:
    """Return the ssl.SSLError of an OpenSSL code.

    number: of the reason; 0 if all libraries share the reason, such as "internal error", for which
    the ssl module has no name. words: what OpenSSL says of the reason. detail: our own text.
    verify: the code of a certificate's refusal, which *detail* describes; or 0.
    """
    reason = None
    if number and words is not None:
        reason = "".join(c.upper() if c.isalnum() else "_" for c in words)
    if _LIBRARIES.get(library) == "SSL" and number in _ALERTS:
        reason = f"SSLV3_ALERT_{_ALERTS[number]}"
    name = "SSLCertVerificationError" if verify else "SSLError"
    return _make_error(name, 1, _LIBRARIES.get(library), reason, words, detail, verify)


def _make_error(
    name: str,
    number: int,
    library: str | None,
    reason: str | None,
    words: str | None,
    detail: str,
    verify: int,
) -> OSError:
    """Return ssl.<name>, an OSError if the interpreter has no ssl module."""
    if words is None and not detail:
        words = "unknown error"
    text = detail
    if words is not None:
        codes = ": ".join([library or "UNKNOWN", *filter(None, [reason])])
        text = f"[{codes}] " + ": ".join(filter(None, [words, detail]))
    try:
        import ssl
    except ImportError:
        error: Any = OSError(number, text)
    else:
        error = getattr(ssl, name)(number, text)
    error.library, error.reason = library, reason
    if verify:
        error.verify_code, error.verify_message = verify, detail
    return error  # type: ignore[no-any-return]
