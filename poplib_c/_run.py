"""The command ``run``: runs a program as the interpreter would, with poplib_c as its poplib."""

from __future__ import annotations

import importlib.machinery
import io
import os
import pkgutil
import runpy
import sys
from types import CodeType, ModuleType, TracebackType

import poplib_c

# The interpreter calls this function for -m; it has no public name.
_run_module = vars(runpy)["_run_module_as_main"]


def run(arguments: list[str], read_ahead: int = 0) -> None:
    """Run ``SCRIPT [ARGUMENT...]`` or ``-m MODULE [ARGUMENT...]``; read_ahead is for install().

    sys.argv, sys.path and __main__ are set as the program expects them. The program's exceptions
    propagate, SystemExit included; a traceback shows the program's own frames only.
    """
    poplib_c.install(read_ahead=read_ahead)
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            _new_main()
            _run_module(arguments[1])
        else:
            sys.argv = arguments
            _run_script(arguments[0])
    except SystemExit:
        raise
    except BaseException as exc:
        _report(exc)
        raise


def _run_script(path: str) -> None:
    path = os.path.join(os.getcwd(), path)
    if pkgutil.get_importer(path) is not None:  # a directory, a zip file
        _begin_path_with(path)
        _new_main()
        _run_module("__main__", alter_argv=False)
        return
    code = _read(path)
    _begin_path_with(os.path.dirname(os.path.realpath(path)))
    names = vars(_new_main())
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    names.update(__file__=path, __loader__=loader)
    if sys.version_info < (3, 15):
        names["__cached__"] = None
    exec(code, names)


def _new_main() -> ModuleType:
    """Replace the command line's own ``__main__`` by an empty module; return that module."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    return main


def _read(path: str) -> CodeType:
    try:
        with io.open_code(path) as file:
            code: CodeType | None = pkgutil.read_code(file)
            if code is None:
                file.seek(0)
                code = compile(file.read(), path, "exec")
            return code
    except OSError as exc:
        reason = f"[Errno {exc.errno}] {exc.strerror}"
        print(f"poplib_c: run: can't open file {path!r}: {reason}", file=sys.stderr)
        sys.exit(2)


def _begin_path_with(directory: str) -> None:
    """Replace sys.path[0] by *directory* if the interpreter has put the current one there."""
    if not (getattr(sys.flags, "safe_path", False) or sys.flags.isolated):
        sys.path[0] = directory


def _report(exc: BaseException) -> None:
    """Print the traceback of the program; keep the interpreter from printing it at its exit."""
    exc.__traceback__ = _own_part(exc.__traceback__)
    sys.excepthook(type(exc), exc, exc.__traceback__)
    sys.excepthook = lambda *_: None


def _own_part(traceback: TracebackType | None) -> TracebackType | None:
    """Return *traceback* without the frames of this file, which come first."""
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    return traceback
