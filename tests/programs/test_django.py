"""Two Django applications import mail: django-helpdesk and django-mailbox."""

import json
import shutil
from pathlib import Path

import pytest

from .conftest import MESSAGES, RUNNERS

MANAGE = Path(__file__).parent / "site" / "manage.py"


class Site:
    """A database of its own, and the commands of manage.py."""

    def __init__(self, run, packages, database):
        self._run = run
        self._packages = packages
        self.database = database

    def manage(self, library, *arguments):
        environment = {"SITE_DATABASE": str(self.database)}
        path = [self._packages]
        return self._run(library, MANAGE, *arguments, path=path, environment=environment)

    def load(self, model, **fields):
        """Add an object with the number 1."""
        objects = [{"model": model, "pk": 1, "fields": fields}]
        file = self.database.with_suffix(".json")
        file.write_text(json.dumps(objects))
        self.manage("poplib", "loaddata", str(file))

    def dump(self, model, *names):
        """These fields of all objects, in order."""
        output = self.manage("poplib", "dumpdata", model)
        objects = json.loads(output[output.index("[") :])
        return [[thing["fields"][name] for name in names] for thing in objects]


@pytest.fixture(scope="module")
def migrated(packages, tmp_path_factory):
    """Where an empty database is kept."""
    return tmp_path_factory.mktemp("site") / "migrated.sqlite3"


@pytest.fixture
def make_site(run, packages, migrated, directory):
    """make_site(name): a Site with an empty database."""

    def make_site(name):
        if not migrated.exists():
            Site(run, packages, migrated).manage("poplib", "migrate")
        return Site(run, packages, shutil.copy(migrated, directory / f"{name}.sqlite3"))

    return make_site


@pytest.mark.parametrize("encrypted", [False, True])
def test_helpdesk_makes_tickets(make_site, dovecot, encrypted):
    """It asks for STLS on its own where the connection is not encrypted."""
    tickets = {}
    for library in RUNNERS:
        mailbox = dovecot.mailbox(MESSAGES)
        site = make_site(library)
        site.load(
            "helpdesk.queue",
            title="Help",
            slug="help",
            email_address="help@example.org",
            allow_email_submission=True,
            email_box_type="pop3",
            email_box_host="127.0.0.1",
            email_box_port=dovecot.tls_port if encrypted else dovecot.port,
            email_box_ssl=encrypted,
            email_box_user=mailbox.user,
            email_box_pass=mailbox.password,
        )
        site.manage(library, "get_email")
        assert mailbox.files() == []
        tickets[library] = [
            site.dump("helpdesk.ticket", "title", "submitter_email", "description", "queue"),
            site.dump("helpdesk.followup", "title", "comment", "message_id"),
        ]
    assert tickets["read_ahead"] == tickets["poplib_c"] == tickets["poplib"]
    assert [title for title, *_ in tickets["poplib_c"][0]] == ["first", "dots", "Grüße", "long"]


@pytest.mark.parametrize("scheme", ["pop3", "pop3+ssl"])
def test_mailbox_imports_messages(make_site, dovecot, scheme):
    messages = {}
    for library in RUNNERS:
        mailbox = dovecot.mailbox(MESSAGES)
        site = make_site(library)
        port = dovecot.port if scheme == "pop3" else dovecot.tls_port
        uri = f"{scheme}://{mailbox.user}:{mailbox.password}@127.0.0.1:{port}"
        site.load("django_mailbox.mailbox", name="mail", uri=uri, active=True)
        site.manage(library, "getmail")
        assert mailbox.files() == []
        messages[library] = site.dump(
            "django_mailbox.message", "subject", "message_id", "from_header", "body", "encoded"
        )
    assert messages["read_ahead"] == messages["poplib_c"] == messages["poplib"]
    assert len(messages["poplib_c"]) == len(MESSAGES)
