"""Count the senders in many mailboxes with dask.distributed, one task for each mailbox.

usage: python cluster.py ACCOUNTS [SCHEDULER]

ACCOUNTS is a file with a line for each mailbox, "alice@mail.example.org secret". Each worker reads
the file under this path, so passwords do not travel over the cluster's connections. SCHEDULER is
an address like tcp://10.0.0.1:8786; without it, the program starts a cluster of processes here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Executor, as_completed
from email import message_from_bytes
from email.utils import parseaddr

from poplib_c import POP3_SSL, error_proto


def names(accounts: str) -> list[str]:
    with open(accounts) as file:
        return [line.split(" ", 1)[0] for line in file]


def senders(name: str, accounts: str) -> Counter[str]:
    """Count the messages of each sender in the mailbox USER@HOST[:PORT]. Runs on a worker."""
    with open(accounts) as file:
        password = dict(line.rstrip("\n").split(" ", 1) for line in file)[name]
    user, _, server = name.rpartition("@")
    host, _, port = server.partition(":")
    with POP3_SSL(host, int(port or 995), timeout=60, verify=True) as client:
        client.login(user, password)
        headers = (message_from_bytes(top) for _, top in client.top_many(client.sizes(), 0))
        return Counter(parseaddr(str(header["From"]))[1] for header in headers)


def count(executor: Executor, mailboxes: Iterable[str], accounts: str) -> Counter[str]:
    """Add the counts of all mailboxes. A mailbox that fails is reported, and stops no other."""
    total: Counter[str] = Counter()
    futures = {executor.submit(senders, name, accounts): name for name in mailboxes}
    for future in as_completed(futures):
        try:
            total += future.result()
        except (OSError, error_proto) as error:
            print(f"{futures[future]}: {error}", file=sys.stderr)
    return total


def main(accounts: str, scheduler: str | None = None) -> None:
    from distributed import Client

    with Client(scheduler) as cluster, cluster.get_executor(pure=False) as executor:
        for sender, messages in count(executor, names(accounts), accounts).most_common(10):
            print(messages, sender)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*sys.argv[1:])
