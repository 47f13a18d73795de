"""The fuzz targets: on the inputs that are kept here, and with libFuzzer for ten seconds each.

The inputs in corpus/ are where libFuzzer begins, those in regressions/ have failed once. They run
without it, so that any compiler will do; tools/fuzz is the other part.
"""

import cbuild
import pytest

HERE = cbuild.TESTS / "fuzz"
NET = [
    cbuild.SOURCES / "core" / "net" / f"{name}.c"
    for name in ("deadline", "timeout", "link", "link_pump")
]
CORE = [*sorted((cbuild.SOURCES / "core" / "proto").glob("*.c")), *NET]
MEMORY = cbuild.TESTS / "core" / "support_memory.c"
TARGETS = sorted(HERE.glob("fuzz_*.c"))
SHARED = sorted(set(HERE.glob("*.c")) - set(TARGETS))

SECONDS = 10


def name_of(target):
    return target.stem.partition("_")[2]


@pytest.fixture(scope="module")
def builder(unavailable, tmp_path_factory):
    directory = tmp_path_factory.mktemp("fuzz")
    compiler = cbuild.find_compiler(unavailable, directory)
    sources = [*CORE, *SHARED, *TARGETS, MEMORY]
    return cbuild.Builder(compiler, sources, ["-I", HERE, "-I", MEMORY.parent])


@pytest.mark.parametrize("target", TARGETS, ids=name_of)
def test_inputs_that_are_kept(builder, target):
    name = name_of(target)
    inputs = [*HERE.glob(f"corpus/{name}/*"), *HERE.glob(f"regressions/{name}/*")]
    assert inputs
    program = builder.link(name, [target, *SHARED, MEMORY, *CORE])
    cbuild.run_or_fail([program, *sorted(inputs)])


def test_inputs_have_a_target():
    folders = [path.name for path in HERE.glob("[cr]*/*") if path.is_dir()]
    assert not {*folders} - {name_of(target) for target in TARGETS} - {"extension"}


@pytest.mark.timeout(600)
def test_ten_seconds_of_each(unavailable):
    """Once for each state of the sources; ``make fuzz`` may have done it already."""
    tool = cbuild.TESTS.parent / "tools" / "fuzz"
    if cbuild.run([tool, "--check"]).returncode != 0:
        unavailable("clang's libFuzzer is missing: install clang and libclang-rt-dev (Debian)")
    environment = cbuild.clean_environment()
    environment.pop("FUZZ_TARGETS", None)
    environment["FUZZ_SECONDS"] = str(SECONDS)
    cbuild.run_or_fail([tool, "--once"], 500, environment)
