"""LANG: RFC 6856, section 3."""

import pytest
from scripted import C, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT


def test_languages_are_listed_and_chosen():
    with play(
        S("+OK ready"),
        C("LANG"),
        S("+OK Language listing follows:", "en English", "de Deutsch", "."),
        C("LANG de"),
        S("+OK de Sprache ist Deutsch"),
        C("LANG *"),
        S("+OK en"),
        C("LANG uga"),
        S("-ERR invalid language UGA"),
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        listing = (b"+OK Language listing follows:", [b"en English", b"de Deutsch"], 24)
        assert client.lang() == listing
        assert client.lang("de") == b"+OK de Sprache ist Deutsch"
        assert client.lang(tag="*") == b"+OK en"
        with pytest.raises(error_proto, match="invalid language"):
            client.lang("uga")
        client.close()
