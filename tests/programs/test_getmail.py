"""getmail6 fetches a mailbox into a Maildir."""

import os
import pwd
import shutil

import pytest

from .conftest import MESSAGES, RUNNERS

CONFIGURATION = """\
[retriever]
type = {retriever}
server = 127.0.0.1
port = {port}
username = {mailbox.user}
password = {mailbox.password}
timeout = 5
{verification}

[destination]
type = Maildir
path = {maildir}/
{user}

[options]
verbose = 2
read_all = {read_all}
delete = {delete}
delivered_to = false
received = false
"""
LINKS = {
    "plain": ("SimplePOP3Retriever", ""),
    "TLS": ("SimplePOP3SSLRetriever", ""),
    "verified TLS": ("SimplePOP3SSLRetriever", "ca_certs = {ca_file}"),
}


@pytest.fixture(scope="session")
def program(unavailable):
    found = shutil.which("getmail")
    return found or unavailable("getmail6 is not installed (Debian: getmail6)")


@pytest.fixture(scope="session")
def modules(tmp_path_factory, program):
    """A directory with getmail's package alone, which other interpreters can import too."""
    for place in ("/usr/lib/python3/dist-packages", "/usr/local/lib/python3/dist-packages"):
        package = os.path.join(place, "getmailcore")
        if os.path.isdir(package):
            directory = tmp_path_factory.mktemp("getmail")
            (directory / "getmailcore").symlink_to(package)
            return directory
    pytest.fail(f"there is no getmailcore for {program}")


class Getmail:
    """One user's getmail: its configuration, its state, its Maildir."""

    def __init__(self, directory, dovecot, mailbox, link, **options):
        self.directory = directory
        self.maildir = directory / "Maildir"
        for part in ("tmp", "new", "cur"):
            (self.maildir / part).mkdir(parents=True)
        retriever, verification = LINKS[link]
        values = {"read_all": "true", "delete": "false", **options}
        text = CONFIGURATION.format(
            retriever=retriever,
            verification=verification.format(ca_file=dovecot.ca_file),
            port=dovecot.port if link == "plain" else dovecot.tls_port,
            mailbox=mailbox,
            maildir=self.maildir,
            user=self._user(),
            **values,
        )
        (directory / "getmailrc").write_text(text)

    def _user(self):
        """As root, getmail delivers as another user, who has to own the Maildir."""
        if os.geteuid() != 0:
            return ""
        nobody = pwd.getpwnam("nobody")
        for path in (self.maildir, *self.maildir.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        return "user = nobody"

    @property
    def arguments(self):
        return f"--getmaildir={self.directory}", "--rcfile=getmailrc"

    def delivered(self):
        """The contents of the files in the Maildir; their names are made of the time."""
        return sorted(path.read_bytes() for path in (self.maildir / "new").iterdir())


@pytest.fixture
def fetch(run, program, modules, directory, dovecot):
    """fetch(library, mailbox, link, **options): what getmail delivers, and the Getmail.

    As root, getmail delivers in a child. If that ends before getmail waits for it, getmail waits
    for its timeout, and gives up: then it is run once more, from the beginning.
    """

    def fetch(library, mailbox, link, attempts=3, **options):
        place = directory / f"{library}-{mailbox.user}-{attempts}"
        place.mkdir()
        place.chmod(0o755)
        getmail = Getmail(place, dovecot, mailbox, link, **options)
        try:
            run(library, program, *getmail.arguments, path=[modules])
        except AssertionError as failure:
            if attempts == 1 or "waiting child pid" not in str(failure):
                raise
            return fetch(library, mailbox, link, attempts - 1, **options)
        return getmail.delivered(), getmail

    return fetch


@pytest.mark.parametrize("link", LINKS)
def test_maildir(fetch, dovecot, link):
    mailbox = dovecot.mailbox(MESSAGES)
    theirs, ours, ahead = (fetch(library, mailbox, link)[0] for library in RUNNERS)
    assert ahead == ours == theirs
    assert len(ours) == len(mailbox.files()) == len(MESSAGES)


@pytest.mark.parametrize("link", ["plain", "TLS"])
def test_messages_are_deleted_once_delivered(fetch, dovecot, link):
    for library in RUNNERS:
        mailbox = dovecot.mailbox(MESSAGES)
        delivered, _ = fetch(library, mailbox, link, delete="true")
        assert len(delivered) == len(MESSAGES)
        assert mailbox.files() == []


def test_only_new_messages(fetch, run, program, modules, dovecot):
    """By their unique-ids, which getmail keeps."""
    for library in RUNNERS:
        mailbox = dovecot.mailbox(MESSAGES)
        before, getmail = fetch(library, mailbox, "plain", read_all="false")
        run(library, program, *getmail.arguments, path=[modules])
        assert getmail.delivered() == before
