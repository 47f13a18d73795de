"""The part of trustme that tests of threads use, by openssl(1).

For interpreters for which cryptography, which trustme needs, has no wheel, such as CPython 3.13t.
"""

import ipaddress
import os
import subprocess
import tempfile

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _kind(name):
    if "@" in name:
        return "email:" + name
    try:
        return f"IP:{ipaddress.ip_address(name)}"
    except ValueError:
        return "DNS:" + name


class _Blob:
    def __init__(self, pem):
        self._pem = pem

    def bytes(self):
        return self._pem


class _Leaf:
    def __init__(self, certificate, key):
        self.cert_chain_pems = [_Blob(certificate)]
        self.private_key_pem = _Blob(key)

    def configure_cert(self, context):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.private_key_pem.bytes() + self.cert_chain_pems[0].bytes())
            file.flush()
            context.load_cert_chain(file.name)


class CA:
    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="poplib_c-ca-")
        self._serial = 0
        authority = ("-keyout", self._path("ca.key"), "-out", self._path("ca.pem"))
        subject = ("-subj", "/O=poplib_c tests", "-days", "2")
        # The contexts of CPython 3.13 and later refuse an authority without a key usage.
        usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        _openssl("req", "-x509", *_CURVE, *authority, *subject, *usage)
        self.cert_pem = _Blob(_read(self._path("ca.pem")))

    def _path(self, name):
        return os.path.join(self._directory.name, name)

    def configure_trust(self, context):
        context.load_verify_locations(self._path("ca.pem"))

    def issue_cert(self, *names, common_name="poplib_c tests"):
        self._serial += 1
        request, key, file, extensions = map(self._path, ("request", "key", "pem", "extensions"))
        with open(extensions, "w") as text:
            text.write("basicConstraints=critical,CA:FALSE\n")
            text.write("subjectAltName=" + ",".join(map(_kind, names)) + "\n")
        _openssl("req", *_CURVE, "-keyout", key, "-out", request, "-subj", "/CN=" + common_name)
        signer = ("-CA", self._path("ca.pem"), "-CAkey", self._path("ca.key"))
        _openssl(
            *("x509", "-req", "-in", request, *signer, "-set_serial", str(self._serial)),
            *("-extfile", extensions, "-days", "2", "-out", file),
        )
        return _Leaf(_read(file), _read(key))
