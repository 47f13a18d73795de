"""Which C file calls which, as the linker sees it."""

import collections
import subprocess
from graphlib import CycleError, TopologicalSorter


def read_symbols(objects):
    """Of each file the names that it defines and those that it needs, by nm.

    objects: {file: path of its object}.
    """
    files = {str(path): file for file, path in objects.items()}
    output = subprocess.run(
        ["nm", "-A", "-P", *files],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=60,
    ).stdout
    symbols = {file: (set(), set()) for file in objects}
    for line in output.splitlines():
        path, _, symbol = line.rpartition(": ")
        name, kind = symbol.split()[:2]
        if kind.isupper():
            symbols[files[path]][kind == "U"].add(name)
    return symbols


def find_arrows(symbols):
    """{file: {file that it calls: names of that}}."""
    homes = {name: file for file, (defined, _) in symbols.items() for name in defined}
    arrows = {file: collections.defaultdict(set) for file in symbols}
    for file, (_, needed) in symbols.items():
        for name in needed & homes.keys() - symbols[file][0]:
            arrows[file][homes[name]].add(name)
    return arrows


def find_circle(arrows):
    """Files each of which calls the next, the last one the first; empty if there are none."""
    try:
        TopologicalSorter({file: sorted(called) for file, called in arrows.items()}).prepare()
    except CycleError as exc:
        return exc.args[1][::-1]
    return []


def find_upward(arrows, folders):
    """Arrows to a file whose folder comes earlier in `folders` than the caller's."""
    level = {folder: number for number, folder in enumerate(folders)}
    return [
        f"{file} calls {', '.join(sorted(names))} of {called}, which is above"
        for file in sorted(arrows)
        for called, names in sorted(arrows[file].items())
        if level[called.rpartition("/")[0]] < level[file.rpartition("/")[0]]
    ]
