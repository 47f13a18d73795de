"""Checks the interpreter that runs this for features: version, venv, headers, test.

usage: python_has.py FEATURE...

Prints the first missing feature and exits with status 1.
"""

import os
import sys
import sysconfig
from importlib.util import find_spec


def has(feature):
    if feature == "version":
        return sys.version_info >= (3, 9)
    if feature == "venv":
        return find_spec("venv") and find_spec("ensurepip")
    if feature == "headers":
        return os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
    if feature == "test":
        return find_spec("test") and find_spec("test.test_poplib")
    raise SystemExit("unknown feature: " + feature)


for feature in sys.argv[1:]:
    if not has(feature):
        print(feature)
        raise SystemExit(1)
