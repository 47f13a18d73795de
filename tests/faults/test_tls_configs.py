"""Connections that share a configuration of TLS: what is read, when, and what is their own."""

import contextlib
import ctypes
import os
import ssl
import struct
import subprocess
import sys
import time

import pytest
from certificates import trustme

from poplib_c import POP3_SSL, _tls
from poplib_c.testing import POP3Server

from .support import TIMEOUT, Call, in_child, run_program
from .test_interpreters import COMMON
from .tls import greeted, make_context, versions

#: A file that has changed since then is read for each connection.
TICK = 2.1


@pytest.fixture
def server(server_context):
    with POP3Server(tls=server_context) as server:
        yield server


@pytest.fixture
def pems(authority):
    """The server's authority and another one, as files of one size."""
    pems = [authority.ca.cert_pem.bytes(), trustme.CA().cert_pem.bytes()]
    size = max(map(len, pems)) + 10
    return [pem.ljust(size, b"\n") for pem in pems]


def connect(server, verify, **options):
    POP3_SSL(*server.address, timeout=TIMEOUT, verify=verify, **options).close()


def is_trusted(server, verify):
    try:
        connect(server, verify)
    except ssl.SSLCertVerificationError:
        return False
    return True


def age(*paths):
    """Waits until the files are old enough to be shared."""
    newest = max(os.stat(path).st_ctime for path in paths)
    time.sleep(max(0, newest + TICK - time.time()))


class Opened:
    """Counts how often a file is opened."""

    IN_OPEN, IN_CLOSE_NOWRITE, IN_NONBLOCK = 0x20, 0x10, 0x800

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(self.IN_NONBLOCK)
        # Equal events become one; opening and closing take turns.
        events = self.IN_OPEN | self.IN_CLOSE_NOWRITE
        assert libc.inotify_add_watch(self.fd, os.fsencode(path), events) >= 0
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *details):
        os.close(self.fd)

    def look(self):
        with contextlib.suppress(BlockingIOError):
            events = os.read(self.fd, 65536)
            while events:
                _, mask, _, length = struct.unpack_from("iIII", events)
                self.count += bool(mask & self.IN_OPEN)
                events = events[16 + length :]
        return self.count


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify counts")


def by_name(path, monkeypatch):
    return path


def by_the_environment(path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return True


every_source = pytest.mark.parametrize("source", [by_name, by_the_environment])


@linux
@every_source
def test_the_file_is_read_once(server, pems, tmp_path, monkeypatch, source):
    path = tmp_path / "ca.pem"
    path.write_bytes(pems[0])
    verify = source(path, monkeypatch)
    age(path)
    with Opened(path) as opened:
        for _ in range(200):
            connect(server, verify)
            opened.look()
        assert opened.count == 1


@linux
def test_with_client_certificates(server, pems, authority, tmp_path):
    """They are read for each connection, the trusted certificates once."""
    path = tmp_path / "ca.pem"
    path.write_bytes(pems[0])
    mine = authority.issue("alice@example.org")
    age(path)
    with Opened(path) as opened, Opened(mine.key_file) as key_opened:
        for _ in range(20):
            connect(server, path, certfile=mine.file, keyfile=mine.key_file)
            opened.look(), key_opened.look()
        assert opened.count == 1
        assert key_opened.count == 20
    path.write_bytes(pems[1])
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server, path, certfile=mine.file, keyfile=mine.key_file)


class Reading:
    """A call that is reading a long file of trusted certificates."""

    def __init__(self, server, path, pem):
        path.write_bytes(3000 * pem)
        age(path)
        self.opened = Opened(path)
        self.call = Call(is_trusted, server, path)
        while not self.opened.look():
            time.sleep(0.001)

    def end(self):
        assert self.call.end()
        os.close(self.opened.fd)


@linux
def test_threads_that_want_it_at_once(server, pems, tmp_path):
    path = tmp_path / "ca.pem"
    reading = Reading(server, path, pems[0])
    others = [Call(is_trusted, server, path) for _ in range(3)]
    assert all(call.end() for call in others)
    assert reading.opened.look() == 1
    reading.end()


def test_an_error_is_raised_outside_the_lock(server, monkeypatch):
    """Code that runs then may wait for a thread that connects."""
    new_error, blocked = _tls.new_error, []

    def wait(*details):
        monkeypatch.undo()
        call = Call(connect, server, subprocess.__file__)
        blocked.append(call.is_blocked(TIMEOUT / 2))
        return new_error(*details)

    monkeypatch.setattr(_tls, "new_error", wait)
    with pytest.raises(ssl.SSLError, match="no CA certificates"):
        connect(server, os.__file__)
    assert blocked == [False]


@linux
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork_while_a_thread_reads(server, pems, tmp_path):
    """The child waits for nothing that the thread has held."""
    short = tmp_path / "short.pem"
    short.write_bytes(pems[0])
    reading = Reading(server, tmp_path / "long.pem", pems[0])
    assert in_child(lambda: connect(server, short)) == 0
    reading.end()


FREED_IN_A_CHILD = """
import ctypes, os, sys
import _cpoplib
from poplib_c import POP3_SSL

freed = []
pointer = ctypes.c_void_p
kind = ctypes.CFUNCTYPE(None, *[pointer] * 3, ctypes.c_int, ctypes.c_long, pointer)
note = kind(lambda *values: freed.append(values))
CRYPTO_EX_INDEX_SSL_CTX = 1
libraries = ctypes.CDLL(_cpoplib.__file__)
assert libraries.CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, None, None, None, note) >= 0


def connect(verify):
    POP3_SSL("127.0.0.1", int(sys.argv[1]), timeout=10, verify=verify).close()


connect(sys.argv[2])
child = os.fork()
if child == 0:
    os._exit(len(freed))
print(os.waitpid(child, 0)[1], len(freed))
# Its SSL_CTX is not shared, because the file is new.
os.utime(sys.argv[3])
connect(sys.argv[3])
print(len(freed), flush=True)
os._exit(0)
"""


def test_fork_frees_nothing(server, pems, tmp_path):
    """A thread may have held one of OpenSSL's locks; nobody releases it in the child."""
    old, new = tmp_path / "old.pem", tmp_path / "new.pem"
    for path in (old, new):
        path.write_bytes(pems[0])
    age(old)
    output, _ = run_program(FREED_IN_A_CHILD, server.port, old, new)
    assert output == "0 0\n1\n"


def rename(path, pem):
    new = path.with_suffix(".new")
    new.write_bytes(pem)
    os.replace(new, path)


def rewrite(path, pem):
    """Neither size, nor time, nor inode change."""
    before = path.stat()
    path.write_bytes(pem)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


every_change = pytest.mark.parametrize("change", [rename, rewrite])


@every_source
@every_change
def test_a_file_that_is_replaced(server, pems, tmp_path, monkeypatch, source, change):
    path = tmp_path / "ca.pem"
    path.write_bytes(pems[0])
    verify = source(path, monkeypatch)
    age(path)
    assert is_trusted(server, verify)
    change(path, pems[1])
    assert not is_trusted(server, verify)


@linux
def test_a_new_file_is_read_each_time(server, pems, tmp_path):
    """It may change once more within the same tick of the clock of the file system."""
    path = tmp_path / "ca.pem"
    path.write_bytes(pems[0])
    os.utime(path, (0, 0))
    with Opened(path) as opened:
        for _ in range(3):
            connect(server, path)
            opened.look()
        assert opened.count == 3


def name_of(directory, pem):
    """The name by which OpenSSL finds the certificate."""
    file = directory / "any.pem"
    file.write_bytes(pem)
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(file)]
    digest = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=30).stdout
    return directory / f"{digest.decode().strip()}.0"


def by_another_environment(path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    monkeypatch.setenv("SSL_CERT_DIR", str(path))
    return True


@pytest.mark.parametrize("source", [by_name, by_another_environment])
def test_a_directory_that_changes(server, pems, tmp_path, monkeypatch, source):
    verify = source(tmp_path, monkeypatch)
    name = name_of(tmp_path, pems[0])
    age(tmp_path)
    assert not is_trusted(server, verify)
    name.write_bytes(pems[0])
    assert is_trusted(server, verify)
    age(tmp_path, name)
    assert is_trusted(server, verify)
    rewrite(name, pems[1])
    assert not is_trusted(server, verify)
    rewrite(name, pems[0])
    age(tmp_path, name)
    assert is_trusted(server, verify)
    name.unlink()
    assert not is_trusted(server, verify)


def test_links_out_of_a_directory(server, pems, tmp_path):
    """They lead to another certificate, as old as the first."""
    current, trusted = tmp_path / "current", tmp_path / "trusted"
    trusted.mkdir()
    name = name_of(tmp_path, pems[0]).name
    for folder, pem in zip(("first", "second"), pems):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(pem)
    current.symlink_to("first")
    (trusted / name).symlink_to(current / name)
    age(trusted, trusted / name, tmp_path / "second" / name)
    assert is_trusted(server, trusted)
    current.unlink()
    current.symlink_to("second")
    assert not is_trusted(server, trusted)


@linux
def test_a_directory_is_shared(server, pems, tmp_path):
    """One certificate of each name is compared with the file; OpenSSL reads all."""
    name = name_of(tmp_path, pems[0])
    other = name.with_suffix(".1")
    for path in (name, other):
        path.write_bytes(pems[0])
    age(tmp_path, name, other)
    with Opened(other) as opened:
        for _ in range(20):
            connect(server, tmp_path)
            opened.look()
        assert opened.count == 1


def test_the_environment_changes(server, pems, tmp_path, monkeypatch):
    paths = [tmp_path / "right.pem", tmp_path / "wrong.pem"]
    for path, pem in zip(paths, pems):
        path.write_bytes(pem)
    age(*paths)
    for _ in range(3):
        for path, expected in zip(paths, (True, False)):
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
            assert is_trusted(server, True) is expected
    monkeypatch.setenv("SSL_CERT_FILE", str(paths[0]))
    assert is_trusted(server, True)
    monkeypatch.delenv("SSL_CERT_FILE")
    assert not is_trusted(server, True)


def test_a_pipe_is_read_each_time(server, pems, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for _ in range(2):
        call = Call(is_trusted, server, path)
        path.write_bytes(pems[0])
        assert call.end()


def test_more_files_than_are_kept(server, pems, tmp_path):
    paths = [tmp_path / f"{number}.pem" for number in range(12)]
    for number, path in enumerate(paths):
        path.write_bytes(pems[number % 2])
    age(*paths)
    for _ in range(3):
        assert [is_trusted(server, path) for path in paths] == [True, False] * 6


def test_each_has_its_host(authority, tmp_path):
    """A name that does not match is refused, whoever has connected before."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.ca.issue_cert("127.0.0.1").configure_cert(context)
    age(authority.ca_file)
    with POP3Server(tls=context) as server:
        for _ in range(3):
            connect(server, authority.ca_file)
            with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
                POP3_SSL("localhost", server.port, timeout=TIMEOUT, verify=authority.ca_file)


@versions
def test_no_session_is_resumed(authority, version):
    context = make_context(authority.ca, version)
    age(authority.ca_file)
    for _ in range(3):
        with greeted(context, verify=authority.ca_file) as (client, there):
            client._putcmd("NOOP")
            assert there.recv(100) == b"NOOP\r\n"
            there.sendall(b"+OK\r\n")
            client._getresp()
            assert not there.session_reused


INTERPRETERS = """
values = {"port": int(sys.argv[1]), "ca": sys.argv[2]}
code = '''
import poplib_c
for _ in range(5):
    poplib_c.POP3_SSL("127.0.0.1", port, timeout=10, verify=ca).close()
'''
done = []

def session():
    execute(code, **values)
    done.append(True)

threads = [threading.Thread(target=session) for _ in range(4)]
for thread in threads:
    thread.start()
exec(code, values)
for thread in threads:
    thread.join()
print(len(done))
"""


def test_each_interpreter_has_its_own(server, authority):
    age(authority.ca_file)
    output, _ = run_program(COMMON + INTERPRETERS, server.port, authority.ca_file)
    assert output == "4\n"
