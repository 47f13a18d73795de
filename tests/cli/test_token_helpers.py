"""The lines of docs/oauth2.rst for programs that print tokens, with stand-ins for these.

A stand-in prints what the program prints, as its manual and source say.
"""

import re
import shlex
import sys

import pytest
from manual import DOCS, blocks_of_code

from .support import url

USERS = {"alice@gmail.com": "", "alice@example.com": ""}
STAND_INS = {
    "oama": """\
case $1 in
renew) echo new > ~/token; echo "Obtained new access token for $2 - expires at 2026.";;
access) test "$2" = alice@gmail.com && cat ~/token;;
esac
""",
    "pizauth": """\
test "$2" = work || exit 1
case $1 in
refresh) echo new > ~/token;;
show) cat ~/token;;
esac
""",
    "mutt_oauth2.py": "cat ~/token\n",
    "sleep": ":\n",
    "python3": f'exec {shlex.quote(sys.executable)} "$@"\n',
}
#: For outlook_token.py, the program of the page. The cache is the token.
MSAL = """\
class SerializableTokenCache:
    text = ""

    def deserialize(self, text):
        self.text = text

    def serialize(self):
        return self.text


class PublicClientApplication:
    def __init__(self, client_id, *, authority, token_cache):
        self.cache = token_cache

    def get_accounts(self, username):
        return [{"username": username}] if self.cache.text else []

    def acquire_token_silent_with_error(self, scopes, account, *, force_refresh):
        if self.cache.text == "revoked":
            return {"error": "invalid_grant", "error_description": "AADSTS70000: revoked"}
        if force_refresh:
            self.cache.text = "new"
        return {"access_token": self.cache.text}
"""
RENEWED = {"oama": 0, "pizauth": 0, "mutt_oauth2.py": 77, "outlook_token.py": 0}


def lines():
    """The arguments of each command with a token command, by the program."""
    text = (DOCS / "oauth2.rst").read_text()
    for block in re.findall(r"^ +poplib-c (fetch .*\n(?: {8}.*\n)+)", text, re.M):
        arguments = shlex.split(block.replace("\\\n", " "))
        if "--oauth2-token-command" not in arguments:
            continue
        command = arguments[arguments.index("--oauth2-token-command") + 1]
        yield next(name for name in RENEWED if name in command), arguments


@pytest.fixture
def helped(user):
    """The user has the programs."""
    programs = user.home / "programs"
    programs.mkdir()
    for name, text in STAND_INS.items():
        path = programs / name
        path.write_text(f"#!/bin/sh\n{text}")
        path.chmod(0o700)
    user.environment["PATH"] = f"{programs}:{user.environment['PATH']}"
    (programs / "msal.py").write_text(MSAL)
    paths = [str(programs), *filter(None, [user.environment.get("PYTHONPATH")])]
    user.environment["PYTHONPATH"] = ":".join(paths)
    (program,) = (text for text in blocks_of_code("oauth2.rst") if "__main__" in text)
    (user.home / "outlook_token.py").write_text(program)
    return user


def test_each_program_has_a_line():
    assert [name for name, _ in lines()] == [*RENEWED]


@pytest.mark.parametrize("name, arguments", [*lines()], ids=[*RENEWED])
@pytest.mark.parametrize("token", ["new", "old"])
def test_lines(helped, serve, name, arguments, token):
    """An old token is refused, and then a new one is taken if the program can get one."""
    (helped.home / "token").write_text(f"{token}\n")
    (helped.home / ".outlook-token.json").write_text(token)
    name_of_user = arguments[-1].removeprefix("pop3s://").rpartition("@")[0]
    server = serve([b"Subject: s\n\n"], users={}, tokens={name_of_user: "new"})
    ended = helped.run(*arguments[:-1], "--insecure", url(server, user=name_of_user))
    assert ended.returncode == (0 if token == "new" else RENEWED[name]), ended
    assert len([line for line in server.commands if line.startswith(b"AUTH")]) == (
        1 if token == "new" else 2
    )


@pytest.mark.parametrize(
    ("cache", "reason"),
    [("", "alice@example.com has not logged in"), ("revoked", "AADSTS70000: revoked")],
)
def test_the_page_s_program_says_why_it_has_no_token(helped, serve, cache, reason):
    (helped.home / ".outlook-token.json").write_text(cache)
    (arguments,) = (arguments for name, arguments in lines() if name == "outlook_token.py")
    server = serve(users={}, tokens={"alice@example.com": "new"})
    place = url(server, user="alice@example.com")
    ended = helped.run(*arguments[:-1], "--insecure", place)
    assert (ended.returncode, ended.stderr.splitlines()[-2:-1] or ended.stderr) == (77, [reason])
    assert not any(line.startswith(b"AUTH") for line in server.commands)
