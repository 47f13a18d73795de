"""apop(): the digest of RFC 1939, section 7, for whatever the server greets with."""

import hashlib
import re
import time

import pytest
from scripted import C, S

DIGEST = "c4c9334bac560ecc979e58001b3e22fb"
UNSUPPORTED = ("-ERR APOP not supported by server",)


@pytest.fixture
def greeted(offline):
    def greeted(greeting, cls=None):
        client = offline(b"+OK in\r\n") if cls is None else offline(b"+OK in\r\n", cls)
        client.welcome = greeting
        return client

    return greeted


def test_example_of_the_rfc(talk):
    greeting = "+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>"
    with talk(C(f"APOP mrose {DIGEST}"), S("+OK maildrop"), greeting=greeting) as client:
        assert client.apop("mrose", "tanstaaf") == b"+OK maildrop"


@pytest.mark.row("Odd time stamps")
@pytest.mark.parametrize(
    "greeting, stamp",
    [
        (b"+OK <a@b>", b"<a@b>"),
        (b"+OK<a> <b>", b"<b>"),
        (b"+OK <a@b> ready", b"<a@b>"),
        (b"+OK <a@b> ready > go", b"<a@b> ready >"),
        (b"+OK <a> and <b@c>", b"<a> and <b@c>"),
        (b"+OK <<a@b>>", b"<<a@b>>"),
        (b"+OK no-at-sign <1896>", b"<1896>"),
        (b"+OK <>", b"<>"),
        (b"+OKAY <a@b>", b"<a@b>"),
        (b"+OK-<a@b>", b"<a@b>"),
        (b"+OK > <a@b>", b"<a@b>"),
        (b"+OK \x00\xff <\x00\xff@b>", b"<\x00\xff@b>"),
        (b"+OK\r<a@b>", b"<a@b>"),
        (b"+OK a\nb <a@b>", b"<a@b>"),
        (b"+OK <a@b> <c\nd>", b"<a@b>"),
    ],
)
def test_time_stamps(greeted, greeting, stamp):
    client = greeted(greeting)
    assert client.apop("mrose", "tanstaaf") == b"+OK in"
    digest = hashlib.md5(stamp + b"tanstaaf").hexdigest().encode()
    assert client.sock.sent == [b"APOP mrose " + digest + b"\r\n"]


@pytest.mark.row("Odd time stamps")
@pytest.mark.parametrize(
    "greeting",
    [
        b"+OK",
        b"+OK ready",
        b"+OK<a@b>",
        b"+OK\n<a@b>",
        b"+OK <a@b",
        b"+OK a@b>",
        b"+OK >a@b<",
        b"+OK <a\nb>",
        b"+ok <a@b>",
        b" +OK <a@b>",
        b"+ <a@b>",
        b"-ERR <a@b>",
        b"",
    ],
)
def test_greetings_without_a_time_stamp(pop, greeted, greeting):
    client = greeted(greeting)
    with pytest.raises(pop.error_proto) as caught:
        client.apop("mrose", "tanstaaf")
    assert caught.value.args == UNSUPPORTED
    assert client.sock.sent == []


@pytest.mark.row("Odd time stamps")
@pytest.mark.parametrize(
    "greeting", [b"+OK " + 65536 * b"<", b"+OK " + 65536 * b"<a", b"+OK" + 65536 * b" "]
)
def test_a_hostile_greeting_takes_linear_time(pop, greeted, greeting):
    start = time.process_time()
    with pytest.raises(pop.error_proto) as caught:
        greeted(greeting).apop("mrose", "tanstaaf")
    assert caught.value.args == UNSUPPORTED
    assert time.process_time() - start < 2


def test_refused(pop, talk):
    steps = (C("APOP mrose ae776f6ebb81edc315af7edce2741bc6"), S("-ERR [AUTH] no"))
    with talk(*steps, greeting="+OK <a@b>") as client, pytest.raises(pop.error_proto) as caught:
        client.apop("mrose", "wrong")
    assert caught.value.args == (b"-ERR [AUTH] no",)


def test_user_is_formatted_and_password_is_text(greeted):
    client = greeted(b"+OK <1896.697170952@dbc.mtview.ca.us>")
    client.apop(5, "tanstaaf")
    assert client.sock.sent == [f"APOP 5 {DIGEST}\r\n".encode()]
    for password in (b"tanstaaf", 5, None):
        with pytest.raises(TypeError):
            client.apop("mrose", password)
    assert len(client.sock.sent) == 1


def test_password_is_encoded_before_the_greeting_is_looked_at(greeted):
    client = greeted(b"+OK no time stamp")
    with pytest.raises(TypeError):
        client.apop("mrose", 5)
    with pytest.raises(UnicodeEncodeError):
        client.apop("mrose", "\udcff")


@pytest.mark.parametrize("encoding", ["UTF-8", "latin-1"])
def test_password_in_the_encoding_of_the_class(pop, greeted, encoding):
    client = greeted(b"+OK <a@b>", type("Own", (pop.POP3,), {"encoding": encoding}))
    client.apop("mrose", "pass\xe9")
    digest = hashlib.md5(b"<a@b>" + "pass\xe9".encode(encoding)).hexdigest().encode()
    assert client.sock.sent == [b"APOP mrose " + digest + b"\r\n"]


def test_a_line_end_in_the_password_is_digested(greeted):
    client = greeted(b"+OK <a@b>")
    client.apop("mrose", "a\r\nb")
    digest = hashlib.md5(b"<a@b>a\r\nb").hexdigest().encode()
    assert client.sock.sent == [b"APOP mrose " + digest + b"\r\n"]


@pytest.mark.row("Class attributes")
@pytest.mark.parametrize("where", ["subclass", "instance", "class"])
def test_timestamp_overridden(pop, greeted, monkeypatch, where):
    pattern = re.compile(rb"\+OK.*\[(.*)\]")
    client = greeted(b"+OK <a@b> [stamp]", type("Own", (pop.POP3,), {}))
    if where == "subclass":
        type(client).timestamp = pattern
    elif where == "instance":
        client.timestamp = pattern
    else:
        monkeypatch.setattr(pop.POP3, "timestamp", pattern)
    client.apop("mrose", "secret")
    digest = hashlib.md5(b"stampsecret").hexdigest().encode()
    assert client.sock.sent == [b"APOP mrose " + digest + b"\r\n"]


def test_the_time_stamp_is_that_of_the_present_welcome(greeted):
    client = greeted(b"+OK ready")
    client.welcome = b"+OK ready <1896.697170952@dbc.mtview.ca.us>"
    client.apop("mrose", "tanstaaf")
    assert client.sock.sent == [f"APOP mrose {DIGEST}\r\n".encode()]
