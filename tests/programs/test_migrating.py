"""mpop, getmail6 and fetchmail fetch by the files on the manual's page, then poplib-c goes on."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from poplib_c.testing import POP3Server

from .conftest import MESSAGES

PAGE = Path(__file__).parents[2] / "docs" / "migrating.rst"
BLOCK = re.compile(r"^\.\. code-block:: \w+\n\n((?: +.*\n|\n)+)", re.MULTILINE)
OURS = ".config/poplib-c/config.toml"
# For each program: its file; what changes in it for a server on loopback without TLS; the
# command; and the list of fetched messages. The user of each on the page is "alice" there.
PROGRAMS = {
    "mpop": (
        ".mpoprc",
        [("host pop.example.org", "host 127.0.0.1"), ("995", "{port}"), ("tls on", "tls off")],
        ["mpop", "--auth=user", "work"],
        ".mpop_uidls/alice_at_127.0.0.1",
    ),
    "getmail": (
        ".config/getmail/getmailrc",
        [
            ("SimplePOP3SSLRetriever", "SimplePOP3Retriever"),
            ("pop.example.com", "127.0.0.1\nport = {port}"),
            ("username = bob", "username = alice"),
        ],
        ["getmail", "--getmaildir={home}/.config/getmail"],
        ".config/getmail/oldmail-127.0.0.1-{port}-alice",
    ),
    "fetchmail": (
        ".fetchmailrc",
        [
            ("pop.example.net", "127.0.0.1 service {port}"),
            ('"carol"', '"alice"'),
            (" ssl\n", ' sslproto ""\n'),
        ],
        ["fetchmail", "--nosyslog"],
        ".fetchids",
    ),
}


def files(kind):
    """The two files of the section about a program: its own, and that of poplib-c."""
    section = PAGE.read_text().partition(f"\nFrom {kind}")[2]
    blocks = map(textwrap.dedent, BLOCK.findall(section))
    theirs, ours = [block for block in blocks if block.startswith("# ~/")][:2]
    return theirs, ours


class Home:
    """A home directory, and a user who may run all programs: some refuse to run as root."""

    def __init__(self, path):
        self.path = path
        self.write("programs/pass", "#!/bin/sh\necho secret\n", 0o755)
        self.write("programs/procmail", '#!/bin/sh\ncat >> "$HOME/mbox"\n', 0o755)
        for part in ("cur", "new", "tmp"):
            (path / "Mail" / part).mkdir(parents=True)
        self.write(".netrc", "machine 127.0.0.1 login alice password secret\n")
        nobody = pwd.getpwnam("nobody")
        ids = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._user = ids if os.geteuid() == 0 else {}

    def write(self, name, text, mode=0o600):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def run(self, command, user):
        if user:
            self._give(user["user"], user["group"])
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "POPLIB_C"))}
        environment = {
            **kept,
            "HOME": str(self.path),
            "PATH": f"{self.path}/programs:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path)),
        }
        ended = subprocess.run(
            command,
            env=environment,
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            **user,
        )
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def _give(self, user, group):
        for path in (self.path, *self.path.rglob("*")):
            os.chown(path, user, group)

    def run_other(self, command):
        """Run a program that has nothing of Python's path."""
        return self.run(["env", "-u", "PYTHONPATH", *command], self._user)

    def poplib_c(self, *arguments):
        """Run poplib-c, as the owner of this process; the files become that user's."""
        self._give(os.geteuid(), os.getegid())
        command = [sys.executable, "-m", "poplib_c", *map(str, arguments)]
        return self.run(command, {}).splitlines()[-1]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_only_new_messages_follow(kind, directory, unavailable):
    name, changes, command, record = PROGRAMS[kind]
    if shutil.which(command[0]) is None:
        unavailable(f"{kind} is not installed")
    home = Home(directory)
    theirs, ours = files(kind)
    with POP3Server(MESSAGES[:2], users={"alice": "secret"}) as server:
        port = server.port
        values = {"port": port, "home": home.path}
        for before, after in changes:
            assert before in theirs
            theirs = theirs.replace(before, after.format(**values))
        home.write(name, theirs)
        home.run_other([part.format(**values) for part in command])
        assert len(server.messages) == 2
    ours, count = re.subn(
        "url = .*", f'url = "pop3://alice@127.0.0.1:{port}"\ninsecure = true', ours
    )
    assert count == 1
    home.write(OURS, ours)
    with POP3Server(MESSAGES[:3], users={"alice": "secret"}, port=port):
        file = home.path / record.format(**values)
        told = home.poplib_c("import-state", kind, file)
        assert told == f"pop3://alice@127.0.0.1:{port}: 2 messages will not be fetched again"
        told = home.poplib_c("fetch")
        assert ": 1 message fetched" in told and told.endswith(", 2 fetched before")
