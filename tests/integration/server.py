"""A real server for tests: a directory of its own, ports of loopback, its own processes."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PASSWORD = "secret"


class Account(NamedTuple):
    user: str
    password: str


class Unavailable(Exception):
    """This machine can't run the server; the text says what is missing."""


class StartError(Exception):
    """The server did not start; the text holds what it said."""


class Server:
    """A context manager, which starts the server and kills it with its children.

    A subclass names itself, writes its files, and returns its command.
    """

    name: str
    #: The addresses it listens on.
    hosts = ("127.0.0.1",)
    #: How many ports it needs: for plain text, for TLS, and others.
    ports = 2
    #: Options of subprocess.Popen, for another user.
    identity = None
    #: Files in its directory that may say why it does not start.
    logs = ("startup.log",)

    port = tls_port = None
    _process = None

    def __enter__(self):
        # Not pytest's tmp_path: that is 0700, and its name can be too long for a Unix socket.
        self.directory = Path(tempfile.mkdtemp(prefix=f"poplib_c-{self.name}-"))
        try:
            self.directory.chmod(0o755)
            self.prepare()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def prepare(self):
        """Write the files that need no port."""

    def configure(self, *ports):
        """Write the files that name ports, set port and tls_port, and return the command."""
        raise NotImplementedError

    def is_ready(self):
        with contextlib.suppress(OSError):
            for host in self.hosts:
                with socket.create_connection((host, self.port), timeout=5) as sock:
                    if not sock.recv(3).startswith(b"+"):
                        return False
                if self.tls_port is not None:
                    socket.create_connection((host, self.tls_port), timeout=5).close()
            return True
        return False

    def _start(self):
        for _ in range(5):
            self._launch(self.configure(*_free_ports(self.hosts, self.ports)))
            _eventually(lambda: self._process.poll() is not None or self.is_ready(), 20)
            if self.is_ready():
                return
            said = self._said()
            self._stop()
            # Another process may have taken a port since _free_ports() gave it up.
            if "Address already in use" not in said:
                break
        raise StartError(f"{self} did not start:\n{said}")

    def _launch(self, command):
        with open(self.directory / "startup.log", "wb") as startup:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=startup,
                stderr=subprocess.STDOUT,
                # Not this process's environment: LD_PRELOAD may hold a sanitizer.
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
                **(self.identity or {}),
            )

    def _said(self):
        logs = (self.directory / name for name in self.logs)
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())

    def _stop(self):
        process, self._process = self._process, None
        if process is None:
            return
        # Until wait() reaps the first process, its id, which is its group's, cannot be another's.
        # After SIGTERM Dovecot takes a second to end.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)


def _free_ports(hosts, count):
    """TCP ports that were free on all of hosts."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            port = 0
            for host in hosts:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                sock = stack.enter_context(socket.socket(family))
                sock.bind((host, port))
                port = sock.getsockname()[1]
            ports.append(port)
        return ports


def _eventually(condition, seconds):
    """Whether condition() becomes true in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
