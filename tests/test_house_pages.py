"""The rules of the house about pages: their lines are short, and what they name exists."""

import functools
import re

import pytest
from csource import FOLDERS, ROOT, read_sources

MAP = ROOT / "_cpoplib" / "README.rst"


def test_the_map_names_every_file():
    """Under the heading of its folder, and those from the top down."""
    headings = [*re.finditer(r"^((?:binding|core)/\w+)/\n-+\n", MAP.read_text(), re.M)]
    assert [match[1] for match in headings] == FOLDERS
    parts = re.split(r"^.*\n[=-]+\n", MAP.read_text()[headings[0].start() :], flags=re.M)[1:]
    texts = dict(zip(FOLDERS, parts))
    missing = [
        source.path
        for source in read_sources("_cpoplib")
        if not re.search(rf"``{source.stem}\.(\[ch\]|{source.suffix})``", texts[source.folder])
    ]
    assert not missing


def test_lines_of_the_manual_are_short():
    pages = [*(ROOT / "docs").glob("*.rst"), *ROOT.glob("*.rst")]
    long = {
        f"{page.name}:{number}"
        for page in pages
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if len(line) > 110
    }
    assert len(pages) > 10 and not long


def test_tests_that_the_manual_names_exist():
    page = (ROOT / "docs" / "evidence.rst").read_text("utf-8")
    named = set(re.findall(r"``(test_\w+)``", page))
    texts = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    assert named and not named - set(re.findall(r"^def (test_\w+)\(", "\n".join(texts), re.M))


@functools.cache
def all_paths():
    """Files and folders of the checkout, each by its path from any folder above it."""
    paths = set()
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        if not {"build", "dist", ".git", ".venv"}.intersection(parts):
            paths.update("/".join(parts[start:]) for start in range(len(parts)))
    return paths


@functools.cache
def all_functions():
    """What C code defines, calls, or lists by name in a table, and what Python code defines."""
    functions = set()
    for source in read_sources("_cpoplib", "tests"):
        functions.update(re.findall(r"\b\w+(?=\s*\()|(?<=ARGS_FUNCTION\()\w+", source.code))
        functions.update(re.findall(r'"(?:\w+\.)?(\w+)"', source.text))
    for path in [path for room in ("poplib_c", "tests") for path in (ROOT / room).rglob("*.py*")]:
        if path.suffix != ".pyc":
            functions.update(re.findall(r"^ *def (\w+)", path.read_text("utf-8"), re.M))
    return functions


def find_missing(text):
    """The paths and the functions that a page names, but that do not exist.

    A path has a slash or a suffix, a function empty parentheses. Patterns and the placeholder NAME
    are not looked up, and neither are hidden files and build/, which not each checkout has.
    """
    for word in " ".join(re.findall(r"``([^`]+)``", text)).split():
        if "/" in word or re.search(r"\w\.(c|h|\[ch\]|pyi?|rst)$", word):
            paths = {word.replace("[ch]", letter).rstrip("/") for letter in "ch"}
            if not re.search(r"^\.|^build/|[*~=]|\bNAME\b", word) and not paths <= all_paths():
                yield word
        elif function := re.search(r"(\w+)\(\)$", word):
            if function[1] not in all_functions():
                yield word


@pytest.mark.parametrize("page", ["CONTRIBUTING.rst", "_cpoplib/README.rst"])
def test_what_the_pages_for_developers_name_exists(page):
    assert [*find_missing((ROOT / page).read_text("utf-8"))] == []


def test_names_of_what_does_not_exist_are_found():
    there = "``core/proto/scan.[ch] tests/core conftest.py Makefile`` ``pop_link_pump() retr()``"
    assert [*find_missing(f"{there} ``tests/servers/NAME.py make lint .file``")] == []
    gone = ["core/proto/scam.[ch]", "tests/core/transport_fd.[ch]", "nosuch.py", "tests/kernel"]
    gone += ["pop_link_nosuch()", "POP3.nosuch()"]
    assert [*find_missing(f"``{' '.join(gone)}``")] == gone
