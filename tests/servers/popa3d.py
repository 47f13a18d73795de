"""popa3d, of the package of that name."""

import sys
from pathlib import Path

from .unpacked import Unpacked


class Popa3d(Unpacked):
    """No CAPA, no TLS, no time stamp."""

    package = account = service = "popa3d"
    links = ("plain",)
    capabilities = None
    ports = 1
    deliver = Unpacked.deliver_to_mbox

    def prepare(self):
        super().prepare()
        (self.directory / "var" / "lib" / "popa3d").mkdir()

    def program(self, port):
        # By itself it would listen on port 110 of all addresses.
        inetd = Path(__file__).with_name("inetd.py")
        return [sys.executable, "-I", inetd, port, "/usr/sbin/popa3d"]
