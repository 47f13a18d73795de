"""Checks the links between the HTML pages of a folder.

usage: check_links.py FOLDER

Prints each broken link; exit status 1 if there are any.
"""

import pathlib
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = {""}, []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("id", "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.append(urlsplit(value))


def broken(pages):
    for path, page in pages.items():
        for link in page.links:
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            if link.scheme or link.netloc:
                continue
            if not target.exists() or (
                target in pages and link.fragment not in pages[target].anchors
            ):
                yield f"{path.name}: {link.geturl()} leads nowhere"


found = [
    *broken({path.resolve(): Page(path) for path in pathlib.Path(sys.argv[1]).rglob("*.html")})
]
print(*found, sep="\n", end="\n" if found else "")
sys.exit(bool(found))
