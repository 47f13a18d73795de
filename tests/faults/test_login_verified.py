"""login() over TLS: what it tries where the certificate was verified, and where it was not."""

import base64
import contextlib
import functools
import hashlib
import itertools
import re
import ssl

import pytest
from manual import DOCS
from scripted import Anything, C, S, StartTLS, play
from secret import SECRET

from poplib_c import POP3, POP3_SSL, _login, _policy, _scram, error_proto, sasl
from poplib_c.testing import POP3Server

from .auth import PLAIN, b64, capa, login, used
from .support import TIMEOUT

USERS = {"alice": SECRET}
SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
PLUS = ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]


@pytest.fixture
def verified(authority):
    """verified(server): a connection over TLS whose certificate is verified."""
    with contextlib.ExitStack() as opened:

        def connect(server):
            where = server.host, server.port
            client = POP3_SSL(*where, timeout=TIMEOUT, verify=authority.ca_file)
            return opened.enter_context(contextlib.closing(client))

        yield connect


@pytest.fixture
def tls(server_context):
    """Plays steps over TLS."""
    return lambda *steps: play(StartTLS(server_context), S("+OK <a@b>"), *steps)


def attempts(server):
    """The mechanisms that were tried, one after the other."""
    verbs = {b"AUTH": 1, b"APOP": 0, b"USER": 0}
    words = [line.split() for line in server.commands]
    names = [line[verbs[line[0]]].decode() for line in words if line and line[0] in verbs]
    return [name for name, _ in itertools.groupby(names)]


def flags(server):
    """The GS2 flags of SCRAM's messages."""
    messages = [line.split()[2] for line in server.commands if line.startswith(b"AUTH SCRAM")]
    return [base64.b64decode(message).decode().partition(",")[0] for message in messages]


# --- what is verified -----------------------------------------------------------------------


def by_context(context, server):
    return POP3_SSL(server.host, server.port, timeout=TIMEOUT, context=context)


def contexts(ca):
    """By whether they verify the chain and the name."""
    for chain, name in ((True, True), (True, False), (False, False)):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = name
        context.verify_mode = ssl.CERT_REQUIRED if chain else ssl.CERT_NONE
        ca.configure_trust(context)
        yield (chain and name), context


DIGEST = C("AUTH CRAM-MD5"), S("+ " + b64(b"<1@h>")), Anything(once=True)


def test_what_is_verified(authority, ca, tls):
    """CRAM-MD5 comes before PLAIN only if the certificate is not verified."""
    ways = [
        (True, lambda server: POP3_SSL(server.host, server.port, verify=authority.ca_file)),
        (False, lambda server: POP3_SSL(server.host, server.port, verify=False)),
        *(
            (is_verified, functools.partial(by_context, each))
            for is_verified, each in contexts(ca)
        ),
    ]
    for is_verified, connect in ways:
        first = [C(PLAIN)] if is_verified else DIGEST
        steps = [*capa("SASL CRAM-MD5 PLAIN", "USER"), *first, S("+OK in")]
        with tls(*steps) as server, contextlib.closing(connect(server)) as client:
            assert login(client) == b"+OK in"


@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize("way", ["verify", "context"])
def test_what_is_verified_by_stls(authority, ca, server_context, way, is_verified):
    first = [C(PLAIN)] if is_verified else DIGEST
    begun = [S("+OK"), *capa("STLS"), C("STLS"), S("+OK"), StartTLS(server_context)]
    with (
        play(*begun, *capa("SASL CRAM-MD5 PLAIN"), *first, S("+OK in")) as server,
        contextlib.closing(POP3(server.host, server.port, timeout=TIMEOUT)) as client,
    ):
        if way == "verify":
            client.stls(verify=authority.ca_file if is_verified else None)
        else:
            client.stls(context=dict(contexts(ca))[is_verified])
        assert login(client) == b"+OK in"


# --- the order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "options", "tried"),
    [
        ([*SCRAM, *PLUS, "PLAIN", "LOGIN"], {}, [PLUS[1], SCRAM[1], "PLAIN"]),
        # With another hash the server would refuse the password, too.
        ([*SCRAM, "PLAIN", "CRAM-MD5"], {}, [SCRAM[1], "PLAIN"]),
        (SCRAM, {"mechanisms": SCRAM}, SCRAM),
    ],
)
def test_the_order_where_it_is_verified(server_context, verified, names, options, tried):
    """Each refuses: after SCRAM, the password is sent once and no more."""
    with POP3Server([], users={"alice": "x"}, mechanisms=names, tls=server_context) as server:
        with pytest.raises(error_proto) as caught:
            login(verified(server), **options)
        assert caught.value.code == "AUTH"
        assert attempts(server) == tried


@pytest.mark.parametrize("refusal", ["[AUTH] no", "no"])
@pytest.mark.parametrize("listed", ["SCRAM-SHA-256", "SCRAM-SHA-1"])
def test_a_proof_that_the_server_cannot_check(server_context, verified, listed, refusal):
    """As servers with hashed passwords can't; the first response is refused."""
    options = {"mechanisms": [*SCRAM, "PLAIN", "CRAM-MD5"], "refused": {listed: refusal}}
    with POP3Server([], users=USERS, tls=server_context, **options) as server:
        assert login(verified(server))[:3] == b"+OK"


@pytest.mark.parametrize("refusal", ["-ERR [AUTH] no", "-ERR no"])
def test_refused_digests_come_last(verified, tls, refusal):
    digest = "APOP alice " + hashlib.md5(b"<a@b>" + SECRET.encode()).hexdigest()
    steps = [*capa("SASL CRAM-MD5"), *DIGEST, S(refusal), C(digest), S("+OK in")]
    with tls(*steps) as server:
        assert login(verified(server)) == b"+OK in"


def test_digests_come_after_the_password(verified, tls):
    with tls(
        *capa("SASL CRAM-MD5", "USER"), C("USER alice"), S("+OK"), C(f"PASS {SECRET}"), S("+OK in")
    ) as server:
        assert login(verified(server)) == b"+OK in"


@pytest.mark.parametrize("code", ["IN-USE", "LOGIN-DELAY", "SYS/TEMP", "SYS/PERM", "X-OTHER"])
def test_a_refusal_for_another_reason_is_the_last_word(server_context, verified, code):
    refused = {"SCRAM-SHA-256": f"[{code}] no"}
    options = {"users": USERS, "mechanisms": ["SCRAM-SHA-256", "PLAIN"], "refused": refused}
    with POP3Server([], tls=server_context, **options) as server:
        with pytest.raises(error_proto) as caught:
            login(verified(server))
        assert caught.value.code == code
        assert attempts(server) == ["SCRAM-SHA-256"]


def test_a_server_whose_scram_makes_no_sense(verified, tls):
    """Nothing was said from which the password can be learned."""
    steps = [Anything(once=True), S("+ " + b64(b"r=x")), C("*"), S("-ERR cancelled")]
    with tls(*capa("SASL SCRAM-SHA-1 PLAIN"), *steps, C(PLAIN), S("+OK in")) as server:
        assert login(verified(server)) == b"+OK in"


def test_a_server_that_does_not_prove_itself(verified, tls):
    steps = [*capa("SASL SCRAM-SHA-1 PLAIN"), Anything(once=True), S("+OK in")]
    with tls(*steps) as server, pytest.raises(sasl.SASLError, match="has not proved"):
        login(verified(server))


def test_a_wrong_proof_of_the_server(monkeypatch, server_context, verified):
    monkeypatch.setattr(_scram.Client, "_take_final", lambda self, message: "it is wrong")
    names = ["SCRAM-SHA-256", "PLAIN"]
    with POP3Server([], users=USERS, mechanisms=names, tls=server_context) as server:
        with pytest.raises(sasl.SASLError, match="it is wrong"):
            login(verified(server))
        assert attempts(server) == ["SCRAM-SHA-256"]


def test_the_order_in_the_manual():
    text = (DOCS / "authentication.rst").read_text()
    rows = re.findall(r"^([A-Z0-9-]{4,}) +(\d) +(\d) .* (proof|plain) ", text, re.M)
    for column, order in ((1, _policy.VERIFIED), (2, [*_policy.MECHANISMS])):
        assert [row[0] for row in sorted(rows, key=lambda row: row[column])] == [*order]
    assert re.findall("'([A-Z0-9-]{4,})'", POP3.login.__doc__)[:9] == [*_policy.VERIFIED]
    shown = {name for name, *_, sends in rows if sends == "plain"}
    assert shown == {name for name, each in _policy.MECHANISMS.items() if each.shows}


# --- four refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("listed", ["PLAIN", "SCRAM-SHA-1", "CRAM-MD5"])
@pytest.mark.parametrize("refusal", ["[AUTH] no", "no"])
def test_a_wrong_password_is_refused_four_times_at_most(server_context, verified, listed, refusal):
    names = [*SCRAM, *PLUS, *({"PLAIN", "CRAM-MD5"} & {listed})]
    refused = {**dict.fromkeys([*names, "PASS", "APOP"], refusal)}
    options = {"mechanisms": names, "refused": refused, "tls": server_context}
    with (
        POP3Server([], users={"alice": "x"}, **options) as server,
        pytest.raises(error_proto) as caught,
    ):
        login(verified(server))
    _, tried = caught.value.args
    assert len(tried) <= _policy.MOST_REFUSALS
    assert sum(_policy.MECHANISMS[name.split()[0]].shows for name, _ in tried) == 1


# --- channel binding ------------------------------------------------------------------------


def test_the_other_binding(server_context, verified):
    """The ssl module, at the server's end, has no tls-exporter."""
    options = {"mechanisms": [*SCRAM, *PLUS, "PLAIN"], "tls": server_context}
    with POP3Server([], users=USERS, **options) as server:
        assert login(verified(server))[:3] == b"+OK"
        assert flags(server) == ["p=tls-exporter", "p=tls-server-end-point"]
        assert attempts(server) == ["SCRAM-SHA-256-PLUS"]


@pytest.mark.parametrize("refusal", ["no such binding", "[AUTH] no such binding"])
def test_a_server_that_has_no_binding(server_context, verified, refusal):
    """As Cyrus with TLS 1.3; it lists -PLUS all the same."""
    options = {"mechanisms": [*SCRAM, *PLUS, "PLAIN"], "refused": dict.fromkeys(PLUS, refusal)}
    with POP3Server([], users=USERS, tls=server_context, **options) as server:
        assert login(verified(server))[:3] == b"+OK"
        assert attempts(server) == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
        # "y" would be refused: the server lists -PLUS.
        assert flags(server) == ["p=tls-exporter", "p=tls-server-end-point", "n"]


def test_a_server_that_has_no_binding_and_is_not_verified(server_context):
    """What a man in the middle may have refused is not followed by what he wants."""
    for refusal, sent in (
        ("[AUTH] no such binding", ["p=tls-exporter"]),
        ("no such binding", ["p=tls-exporter", "p=tls-exporter", "n"]),
    ):
        options = {"mechanisms": [*SCRAM, *PLUS, "PLAIN"], "refused": dict.fromkeys(PLUS, refusal)}
        with POP3Server([], users=USERS, tls=server_context, **options) as server:
            with POP3_SSL(server.host, server.port, timeout=TIMEOUT) as client:
                if len(sent) == 1:
                    with pytest.raises(error_proto, match="names the mechanisms to use"):
                        login(client)
                else:
                    login(client)
            assert flags(server) == sent


def test_a_binding_that_somebody_may_have_refused(server_context):
    """The server has one, and the program wants it or SCRAM without: "y" tells the server."""
    options = {"mechanisms": SCRAM + PLUS, "refused": dict.fromkeys(PLUS, "what?")}
    with POP3Server([], users=USERS, tls=server_context, **options) as server:
        with (
            POP3_SSL(server.host, server.port, timeout=TIMEOUT) as client,
            pytest.raises(error_proto, match="channel binding is supported"),
        ):
            login(client, mechanisms=["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"])
        assert flags(server) == ["p=tls-exporter", "y"]


class Stripped(POP3_SSL):
    """Somebody has taken the mechanisms with channel binding from the list."""

    def capa(self):
        capabilities = super().capa()
        capabilities["SASL"] = [n for n in capabilities["SASL"] if not n.endswith("-PLUS")]
        return capabilities


class Replaced(Stripped):
    """And has added one that nobody has."""

    def capa(self):
        capabilities = super().capa()
        capabilities["SASL"].append("X-PLUS")
        return capabilities


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("by_context", [False, True])
def test_the_flag_of_a_client_that_could_bind(ca, client_context, by_context, version):
    """RFC 5802, section 6: a server refuses it that has a binding itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.maximum_version = ssl.TLSVersion[version]
    how = {"context": client_context} if by_context else {}
    for names, cls in ((SCRAM, POP3_SSL), (SCRAM + PLUS, Stripped), (SCRAM + PLUS, Replaced)):
        with POP3Server([], users=USERS, mechanisms=names, tls=context) as server:
            with cls(server.host, server.port, timeout=TIMEOUT, **how) as client:
                if names != SCRAM:
                    with pytest.raises(error_proto, match="channel binding is supported"):
                        login(client, mechanisms=["SCRAM-SHA-256"])
                else:
                    login(client)
            assert flags(server) == ["y"]


def test_the_flag_of_a_client_that_cannot_bind():
    with POP3Server([], users=USERS, mechanisms=SCRAM) as server:
        with POP3(server.host, server.port, timeout=TIMEOUT) as client:
            login(client)
        assert flags(server) == ["n"]


def test_the_flag_of_a_client_that_does_not_bind(server_context, client_context):
    """The server lists a binding, and the ssl module has none that servers expect."""
    with POP3Server([], users=USERS, mechanisms=SCRAM + PLUS, tls=server_context) as server:
        with by_context(client_context, server) as client:
            login(client)
        assert flags(server) == ["n"]
        assert used(server) == "SCRAM-SHA-256"


@pytest.mark.parametrize("versions", [("TLSv1_2", "TLSv1_3"), ("TLSv1_3", "TLSv1_2")])
def test_another_version_of_tls_on_the_next_connection(ca, versions):
    """TLS 1.3 doesn't have the binding tls-unique, with which the first login is accepted."""
    history = _policy.History()
    for version in versions:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("127.0.0.1").configure_cert(context)
        context.maximum_version = ssl.TLSVersion[version]
        with (
            POP3Server([], users=USERS, mechanisms=SCRAM + PLUS, tls=context) as server,
            POP3_SSL(server.host, server.port, timeout=TIMEOUT) as client,
        ):
            _login.login(client, "alice", _login.Secret(SECRET), history=history)
            assert attempts(server)[-1] == history.accepted.name
