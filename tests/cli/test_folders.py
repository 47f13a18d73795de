"""Paths of destinations that name the account."""

import pytest

from poplib_c._cli import arguments, destinations
from poplib_c._cli.account import parse

from .support import delivered, numbered, url


def test_a_maildir_for_each_account(user, serve):
    server = serve(numbered(1), users={"alice": "secret", "a/..": "secret"})
    user.netrc(
        "machine 127.0.0.1 login alice password secret\n"
        "machine 127.0.0.1 login a/.. password secret\n"
    )
    place = user.home / "Mail" / "{user}"
    urls = url(server), url(server, "a%2F..")
    assert user.fetch("--insecure", "--maildir", place, *urls).returncode == 0
    for name in ("alice", "a%2F.."):
        assert delivered(user.home / "Mail" / name) == numbered(1)


@pytest.mark.parametrize(
    ("path", "name", "filled"),
    [
        ("Mail/{account}", "work", "Mail/work"),
        ("Mail/{account}", "", "Mail/a%2Fb@pop.example.org"),
        ("{host}/{user}/x{user}", "work", "pop.example.org/a%2Fb/xa%2Fb"),
        ("{account}/{other}{}", "../x%", "%2E.%2Fx%25/{other}{}"),
        ("{account}", "..", "%2E."),
        ("{account}", "-", "%2D"),  # not standard output
    ],
)
def test_values(path, name, filled):
    options = arguments.of_tables().parse_args(["--maildir", path])
    account = parse("pop3s://a%2Fb@pop.example.org")
    assert destinations.choose(account, options, name) == ("maildir", filled)
