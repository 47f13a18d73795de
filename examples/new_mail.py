"""Fetch new messages into a Maildir, and leave them on the server.

usage: python new_mail.py HOST[:PORT] USER MAILDIR

MAILDIR.sqlite records the server's unique ids of fetched messages, so use a Maildir for each
mailbox. The program records an id after it has written the message. If it is killed between the
two, a message comes twice, and none is lost. The program takes the password from the environment
variable POPLIB_C_PASSWORD, or prompts for it.
"""

import getpass
import mailbox
import os
import sqlite3
import sys
from contextlib import closing

from poplib_c import POP3_SSL, error_proto


def main(server: str, user: str, path: str) -> None:
    host, _, port = server.partition(":")
    maildir = mailbox.Maildir(path)
    with closing(sqlite3.connect(path.rstrip("/") + ".sqlite")) as database:
        database.execute("CREATE TABLE IF NOT EXISTS seen (uid BLOB PRIMARY KEY)")
        seen = {uid for (uid,) in database.execute("SELECT uid FROM seen")}
        with POP3_SSL(host, int(port or 995), verify=True) as client:
            client.login(user, os.environ.get("POPLIB_C_PASSWORD") or getpass.getpass())
            try:
                uids = client.uids()
            except error_proto as error:
                if error.response is None:
                    raise  # The connection broke.
                sys.exit(f"{host} has no unique ids, so no message is known to be new: {error}")
            sizes = client.sizes()
            new = [number for number in sizes if uids.get(number) not in seen]
            for number, message in client.retr_many(new):
                maildir.add(message)
                if number in uids:  # A message without an id is new each time.
                    with database:
                        database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (uids[number],))
    print(f"{len(new)} new of {len(sizes)} messages")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
