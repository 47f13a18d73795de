"""The workloads, and the goals for their ratios to poplib."""

from dataclasses import dataclass, replace

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Workload:
    """Calls of one method on one connection, whole sessions, or the import."""

    name: str
    method: str  # noop, list, uidl, retr, top; no method: session, import, rest (memory at rest)
    mailbox: str = "1k x 1"
    calls: int = 1
    goal: float = 0.0  # poplib's processor time divided by poplib_c's; 0: no goal
    tls: bool = False
    verify: bool = False  # the server's certificate
    join: bool = False  # b"\n".join(lines) after each
    ours: str = ""  # the method or option of poplib_c; see client.py
    wall: float = 0.0  # the goal for the wall time; 0: no goal
    timeout: float = 0.0  # of the socket, in seconds; 0: none
    threads: int = 1  # each with a connection, and its share of the calls
    delay: int = 0  # milliseconds of a round trip
    in_pieces: bool = False  # the server sends replies so, and waits for acknowledgements
    quick: int = 0  # calls with --quick; 0: a tenth

    @property
    def clients(self):
        """The clients that can run it. The limits support commands; those in C, no options."""
        names = ["poplib", "poplib_c"]
        if self.ours or self.in_pieces:
            return names
        if self.method not in ("session", "import", "rest"):
            names += ["list", "python"]
            if self.threads == 1 and not (self.join or self.timeout or self.delay):
                names += ["split", "receive"]
        return names

    @property
    def multiline(self):
        return self.method != "noop"

    @property
    def template(self):
        """The command for receiver.c."""
        arguments = {"retr": " %zu", "top": " %zu 0"}.get(self.method, "")
        return self.method.upper() + arguments

    def shortened(self):
        return replace(self, calls=self.quick or max(1, self.calls // 10))


LISTING = "1k x 200000"
SMALL, MIDDLE, LARGE = "2k x 10000", "20k x 2000", "20M x 20"


def _variants():
    plain = [
        Workload("NOOP", "noop", calls=20000, goal=1.4),
        Workload("LIST of 200,000", "list", LISTING, 5, goal=9, quick=1),
        Workload("UIDL of 200,000", "uidl", LISTING, 5, goal=9, quick=1),
        Workload("TOP n 0", "top", SMALL, 10000, goal=1.9),
        Workload("RETR 2 kB", "retr", SMALL, 10000, goal=2.5),
        Workload("RETR 20 kB", "retr", MIDDLE, 2000, goal=7.5),
        Workload("RETR 20 MB", "retr", LARGE, 20, goal=5.5, quick=1),
    ]
    retr = [workload for workload in plain if workload.method == "retr"]
    goals = {SMALL: 1.8, MIDDLE: 0.0, LARGE: 5.0}
    yield Workload("import", "import", goal=5)
    yield Workload("connect, login, quit", "session", calls=500, goal=1.1)
    yield Workload("connect, login, quit, TLS", "session", calls=100, goal=1.1, tls=True)
    verified = Workload("", "session", calls=100, goal=1.0, tls=True, verify=True)
    yield replace(verified, name="connect, login, quit, verified TLS")
    yield from plain
    for each in retr:
        yield replace(each, name=f"{each.name}, join", join=True, goal=0.0)
    for each in retr:
        yield replace(each, name=f"{each.name}, TLS", tls=True, goal=goals[each.mailbox])
    for each in plain:
        if each.method in ("noop", "retr"):
            yield replace(each, name=f"{each.name}, timeout", timeout=60.0)
    yield Workload("RETR 20 kB, 8 threads", "retr", MIDDLE, 4000, goal=7, threads=8)
    for threads in (2, 4):
        each = Workload(f"RETR 20 kB, {threads} threads", "retr", MIDDLE, 4000, threads=threads)
        yield each
        yield replace(each, name=f"20 kB, retr_many, {threads} threads", ours="retr_many")
    yield Workload("RETR 2 kB, 20 ms away", "retr", SMALL, 50, delay=20)
    away = Workload("", "retr", SMALL, 200, delay=20, wall=50, quick=200)
    for ours in ("retr_many", "read_ahead"):
        yield replace(away, name=f"200 messages 20 ms away, {ours}", ours=ours)
    for tls in (False, True):
        name = "RETR 2 kB, server in pieces" + ", TLS" * tls
        yield Workload(name, "retr", SMALL, 100, wall=50, tls=tls, in_pieces=True, quick=100)
        name = "memory at rest" + ", TLS" * tls
        yield Workload(name, "rest", MIDDLE, 200, tls=tls, quick=100)
    yield Workload("2 kB, retr_many", "retr", SMALL, 10000, goal=20, ours="retr_many")
    yield Workload("2 kB, read_ahead", "retr", SMALL, 10000, ours="read_ahead")
    for ours in ("retr_bytes", "retr_into"):
        yield Workload(f"20 kB, {ours}", "retr", MIDDLE, 2000, goal=12, ours=ours)
        yield Workload(f"20 MB, {ours}", "retr", LARGE, 20, goal=15, ours=ours, quick=1)


WORKLOADS = list(_variants())

# Lines in one reply: does the cost of a line grow?
GROWTH_LINES = (10_000, 100_000, 1_000_000, 10_000_000)
# A mailbox, and messages to fetch on one connection: does the cost of a message grow?
GROWTH_MESSAGES = ("2k x 10000", 50_000)
