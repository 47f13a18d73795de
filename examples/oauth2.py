"""Log in with an access token of OAuth 2.0, and print sizes and unique ids of a mailbox.

usage: python oauth2.py HOST[:PORT] USER COMMAND [ARGUMENT...]

COMMAND prints a token. If the server refuses the token, COMMAND runs once more with
POPLIB_C_TOKEN_REFUSED=1 in its environment, so that it can bypass its cache. docs/oauth2.rst has
callables for Gmail and Microsoft 365.
"""

import os
import subprocess
import sys

from poplib_c import POP3_SSL


class Token:
    """A callable that runs a command and returns its output."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._environment = dict(os.environ)

    def __call__(self) -> str:
        ended = subprocess.run(
            self._command, env=self._environment, stdout=subprocess.PIPE, text=True, check=True
        )
        self._environment["POPLIB_C_TOKEN_REFUSED"] = "1"
        return ended.stdout.strip()


def main(server: str, user: str, *command: str) -> None:
    host, _, port = server.partition(":")
    with POP3_SSL(host, int(port or 995), verify=True) as client:
        client.login_oauth2(user, Token(list(command)))
        uids = client.uids()
        for number, size in client.sizes().items():
            print(number, "?" if size is None else size, uids.get(number, b"-").decode())


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
