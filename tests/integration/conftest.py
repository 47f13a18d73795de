import importlib
import ssl

import pytest
from certificates import HOSTS, PAST, WRONG_HOST

from . import corpus
from .dovecot_config import TLS

TIMEOUT = 30


class Library:
    """One of the two implementations under test, and its connections.

    link says what they go over: "plain"; TLS from the start ("pop3s") or by STLS ("stls"); and
    with "context" behind that they are given an ssl.SSLContext, which verifies.
    """

    def __init__(self, name, dovecot, link="plain"):
        self.module = importlib.import_module(name)
        self.dovecot = dovecot
        self.link, *with_context = link.split()
        self.options = {}
        if with_context:
            self.options["context"] = ssl.create_default_context(cafile=dovecot.ca_file)
        self._clients = []

    def connect(self, host="127.0.0.1"):
        if self.link == "pop3s":
            port = self.dovecot.tls_port
            client = self.module.POP3_SSL(host, port, timeout=TIMEOUT, **self.options)
        else:
            client = self.module.POP3(host, self.dovecot.port, timeout=TIMEOUT)
        self._clients.append(client)
        if self.link == "stls":
            client.stls(**self.options)
        return client

    def login(self, mailbox, **where):
        client = self.connect(**where)
        client.user(mailbox.user)
        client.pass_(mailbox.password)
        return client

    def close(self):
        for client in self._clients:
            client.close()

    def refusal(self, command, *arguments):
        """The reason given by the error_proto that the command raises."""
        with pytest.raises(self.module.error_proto) as caught:
            command(*arguments)
        (reason,) = caught.value.args
        return reason

    def outcome(self, command, *arguments):
        """What a command leads to, comparable between the two libraries."""
        try:
            result = command(*arguments)
        except self.module.error_proto as exc:
            return "error_proto", exc.args
        return type(result), result


@pytest.fixture
def link():
    """What the connections of ``library`` and ``both`` go over; tests parametrise it."""
    return "plain"


@pytest.fixture
def make_library():
    """Library(), closed at the end."""
    made = []

    def make_library(*arguments):
        made.append(Library(*arguments))
        return made[-1]

    yield make_library
    for library in made:
        library.close()


@pytest.fixture
def library(make_library, dovecot, link):
    return make_library("poplib_c", dovecot, link)


@pytest.fixture
def both(make_library, dovecot, link):
    """The two libraries, the oracle first."""
    return make_library("poplib", dovecot, link), make_library("poplib_c", dovecot, link)


@pytest.fixture(scope="session")
def messages():
    return corpus.messages()


@pytest.fixture(scope="session")
def full_mailbox(dovecot, messages):
    """The whole corpus; for tests that delete nothing."""
    return dovecot.mailbox([message.stored for message in messages])


@pytest.fixture
def small_mailbox(dovecot):
    """Three messages, for this test alone."""
    return dovecot.mailbox([b"Subject: %d\n\nbody\n" % number for number in (1, 2, 3)])


@pytest.fixture(scope="session")
def dovecot_without_tls(start_dovecot):
    return start_dovecot()


@pytest.fixture(scope="session")
def dovecot_tls_1_2(authority, start_dovecot):
    """No other version of TLS."""
    return start_dovecot(TLS(authority.issue(*HOSTS), versions=("TLSv1.2",)))


@pytest.fixture(scope="session")
def dovecot_tls_1_3(authority, start_dovecot):
    """No other version of TLS."""
    return start_dovecot(TLS(authority.issue(*HOSTS), versions=("TLSv1.3",)))


@pytest.fixture(scope="session")
def dovecot_client_certificates(authority, start_dovecot):
    """Only clients with a certificate of the authority can log in."""
    return start_dovecot(TLS(authority.issue(*HOSTS), client_ca_file=authority.ca_file))


@pytest.fixture(scope="session")
def dovecot_external(authority, start_dovecot):
    """Clients are whom their certificate names."""
    tls = TLS(authority.issue(*HOSTS), client_ca_file=authority.ca_file, names_user=True)
    return start_dovecot(tls)


@pytest.fixture(scope="session")
def dovecot_strict(authority, start_dovecot):
    """No password is taken without TLS."""
    return start_dovecot(TLS(authority.issue(*HOSTS), for_passwords=True))


@pytest.fixture(scope="session")
def dovecot_expired(authority, start_dovecot):
    """Its certificate has expired."""
    return start_dovecot(TLS(authority.issue(*HOSTS, not_after=PAST)))


@pytest.fixture(scope="session")
def dovecot_wrong_host(authority, start_dovecot):
    """Its certificate is for WRONG_HOST."""
    return start_dovecot(TLS(authority.issue(WRONG_HOST)))


@pytest.fixture(scope="session")
def dovecot_wildcard(authority, start_dovecot):
    """Its certificate is for the hosts of example.org."""
    return start_dovecot(TLS(authority.issue("*.example.org")))


@pytest.fixture(scope="session")
def dovecot_self_signed(authority, start_dovecot):
    """Its certificate is for the right hosts, but not the authority's."""
    return start_dovecot(TLS(authority.self_signed(*HOSTS)))
