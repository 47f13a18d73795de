"""Starts and stops the load server."""

import contextlib
import subprocess
import tempfile
from pathlib import Path

import trustme

from workloads import HOST

SPIN = 2000  # microseconds


def write_certificate(directory):
    """Write a certificate for this machine and its key. Return the two paths."""
    certificate = trustme.CA().issue_cert(HOST, "localhost")
    paths = Path(directory, "certificate.pem"), Path(directory, "key.pem")
    paths[0].write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    paths[1].write_bytes(certificate.private_key_pem.bytes())
    return paths


@contextlib.contextmanager
def serving(program, delay=0, spin=SPIN, in_pieces=False):
    """Run a load server during the block, and yield its ports: {"plain": ..., "tls": ...}."""
    with tempfile.TemporaryDirectory(prefix="poplib_c-bench-") as directory:
        options = [f"-d{delay}", f"-s{spin}", *(["-p"] if in_pieces else [])]
        command = [program, *options, *write_certificate(directory)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            lines = process.stdout.read().decode().splitlines()
            yield {link: int(port) for link, port in (line.split() for line in lines)}
        finally:
            process.stdin.close()
            process.stdout.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
