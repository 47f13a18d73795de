"""CPython's own tests of poplib, those of the running interpreter, against poplib_c.

They run in a process of their own, ``python test_cpython.py MODULE RESULT``, where MODULE is
what ``import poplib`` gives; RESULT is a JSON file of what was found, run, and came of it.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import unittest

import pytest

SUITE = "test.test_poplib"
PLAIN_CLASSES = ("TestPOP3Class", "TestTimeouts")
NEEDS_TLS = "SSL not supported"


class Outcomes(unittest.TestResult):
    """Keeps what came of each test, by its id: a word and a text that tells more."""

    def __init__(self):
        super().__init__()
        self.of = {}

    def addSuccess(self, test):
        self.of[test.id()] = ("passed", "")

    def addSkip(self, test, reason):
        self.of[test.id()] = ("skipped", reason)

    def addFailure(self, test, err):
        self.of[test.id()] = ("failed", self._exc_info_to_string(err, test))

    addError = addFailure

    def addExpectedFailure(self, test, err):
        self.addFailure(test, err)

    def addUnexpectedSuccess(self, test):
        self.of[test.id()] = ("failed", "unexpected success")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.addFailure(test, err)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def main(name, path):
    implementation = importlib.import_module(name)
    sys.modules["poplib"] = implementation
    module = importlib.import_module(SUITE)
    assert module.poplib is implementation
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    found = [test.id() for test in flatten(suite)]
    outcomes = Outcomes()
    suite.run(outcomes)
    report = {
        "implementation": module.poplib.POP3.__module__,
        "tls": hasattr(implementation, "POP3_SSL"),
        "found": found,
        "outcomes": outcomes.of,
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(report, file)


def is_installed():
    try:
        return importlib.util.find_spec(SUITE) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(scope="module")
def run(tmp_path_factory, unavailable):
    """run(name): the report on that implementation, made once."""
    if not is_installed():
        version = "{}.{}".format(*sys.version_info)
        unavailable(f"{SUITE} is not installed (Debian: libpython{version}-testsuite)")
    reports = {}

    def run(name):
        if name not in reports:
            path = tmp_path_factory.mktemp("cpython") / "report.json"
            process = subprocess.run(
                [sys.executable, "-W", "ignore", __file__, name, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
                cwd=path.parent,
                text=True,
                timeout=200,
            )
            assert process.returncode == 0, process.stdout
            reports[name] = json.loads(path.read_text(encoding="utf-8"))
        return reports[name]

    return run


@pytest.fixture(params=["poplib", "poplib_c"])
def report(request, run):
    return run(request.param)


def of_class(outcomes, name):
    return {test: got for test, got in outcomes.items() if test.split(".")[-2] == name}


def test_every_test_was_run(report):
    assert sorted(report["outcomes"]) == sorted(report["found"])
    for name in PLAIN_CLASSES:
        assert of_class(report["outcomes"], name)


def test_no_test_failed(report):
    failed = [text for word, text in report["outcomes"].values() if word == "failed"]
    assert not failed, "\n".join(failed)


def test_only_tests_that_need_tls_are_skipped(report):
    allowed = set() if report["tls"] else {NEEDS_TLS}
    reasons = {text for word, text in report["outcomes"].values() if word == "skipped"}
    assert reasons <= allowed


def test_plain_tests_passed(report):
    for name in PLAIN_CLASSES:
        outcomes = of_class(report["outcomes"], name)
        left_out = {test for test, (word, _) in outcomes.items() if word != "passed"}
        allowed = set() if report["tls"] else {test for test in outcomes if "stls" in test}
        assert left_out <= allowed


def test_poplib_c_was_tested(run):
    theirs, ours = run("poplib"), run("poplib_c")
    assert (theirs["implementation"], ours["implementation"]) == ("poplib", "poplib_c")
    plain = [test for test in theirs["found"] if test.split(".")[-2] in PLAIN_CLASSES]
    assert [test for test in ours["found"] if test in plain] == plain


if __name__ == "__main__":
    main(*sys.argv[1:])
