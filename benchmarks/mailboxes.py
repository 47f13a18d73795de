"""Compares clients with many mailboxes at a time: 200 of 50 messages of 4 kB, by default.

poplib     the standard library, in threads
threads    poplib_c, in threads
aio        poplib_c.aio, on asyncio
uvloop     poplib_c.aio, on uvloop, if that is installed

Each client runs in a process of its own, over TLS with a verified certificate. The table has the
wall and processor seconds of all mailboxes, and the KiB of an idle connection.
"""

import argparse
import asyncio
import importlib.util
import json
import poplib
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import build
import loadserver
import poplib_c
from poplib_c import aio
from runner import Failure, in_turns
from workloads import HOST

CLIENTS = ["poplib", "threads", "aio", "uvloop"]
MESSAGES, SIZE = 50, "4k"
IDLE = 100  # connections
TIMEOUT = 600


def main():
    arguments = parse()
    if arguments.task is not None:
        print(json.dumps(run(json.loads(arguments.task))))
        return
    clients = [name for name in CLIENTS if name != "uvloop" or importlib.util.find_spec("uvloop")]
    mailboxes = 20 if arguments.quick else arguments.mailboxes
    with tempfile.TemporaryDirectory(prefix="poplib_c-bench-") as directory:
        server = build.server(directory)
        with loadserver.serving(server, arguments.delay, spin=0, verify=True) as ports:

            def measure(client):
                task = {"client": client, "port": ports["tls"], "trusted": ports["trusted"]}
                return in_process({**task, "mailboxes": mailboxes, "at_once": arguments.at_once})

            repetitions = 1 if arguments.quick else arguments.repetitions
            measured = in_turns(clients, repetitions, measure)
    print(f"{mailboxes} mailboxes of {MESSAGES} messages, {arguments.at_once} at a time")
    print("client       wall s    cpu s   idle KiB")
    for client in clients:
        runs = measured[client]
        wall, cpu, idle = (
            statistics.median(each[key] for each in runs) for key in ("wall", "cpu", "idle")
        )
        print(f"{client:8} {wall:10.2f} {cpu:8.2f} {idle:10.0f}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mailboxes", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=200, help="connections (default: 200)")
    parser.add_argument("--delay", type=int, default=0, help="of each reply, in ms")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="20 mailboxes, once")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


def in_process(task):
    done = subprocess.run(
        [sys.executable, __file__, "--task", json.dumps(task)],
        stdout=subprocess.PIPE,
        timeout=TIMEOUT,
    )
    if done.returncode != 0:
        raise Failure(f"{task['client']} failed")
    return json.loads(done.stdout)


# --- in the client's process -----------------------------------------------------------------


def run(task):
    """Fetch all mailboxes, and hold idle connections. Return the costs."""
    measure = {"poplib": by_threads, "threads": by_threads}.get(task["client"], by_loop)
    return measure(task)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Costs:
    """Of idle connections, and then of what is fetched."""

    def before_idle(self):
        self.idle = -resident()

    def before_fetching(self):
        self.idle += resident()
        self.wall, self.cpu = -time.perf_counter(), -cpu()

    def told(self, fetched, task):
        self.wall += time.perf_counter()
        self.cpu += cpu()
        if fetched != task["mailboxes"] * MESSAGES:
            raise Failure(f"{task['client']} received {fetched} messages")
        return {"wall": self.wall, "cpu": self.cpu, "idle": self.idle / IDLE / 1024}


def by_threads(task):
    connect = connect_poplib if task["client"] == "poplib" else connect_poplib_c
    context = ssl.create_default_context(cafile=task["trusted"])

    def fetch(number):
        client = connect(task, context)
        if task["client"] == "poplib":
            count = client.stat()[0]
            found = [b"\r\n".join(client.retr(n + 1)[1]) for n in range(count)]
        else:
            found = [message for _, message in client.retr_many(client.sizes())]
        client.quit()
        return len(found)

    costs = Costs()
    idle = [connect(task, context)]
    costs.before_idle()
    idle += [connect(task, context) for _ in range(IDLE)]
    costs.before_fetching()
    with ThreadPoolExecutor(max_workers=task["at_once"]) as executor:
        fetched = sum(executor.map(fetch, range(task["mailboxes"])))
    told = costs.told(fetched, task)
    for client in idle:
        client.close()
    return told


def log_in(client):
    client.user(f"{SIZE} x {MESSAGES}")
    client.pass_("x")
    return client


def connect_poplib(task, context):
    return log_in(poplib.POP3_SSL(HOST, task["port"], timeout=TIMEOUT, context=context))


def connect_poplib_c(task, context):
    options = {"timeout": TIMEOUT, "verify": task["trusted"]}
    return log_in(poplib_c.POP3_SSL(HOST, task["port"], **options))


def by_loop(task):
    new_loop = asyncio.new_event_loop
    if task["client"] == "uvloop":
        import uvloop

        new_loop = uvloop.new_event_loop
    loop = new_loop()
    try:
        return loop.run_until_complete(by_coroutines(task))
    finally:
        loop.close()


async def by_coroutines(task):
    semaphore = asyncio.Semaphore(task["at_once"])

    async def connect():
        client = aio.POP3_SSL(HOST, task["port"], timeout=TIMEOUT, verify=task["trusted"])
        await client.connect()
        await client.user(f"{SIZE} x {MESSAGES}")
        await client.pass_("x")
        return client

    async def fetch():
        async with semaphore:
            client = await connect()
            found = [message async for _, message in client.retr_many(await client.sizes())]
            await client.quit()
            return len(found)

    costs = Costs()
    idle = [await connect()]
    costs.before_idle()
    idle += [await connect() for _ in range(IDLE)]
    costs.before_fetching()
    fetched = await asyncio.gather(*[fetch() for _ in range(task["mailboxes"])])
    told = costs.told(sum(fetched), task)
    for client in idle:
        client.close()
    return told


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"error: {failure}")
