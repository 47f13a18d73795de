"""The examples of the manual do what it says."""

import doctest
import os
import re
import subprocess
import sys

import console
import pytest
from manual import DOCS, blocks_of_code

from poplib_c._cli.arguments import parser


def pages():
    return [path for path in sorted(DOCS.glob("*.rst")) if ">>>" in path.read_text()]


def test_there_are_examples():
    assert pages()


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_examples(path):
    failed, run = doctest.testfile(str(path), module_relative=False)
    assert run and not failed


def test_there_are_pages_with_commands():
    assert console.pages()


@pytest.mark.parametrize("page", console.pages())
def test_commands(page, tmp_path):
    console.check(page, tmp_path / "home")


def test_options_of_the_page_on_migrating():
    """The second column of its tables has options of fetch, as the configuration names them."""
    rows = re.findall(
        r"^(?:``|no |a |multi).*?  +(\S.*)", (DOCS / "migrating.rst").read_text(), re.M
    )
    named = {name for row in rows for name in re.findall(r"``([a-z][a-z0-9-]*)(?: = .*?)?``", row)}
    (commands,) = (
        each.choices for each in parser("poplib-c")._actions if isinstance(each.choices, dict)
    )
    options = {name[2:] for name in commands["fetch"]._option_string_actions if name[:2] == "--"}
    assert len(named) > 25 and named - options == {"url", "check"}


def test_pages_for_users_name_no_tests():
    named = {path.stem for path in DOCS.glob("*.rst") if "tests/" in path.read_text()}
    assert named == {"evidence"}


@pytest.mark.parametrize("module, tests", [("pytest", 9), ("unittest", 1)])
def test_the_tests_of_the_page_on_testing(module, tests, tmp_path):
    for block in blocks_of_code("howto-testing.rst"):
        (tmp_path / block.partition("\n")[0][2:]).write_text(block)
    ended = subprocess.run(
        [sys.executable, "-m", module],
        cwd=tmp_path,
        # The plugin, if the package is not installed; else pytest finds it by itself.
        env={**os.environ, "PYTEST_PLUGINS": "pytest_poplib_c"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    assert re.search(rf"\b{tests} (passed|tests?)\b", ended.stdout), ended.stdout
    assert ended.returncode == 0
