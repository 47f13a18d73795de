"""The command line, run as its users run it."""

import os
import re
import socket
import subprocess
import sys
import textwrap

import pytest
from wire import ALICE, FIRST, SECOND

from poplib_c.testing import POP3Server

SEPARATOR = "-----------------------"
MESSAGES = [
    FIRST,
    SECOND,
    "Subject: Grüße\n\nPříliš žluťoučký kůň\n".encode(),
    b"Subject: latin-1\n\ncaf\xe9\n",
    b"Subject: long\n\n" + b"x" * 5000 + b"\n\tindented\n\n",
    b"",
]


def run(*arguments, code=None, **environment):
    """Run ``python -m poplib_c``, or *code* in its stead; stdout and stderr come as UTF-8."""
    program = ["-m", "poplib_c"] if code is None else ["-c", textwrap.dedent(code)]
    return subprocess.run(
        [sys.executable, *program, *arguments],
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )


@pytest.fixture
def server():
    with POP3Server(MESSAGES, users=ALICE) as server:
        yield server


def place(server):
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.port}"


def printed(messages):
    """What the test section of Python 2.7's poplib prints after the welcome."""
    lines = []
    for number, message in enumerate(messages, 1):
        lines.append(f"Message {number}:")
        text = message.decode("utf-8", "replace").replace("\r\n", "\n")
        lines.extend("   " + line for line in text.split("\n")[:-1])
        lines.append(SEPARATOR)
    return lines


# Fetching


@pytest.mark.row("Module as a script")
def test_every_message_is_printed(server):
    finished = run(place(server), "alice", "secret")
    welcome, *lines = finished.stdout.split("\n")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert re.fullmatch(r"\+OK POP3 server ready <[^<>]+@localhost>", welcome)
    assert lines == [*printed(MESSAGES), ""]
    assert server.commands == [
        b"USER alice",
        b"PASS secret",
        b"LIST",
        b"STAT",
        *(b"RETR %d" % number for number in range(1, len(MESSAGES) + 1)),
        b"QUIT",
    ]
    assert len(server.messages) == len(MESSAGES)


@pytest.mark.row("Module as a script")
def test_output_as_written_out():
    message = b"Subject: dots\n\n.\n..twice\nEnd \xff\n"
    with POP3Server([message, b"Subject: empty\n\n"]) as server:
        finished = run(place(server), "any", "thing")
    assert finished.stdout.split("\n", 1)[1] == (
        "Message 1:\n"
        "   Subject: dots\n"
        "   \n"
        "   .\n"
        "   ..twice\n"
        "   End \ufffd\n"
        "-----------------------\n"
        "Message 2:\n"
        "   Subject: empty\n"
        "   \n"
        "-----------------------\n"
    )


def test_an_empty_maildrop():
    with POP3Server() as server:
        finished = run(place(server), "any", "thing")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.count("\n") == 1


def test_ipv6():
    with POP3Server([FIRST], host="::1") as server:
        finished = run(place(server), "any", "thing")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.split("\n")[1:-1] == printed([FIRST])


def test_an_output_that_is_not_utf8(server):
    finished = run(place(server), "alice", "secret", PYTHONIOENCODING="ascii")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "   Subject: Gr\\xfc\\xdfe\n" in finished.stdout
    assert "   caf\\ufffd\n" in finished.stdout


def test_an_output_that_is_closed():
    with POP3Server([b"Subject: large\n\n" + b"line\n" * 100_000] * 3) as server:
        process = subprocess.Popen(
            [sys.executable, "-m", "poplib_c", place(server), "any", "thing"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with process:
            try:
                assert process.stdout.readline().startswith(b"+OK")
                process.stdout.close()
                assert process.stderr.read() == b""
                assert process.wait(timeout=30) == 1
            finally:
                process.kill()
        assert len(server.messages) == 3


# Failures


def failure(finished, status=1):
    """The one line that tells what went wrong."""
    assert finished.returncode == status
    assert finished.stderr.count("\n") == 1
    assert "Traceback" not in finished.stderr
    return finished.stderr.rstrip("\n")


def test_wrong_password(server):
    finished = run(place(server), "alice", "wrong")
    told = failure(finished)
    assert told.startswith(f"poplib_c: {place(server)}: -ERR [AUTH] ")
    assert "wrong" not in told
    assert finished.stdout.startswith("+OK ")


def test_connection_refused():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        where = "{}:{}".format(*unused.getsockname())
        assert failure(run(where, "alice", "secret")) == f"poplib_c: {where}: Connection refused"


def test_a_server_that_hangs_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        where = "{}:{}".format(*listener.getsockname())
        process = subprocess.Popen(
            [sys.executable, "-m", "poplib_c", where, "alice", "secret"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with process:
            try:
                listener.accept()[0].close()
                assert (
                    process.communicate(timeout=30)[1] == f"poplib_c: {where}: -ERR EOF\n".encode()
                )
                assert process.returncode == 1
            finally:
                process.kill()


def test_a_name_with_control_characters(server):
    told = failure(run(place(server), "ali\nce", "secret"))
    assert told.startswith(f"poplib_c: {place(server)}: ")
    assert server.commands == []


# Usage


@pytest.mark.parametrize(
    "arguments",
    [
        ["example.org"],
        ["example.org", "alice"],
        ["example.org", "alice", "secret", "more"],
        ["demo", "more"],
        ["mailhost", "alice", "secret"],
        ["a/b.c", "alice", "secret"],
        ["a@b.c", "alice", "secret"],
        ["", "alice", "secret"],
        ["localhost:", "alice", "secret"],
        ["localhost:0", "alice", "secret"],
        ["localhost:65536", "alice", "secret"],
        ["localhost:pop3", "alice", "secret"],
        ["[::1", "alice", "secret"],
        ["[::1]110", "alice", "secret"],
        ["[]:110", "alice", "secret"],
    ],
)
def test_wrong_usage(arguments):
    finished = run(*arguments)
    assert (finished.returncode, finished.stdout) == (64, "")
    assert re.fullmatch(r"(python -m poplib_c\b.*): .*\nTry '\1 --help'\.\n", finished.stderr)
    assert "secret" not in finished.stderr


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("pop.example.org", "pop.example.org", 110),
        ("pop.example.org:1100", "pop.example.org", 1100),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("[::1]:1100", "::1", 1100),
        ("[::1]", "::1", 110),
        ("::1", "::1", 110),
        ("localhost", "localhost", 110),
        ("mailhost:110", "mailhost", 110),
        ("2001:db8::110", "2001:db8::110", 110),
    ],
)
def test_where_it_connects_to(text, host, port):
    code = """
        import sys
        from poplib_c import __main__ as command_line

        def connect(host, port, timeout):
            raise OSError(f"to {host!r} {port!r}")

        command_line.POP3 = connect
        sys.exit(command_line.main(sys.argv[1:]))
    """
    finished = run(text, "alice", "secret", code=code)
    assert failure(finished) == f"poplib_c: {text}: to {host!r} {port!r}"


# The demonstration

DEMO_ROW = re.compile(r"([0-9]+)  +([0-9]+)  ([!-~]{1,70})  (\S.*?)  +(\S.*)")


@pytest.mark.parametrize("columns", [80, 120])
def test_demo(columns):
    finished = run("demo", COLUMNS=str(columns))
    assert (finished.returncode, finished.stderr) == (0, "")
    headings, *rows, blank, total, end = finished.stdout.split("\n")
    assert headings.split() == ["#", "octets", "unique-id", "from", "subject"]
    assert max(map(len, rows)) <= columns
    start = headings.index("from")
    assert all(row[start - 2 : start] == "  " and row[start] != " " for row in rows)
    cells = [DEMO_ROW.fullmatch(row).groups() for row in rows]
    assert [int(number) for number, *_ in cells] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len({uid for _, _, uid, _, _ in cells}) == 8
    assert cells[1][3:] == ("Ελένη Παπαδοπούλου", "Καλημέρα από την Αθήνα")
    octets = sum(int(size) for _, size, *_ in cells)
    assert re.fullmatch(rf"8 messages, {octets} octets, fetched in [0-9]+\.[0-9] ms", total)
    assert blank == end == ""


def test_demo_cuts_what_is_too_wide():
    rows = run("demo", COLUMNS="60").stdout.split("\n")[1:9]
    assert all(len(row) <= 70 for row in rows)
    assert any(row.endswith("...") for row in rows)


def test_demo_with_an_output_that_is_not_utf8():
    finished = run("demo", PYTHONIOENCODING="ascii")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert "Zo\\xeb M\\xfcller" in finished.stdout


@pytest.mark.parametrize(
    ("method", "spoil", "told"),
    [
        ("retr", "(reply[0], reply[1][:-1], reply[2])", "retr()"),
        ("retr", "(reply[0], reply[1], reply[2] + 1)", "retr()'s octet count"),
        ("list", "(reply[0], reply[1][::-1], reply[2])", "list()"),
        ("uidl", "(reply[0], reply[1][:-1], reply[2])", "uidl()"),
        ("stat", "(reply[0], reply[1] - 1)", "stat()"),
    ],
)
def test_demo_fails_if_something_does_not_match(method, spoil, told):
    code = f"""
        import sys
        from poplib_c import POP3
        from poplib_c import __main__ as command_line
        from poplib_c._cli import demo

        class Spoiled(POP3):
            def {method}(self, *args):
                reply = super().{method}(*args)
                return {spoil}

        demo.POP3 = Spoiled
        sys.exit(command_line.main(["demo"]))
    """
    assert failure(run(code=code)) == f"python -m poplib_c demo: {told} doesn't match the mailbox"
