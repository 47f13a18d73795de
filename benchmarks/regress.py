"""Compares the instructions that core/ executes with those of an earlier commit.

    python benchmarks/regress.py [--base COMMIT]

One compiler builds both; they run under callgrind, over replies in memory. Without --base, the
earlier commit is HEAD if core/ has changes, otherwise HEAD~1. A workload that takes 5 % more
instructions is an error.
"""

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import build

ROOT = Path(__file__).resolve().parents[1]
DRIVER = "benchmarks/coredriver.c"
WORKLOADS = [("noop", "NOOP", 1000), ("list", "LIST of 200,000", 2), ("retr", "RETR 20 kB", 100)]
LIMIT = 0.05


def git(*arguments):
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout


def check_commit(name):
    """Return the name of a commit. Exits with an error if there is no such commit."""
    try:
        git("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
    except subprocess.CalledProcessError:
        sys.exit(f"error: no commit is called {name!r}")
    return name


def choose_base():
    changed = git("status", "--porcelain", "--", "_cpoplib/core").strip()
    return "HEAD" if changed else "HEAD~1"


@contextlib.contextmanager
def checkout(commit):
    """Check a commit out during the block, and yield the folder."""
    with tempfile.TemporaryDirectory(prefix="poplib_c-regress-") as directory:
        tree = Path(directory, "tree")
        git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            git("worktree", "remove", "--force", str(tree))


def compile_driver(driver, tree, directory, name):
    core = sorted(Path(tree, "_cpoplib", "core").rglob("*.c"))
    include = f"-I{tree / '_cpoplib'}"
    return build.program(name, [driver, *core], directory, include, "-DNDEBUG")


def compile_base(tree, directory):
    """Compile the driver of the working tree or, if it does not fit that core/, the commit's."""
    try:
        return compile_driver(ROOT / DRIVER, tree, directory, "base")
    except subprocess.CalledProcessError:
        print(
            "The driver does not fit the core/ of that commit: using the commit's driver.",
            file=sys.stderr,
        )
        return compile_driver(tree / DRIVER, tree, directory, "base")


def count_instructions(program, workload, times):
    """Return the instructions of one exchange."""
    output = program.with_suffix(".callgrind")
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}"]
    command += ["--collect-atstart=no", "--toggle-collect=drive", "--quiet"]
    command += [str(program), workload, str(times)]
    subprocess.run(command, check=True, timeout=600)
    return int(re.search(r"^totals: (\d+)", output.read_text(), re.MULTILINE)[1]) / times


def compare(base, now):
    """Yield (name, instructions of the base, instructions now) for each workload."""
    for workload, name, times in WORKLOADS:
        yield name, *(count_instructions(program, workload, times) for program in (base, now))


def report(results):
    """Print the results. Return whether all are within LIMIT."""
    fine = True
    for name, before, after in results:
        change = after / before - 1
        fine = fine and change <= LIMIT
        print(f"{name:20}{before:14,.0f}{after:14,.0f}{change:+9.1%}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--base", help="the commit to compare with")
    base = check_commit(parser.parse_args().base or choose_base())
    with tempfile.TemporaryDirectory() as directory, checkout(base) as tree:
        print(f"instructions of one exchange, {base} and now")
        programs = (
            compile_base(tree, directory),
            compile_driver(ROOT / DRIVER, ROOT, directory, "now"),
        )
        if not report(compare(*programs)):
            sys.exit(f"error: more than {LIMIT:.0%} more instructions")


if __name__ == "__main__":
    main()
