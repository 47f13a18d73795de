"""The command check: reports what a server is and can do."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import itertools
import re
import ssl
from typing import Any

from poplib_c import POP3, _certificate, error_proto
from poplib_c._cli.account import Account
from poplib_c._cli.connection import Client, connect, digest
from poplib_c._cli.credentials import Credentials, authenticate, is_verified
from poplib_c._cli.failures import Failure, Status, failure, gravest, reason
from poplib_c._cli.texts import printable
from poplib_c._login import choice_oauth2_steps, policy_steps, run
from poplib_c._peer import Peer
from poplib_c._policy import NO_CAPA, History

# Commands that are sent ahead of their replies, which tell one from another where that can be.
_LOGGED_OUT = ("CAPA", "CAPA", "CAPA", "QUIT")
_LOGGED_IN = ("CAPA", "STAT", "NOOP", "CAPA", "STAT", "QUIT")
_PATIENCE = 10.0  # seconds to wait for the replies to commands sent ahead
_STATES = ("before_tls", "after_tls", "after_login")


class Report:
    """facts: an object for JSON. status: the exit status. refused: the certificate is refused.

    error: what ended the connection after the greeting.
    """

    def __init__(self, account: Account) -> None:
        self.status = Status.DONE
        self.refused = False
        self.error: Failure | None = None
        self.facts: dict[str, Any] = {
            "url": account.url,
            "greeting": None,
            "capabilities": dict.fromkeys(_STATES),
            "tls": None,
            "certificate": None,
            "login": None,
            "mechanism": {"name": None, "why": None, "accepted": None},
            "pipelining": {"announced": False, "works": None},
        }

    def fail(self, error: Failure) -> str:
        self.status = gravest(self.status, error.status)
        return str(error)

    def text(self) -> str:
        rows = [*self._rows()]
        width = max(len(name) for name, _ in rows) + 2
        return "\n".join(f"{name + ':':<{width}}{value}" for name, value in rows)

    def _rows(self) -> Any:
        facts = self.facts
        yield "Server", facts["url"]
        yield "Greeting", facts["greeting"]
        tls = facts["tls"]
        if tls is None:
            yield "TLS", "none: the connection is not encrypted"
        else:
            yield "TLS", f"{tls['version']}, {tls['cipher']}, {tls['begun']}"
            yield "Verified", "yes" if tls["verified"] else f"NO: {tls['error']}"
            yield from self._certificate_rows(facts["certificate"])
        for state, names in facts["capabilities"].items():
            if names is not None:
                told = ", ".join(" ".join([name, *given]) for name, given in names.items())
                yield f"Capabilities {state.replace('_', ' ')}", told or "none"
        mechanism = facts["mechanism"]
        if mechanism["why"] is not None:
            yield "Mechanism", f"{mechanism['name'] or 'none'}: {mechanism['why']}"
        by = f", by {mechanism['accepted']}" if mechanism["accepted"] else ""
        yield "Login", (facts["login"] or "not tried") + by
        pipelining = facts["pipelining"]
        works = {True: ", and works", False: ", but does NOT work", None: ""}[pipelining["works"]]
        yield "Pipelining", ("announced" if pipelining["announced"] else "not announced") + works

    def _certificate_rows(self, certificate: dict[str, Any]) -> Any:
        yield "Certificate", certificate["subject"] or "without a subject"
        yield "Issuer", certificate["issuer"] or "without a name"
        yield "Names", ", ".join(certificate["names"]) or "none"
        days = certificate["days_left"]
        left = "EXPIRED" if days is not None and days < 0 else f"{days} days left"
        begins, ends = (certificate[name] or "unknown" for name in ("not_before", "not_after"))
        yield "Valid", f"{begins} to {ends}" + (f" ({left})" if days is not None else "")
        yield "Fingerprint", certificate["fingerprint"]


def check(
    account: Account, options: argparse.Namespace, credentials: Credentials | None
) -> Report:
    """Ask the server.

    The report has a refused certificate or login, and what was said before STLS failed. Other
    errors raise.
    """
    report = Report(account)
    facts = report.facts
    try:
        connected = _connected(account, options, report)
    except (Failure, OSError, error_proto) as error:
        if facts["greeting"] is None:
            raise
        report.error = failure(error)
        report.fail(report.error)
        return report
    with contextlib.closing(connected) as client:
        facts["greeting"] = _text(client.getwelcome())
        encrypted = account.tls or not options.insecure
        now = _capabilities(client)
        facts["capabilities"]["after_tls" if encrypted else "before_tls"] = now
        facts["mechanism"].update(_choose(client, options, report))
        if credentials is not None and not report.refused:
            now = _login(client, account, options, credentials, report) or now
        if client.sock is not None:  # A login that fails may have closed the connection.
            facts["pipelining"]["announced"] = "PIPELINING" in (now or {})
            if facts["pipelining"]["announced"] and not options.no_pipelining:
                facts["pipelining"]["works"] = _has_pipelining(client, facts["login"] == "done")
            with contextlib.suppress(error_proto, OSError):
                client.quit()
    return report


def _connected(account: Account, options: argparse.Namespace, report: Report) -> Client:
    """Connect. If the certificate is refused, connect again without verifying, to report it."""

    def look(client: POP3) -> None:
        report.facts["greeting"] = _text(client.getwelcome())
        now = report.facts["capabilities"]["before_tls"] = _capabilities(client)
        report.facts["pipelining"]["announced"] = "PIPELINING" in (now or {})

    error = None
    try:
        client = connect(account, options, look)
    except Failure as refused:
        report.refused = True
        error = report.fail(refused)
        unverified = {"no_verify": True, "cafile": None, "fingerprint": None}
        client = connect(account, argparse.Namespace(**{**vars(options), **unverified}), look)
    if account.tls or not options.insecure:
        if error is None and options.no_verify:
            error = "--no-verify"
        _describe(client.sock, account, error, report.facts)
    return client


def _describe(sock: Any, account: Account, error: str | None, facts: dict[str, Any]) -> None:
    name, _, bits = sock.cipher()
    facts["tls"] = {
        "version": sock.version(),
        "cipher": name,
        "bits": bits,
        "begun": "from the first octet on" if account.tls else "by STLS",
        "verified": error is None,
        "error": error,
    }
    facts["certificate"] = certificate_facts(sock.getpeercert(True))


def certificate_facts(der: bytes) -> dict[str, Any]:
    """Return the facts of a certificate, None for unreadable ones."""
    try:
        certificate = _certificate.decode(der)
    except (ValueError, OSError):  # An ssl.SSLError is an OSError.
        certificate = {}
    before, after = (_time(certificate.get(name)) for name in ("notBefore", "notAfter"))
    left = None if after is None else after - datetime.datetime.now(datetime.timezone.utc)
    names = certificate.get("subjectAltName", ())
    return {
        "subject": _name(certificate.get("subject", ())),
        "issuer": _name(certificate.get("issuer", ())),
        "names": [
            _name(name) if isinstance(name, tuple) else printable(name) for _, name in names
        ],
        "not_before": before and before.strftime("%Y-%m-%d"),
        "not_after": after and after.strftime("%Y-%m-%d"),
        "days_left": None if left is None else left.days,
        "fingerprint": f"sha256:{digest(der)}",
    }


def _name(parts: Any) -> str:
    return printable(", ".join(f"{key}={value}" for part in parts for key, value in part))


def _time(text: str | None) -> datetime.datetime | None:
    """Return a certificate's time, or None. It may have any year, or fractions of a second."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if text is not None:
            seconds = ssl.cert_time_to_seconds(text)
            return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return None


def _capabilities(client: POP3) -> dict[str, list[str]] | None:
    try:
        found = client.capa()
    except error_proto as error:
        if error.response is None and error.args[0] != NO_CAPA:
            raise
        return None
    return {printable(name): [printable(given) for given in all] for name, all in found.items()}


def _login(
    client: Client,
    account: Account,
    options: argparse.Namespace,
    credentials: Credentials,
    report: Report,
) -> dict[str, list[str]] | None:
    history = History()
    try:
        authenticate(client, account, credentials, options, history)
    except Failure as error:
        report.facts["login"] = report.fail(error)
        return None
    report.facts["login"] = "done"
    mechanism = report.facts["mechanism"]
    # For a token there is one mechanism, and no history.
    mechanism["accepted"] = str(history.accepted or mechanism["name"])
    found = report.facts["capabilities"]["after_login"] = _capabilities(client)
    return found


def _choose(client: Client, options: argparse.Namespace, report: Report) -> dict[str, str | None]:
    """Return which mechanism a login begins with, and why with that one."""
    wanted = options.mechanism
    if options.oauth2_token_command:
        name, why = run(choice_oauth2_steps(Peer(client), wanted, options.insecure), client)
        told = "named by --mechanism" if name and wanted else why.removeprefix("-ERR ")
        return {"name": name, "why": printable(told)}
    verified = is_verified(options) and not report.refused
    steps = policy_steps(Peer(client, verified), wanted, options.insecure, History())
    policy = run(steps, client)
    first = policy.next()
    if first is None:
        return {"name": None, "why": reason(error_proto(policy.why()))}
    skipped: dict[str, list[str]] = {}
    for name in itertools.takewhile(lambda name: name != first.name, policy.names):
        obstacle = policy.obstacle(name) or "would show the password"
        skipped.setdefault(obstacle, []).append(name)
    order = "verified" if verified else "unverified"
    why = "named by --mechanism" if wanted else f"the order for {order} connections"
    reasons = [f"{obstacle}: {', '.join(names)}" for obstacle, names in skipped.items()]
    return {"name": str(first), "why": "; ".join([why, *reasons])}


def _has_pipelining(client: Client, is_logged_in: bool) -> bool:
    """Send commands ahead. Whether each reply came once, and in the order of the commands.

    The replies to CAPA may differ: a proxy may change one.
    """
    by_hand: Any = client
    commands = _LOGGED_IN if is_logged_in else _LOGGED_OUT
    client.sock.settimeout(_PATIENCE)
    try:
        for command in commands:
            by_hand._putcmd(command)
        for command in commands[:-1]:
            if not _is_reply(by_hand, command):
                return False
        by_hand._getresp()
    except (error_proto, OSError):
        return False
    try:  # The server closes the connection after QUIT.
        by_hand._getline()
    except (error_proto, OSError):
        return True
    return False


def _is_reply(by_hand: Any, command: str) -> bool:
    if command == "CAPA":
        _, lines, _ = by_hand._getlongresp()
        return not any(line.startswith((b"+OK", b"-ERR")) for line in lines)
    response: bytes = by_hand._getresp()
    return command != "STAT" or re.match(rb"\+OK\s+\d+\s+\d+", response) is not None


def _text(line: bytes) -> str:
    return printable(line.decode("utf-8", "replace"))
