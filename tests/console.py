"""Runs the console blocks of a page as a reader types them, and compares what they print.

One shell runs all blocks of a page, in an empty home directory. A block whose first line is a
comment such as "# ~/script.py" is that file; ~/.netrc has all passwords, and so has the program
"pass". The names that end in example.org, example.com and example.net are three POP3 servers, each
with a mailbox of its own. mpop, getmail6 and fetchmail have left lists of what they fetched: the
first message of a mailbox each. The home directory is shown as /home/alice.
"""

import contextlib
import doctest
import os
import poplib
import re
import shutil
import ssl
import subprocess
import sys
import textwrap

import certificates
from manual import DOCS

from poplib_c.testing import POP3Server

ROOT = DOCS.parent
MAIL = {".example.org": ["Lunch?", "Dinner?"], ".example.com": ["Ping"], ".example.net": ["Pong"]}
USERS = dict.fromkeys(["alice", "bob", "carol"], "secret")
NETRC = "".join(
    f"machine pop{suffix} login {user} password secret\n" for suffix in MAIL for user in USERS
)
_BLOCK = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1 +.*\n|\n)+)", re.M)
_FILE = re.compile(r"# ~/(\S+)\n")
_END = "--- end of a command ---"
_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Lists of what other programs fetched, in the forms that tests/programs checks.
_LISTS = {
    ".mpop_uidls/alice_at_pop.example.org": (".example.org", " 1 pop.example.org alice\n{}\n"),
    ".config/getmail/oldmail-pop.example.com-995-bob": (".example.com", "{}\0001796129024\n"),
    ".fetchids": (".example.net", "carol@pop.example.net {}\n"),
}
_MAIL = "From: Zoe <zoe@example.org>\nDate: Thu, 26 Nov 2026 15:12:10 +0100\nSubject: {}\n\nHi!\n"
# The program. For it alone, a name of the manual is a port on loopback.
_PROGRAM = """\
#!{python}
import socket
import sys

sys.path[:0] = {path}
_real = socket.getaddrinfo


def _getaddrinfo(host, port, *others, **options):
    for suffix, ports in {ports}.items():
        if str(host).endswith(suffix):
            return _real("127.0.0.1", ports.get(port, 1), *others, **options)
    return _real(host, port, *others, **options)


socket.getaddrinfo = _getaddrinfo
from poplib_c.__main__ import script

sys.exit(script())
"""


def blocks(page):
    """Yield the blocks of code of a page: language, path of the file it is or "", and text."""
    for _, language, block in _BLOCK.findall((DOCS / page).read_text()):
        text = textwrap.dedent(block).strip("\n") + "\n"
        match = _FILE.match(text)
        yield language, match[1] if match else "", text


def _commands(text):
    """Yield the commands of a console block, and what each prints."""
    first, *parts = re.split(r"^\$ ", text, flags=re.M)
    assert first == "", "a console block begins with a command"
    return map(_split, parts)


def _split(part):
    """Divide a command, with its lines of continuation, from what it prints."""
    lines = part.splitlines(keepends=True)
    count = 1
    while count < len(lines) and (lines[count - 1].endswith("\\\n") or lines[count][:2] == "> "):
        count += 1
    command = [lines[0], *(line.removeprefix("> ") for line in lines[1:count])]
    return "".join(command), "".join(lines[count:])


def pages():
    """The pages that show poplib-c on a console."""
    names = sorted(path.name for path in DOCS.glob("*.rst"))
    return [name for name in names if "$ poplib-c" in (DOCS / name).read_text()]


def check(page, home):
    """Write the files of a page and run its commands, in the page's order.

    Raises AssertionError if a command prints something else or, where the page shows no output,
    if its status is not 0.
    """
    with servers(home) as environment, _Shell(home, environment) as shell:
        for language, path, text in blocks(page):
            if path:
                write(home / path, text)
            elif language == "console":
                for command, expected in _commands(text):
                    status, found = shell.run(command)
                    told = f"$ {command}expected:\n{expected}\nfound:\n{found}\nstatus: {status}"
                    if expected:
                        assert doctest.OutputChecker().check_output(expected, found, _FLAGS), told
                    else:
                        assert status == 0, told


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o700 if text.startswith("#!") else 0o600)


@contextlib.contextmanager
def servers(home):
    """Start the servers, and yield the environment in which the manual's names lead to them."""
    with contextlib.ExitStack() as stack:
        authority = stack.enter_context(certificates.Authority())
        ports, uids = {}, {}
        for suffix, subjects in MAIL.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.ca.issue_cert(f"*{suffix}").configure_cert(context)
            mail = [_MAIL.format(subject) for subject in subjects]
            server = stack.enter_context(POP3Server(mail, users=USERS, tls=context))
            ports[suffix] = {995: server.port}
            uids[suffix] = _first_uid(server)
        for name, (suffix, text) in _LISTS.items():
            write(home / name, text.format(uids[suffix]))
        yield _environment(home, ports, authority.ca_file)


def _first_uid(server):
    client = poplib.POP3_SSL(*server.address, context=ssl._create_unverified_context())
    client.user("alice")
    client.pass_("secret")
    uid = client.uidl(1).split()[2].decode()
    client.quit()
    return uid


def _environment(home, ports, ca_file):
    programs = home.parent / "programs"
    programs.mkdir()
    write(programs / "pass", "#!/bin/sh\necho secret\n")
    path = [*filter(os.path.isabs, sys.path)]
    program = _PROGRAM.format(python=sys.executable, path=path, ports=ports)
    write(programs / "poplib-c", program)
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("POPLIB_C", "XDG_", "PYTHON"))
    }
    return {
        **kept,
        "HOME": str(home),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SSL_CERT_FILE": ca_file,
    }


class _Shell:
    """A bash that runs one command after the other."""

    def __init__(self, home, environment):
        home.mkdir(exist_ok=True)
        write(home / ".netrc", NETRC)
        self._home = str(home)
        self._bash = subprocess.Popen(
            [shutil.which("bash"), "--norc", "--noprofile"],
            cwd=home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # A prompt finds no terminal.
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bash.stdin.close()
        self._bash.wait(30)
        self._bash.stdout.close()

    def run(self, command):
        """Return the status of a command, and what it prints."""
        self._bash.stdin.write(f"{command}\n_status=$?; echo '{_END}' $_status; (exit $_status)\n")
        self._bash.stdin.flush()
        found = ""
        while _END not in found:
            line = self._bash.stdout.readline()
            assert line, f"the shell ended in: {command}"
            found += line
        printed, _, status = found.partition(_END)
        return int(status), printed.replace(self._home, "/home/alice")
