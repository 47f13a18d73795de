"""The inputs that are kept, one a line in hexadecimal digits: -m extension.inputs [--pack] FOLDER.

Unpacks them into a folder; --pack makes them of the files in one, which libFuzzer has merged.
"""

import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
KEPT = HERE / "inputs.txt"


def kept():
    return [bytes.fromhex(line) for line in KEPT.read_text().split()]


def regressions():
    """Those that have failed once, each in a file."""
    return [path.read_bytes() for path in HERE.parent.glob("regressions/extension/*")]


def unpack(folder):
    for data in kept():
        name = hashlib.sha256(data).hexdigest()[:16]
        (folder / name).write_bytes(data)


def pack(folder):
    found = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda d: (len(d), d))
    KEPT.write_text("".join(f"{data.hex()}\n" for data in found))


if __name__ == "__main__":
    if sys.argv[1] == "--pack":
        pack(pathlib.Path(sys.argv[2]))
    else:
        unpack(pathlib.Path(sys.argv[1]))
