"""Servers of Debian packages that tools/servers has unpacked, run as if they were installed.

In a mount namespace of its own the server sees its package's files in /usr and /etc, over the
system's, and /etc, /run and /var of the test, with accounts of its own. All of it goes with the
processes, which are in a process namespace of their own.
"""

import os
import subprocess
from pathlib import Path

from integration.server import PASSWORD, Account, Server, Unavailable

from .traits import Traits

#: Of PASSWORD.
HASH = (
    "$6$poplib_c$SG/gjfQBl.7GfmznOJfJ.fMidKbBMR9Si5TtV7Reuc6nl9durr9w5mU/"
    "6LyF2RxpFOCVTa4cTIql5xeaQM1bu/"
)

#: The accounts of users; each mailbox() takes one.
USERS = [f"user{number}" for number in range(40)]
UID = 2000
MAIL = 8

PASSWD = """\
root:x:0:0::/root:/bin/sh
mail:x:8:8::/var/mail:/usr/sbin/nologin
nobody:x:65534:65534::/:/usr/sbin/nologin
"""
GROUP = """\
root:x:0:
mail:x:8:
nogroup:x:65534:
"""
PAM = """\
auth required pam_unix.so nodelay
account required pam_unix.so
session required pam_permit.so
"""

NAMESPACES = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
ENTER = """
mount -t proc proc /proc
mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr
mount -t overlay -o "lowerdir=$2/etc:$1/etc:/etc" overlay /etc
mount --bind "$2/run" /run
mount --bind "$2/var" /var
shift 2
exec "$@"
"""


class Unpacked(Traits, Server):
    """Knows how to start what was unpacked; a subclass names the package and its command."""

    package: str
    #: The account that the package would make for itself, if any, with this number.
    account = None
    account_id = 3000
    #: The PAM service by which it checks passwords.
    service = None

    def __init__(self, certificate):
        self.certificate = certificate
        self.name = self.package
        self.ca_file = certificate.ca_file
        where = os.environ.get("POPLIB_C_SERVERS")
        if where is None:
            raise Unavailable("make servers unpacks the packages and runs these tests")
        self.unpacked = Path(where) / self.package
        if not (self.unpacked / "version").exists():
            raise Unavailable(f"the package {self.package} is not unpacked in {where}")
        if os.geteuid() != 0:
            raise Unavailable(f"{self.package} serves other users, for which it must be root")
        self.version = (self.unpacked / "version").read_text().strip()
        self._free_users = iter(USERS)

    def __str__(self):
        return f"{self.package} {self.version}"

    def program(self, *ports):
        """Write the files that name ports, and return the command in the namespace."""
        raise NotImplementedError

    def prepare(self):
        for name in ("etc/pam.d", "run", "var/mail", "var/lib", "mail"):
            (self.directory / name).mkdir(parents=True)
        (self.directory / "var/run").symlink_to("/run")
        passwd, group, shadow = PASSWD, GROUP, ""
        if self.account is not None:
            passwd += f"{self.account}:x:{self.account_id}:{MAIL}::/var/lib:/bin/sh\n"
            group += f"{self.account}:x:{self.account_id}:\n"
        for number, user in enumerate(USERS):
            passwd += f"{user}:x:{UID + number}:{MAIL}::{self.home(user)}:/bin/sh\n"
            shadow += f"{user}:{HASH}:20000::::::\n"
        self.write("etc/passwd", passwd)
        self.write("etc/group", group)
        self.write("etc/shadow", shadow).chmod(0o600)
        if self.service is not None:
            self.write(f"etc/pam.d/{self.service}", PAM)
        # Some read the key as themselves, some refuse one that others may read.
        pem = Path(self.certificate.key_file).read_text() + Path(self.certificate.file).read_text()
        self.pem = self.write("server.pem", pem)
        self.pem.chmod(0o600)
        self.give(self.pem, self.account_id)

    def home(self, user):
        return self.directory / "mail" / user

    def write(self, name, text):
        """Write a file of the server's directory, and return its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        return path

    def configure(self, *ports):
        self.port = ports[0]
        self.tls_port = ports[1] if "pop3s" in self.links else None
        enter = ["unshare", *NAMESPACES, "sh", "-ec", ENTER, "sh", self.unpacked, self.directory]
        tried = subprocess.run(
            [*enter, "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
        if tried.returncode != 0:
            raise Unavailable(f"{self} needs namespaces and overlays: {tried.stderr}")
        return [*map(str, enter), *map(str, self.program(*ports))]

    def mailbox(self, contents):
        """A user whose message n is contents[n - 1]."""
        user = next(self._free_users)
        self.deliver(user, contents)
        return Account(user, PASSWORD)

    def deliver(self, user, contents):
        """By default into a Maildir in the user's home."""
        maildir = self.home(user) / "Maildir"
        for part in ("tmp", "cur", "new"):
            (maildir / part).mkdir(parents=True)
        for number, content in enumerate(contents, 1):
            (maildir / "new" / f"{1000000000 + number}.message").write_bytes(content)
        self.give(self.home(user), UID + USERS.index(user))

    def deliver_to_mbox(self, user, contents):
        """Into the user's mbox in the spool; no line may begin with ``From ``."""
        path = self.directory / "var" / "mail" / user
        separator = b"From ann@example.org Mon Nov  2 10:00:00 2026\n"
        ends = (b"\n" if text.endswith(b"\n") else b"\n\n" for text in contents)
        path.write_bytes(b"".join(map(b"".join, zip([separator] * len(contents), contents, ends))))
        path.chmod(0o660)
        self.give(path, UID + USERS.index(user))

    def give(self, top, uid):
        for path in (top, *top.rglob("*")):
            os.chown(path, uid, MAIL)
