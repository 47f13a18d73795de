"""Processor time of retr() and noop(), poplib's and poplib_c's, in the same run.

    python benchmarks/retr.py [--rounds N]

A server process on loopback sends messages that are rendered beforehand. The two clients take
turns (A B B A ...), after a check that both return the same. Reported are the medians of the
user and system time of this process for one call, and their ratio: how many times as much
poplib takes.
"""

import argparse
import itertools
import multiprocessing
import poplib
import resource
import socket
import statistics

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


def serve(listener, replies):
    """Answer RETR n with replies[n] and anything else with +OK, one connection at a time."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as commands:
            connection.sendall(b"+OK ready\r\n")
            for command in commands:
                verb, _, number = command.rstrip().partition(b" ")
                connection.sendall(replies[int(number)] if verb == b"RETR" else b"+OK\r\n")


def caller(client, number, octets):
    return client.noop if octets == 0 else lambda: client.retr(number)


def check(address, number, octets):
    """Stop unless both clients return the same."""
    results = []
    for library in (poplib, poplib_c):
        client = library.POP3(*address)
        results.append(caller(client, number, octets)())
        client.close()
    if results[0] != results[1]:
        raise SystemExit(f"the results for {octets} octets differ: nothing is measured")


def measure(library, address, number, octets, calls):
    """Seconds of processor time for one call."""
    client = library.POP3(*address, timeout=60)
    call = caller(client, number, octets)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(calls):
        call()
    after = resource.getrusage(resource.RUSAGE_SELF)
    client.close()
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / calls


def compare(address, number, octets, calls, rounds):
    """Median seconds for one call, of poplib and of poplib_c."""
    turns = itertools.islice(
        itertools.cycle([poplib, poplib_c, poplib_c, poplib]), 2 * rounds + 2 * rounds % 4
    )
    seconds = {poplib: [], poplib_c: []}
    for library in turns:
        seconds[library].append(measure(library, address, number, octets, calls))
    return [statistics.median(seconds[library]) for library in (poplib, poplib_c)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=6, help="of each client (default: 6)")
    rounds = parser.parse_args().rounds
    replies = [render(octets) for _, octets, _ in WORKLOADS]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()[:2]
        server = multiprocessing.get_context("fork").Process(
            target=serve, args=(listener, replies), daemon=True
        )
        server.start()
        print(f"{'microseconds of processor time':32}{'poplib':>12}{'poplib_c':>12}{'ratio':>8}")
        try:
            for number, (name, octets, calls) in enumerate(WORKLOADS):
                check(address, number, octets)
                theirs, ours = compare(address, number, octets, calls, rounds)
                print(f"{name:32}{theirs * 1e6:12.1f}{ours * 1e6:12.1f}{theirs / ours:8.1f}")
        finally:
            server.terminate()
            server.join()


if __name__ == "__main__":
    main()
