"""The benchmark: its load server speaks POP3, its clients receive the same, its table tells."""

import poplib
import socket
import subprocess
import time

import pytest

import build
import client
import fetch
import loadserver
import mailboxes
import regress
import table
from clients import connect
from runner import Row, in_turns
from workloads import WORKLOADS, Workload

MAILBOX = "2k x 40"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("benchmarks")
    return {
        "server": build.server(directory),
        "receiver": build.receiver(directory),
        "module": build.module(directory),
    }


@pytest.fixture(scope="module")
def ports(programs):
    with loadserver.serving(programs["server"], spin=0) as ports:
        yield ports


def login(name, ports, link="plain", mailbox=MAILBOX):
    connection = connect(name, loadserver.HOST, ports[link], 20, link == "tls")
    connection.user(mailbox)
    connection.pass_("x")
    return connection


@pytest.mark.parametrize("link", ["plain", "tls"])
def test_server_speaks_pop3(ports, link):
    client = login("poplib", ports, link)
    assert client.stat() == (40, 80000)
    assert client.list()[1] == [b"%d 2000" % number for number in range(1, 41)]
    assert client.list(7) == b"+OK 7 2000"
    uids = client.uidl()[1]
    assert len(set(uids)) == 40
    assert client.uidl(7) == b"+OK " + uids[6]
    bodies = set()
    for number in range(1, 41):
        _, lines, octets = client.retr(number)
        assert octets == 2000
        bodies.add(tuple(lines))
        headers = lines[: lines.index(b"") + 1]
        assert client.top(number, 0)[1] == headers
        assert client.top(number, 2)[1] == lines[: len(headers) + 2]
        assert client.top(number, 1000)[1] == lines
    assert len(bodies) == 40
    assert any(line.startswith(b".") for lines in bodies for line in lines)
    assert client.noop() == client.dele(40) == b"+OK"
    assert "PIPELINING" in client.capa()
    assert client.quit() == b"+OK bye"


def test_server_refuses(ports):
    client = poplib.POP3(loadserver.HOST, ports["plain"], timeout=20)
    with pytest.raises(poplib.error_proto):
        client.noop()
    for name in ("alice", "2k x", "2k x 0", "1 x 1", "2k x 40 x"):
        client.user(name)
        with pytest.raises(poplib.error_proto):
            client.pass_("x")
    client.user(MAILBOX)
    client.pass_("x")
    for call in (client.retr, client.dele, client.list, client.uidl):
        with pytest.raises(poplib.error_proto):
            call(41)
    client.quit()


def dial(ports):
    return socket.create_connection((loadserver.HOST, ports["plain"]), 20)


def converse(sock, commands):
    """Send all at once; what comes back until the server hangs up."""
    sock.sendall(commands)
    received = bytearray()
    while data := sock.recv(65536):
        received += data
    return bytes(received)


@pytest.mark.parametrize("in_pieces", [False, True])
def test_server_answers_a_burst_in_order(programs, ports, in_pieces):
    client = login("poplib", ports)
    name = MAILBOX.encode()
    one = [b"\r\n".join([client.retr(n)[0], *client.retr(n)[1]]) for n in range(1, 41)]
    client.quit()
    serving = loadserver.serving(programs["server"], spin=0, in_pieces=in_pieces)
    with serving as ports, dial(ports) as sock:
        burst = b"".join(b"RETR %d\r\nNOOP\r\n" % (n % 40 + 1) for n in range(2000))
        received = converse(sock, b"USER %b\r\nPASS x\r\n%bQUIT\r\n" % (name, burst))
    expected = b"".join(one[n % 40] + b"\r\n.\r\n+OK\r\n" for n in range(2000))
    greeting = b"+OK the load server is ready\r\n+OK\r\n+OK\r\n"
    assert received.replace(b"\r\n..", b"\r\n.") == greeting + expected + b"+OK bye\r\n"


def test_server_far_away_does_not_wait_for_each(programs):
    delay = 100
    with loadserver.serving(programs["server"], delay, spin=0) as ports, dial(ports) as sock:
        begin = time.monotonic()
        received = converse(sock, b"CAPA\r\n" * 200 + b"QUIT\r\n")
        taken = time.monotonic() - begin
    assert received.count(b"PIPELINING") == 200
    assert 0.1 <= taken < 10


@pytest.mark.parametrize("link", ["plain", "tls"])
def test_clients_receive_the_same(programs, ports, link, monkeypatch):
    monkeypatch.syspath_prepend(str(programs["module"].parent))
    results = []
    for name in ("poplib", "poplib_c", "list", "python"):
        client = login(name, ports, link)
        results.append([client.noop(), client.list(), client.uidl(), client.top(3, 0)])
        results[-1] += [client.retr(number) for number in range(1, 41)]
        client.quit()
    assert results[1:] == results[:1] * 3
    for mode, octets in (("split", 40 * 2000), ("receive", 0)):
        command = [programs["receiver"], mode, str(ports[link]), link, MAILBOX, "RETR %zu"]
        done = subprocess.run(
            [*command, "1", "40"], stdout=subprocess.PIPE, timeout=20, check=True
        )
        assert int(done.stdout.split()[2]) == octets


@pytest.mark.parametrize("ours", ["retr_many", "read_ahead", "retr_bytes", "retr_into"])
def test_whole_messages_are_the_same(ports, ours):
    workload = Workload("", "retr", MAILBOX, 40, ours=ours)
    runs = [client.Run(name, ports["plain"], workload) for name in ("poplib", "poplib_c")]
    assert runs[0].check() == runs[1].check()
    assert all(run.calls()["wall"] > 0 for run in runs)


def test_names_of_workloads_are_unique():
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)


def test_clients_take_turns():
    order = []
    in_turns("AB", 3, order.append)
    assert "".join(order) == "ABBAAB"


def row(goal, **cpu):
    return Row(Workload("RETR", "retr", goal=goal), cpu=cpu)


@pytest.mark.parametrize(
    "row, met",
    [
        (row(2, poplib=4, poplib_c=2, list=1.9), "yes"),
        (row(2.1, poplib=4, poplib_c=2, list=1.9), "no"),
        (row(2, poplib=4, poplib_c=2, list=1.7), "no"),
        (row(0, poplib=4, poplib_c=2), ""),
        (row(2, poplib=4, poplib_c=2), "yes"),
    ],
)
def test_table_tells_which_goals_are_met(row, met):
    cells = dict(zip(table.HEADS, table.cells(row)))
    assert (cells["times less"], cells["met"]) == ("2.00", met)


def test_table():
    rows = [row(2, poplib=4e-3, poplib_c=2e-6, list=1.9), row(0, poplib=40e-6, poplib_c=10e-6)]
    head, *lines = table.in_text(table.main(rows))
    assert head.split() == " ".join(table.HEADS).split()
    assert [line.split()[1:4] for line in lines] == [
        ["4000", "2.00", "2000.00"],
        ["40.0", "10.0", "4.00"],
    ]
    threads = Row(Workload("8", "retr", threads=8, goal=7))
    threads.wall = {"poplib": 2, "poplib alone": 1, "poplib_c": 1, "poplib_c alone": 1.8}
    growth = [(10_000, 49e-9)], [8e-6, 8.1e-6]
    fetched = {0: {"poplib-c": 0.5}, 3: {"poplib-c": 3.0, "mpop": 10.0}}
    _, *others = [line[1:] for line in table.others("CPython", [threads], growth, fetched)]
    assert others == [
        ["CPython", "", ""],
        ["0.50", "", ""],
        ["1.80", "1.7", "yes"],
        ["0.50", "", ""],
        ["3.00", "<= 2.00", "no"],
        ["10.00", "", ""],
        ["49", "", ""],
        ["8.0, 8.1", "", ""],
    ]


def test_fetch(tmp_path, monkeypatch):
    """Each client delivers everything, with slow syncs too."""
    monkeypatch.setattr(fetch, "MAILBOX", "4k x 20")
    monkeypatch.setattr(fetch, "MESSAGES", 20)
    found = fetch.measure(tmp_path, 1)
    assert [*found] == [0, 3]
    assert all("poplib-c" in seconds for seconds in found.values())


def test_regress_says_that_there_is_no_such_commit(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["regress.py", "--base", "nosuch"])
    with pytest.raises(SystemExit) as ended:
        regress.main()
    assert ended.value.code == "error: no commit is called 'nosuch'"
    assert capsys.readouterr() == ("", "")


def test_regress_fails_on_more_instructions(capsys):
    assert regress.report([("NOOP", 100, 104), ("LIST", 100, 50)])
    assert not regress.report([("NOOP", 100, 106), ("LIST", 100, 50)])
    assert "+6.0%" in capsys.readouterr().out


@pytest.mark.parametrize("name", mailboxes.CLIENTS)
def test_many_mailboxes(programs, monkeypatch, name):
    if name == "uvloop":
        pytest.importorskip("uvloop")
    monkeypatch.setattr(mailboxes, "IDLE", 2)
    monkeypatch.setattr(loadserver, "AUTHORITIES", 1)
    with loadserver.serving(programs["server"], spin=0, verify=True) as ports:
        task = {"client": name, "port": ports["tls"], "trusted": ports["trusted"]}
        costs = mailboxes.run({**task, "mailboxes": 5, "at_once": 2})
    assert costs["wall"] > 0 and costs["cpu"] > 0
