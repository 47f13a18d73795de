"""Converts the values of options. Each raises an error of argparse with its own text."""

from __future__ import annotations

import argparse
import os.path
from typing import Any, Callable

from poplib_c._policy import MECHANISMS, MECHANISMS_OAUTH2

#: The versions that --tls-min takes, and their names in ssl.TLSVersion.
TLS_VERSIONS = {"1.0": "TLSv1", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}


def checked(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    """Show the text of the ValueError that *convert* raises; argparse would hide it."""

    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return converted


@checked
def mechanism(text: str) -> str:
    name = text.upper()
    known = (*MECHANISMS, *MECHANISMS_OAUTH2)
    if name not in known:
        raise ValueError(f"unknown mechanism {text!r}; there are {', '.join(known)}")
    return name


@checked
def tls_version(text: str) -> str:
    version = text.lower().removeprefix("tls").removeprefix("v")
    if version not in TLS_VERSIONS:
        raise ValueError(f"{text!r} is not a TLS version: there are {', '.join(TLS_VERSIONS)}")
    return version


@checked
def non_empty(text: str) -> str:
    """Refuse an empty text: an unset shell variable would switch the option off."""
    if not text:
        raise ValueError("the value is empty")
    return text


def file_name(text: str) -> str:
    """Expand a ~, which the shell does not expand in --maildir=~/Mail."""
    path: str = non_empty(text)
    return os.path.expanduser(path)


@checked
def octets(text: str) -> int:
    factor = {"k": 1000, "M": 1000**2, "G": 1000**3}.get(text[-1:], 1)
    digits = text[:-1] if factor > 1 else text
    if not (digits.isascii() and digits.isdigit() and int(digits)):
        raise ValueError(f"{text!r} is not a size: write 500000, 500k, 10M or 1G")
    return int(digits) * factor


def whole(least: int, what: str) -> Callable[[str], Any]:
    @checked
    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ValueError(f"{text!r} is not {what}: write {least} or more")
        return int(text)

    return convert


@checked
def seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ValueError(f"{text!r} is not a number of seconds above 0 and below 1000000")
    return seconds
