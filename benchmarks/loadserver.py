"""Starts and stops the load server."""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

try:
    import trustme
except ImportError:
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    import openssl_ca as trustme

from workloads import HOST

SPIN = 2000  # microseconds
AUTHORITIES = 140  # as many as Debian trusts


def write_certificate(directory, authority):
    """Write a certificate for this machine and its key. Return the two paths."""
    certificate = authority.issue_cert(HOST, "localhost")
    paths = Path(directory, "certificate.pem"), Path(directory, "key.pem")
    paths[0].write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    paths[1].write_bytes(certificate.private_key_pem.bytes())
    return paths


def write_trusted(directory, authority):
    """Write the certificates of the authority and of many others. Return the path."""
    path = Path(directory, "trusted.pem")
    others = [trustme.CA() for _ in range(AUTHORITIES - 1)]
    path.write_bytes(b"".join(each.cert_pem.bytes() for each in [*others, authority]))
    time.sleep(2.1)  # A newer file is not shared by connections.
    return path


@contextlib.contextmanager
def serving(program, delay=0, spin=SPIN, in_pieces=False, verify=False):
    """Run a load server during the block, and yield its ports: {"plain": ..., "tls": ...}.

    verify: yield the path of a file with trusted certificates, too, as "trusted".
    """
    authority = trustme.CA()
    with tempfile.TemporaryDirectory(prefix="poplib_c-bench-") as directory:
        options = [f"-d{delay}", f"-s{spin}", *(["-p"] if in_pieces else [])]
        command = [program, *options, *write_certificate(directory, authority)]
        trusted = {"trusted": str(write_trusted(directory, authority))} if verify else {}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            lines = process.stdout.read().decode().splitlines()
            ports = {link: int(port) for link, port in (line.split() for line in lines)}
            yield {**ports, **trusted}
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
