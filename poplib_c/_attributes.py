"""Attributes of POP3, POP3_SSL and error_proto that are computed at each access.

Importing the package imports this module, which imports re and inspect when they are needed.
The module in C is told of forks from here on.
"""

from __future__ import annotations

import _cpoplib
from poplib_c import _forks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from inspect import Signature
    from typing import Any, Callable

_module: Any = _cpoplib

_CODE_CHARACTERS = bytes(range(0x21, 0x7F))

#: The default _MAXLINE; error_proto.code of a longer code is None.
_CODE_OCTETS = 2048

_ERROR_PROTO_DOC = """\
An error that the server reports, or a reply that breaks the protocol.

args[0] is bytes if the server sent the error, b'-ERR no such message', and
str if the client found it, '-ERR EOF' or 'line too long'. Errors of the
network are OSError.

Attributes:
    response (bytes): The server's reply; None if the client found the error.
    code (str): The response code in the reply, in upper case and without
        brackets (RFC 2449, section 8; RFC 3206): 'AUTH', 'IN-USE',
        'LOGIN-DELAY', 'SYS/TEMP', 'SYS/PERM' or another; None without one.
    temporary (bool): Whether the command may succeed later: the code is
        'IN-USE', 'LOGIN-DELAY' or 'SYS/TEMP'.
    number (int): The message whose end is uncertain, because commands were
        sent ahead of its reply; else None. The messages before it are
        right. Fetch it alone, over a new connection, by retr_bytes() or
        top_bytes(): retr() and top() end a message where poplib does.
"""


# A class attribute; ``compute(instance, owner)`` returns its value.  Assigning to the attribute of
# an instance replaces the value, unlike a property.  The docstring is that of `compute`.
class Computed:
    __slots__ = ("__doc__", "compute")

    def __init__(self, compute: Callable[[Any, type], object]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type | None = None) -> object:
        return self.compute(instance, owner or type(instance))


def _response(error: Any, owner: type) -> bytes | None:
    """The server's reply, b'-ERR [IN-USE] locked'; None if the client found the error."""
    try:
        args = () if error is None else error.args
    except (MemoryError, RecursionError):
        raise
    except Exception:  # A subclass may define args.
        return None
    return args[0] if isinstance(args, tuple) and args and isinstance(args[0], bytes) else None


def _code(error: Any, owner: type) -> str | None:
    """The response code in the reply, in upper case (RFC 2449, section 8; RFC 3206).

    'AUTH', 'IN-USE', 'LOGIN-DELAY', 'SYS/TEMP', 'SYS/PERM' or another; None without one.
    """
    head, _, rest = (_response(error, owner) or b"").partition(b"[")
    code, end, _ = rest.partition(b"]")
    is_code = end and all(code.split(b"/")) and not code.translate(None, _CODE_CHARACTERS)
    if head.upper() != b"-ERR " or not is_code or len(code) >= _CODE_OCTETS:
        return None
    return code.decode("ascii").upper()


def _temporary(error: Any, owner: type) -> bool:
    """Whether it may succeed later: the code is 'IN-USE', 'LOGIN-DELAY' or 'SYS/TEMP'."""
    return _code(error, owner) in ("IN-USE", "LOGIN-DELAY", "SYS/TEMP")


def _timestamp(client: object, owner: type) -> re.Pattern[bytes]:
    """The pattern of the time stamp in a greeting, for apop()."""
    import re

    return re.compile(rb"\+OK.[^<]*(<.*>)")


def _state(client: Any, owner: type) -> object:
    """The state of the session, as far as the client knows; nothing is sent.

    - 'authorization': connected; no login has succeeded.
    - 'transaction': a login has succeeded.
    - 'timed out', 'out of step': a reply was abandoned; commands raise OSError or error_proto.
    - 'ended': the server has closed the connection, or it broke.
    - 'closed': close() or quit() was called, or the constructor was not.
    """
    return _STATE if client is None else _module.POP3._get_state(client)


_STATE = Computed(_state)


def _repr(client: object) -> str:
    from poplib_c._repr import describe

    return describe(client)


def _signature(client: object, owner: Any) -> Signature:
    """The signature of a class whose __init__() is in C; not all versions of Python find that."""
    init = owner.__init__
    if type(init) is not type(str.join):
        raise AttributeError("__signature__")
    import inspect

    _, *parameters = inspect.signature(init).parameters.values()
    return inspect.Signature(parameters)


def _context(client: Any, owner: type) -> object:
    """The ssl.SSLContext, as poplib's constructor makes it; it is made at the first access."""
    if client is None:
        raise AttributeError(f"type object '{owner.__name__}' has no attribute 'context'")
    context = client.context = _module._new_context(client)
    return context


def _add(owner: Any, **functions: Callable[[Any, type], object]) -> None:
    for name, compute in functions.items():
        setattr(owner, name, Computed(compute))


_add(_module.POP3, timestamp=_timestamp, __signature__=_signature)
_module.POP3.session_state = _STATE
_module.POP3.__repr__ = _repr
_add(_module.POP3_SSL, context=_context)
_add(_module.error_proto, response=_response, code=_code, temporary=_temporary)
_module.error_proto.number = None
_module.error_proto.__doc__ = _ERROR_PROTO_DOC
_forks.watch(_module)
