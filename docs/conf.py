"""Sphinx's configuration: ``make docs`` makes build/docs/ from the pages here."""

import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

from poplib_c import __version__

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tools")]

project = "poplib_c"
copyright = "the poplib_c authors"
release = __version__
extensions = [
    "sphinx.ext.autodoc",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_copybutton",
]
# Copies neither prompts nor what a program prints.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
plot_formats = ["svg"]
plot_html_show_formats = plot_html_show_source_link = False
nitpicky = True
# Names of the standard library, whose manual is not read.
nitpick_ignore_regex = [("py:class", r"(ssl|mailbox)\..*|Message")]
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


def add_manual_page(app, docname, source):
    """Append the page that tools/manpage.py makes to poplib-c.rst."""
    if docname == "poplib-c":
        import manpage

        source[0] += "\n".join(["", *manpage.to_rst(manpage.page())])


def setup(app):
    app.connect("source-read", add_manual_page)
    app.connect("doctree-resolved", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
