"""Certificates for servers and clients: a private authority's, and one signed by itself."""

import datetime
import ipaddress
import os
import tempfile
from typing import NamedTuple

try:
    import trustme
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
except ImportError:
    import openssl_ca as trustme

HOSTS = ("localhost", "127.0.0.1", "::1")
WRONG_HOST = "wrong.example.org"
PAST = datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc)


class Certificate(NamedTuple):
    """The names of files in PEM.

    file holds the certificate and those between it and ca_file, key_file its private key. Who
    trusts ca_file and no more trusts the certificate.
    """

    file: str
    key_file: str
    ca_file: str


class Authority:
    """A certificate authority; a context manager, its files are removed at the end.

    Anyone may read them, as a server may run as another user.
    """

    def __init__(self):
        self.ca = trustme.CA()

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="poplib_c-certificates-")
        os.chmod(self._directory.name, 0o755)
        self.ca_file = self._write(self.ca.cert_pem.bytes())
        return self

    def __exit__(self, *_):
        self._directory.cleanup()

    def issue(self, *names, **options):
        """Return a Certificate for names: hosts, addresses, users' mail addresses.

        Options are those of trustme.CA.issue_cert().
        """
        leaf = self.ca.issue_cert(*names, **options)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        key = leaf.private_key_pem.bytes()
        return Certificate(self._write(chain), self._write(key), self.ca_file)

    def self_signed(self, *hosts, key=None):
        """Return a Certificate for hosts, or any GeneralName, that no authority has signed.

        The key is one of P-256, unless an Ed25519 key is given.
        """
        algorithm = hashes.SHA256() if key is None else None
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "poplib_c tests")])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(PAST)
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(map(_general_name, hosts)), critical=False)
            .sign(key, algorithm)
        )
        file = self._write(certificate.public_bytes(serialization.Encoding.PEM))
        key_pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return Certificate(file, self._write(key_pem), file)

    def _write(self, pem):
        with tempfile.NamedTemporaryFile(
            dir=self._directory.name, suffix=".pem", delete=False
        ) as file:
            file.write(pem)
        os.chmod(file.name, 0o644)
        return file.name


def _general_name(host):
    if isinstance(host, x509.GeneralName):
        return host
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
