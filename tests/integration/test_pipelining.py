"""Commands sent ahead to a real server."""

import itertools
import random

import pytest

from poplib_c import error_proto

from .test_messages import over_tls_too, wrong


@pytest.fixture
def ours(make_library, dovecot, link):
    return make_library("poplib_c", dovecot, link)


@pytest.fixture(scope="module")
def two_thousand(dovecot):
    return dovecot.mailbox([b"Subject: %d\n\n.body\n" % number for number in range(1, 2001)])


@over_tls_too
def test_retr_many(ours, full_mailbox, messages):
    client = ours.login(full_mailbox)
    received = dict(client.retr_many(range(1, len(messages) + 1)))
    assert list(received) == list(range(1, len(messages) + 1))
    assert not wrong(messages, lambda number, message: received[number] == message.wire)


@pytest.mark.parametrize(
    "link, window", [("plain", 3), ("plain", 5000), ("pop3s", 128), ("pop3s context", 128)]
)
def test_two_thousand_small_ones(ours, two_thousand, window):
    client = ours.login(two_thousand)
    numbers = list(range(1, 2001))
    random.Random(window).shuffle(numbers)
    received = list(client.retr_many(numbers, window=window))
    assert received == [(n, b"Subject: %d\r\n\r\n.body\r\n" % n) for n in numbers]
    assert client.stat()[0] == 2000


@over_tls_too
def test_same_as_one_by_one(ours, full_mailbox, messages):
    numbers = range(1, len(messages) + 1)
    client = ours.login(full_mailbox)
    tops = client.top_many(numbers, 7)
    lines = client.retr_many(numbers, lines=True)
    # Each waits for what the other has asked for.
    for number, (top, retr) in zip(numbers, zip(tops, lines)):
        assert top == (number, client.top_bytes(number, 7))
        assert retr == (number, client.retr(number))
    assert list(tops) == list(lines) == []


@over_tls_too
def test_read_ahead(ours, full_mailbox, messages):
    client = ours.login(full_mailbox)
    client.set_options(read_ahead=5)
    assert not wrong(messages, lambda number, message: client.retr(number)[1] == message.lines)
    assert not wrong(messages, lambda number, message: client.retr_bytes(number) == message.wire)


@pytest.mark.parametrize("count", [0, 1, 2, 60])
@pytest.mark.parametrize("ask", [None, "stat", "list", "uidl", "sizes", "uids"])
def test_read_ahead_until_an_error(ours, dovecot, count, ask):
    """Dovecot hangs up after some twenty refusals."""
    client = ours.login(dovecot.mailbox([b"%d\n" % number for number in range(count)]))
    client.set_options(read_ahead=100)
    if ask:
        getattr(client, ask)()
    received = []
    with pytest.raises(error_proto, match="There's no message"):
        for number in itertools.count(1):
            received.append(client.retr_bytes(number))
    assert received == [b"%d\r\n" % number for number in range(count)]
    assert client.stat()[0] == count


def test_read_ahead_of_what_was_deleted(ours, dovecot):
    client = ours.login(dovecot.mailbox([b"%d\n" % number for number in range(60)]))
    client.set_options(read_ahead=100)
    client.sizes()
    for _ in client.dele_many(range(11, 51)):
        pass
    kept = [*range(1, 11), *range(51, 61)]
    assert [client.retr_bytes(n) for n in kept] == [b"%d\r\n" % (n - 1) for n in kept]
    client.rset()
    everything = range(1, 61)
    assert [client.retr_bytes(n) for n in everything] == [b"%d\r\n" % (n - 1) for n in everything]


@over_tls_too
def test_fetch_and_delete_with_read_ahead(ours, dovecot):
    """One that is deleted before its turn is refused, as serially."""
    sent = [b"Subject: %d\n\n.body\n" % number for number in range(1, 101)]
    mailbox = dovecot.mailbox(sent)
    client = ours.login(mailbox)
    client.set_options(read_ahead=16)
    assert client.stat()[0] == 100
    refused = []
    for number in range(1, 101):
        if number == 20:
            client.dele(23), client.dele(90)
        try:
            assert client.retr(number)[1] == [b"Subject: %d" % number, b"", b".body"]
            client.dele(number)
        except error_proto:
            refused.append(number)
    assert refused == [23, 90]
    client.quit()
    assert mailbox.files() == []


@over_tls_too
def test_deletion(ours, small_mailbox):
    client = ours.login(small_mailbox)
    numbers = [number for number, _ in client.retr_many([1, 2, 3], delete=True) if number != 2]
    assert numbers == [1, 3]
    client.rset()
    for number, _ in client.retr_many([1, 2, 3], delete=True):
        if number == 2:
            break
    client.quit()
    client = ours.login(small_mailbox)
    assert client.stat()[0] == 2
    assert [number for number, _ in client.dele_many([2, 1])] == [2, 1]
    client.quit()
    assert ours.login(small_mailbox).stat() == (0, 0)
