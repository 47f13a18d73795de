"""Compiles the C files of the benchmark with setuptools' compiler."""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra"]
FLAGS = ["-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-pthread", *WARNINGS]


def compiler():
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def openssl_flags():
    """Return compiler arguments for OpenSSL: by OPENSSL_DIR, pkg-config, or the defaults."""
    root = os.environ.get("OPENSSL_DIR")
    if root:
        libraries = [path.parent for path in Path(root).glob("lib*/libssl.*")][:1]
        paths = [f"{option}{path}" for path in libraries for option in ("-L", "-Wl,-rpath,")]
        return [f"-I{root}/include", *paths, "-lssl", "-lcrypto"]
    try:
        return subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libssl", "libcrypto"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return ["-lssl", "-lcrypto"]


def run(command, **options):
    subprocess.run([str(word) for word in command], check=True, timeout=120, **options)


def program(name, sources, directory, *flags, **options):
    """Compile a program into the directory and return its path."""
    output = Path(directory, name)
    paths = [HERE / source for source in sources]
    run([*compiler(), *FLAGS, *flags, *paths, "-o", output, *openssl_flags()], **options)
    return output


def server(directory):
    return program("server", ["server.c", "session.c", "mailbox.c", "channel.c"], directory)


def receiver(directory):
    return program("receiver", ["receiver.c", "channel.c"], directory)


def slow_sync(directory):
    """Compile the library that makes syncs slow, for LD_PRELOAD."""
    return program("slowsync.so", ["slowsync.c"], directory, "-shared", "-fPIC")


def module(directory):
    """Compile the extension module listlimit with the optimisation of this interpreter."""
    output = Path(directory, "listlimit" + sysconfig.get_config_var("EXT_SUFFIX"))
    command = [*compiler(), *shlex.split(sysconfig.get_config_var("CFLAGS") or ""), *FLAGS]
    command += ["-fPIC", "-shared", f"-I{sysconfig.get_path('include')}"]
    if sys.platform == "darwin":
        command += ["-undefined", "dynamic_lookup"]
    run([*command, HERE / "listlimit.c", "-o", output])
    return output
