"""A drop-in replacement for poplib, the POP3 client of the standard library, in C.

    import poplib_c as poplib

gives the classes, methods and results of the library manual's poplib page.

install() puts it in the place of poplib in the whole process, uninstall() undoes that. A TLSSocket
is the .sock that POP3_SSL and stls() make, a Reader the .file of a connection. OPENSSL_VERSION
names the OpenSSL that is loaded for TLS. A POP3 server for tests is in poplib_c.testing.
"""

try:
    from _cpoplib import OPENSSL_VERSION as OPENSSL_VERSION
    from _cpoplib import POP3, POP3_SSL, error_proto
    from _cpoplib import Reader as Reader
    from _cpoplib import TLSSocket as TLSSocket
except ImportError as exc:
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

#: The longest status line in octets, line end included; read anew for each reply.
_MAXLINE = 2048

_MODULES = frozenset({"errno", "re", "socket", "ssl", "sys"})


def __getattr__(name):
    """Import the modules that poplib has as attributes when they are first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    module = globals()[name] = importlib.import_module(name)
    return module
