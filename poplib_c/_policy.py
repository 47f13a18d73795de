"""Which mechanisms login() tries, in which order, and what a refusal leaves to try.

docs/authentication.rst shows MECHANISMS and the two orders as one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from poplib_c import error_proto
from poplib_c._peer import Peer

#: What capa() returns, with names in upper case; None if the server has no CAPA.
Capabilities = dict[str, list[str]]


class Mechanism(NamedTuple):
    """secret_at: the number of the first response that depends on the password.

    shows: whether that response is the password itself. The responses of USER are the lines USER
    and PASS.
    """

    secret_at: int
    shows: bool = False


#: In the order for servers that are not verified: what tells an eavesdropper less comes first.
MECHANISMS = {
    "SCRAM-SHA-256-PLUS": Mechanism(2),
    "SCRAM-SHA-1-PLUS": Mechanism(2),
    "SCRAM-SHA-256": Mechanism(2),
    "SCRAM-SHA-1": Mechanism(2),
    "CRAM-MD5": Mechanism(1),
    "APOP": Mechanism(1),
    "PLAIN": Mechanism(1, shows=True),
    "LOGIN": Mechanism(2, shows=True),
    "USER": Mechanism(2, shows=True),
}

#: The order for servers whose certificate was verified: what servers rarely support comes last.
VERIFIED = (
    *("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"),
    *("PLAIN", "LOGIN", "USER", "CRAM-MD5", "APOP"),
)

#: Servers announce these although they keep only hashes of passwords, and then refuse them.
_DIGESTS = frozenset({"CRAM-MD5", "APOP"})

#: What login_oauth2() tries, best first.
MECHANISMS_OAUTH2 = ("OAUTHBEARER", "XOAUTH2")

#: CAPA lists all mechanisms but these.
UNLISTED = frozenset({"APOP", "USER"})

#: Refusals that a server may count as wrong passwords; the last one is kept for the password.
MOST_REFUSALS = 4

#: The form of PLAIN whose AUTH command has no initial response.
IN_TWO_LINES = "in two lines"
#: What capa() raises for a server that does not support it.
NO_CAPA = "-ERR CAPA not supported by server"
_LONGEST_LIST = 500


class LoginError(error_proto):
    """No mechanism was accepted.

    args[0] is the last answer, as in other error_proto. args[1] has a pair for each attempt:
    mechanism and answer. for_tokens: what tokens_only() returns.
    """

    for_tokens = ""

    def __str__(self) -> str:
        return f"{shown(self.args[0])}{self.told('mechanisms=', OAUTH2)}"

    def told(self, choice: str, oauth2: str) -> str:
        """Return what was tried, and what may help.

        choice, oauth2: what names the mechanisms, and what logs in by a token.
        """
        tried = self.args[1]
        if self.code not in (None, "AUTH"):
            return ""
        told = "; ".join(f"{name}: {answer}" for name, answer in tried)
        if [answer for _, answer in tried] == [shown(self.args[0])]:
            told = tried[0][0]
        advice = f"{choice} names the mechanisms to use"
        if self.for_tokens:
            advice = f"the server lists only {self.for_tokens}: use {oauth2}"
        return f" (tried {told}; {advice})"


class Try(NamedTuple):
    """form: the channel binding of a -PLUS mechanism, IN_TWO_LINES, or empty."""

    name: str
    form: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.form})" if self.form else self.name


class History:
    """What login() has tried with one mailbox, over any number of connections."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, str]] = []
        self.last: str | bytes = b""
        #: How many answers the server may have counted as wrong passwords.
        self.refusals = 0
        #: What is not tried again: names of mechanisms, forms of all mechanisms, and single Trys.
        self.closed: set[object] = set()
        #: Whether nothing more may be tried.
        self.is_over = False
        self.accepted: Try | None = None
        #: What the server refused before it accepted that one.
        self.before: list[tuple[str, str]] = []
        #: What tokens_only() returns.
        self.for_tokens = ""

    def error(self) -> LoginError:
        error = LoginError(self.last, tuple(self.tried))
        error.for_tokens = self.for_tokens
        return error

    def accept(self, attempt: Try) -> None:
        """Record a login: the password is right, and this is how the next login begins."""
        if self.accepted is None:
            self.before = self.tried
        self.accepted = attempt
        self.refusals = 0
        self.tried = []


class Policy:
    """The attempts on one connection.

    wanted: the names that the program gave, or None. allow_insecure: eavesdroppers may read the
    password.
    """

    def __init__(
        self,
        peer: Peer,
        capabilities: Capabilities | None,
        wanted: Sequence[str] | None,
        history: History,
        *,
        allow_insecure: bool,
    ) -> None:
        self._peer = peer
        self._capabilities = capabilities
        self._wanted = wanted
        self._history = history
        self._is_verified = peer.is_verified
        self._may_show = allow_insecure or peer.is_private
        self._allow_insecure = allow_insecure
        history.for_tokens = tokens_only(capabilities)
        self._follows = False  # an attempt on this connection
        self._kinds: list[str] | None = None
        order = VERIFIED if self._is_verified else tuple(MECHANISMS)
        self.names = order if wanted is None else tuple(wanted)

    def obstacle(self, name: str) -> str | None:
        """Return why a mechanism can't be tried, or None."""
        capabilities = self._capabilities
        if name == "APOP":
            return None if self._peer.has_message_id else "the greeting has no time stamp"
        if name == "USER":
            if capabilities and "USER" not in capabilities and "SASL" in capabilities:
                return "not listed"
        elif capabilities is None:
            return "the server has no CAPA"
        elif not is_listed(name, capabilities):
            return "not listed"
        if name.startswith("SCRAM-") and not has_scramp():
            return "the library scramp is not installed"
        if name.endswith("-PLUS") and not self._bindings_to_try():
            return "no channel binding that servers expect"
        return None

    def withheld(self) -> list[str]:
        """Return the mechanisms that only eavesdroppers keep from being tried."""
        return [] if self._may_show else self._showing()

    def _showing(self) -> list[str]:
        """Return the mechanisms that send the password and could be tried."""
        names = []
        # No comprehension: without memory for its function, CPython 3.11 keeps the connection.
        for name in self.names:
            if MECHANISMS[name].shows and self.obstacle(name) is None:
                names.append(name)
        return names

    def next(self) -> Try | None:
        """Return what to try next; refused() or skip() has to tell how it has ended."""
        history = self._history
        if history.is_over:
            return None
        withheld = self.withheld()
        possible = []
        for name in self.names:
            if name not in withheld and self.obstacle(name) is None:
                for form in self._forms(name):
                    possible.append(Try(name, form))
        if history.accepted in possible:
            return None if self._follows else history.accepted
        history.accepted = None  # This connection lacks what that needs.
        for attempt in possible:
            if self._is_due(attempt):
                return attempt
        return None

    def could_bind(self, name: str) -> bool:
        """Whether SCRAM says that the client has a binding, and the server none.

        RFC 5802, section 6: a server that has one refuses that, as somebody has changed its list.
        An attacker may also have refused -PLUS in the place of a server that is not verified;
        unless the program names mechanisms, he gets the password anyway.
        """
        if not name.startswith("SCRAM-"):
            return False
        plus = f"{name}-PLUS"
        has_plus = is_listed(plus, self._capabilities)
        if self._wanted is not None and not self._is_verified:
            has_plus = has_plus and plus not in self._history.closed
        return not has_plus and bool(self._bindings())

    def skip(self, attempt: Try) -> None:
        """Record that a mechanism can't send this user or password."""
        self._history.closed.add(attempt.name)
        self._history.accepted = None

    def refused(self, attempt: Try, error: Exception, *, responses: int, in_command: bool) -> None:
        """Record an answer, or how the connection ended, and decide what may still be tried.

        responses: how many were sent. in_command: the only one was in the AUTH command.
        """
        history = self._history
        follows, self._follows = self._follows, True
        code = error.code if isinstance(error, error_proto) else None
        history.last = error.args[0] if isinstance(error, error_proto) else str(error)
        if follows and responses == 0 and is_hang_up(error):
            return  # The server closed the connection with the refusal before: nothing was tried.
        history.tried.append((str(attempt), shown(history.last)))
        # Whoever was named may be locked out, whether the password was sent or not.
        history.refusals += code == "AUTH" or (code is None and responses > 0)
        if history.accepted is not None:
            # Rather than the password, the server refuses a second session.
            history.is_over = history.refusals >= MOST_REFUSALS
            return
        name, form = attempt
        is_sent = responses >= MECHANISMS[name].secret_at
        if name == "PLAIN" and in_command and code is None and _is_answer(error):
            # The server may not support initial responses: the password is sent once more.
            history.closed.add(attempt)
            return
        history.is_over = not self._goes_on(name, error, is_sent)
        if form and self._is_verified and not is_sent:
            # Another form of this mechanism may work; this form works with no mechanism. Without
            # verification no other form is tried.
            history.closed.add(form)
            return
        history.closed.add(name)
        if is_sent and self._has_password():
            # The server knows SCRAM: with another hash it would refuse the password, too.
            history.closed.update(_other_hashes(name))

    def why(self) -> str:
        """Return the error text if nothing can be tried: the cause, and what to do."""
        withheld = self.withheld()
        if withheld:
            return insecure(f"{', '.join(withheld)} would show the password")
        if self._capabilities is not None:
            return no_mechanism(self._capabilities, self.names, self._wanted is not None)
        if self._wanted is not None and UNLISTED.issuperset(self._wanted):
            return f"-ERR no mechanism to log in: {self._why_unlisted()}"
        return (
            "-ERR no mechanism to log in: the server has no CAPA, and no time stamp for APOP; "
            "use auth(), which needs neither"
        )

    def _why_unlisted(self) -> str:
        told = [f"{name}: {self.obstacle(name)}" for name in self.names]
        return "; ".join(told) or "mechanisms is empty"

    def _has_password(self) -> bool:
        """Whether a mechanism that sends the password is still to be tried."""
        return self._may_show and not self._history.closed.issuperset(self._showing())

    def _is_due(self, attempt: Try) -> bool:
        history = self._history
        if history.is_over or not history.closed.isdisjoint({*attempt, attempt}):
            return False
        left = MOST_REFUSALS - history.refusals
        if not MECHANISMS[attempt.name].shows and self._has_password():
            left -= 1
        return left > 0

    def _forms(self, name: str) -> list[str]:
        if name.endswith("-PLUS"):
            return self._bindings_to_try()
        return ["", IN_TWO_LINES] if name == "PLAIN" else [""]

    def _bindings_to_try(self) -> list[str]:
        """Return the channel bindings to try.

        With TLS 1.3 servers expect tls-exporter (RFC 9266, section 3), which the ssl module
        doesn't have: Dovecot 2.4.1 closes the connection if it receives another one. So the
        program has to name a -PLUS mechanism then.
        """
        kinds = self._bindings()
        if self._wanted is None and kinds[:1] == ["tls-server-end-point"]:
            return []
        return kinds

    def _bindings(self) -> list[str]:
        """Return the channel bindings of the connection, the one that servers expect first."""
        if self._kinds is None:
            self._kinds = self._peer.bindings() if has_scramp() else []
        return self._kinds

    def _goes_on(self, name: str, error: Exception, is_sent: bool) -> bool:
        """Whether a weaker mechanism may follow.

        It may if the server doesn't support this one. After a refused password it may not: that
        would be a second guess. A refused proof of the password may mean that the server can't
        check it. Where nobody else listens, the password is tried next; elsewhere a man in the
        middle may have refused the proof to get the password.
        """
        if not _is_answer(error):
            from poplib_c import sasl

            # The server's message makes no sense. If it is +OK without a proof, auth() has closed
            # the connection.
            makes_no_sense = isinstance(error, sasl.SASLError) and not self._peer.is_closed
            return self._is_verified and makes_no_sense and not is_sent
        code = error.code if isinstance(error, error_proto) else None
        if code not in (None, "AUTH"):
            return False
        if not is_sent and code is None:
            return True
        if MECHANISMS[name].shows:
            return False
        return self._is_verified or (self._allow_insecure and name in _DIGESTS)


def _is_answer(error: Exception) -> bool:
    """Whether the server refused, or closed the connection, as some do in place of a refusal."""
    return is_hang_up(error) or (isinstance(error, error_proto) and error.response is not None)


def is_hang_up(error: Exception) -> bool:
    """Whether the server has closed the connection."""
    if isinstance(error, error_proto):
        return str(error.args[0]) == "-ERR EOF"
    return isinstance(error, ConnectionError) or type(error).__name__ == "SSLEOFError"


def _other_hashes(name: str) -> set[str]:
    if not name.startswith("SCRAM-"):
        return set()
    own = name.removesuffix("-PLUS")
    return {
        each
        for each in MECHANISMS
        if each.startswith("SCRAM-") and each.removesuffix("-PLUS") != own
    }


# --- what is possible -------------------------------------------------------------------


def is_listed(name: str, capabilities: Capabilities | None) -> bool:
    """Whether the server lists the SASL mechanism, or lists no capabilities at all."""
    return capabilities is None or name in map(str.upper, capabilities.get("SASL", []))


def tokens_only(capabilities: Capabilities | None) -> str:
    """Return the mechanisms that the server lists if none of them is for passwords, else ""."""
    found = capabilities or {}
    listed = [name.upper() for name in found.get("SASL", [])]
    if "USER" in found or not set(MECHANISMS_OAUTH2).issuperset(listed):
        return ""
    return ", ".join(listed)


def has_scramp() -> bool:
    from poplib_c import _scram

    try:
        _scram.require()
    except ImportError:
        return False
    return True


# --- texts ------------------------------------------------------------------------------


#: Stands in error texts; poplib-c puts its option in that place.
OAUTH2 = "login_oauth2()"


def insecure(consequence: str) -> str:
    return (
        f"-ERR the connection is not encrypted, and {consequence}: "
        "use POP3_SSL, or stls() first, or allow_insecure=True"
    )


def no_mechanism(capabilities: Capabilities, names: Sequence[str], is_wanted: bool) -> str:
    """Return the error text if the server lists none of *names*, or none can be used."""
    listed = [name.upper() for name in capabilities.get("SASL", [])]
    told = ", ".join(map(shown, listed)) or "no SASL mechanism"
    if len(told) > _LONGEST_LIST:
        told = told[:_LONGEST_LIST] + "..."
    text = f"-ERR no mechanism to log in that both sides support: the server lists {told}"
    if is_wanted:
        text += f"; looked for {', '.join(names) or 'none'}"
    if any(name.startswith("SCRAM-") and name in names for name in listed) and not has_scramp():
        text += " (SCRAM needs the library scramp: pip install poplib-c[scram])"
    if tokens_only(capabilities) and set(MECHANISMS_OAUTH2).isdisjoint(names):
        text += f"; for a token, use {OAUTH2}"
    return text


def shown(said: Any) -> str:
    """Return what a server said, with characters escaped that could command a terminal."""
    if isinstance(said, bytes):
        text = said.decode("utf-8", "replace")
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return said if said.isascii() and said.isprintable() else ascii(said)
