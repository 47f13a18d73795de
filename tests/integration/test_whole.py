"""Whole messages of a mailbox made to be hard, as bytes and in files."""

import io

import pytest

from .test_messages import over_tls_too, wrong


@pytest.fixture
def client(make_library, dovecot, link, full_mailbox):
    return make_library("poplib_c", dovecot, link).login(full_mailbox)


@over_tls_too
def test_retr_bytes(client, messages):
    assert not wrong(messages, lambda number, message: client.retr_bytes(number) == message.wire)


@over_tls_too
def test_top_bytes(client, messages):
    def is_right(number, message):
        expected = b"".join(line + b"\r\n" for line in message.top(7))
        return client.top_bytes(number, 7) == expected

    assert not wrong(messages, is_right)


@over_tls_too
def test_retr_into(client, messages, tmp_path):
    def is_right(number, message):
        file = io.BytesIO()
        with open(tmp_path / str(number), "wb", buffering=0) as raw:
            octets = {client.retr_into(number, file), client.retr_into(number, raw)}
        written = (tmp_path / str(number)).read_bytes()
        return octets == {len(message.wire)} and file.getvalue() == written == message.wire

    assert not wrong(messages, is_right)


def test_sizes_and_uids(client, messages):
    assert client.sizes() == {n: message.size for n, message in enumerate(messages, 1)}
    pairs = (line.split(b" ") for line in client.uidl()[1])
    assert client.uids() == {int(number): uid for number, uid in pairs}
