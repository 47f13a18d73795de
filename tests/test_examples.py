"""The programs of examples/, as they stand, each with a server over TLS."""

import contextlib
import mailbox
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from poplib_c.testing import POP3Server

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MAIL = (
    b"From: Zoe <zoe@example.org>\nSubject: %s\n"
    b"Content-Disposition: attachment; filename=hi.txt\n\nHi!\n"
)
LUNCH, DINNER = MAIL % b"Lunch?", MAIL % b"Dinner?"


@pytest.fixture
def environment(authority):
    """That of a program for which the tests' authority is among the system's."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path)),
        "SSL_CERT_FILE": authority.ca_file,
        "POPLIB_C_PASSWORD": "secret",
    }


@pytest.fixture
def run(tmp_path, environment):
    """Runs an example, or what is given as its text, to a good end; its output."""

    def run(example, *arguments, status=0):
        ended = subprocess.run(
            [sys.executable, example, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=50,
        )
        assert ended.returncode == status, ended.stderr
        return ended.stdout + ended.stderr

    return run


@pytest.fixture
def serve(server_context):
    """Starts servers that end with the test: serve(messages, users=..., tokens=...)."""
    with contextlib.ExitStack() as stack:

        def serve(messages, **options):
            return stack.enter_context(POP3Server(messages, tls=server_context, **options))

        yield serve


def place(server):
    return f"{server.host}:{server.port}"


@pytest.fixture
def accounts(tmp_path, serve):
    """A file with three mailboxes, one of them with a password that the server refuses."""
    users = {"alice": "secret", "bob": "a secret"}
    lines = []
    for messages, user, password in [
        ([LUNCH, DINNER], "alice", "secret"),
        ([LUNCH, MAIL.replace(b"zoe", b"max") % b"Max"], "bob", "a secret"),
        ([LUNCH], "alice", "wrong"),
    ]:
        lines.append(f"{user}@{place(serve(messages, users=users))} {password}\n")
    file = tmp_path / "accounts"
    file.write_text("".join(lines))
    return str(file)


@pytest.mark.parametrize("module", ["poplib", "poplib_c as poplib"])
def test_drop_in(module, run, serve, tmp_path):
    text = (EXAMPLES / "drop_in.py").read_text()
    program = tmp_path / "drop_in.py"
    program.write_text(text.replace("import poplib_c as poplib", f"import {module}"))
    assert text.count("import poplib_c as poplib\n") == 1
    server = serve([LUNCH, DINNER], users={"alice": "secret"})
    assert run(program, place(server), "alice") == (
        f"2 messages, {sum(map(len, server.messages))} octets\n"
        "1 Zoe <zoe@example.org> Lunch?\n"
        "2 Zoe <zoe@example.org> Dinner?\n"
    )
    assert server.commands[-1] == b"QUIT"


def test_new_mail(run, serve, tmp_path):
    server = serve([LUNCH], users={"alice": "secret"})
    maildir = tmp_path / "Mail"

    def new_mail(server):
        return run(EXAMPLES / "new_mail.py", place(server), "alice", str(maildir))

    assert new_mail(server) == "1 new of 1 messages\n"
    assert new_mail(server) == "0 new of 1 messages\n"
    assert new_mail(serve([LUNCH, DINNER])) == "1 new of 2 messages\n"
    subjects = sorted(message["Subject"] for message in mailbox.Maildir(maildir))
    assert subjects == ["Dinner?", "Lunch?"]
    assert len(server.messages) == 1


def test_new_mail_without_unique_ids(run, serve, tmp_path):
    server = serve([LUNCH], refused={"UIDL": "unknown command"})
    told = run(EXAMPLES / "new_mail.py", place(server), "alice", str(tmp_path / "Mail"), status=1)
    assert told.startswith("127.0.0.1 has no unique ids") and "Traceback" not in told
    assert b"QUIT" not in server.commands


def test_many_mailboxes(run, accounts, tmp_path):
    output = run(EXAMPLES / "many_mailboxes.py", accounts, str(tmp_path / "in"), status=1)
    names = [line.split()[0] for line in Path(accounts).read_text().splitlines()]
    (refusal,) = (line for line in output.splitlines() if line.startswith(names[2]))
    assert "[AUTH]" in refusal
    assert {f"{name}: 2 messages" for name in names[:2]} < {*output.splitlines()}
    delivered = [len(mailbox.Maildir(tmp_path / "in" / name)) for name in names]
    assert delivered == [2, 2, 0]


def test_oauth2(run, serve):
    server = serve([LUNCH], tokens={"alice": "new"})
    command = "import os; print('new' if os.environ.get('POPLIB_C_TOKEN_REFUSED') else 'old')"
    output = run(
        EXAMPLES / "oauth2.py", place(server), "alice", sys.executable, "-c", command
    ).split()
    assert output[:2] == ["1", str(len(server.messages[0]))] and len(output) == 3
    assert sum(line.startswith(b"AUTH ") for line in server.commands) == 2


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Python 3.14 has the executor")
def test_interpreters(run, accounts):
    output = run(EXAMPLES / "interpreters.py", accounts, status=1)
    names = [line.split()[0] for line in Path(accounts).read_text().splitlines()]
    *found, refusal = sorted(output.splitlines(), key=lambda line: "[AUTH]" in line)
    assert refusal.startswith(names[2]) and "[AUTH]" in refusal
    assert sorted(found) == sorted(2 * [f"{name}: hi.txt, 5 octets" for name in names[:2]])


def test_with_trio(run, serve):
    pytest.importorskip("trio")
    server = serve([LUNCH, DINNER], users={"alice": "secret"})
    output = run(EXAMPLES / "with_trio.py", place(server), "alice")
    assert output == f"1 {len(server.messages[0])}\n2 {len(server.messages[1])}\n"
    assert server.commands[-1] == b"QUIT"


COUNTED = {"zoe@example.org": 3, "max@example.org": 1}


def test_the_function_of_the_cluster(accounts, environment, monkeypatch, capsys):
    """With processes of the standard library's; with dask.distributed it is below."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("SSL_CERT_FILE", environment["SSL_CERT_FILE"])
    import cluster

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn) as executor:
        counted = cluster.count(executor, cluster.names(accounts), accounts)
    assert counted == COUNTED
    assert "[AUTH]" in capsys.readouterr().err


@pytest.mark.cluster
def test_cluster(run, accounts):
    output = run(EXAMPLES / "cluster.py", accounts)
    assert output.startswith("3 zoe@example.org\n1 max@example.org\n")
    assert "[AUTH]" in output


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_without_arguments_it_says_what_it_wants(example, run):
    if example.stem == "with_trio":
        pytest.importorskip("trio")
    assert f"usage: python {example.name} " in run(example, status=1)
