"""Every message of a mailbox made to be hard arrives byte for byte."""

import poplib

import pytest

over_tls_too = pytest.mark.parametrize("link", ["plain", "pop3s", "pop3s context"])


def wrong(messages, is_right):
    """The names of the messages for which is_right(number, message) does not hold."""
    return [
        message.name for number, message in enumerate(messages, 1) if not is_right(number, message)
    ]


@pytest.fixture
def pop(library, full_mailbox):
    return library.login(full_mailbox)


def test_stat(pop, messages):
    assert pop.stat() == (len(messages), sum(message.size for message in messages))


@over_tls_too
def test_list(pop, messages):
    listing = [b"%d %d" % (number, message.size) for number, message in enumerate(messages, 1)]
    octets = sum(len(line) + 2 for line in listing)
    assert pop.list() == (b"+OK %d messages:" % len(messages), listing, octets)


def test_list_of_one(pop, messages):
    assert not wrong(messages, lambda n, message: pop.list(n) == b"+OK %d %d" % (n, message.size))


@over_tls_too
def test_uidl(pop, messages):
    response, listing, octets = pop.uidl()
    numbers, uids = zip(*(line.split(b" ") for line in listing))
    assert response.startswith(b"+OK")
    assert numbers == tuple(b"%d" % n for n in range(1, len(messages) + 1))
    assert len(set(uids)) == len(messages)
    assert octets == sum(len(line) + 2 for line in listing)
    assert not wrong(messages, lambda n, _: pop.uidl(n) == b"+OK " + listing[n - 1])


@over_tls_too
def test_retr(pop, messages):
    def is_right(number, message):
        response, lines, octets = pop.retr(number)
        return (
            response == b"+OK %d octets" % message.size
            and lines == message.lines
            and octets == len(message.wire)
        )

    assert not wrong(messages, is_right)


@pytest.mark.parametrize("count", [0, 1, 2, 25, 99999999])
def test_top(pop, messages, count):
    def is_right(number, message):
        expected = message.top(count)
        _, lines, octets = pop.top(number, count)
        return lines == expected and octets == sum(len(line) + 2 for line in expected)

    assert not wrong(messages, is_right)


def test_lines_that_poplib_refuses(both, full_mailbox, messages):
    theirs, ours = both
    client = ours.login(full_mailbox)
    long = {n: m for n, m in enumerate(messages, 1) if m.longest_line > poplib._MAXLINE}
    assert len(long) > 40
    for number, message in long.items():
        refused = theirs.login(full_mailbox)
        assert theirs.refusal(refused.retr, number) == "line too long", message.name
        refused.close()
        assert b"\r\n".join([*client.retr(number)[1], b""]) == message.wire, message.name


def test_lines_just_short_enough_for_poplib(both, full_mailbox, messages):
    theirs, ours = (library.login(full_mailbox) for library in both)
    limit = poplib._MAXLINE
    fitting = [n for n, m in enumerate(messages, 1) if limit - 3 < m.longest_line <= limit]
    assert max(messages[number - 1].longest_line for number in fitting) == limit
    assert [n for n in fitting if ours.retr(n) != theirs.retr(n)] == []


def test_message_that_begins_with_a_dot(both, dovecot):
    """Dovecot does not byte-stuff this one dot; both libraries take such a line as poplib does."""
    mailbox = dovecot.mailbox([b".x\n\n.y\n", b"..\n\n..\n", b"...z\n\n"])
    theirs, ours = (library.login(mailbox) for library in both)
    assert ours.retr(1) == theirs.retr(1)
    assert ours.retr(1)[1] == [b".x", b"", b".y"]
    assert ours.retr(2)[1] == theirs.retr(2)[1] == [b".", b"", b".."]
    assert ours.retr(3) == theirs.retr(3)
