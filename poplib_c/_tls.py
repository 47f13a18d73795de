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
    """Raise ValueError for arguments of POP3_SSL() and stls() that exclude each other."""
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


def new_error(
    name: str,
    number: int,
    library: str | None,
    reason: str | None,
    words: str | None,
    detail: str,
    verify: int,
) -> OSError:
    """Return ssl.<name>, an OSError if the interpreter has no ssl module.

    words: what OpenSSL says of the reason. detail: our own text. verify: the code of a
    certificate's refusal, which *detail* describes; or 0.
    """
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
