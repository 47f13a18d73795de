"""Texts of --help and the man page, and how output is made safe for a terminal."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def harmless(text: str, kept: str = "\t\n") -> str:
    """Return *text* for a terminal: characters that are not visible become U+FFFD.

    All output of the command line goes through here: mail and servers can't control a terminal.
    kept: control characters that stay.
    """
    if text.isprintable():
        return text
    return "".join(
        "\ufffd"
        if unicodedata.category(character) in _INVISIBLE and character not in kept
        else character
        for character in text
    )


def printable(text: str) -> str:
    """Return *text* in one line, harmless, with single spaces for white space."""
    return harmless(" ".join(text.split()), "")


DESCRIPTION = """\
A client for mailboxes on POP3 servers: fetches mail, reports what a server can
do, and lists messages. Connections are encrypted and certificates are
verified unless options say otherwise.

A mailbox is a URL without a password: pop3s://USER@HOST[:PORT] speaks TLS from
the first octet on (port 995), pop3://USER@HOST[:PORT] begins TLS by STLS (port
110) and fails if the server has no STLS. pops:// means pop3s://, and pop://
means pop3://. USER may contain @; other characters may be written as %HH.
"""
PASSWORDS = """\
passwords:
  The command of --password-command comes first, or of password-command in the
  accounts file. It gets POPLIB_C_USER, POPLIB_C_HOST and POPLIB_C_PORT in its
  environment.

  Then ~/.netrc, with lines "machine HOST login USER password PASSWORD": the
  entry of HOST and USER, else that of HOST without a login, else default with
  USER, else default without a login. A host may have several entries. The file
  must be yours, and readable for nobody else (chmod 600 ~/.netrc).

  Then the variable POPLIB_C_PASSWORD, then a prompt.

  With several mailboxes the variable is refused. So are --password-command and
  --oauth2-token-command on the command line: each server would get the secret
  of the others. A password is never an argument, where others on the machine
  could read it.
"""
STATUS = """\
exit status:
  0   everything was done
  1   a part was not: messages were left on the server, the run was interrupted,
      or a certificate or a file is refused
  2   wrong usage, nothing was done
  75  it may work later: no connection, a mailbox in use, no room on the disk
  77  the login is refused, or there is no password
  With several mailboxes, the highest status is returned.
"""
FETCH_DESCRIPTION = """\
Fetches the messages of one or more mailboxes into a Maildir, an mbox file, or
a directory with a file for each. Nothing is deleted on the server unless
--delete says so, and then only what was delivered: a message is written,
synced to the disk and recorded before it is marked as deleted, and the server
deletes it when the session ends in order. A run that is killed at any instant
loses nothing. What it delivered last is fetched again only if the server now
announces another size, or sends other headers.

The first Ctrl-C (or SIGTERM, or SIGHUP) makes the run finish the current
message and end; with --delete, what was delivered until then is deleted on the
server. The second closes the connections at once, so that nothing is deleted;
the next run with --delete makes up for that without fetching again. Either way
the exit status is 1.
"""
FETCH_EPILOG = """\
examples:
  The new messages of a mailbox, which stay on the server:
    {prog} --since-last --maildir ~/Mail pop3s://alice@pop.example.org
  All messages, away from the server:
    {prog} --delete --mbox inbox pop3s://bob@example.org@pop.example.org
  From cron, with a password manager:
    {prog} --quiet --delete --since-last --maildir ~/Mail \\
        --password-command 'pass show mail' pop3s://alice@pop.example.org
  Many mailboxes, eight at a time:
    {prog} --jobs 8 --accounts accounts.toml

accounts file:
  TOML, with a table for each mailbox. Its keys are url and the options of this
  command without the two dashes, but not accounts, jobs, quiet and keep. They
  count before those of the command line. Anything else in the file is an error.
  Relative paths are relative to the file, which not everybody may write into:

    [[account]]
    url = "pop3s://alice@pop.example.org"
    maildir = "Mail/alice"
    password-command = "pass show mail/alice"
    delete = true
    since-last = true

{passwords}
{status}
files:
  ~/.local/state/poplib_c/state.sqlite3
      What was delivered, by the unique ids of the servers, whatever the
      destination; below $XDG_STATE_HOME if that is set. It grows with what is
      kept on the servers, not with what was ever fetched.
  ~/.netrc
      Passwords.

environment:
  POPLIB_C_PASSWORD, XDG_STATE_HOME, HOME; SSL_CERT_FILE and SSL_CERT_DIR for
  trusted certificates
"""
CHECK_DESCRIPTION = """\
Reports on a server: its greeting, its capabilities before and after TLS and
the login, the TLS version and cipher, its certificate and when it expires, and
whether commands can be sent ahead of replies (pipelining), which is tested.
Without USER in the URL there is no login.
"""
LIST_DESCRIPTION = """\
Lists a mailbox: number, size and unique id of each message, and its date,
sender and subject. Only headers are fetched, and nothing is changed, though
some servers then mark a message as read.
"""
EPILOG = """\
examples:
  {prog} pop3s://alice@pop.example.org
  {prog} --json pop3://alice@pop.example.org

{passwords}
{status}"""

URL = (
    "a mailbox: pop3s://USER@HOST[:PORT] for TLS from the first octet on, pop3:// for STLS; "
    "never with a password"
)
