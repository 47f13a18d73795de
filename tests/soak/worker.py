"""The client's process, which may be killed at any instant: a session for each line of its input.

It says each thing before it does it, so that the driver knows it afterwards, in lines of JSON.
"""

import json
import os
import sys
import traceback

from faults.support import open_descriptors

from .session import Session


def tell(**what):
    os.write(sys.__stdout__.fileno(), json.dumps(what).encode() + b"\n")


def run(order):
    session = Session(order, tell)
    session.run()
    return {
        "commands": session.commands,
        "errors": session.errors,
        "messages": session.delivered,
        "octets": session.octets,
        "longest": session.longest,
        "committed": session.committed,
    }


def main():
    for line in sys.stdin:
        before = open_descriptors()
        try:
            report = run(json.loads(line))
            left = open_descriptors() - before
            if left:
                raise AssertionError(f"{left} descriptors more than before")
        except BaseException:
            report = {"wrong": traceback.format_exc()}
        tell(end=report)


if __name__ == "__main__":
    main()
