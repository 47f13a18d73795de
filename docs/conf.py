"""Sphinx's configuration: ``make docs`` makes build/docs/ from the pages here."""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

import poplib_c

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tools")]

project = "poplib_c"
copyright = "the poplib_c authors"
release = poplib_c.__version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_copybutton",
]
# Copies neither prompts nor what a program prints.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
plot_formats = ["svg"]
plot_html_show_formats = plot_html_show_source_link = False
napoleon_use_rtype = False
nitpicky = True
# Names of the standard library, whose manual is not read, and words for kinds of objects.
nitpick_ignore_regex = [
    ("py:(class|exc)", r"(ssl|socket|mailbox)\..*|Message"),
    ("py:class", "binary file|buffer|callable|iterable|path"),
    # Of annotations.
    ("py:class", r"collections\.abc\..*|poplib_c\.(aio\._N|_aio\.Many)"),
]
html_theme = "furo"
html_title = f"poplib_c {release}"
autodoc_member_order = "bysource"


def link_pages(app, doctree, docname):
    """Make links to files of the repository links in the manual."""
    for node in doctree.findall(nodes.reference):
        file = re.fullmatch(r"(?!\w+:)(?:.*/)?([\w.-]+)\.(?:rst|md|csv)", node.get("refuri", ""))
        if file is None:
            continue
        if file[1] in app.env.found_docs:
            node["refuri"] = app.builder.get_relative_uri(docname, file[1])
        elif nodes.make_id(file[1]) in doctree.ids:  # included in this page, after a target
            node["refuri"] = "#" + nodes.make_id(file[1])
        else:
            logging.getLogger(__name__).warning("no page %s", file[0], location=node)


def link_methods(app, what, name, obj, options, lines):
    """Make names such as retr() in docstrings links, to a method of that class or of POP3."""

    def link(match):
        for owner in (name.split(".")[1], "POP3"):
            if hasattr(getattr(poplib_c, owner, None), match[1]):
                return f":meth:`{match[0]} <poplib_c.{owner}.{match[1]}>`"
        return match[0]

    lines[:] = [re.sub(r"(?<![`.\w])([a-z]\w*)\(\)", link, line) for line in lines]


def add_manual_page(app, docname, source):
    """Append the page that tools/manpage.py makes to poplib-c.rst."""
    if docname == "poplib-c":
        import manpage

        source[0] += "\n".join(["", *manpage.to_rst(manpage.page())])


def setup(app):
    app.connect("autodoc-process-docstring", link_methods)
    app.connect("source-read", add_manual_page)
    app.connect("doctree-resolved", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
