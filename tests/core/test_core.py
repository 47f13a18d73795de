"""Builds the C unit tests of core/ with the sanitizers and runs them.

Every test_*.c here is a program of its own.  The sources of core/ are compiled once, with an
allocator that can be made to fail.
"""

import concurrent.futures
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parents[1] / "_cpoplib"
CORE = sorted((SOURCES / "core").glob("*.c"))
PROGRAMS = sorted(HERE.glob("test_*.c"))
SHARED = sorted(set(HERE.glob("*.c")) - set(PROGRAMS))

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
CFLAGS = [
    *["-std=c11", "-D_DEFAULT_SOURCE", "-DPOP_TEST_ALLOCATOR", "-pthread"],
    *["-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fno-omit-frame-pointer", *SANITIZE],
]

COMPILE_TIMEOUT = 120
RUN_TIMEOUT = 50


def clean_environment():
    """The environment without the sanitizer that this interpreter may be running under."""
    environment = dict(os.environ)
    environment.pop("LD_PRELOAD", None)
    # Faults are reported by the sanitizer, not by cmocka's own signal handlers.
    environment["ASAN_OPTIONS"] = "detect_leaks=1:handle_segv=2:detect_stack_use_after_return=1"
    environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
    return environment


def run(command, timeout):
    return subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean_environment(),
        timeout=timeout,
    )


def find_compiler(unavailable):
    command = shlex.split(os.environ.get("CC", ""))
    for name in command[:1] or ["cc", "gcc"]:
        if shutil.which(name):
            return command or [name]
    return unavailable("no C compiler: install gcc, or set CC")


def find_libraries(unavailable):
    """The flags to compile and to link with cmocka and OpenSSL."""
    if shutil.which("pkg-config") is None:
        unavailable("pkg-config is missing: install pkg-config (Debian) or pkgconf (Fedora)")
    command = ["pkg-config", "cmocka", "libssl", "libcrypto"]
    results = [run([*command, part], RUN_TIMEOUT) for part in ("--cflags", "--libs")]
    if any(result.returncode != 0 for result in results):
        unavailable(
            "cmocka or OpenSSL is missing: install libcmocka-dev libssl-dev (Debian)"
            " or libcmocka-devel openssl-devel (Fedora)"
        )
    return [shlex.split(result.stdout) for result in results]


def check_sanitizers(unavailable, compiler, directory):
    source = directory / "probe.c"
    source.write_text("int main(void) { return 0; }\n")
    result = run([*compiler, *SANITIZE, source, "-o", directory / "probe"], COMPILE_TIMEOUT)
    if result.returncode != 0:
        unavailable(
            f"{compiler[0]} lacks the sanitizers: install libasan and libubsan (gcc), "
            f"or libclang-rt-dev or compiler-rt (clang)\n{result.stdout}"
        )


class Builder:
    """Compiles all sources at once, in the background; a program waits for what it needs."""

    def __init__(self, compiler, cflags, libraries, directory):
        self.compiler = compiler
        self.cflags = cflags
        self.libraries = libraries
        self.directory = directory
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.objects = {
            source: pool.submit(self.compile, source) for source in CORE + SHARED + PROGRAMS
        }
        pool.shutdown(wait=False)

    def compile(self, source):
        output = self.directory / f"{source.stem}.o"
        self.call("-I", SOURCES, "-I", HERE, *self.cflags, "-c", source, "-o", output)
        return output

    def link(self, program):
        output = self.directory / program.stem
        objects = [self.objects[source].result() for source in [program, *SHARED, *CORE]]
        self.call(*objects, *self.libraries, "-o", output)
        return output

    def call(self, *arguments):
        result = run([*self.compiler, *CFLAGS, *arguments], COMPILE_TIMEOUT)
        if result.returncode != 0:
            pytest.fail(result.stdout, pytrace=False)


@pytest.fixture(scope="module")
def builder(unavailable, tmp_path_factory):
    directory = tmp_path_factory.mktemp("core")
    compiler = find_compiler(unavailable)
    check_sanitizers(unavailable, compiler, directory)
    return Builder(compiler, *find_libraries(unavailable), directory)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_core(builder, program):
    result = run([builder.link(program)], RUN_TIMEOUT)
    if result.returncode != 0:
        pytest.fail(result.stdout, pytrace=False)
