"""A drop-in replacement for poplib, the POP3 client of the standard library, in C.

    import poplib_c as poplib

gives the classes, methods and results that the library reference documents for poplib.

install() makes ``import poplib`` return poplib_c in the whole process; uninstall() undoes it.
POP3_SSL and stls() make a TLSSocket as .sock; the .file of a connection is a Reader.
OPENSSL_VERSION names the OpenSSL that is loaded for TLS. poplib_c.aio has POP3 and POP3_SSL for
asyncio, poplib_c.testing a POP3 server for tests.

PYTEST_DONT_REWRITE: the package has no tests; pytest need not warn that it was imported early.
"""

try:
    from _cpoplib import OPENSSL_VERSION as OPENSSL_VERSION
    from _cpoplib import POP3, POP3_SSL, error_proto
    from _cpoplib import Deadline as Deadline
    from _cpoplib import ManyIterator as ManyIterator
    from _cpoplib import Reader as Reader

    # They add to the types, and watch forks. In a try statement no import is lazy (PEP 810).
    from poplib_c import _attributes as _attributes
    from poplib_c import _options as _options
    from poplib_c import _reader as _reader
    from poplib_c import _redact as _redact
    from poplib_c import _replies as _replies
except ImportError as exc:
    if exc.name != "_cpoplib":
        raise
    raise ImportError(
        "the C extension _cpoplib is not built for this interpreter; in a source checkout, build "
        "and install it with 'python -m pip install .'"
    ) from exc

from poplib_c._install import install as install
from poplib_c._install import uninstall as uninstall

__all__ = ["POP3", "POP3_SSL", "error_proto"]
__version__ = "1.0.0"

#: Whether POP3_SSL exists.
HAVE_SSL = True

POP3_PORT = 110
POP3_SSL_PORT = 995

CR = b"\r"
LF = b"\n"
CRLF = CR + LF

#: Octets of the longest status line, line end included; looked up for each reply.
_MAXLINE = 2048

_MODULES = frozenset({"errno", "re", "socket", "ssl", "sys"})


def __getattr__(name):
    """Import a module that is an attribute, or TLSSocket, at the first access to it."""
    if name == "TLSSocket":
        import _cpoplib
        from poplib_c._tls_socket import complete

        value = _cpoplib.TLSSocket
        complete(value)
    elif name == "aio":
        import poplib_c.aio

        value = poplib_c.aio
    elif name in _MODULES:
        import importlib

        value = importlib.import_module(name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
