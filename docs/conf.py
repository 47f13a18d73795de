"""Sphinx's configuration: ``make docs`` makes build/docs/ from the pages here."""

import re

from docutils import nodes
from sphinx.util import logging

from poplib_c import __version__

project = "poplib_c"
copyright = "the poplib_c authors"
release = __version__
extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["performance/*"]
nitpicky = True
# Of the standard library, whose manual is not asked.
nitpick_ignore_regex = [("py:class", r"(ssl|mailbox)\..*|Message")]
html_theme = "alabaster"
html_theme_options = {"description": "POP3 for Python, in C", "page_width": "1080px"}
autodoc_member_order = "bysource"


def link_pages(app, doctree, docname):
    """Make links to files of the repository links in the manual."""
    for node in doctree.findall(nodes.reference):
        file = re.fullmatch(r"(?!\w+:)(?:.*/)?([\w.-]+)\.(?:rst|md)", node.get("refuri", ""))
        if file is None:
            continue
        if file[1] in app.env.found_docs:
            node["refuri"] = app.builder.get_relative_uri(docname, file[1])
        elif nodes.make_id(file[1]) in doctree.ids:  # included in this page, behind a target
            node["refuri"] = "#" + nodes.make_id(file[1])
        else:
            logging.getLogger(__name__).warning("no page %s", file[0], location=node)


def setup(app):
    app.connect("doctree-resolved", link_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
