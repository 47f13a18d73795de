"""Random sessions with Dovecot over a connection that fails at random; ``make soak`` has more.

SOAK_SECONDS says for how long, SEED which sessions. What a session does, and what is done to it,
is made of the seed and its number alone; one that fails is named, and SESSION=n runs it alone. The
moments are the machine's.
"""

import contextlib
import itertools
import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, deque

import pytest
from faults.support import environment
from integration import corpus
from tqdm import tqdm

from . import chaos
from .session import HANG, LINKS

SEED = int(os.environ.get("SEED") or 1)
SECONDS = float(os.environ.get("SOAK_SECONDS") or 0)
ALONE = os.environ.get("SESSION")
#: How many without SOAK_SECONDS.
SESSIONS = 20

#: How long the client waits, in seconds, where it need not be long, and where it is to be.
SHORT, LONG = 0.4, 20.0

#: No call may take longer where the client's timeout is SHORT; the machine may be busy.
LONGEST = 10.0

#: Mailboxes that are looked at again, so many sessions later.
KEPT = 50

MESSAGES = corpus.messages()
SMALL = [index for index, message in enumerate(MESSAGES) if message.size < 100_000]
LARGE = [index for index in range(len(MESSAGES)) if index not in SMALL]


class Bar(tqdm):
    """No thread watches it."""

    monitor_interval = 0


class Client:
    """The worker's process."""

    def __init__(self):
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *details):
        if self._process is not None:
            self.kill()
            self._process.communicate()

    def kill(self):
        self._process.kill()

    def run(self, order):
        """What the worker says of this session, until it ends or is killed."""
        if self._process is None:
            self._start()
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        for line in iter(self._line, b""):
            said = json.loads(line)
            yield said
            if "end" in said:
                return
        self._process.communicate()
        status, self._process = self._process.returncode, None
        assert status == -signal.SIGKILL, f"the client's process ended with {status}"

    def _line(self):
        ready, _, _ = select.select([self._process.stdout], [], [], 10 * HANG)
        assert ready, "the client's process hangs"
        return self._process.stdout.readline()

    def _start(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "soak.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment(),
        )


class Plan:
    """What is to happen in the session with this number."""

    def __init__(self, number):
        self.number = number
        numbers = random.Random(f"{SEED}.{number}")
        self.link = numbers.choice(LINKS)
        self.faults = chaos.faults(numbers, self.link.split()[0])
        self.has_pause = any(fault.kind in chaos.PAUSES for fault in self.faults)
        self.timeout = SHORT if self.has_pause else LONG
        self.messages = numbers.sample(SMALL, numbers.choice([0, 1, 5, 20, 40]))
        if self.messages and numbers.random() < 0.15:
            self.messages.append(numbers.choice(LARGE))
        numbers.shuffle(self.messages)
        self.seed = f"{SEED}.{number}.session"

    def __str__(self):
        return f"SEED={SEED} SESSION={self.number}: {self.link}, {self.faults}"


class Soak:
    """All sessions with one server, and what was counted."""

    def __init__(self, dovecot, client):
        self.dovecot = dovecot
        self.client = client
        self.sessions = 0
        self.links, self.commands = Counter(), Counter()
        self.faults, self.errors = Counter(), Counter()
        self.messages = self.octets = self.deletions = 0
        self.longest = 0.0
        self._kept = deque()

    def run(self, plan):
        mailbox = self.dovecot.mailbox([MESSAGES[index].stored for index in plan.messages])
        is_tls = plan.link.startswith("tls")
        port = self.dovecot.tls_port if is_tls else self.dovecot.port
        proxy = chaos.Proxy(
            ("127.0.0.1", port), plan.faults, plan.seed, 1.5 * plan.timeout, self._kill
        )
        order = {
            "seed": plan.seed,
            "link": plan.link,
            "port": proxy.address[1],
            "timeout": plan.timeout,
            "ca_file": self.dovecot.ca_file,
            "user": mailbox.user,
            "password": mailbox.password,
            "messages": plan.messages,
        }
        with proxy:
            told = [*self.client.run(order)]
        report = told[-1].get("end", {}) if told else {}
        assert "wrong" not in report, report["wrong"]
        self._check_errors(plan, report, proxy.met)
        self._check_mailbox(mailbox, len(plan.messages), told, report)
        self._count(plan, report, proxy.met)

    def _kill(self, kind):
        if kind == "client killed":
            self.client.kill()
            return
        for pid in self.dovecot.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _check_errors(self, plan, report, met):
        """Only what has happened may be an error, and only as long as it has to."""
        if "client killed" in met:
            return
        assert report, "the session has no end"
        if not plan.has_pause and {*met} <= {*chaos.GENTLE}:
            unexpected = {kind for kind in report["errors"] if "as it must" not in kind}
            unexpected = {kind for kind in unexpected if report["errors"][kind]}
            assert not unexpected, f"nothing has happened, but {unexpected}"
        if plan.has_pause:
            assert report["longest"] < LONGEST

    def _check_mailbox(self, mailbox, count, told, report):
        """Messages that are gone were to be deleted, and committed by quit()."""
        asked, may_be_gone = set(), set()
        for said in told:
            asked.update(said.get("asked", ()))
            if said.get("taken_back"):
                asked.clear()
            if said.get("quit"):
                may_be_gone = asked
        must_be_gone = report.get("committed")
        if must_be_gone is not None:
            may_be_gone = {*must_be_gone}
        self._look(mailbox, count, may_be_gone, must_be_gone)
        self._kept.append((mailbox, count, may_be_gone, must_be_gone))
        if len(self._kept) > KEPT:
            self._forget()

    def _forget(self):
        self._look(*self._kept[0])
        mailbox, *_ = self._kept.popleft()
        shutil.rmtree(mailbox.directory)

    def _look(self, mailbox, count, may_be_gone, must_be_gone):
        left = {int(path.name.partition(".")[0]) - 1000000000 for path in mailbox.files()}
        gone = {*range(1, count + 1)} - left
        assert gone <= may_be_gone, f"gone: {gone}, asked for: {may_be_gone}"
        assert must_be_gone is None or gone == {*must_be_gone}
        return gone

    def _count(self, plan, report, met):
        self.sessions += 1
        self.links[plan.link] += 1
        self.faults.update(met)
        self.commands.update(report.get("commands", {}))
        self.errors.update(report.get("errors", {}))
        self.messages += report.get("messages", 0)
        self.octets += report.get("octets", 0)
        self.deletions += len(report.get("committed") or ())
        self.longest = max(self.longest, report.get("longest", 0))

    def finish(self):
        while self._kept:
            self._forget()

    def __str__(self):
        lines = [
            f"{self.sessions:,} sessions, {sum(self.commands.values()):,} calls, "
            f"{self.messages:,} messages, {self.octets:,} octets, "
            f"{self.deletions:,} deletions committed; the longest call took {self.longest:.1f} s"
        ]
        for title, counter in vars(self).items():
            if isinstance(counter, Counter):
                counts = ", ".join(f"{key} {n:,}" for key, n in counter.most_common() if n)
                lines.append(f"{title}: {counts}")
        return "\n".join(lines)


def plans():
    if ALONE:
        return iter([int(ALONE)])
    return itertools.count(1) if SECONDS else iter(range(1, SESSIONS + 1))


@pytest.mark.timeout(SECONDS + 600)
def test_random_sessions(dovecot, capsys):
    with contextlib.ExitStack() as stack:
        if SECONDS:
            stack.enter_context(capsys.disabled())
        soak = Soak(dovecot, stack.enter_context(Client()))
        # Nowhere but on a terminal.
        disable = None if SECONDS else True
        bar = stack.enter_context(Bar(total=round(SECONDS), unit="s", disable=disable))
        end = time.monotonic() + SECONDS
        for number in plans():
            plan = Plan(number)
            try:
                soak.run(plan)
            except AssertionError as error:
                raise AssertionError(f"{plan}\n{error}") from error
            if SECONDS and time.monotonic() > end:
                break
            bar.n = round(SECONDS - (end - time.monotonic()), 1)
            bar.set_postfix(sessions=soak.sessions, messages=soak.messages)
        soak.finish()
        if SECONDS:
            print(f"\n{soak}")
    assert ALONE or (soak.faults and soak.messages)
