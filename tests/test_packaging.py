"""What setup.py compiles, and what it says where it can't build."""

import os
import re
import runpy
import sys
from pathlib import Path

import pytest
import setuptools

import poplib_c

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


def test_the_page_on_pypi_has_absolute_links(run_setup):
    names = run_setup()
    assert names["readme"](None) == (ROOT / "README.rst").read_text()
    url = "https://example.org/owner/name"
    page = names["readme"](url)
    targets = re.findall(r"<([^<>\s]+)>`_", page) + re.findall(r"image:: (\S+)", page)
    tag = f"v{poplib_c.__version__}"
    assert len(targets) > 10
    for target in [*targets, *names["links"](url).values()]:
        assert target.startswith(url)
        path = re.sub(rf"{url}(/issues$|/(blob|raw)/{tag}/)?", "", target)
        assert (ROOT / path).exists()


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


def test_what_changed_is_compiled(run_setup, monkeypatch, tmp_path):
    names = run_setup()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.h").write_text("int number;\n")
    (tmp_path / "one.c").write_text('#include "a b.h"\n')
    (tmp_path / "two.c").write_text("int other;\n")
    last = {}

    def build(*flags):
        """Which of one and two were compiled, now."""
        extension = setuptools.Extension(
            "_sample", ["one.c", "two.c"], extra_compile_args=["-MD", *flags]
        )
        command = names["BuildExt"](setuptools.Distribution({"ext_modules": [extension]}))
        command.build_temp = command.build_lib = "build"
        command.ensure_finalized()
        command.run()
        made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("build/*/*.o")}
        found = sorted(path.stem for path in made if made[path] != last.get(path))
        last.update(made)
        return found

    assert build() == ["one", "two"]
    assert build() == []
    (tmp_path / "a b.h").write_text("long number;\n")
    assert build() == ["one"]
    (tmp_path / "two.c").write_text("int another;\n")
    assert build() == ["two"]
    os.utime(tmp_path / "a b.h", (1, 1))
    assert build() == ["one"]
    assert build("-DFLAG") == ["one", "two"]
    assert build() == []
    (tmp_path / "a b.h").rename(tmp_path / "gone.h")
    (tmp_path / "one.c").write_text("")
    assert build() == ["one"]
