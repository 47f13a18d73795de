"""What many commands and connections leave behind; it runs in a program of its own.

    python -m faults.flat PORT-WITH-STLS PORT-WITH-TLS CA-FILE COMMANDS CONNECTIONS

It prints how much more of everything there is after them than after a tenth of them.
"""

import gc
import sys
import threading

from .calls import PASSWORD, USER, Servers
from .memory import resident
from .support import open_descriptors


def usage():
    gc.collect()
    return {
        "descriptors": open_descriptors(),
        "threads": threading.active_count(),
        "KiB": resident() // 1024,
    }


def grown(work, count):
    """What the last nine tenths of so many runs have added."""
    for _ in range(count // 10):
        work()
    before = usage()
    for _ in range(count - count // 10):
        work()
    return {name: value - before[name] for name, value in usage().items()}


def commands(connect, count):
    """Four commands at a time."""
    with connect() as client:
        client.user(USER)
        client.pass_(PASSWORD)

        def work():
            client.noop()
            client.stat()
            client.retr(3)
            client.retr_bytes(1)

        return grown(work, count // 4)


def connections(connect, count):
    def work():
        with connect() as client:
            client.utf8()

    return grown(work, count)


def main(plain, tls, ca, command_count, connection_count):
    servers = Servers(plain, tls, ca)
    result = {}
    for name, connect in (("plain", servers.connect), ("TLS", servers.connect_tls)):
        result[f"commands, {name}"] = commands(connect, int(command_count))
        result[f"connections, {name}"] = connections(connect, int(connection_count))
    print(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
