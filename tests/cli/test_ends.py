"""Mail that writes what looks like replies, on a server that doubles dots after CR LF only."""

import pytest
from faults.support import Lines

from .support import url

FORGERY = b"Subject: 2\r\n\r\nfirst\n.\n+OK\nSubject: FORGED\n\npay\r\n"
MESSAGES = [b"Subject: 1\r\n\r\none\r\n", FORGERY, *[b"Subject: %d\r\n\r\n" % n for n in (3, 4)]]


class Server(Lines):
    def __init__(self):
        super().__init__(self.reply)
        self.host, self.port = self.address
        self.deleted = [set()]

    def reply(self, line):
        verb, *arguments = line.split()
        numbers = [int(argument) for argument in arguments if argument.isdigit()]
        if verb == b"CAPA":
            return b"+OK\r\nUSER\r\nPIPELINING\r\n.\r\n"
        if verb in (b"RETR", b"TOP"):
            return b"+OK\r\n%s.\r\n" % MESSAGES[numbers[0] - 1]
        if verb in (b"LIST", b"UIDL") and not numbers:
            rows = [b"%d %d\r\n" % (n, n) for n in range(1, len(MESSAGES) + 1)]
            return b"+OK\r\n%s.\r\n" % b"".join(rows)
        if verb == b"USER":
            self.deleted.append(set())
        elif verb == b"DELE":
            self.deleted[-1].add(numbers[0])
        return b"+OK %s 10\r\n" % b"".join(arguments)


@pytest.mark.parametrize("options", [[], ["--since-last"], ["--delete"], ["--headers", "9"]])
def test_one_mail_does_not_keep_the_others_away(user, options):
    with Server() as server:
        ran = user.fetch(*options, "--quiet", "--insecure", "--eml", user.maildir, url(server))
        assert ran.returncode == 0
        found = [path.read_bytes() for path in sorted(user.maildir.iterdir())]
        assert sorted(found) == sorted(MESSAGES)
        assert server.deleted[-1] == ({1, 2, 3, 4} if "--delete" in options else set())


def test_headers_that_look_like_replies_do_not_either(user):
    """Of what was delivered before, they are looked at before it is deleted."""
    with Server() as server:
        options = "--quiet", "--insecure", "--eml", user.maildir, url(server)
        assert user.fetch("--since-last", *options).returncode == 0
        assert user.fetch("--since-last", "--delete", *options).returncode == 0
        assert server.deleted[-1] == {1, 2, 3, 4}
        assert len(list(user.maildir.iterdir())) == 4
