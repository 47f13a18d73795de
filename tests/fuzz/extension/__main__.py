"""Runs libFuzzer: -m extension PROGRAM ARGUMENT...

tools/fuzz-extension writes the program, which calls this with all that it needs.
"""

import sys

import driver

from .session import run

driver.run(run, sys.argv[1:])
