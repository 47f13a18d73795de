"""Whether the files of trusted certificates have changed: connections share what was read."""

from __future__ import annotations

import os
import time
from stat import S_ISDIR, S_ISREG

#: A file that changes twice within one tick of the file system's clock has the same times after
#: both.  The longest known ticks are of 2 seconds.
_TICK = 2_000_000_000

_MISSING, _FILE, _DIRECTORY, _OTHER = range(4)


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
    paths = [] if ca is None else [ca]
    places = None
    if ca is None:
        # Programs with set-user-ID ignore the environment.
        default = None if own_directory is None else directory
        paths = [path for path in (file, own_file, default, *bundles) if path is not None]
        places = directory if own_directory is None else own_directory
    facts = [_look(path) for path in paths]
    if ca is not None and facts[0][0] == _DIRECTORY:
        places = ca
        del paths[0], facts[0]
    directory = b""
    if places is not None:
        directories = places.split(b":")
        paths += directories
        facts += map(_look, directories)
        directory = directories[0] if len(directories) == 1 else b""
    is_settled = True
    for kind, *_, modified, changed in facts:
        if modified >= now - _TICK or changed >= now - _TICK or kind == _OTHER:
            is_settled = False
    return (ca is None, *paths), tuple(facts), is_settled, now, directory


def _look(path: bytes) -> tuple[int, ...]:
    """Return what stat() says; the error number of a path that can't be looked at."""
    try:
        info = os.stat(path)
    except OSError as exc:
        return _MISSING, exc.errno or 0, 0, 0
    mode = info.st_mode
    kind = _FILE if S_ISREG(mode) else _DIRECTORY if S_ISDIR(mode) else _OTHER
    return kind, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns
