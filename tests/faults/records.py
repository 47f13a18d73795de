"""A server that has left TLS 1.3 to this file: it sends whatever records it likes."""

import hashlib
import hmac
import socket
import ssl

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

HANDSHAKE = 22
ALERT = 21
DATA = 23

#: Of each cipher suite: the cipher, the octets of its key, the hash.
SUITES = {
    "TLS_AES_128_GCM_SHA256": (AESGCM, 16, "sha256"),
    "TLS_AES_256_GCM_SHA384": (AESGCM, 32, "sha384"),
    "TLS_CHACHA20_POLY1305_SHA256": (ChaCha20Poly1305, 32, "sha256"),
}


class Records:
    """Protects records (RFC 8446, section 5.2) with the keys of a server's SSLSocket.

    That has done the handshake and sent nothing else, with a context that has neither tickets nor
    another version, and writes its keys to the file ``keys``.
    """

    def __init__(self, sock, keys):
        self.cipher, self.key_octets, self.hash = SUITES[sock.cipher()[0]]
        with open(keys) as lines:
            words = [line.split() for line in lines]
        [secret] = [word[2] for word in words if word[0] == "SERVER_TRAFFIC_SECRET_0"]
        self._use(bytes.fromhex(secret))

    def _use(self, secret):
        self.secret = secret
        self.aead = self.cipher(self._expand(b"key", self.key_octets))
        self.iv = int.from_bytes(self._expand(b"iv", 12), "big")
        self.number = 0

    def _expand(self, label, octets):
        """HKDF-Expand-Label without a context (section 7.1), of no more than one hash."""
        label = b"tls13 " + label
        info = octets.to_bytes(2, "big") + bytes([len(label)]) + label + b"\0"
        return hmac.new(self.secret, info + b"\1", self.hash).digest()[:octets]

    def record(self, kind, data):
        header = b"\x17\x03\x03" + (len(data) + 17).to_bytes(2, "big")
        nonce = (self.iv ^ self.number).to_bytes(12, "big")
        self.number += 1
        return header + self.aead.encrypt(nonce, data + bytes([kind]), header)

    def data(self, octets=b""):
        return self.record(DATA, octets)

    def warning(self):
        """The alert user_canceled, which ends nothing."""
        return self.record(ALERT, b"\1\x5a")

    def key_update(self, requested=False):
        octets = self.record(HANDSHAKE, b"\x18\0\0\1" + bytes([requested]))
        self._use(self._expand(b"traffic upd", hashlib.new(self.hash).digest_size))
        return octets

    def key_update_requested(self):
        return self.key_update(True)

    def ticket(self):
        """NewSessionTicket, of 1 KiB (section 4.6.1)."""
        number = self.number.to_bytes(8, "big")
        body = b"\0\0\x1c\x20" + number[:4] + b"\x08" + number
        body += b"\4\0" + 1024 * b"t" + b"\0\0"
        return self.record(HANDSHAKE, b"\4" + len(body).to_bytes(3, "big") + body)


def make_context(ca, keys):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.keylog_filename = str(keys)
    return context


def plain(sock):
    """A socket beside an SSLSocket, for octets as they are."""
    copy = socket.socket(sock.family, sock.type, fileno=socket.dup(sock.fileno()))
    copy.settimeout(sock.gettimeout())
    return copy
