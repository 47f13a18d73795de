"""The command ``demo``: fetches a small mailbox over loopback and compares what arrives."""

from __future__ import annotations

import argparse
import email.policy
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from email.message import EmailMessage

from poplib_c import POP3
from poplib_c._cli.failures import Status
from poplib_c._cli.texts import printable
from poplib_c.testing import POP3Server

_USER, _PASSWORD = "demo", "correct horse battery staple"
_TIMEOUT = 30
_HEADINGS = ("#", "octets", "unique-id", "from", "subject")
_FROM_WIDTH = 24
_LEAST_SUBJECT = 12


def run(options: argparse.Namespace, program: str, write: Callable[..., object]) -> int:
    """Print the report of the demonstration, and the differences; return the exit status."""
    report, differences = demonstrate()
    write(*report)
    for difference in differences:
        print(printable(f"{program} demo: {difference}"), file=sys.stderr)
    return Status.PARTIAL if differences else Status.DONE


def demonstrate() -> tuple[list[str], list[str]]:
    """Fetch every message; return the lines of a report, and the differences found."""
    sent = [message.as_bytes(policy=email.policy.SMTP) for message in _mailbox()]
    with POP3Server(sent, users={_USER: _PASSWORD}) as server:
        start = time.perf_counter()
        rows, differences = _fetch(server, sent)
        elapsed = time.perf_counter() - start
    octets = sum(map(len, sent))
    total = f"{len(rows)} messages, {octets} octets, fetched in {elapsed * 1000:.1f} ms"
    return [*_table(rows), "", total], differences


def _fetch(server: POP3Server, sent: list[bytes]) -> tuple[list[tuple[str, ...]], list[str]]:
    client = POP3(server.host, server.port, timeout=_TIMEOUT)
    try:
        client.user(_USER)
        client.pass_(_PASSWORD)
        stat = client.stat()
        sizes = [line.split() for line in client.list()[1]]
        uids = [line.split() for line in client.uidl()[1]]
        fetched = [client.retr(number)[1:] for number in range(1, stat[0] + 1)]
        client.quit()
    finally:
        client.close()
    received = [b"".join(line + b"\r\n" for line in lines) for lines, _ in fetched]
    numbers = [b"%d" % number for number in range(1, len(sent) + 1)]
    results = {
        "stat()": stat == (len(sent), sum(map(len, sent))),
        "list()": sizes == [[n, b"%d" % len(octets)] for n, octets in zip(numbers, sent)],
        "uidl()": [n for n, _ in uids] == numbers and len({uid for _, uid in uids}) == len(sent),
        "retr()": received == sent,
        "retr()'s octet count": [octets for _, octets in fetched] == list(map(len, sent)),
    }
    differences = [
        f"{call} doesn't match the mailbox" for call, same in results.items() if not same
    ]
    if differences:
        return [], differences
    return [_row(octets, *uid) for octets, uid in zip(sent, uids)], differences


def _row(octets: bytes, number: bytes, uid: bytes) -> tuple[str, ...]:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    sender = message["From"].addresses[0]
    name = sender.display_name or sender.addr_spec
    return number.decode(), str(len(octets)), uid.decode(), name, message["Subject"]


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Yield the lines of a table, cut to the width of the terminal."""
    table = [_HEADINGS, *rows]
    number, octets, uid = (max(len(row[column]) for row in table) for column in range(3))
    taken = number + octets + uid + _FROM_WIDTH + 4 * 2
    subject = max(_LEAST_SUBJECT, shutil.get_terminal_size().columns - taken)
    for n, size, unique, sender, title in table:
        line = (
            f"{n:>{number}}  {size:>{octets}}  {unique:<{uid}}  "
            f"{_cut(sender, _FROM_WIDTH):<{_FROM_WIDTH}}  {_cut(title, subject)}"
        )
        yield line.rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _mailbox() -> list[EmailMessage]:
    long_line = "All work and no play makes mail a dull protocol. " * 60
    report = _message(
        '"Zoë Müller" <zoe@example.org>', "Prüfbericht für März", "Der Bericht liegt bei.\n"
    )
    report.add_attachment(
        bytes(range(256)) * 24, maintype="application", subtype="pdf", filename="Prüfbericht.pdf"
    )
    announcement = _message(
        "announce@lists.example.org",
        "[announce] Release 2.0",
        "Release 2.0 is out.\n\n-- \nannounce mailing list\n",
    )
    announcement["List-Id"] = "Announcements <announce.lists.example.org>"
    announcement["List-Unsubscribe"] = "<mailto:announce-leave@lists.example.org>"
    announcement["Precedence"] = "list"
    page = _message("news@example.com", "Weekly news", "The plain text of the news.\n")
    page.add_alternative("<p>The <b>HTML</b> text of the news.</p>\n", subtype="html")
    unbroken = _message("build@example.com", "Log with long lines", "")
    unbroken.set_content(f"{long_line}\nend\n", cte="8bit")
    messages = [
        _message("Bob Example <bob@example.org>", "Lunch?", "Are you free at noon?\n\nBob\n"),
        _message("Ελένη Παπαδοπούλου <eleni@example.com>", "Καλημέρα από την Αθήνα", "Γειά!\n"),
        report,
        announcement,
        _message("nroff@example.com", "Lines with dots", ".TH DOT 1\n.\n..\n...and more\n"),
        page,
        unbroken,
        _message("empty@example.org", "Nothing to say", ""),
    ]
    for number, message in enumerate(messages, 1):
        message["Message-ID"] = f"<{number}.demo@example.org>"
        if message.is_multipart():
            message.set_boundary(f"=-{number}.demo")
    return messages


def _message(sender: str, subject: str, body: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "Demo User <demo@example.org>"
    message["Subject"] = subject
    message["Date"] = "Mon, 06 Jan 2025 09:30:00 +0000"
    message.set_content(body)
    return message
