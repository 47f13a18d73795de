"""Fetch many mailboxes in parallel, each into its own Maildir.

usage: python many_mailboxes.py ACCOUNTS DIRECTORY

ACCOUNTS is a file with a line for each mailbox. Nobody else may read it:

    alice@mail.example.org secret
    bob@mail.example.com:995 other

A mailbox that fails stops no other. The exit status is 1 if one fails.
"""

import mailbox
import os
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from poplib_c import POP3_SSL, error_proto


def fetch(name: str, password: str, directory: str) -> int:
    """Fetch the mailbox USER@HOST[:PORT] and return the number of messages."""
    user, _, server = name.rpartition("@")
    host, _, port = server.partition(":")
    maildir = mailbox.Maildir(os.path.join(directory, name))
    count = 0
    with POP3_SSL(host, int(port or 995), timeout=60, verify=True) as client:
        client.login(user, password)
        for _, message in client.retr_many(client.sizes()):
            maildir.add(message)
            count += 1
    return count


def main(accounts: str, directory: str) -> int:
    os.makedirs(directory, exist_ok=True)
    with open(accounts) as file:
        mailboxes = dict(line.rstrip("\n").split(" ", 1) for line in file)
    status = 0
    with ThreadPoolExecutor(max_workers=16) as executor:
        names = {
            executor.submit(fetch, name, password, directory): name
            for name, password in mailboxes.items()
        }
        for future in as_completed(names):
            try:
                print(f"{names[future]}: {future.result()} messages")
            except (OSError, error_proto) as error:
                print(f"{names[future]}: {error}", file=sys.stderr)
                status = 1
    return status


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
