"""Print sender and subject of every message.

usage: python drop_in.py HOST[:PORT] USER

This program also runs with ``import poplib``. It takes the password from the environment variable
POPLIB_C_PASSWORD, or prompts for it.
"""

import email
import getpass
import os
import ssl
import sys

import poplib_c as poplib


def main(server: str, user: str) -> None:
    host, _, port = server.partition(":")
    client = poplib.POP3_SSL(host, int(port or 995), context=ssl.create_default_context())
    client.user(user)
    client.pass_(os.environ.get("POPLIB_C_PASSWORD") or getpass.getpass())
    count, size = client.stat()
    print(f"{count} messages, {size} octets")
    for number in range(1, count + 1):
        lines = client.top(number, 0)[1]
        message = email.message_from_bytes(b"\n".join(lines))
        print(number, message["From"], message["Subject"])
    client.quit()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
