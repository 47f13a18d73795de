"""What setup.py says where it can't build."""

import runpy
import sys
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run_setup(monkeypatch):
    """Runs setup.py up to its last line, and gives its names."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    return lambda: runpy.run_path("setup.py")


def test_windows_is_refused_with_the_reason_and_what_to_do(run_setup, monkeypatch):
    build = run_setup()["BuildExt"](setuptools.Distribution())
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit) as refusal:
        build.run()
    told = str(refusal.value)
    assert told.startswith("error: poplib_c can't be built on Windows: it calls POSIX's sockets")
    assert "Use poplib, which has the same classes and methods" in told


def test_a_static_openssl_that_is_not_there(run_setup, monkeypatch, tmp_path):
    monkeypatch.setenv("POPLIB_C_STATIC_OPENSSL", "1")
    monkeypatch.setenv("OPENSSL_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match="there are no static libraries in its lib/"):
        run_setup()


def test_a_static_openssl_is_linked_and_hidden(run_setup, monkeypatch, tmp_path):
    monkeypatch.setenv("POPLIB_C_STATIC_OPENSSL", "1")
    monkeypatch.setenv("OPENSSL_DIR", str(tmp_path))
    (tmp_path / "lib").mkdir()
    archives = [tmp_path / "lib" / name for name in ("libssl.a", "libcrypto.a")]
    for archive in archives:
        archive.touch()
    for platform, hiding in (("linux", "--exclude-libs,ALL"), ("darwin", "_PyInit__cpoplib")):
        monkeypatch.setattr(sys, "platform", platform)
        extension = run_setup()["extension"]()
        assert extension.extra_objects == list(map(str, archives)) and not extension.libraries
        assert hiding in extension.extra_link_args[0]
