"""Compares the processor time of poplib_c with poplib's and with the limits of both.

    python benchmarks/bench.py [--quick] [--repetitions N] [--docs] [WORKLOAD ...]

A load server on loopback sends mailboxes that it rendered beforehand. For each workload, the
benchmark first checks that all clients receive equal data. Then they take turns, A B B A ..., each
run in a separate process. The figures are medians of the processor time (user and system) of the
workload alone, and ratios: poplib's time divided by the client's.
"""

import argparse
import contextlib
import csv
import platform
import sys
import tempfile
from pathlib import Path

import build
import fetch
import table
from runner import Failure, Runner
from workloads import GROWTH_LINES, GROWTH_MESSAGES, WORKLOADS

NAMES = [*[workload.name for workload in WORKLOADS], fetch.NAME]
DOCS = Path(__file__).resolve().parents[1] / "docs" / "performance"


def has(name, part):
    return part.lower() in name.lower()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help="part of a workload's name"
    )
    parser.add_argument(
        "--repetitions", type=int, help="runs of each client (default: 5; 2 with --quick)"
    )
    parser.add_argument("--quick", action="store_true", help="make a tenth of the calls")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    parser.add_argument("--docs", action="store_true", help="write docs/performance/")
    arguments = parser.parse_args()
    if arguments.repetitions is None:
        arguments.repetitions = 2 if arguments.quick else 5
    if arguments.repetitions < 1:
        parser.error("--repetitions must be 1 or more")
    if arguments.docs and arguments.workloads:
        parser.error("--docs measures all workloads: name none")
    for part in arguments.workloads:
        if not any(has(name, part) for name in NAMES):
            parser.error(f"no workload has {part!r} in its name; --list lists them")
    return arguments


def is_chosen(arguments, name):
    return not arguments.workloads or any(has(name, part) for part in arguments.workloads)


def select(arguments):
    chosen = [workload for workload in WORKLOADS if is_chosen(arguments, workload.name)]
    return [workload.shortened() for workload in chosen] if arguments.quick else chosen


@contextlib.contextmanager
def ready_runner():
    with tempfile.TemporaryDirectory(prefix="poplib_c-bench-") as directory:
        build.module(directory)
        yield Runner(build.server(directory), build.receiver(directory), directory)


def measure(runner, workloads, repetitions):
    rows = []
    for workload in workloads:
        rows.append(runner.measure(workload, repetitions))
        row = rows[-1:]
        shown = table.others("", row) if workload.method == "rest" else table.main(row)
        *_, line = table.in_text(shown)
        print(line, file=sys.stderr, flush=True)
    return rows


def measure_growth(runner, quick):
    mailbox, calls = GROWTH_MESSAGES
    return list(runner.lines(GROWTH_LINES)), runner.messages(
        mailbox, calls // 10 if quick else calls
    )


def write_docs(main, others):
    """Write the tables from which `make docs` makes the manual's, and the chart of README.rst."""
    import chart

    path = DOCS / "cpython-{}.{}.csv".format(*sys.version_info)
    for name, lines in ((path, main), (path.with_suffix(".others.csv"), others)):
        with name.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
    svg = path.with_suffix(".svg")
    if svg.exists():
        metadata = {"Date": None, "Creator": None}
        chart.draw(path).savefig(svg, bbox_inches="tight", metadata=metadata)


def main():
    arguments = parse()
    workloads = select(arguments)
    if arguments.list:
        print(*[name for name in NAMES if is_chosen(arguments, name)], sep="\n")
        return
    with ready_runner() as runner:
        rows = measure(runner, workloads, arguments.repetitions)
        growth = None if arguments.workloads else measure_growth(runner, arguments.quick)
        is_fetched = is_chosen(arguments, fetch.NAME)
        fetched = fetch.measure(runner.path, arguments.repetitions) if is_fetched else {}
    version = platform.python_version() + sys.abiflags
    interpreter = f"CPython {version}, {platform.system()} {platform.machine()}"
    tables = table.main(rows), table.others(interpreter, rows, growth, fetched)
    print("Processor time of one call")
    for each in tables:
        print(*table.in_text(each), "", sep="\n")
    if arguments.docs:
        write_docs(*tables)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
