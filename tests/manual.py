"""The pages of the manual, and the code on them."""

import pathlib
import re
import textwrap

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def blocks_of_code(page, language="python"):
    """The texts of a page's blocks of a language."""
    text = (DOCS / page).read_text()
    blocks = re.findall(rf"^\.\. code-block:: {language}\n\n((?: .*\n|\n)+)", text, re.M)
    return [textwrap.dedent(block) for block in blocks]


def commands(page):
    """Yield the commands of a page's blocks of a terminal, and what each prints."""
    for block in blocks_of_code(page, "console"):
        for command, printed in re.findall(
            r"^\$ (.*(?:\\\n.*)*)\n((?:(?!\$ ).*\n)*)", block, re.M
        ):
            yield command, printed.strip()
