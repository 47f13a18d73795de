"""The module: its names, their values, and the modules reached through it."""

import errno
import re
import socket
import subprocess
import sys
from importlib import metadata

import pytest

import poplib_c


@pytest.mark.row("Names")
def test_constants(pop):
    assert (pop.POP3_PORT, pop.POP3_SSL_PORT) == (110, 995)
    assert (pop.CR, pop.LF, pop.CRLF) == (b"\r", b"\n", b"\r\n")
    assert pop._MAXLINE == 2048


@pytest.mark.row("Names")
def test_public_names(pop):
    encrypted = {"POP3_SSL"} if hasattr(pop, "POP3_SSL") else set()
    assert set(pop.__all__) == {"POP3", "error_proto"} | encrypted
    assert type(pop.__all__) is list
    assert bool(encrypted) is pop.HAVE_SSL


@pytest.mark.row("Names")
def test_import_of_everything(pop):
    names = {}
    exec(f"from {pop.__name__} import *", names)
    assert set(pop.__all__) == set(names) - {"__builtins__"}


@pytest.mark.row("Modules behind it")
@pytest.mark.parametrize("module", [socket, errno, re, sys], ids=lambda module: module.__name__)
def test_modules_reached_through_the_module(pop, module):
    assert getattr(pop, module.__name__) is module


@pytest.mark.row("Modules behind it")
def test_ssl_reached_through_the_module(pop):
    import ssl

    assert pop.ssl is ssl


def test_unknown_name(pop):
    with pytest.raises(AttributeError, match="no_such_name"):
        pop.no_such_name  # noqa: B018


@pytest.mark.row("_MAXLINE")
def test_maxline_is_restored_by_monkeypatch(pop):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pop, "_MAXLINE", 4096)
        assert pop._MAXLINE == vars(pop)["_MAXLINE"] == 4096
    assert pop._MAXLINE == 2048


@pytest.mark.parametrize("name", ["socket", "error_proto"])
def test_a_name_of_the_module_can_be_replaced(pop, monkeypatch, name):
    marker = object()
    monkeypatch.setattr(pop, name, marker)
    assert getattr(pop, name) is marker


@pytest.mark.row("Modules behind it")
def test_the_socket_module_can_be_replaced(pop, monkeypatch, socket_double):
    class Fake:
        def create_connection(self, *arguments):
            self.asked = arguments
            return socket_double(b"+OK fake\r\n")

    fake = Fake()
    monkeypatch.setattr(pop, "socket", fake)
    assert pop.POP3("mail.example.org", 110, 3).welcome == b"+OK fake"
    assert fake.asked == (("mail.example.org", 110), 3)


@pytest.mark.differs("lazy_modules")
def test_import_brings_no_ssl(pop, ours):
    code = f"import sys, {pop.__name__}; print('ssl' in sys.modules)"
    output = subprocess.check_output([sys.executable, "-c", code], timeout=30, text=True)
    assert output.strip() == str(not ours)


def test_the_openssl_that_is_loaded_and_our_own_version():
    assert re.match(r"(Open|Libre)SSL \d+\.\d", poplib_c.OPENSSL_VERSION)
    assert poplib_c.__version__ == metadata.version("poplib_c")


def test_import_takes_few_modules_along():
    """Others import typing, re and so on when they need them."""
    code = f"""
import sys, __future__, _operator, io, os
sys.path[:0] = {sys.path!r}
before = set(sys.modules)
import poplib_c
print(*set(sys.modules) - before)
"""
    imported = subprocess.check_output(
        [sys.executable, "-I", "-S", "-c", code], timeout=30, text=True
    )
    ours = ["_attributes", "_forks", "_install", "_options", "_reader", "_redact", "_replies"]
    assert set(imported.split()) == {
        "_cpoplib",
        "poplib_c",
        *(f"poplib_c.{name}" for name in ours),
    }


@pytest.mark.skipif(sys.version_info < (3, 15), reason="Python 3.15 has lazy imports")
def test_where_every_import_is_lazy_the_types_are_complete():
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from poplib_c import POP3, Reader, error_proto
print(error_proto(b"-ERR [IN-USE] later").code, "timestamp" in vars(POP3), Reader.mode)
print("poplib_c._forks" in sys.modules)
"""
    output = subprocess.check_output(
        [sys.executable, "-X", "lazy_imports=all", "-I", "-c", code], timeout=30, text=True
    )
    assert output == "IN-USE True rb\nTrue\n"
