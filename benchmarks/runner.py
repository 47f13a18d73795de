"""Runs workloads in fresh processes, all clients in turn, and collects their costs."""

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
IMPORTS = 10  # interpreters started in one measurement
IN_C = ("split", "receive")


@dataclass
class Row:
    """Medians of a workload: processor and wall seconds of one call, octets of memory."""

    workload: workloads.Workload
    cpu: dict = field(default_factory=dict)
    wall: dict = field(default_factory=dict)
    rss: dict = field(default_factory=dict)
    runs: int = 0

    def ratio(self, client):
        """Return poplib's processor time divided by the client's, or None."""
        return self.cpu["poplib"] / self.cpu[client] if client in self.cpu else None

    @property
    def of_limit(self):
        """Return the list limit's processor time divided by poplib_c's, or None."""
        return self.cpu["list"] / self.cpu["poplib_c"] if "list" in self.cpu else None


class Failure(Exception):
    """A client failed, or received other data than the others."""


class Runner:
    """server, receiver: the programs. path: the folder with the extension module listlimit."""

    def __init__(self, server, receiver, path):
        self.server = server
        self.receiver = receiver
        self.path = str(path)

    # One run

    def run_python(self, client, ports, workload, what="measure"):
        task = {
            **{"client": client, "port": ports["tls" if workload.tls else "plain"], "what": what},
            "trusted": ports.get("trusted"),
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
        if client in IN_C:
            port = ports["tls" if workload.tls else "plain"]
            return self.run_receiver(client, port, workload)
        if client.endswith(" alone"):
            return self.run_python(client.partition(" ")[0], ports, replace(workload, threads=1))
        return self.run_python(client, ports, workload)

    # A workload

    def check(self, ports, workload):
        """Raise Failure unless all clients in Python receive equal data."""
        workload = replace(workload, threads=1)
        hashes = {
            client: self.run_python(client, ports, workload, "check")["hash"]
            for client in workload.clients
            if client not in IN_C
        }
        if len(set(hashes.values())) != 1:
            raise Failure(f"{workload.name}: the clients received different data: {hashes}")

    def measure(self, workload, repetitions):
        """Measure a workload and return a Row."""
        if workload.method == "import":
            return measure_import(workload, repetitions)
        spin = loadserver.SPIN if workload.threads == 1 else 0
        pieces, verify = workload.in_pieces, workload.verify
        with loadserver.serving(self.server, workload.delay, spin, pieces, verify) as ports:
            self.check(ports, workload)
            clients = workload.clients
            if workload.threads > 1:
                clients = [*clients, "poplib alone", "poplib_c alone"]
            return collect(
                workload,
                in_turns(clients, repetitions, lambda name: self.run(name, ports, workload)),
            )

    # Growth of the cost

    def lines(self, counts):
        """Yield (count, processor seconds of a line) for replies to LIST with *count* lines."""
        with loadserver.serving(self.server) as ports:
            for count in counts:
                calls = max(1, 1_000_000 // count)
                workload = workloads.Workload("growth", "list", f"1k x {count}", calls)
                result = self.run_python("poplib_c", ports, workload)
                yield count, result["cpu"] / calls / count

    def messages(self, mailbox, calls):
        """Return the processor seconds of a message, for each tenth of the messages."""
        with loadserver.serving(self.server) as ports:
            workload = workloads.Workload("growth", "retr", mailbox, calls)
            result = self.run_python("poplib_c", ports, workload, "tenths")
        return [seconds / (calls / 10) for seconds in result["tenths"]]


def in_turns(clients, repetitions, run):
    """Run each client *repetitions* times, A B B A ..., and return the results by client."""
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
    """Measure the import, without the start of the interpreter."""
    programs = {"bare": "pass", "poplib": "import poplib", "poplib_c": "import poplib_c"}
    results = in_turns(list(programs), 2 * repetitions, lambda name: run_program(programs[name]))
    row = collect(replace(workload, calls=IMPORTS), results)
    for part in (row.cpu, row.wall):
        bare = part.pop("bare")
        part.update({client: seconds - bare for client, seconds in part.items()})
    return row


def run_program(text):
    """Return the processor and wall time of IMPORTS interpreters that run a program."""
    used, begin = children_processor(), time.perf_counter()
    for _ in range(IMPORTS):
        subprocess.run([sys.executable, "-I", "-c", text], check=True, timeout=TIMEOUT)
    wall = time.perf_counter() - begin
    return {"cpu": children_processor() - used, "wall": wall, "rss": 0}


def children_processor():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
