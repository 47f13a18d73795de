"""The logger poplib_c: every command and status line, and nothing that is secret."""

import logging
import threading

import pytest
from scripted import Await, C, S, play

from poplib_c import POP3, error_proto

from .support import TIMEOUT, WAYS, Call, run_program

LOGGER = "poplib_c"


@pytest.mark.row("The logger")
@pytest.mark.parametrize("cls", WAYS)
def test_commands_and_status_lines(caplog, cls):
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(
        S("+OK ready"),
        *(C("USER alice"), S("+OK")),
        *(C("PASS secret word"), S("+OK 1 message")),
        *(C("LIST"), S("+OK", "1 10", ".")),
        *(C("RETR 1"), S("+OK", "PASS in a message", ".")),
        *(C("RETR 2"), S("-ERR [SYS/TEMP] no\x07 such")),
        *(C("TOP 1 0"), S("+OK", "x", ".")),
    ) as server:
        client = cls(server.host, server.port, timeout=TIMEOUT)
        client.user("alice")
        client.pass_("secret word")
        client.list()
        client.retr(1)
        with pytest.raises(error_proto):
            client.retr(2)
        client.top(1, 0)
        client.close()
    assert caplog.messages == [
        "S: +OK ready",
        *("C: USER alice", "S: +OK"),
        *("C: PASS ***", "S: +OK 1 message"),
        *("C: LIST", "S: +OK"),
        *("C: RETR 1", "S: +OK"),
        *("C: RETR 2", "S: -ERR [SYS/TEMP] no\\x07 such"),
        *("C: TOP 1 0", "S: +OK"),
    ]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert {record.name for record in caplog.records} == {LOGGER}


def test_whole_messages_and_many(caplog):
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(
        S("+OK ready"),
        *(C("RETR 1"), S("+OK whole", "x", ".")),
        *(C("LIST 1"), C("LIST 2"), S("+OK 1 3", "+OK 2 3")),
        *(C("DELE 1"), C("DELE 2"), S("+OK one", "-ERR two")),
        *(C("RETR 3"), C("RETR 4"), S("+OK three", "x", ".", "+OK four", ".")),
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT, pipelining=True)
        client.retr_bytes(1)
        list(client.dele_many([1, 2], errors="return"))
        list(client.retr_many([3, 4]))
        client.close()
    assert caplog.messages == [
        "S: +OK ready",
        *("C: RETR 1", "S: +OK whole"),
        *("C: LIST 1", "C: LIST 2", "S: +OK 1 3", "S: +OK 2 3"),
        *("C: DELE 1", "C: DELE 2", "S: +OK one", "S: -ERR two"),
        *("C: RETR 3", "C: RETR 4", "S: +OK three", "S: +OK four"),
    ]


@pytest.mark.parametrize("cls", WAYS)
def test_capabilities(caplog, cls):
    caplog.set_level(logging.DEBUG, LOGGER)
    lines = "UIDL", "SASL XOAUTH2", "\x1b[2J"
    with play(S("+OK ready"), C("CAPA"), S("+OK", *lines, "."), C("CAPA"), S("-ERR")) as server:
        client = cls(server.host, server.port, timeout=TIMEOUT)
        client.capa()
        with pytest.raises(error_proto):
            client.capa()
        client.close()
    assert caplog.messages == [
        *("S: +OK ready", "C: CAPA", "S: +OK"),
        *("S: UIDL", "S: SASL XOAUTH2", "S: \\x1b[2J"),
        *("C: CAPA", "S: -ERR"),
    ]
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


BY_HAND = [
    ("PASS secret", "PASS ***"),
    ("pass secret", "pass ***"),
    ("  Pass secret", "  Pass ***"),
    ("APOP alice 0123secret", "APOP alice ***"),
    ("aPoP alice 0123secret", "aPoP alice ***"),
    ("AUTH PLAIN secret=", "AUTH PLAIN ***"),
    ("auth plain secret=", "auth plain ***"),
    ("PASS secret word", "PASS ***"),
    ("PASS", "PASS"),
    ("PASS ", "PASS "),
    ("PASSING x", "PASSING x"),
    ("AUTHINFO x y", "AUTHINFO x y"),
    ("USER alice", "USER alice"),
    ("RPOP alice", "RPOP alice"),
    ("XTND XLST Subject", "XTND XLST Subject"),
    ("USER J\xfcrgen", "USER J\\xc3\\xbcrgen"),
]


@pytest.mark.row("The logger")
@pytest.mark.parametrize("line, shown", BY_HAND)
def test_what_is_sent_by_hand(caplog, line, shown):
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(S("+OK ready"), C(line), S("+OK")) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        client._shortcmd(line)
        client.close()
    assert caplog.messages == ["S: +OK ready", f"C: {shown}", "S: +OK"]


@pytest.mark.parametrize("cls", WAYS)
def test_an_exchange_by_hand(caplog, cls):
    """What programs do that were written for poplib."""
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(
        S("+OK ready"),
        *(C("AUTH XOAUTH2"), S("+ ")),
        *(C("c2VjcmV0"), S("+ Y2hhbGxlbmdl")),
        *(C("*"), S("-ERR no")),
        *(C("NOOP"), S("+OK")),
    ) as server:
        client = cls(server.host, server.port, timeout=TIMEOUT)
        client._shortcmd("AUTH XOAUTH2")
        client._shortcmd("c2VjcmV0")
        with pytest.raises(error_proto):
            client._shortcmd("*")
        client.noop()
        client.close()
    assert caplog.messages[1:] == [
        *("C: AUTH XOAUTH2", "S: + "),
        *("C: ***", "S: + ***"),
        *("C: *", "S: -ERR no"),
        *("C: NOOP", "S: +OK"),
    ]


def test_an_exchange_whose_challenges_are_read_from_the_file(caplog):
    """No status line was seen, so any line may be an answer; until one is."""
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(
        S("+OK ready"),
        *(C("AUTH LOGIN"), S("+ VXNlcjo="), C("YWxpY2U="), S("+ UGFzczo=")),
        *(C("c2VjcmV0"), S("+OK"), C("NOOP"), S("+OK")),
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        for line, read in (
            ("AUTH LOGIN", client.file.readline),
            ("YWxpY2U=", client._getline),
            ("c2VjcmV0", client._getresp),
        ):
            client._putcmd(line)
            read()
        client.noop()
        client.close()
    assert caplog.messages[1:] == [
        *("C: AUTH LOGIN", "C: ***"),
        *("C: ***", "S: +OK"),
        *("C: NOOP", "S: +OK"),
    ]


def test_an_exchange_by_hand_that_is_logged_from_its_middle_on(caplog):
    with play(S("+OK ready"), C("AUTH X"), S("+"), C("c2VjcmV0"), S("+OK")) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        client._shortcmd("AUTH X")
        caplog.set_level(logging.DEBUG, LOGGER)
        client._shortcmd("c2VjcmV0")
        client.close()
    assert caplog.messages == ["C: ***", "S: +OK"]


def test_two_commands_in_one_line(caplog):
    caplog.set_level(logging.DEBUG, LOGGER)
    with play(S("+OK ready"), C("USER a"), C("PASS secret"), S("+OK")) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        client._putline(b"USER a\r\nPASS secret")
        client._getresp()
        client.close()
    assert caplog.messages[1] == "C: USER a***"


def test_apop(caplog):
    caplog.set_level(logging.DEBUG, LOGGER)
    digest = "c4c9334bac560ecc979e58001b3e22fb"
    with play(
        S("+OK <1896.697170952@dbc.mtview.ca.us>"), C(f"APOP mrose {digest}"), S("+OK")
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        client.apop("mrose", "tanstaaf")
        client.close()
    assert caplog.messages[1:] == ["C: APOP mrose ***", "S: +OK"]
    assert caplog.records[-1].funcName == "test_apop"


def test_only_for_those_who_want_it(caplog):
    caplog.set_level(logging.INFO, LOGGER)
    with play(
        S("+OK ready"), C("NOOP"), S("+OK"), C("NOOP"), S("+OK"), C("NOOP"), S("+OK")
    ) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        client.noop()
        assert caplog.messages == []
        caplog.set_level(logging.DEBUG, LOGGER)
        client.noop()
        assert caplog.messages == ["C: NOOP", "S: +OK"]
        caplog.set_level(logging.INFO, LOGGER)
        client.noop()
        assert caplog.messages == ["C: NOOP", "S: +OK"]
        client.close()


class _Raises(logging.Filter):
    def __init__(self, start):
        super().__init__()
        self.start = start

    def filter(self, record):
        if record.getMessage().startswith(self.start):
            raise KeyError(self.start)
        return True


@pytest.mark.parametrize("cls", WAYS)
@pytest.mark.parametrize("start", ["C: LIST", "S: +OK two"])
def test_a_logger_that_raises(caplog, cls, start):
    """As an audit hook or print() may: nothing is sent, or the reply was read."""
    caplog.set_level(logging.DEBUG, LOGGER)
    list_one = [] if start[0] == "C" else [C("LIST 1"), S("+OK two")]
    with play(S("+OK ready"), *list_one, C("NOOP"), S("+OK")) as server:
        client = cls(server.host, server.port, timeout=TIMEOUT)
        raises = _Raises(start)
        logging.getLogger(LOGGER).addFilter(raises)
        try:
            with pytest.raises(KeyError):
                client.list(1)
        finally:
            logging.getLogger(LOGGER).removeFilter(raises)
        assert client.noop() == b"+OK"
        client.close()


def test_logging_is_not_imported_but_noticed():
    output, _ = run_program(
        """
        import io, sys
        from poplib_c import POP3

        class Socket:
            def sendall(self, data):
                pass

        client = POP3.__new__(POP3)
        client.sock, client.file, client._debugging = Socket(), io.BytesIO(5 * b"+OK\\n"), 0
        client.noop()
        assert "logging" not in sys.modules
        sys.modules["logging"] = None
        client.noop()
        sys.modules["logging"] = type(sys)("logging")  # as while it is being imported
        client.noop()
        del sys.modules["logging"]
        import logging
        logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)
        client.noop()
        del sys.modules["logging"]
        client.noop()
        """
    )
    assert output.splitlines() == ["DEBUG:poplib_c:C: NOOP", "DEBUG:poplib_c:S: +OK"]


def test_a_logger_that_is_replaced_while_it_is_looked_for():
    """By what the end of the one before does; each logging module makes a new one here."""
    run_program(
        """
        import io, sys
        from poplib_c import POP3

        class Socket:
            def sendall(self, data):
                pass

        class Logger:
            def __init__(self, use=None):
                self.use = use

            def isEnabledFor(self, level):
                return False

            def __del__(self):
                if self.use is not None:
                    self.use()

        class Logging:
            def __init__(self, use=None):
                self.use = use

            def getLogger(self, name):
                return Logger(self.use)

        client = POP3.__new__(POP3)
        client.sock, client.file, client._debugging = Socket(), io.BytesIO(9 * b"+OK\\n"), 0
        sys.modules["logging"] = Logging(client.noop)
        client.noop()
        sys.modules["logging"] = Logging()
        client.noop()
        assert client.file.tell() == 3 * len(b"+OK\\n")
        """
    )


class _Asking(logging.Handler):
    """Asks the server something for each record of another logger."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.entered = threading.Event()
        self.waited_for = threading.Event()
        self.outcome = None

    def emit(self, record):
        if record.name == LOGGER:
            return
        self.entered.set()
        assert self.waited_for.wait(TIMEOUT)
        try:
            self.outcome = self.client.noop()
        except RuntimeError as error:
            self.outcome = error


def test_a_handler_that_uses_the_connection_of_another_thread(caplog):
    """The other one, in a command, waits for the handler, which must not wait for that."""
    other_logger = logging.getLogger("other")
    caplog.set_level(logging.DEBUG)
    with play(S("+OK ready"), C("RSET"), S("+OK"), C("NOOP"), S("+OK done")) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        handler = _Asking(client)
        logging.getLogger().addHandler(handler)
        try:
            logging_call = Call(other_logger.debug, "a record")
            assert handler.entered.wait(TIMEOUT)
            command = Call(client.rset)
            assert command.is_blocked()
            handler.waited_for.set()
            assert logging_call.end() is None
            assert command.end() == b"+OK"
            assert "logging handler" in str(handler.outcome)
            other_logger.debug("a record while nobody has the connection")
            assert handler.outcome == b"+OK done"
        finally:
            logging.getLogger().removeHandler(handler)
        client.close()


class _Recording:
    """Not a logging.Handler, but what a logger needs of one."""

    level = 0

    def __init__(self):
        self.messages = []

    def handle(self, record):
        self.messages.append(record.getMessage())


def test_a_handler_without_a_lock(caplog):
    """It is nobody's to wait for."""
    caplog.set_level(logging.DEBUG, LOGGER)
    answer = threading.Event()
    steps = (C("RSET"), Await(answer), S("+OK"), C("NOOP"), S("+OK done"))
    with play(S("+OK ready"), *steps) as server:
        client = POP3(server.host, server.port, timeout=TIMEOUT)
        handler = _Recording()
        logging.getLogger(LOGGER).addHandler(handler)
        try:
            first, second = Call(client.rset), Call(client.noop)
            assert second.is_blocked()
            answer.set()
            assert first.end() == b"+OK"
            assert second.end() == b"+OK done"
        finally:
            logging.getLogger(LOGGER).removeHandler(handler)
        client.close()
    assert len(handler.messages) == 4
