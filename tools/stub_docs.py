"""Writes the docstrings of the package into its stub, where editors look for them.

usage: make stub

An editor can't read the docstring of a C function, and shows that of poplib_c/__init__.pyi. To
change one, change the docstring in the code and run this. An overloaded method has its
docstring at the first overload.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

STUB = Path(__file__).resolve().parents[1] / "poplib_c" / "__init__.pyi"

Node = Union[ast.ClassDef, ast.FunctionDef]


def entries(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Yield the dotted names and nodes of classes and functions; of overloads, the first."""
    seen = set()
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name not in seen:
            seen.add(node.name)
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from entries(node.body, f"{prefix}{node.name}.")


def docstring(package: Any, name: str) -> str | None:
    """Return the docstring that the code has for *name*, or None.

    Left out: that of __init__(), which editors would show in place of the class's; those of the
    interpreter about a slot ("Implement iter(self)."); that of the type of a plain value.
    """
    *owners, last = name.split(".")
    owner = package
    for each in owners:
        owner = getattr(owner, each, None)
    value = vars(owner).get(last) if isinstance(owner, type) else getattr(owner, last, None)
    doc = getattr(value, "__doc__", None)
    is_plain = doc == type(value).__doc__
    if is_plain or doc is None or last == "__init__" or type(value) is type(int.__add__):
        return None
    return inspect.cleandoc(doc)


def _literal(doc: str, indent: str) -> list[str]:
    text = doc.replace("\\", "\\\\").replace('"""', '\\"""')
    lines = f'"""{text}'.split("\n")
    if len(lines) > 1:
        lines.append("")
    lines[-1] += '"""'
    return [(indent + line).rstrip() for line in lines]


def _edit(source: str, docs: dict[str, str | None]) -> str:
    """Return the stub with these docstrings in place of its own; None for none."""
    lines = source.splitlines()
    for name, node in reversed(list(entries(ast.parse(source).body))):
        old = ast.get_docstring(node)
        new = docs[name]
        if old == new:
            continue
        first = node.body[0]
        is_empty = isinstance(node, ast.FunctionDef) or len(node.body) == 1
        indent = " " * (node.col_offset + 4)
        if old is not None:
            end = first.end_lineno or 0
            has_blank = isinstance(node, ast.ClassDef) and not lines[end]
            lines[first.lineno - 1 : end + has_blank] = []
            start = first.lineno - 1
        elif is_empty:  # "def close(self) -> None: ..."
            start = first.lineno
            lines[start - 1] = lines[start - 1].removesuffix(" ...")
        else:
            start = node.lineno
        if new is not None:
            is_before_attribute = not is_empty and re.match(r" +\w+:", lines[start])
            lines[start:start] = _literal(new, indent) + [""] * bool(is_before_attribute)
        elif is_empty:
            lines[start - 1] += " ..."
    return "\n".join(lines) + "\n"


def update(source: str, package: Any) -> str:
    """Return the stub with the docstrings of the package."""
    return _edit(
        source, {name: docstring(package, name) for name, _ in entries(ast.parse(source).body)}
    )


def main() -> None:
    import poplib_c

    poplib_c.TLSSocket  # noqa: B018  # The first access to the type adds its methods.
    STUB.write_text(update(STUB.read_text(), poplib_c))


if __name__ == "__main__":
    main()
