"""A thousand connections over TLS, good and failed: nothing is kept."""

import contextlib
import gc
import ssl
import threading
import time

from poplib_c import POP3, POP3_SSL
from poplib_c.testing import POP3Server

from .support import SANITIZED, SHORT, TIMEOUT, open_descriptors
from .test_leaks import fails, resident
from .tls import Cut, Relay, make_context

ROUNDS = 1000
WARM = 200


def cut_in_the_handshake(number, record, send):
    if number == 1:
        raise Cut
    send(record)


class Servers:
    """One for each way to fail."""

    def __init__(self, stack, authority, context):
        ca = authority.ca
        strict = make_context(ca)
        strict.verify_mode = ssl.CERT_REQUIRED
        self.ca = authority.ca_file
        self.stranger = authority.self_signed("127.0.0.1")
        wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("wrong.example.org").configure_cert(wrong)
        for name, options in {
            "good": {"tls": context},
            "plain": {},
            "stls": {"stls": context},
            "strict": {"tls": strict},
            "wrong": {"tls": wrong},
        }.items():
            server = stack.enter_context(POP3Server([b"x"], **options))
            setattr(self, name, server.address)
        # More than are kept, and old enough to be.
        self.cas = [f"{'/.' * number}{self.ca}" for number in range(20)]
        self.cut = stack.enter_context(Relay(self.good, cut_in_the_handshake)).address


def good(servers):
    client = POP3_SSL(*servers.good, timeout=TIMEOUT)
    client.user("alice")
    client.pass_("secret")
    client.retr(1)
    client.quit()


def verified(servers):
    client = POP3_SSL(*servers.good, timeout=TIMEOUT, verify=servers.ca)
    client.sock.getpeercert()
    client.sock.get_channel_binding("tls-server-end-point")
    client.close()


def verified_by_many_files(servers):
    servers.cas.append(servers.cas.pop(0))
    POP3_SSL(*servers.good, timeout=TIMEOUT, verify=servers.cas[0]).close()


def stls(servers):
    client = POP3(*servers.stls, timeout=TIMEOUT)
    client.stls()
    client.capa()
    client.close()


def unknown_authority(servers):
    verify = servers.stranger.ca_file
    fails(ssl.SSLCertVerificationError, POP3_SSL, *servers.good, timeout=TIMEOUT, verify=verify)


def wrong_host(servers):
    verify = servers.ca
    fails(ssl.SSLCertVerificationError, POP3_SSL, *servers.wrong, timeout=TIMEOUT, verify=verify)


def cut_handshake(servers):
    fails(ssl.SSLEOFError, POP3_SSL, *servers.cut, timeout=TIMEOUT)


def plain_server(servers):
    fails(ssl.SSLError, POP3_SSL, *servers.plain, timeout=TIMEOUT)


def no_client_certificate(servers):
    fails(ssl.SSLError, POP3_SSL, *servers.strict, timeout=TIMEOUT)


def no_certificate_file(servers):
    fails(FileNotFoundError, POP3_SSL, *servers.good, certfile="no such file")
    fails(ssl.SSLError, POP3_SSL, *servers.good, certfile=servers.ca)


def refused_stls(servers):
    client = POP3(*servers.stls, timeout=TIMEOUT)
    fails(ssl.SSLCertVerificationError, client.stls, verify=servers.stranger.ca_file)


def left_in_a_cycle(servers):
    client = POP3_SSL(*servers.good, timeout=TIMEOUT)
    client.itself = client
    client.sock.owner = client
    client.close()


WAYS = [good, verified, stls, unknown_authority, wrong_host, cut_handshake, plain_server]
WAYS += [no_client_certificate, no_certificate_file, refused_stls, left_in_a_cycle]
WAYS += [verified_by_many_files]


def usage():
    gc.collect()
    return open_descriptors(), threading.active_count(), resident()


def test_a_thousand_connections(authority, server_context):
    """A session of OpenSSL alone is tens of kilobytes, each way is taken ninety times."""
    with contextlib.ExitStack() as stack:
        servers = Servers(stack, authority, server_context)
        before = None
        for number in range(ROUNDS):
            if number == WARM:
                before = usage()
            if number % 50 == 0:
                gc.collect()
            WAYS[number % len(WAYS)](servers)
        deadline = time.monotonic() + TIMEOUT
        while usage()[:2] > before[:2] and time.monotonic() < deadline:
            time.sleep(SHORT)  # The servers' ends.
        after = usage()
    assert after[:2] <= before[:2]
    assert after[2] - before[2] < 2**20 or SANITIZED
