"""What every test run says about itself, servers, certificates, and the guard against leaks."""

import contextlib
import fcntl
import gc
import os
import signal
import ssl
import sys
import threading
import time
from pathlib import Path

import certificates
import pytest
from integration import dovecot as dovecot_server
from integration.dovecot_config import TLS
from integration.server import Unavailable

REAL_SERVERS = pytest.StashKey[list]()
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
MACHINE = pytest.StashKey["Machine"]()


def pytest_configure(config):
    # Ignored in the background of a shell, or under nohup; programs of tests would inherit that.
    for number, handler in DEFAULTS.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    config.stash[REAL_SERVERS] = []
    config.stash[MACHINE] = Machine()
    config.add_cleanup(config.stash[MACHINE].close)
    config.addinivalue_line("markers", "alone: no other test of this checkout runs meanwhile")
    config.addinivalue_line("markers", "row(name, ...): tests rows of docs/compatibility.rst")
    config.addinivalue_line("markers", "cluster: needs dask.distributed; make docs runs it")
    try:
        import poplib_c  # noqa: F401
    except ImportError as exc:
        raise pytest.UsageError(f"{exc} (make test builds it)") from exc


def pytest_report_header(config):
    import _cpoplib

    lines = [
        f"interpreter: {sys.executable}",
        f"extension: {_cpoplib.__file__}",
        f"OpenSSL: {_cpoplib.OPENSSL_VERSION}",
    ]
    try:
        server = str(dovecot_server.find())
    except Unavailable as exc:
        server = f"none: {exc}"
    return [*lines, f"real servers: {server}"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """$JOBS, else one for each processor; none where they would start longer than they work."""
    one_file = len(config.args) == 1 and os.path.isfile(config.args[0].partition("::")[0])
    jobs = 1 if one_file else int(os.environ.get("JOBS") or os.cpu_count() or 1)
    return jobs if jobs > 1 else 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that take long come first, tests that run alone last."""

    def order(item):
        longest = max((mark.args[0] for mark in item.iter_markers("timeout")), default=0)
        return item.get_closest_marker("alone") is not None, -longest

    items.sort(key=order)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Waits for the machine, which counts for no timeout."""
    with item.config.stash[MACHINE].taken(item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["real servers"] = session.config.stash[REAL_SERVERS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    used = node.config.stash[REAL_SERVERS]
    reported = getattr(node, "workeroutput", {}).get("real servers", [])
    used += [server for server in reported if server not in used]


def pytest_terminal_summary(terminalreporter, config):
    used = ", ".join(config.stash[REAL_SERVERS]) or "none was used"
    terminalreporter.write_line(f"real servers: {used}")


class Machine:
    """What tests share, or have to themselves; locks of the kernel, so for all processes."""

    def __init__(self):
        here = Path(__file__)
        # Whoever waits to be alone keeps the door, so that nobody else goes in.
        self.door, self.room = (os.open(path, os.O_RDONLY) for path in (here, here.parent))

    def close(self):
        os.close(self.door)
        os.close(self.room)

    @contextlib.contextmanager
    def taken(self, alone):
        fcntl.flock(self.door, fcntl.LOCK_EX)
        try:
            fcntl.flock(self.room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        finally:
            fcntl.flock(self.door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            # Not by closing, which leaves it to the children that a test has forked.
            fcntl.flock(self.room, fcntl.LOCK_UN)


@pytest.fixture(scope="session")
def unavailable():
    """Ends the test for want of something outside the project: skipped, but failed in CI."""

    def end(reason):
        if os.environ.get("CI"):
            raise pytest.fail.Exception(reason, pytrace=False) from None
        raise pytest.skip.Exception(reason) from None

    return end


@pytest.fixture(scope="session")
def authority():
    """Issues certificates."""
    with certificates.Authority() as authority:
        yield authority


@pytest.fixture(scope="session")
def start_server(request):
    """start_server(server): starts it, until the end; the summary of the run names it."""
    with contextlib.ExitStack() as stack:

        def start(server):
            stack.enter_context(server)
            used = request.config.stash[REAL_SERVERS]
            if str(server) not in used:
                used.append(str(server))
            return server

        yield start


@pytest.fixture(scope="session")
def start_dovecot(start_server, unavailable):
    """Starts a Dovecot that runs until the end: start_dovecot(tls=None)."""

    def start(tls=None):
        try:
            installation = dovecot_server.find()
        except Unavailable as exc:
            unavailable(str(exc))
        return start_server(dovecot_server.Dovecot(installation, tls))

    return start


@pytest.fixture(scope="session")
def dovecot(authority, start_dovecot):
    """A running Dovecot, with TLS 1.2 and 1.3."""
    return start_dovecot(TLS(authority.issue(*certificates.HOSTS)))


@pytest.fixture(scope="session")
def ca(authority):
    """The certification authority of this run: a trustme.CA, which no system trusts."""
    return authority.ca


@pytest.fixture(scope="session")
def server_context(ca):
    """A server's ssl.SSLContext as localhost, 127.0.0.1 and ::1; of all tests, so not to change.

    Another certificate, or one in a file, is a test's own: ``ca.issue_cert("example.org")``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


@pytest.fixture(scope="session")
def client_context(ca):
    """A client's ssl.SSLContext that trusts ``ca`` alone and checks the host; not to change."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.configure_trust(context)
    return context


def _open_sockets():
    """The process's sockets as the kernel names them; empty where it has no /proc."""
    sockets = set()
    for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:"):
            sockets.add((int(descriptor), target))
    return sockets


@pytest.fixture(autouse=True)
def nothing_left_behind(request):
    """Fails a test that leaves threads running or sockets open."""
    failures = request.session.testsfailed
    threads, sockets = set(threading.enumerate()), _open_sockets()
    yield
    if request.session.testsfailed > failures:
        return  # The traceback keeps the test's objects alive.
    deadline = time.monotonic() + 5
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(max(0, deadline - time.monotonic()))
    left = [thread for thread in left if thread.is_alive()]
    assert not left, f"threads still running: {left}"
    if _open_sockets() - sockets:
        gc.collect()
    left = _open_sockets() - sockets
    assert not left, f"sockets still open (descriptor, socket): {sorted(left)}"
