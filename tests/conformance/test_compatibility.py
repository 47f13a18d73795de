"""The contract: each row of docs/compatibility.rst is a test that names it by ``row(name)``."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows(page):
    """The terms of a page's definition lists."""
    return re.findall(r"^(\S.*)\n {4}\S", page, re.MULTILINE)


def marked(source):
    """The rows that the tests of a file name."""
    for test in ast.parse(source).body:
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            for mark in test.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.row":
                    yield from (argument.value for argument in mark.args)


def test_rows_and_tests_belong_together():
    names = rows((ROOT / "docs" / "compatibility.rst").read_text(encoding="utf-8"))
    paths = (ROOT / "tests").rglob("test_*.py")
    tested = {name for path in paths for name in marked(path.read_text(encoding="utf-8"))}
    assert len(names) == len(set(names)) > 40
    assert {*names} - tested == set(), "rows without a test"
    assert tested - {*names} == set(), "tests of no row"


def test_what_counts_as_a_row_and_as_its_test():
    page = "Title\n=====\n\nText\nand more.\n\nA row\n    is one.\nAnother\n    is, too.\n"
    assert rows(page) == ["A row", "Another"]
    source = "@pytest.mark.row('A', 'B')\ndef {}(): pass\n"
    assert [*marked(source.format("test_a"))] == ["A", "B"]
    assert [*marked(source.format("helper"))] == []
