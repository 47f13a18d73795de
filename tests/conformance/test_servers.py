"""Servers in the wild: what is in no other file of a reply that is odd or unasked for."""

import pytest
from scripted import C, Raw, S


@pytest.fixture
def link(make_link):
    return make_link("plain")


@pytest.mark.row("An empty reply")
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_an_empty_reply(pop, talk, end):
    with talk(C("DELE 1"), Raw(end), C("NOOP"), Raw(end), C("RSET"), S("+OK")) as client:
        for command in (lambda: client.dele(1), client.noop):
            with pytest.raises(pop.error_proto) as caught:
                command()
            assert caught.value.args == (b"",)
        assert client.rset() == b"+OK"


@pytest.mark.row("No dot-stuffing")
@pytest.mark.differs("unasked_reply")
def test_a_lone_dot_that_was_not_stuffed(pop, talk, ours):
    again = [] if ours else [C("RSET"), S("+OK done")]
    with talk(C("RETR 1"), S("+OK", ".foo", "..bar", ".", "+rest", "."), *again) as client:
        assert client.retr(1) == (b"+OK", [b".foo", b".bar"], 12)
        if ours:
            with pytest.raises(pop.error_proto, match=r"nobody asked for: b'\+rest'"):
                client.rset()
        else:
            assert client.rset() == b"+rest"


@pytest.mark.row("Octets behind STLS")
@pytest.mark.differs("unasked_reply")
def test_octets_behind_a_refusal_of_stls(pop, talk, ours):
    offered = (C("CAPA"), S("+OK", "STLS", "."), C("STLS"), S("-ERR no", "+OK injected"))
    again = [] if ours else [C("NOOP"), S("+OK done")]
    with talk(*offered, *again) as client:
        with pytest.raises(pop.error_proto) as caught:
            client.stls()
        assert caught.value.args == (b"-ERR no",)
        if ours:
            with pytest.raises(pop.error_proto, match=r"nobody asked for: b'\+OK injected'"):
                client.noop()
        else:
            assert client.noop() == b"+OK injected"
