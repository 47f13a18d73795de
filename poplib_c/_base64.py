"""Decodes the challenges of SASL (RFC 5034, section 4)."""

from __future__ import annotations

import binascii


def decode(text: bytes) -> bytes | None:
    """Return the octets, or None if *text* is anything but whole groups of base64."""
    padding = len(text) - len(text.rstrip(b"="))
    try:
        octets = binascii.a2b_base64(text)
    except ValueError:
        return None
    # a2b_base64() skips what is no digit: then there are fewer octets.
    is_whole = padding <= 2 and 4 * (len(octets) + padding) == 3 * len(text)
    return octets if is_whole else None
