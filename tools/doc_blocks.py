"""Writes the blocks of Python on the manual's pages into files, for type checkers.

usage: python tools/doc_blocks.py FOLDER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path) -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from manual import DOCS, blocks_of_code

    folder.mkdir(parents=True, exist_ok=True)
    for page in sorted(DOCS.glob("*.rst")):
        for place, block in enumerate(blocks_of_code(page.name)):
            named = re.match(r"# (\w+\.py)\n", block)
            name = named[1] if named else f"{page.stem.replace('-', '_')}_{place}.py"
            (folder / name).write_text(block)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
