"""--pipe: a command is run for each message."""

import json
import mailbox
import os
import shutil
import signal
import sys
import threading
import time

import pytest
from manual import blocks_of_code
from scripted import Await, C, Raw, S, play

from .habits import refuse
from .support import TIMEOUT, in_step, numbered, url
from .test_interrupts import GREETED, LISTED, Told

KEEPS = """
import json, os, sys
message = sys.stdin.buffer.read().decode("latin-1")
about = {name: value for name, value in os.environ.items() if name.startswith("POPLIB_C")}
with open(sys.argv[1], "a") as file:
    print(json.dumps([message, about, sys.argv[2:]]), file=file)
"""


@pytest.fixture
def program(user):
    """Makes a program in Python; a command that runs it, without its arguments."""

    def program(text, name="mda"):
        path = user.home / name
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o700)
        return str(path)

    return program


@pytest.fixture
def keeps(user, program):
    """A command that keeps messages, and what it has kept."""
    path = user.home / "kept"
    return f"{program(KEEPS)} '{path}'", lambda: [*map(json.loads, path.open())]


def test_what_a_command_gets(fetch, user, serve, keeps):
    """Lines that end with LF, arguments as written, and no password."""
    command, kept = keeps
    server = serve([b"Subject: x\n\n.body\xff\n", b"", b"no end"])
    ended = fetch(server, "--delete", "--pipe", f"""{command} 'a b' "$(id)" '%u' \\; * ~/x""")
    assert (ended.returncode, ended.stderr, server.messages) == (0, "", [])
    assert [message for message, _, _ in kept()] == ["Subject: x\n\n.body\xff\n", "", "no end\n"]
    (_, about, words), *_ = kept()
    assert words == ["a b", "$(id)", "%u", ";", "*", f"{user.home}/x"]
    assert len(about.pop("POPLIB_C_UID")) == 16
    assert about == {
        "POPLIB_C_USER": "alice",
        "POPLIB_C_HOST": "127.0.0.1",
        "POPLIB_C_PORT": str(server.port),
        "POPLIB_C_NUMBER": "1",
    }


@pytest.mark.parametrize(
    ("uid", "given"),
    [(b"a\xff;\x00\x1b$(x)", "a?;??$(x)"), (b"x" * 200_000, "x" * 1000)],
    ids=["odd", "long"],  # pytest puts a test's name into the environment.
)
def test_a_hostile_uid(fetch, odd, keeps, uid, given):
    command, kept = keeps
    server = odd(numbered(1), {b"UIDL": lambda *_: b"+OK\r\n1 %s\r\n.\r\n" % uid})
    fetch(server, "--pipe", command)
    assert [about["POPLIB_C_UID"] for _, about, _ in kept()] == [given]


def test_no_uid(fetch, user, odd, keeps):
    """A variable of another program does not take its place."""
    command, kept = keeps
    user.environment["POPLIB_C_UID"] = "other"
    fetch(odd(numbered(1), {b"UIDL": refuse}), "--pipe", command)
    assert ["POPLIB_C_UID" in about for _, about, _ in kept()] == [False]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        ("75", 75, "mda ended with status 75: no"),
        ("73", 1, "mda ended with status 73: no"),
        ("1", 1, "mda ended with status 1: no"),
        ("127", 75, "mda ended with status 127: no"),
        ("signal", 75, "mda was killed by signal 9: no"),
    ],
)
def test_a_command_that_fails(fetch, serve, program, status, code, text):
    """The message stays, and the others come."""
    command = program(
        "import os, sys\n"
        "if os.environ['POPLIB_C_NUMBER'] != '2': sys.exit()\n"
        "print('first\\nno\\x1b[1m'[:8])\n"
        "sys.stdout.flush()\n"
        f"if '{status}' == 'signal': os.kill(os.getpid(), 9)\n"
        f"sys.exit({status!r}.isdigit() and int({status!r}))"
    )
    server = serve(numbered(3))
    ended = fetch(server, "--delete", "--pipe", command)
    assert ended.stderr.rstrip().endswith(f"octets) is left on the server: {text}")
    assert (ended.returncode, len(server.messages)) == (code, 1)
    assert "2 messages fetched" in ended.stdout and "1 left on the server" in ended.stdout


def refuses(program, status, number):
    text = (
        f"import os, sys\nsys.exit({status} * (b'Subject: {number}' in sys.stdin.buffer.read()))"
    )
    return program(text, "refuses")


@pytest.mark.parametrize(("status", "tries"), [(73, 3), (75, 6)])
def test_a_message_that_is_refused_in_each_run(fetch, serve, program, status, tries):
    """A temporary refusal is tried by each run, another one in three runs, then every tenth."""
    server = serve(numbered(4))
    command = refuses(program, status, 1)
    skipped = "is skipped: it has ended a session, or was refused, in 3 or more runs"
    for count in range(6):
        ended = fetch(server, "--delete", "--pipe", command)
        assert ended.returncode == (75 if status == 75 else 1)
        assert len(server.messages) == 1
        assert ("refuses ended with status" in ended.stderr) == (count < tries)
        assert (skipped in ended.stderr) == (count >= tries)


def test_a_refused_message_is_tried_last(fetch, serve, program, keeps):
    server = serve(box := [*numbered(3)])
    assert fetch(server, "--since-last", "--pipe", refuses(program, 75, 0)).returncode == 75
    server.stop()
    server = serve([*box, b"Subject: 3\n\n"], port=server.port)
    command, kept = keeps
    assert fetch(server, "--since-last", "--pipe", command).returncode == 0
    assert [message[9] for message, _, _ in kept()] == ["3", "0"]


def test_a_command_that_refuses_all(fetch, user, serve, program):
    """Five in a row; the next run begins with others."""
    server = serve(numbered(12))
    command = program(
        f"import os, sys\nprint(os.environ['POPLIB_C_NUMBER'], file=open('{user.home}/n', 'a'))\n"
        "sys.exit(75)"
    )
    for _ in range(2):
        ended = fetch(server, "--since-last", "--pipe", command)
        assert ended.returncode == 75
        told = ended.stderr.splitlines()
        assert told[-1].endswith(": 5 messages in a row were refused; the run takes no more")
        assert len(told) == 6
    assert (user.home / "n").read_text().split() == [*map(str, range(1, 11))]


@pytest.mark.parametrize(
    ("command", "status", "text"),
    [
        ("nosuchprogram -x", 69, "fetch: --pipe: there is no program nosuchprogram"),
        ("cat 'x", 64, "fetch: --pipe: the command can't be split: No closing quotation"),
        ("   ", 64, "fetch: --pipe: the command is empty"),
    ],
)
def test_a_command_that_cannot_be_run(user, server, command, status, text):
    ended = user.fetch("--insecure", "--pipe", command, url(server))
    assert ended.returncode == status
    assert text in ended.stderr
    assert server.commands == []


def test_a_command_in_the_home_directory(fetch, server, program):
    program("")
    assert fetch(server, "--pipe", "~/mda").returncode == 0


def test_a_program_that_is_gone(fetch, user, server, program):
    """It removes itself: the run ends, as no other message can be delivered."""
    command = program("import os, sys\nos.unlink(sys.argv[0])")
    ended = fetch(server, "--delete", "--pipe", command)
    assert (ended.returncode, len(server.messages)) == (75, 2)
    (told,) = ended.stderr.splitlines()
    assert told.endswith(": can't run mda: No such file or directory")


@pytest.mark.parametrize("text", ["", "import sys\nsys.stdin.close()"])
def test_a_command_that_does_not_read(fetch, serve, program, text):
    server = serve(numbered(2, size=1_000_000))
    ended = fetch(server, "--delete", "--pipe", program(text))
    assert (ended.returncode, server.messages) == (0, [])


@pytest.mark.parametrize("trap", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_a_command_that_never_ends(fetch, serve, program, trap):
    """It is killed, with what it has started."""
    command = program(f"import signal, subprocess\n{trap}\nsubprocess.run(['sleep', '1000'])")
    server = serve(numbered(1))
    ended = fetch(server, "--delete", "--timeout", "0.2", "--pipe", command)
    assert (ended.returncode, len(server.messages)) == (75, 1)
    assert ended.stderr.endswith("is left on the server: mda was killed after 2 seconds\n")


def test_a_command_that_prints_without_end(fetch, serve, program):
    """Only the end of it is shown, in one harmless line."""
    text = "import sys\nfor _ in range(100): print('x' * 99_999)\nprint('\\x1b[1mend' * 500)"
    ended = fetch(serve(numbered(1)), "--pipe", program(f"{text}\nsys.exit(1)"))
    (told,) = ended.stderr.splitlines()
    assert told.partition("status 1: ")[2] == ("\ufffd[1mend" * 500)[-4095:][:200]


def test_programs_that_a_command_leaves_behind(fetch, serve, program):
    """They keep its output open, and are not waited for."""
    command = program(
        "import subprocess\nprint(subprocess.Popen(['sleep', '1000']).pid, flush=True)\nexit(1)"
    )
    ended = fetch(serve(numbered(1)), "--pipe", command)  # The time of run() is limited.
    os.kill(int(ended.stderr.rpartition(" ")[2]), signal.SIGKILL)


def test_ctrl_c_does_not_reach_the_command(user, program):
    """The terminal sends it to the whole group. The message is delivered, and deleted."""
    path = user.home / "kept"
    command = program(
        f"import sys, time\nopen('{path}', 'w')\ntime.sleep(1)\n"
        f"open('{path}', 'wb').write(sys.stdin.buffer.read())"
    )
    steps = [*GREETED, *LISTED, C("CAPA"), S("-ERR no"), C("RETR 1"), Raw(b"+OK\r\none\r\n.\r\n")]
    reached, goes_on = Told(), threading.Event()
    steps += [C("RETR 2"), Raw(b"+OK\r\n"), reached, Await(goes_on), Raw(b"two\r\n.\r\n")]
    steps += [*in_step(2, "b"), C("DELE 1"), S("+OK"), C("DELE 2"), S("+OK"), C("QUIT"), S("+OK")]
    with play(*steps) as server:
        arguments = "fetch", "--insecure", "--delete", "--pipe", command, url(server)
        with user.start(*arguments, start_new_session=True) as process:
            assert reached.wait(TIMEOUT)
            while not path.exists():
                assert process.poll() is None
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)
            goes_on.set()
            _, errors = process.communicate(timeout=TIMEOUT)
    assert path.read_bytes() == b"two\n"
    assert process.returncode == 0, errors


def test_a_second_ctrl_c(user, serve, program):
    """It ends the command, and the message stays."""
    path = user.home / "begun"
    command = program(f"import time\nopen('{path}', 'w')\ntime.sleep({10 * TIMEOUT})")
    server = serve(numbered(2))
    with user.start("fetch", "--insecure", "--delete", "--pipe", command, url(server)) as process:
        while not path.exists():
            time.sleep(0.01)
        errors = process.interrupt_twice()
    assert (process.returncode, len(server.messages)) == (1, 2)
    assert ": interrupted: mda was killed in a message, which may come twice\n" in errors


def test_the_program_of_the_manual(user, serve, program):
    """It files mail by its headers; if it can't, the next run tries again."""
    (text,) = [code for code in blocks_of_code("command-line.rst") if code.startswith("# ~/file")]
    command = program(text, "file-mail")
    heads = {"announce": b"List-Id: <announce.example.org>", "spam": b"X-Spam-Flag: yes"}
    heads["inbox"] = b"Subject: x"
    messages = {folder: head + b"\n\n\xff\n" for folder, head in heads.items()}
    server = serve(messages.values())
    user.maildir.touch()
    arguments = "--insecure", "--delete", "--pipe", command, url(server)
    ended = user.fetch(*arguments)
    assert (ended.returncode, len(server.messages)) == (75, 3)
    assert "file-mail ended with status 75: [Errno 17] File exists: " in ended.stderr
    user.maildir.unlink()
    assert user.fetch(*arguments).returncode == 0
    for folder, message in messages.items():
        (path,) = (user.maildir / folder / "new").iterdir()
        assert path.read_bytes() == message


def test_procmail(fetch, user, serve, unavailable):
    """It takes HOME from the user's record, so that the test names its own file."""
    if shutil.which("procmail") is None:
        unavailable("procmail is not installed")
    (user.home / "rc").write_text(
        f"MAILDIR={user.home}\nDEFAULT=$MAILDIR/inbox\n"
        ":0\n* ^Subject: 1\n{ EXITCODE=77 HOST=end }\n:0:\ninbox\n"
    )
    server = serve(numbered(3))
    ended = fetch(server, "--delete", "--pipe", f"procmail -f - -t {user.home}/rc")
    assert (ended.returncode, len(server.messages)) == (1, 1)
    assert "procmail ended with status 77" in ended.stderr
    box = mailbox.mbox(user.home / "inbox", create=False)
    assert [message["Subject"] for message in box] == ["0", "2"]
