"""What is in a mailbox, as a table and as JSON."""

import json

import pytest
from scripted import C, S, play

from poplib_c._cli import arguments
from poplib_c._cli import listing as lister
from poplib_c._cli.account import parse
from poplib_c._cli.credentials import Credentials
from poplib_c._cli.job import Stop
from poplib_c._cli.logins import Logins

from .support import listing, numbered, url

MAIL = [
    b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\nDate: Thu, 26 Nov 2026 15:12:10 +0100\n"
    b"Subject: =?utf-8?b?UHLDvGY=?=\n bericht\n\nbody\n",
    b"Subject: \xe6\x97\xa5 raw\n\n",
    "Subject: 日本語の件名はここで切られます、きっと、必ず\nDate: some day\n\n".encode(),
    b"From: \x1b[2Jevil\x07 \xc2\x9b31m\nSubject: =?utf-8?b?G1sySuKArg==?= =?x-none?q?a?=\n\n",
    b"\n",
]


@pytest.fixture
def listed(user):
    def listed(server, *options):
        return user.run("list", "--insecure", *options, url(server))

    return listed


def test_table(listed, serve):
    server = serve(MAIL)
    ended = listed(server)
    assert ended.returncode == 0
    headings, *rows, total = ended.stdout.splitlines()
    assert headings.split() == ["#", "octets", "unique-id", "date", "from", "subject"]
    assert rows[0].split()[0] == "1" and "  Zoë <zoe@example.org>     " in rows[0]
    assert "2026-11-26 15:12" in rows[0] and rows[0].endswith("Prüf bericht")
    start = headings.index("subject")
    assert rows[1][start:] == "日 raw"
    assert rows[2][start:] == "日本語の件名はここで切られます..."  # 33 columns
    assert rows[4].split()[3:] == ["-", "-", "-"]
    assert total == f"5 messages, {sum(map(len, server.messages))} octets"
    assert all(character.isprintable() for row in rows for character in row)
    assert not any(command.startswith((b"RETR", b"DELE")) for command in server.commands)


def test_json(listed, serve):
    server = serve(MAIL)
    first, second, _, evil, empty = json.loads(listed(server, "--json").stdout)
    assert first == {
        "number": 1,
        "size": len(server.messages[0]),
        "uid": first["uid"],
        "date": "2026-11-26T15:12:10+01:00",
        "from": "Zoë <zoe@example.org>",
        "subject": "Prüf bericht",
    }
    assert second["subject"] == "日 raw"
    assert "\x1b" not in evil["from"] + evil["subject"]
    assert "\u202e" not in evil["subject"]
    assert (empty["date"], empty["from"], empty["subject"]) == (None, None, None)


def test_what_the_server_does_not_tell(listed):
    steps = [S("+OK"), C("CAPA"), S("-ERR"), C("USER alice"), S("+OK"), C("PASS secret"), S("+OK")]
    steps += [*listing("1 5"), C("TOP 1 0")]
    for options in ([], ["--json"]):
        with play(*steps, S("-ERR no TOP"), C("QUIT"), S("+OK")) as server:
            ended = listed(server, *options)
        assert ended.returncode == 0
        assert "-ERR no TOP" in ended.stdout


def test_headers_that_are_meant_to_harm(listed, serve):
    """Base64 and a charset that are none, and more combining characters than a terminal takes."""
    wrong = b"Subject: =?utf-8?b?a?=\nDate: Mon, 99 Foo 99999 99:99:99 +9999\n\n"
    nameless = "Subject: =?ü?q?x?=\n\n".encode()
    server = serve([wrong, nameless, "Subject: a{}\n\n".format("\u0301" * 5000).encode()])
    ended = listed(server)
    assert ended.returncode == 0
    first, second, third = ended.stdout.splitlines()[1:4]
    assert first.endswith("=?utf-8?b?a?=")
    assert second.endswith("=?ü?q?x?=")
    assert len(third) < 1000


def test_a_header_that_would_take_hours(listed, serve):
    """Anybody can send one; up to 4 KiB are decoded, and what is longer is shown as it came."""
    longest = 4096 // 16 * "=?utf-8?q?abcd?="
    unending = (1 << 15) * "=?a?b?c "
    texts = (longest, longest + "=", unending)
    server = serve([f"Subject: {text}\n\n".encode() for text in texts])
    shown = [message["subject"] for message in json.loads(listed(server, "--json").stdout)]
    assert shown == [256 * "abcd", longest + "=", unending.strip()]


def test_headers_without_end(listed, serve):
    """A message's are limited to 1 MiB, and the others are listed."""
    server = serve([b"".join(b"X-%d: x\n" % i for i in range(1 << 17)), b"Subject: a\n\n"])
    messages = json.loads(listed(server, "--json").stdout)
    assert messages[0]["error"] == "reply larger than 1048576 octets"
    assert messages[1]["subject"] == "a"


def test_a_listing_that_is_too_large(listed, user, serve):
    server = serve(numbered(100))
    into = "--insecure", "--maildir", user.maildir, "--max-listing", "500"
    for ended in (listed(server, "--max-listing", "500"), user.fetch(*into, url(server))):
        told = "the mailbox needs a larger --max-listing: reply larger than 500 octets"
        assert (ended.returncode, ended.stderr.splitlines()[-1].endswith(told)) == (1, True)
    assert not any(command.startswith((b"TOP", b"RETR")) for command in server.commands)
    assert listed(server, "--max-listing", "5k").returncode == 0


@pytest.mark.parametrize("count", [0, 1, 300])
def test_json_is_printed_as_it_comes(serve, count):
    server = serve(numbered(count))
    options = arguments.parser().parse_args(["list", "--insecure", "--json", url(server)])
    mailbox = Logins(parse(options.targets[0]), options, Credentials("secret"), Stop(), print)
    lines = lister.show(lister.Listing(mailbox), options)
    text = [next(lines)]
    asked = sum(command.startswith(b"TOP") for command in server.commands)
    assert asked <= 150
    text += lines
    messages = json.loads("\n".join(text))
    assert "\n".join(text) == json.dumps(messages, indent=2)
    assert len(messages) == count


@pytest.mark.parametrize("command", ["check", "list"])
def test_an_error_names_the_mailbox(user, server, command):
    server.stop()
    ended = user.run(command, "--no-pipelining", url(server))
    place = f"alice@127.0.0.1:{server.port}"
    assert ended.returncode == 69
    assert ended.stderr == f"python -m poplib_c {command}: {place}: Connection refused\n"
