"""Prints the script that completes words in a shell, by shtab."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator

from poplib_c._cli import arguments
from poplib_c._cli.failures import Failure, Status

_DIRECTORIES = {"maildir", "eml"}
_FILES = (arguments.PATHS - _DIRECTORIES) | {"files", "program"}


def run(options: argparse.Namespace, program: str, write: Callable[[str], object]) -> Status:
    """Run completion, and return the exit status."""
    try:
        shtab = importlib.import_module("shtab")
    except ImportError:
        raise Failure(
            "completion needs shtab: install poplib-c[completion]", Status.CONFIG
        ) from None
    parser = arguments.parser("poplib-c")
    for action in _actions(parser):
        if action.dest in _DIRECTORIES:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.dest in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    write(shtab.complete(parser, options.shell).rstrip())
    return Status.DONE


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for shown in action._choices_actions:
                # zsh shows the first line of a description, which may end within a sentence.
                action.choices[shown.dest].description = shown.help
            for each in action.choices.values():
                yield from _actions(each)
