"""C files taken apart as far as the rules of the house need it.

A light-weight reading of code that is laid out as in PEP 7: no preprocessing, no types.
"""

import functools
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# From the top down: a file includes and calls what is in its own folder, or in those after it.
FOLDERS = [
    *[f"binding/{name}" for name in ("module", "channel", "commands", "messages", "connect")],
    *[f"binding/{name}" for name in ("dialogue", "client", "reader", "socket", "base")],
    *["core/tls", "core/net", "core/proto"],
]
TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\.|[^\\\n])*", re.MULTILINE | re.DOTALL)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


class Declaration:
    """A declaration or function definition at file scope, or a static one in a function."""

    def __init__(self, line, text):
        self.line = line
        self.text = text
        self.head, _, self.body = text.partition("{")
        self.lines = text.count("\n") + 1
        self.is_function = text.endswith("}")
        self.is_static = text.startswith("static")
        # Without what is in braces and brackets, and up to the initial value.
        self.plain = re.sub(r"\{.*\}|\[[^]]*\]", "", text, flags=re.DOTALL).split("=")[0]

    @property
    def name(self):
        return re.search(r"(\w+)\s*\(", self.head).group(1)

    @property
    def is_variable(self):
        is_type = r"typedef\b|(struct|union|enum)\s+\w*\s*;"
        return not (self.is_function or re.match(is_type, self.plain)) and not re.match(
            r"[^(]*\((?!\s*\*)", self.plain
        )

    @property
    def is_const(self):
        return bool(re.search(r"\bconst\b", self.plain.rpartition("*")[2]))


def top_level(code):
    """The offset and the text of every declaration and function definition."""
    depth, start, brace = 0, None, None
    for match in re.finditer(r"\S", code):
        character, end = match.group(), match.end()
        start = match.start() if start is None else start
        if character == "{" and depth == 0:
            brace = match.start()
        depth += (character in "({") - (character in ")}")
        ends_function = character == "}" and code[start:brace].rstrip().endswith(")")
        if depth == 0 and (character == ";" or ends_function):
            yield start, code[start:end]
            start = brace = None


class Source:
    def __init__(self, path, text):
        self.path = path
        self.folder, _, name = path.rpartition("/")
        self.room = self.folder.partition("/")[0]
        self.stem, self.suffix = name.split(".")
        self.text = text
        uncommented = TOKEN.sub(lambda m: blank(m) if m["comment"] else m.group(), text)
        includes = re.compile(r"^[ \t]*#\s*include\s*([<\"])([^>\"]+)", re.MULTILINE)
        self.includes = [
            (self.line(match.start()), match[2]) for match in includes.finditer(uncommented)
        ]
        self.quoted = [match[2] for match in includes.finditer(uncommented) if match[1] == '"']
        self.code = TOKEN.sub(blank, text)
        self.directives = [
            (self.line(match.start()), match.group()) for match in DIRECTIVE.finditer(self.code)
        ]
        self.declarations = [
            Declaration(self.line(offset), text)
            for offset, text in top_level(DIRECTIVE.sub(blank, self.code))
        ]
        self.functions = [d for d in self.declarations if d.is_function]

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def find(self, pattern):
        """The line and the text of each match in the code, comments and literals left out."""
        for match in re.finditer(pattern, self.code):
            yield self.line(match.start()), match.group()

    def variables(self):
        yield from (d for d in self.declarations if d.is_variable)
        for function in self.functions:
            for match in re.finditer(r"(?<=[{;}])\s*(static\b[^;]*;)", function.text):
                line = function.line + function.text.count("\n", 0, match.start(1))
                yield Declaration(line, match[1])


@functools.cache
def read_sources(*folders):
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.[ch]"))
    assert paths
    return [
        Source(path.relative_to(ROOT).as_posix().replace("_cpoplib/", ""), path.read_text())
        for path in paths
    ]
