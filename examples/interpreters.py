"""List the attachments in many mailboxes, in several interpreters of one process.

usage: python interpreters.py ACCOUNTS

ACCOUNTS is a file with a line for each mailbox, "alice@mail.example.org secret". Nobody else may
read it. Each interpreter has its own GIL, so messages are parsed on all processors. Python 3.14 or
later is needed.
"""

import os
import sys
from concurrent import futures
from email import message_from_bytes

from poplib_c import POP3_SSL, error_proto


def attachments(name: str, password: str) -> list[tuple[str, int]]:
    """Return names and sizes from the mailbox USER@HOST[:PORT]. Runs in another interpreter."""
    user, _, server = name.rpartition("@")
    host, _, port = server.partition(":")
    found = []
    with POP3_SSL(host, int(port or 995), timeout=60, verify=True) as client:
        client.login(user, password)
        for _, message in client.retr_many(client.sizes()):
            for part in message_from_bytes(message).walk():
                content = part.get_payload(decode=True)
                if part.get_filename() and isinstance(content, bytes):
                    found.append((str(part.get_filename()), len(content)))
    return found


def main(accounts: str) -> int:
    if sys.version_info < (3, 14):
        sys.exit("interpreters.py: Python 3.14 or later is needed")
    with open(accounts) as file:
        mailboxes = dict(line.rstrip("\n").split(" ", 1) for line in file)
    status = 0
    with futures.InterpreterPoolExecutor(os.process_cpu_count()) as executor:
        names = {
            executor.submit(attachments, name, password): name
            for name, password in mailboxes.items()
        }
        for future in futures.as_completed(names):
            try:
                for attachment, size in future.result():
                    print(f"{names[future]}: {attachment}, {size} octets")
            except (OSError, error_proto) as error:
                print(f"{names[future]}: {error}", file=sys.stderr)
                status = 1
    return status


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
