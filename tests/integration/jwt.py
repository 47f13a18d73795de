"""Access tokens as Dovecot takes them: JSON Web Tokens (RFC 7519), signed with a shared key."""

import base64
import hashlib
import hmac
import json
import time

from .dovecot_config import TOKEN_KEY


def token(user, key=TOKEN_KEY, lifetime=600):
    """A token of *user* for *lifetime* seconds. If that is negative, the token has expired."""
    now = int(time.time())
    issued = now - 3600
    claims = {"sub": user, "iat": issued, "nbf": issued, "exp": now + lifetime}
    signed = b".".join(_encoded(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(key, signed, hashlib.sha256).digest()
    return (signed + b"." + _base64url(signature)).decode("ascii")


def _encoded(part):
    return _base64url(json.dumps(part).encode("ascii"))


def _base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
