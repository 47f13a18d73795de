"""Twisted's POP3 server, with mailboxes that are directories."""

import os
import subprocess
from pathlib import Path

from integration.server import PASSWORD, Account, Server, Unavailable

from .traits import Traits


class Twisted(Traits, Server):
    """Its greeting always has a time stamp; its passwords are hashed, so that it refuses APOP.

    Its CAPA names pipelining PIPELINE, which is no capability.
    """

    name = "twisted"
    links = ("plain", "pop3s")
    greets_with_time_stamp = True
    capabilities = ("TOP", "USER", "UIDL", "PIPELINE")

    def __init__(self, certificate):
        self.certificate = certificate
        self.ca_file = certificate.ca_file
        self._python = os.environ.get("POPLIB_C_TWISTED")
        if self._python is None:
            raise Unavailable("make servers installs Twisted and runs these tests")
        self.version = subprocess.run(
            [self._python, "-c", "import twisted; print(twisted.__version__)"],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
            timeout=30,
        ).stdout.strip()
        self._count = 0

    def __str__(self):
        return f"twisted {self.version}"

    def prepare(self):
        (self.directory / "mail").mkdir()

    def configure(self, port, tls_port):
        self.port, self.tls_port = port, tls_port
        script = Path(__file__).with_name("twisted_script.py")
        certificate = (self.certificate.file, self.certificate.key_file)
        directory = self.directory / "mail"
        return [self._python, script, directory, PASSWORD, str(port), str(tls_port), *certificate]

    def mailbox(self, contents):
        """A user whose message n is contents[n - 1]."""
        self._count += 1
        user = f"user{self._count}"
        directory = self.directory / "mail" / user
        directory.mkdir()
        for number, content in enumerate(contents):
            (directory / f"{number:03}").write_bytes(content)
        return Account(user, PASSWORD)
