"""The examples of the manual do what it says."""

import doctest
import pathlib

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def pages():
    return [path for path in sorted(DOCS.glob("*.rst")) if ">>>" in path.read_text()]


def test_there_are_examples():
    assert pages()


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.stem)
def test_examples(path):
    failed, run = doctest.testfile(str(path), module_relative=False)
    assert run and not failed
