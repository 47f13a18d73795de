"""The stub, help() and inspect.signature() agree: on docstrings and on parameters."""

import ast
import inspect
import pydoc
import re
import runpy
from operator import attrgetter
from pathlib import Path

import pytest

import poplib_c

ROOT = Path(__file__).resolve().parents[1]
STUB = (ROOT / "poplib_c" / "__init__.pyi").read_text()
CLASSES = [
    node
    for node in ast.parse(STUB).body
    if isinstance(node, ast.ClassDef) and hasattr(poplib_c, node.name)
]
FUNCTIONS = [
    (owner.name if node.name == "__init__" else f"{owner.name}.{node.name}", node)
    for owner in CLASSES
    for node in owner.body
    if isinstance(node, ast.FunctionDef)
    and (node.name == "__init__" or not node.name.startswith("__"))
    and "property" not in map(ast.unparse, node.decorator_list)
]


@pytest.fixture(scope="module", autouse=True)
def complete():
    poplib_c.TLSSocket.version  # noqa: B018  # The first access adds the methods.


def test_docstrings():
    """`make stub` makes them equal."""
    update = runpy.run_path(str(ROOT / "tools" / "stub_docs.py"))["update"]
    assert update(STUB, poplib_c) == STUB


def test_every_class_and_function_has_a_docstring():
    names = {name for name, _ in FUNCTIONS} | {each.name for each in CLASSES}
    assert [name for name in sorted(names) if not attrgetter(name)(poplib_c).__doc__] == []


def of_stub(node):
    """(name, kind, default) of each parameter but self."""
    given = node.args
    by_position = [*given.posonlyargs, *given.args]
    kinds = [inspect.Parameter.POSITIONAL_ONLY] * len(given.posonlyargs)
    kinds += [inspect.Parameter.POSITIONAL_OR_KEYWORD] * len(given.args)
    defaults = [None] * (len(by_position) - len(given.defaults)) + given.defaults
    rows = [*zip(by_position, kinds, defaults)][1:]
    only = [inspect.Parameter.KEYWORD_ONLY] * len(given.kwonlyargs)
    rows += zip(given.kwonlyargs, only, given.kw_defaults)
    return [(arg.arg, kind, spelled(default)) for arg, kind, default in rows]


def spelled(default):
    return "" if default is None else repr(ast.literal_eval(default))


def of_code(signature):
    return [
        # What no stub can tell has a name: <unchanged>.
        (each.name, each.kind, re.sub(r"^<.*>$", "Ellipsis", default_of(each)))
        for each in signature.parameters.values()
        if each.name != "self"
    ]


def default_of(parameter):
    return "" if parameter.default is parameter.empty else repr(parameter.default)


@pytest.mark.parametrize(
    "name, node",
    [
        pytest.param(name, node, id=f"{name}-{node.lineno}")
        for name, node in FUNCTIONS
        if node.args.vararg is None
    ],
)
def test_parameters(name, node):
    function = attrgetter(name)(poplib_c)
    signature = inspect.signature(function)
    if "overload" in map(ast.unparse, node.decorator_list):
        expected = [(name, kind) for name, kind, _ in of_code(signature)]
        assert [(name, kind) for name, kind, _ in of_stub(node)] == expected
    else:
        assert of_stub(node) == of_code(signature)
    assert in_one_line(str(signature)) in in_one_line(pydoc.render_doc(function))


def in_one_line(text):
    """Some versions of help() write each parameter on a line, and bars before those of a class."""
    return re.sub(r"[\s|]", "", text)
