"""Builds C programs of the tests with the sanitizers, and runs them."""

import concurrent.futures
import hashlib
import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
SOURCES = TESTS.parent / "_cpoplib"

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
CFLAGS = [
    *["-std=c11", "-D_DEFAULT_SOURCE", "-DPOP_TEST_ALLOCATOR", "-pthread"],
    *["-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fno-omit-frame-pointer", *SANITIZE],
]

COMPILE_TIMEOUT = 200
RUN_TIMEOUT = 200


def clean_environment():
    """The environment without the sanitizer that this interpreter may be running under."""
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    # Faults are reported by the sanitizer, not by cmocka's own signal handlers.
    environment["ASAN_OPTIONS"] = "detect_leaks=1:handle_segv=2:detect_stack_use_after_return=1"
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    return environment


def run(command, timeout=RUN_TIMEOUT, environment=None):
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment or clean_environment(),
        timeout=timeout,
    )


def run_or_fail(command, timeout=RUN_TIMEOUT, environment=None):
    result = run(command, timeout, environment)
    if result.returncode != 0:
        pytest.fail(result.stdout, pytrace=False)


def find_compiler(unavailable, directory):
    """The command of a compiler that has the sanitizers."""
    command = shlex.split(os.environ.get("CC", ""))
    found = [name for name in command[:1] or ["cc", "gcc"] if shutil.which(name)]
    if not found:
        unavailable("no C compiler: install gcc, or set CC")
    command = command or found[:1]
    source = directory / "probe.c"
    source.write_text("int main(void) { return 0; }\n")
    result = run([*command, *SANITIZE, source, "-o", directory / "probe"], COMPILE_TIMEOUT)
    if result.returncode != 0:
        unavailable(
            f"{command[0]} lacks the sanitizers: install libasan and libubsan (gcc), "
            f"or libclang-rt-dev or compiler-rt (clang)\n{result.stdout}"
        )
    return command


def build_library(unavailable, source, *flags):
    """The path of a library of one source, to be preloaded; without the sanitizers."""
    command = shlex.split(os.environ.get("CC", "")) or ["cc"]
    if shutil.which(command[0]) is None:
        unavailable("no C compiler: install gcc, or set CC")
    command += ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-shared", "-fPIC", *flags]
    digest = hashlib.sha256(repr(command).encode() + source.read_bytes()).hexdigest()[:16]
    output = TESTS.parent / "build" / "cbuild" / f"{source.stem}-{digest}.so"
    if not output.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent) as directory:
            made = pathlib.Path(directory, output.name)
            run_or_fail([*command, source, "-o", made, "-ldl"], COMPILE_TIMEOUT)
            made.replace(output)
    return output


class Builder:
    """Compiles sources at once, in the background; a program waits for what it needs.

    What is made is kept in build/, for the tests on other interpreters.
    """

    def __init__(self, compiler, sources, cflags=(), libraries=()):
        self.command = [*compiler, *CFLAGS]
        self.cflags = ["-I", SOURCES, *cflags]
        self.libraries = libraries
        self.directory = TESTS.parent / "build" / "cbuild" / self.state(compiler)
        self.directory.mkdir(parents=True, exist_ok=True)
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.objects = {source: pool.submit(self.compile, source) for source in sources}
        pool.shutdown(wait=False)

    def state(self, compiler):
        """A name for all that the results depend on."""
        digest = hashlib.sha256(run([*compiler, "--version"]).stdout.encode())
        digest.update(repr([self.command, self.cflags, self.libraries]).encode())
        for folder in (SOURCES / "core", TESTS / "core", TESTS / "fuzz"):
            for path in sorted(folder.rglob("*.[ch]")):
                digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def make(self, name, *arguments):
        """The path of what the compiler makes of the arguments, unless it is there."""
        output = self.directory / name
        if not output.exists():
            # Another run may be at it, too.
            with tempfile.TemporaryDirectory(dir=self.directory) as directory:
                made = pathlib.Path(directory, name)
                run_or_fail([*self.command, *arguments, "-o", made], COMPILE_TIMEOUT)
                made.replace(output)
        return output

    def compile(self, source):
        return self.make(f"{source.parent.name}-{source.stem}.o", *self.cflags, "-c", source)

    def link(self, name, sources):
        """The path of a program of these sources."""
        objects = [self.objects[source].result() for source in sources]
        return self.make(name, *objects, *self.libraries)
