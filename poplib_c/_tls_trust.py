"""Whether the files of trusted certificates have changed: connections share what was read."""

from __future__ import annotations

import os
import time
from stat import S_ISDIR, S_ISREG

#: A file that changes twice within one tick of the file system's clock has the same times after
#: both.  The longest known ticks are of 2 seconds.
_TICK = 2_000_000_000


def identify(
    ca: bytes | None,
    file: bytes,
    directory: bytes,
    own_file: bytes | None,
    own_directory: bytes | None,
    *bundles: bytes | None,
) -> tuple[object, object, bool, int, bytes]:
    """Return (source, state, is_settled, time, directory): what would be read at this moment.

    source: the option and the paths that it stands for. state: what stat() says of them.
    is_settled: a later change will show in *state*, since the paths are files and directories,
    and their last change is a while ago. time: in nanoseconds. directory: the one in which
    certificates are looked up; b"" if there is none or several.

    ca: the path that the user named. Without one: OpenSSL's own *file* and *directory*, those of
    the environment, and the system's *bundles*.
    """
    now = time.time_ns()
    files: list[bytes | None]
    places = None
    if ca is None:
        # Programs with set-user-ID ignore the environment.
        default = None if own_directory is None else directory
        files = [file, own_file, default, *bundles]
        places = directory if own_directory is None else own_directory
    elif os.path.isdir(ca):
        files = []
        places = ca
    else:
        files = [ca]
    directories = [] if places is None else places.split(b":")
    paths = [path for path in [*files, *directories] if path is not None]
    facts = [_look(path) for path in paths]
    is_settled = all(fact[0] and max(fact[-2:]) < now - _TICK for fact in facts if len(fact) > 1)
    one = directories[0] if len(directories) == 1 else b""
    return (ca is None, *paths), tuple(facts), is_settled, now, one


def _look(path: bytes) -> tuple[int, ...]:
    """Return what stat() says; the error number of a path that can't be looked at."""
    try:
        info = os.stat(path)
    except OSError as exc:
        return (exc.errno or 0,)
    kind = info.st_mode
    times = info.st_mtime_ns, info.st_ctime_ns
    return S_ISREG(kind) or S_ISDIR(kind), info.st_dev, info.st_ino, info.st_size, *times
