"""The texts of --help and the man page; makes output safe for a terminal."""

from __future__ import annotations

import unicodedata

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def harmless(text: str, kept: str = "\t\n") -> str:
    """Return *text* with U+FFFD for invisible characters, except those in *kept*.

    All output of the command line passes through here, so that mail and servers can't control a
    terminal.
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
    """Return *text* as one harmless() line, with single spaces for white space."""
    return harmless(" ".join(text.split()), "")


DESCRIPTION = """\
Fetches mail from POP3 servers, reports what a server can do, and lists
messages. Connections are encrypted and certificates are verified unless
options say otherwise.

A mailbox is a URL without a password. pop3s://USER@HOST[:PORT] uses TLS from
the first octet on (port 995). pop3://USER@HOST[:PORT] starts TLS by STLS (port
110), and fails if the server has no STLS. pops:// means pop3s://, and pop://
means pop3://. USER may contain @, may contain / if it begins with DOMAIN\\, and
may begin with recent: (Gmail). Any character may be written as %HH. Other
colons must be written as %3A, and other slashes as %2F.
"""
BEGIN = """\
To begin:
  {prog} check pop3s://USER@HOST                   what a server is and can do
  {prog} list pop3s://USER@HOST                    the messages of a mailbox
  {prog} fetch --maildir ~/Mail pop3s://USER@HOST  fetch new messages

A configuration file can describe your mailboxes ('{prog} config --help' shows
how). Then '{prog} fetch' fetches all of them. '{prog} --help' shows more.
"""
TOP_EPILOG = """\
Without a command, {prog} HOST[:PORT] USER PASSWORD prints the welcome
and every message, as Python's poplib does. The connection is not encrypted,
and nothing is deleted. A HOST without a dot needs the PORT. An IPv6 address
with a port is written [::1]:110.

'{prog} COMMAND --help' shows the options of a command.

{status}"""
PASSWORDS = """\
passwords:
  The first of these sources that has a password supplies it:

  1. The command of --password-command, or of password-command in the
     configuration. Its environment has POPLIB_C_USER, POPLIB_C_HOST and
     POPLIB_C_PORT.
  2. With --keyring, the system's keyring: the entry of service pop3://HOST and
     USER, which "keyring set pop3://HOST USER" stores.
  3. ~/.netrc, with lines "machine HOST login USER password PASSWORD": the entry
     of HOST and USER, else that of HOST without a login, else default with
     USER, else default without a login. A host may have several entries. You
     must own the file, and nobody else may read or write it
     (chmod 600 ~/.netrc).
  4. The variable POPLIB_C_PASSWORD.
  5. A prompt.

  POPLIB_C_PASSWORD, and --password-command and --oauth2-token-command on the
  command line, name no server. With several mailboxes, each server would get
  the secret of the others, so poplib-c refuses them. No option takes the
  password itself, because other users of the machine can read arguments.

  The password of a proxy's USER comes from the entry of the proxy's host in
  ~/.netrc, but not from default, else from the variable
  POPLIB_C_PROXY_PASSWORD.
"""
STATUS = """\
exit status:
  0   everything was done
  1   a part was not done: messages were left on the server because of an error,
      or the run was interrupted
  64  wrong usage; nothing was done
  68  the name service does not know the host
  69  the server refuses the connection (it may be down: wait), has no STLS, or
      refuses a command that is needed; or its certificate is refused
  73  a file or directory can't be created: no permission, or a path is missing
  74  a file can't be written: the disk fails, or the reader of a pipe is gone
  75  a later run may succeed: no answer, a lost connection, a mailbox in use, a
      full disk
  76  the server breaks the protocol, or its replies are out of step
  77  the server refused the login, or there is no password
  78  an error in the configuration
  With several mailboxes, the status is the first of 64, 78, 77, 69, 68, 73, 74,
  76, 75 and 1 that occurred.
"""
FETCH_DESCRIPTION = """\
Fetches new messages into a Maildir, an mbox file, or a directory with a file
for each message, or sends them to a command or a mail server.

Messages stay on the server, unless --delete or --keep-days is given. A message
is written, synced to the disk and recorded before it is marked as deleted; the
server deletes it when QUIT ends the session. A run that is killed at any
instant loses no message. The next run fetches the last messages again only if
their sizes or headers have changed. A command or mail server may get one
message twice.

The first Ctrl-C (or SIGTERM, or SIGHUP) makes the run finish the current
message and end. With --delete, it deletes the messages delivered until then.
The second Ctrl-C closes the connections at once, and nothing is deleted. The
next run with --delete deletes those messages without fetching them again. The
exit status is 1 in both cases.
"""
FETCH_EPILOG = """\
examples:
  Fetch new messages, and leave them on the server:
    {prog} --maildir ~/Mail pop3s://alice@pop.example.org
  Fetch new messages, and delete them from the server:
    {prog} --delete --mbox inbox pop3s://bob@example.org@pop.example.org
  Fetch from cron, with a password manager:
    {prog} --quiet --delete --maildir ~/Mail \\
        --password-command 'pass show mail' pop3s://alice@pop.example.org
  Fetch the accounts work and private of the configuration:
    {prog} work private
  Fetch all accounts, eight in parallel:
    {prog} --jobs 8

configuration:
  See 'config --help'.

{passwords}
{status}
files:
  ~/.config/poplib-c/config.toml
      The accounts and their options. In $XDG_CONFIG_HOME if that is set.
  ~/.local/state/poplib_c/state.sqlite3
      The record of delivered messages, by the servers' unique ids, for all
      destinations. In $XDG_STATE_HOME if that is set. Its size depends on the
      number of messages on the servers, not on the number ever fetched.
  ~/.netrc
      Passwords.

environment:
  POPLIB_C_PASSWORD, POPLIB_C_PROXY_PASSWORD, XDG_CONFIG_HOME, XDG_STATE_HOME,
  HOME; SSL_CERT_FILE and SSL_CERT_DIR for trusted certificates
"""
CHECK_DESCRIPTION = """\
Reports on a server: its greeting; its capabilities before and after TLS and
the login; the TLS version and cipher; its certificate and when it expires;
which mechanism a login begins with, and why; which mechanism the server
accepted. If the server announces PIPELINING, check tests whether it answers
commands sent ahead of replies. Without USER in the URL, check does not log in.
"""
LIST_DESCRIPTION = """\
Lists the messages of a mailbox: number, size, unique id, date, sender and
subject. list fetches only headers and changes nothing, but some servers mark
these messages as read.
"""
EPILOG = """\
examples:
  {prog} pop3s://alice@pop.example.org
  {prog} --json work

{passwords}
{status}"""

CONFIG_DESCRIPTION = """\
Shows each account with the options that fetch would use, and where each value
comes from: the command line, the account, the [defaults] of the file, or built
in. Of commands it shows only the program, because arguments may be secret.
config takes the options of fetch. It fetches nothing and needs no connection.
"""
CONFIG_EPILOG = """\
configuration file:
  The format is TOML. The options are those of fetch, without the dashes.
  Options without a value are true or false.

    [defaults]
    maildir = "~/Mail"
    jobs = 4

    [account.work]
    url = "pop3s://alice@pop.example.org"
    password-command = "pass show mail/alice"
    delete = true

    [account.private]
    url = "pop3s://bob@example.org@pop.example.org"
    mbox = "~/bob"
    mechanism = ["LOGIN", "USER"]

  The command line overrides the account, and the account overrides [defaults].
  An option also replaces options of lower precedence that contradict it. A
  destination replaces any other destination. keep, delete and keep-days replace
  one another; so do the sources of a password, and quiet and verbose. cafile
  and fingerprint replace no-verify and insecure.

  [defaults] also applies to URLs. These options apply to the whole run, so they
  are allowed in [defaults] only: jobs, quiet, verbose, log, syslog, json and
  dry-run. In [defaults], a command for a password or token must contain
  POPLIB_C_HOST; otherwise each server would get the secret of the others.

  Relative paths are relative to the file. An unknown table or key is an error.
  The commands in the file are run, so the file is refused if everybody can
  write to it, or if it belongs to neither you nor root.

  [[account]] tables, which have no names, are also read.
"""
IMPORT_DESCRIPTION = """\
Imports another program's list of fetched messages, so that fetch does not
fetch them again. FORMAT is mpop, getmail or fetchmail.

The files name the mailboxes. If a file names no port, the ports are those of
the accounts with its user and host in the configuration; without such an
account, both standard ports. The list goes to the state of the configuration.
fetch does not delete these messages, unless it fetches them again
(--all --delete).
"""
COMPLETION_DESCRIPTION = """\
Prints a script that makes a shell complete the commands and options of
poplib-c.
"""
DEMO = """\
Fetches a small mailbox from a server on loopback, and compares the messages.
"""
RUN = """\
Runs an unmodified program, as python does, with poplib_c as its poplib. The
exit status is the program's.
"""

TARGET = (
    "a mailbox: pop3s://USER@HOST[:PORT] for TLS from the first octet on, pop3:// for STLS, "
    "without a password; or the NAME of an account. Without a TARGET: all accounts"
)
