"""Processor time of retr() and noop(), poplib's and poplib_c's, in the same run.

    python benchmarks/retr.py [--rounds N]

A server process on loopback sends messages that are rendered beforehand, in plain text and over
TLS. The clients take turns (A B B A ...), after a check that all return the same. Reported are
the medians of the user and system time of this process for one call, and how many times as much
poplib takes as poplib_c.

Over TLS there is a third client, the least that Python code can do: it calls recv_into() of an
ssl.SSLSocket in a loop and splits what has come into lines.
"""

import argparse
import contextlib
import itertools
import multiprocessing
import poplib
import resource
import socket
import ssl
import statistics

import trustme

import poplib_c

LINE = b"All the lines of these messages have sixty-four octets in them" + b"\r\n"
WORKLOADS = [  # what, octets of the message, calls
    ("noop()", 0, 5000),
    ("retr() of 2 kB", 2_000, 2000),
    ("retr() of 20 kB", 20_000, 500),
    ("retr() of 20 MB", 20_000_000, 2),
]


def render(octets):
    """The reply to a command: with a message of that many octets, or to NOOP."""
    if octets == 0:
        return b"+OK\r\n"
    return b"+OK message follows\r\n" + LINE * (octets // len(LINE)) + b".\r\n"


def serve(listener, context, replies):
    """Answer RETR n with replies[n] and anything else with +OK, one connection at a time."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError), connection:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as commands:
                connection.sendall(b"+OK ready\r\n")
                for command in commands:
                    verb, _, number = command.rstrip().partition(b" ")
                    connection.sendall(replies[int(number)] if verb == b"RETR" else b"+OK\r\n")


class Loop:
    """recv_into() of an ssl.SSLSocket, and the lines."""

    def __init__(self, host, port, timeout):
        self._space = memoryview(bytearray(262144))
        context = ssl._create_unverified_context()
        self._sock = context.wrap_socket(socket.create_connection((host, port), timeout))
        self._receive()

    def _receive(self, end=b"\r\n"):
        received = bytearray()
        while not received.endswith(end):
            received += self._space[: self._sock.recv_into(self._space)]
        return bytes(received)

    def noop(self):
        self._sock.sendall(b"NOOP\r\n")
        return self._receive()[:-2]

    def retr(self, number):
        self._sock.sendall(b"RETR %d\r\n" % number)
        response, *lines, _, _ = self._receive(b"\r\n.\r\n").split(b"\r\n")
        return response, lines, sum(map(len, lines)) + 2 * len(lines)

    def close(self):
        self._sock.close()


CLIENTS = {
    "plain": {"poplib": poplib.POP3, "poplib_c": poplib_c.POP3},
    "TLS": {"poplib": poplib.POP3_SSL, "poplib_c": poplib_c.POP3_SSL, "loop": Loop},
}


def connect(kind, address):
    return kind(*address, timeout=60)


def caller(client, number, octets):
    return client.noop if octets == 0 else lambda: client.retr(number)


def check(kinds, address, number, octets):
    """Stop unless all clients return the same."""
    results = []
    for kind in kinds.values():
        client = connect(kind, address)
        results.append(caller(client, number, octets)())
        client.close()
    if any(result != results[0] for result in results):
        raise SystemExit(f"the results for {octets} octets differ: nothing is measured")


def measure(kind, address, number, octets, calls):
    """Seconds of processor time for one call."""
    client = connect(kind, address)
    call = caller(client, number, octets)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(calls):
        call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    client.close()
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls


def compare(kinds, address, number, octets, calls, rounds):
    """Median seconds for one call, by the client's name."""
    seconds = {name: [] for name in kinds}
    forth, back = list(kinds), list(reversed(kinds))
    for turn in itertools.islice(itertools.cycle([forth, back]), rounds):
        for name in turn:
            seconds[name].append(measure(kinds[name], address, number, octets, calls))
    return {name: statistics.median(taken) for name, taken in seconds.items()}


@contextlib.contextmanager
def server(context):
    """The address of a server in a process of its own."""
    replies = [render(octets) for _, octets, _ in WORKLOADS]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = multiprocessing.get_context("fork").Process(
            target=serve, args=(listener, context, replies), daemon=True
        )
        process.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            process.terminate()
            process.join()


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def report(link, address, rounds):
    kinds = CLIENTS[link]
    for number, (name, octets, calls) in enumerate(WORKLOADS):
        check(kinds, address, number, octets)
        taken = compare(kinds, address, number, octets, calls, rounds)
        ratio = taken["poplib"] / taken["poplib_c"]
        columns = "".join(f"{seconds * 1e6:12.1f}" for seconds in taken.values())
        print(f"{link:6}{name:18}{ratio:8.1f}{columns}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6, help="of each client (default: 6)")
    rounds = parser.parse_args().rounds
    heads = "".join(f"{name:>12}" for name in CLIENTS["TLS"])
    print(f"{'microseconds of processor':26}{'ratio':>6}{heads}")
    for link, context in (("plain", None), ("TLS", tls_context())):
        with server(context) as address:
            report(link, address, rounds)


if __name__ == "__main__":
    main()
