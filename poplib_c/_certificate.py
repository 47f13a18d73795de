"""Decodes a certificate into the dict that ssl.SSLSocket.getpeercert() returns."""

from __future__ import annotations

import os
import ssl
import tempfile
from typing import Any


def decode(der: bytes) -> dict[str, Any]:
    """Decode a certificate with the ssl module, which reads certificates from files only."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem", delete=False) as file:
        file.write(ssl.DER_cert_to_PEM_cert(der))
    try:
        decoded: dict[str, Any] = vars(ssl)["_ssl"]._test_decode_cert(file.name)
        return decoded
    finally:
        os.unlink(file.name)
