"""Builds the C unit tests of core/ with the sanitizers and runs them.

Every test_*.c here is a program of its own.  The sources of core/ are compiled once, with an
allocator that can be made to fail.
"""

import shlex
import shutil

import cbuild
import pytest

HERE = cbuild.TESTS / "core"
CORE = sorted((cbuild.SOURCES / "core").rglob("*.c"))
PROGRAMS = sorted(HERE.glob("test_*.c"))
SHARED = sorted(set(HERE.glob("*.c")) - set(PROGRAMS))


def find_libraries(unavailable):
    """The flags to compile and to link with cmocka and OpenSSL."""
    if shutil.which("pkg-config") is None:
        unavailable("pkg-config is missing: install pkg-config (Debian) or pkgconf (Fedora)")
    command = ["pkg-config", "cmocka", "libssl", "libcrypto"]
    results = [cbuild.run([*command, part]) for part in ("--cflags", "--libs")]
    if any(result.returncode != 0 for result in results):
        unavailable(
            "cmocka or OpenSSL is missing: install libcmocka-dev libssl-dev (Debian)"
            " or libcmocka-devel openssl-devel (Fedora)"
        )
    return [shlex.split(result.stdout) for result in results]


@pytest.fixture(scope="module")
def builder(unavailable, tmp_path_factory):
    directory = tmp_path_factory.mktemp("core")
    compiler = cbuild.find_compiler(unavailable, directory)
    cflags, libraries = find_libraries(unavailable)
    sources = [*CORE, *SHARED, *PROGRAMS]
    return cbuild.Builder(compiler, sources, ["-I", HERE, *cflags], libraries)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_core(builder, program):
    cbuild.run_or_fail([builder.link(program.stem, [program, *SHARED, *CORE])])
