"""Runs workloads in fresh processes, all clients in turn, and collects what they cost."""

import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import loadserver
import workloads

CLIENT = Path(__file__).with_name("client.py")
TIMEOUT = 600
IMPORTS = 10  # in one measurement
IN_C = ("split", "receive")


@dataclass
class Row:
    """Medians of a workload: seconds of processor and wall for one call, octets of memory."""

    workload: workloads.Workload
    cpu: dict = field(default_factory=dict)
    wall: dict = field(default_factory=dict)
    rss: dict = field(default_factory=dict)
    runs: int = 0

    def ratio(self, client):
        """How many times as much poplib costs, or None."""
        return self.cpu["poplib"] / self.cpu[client] if client in self.cpu else None

    @property
    def of_limit(self):
        """How much of the list limit's ratio ours is, or None."""
        return self.cpu["list"] / self.cpu["poplib_c"] if "list" in self.cpu else None


class Failure(Exception):
    """The clients did not receive the same, or one of them failed."""


class Runner:
    """server, receiver: the programs; path: where the extension module listlimit is."""

    def __init__(self, server, receiver, path):
        self.server = server
        self.receiver = receiver
        self.path = str(path)

    # One run.

    def run_python(self, client, port, workload, what="measure"):
        task = {
            **{"client": client, "port": port, "what": what},
            **{"workload": asdict(workload), "path": [self.path]},
        }
        done = subprocess.run(
            [sys.executable, str(CLIENT)],
            input=json.dumps(task).encode(),
            stdout=subprocess.PIPE,
            timeout=TIMEOUT,
        )
        if done.returncode != 0:
            raise Failure(f"{workload.name}: {client} failed")
        return json.loads(done.stdout)

    def run_receiver(self, client, port, workload):
        link = "tls" if workload.tls else "plain"
        arguments = [client, port, link, workload.mailbox, workload.template]
        arguments += [int(workload.multiline), workload.calls]
        done = subprocess.run(
            [self.receiver, *map(str, arguments)], stdout=subprocess.PIPE, timeout=TIMEOUT
        )
        if done.returncode != 0:
            raise Failure(f"{workload.name}: {client} failed")
        cpu, wall, _ = map(float, done.stdout.split())
        return {"cpu": cpu / 1e6, "wall": wall / 1e6, "rss": 0}

    def run(self, client, ports, workload):
        port = ports["tls" if workload.tls else "plain"]
        if client in IN_C:
            return self.run_receiver(client, port, workload)
        if client.endswith(" alone"):
            return self.run_python(client.partition(" ")[0], port, replace(workload, threads=1))
        return self.run_python(client, port, workload)

    # A workload.

    def check(self, ports, workload):
        """Stop unless all clients in Python receive the same."""
        port = ports["tls" if workload.tls else "plain"]
        workload = replace(workload, threads=1)
        hashes = {
            client: self.run_python(client, port, workload, "check")["hash"]
            for client in workload.clients
            if client not in IN_C
        }
        if len(set(hashes.values())) != 1:
            raise Failure(f"{workload.name}: the clients received different things: {hashes}")

    def measure(self, workload, repetitions):
        """A Row."""
        if workload.method == "import":
            return measure_import(workload, repetitions)
        spin = loadserver.SPIN if workload.threads == 1 else 0
        with loadserver.serving(self.server, workload.delay, spin) as ports:
            self.check(ports, workload)
            clients = workload.clients
            if workload.threads > 1:
                clients = [*clients, "poplib alone", "poplib_c alone"]
            return collect(
                workload,
                in_turns(clients, repetitions, lambda name: self.run(name, ports, workload)),
            )

    # How the cost grows.

    def lines(self, counts):
        """(lines of one reply, seconds of processor for each) of LIST, for each count."""
        with loadserver.serving(self.server) as ports:
            for count in counts:
                calls = max(1, 1_000_000 // count)
                workload = workloads.Workload("growth", "list", f"1k x {count}", calls)
                result = self.run_python("poplib_c", ports["plain"], workload)
                yield count, result["cpu"] / calls / count

    def messages(self, mailbox, calls):
        """Seconds of processor for one of each tenth of the messages fetched."""
        with loadserver.serving(self.server) as ports:
            workload = workloads.Workload("growth", "retr", mailbox, calls)
            result = self.run_python("poplib_c", ports["plain"], workload, "tenths")
        return [seconds / (calls / 10) for seconds in result["tenths"]]


def in_turns(clients, repetitions, run):
    """Run each client so many times, A B B A ..., and return all results by client."""
    results = {client: [] for client in clients}
    for turn in range(repetitions):
        for client in clients if turn % 2 == 0 else reversed(clients):
            results[client].append(run(client))
    return results


def collect(workload, results):
    def medians(what, calls):
        return {
            client: statistics.median(result[what] for result in runs) / calls
            for client, runs in results.items()
        }

    runs = min(map(len, results.values()))
    calls = workload.calls
    return Row(workload, medians("cpu", calls), medians("wall", calls), medians("rss", 1), runs)


def measure_import(workload, repetitions):
    """What importing costs beyond starting the interpreter."""
    programs = {"bare": "pass", "poplib": "import poplib", "poplib_c": "import poplib_c"}
    results = in_turns(list(programs), 2 * repetitions, lambda name: run_program(programs[name]))
    row = collect(replace(workload, calls=IMPORTS), results)
    for part in (row.cpu, row.wall):
        bare = part.pop("bare")
        part.update({client: seconds - bare for client, seconds in part.items()})
    return row


def run_program(text):
    """Processor and wall time of some interpreters that run this program."""
    used, begin = children_processor(), time.perf_counter()
    for _ in range(IMPORTS):
        subprocess.run([sys.executable, "-I", "-c", text], check=True, timeout=TIMEOUT)
    wall = time.perf_counter() - begin
    return {"cpu": children_processor() - used, "wall": wall, "rss": 0}


def children_processor():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
