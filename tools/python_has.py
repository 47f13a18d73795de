"""python_has.py FEATURE...: does the interpreter that runs this have version, venv, headers, test?

Exit status 1 and a line on standard output for the first that is missing.
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
