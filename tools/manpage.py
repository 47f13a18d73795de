"""Makes the page of the command line from the texts of --help.

As a program, it writes docs/poplib-c.1, which is installed with the package. Sphinx imports
to_rst() to make the page of the manual.
"""

import argparse
import pathlib
import re
import textwrap

from poplib_c import __version__
from poplib_c._cli import arguments, texts

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
ARGPARSE_TITLES = {"positional arguments", "options", "optional arguments"}
NAME, DOES = "poplib-c", "fetch mail from POP3 servers"


def described(text):
    """Yield the paragraphs of a text, and titled blocks verbatim."""
    for part in re.split(r"\n(?=\w[\w ]*:\n)", text):
        titled = re.fullmatch(r"(\w[\w ]*):\n(.*)", part, re.DOTALL)
        if titled:
            yield "subsection", titled[1]
            yield "verbatim", textwrap.dedent(titled[2]).strip("\n")
        else:
            for paragraph in filter(str.strip, part.split("\n\n")):
                yield "text", " ".join(paragraph.split())


def options(command):
    for group in command._action_groups:
        actions = [each for each in group._group_actions if each.help is not argparse.SUPPRESS]
        if actions and group.title not in ARGPARSE_TITLES:
            yield "subsection", group.title
        for action in actions:
            value = action.metavar if action.nargs != 0 else None
            names = action.option_strings or [""]
            yield "item", ", ".join(f"{name} {value or ''}".strip() for name in names), action.help


def page():
    """Yield the page as (kind, text) and (kind, term, text)."""
    top = arguments.parser(NAME)
    commands = next(each for each in top._actions if isinstance(each.choices, dict)).choices
    yield "section", "Synopsis"
    usages = (each.format_usage().removeprefix("usage: ") for each in commands.values())
    yield "verbatim", f"{''.join(usages)}{NAME} HOST[:PORT] USER PASSWORD"
    yield "section", "Description"
    yield from described(texts.DESCRIPTION)
    yield "text", " ".join(top.epilog.partition("\n\n")[0].split())
    for name, command in commands.items():
        yield "section", f"{NAME} {name}"
        yield from described(command.description)
        yield from options(command)
        yield from described(command.epilog.partition("passwords:\n")[0])
        after = command.epilog.partition("files:\n")
        yield from described("".join(after[1:]))
    yield "section", "Passwords"
    yield from described(textwrap.dedent(texts.PASSWORDS.partition("\n")[2]))
    yield "section", "Exit status"
    yield "verbatim", textwrap.dedent(texts.STATUS.partition("\n")[2]).strip("\n")


def released():
    """Return the date of this version, or an empty text."""
    changes = (DOCS.parent / "CHANGES.rst").read_text()
    date = re.search(rf"^{re.escape(__version__)} \(([0-9-]+)\)$", changes, re.MULTILINE)
    return date[1] if date else ""


def to_man(items):
    def plain(text):
        text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
        return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE).replace("~", "\\(ti")

    def filled(text):
        return plain("\n".join(textwrap.wrap(text, 70, break_on_hyphens=False)))

    forms = {
        "section": lambda title: f".SH {plain(title).upper()}",
        "subsection": lambda title: f".SS {plain(title).capitalize()}",
        "text": filled,
        "verbatim": lambda text: f".RS 4\n.nf\n{plain(text)}\n.fi\n.RE",
        "item": lambda term, text: f".TP\n.B {plain(term)}\n{filled(text)}",
    }
    yield f'.TH {plain(NAME).upper()} 1 "{released()}" "poplib_c {__version__}" "User commands"'
    yield f".SH NAME\n{plain(NAME)} \\- {DOES}"
    before = "section"
    for kind, *rest in items:
        if kind in ("text", "verbatim") and before not in ("section", "subsection"):
            yield ".PP"
        yield forms[kind](*rest)
        before = kind


def to_rst(items):
    def escaped(text):
        return re.sub(r"[*`|_\\]", r"\\\g<0>", text)

    forms = {
        "section": lambda title: f"{title}\n{'=' * len(title)}\n",
        "subsection": lambda title: f"**{title.capitalize()}**\n",
        "text": lambda text: "\n".join(textwrap.wrap(escaped(text), 100)) + "\n",
        "verbatim": lambda text: "::\n\n" + textwrap.indent(text, "    ") + "\n",
        "item": lambda term, text: "\n    ".join(
            [f"``{term}``", *textwrap.wrap(escaped(text), 100)]
        ),
    }
    before = None
    for kind, *rest in items:
        if before == "item" and kind != "item":
            yield ""
        yield forms[kind](*rest)
        before = kind


def man_page():
    """Return the text of docs/poplib-c.1."""
    return "\n".join(to_man(page())) + "\n"


if __name__ == "__main__":
    (DOCS / f"{NAME}.1").write_text(man_page())
