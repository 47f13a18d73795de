"""The pages of the manual, and the code on them."""

import pathlib
import re
import textwrap

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def blocks_of_code(page):
    """The texts of a page's blocks of Python."""
    text = (DOCS / page).read_text()
    blocks = re.findall(r"^\.\. code-block:: python\n\n((?: .*\n|\n)+)", text, re.M)
    return [textwrap.dedent(block) for block in blocks]
