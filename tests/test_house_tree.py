"""The rules of the house about the tree as a whole: sizes, circles, what is exported."""

import re
import shutil
import statistics
import subprocess
from pathlib import Path

import setuptools
from csource import FOLDERS, ROOT, read_sources
from linkage import find_arrows, find_circle, find_upward, read_symbols


def test_functions_are_short():
    """From the line of the return type to that of the closing brace."""
    lengths = [f.lines for source in read_sources("_cpoplib") for f in source.functions]
    under_60 = sum(length < 60 for length in lengths) / len(lengths)
    assert under_60 >= 0.9
    assert statistics.median(lengths) <= 15


def test_files_are_short():
    folders = ["_cpoplib", "poplib_c", "tests", "benchmarks", "examples", "tools"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.*")]
    lengths = {
        path.relative_to(ROOT).as_posix(): path.read_text().count("\n")
        for path in files
        if path.suffix in {".c", ".h", ".py"}
    }
    assert {path: length for path, length in lengths.items() if length >= 600} == {}


def test_headers_of_the_binding_include_no_circle():
    headers = {s.path: s.quoted for s in read_sources("_cpoplib") if s.suffix == "h"}

    def visit(path, trail):
        assert path not in trail, " -> ".join([*trail, path])
        for included in headers.get(path, []):
            visit(included, [*trail, path])

    for path in headers:
        visit(path, [])


def built_objects():
    """{file: path of its object} of each build of this checkout that is up to date."""
    build = setuptools.Distribution().get_command_obj("build")
    build.ensure_finalized()
    sources = {
        path.relative_to(ROOT / "_cpoplib").with_suffix("").as_posix(): path
        for path in (ROOT / "_cpoplib").rglob("*.c")
    }
    for folder in Path(ROOT, build.build_temp).glob("*"):
        objects = {file: folder / "_cpoplib" / f"{file}.o" for file in sources}
        if all(
            path.exists() and path.stat().st_mtime_ns >= sources[file].stat().st_mtime_ns
            for file, path in objects.items()
        ):
            yield objects


def test_compiled_files_call_what_is_below_them(unavailable):
    if shutil.which("nm") is None:
        unavailable("nm is missing: install binutils")
    builds = list(built_objects())
    assert builds, "no build of this interpreter's has all objects up to date; run `make test`"
    for objects in builds:
        arrows = find_arrows(read_symbols(objects))
        assert sum(map(len, arrows.values())) > len(arrows)
        assert find_upward(arrows, FOLDERS) == []
        assert find_circle(arrows) == []


def test_calls_that_point_up_or_go_round_are_found():
    symbols = {
        "binding/client/log": ({"log_begin"}, {"errors_clear", "malloc"}),
        "binding/base/errors": ({"errors_clear"}, {"lock_init", "errors_clear"}),
        "binding/base/lock": ({"lock_init"}, {"PyErr_NoMemory"}),
    }
    arrows = find_arrows(symbols)
    assert arrows["binding/client/log"] == {"binding/base/errors": {"errors_clear"}}
    assert find_upward(arrows, FOLDERS) == find_circle(arrows) == []
    symbols["binding/base/lock"][1].add("errors_clear")
    circle = find_circle(find_arrows(symbols))
    assert find_upward(find_arrows(symbols), FOLDERS) == []
    assert circle[0] == circle[-1]
    assert {*circle} == {"binding/base/errors", "binding/base/lock"}
    symbols["binding/base/lock"][1].add("log_begin")
    assert find_upward(find_arrows(symbols), FOLDERS) == [
        "binding/base/lock calls log_begin of binding/client/log, which is above"
    ]


def test_modules_of_the_command_line_import_no_circle():
    """Nor do imports within functions hide one."""
    files = {path.stem: path.read_text() for path in (ROOT / "poplib_c" / "_cli").glob("*.py")}
    form = re.compile(r"from poplib_c\._cli(?:\.(\w+) import| import ([\w, ]+))")
    arrows = {
        file: {
            name: set()
            for found in form.findall(text)
            for name in "{}{}".format(*found).split(", ")
        }
        for file, text in files.items()
    }
    assert arrows["jobs"].keys() >= {"config", "fetching"}
    assert find_circle(arrows) == []


def test_the_extension_exports_its_init_function_alone(unavailable):
    import _cpoplib

    if shutil.which("nm") is None:
        unavailable("nm is missing: install binutils")
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", _cpoplib.__file__],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=30,
    ).stdout
    assert [line.split()[-1] for line in symbols.splitlines()] == ["PyInit__cpoplib"]


def test_the_package_is_thin():
    lines = (ROOT / "poplib_c" / "__init__.py").read_text().splitlines()
    assert len(lines) < 80
