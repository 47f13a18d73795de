"""A private Dovecot: own directory, own ports, an ordinary user; no system file is touched."""

import contextlib
import grp
import itertools
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import dovecot_config
from .server import PASSWORD, Server, Unavailable

PACKAGES = "dovecot-core dovecot-pop3d"

#: A client that comes from there, to 127.0.0.1, is not on the server's machine in Dovecot's eyes.
AFAR = "127.0.0.2"


class Installation(NamedTuple):
    program: str
    version: str

    def __str__(self):
        return f"dovecot {self.version} ({self.program})"


class Mailbox(NamedTuple):
    """A user of its own, with the messages put there when it was made."""

    user: str
    password: str
    directory: Path

    def files(self):
        """The message files, in the order of their message numbers."""
        found = [p for part in ("new", "cur") for p in (self.directory / part).iterdir()]
        return sorted(found, key=lambda path: path.name)


def find():
    """Return this machine's Installation; raises Unavailable."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
    program = shutil.which("dovecot", path=path)
    doveconf = shutil.which("doveconf", path=path)
    if program is None or doveconf is None:
        raise Unavailable(f"dovecot is not installed (Debian: {PACKAGES})")
    installation = Installation(program, _output(program, "--version").split()[0])
    libexec = _output(doveconf, "-d", "libexec_dir").partition("=")[2].strip()
    if not os.path.exists(os.path.join(libexec, "pop3-login")):
        raise Unavailable(f"{installation} has no POP3 service (Debian: {PACKAGES})")
    return installation


def _output(*command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, check=True, timeout=10, text=True
    ).stdout


class Dovecot(Server):
    """The running server.

    With a dovecot_config.TLS it has STLS, and POP3S on tls_port; without it neither. As root it
    runs as ``nobody``, because Dovecot serves no mail to uid 0.
    """

    name = "dovecot"
    logs = ("startup.log", "dovecot.log")

    def __init__(self, installation, tls=None):
        self.installation = installation
        self.syntax = dovecot_config.syntax_of(installation.version)
        self.tls = tls
        self.hosts = _loopback_addresses()
        self._numbers = itertools.count(1)
        as_root = os.geteuid() == 0
        account = pwd.getpwnam("nobody") if as_root else pwd.getpwuid(os.geteuid())
        gid = account.pw_gid if as_root else os.getegid()
        self._user, self._group = account.pw_name, grp.getgrgid(gid).gr_name
        self._uid, self._gid = account.pw_uid, gid
        self.identity = {"user": self._uid, "group": gid, "extra_groups": []} if as_root else {}

    def __str__(self):
        return str(self.installation)

    def prepare(self):
        for name in ("run", "mail", "home", "users"):
            (self.directory / name).mkdir()
        self._hand_over(self.directory)

    def configure(self, port, tls_port):
        self.port = port
        self.tls_port = tls_port if self.tls is not None else None
        configuration = dovecot_config.write(
            self.directory,
            self.syntax,
            self.tls,
            user=self._user,
            group=self._group,
            addresses=" ".join(self.hosts),
            port=port,
            tls_port=self.tls_port or 0,
        )
        return [self.installation.program, "-F", "-c", str(configuration)]

    def is_ready(self):
        return (self.directory / "run" / "master.pid").exists() and super().is_ready()

    @property
    def ca_file(self):
        """What a client has to trust, in PEM."""
        return self.tls.certificate.ca_file

    def sessions(self):
        """The processes that serve sessions, or have done so; none where there is no /proc."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # "pid (name) state parent ..." (proc_pid_stat(5)).
                pid, name, _, parent = stat.read_text().split()[:4]
                if name == "(pop3)" and int(parent) == self._process.pid:
                    yield int(pid)

    def offered(self, encrypted):
        """The mechanisms of SASL that CAPA lists, with TLS or without."""
        bound = self.syntax.bound_mechanisms if encrypted else ()
        return {*dovecot_config.MECHANISMS, *bound} - {"APOP"}

    def mailbox(self, contents, user=None, password=PASSWORD, **settings):
        """Make a user whose message n is contents[n - 1], byte for byte the file in its Maildir.

        Without a name it gets one. Settings are Dovecot's, for this user alone.
        """
        user = user or f"user{next(self._numbers):04d}"
        maildir = self.directory / "mail" / user
        for part in ("tmp", "cur", "new"):
            (maildir / part).mkdir(parents=True)
        for number, content in enumerate(contents, 1):
            # The number before the first dot is what Dovecot orders new messages by.
            (maildir / "new" / f"{1000000000 + number}.message").write_bytes(content)
        self._hand_over(maildir)
        fields = " ".join(f"userdb_{name}={value}" for name, value in settings.items())
        # A file for each user: Dovecot looks only once a second whether a file it has read is new.
        entry = f"{user}:{{PLAIN}}{password}::::::{fields}\n"
        (self.directory / "users" / user).write_text(entry, encoding="utf-8")
        return Mailbox(user, password, maildir)

    def _hand_over(self, top):
        for path in (top, *top.rglob("*")):
            os.chown(path, self._uid, self._gid)


def _loopback_addresses():
    """127.0.0.1, and ::1 where the machine has it."""
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")
