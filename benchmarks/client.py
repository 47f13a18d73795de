"""Runs a workload with one client in this process. Reads a task and writes a result, as JSON.

The task has client, port, trusted, path, the workload's fields, and *what*: measure, check (hash
the received data, measure nothing) or tenths (measure each tenth of the calls).
"""

import gc
import hashlib
import io
import json
import os
import resource
import sys
import threading
import time

from clients import connect
from workloads import HOST, Workload

# Messages in flight: the window of retr_many(), and the option read_ahead.
AHEAD = 200


def processor():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rss(what=b"VmHWM"):
    """Return the peak memory of this process in octets; with b"VmRSS", what it is now."""
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(what + b":"):
                    return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


class Run:
    def __init__(self, name, port, workload, trusted=None):
        self.name = name
        self.trusted = trusted
        self.port = port
        self.workload = workload

    def login(self):
        timeout = self.workload.timeout or None
        tls = self.workload.tls
        connection = connect(self.name, HOST, self.port, timeout, tls, self.trusted)
        connection.user(self.workload.mailbox)
        connection.pass_("x")
        return connection

    def caller(self, connection):
        """Return a function that makes the call for a message, and the work that users add."""
        method = getattr(connection, self.workload.method)
        if self.workload.ours:
            return self.whole_caller(connection)
        if self.workload.method == "top":
            return lambda number: method(number, 0)
        if self.workload.method != "retr":
            return lambda number: method()
        if self.workload.join:
            return lambda number: b"\n".join(method(number)[1])
        return method

    def whole_caller(self, connection):
        """Return a caller() for whole messages. For poplib, it joins the lines."""
        if self.workload.ours in ("retr_many", "read_ahead"):
            return connection.retr
        if self.name == "poplib":
            return lambda number: b"\r\n".join(connection.retr(number)[1])
        if self.workload.ours == "retr_bytes":
            return connection.retr_bytes
        file = io.FileIO(os.devnull, "w")
        return lambda number: connection.retr_into(number, file)

    def loop(self, connection, numbers):
        """Return the function to measure, which fetches all messages."""
        ours = self.workload.ours if self.name == "poplib_c" else ""
        call = self.caller(connection)
        if ours == "read_ahead":
            self.read_ahead(connection)

        def one_by_one():
            for number in numbers:
                call(number)

        def many():
            for _ in connection.retr_many(numbers, window=AHEAD):
                pass

        return many if ours == "retr_many" else one_by_one

    def read_ahead(self, connection):
        """Set the option read_ahead. stat() tells it the number of messages."""
        connection.set_options(read_ahead=AHEAD)
        connection.stat()

    def wholes(self, connection, numbers):
        """Yield the messages as bytes."""
        ours = self.workload.ours if self.name == "poplib_c" else ""
        if ours == "retr_many":
            for _, message in connection.retr_many(numbers, window=AHEAD):
                yield message
            return
        if ours == "read_ahead":
            self.read_ahead(connection)
        for number in numbers:
            file = io.BytesIO()
            if ours == "retr_bytes":
                yield connection.retr_bytes(number)
            elif ours == "retr_into":
                connection.retr_into(number, file)
                yield file.getvalue()
            else:
                yield b"".join(line + b"\r\n" for line in connection.retr(number)[1])

    def numbers(self, calls, first=0):
        """Return the messages to fetch. The first message follows the last."""
        count = int(self.workload.mailbox.split()[-1])
        return [n % count + 1 for n in range(first, first + calls)]

    def measure(self, function):
        """Return the processor and wall time of a function."""
        wall, used = time.perf_counter(), processor()
        function()
        return {"cpu": processor() - used, "wall": time.perf_counter() - wall}

    def sessions(self):
        def run():
            for _ in range(self.workload.calls):
                self.login().quit()

        # Imports what connections need, and reads the trusted certificates.
        self.login().quit()
        return self.measure(run)

    def rest(self):
        """Return the memory of a connection that rests after a command, as "rss"."""
        connections = []

        def use(count):
            fresh = [self.login() for _ in range(count)]
            for connection in fresh:
                connection.retr(1)
            connections.extend(fresh)
            gc.collect()

        use(20)
        before = rss(b"VmRSS")
        result = self.measure(lambda: use(self.workload.calls))
        result["rss"] = (rss(b"VmRSS") - before) / self.workload.calls
        for connection in connections:
            connection.quit()
        return result

    def calls(self):
        connection = self.login()
        result = self.measure(self.loop(connection, self.numbers(self.workload.calls)))
        connection.quit()
        return result

    def tenths(self):
        """Return the processor seconds of each tenth of the calls."""
        connection = self.login()
        call = self.caller(connection)
        numbers = self.numbers(self.workload.calls)
        size = len(numbers) // 10
        result = []
        for start in range(0, len(numbers), size):
            used = processor()
            for number in numbers[start : start + size]:
                call(number)
            result.append(processor() - used)
        connection.quit()
        return {"tenths": result}

    def in_threads(self):
        share = self.workload.calls // self.workload.threads
        connections = [self.login() for _ in range(self.workload.threads)]

        threads = [
            threading.Thread(target=self.loop(each, self.numbers(share, index * share)))
            for index, each in enumerate(connections)
        ]

        def run():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        result = self.measure(run)
        for connection in connections:
            connection.quit()
        return result

    def check(self):
        """Return a hash of all received data."""
        digest = hashlib.blake2b()
        connection = self.login()
        for result in self.results(connection):
            if isinstance(result, tuple):
                response, lines, octets = result
                result = b"%b\r\n%b\r\n%d" % (response, b"\r\n".join(lines), octets)
            digest.update(b"%d:" % len(result))
            digest.update(result)
        digest.update(connection.quit())
        return {"hash": digest.hexdigest()}

    def results(self, connection):
        numbers = self.numbers(self.workload.calls)
        if self.workload.method in ("session", "rest"):
            return []
        if self.workload.ours:
            return self.wholes(connection, numbers)
        return map(self.caller(connection), numbers)


def main():
    task = json.load(sys.stdin)
    sys.path[:0] = task.pop("path")
    workload = Workload(**task["workload"])
    run = Run(task["client"], task["port"], workload, task["trusted"])
    if task["what"] != "measure":
        result = getattr(run, task["what"])()
    elif workload.method == "session":
        result = run.sessions()
    elif workload.method == "rest":
        result = run.rest()
    elif workload.threads > 1:
        result = run.in_threads()
    else:
        result = run.calls()
    json.dump({"rss": rss(), **result}, sys.stdout)


if __name__ == "__main__":
    main()
