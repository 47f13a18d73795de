"""POP3(host, port=110, timeout=...) in all its forms."""

import inspect
import operator
import socket
from unittest import mock

import pytest
from scripted import S, play

OMITTED = socket._GLOBAL_DEFAULT_TIMEOUT


@pytest.mark.row("POP3")
@pytest.mark.parametrize("how", ["positional", "keyword", "mixed"])
def test_arguments_by_position_and_by_keyword(pop, how):
    with play(S("+OK ready")) as server:
        if how == "positional":
            client = pop.POP3(server.host, server.port, 4)
        elif how == "keyword":
            client = pop.POP3(timeout=4, port=server.port, host=server.host)
        else:
            client = pop.POP3(server.host, server.port, timeout=4)
        assert (client.host, client.port) == (server.host, server.port)
        assert client.sock.gettimeout() == 4
        assert client.getwelcome() == b"+OK ready"
        client.close()


@pytest.mark.row("POP3", "POP3_SSL")
def test_default_port(pop, unconnected):
    port = 995 if issubclass(unconnected, pop.POP3_SSL) else 110
    assert unconnected("mail.example.org").port == port


def test_port_as_text(pop):
    with play(S("+OK ready")) as server:
        client = pop.POP3(server.host, str(server.port), 4)
        assert client.port == str(server.port)
        client.close()


@pytest.mark.parametrize("timeout", [OMITTED, None, 7.5, 3])
def test_create_socket_gets_the_timeout(unconnected, timeout):
    client = unconnected("mail.example.org", 110, timeout=timeout)
    assert client.asked is timeout


def test_create_socket_gets_the_sentinel_when_omitted(unconnected):
    assert unconnected("mail.example.org").asked is OMITTED


@pytest.mark.row("Timeout")
def test_timeout_omitted_is_the_socket_default(pop, default_timeout):
    default_timeout(4.5)
    with play(S("+OK ready")) as server:
        client = pop.POP3(server.host, server.port)
        assert client.sock.gettimeout() == 4.5
        client.close()


def test_timeout_none_blocks(pop, default_timeout):
    default_timeout(4.5)
    with play(S("+OK ready")) as server:
        client = pop.POP3(server.host, server.port, None)
        assert client.sock.gettimeout() is None
        client.close()


@pytest.mark.row("Timeout")
@pytest.mark.parametrize("timeout", [0, 0.0, False])
def test_timeout_zero(pop, timeout):
    with pytest.raises(ValueError) as caught:
        pop.POP3("127.0.0.1", 1, timeout)
    assert str(caught.value) == "Non-blocking socket (timeout=0) is not supported"


def test_timeout_negative(pop):
    with pytest.raises(ValueError):
        pop.POP3("127.0.0.1", 1, -1)


def test_timeout_of_a_wrong_type(pop):
    with pytest.raises(TypeError):
        pop.POP3("127.0.0.1", 1, "soon")


@pytest.mark.parametrize(
    "arguments, keywords",
    [
        ((), {}),
        ((), {"port": 110}),
        (("mail.example.org", 110, None, None, 5, None, None), {}),
        (("mail.example.org",), {"hots": "mail.example.org"}),
        (("mail.example.org",), {"host": "mail.example.org"}),
    ],
)
def test_wrong_arguments(unconnected, arguments, keywords):
    with pytest.raises(TypeError):
        unconnected(*arguments, **keywords)


def test_four_arguments(pop):
    with pytest.raises(TypeError):
        pop.POP3("127.0.0.1", 1, 5, None)


def test_called_once_more(link):
    first, second = link.play(greeting="+OK first"), link.play(greeting="+OK second")
    with first, second:
        client = link.connect(first)
        client.close()
        assert client.__init__(second.host, second.port, timeout=4) is None
        assert client.getwelcome() == b"+OK second"
        assert client.port == second.port
        client.close()


@pytest.mark.parametrize(
    "greeting, reason",
    [
        (b"-ERR go away\r\n", b"-ERR go away"),
        (b"* OK IMAP4rev1\r\n", b"* OK IMAP4rev1"),
        (b"\r\n", b""),
        (b"", "-ERR EOF"),
    ],
)
def test_refused_by_the_greeting(pop, socket_double, greeting, reason):
    class Unconnected(pop.POP3):
        def _create_socket(self, timeout):
            return socket_double(greeting)

    with pytest.raises(pop.error_proto) as caught:
        Unconnected("mail.example.org")
    assert caught.value.args == (reason,)


@pytest.mark.row("Errors of sockets")
@pytest.mark.parametrize("kind", [ConnectionRefusedError, socket.gaierror, socket.timeout])
def test_errors_of_connecting_pass_through(pop, kind):
    error = kind("no")
    patched = mock.patch(f"{pop.__name__}.socket.create_connection", side_effect=error)
    with patched, pytest.raises(kind) as caught:
        pop.POP3("mail.example.org")
    assert caught.value is error


def test_connection_refused(pop):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            pop.POP3("127.0.0.1", unused.getsockname()[1], 4)


@pytest.mark.row("Modules behind it")
def test_create_connection_is_reached_through_the_module(pop, socket_double):
    double = socket_double(b"+OK patched\r\n")
    with mock.patch(f"{pop.__name__}.socket.create_connection", return_value=double) as create:
        client = pop.POP3("mail.example.org", 1110, 7)
    assert create.mock_calls == [mock.call(("mail.example.org", 1110), 7)]
    assert client.sock is double
    assert double.calls == [("makefile", "rb")]
    assert client.getwelcome() == b"+OK patched"


def test_create_connection_gets_host_and_port_of_the_instance(pop, socket_double):
    class Elsewhere(pop.POP3):
        def _create_socket(self, timeout):
            self.host, self.port = "proxy.example.org", 8110
            return super()._create_socket(timeout)

    double = socket_double(b"+OK\r\n")
    with mock.patch(f"{pop.__name__}.socket.create_connection", return_value=double) as create:
        Elsewhere("mail.example.org")
    assert create.mock_calls == [mock.call(("proxy.example.org", 8110), OMITTED)]


@pytest.mark.row("Signatures")
def test_signature_of_the_class(pop):
    parameters = inspect.signature(pop.POP3).parameters
    assert list(parameters)[:3] == ["host", "port", "timeout"]
    assert parameters["host"].default is inspect.Parameter.empty
    assert parameters["port"].default == 110
    assert parameters["timeout"].default is not inspect.Parameter.empty
    kinds = {parameters[name].kind for name in ("host", "port", "timeout")}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.row("Signatures")
def test_signature_of_a_subclass(pop):
    class Inherited(pop.POP3):
        pass

    class Own(pop.POP3):
        def __init__(self, account):
            super().__init__(account.host)

    assert inspect.signature(Inherited) == inspect.signature(pop.POP3)
    assert list(inspect.signature(Own).parameters) == ["account"]


def test_signature_of_init(pop):
    parameters = list(inspect.signature(pop.POP3.__init__).parameters)
    assert parameters[:4] == ["self", "host", "port", "timeout"]


@pytest.mark.row("Signatures")
@pytest.mark.parametrize(
    "arguments, keywords",
    [
        (("mail.example.org",), {}),
        (("mail.example.org", 110), {}),
        (("mail.example.org", 110, 5), {}),
        ((), {"host": "mail.example.org", "port": 110, "timeout": 5}),
    ],
)
def test_autospec_accepts_what_the_constructor_takes(pop, arguments, keywords):
    spec = mock.create_autospec(pop.POP3)
    client = spec(*arguments, **keywords)
    client.stat.return_value = (0, 0)
    assert client.stat() == (0, 0)
    with pytest.raises(AttributeError):
        client.mailbox  # noqa: B018


@pytest.mark.row("Signatures")
@pytest.mark.parametrize(
    "arguments, keywords",
    [((), {}), (("mail.example.org", 110, 5, 6), {}), (("mail.example.org",), {"hots": 1})],
)
def test_autospec_refuses_what_the_constructor_refuses(pop, arguments, keywords):
    spec = mock.create_autospec(pop.POP3)
    with pytest.raises(TypeError):
        spec(*arguments, **keywords)


@pytest.mark.differs("timeout_default")
@pytest.mark.parametrize("of", ["POP3", "POP3_SSL", "POP3.__init__", "POP3_SSL.__init__"])
def test_default_of_timeout_in_the_signature(pop, ours, of):
    shown = inspect.signature(operator.attrgetter(of)(pop)).parameters["timeout"]
    assert shown.default is OMITTED or (ours and str(shown) == "timeout=<socket default>")


def test_defaults_of_the_signature_can_be_passed(unconnected):
    bound = inspect.signature(unconnected).bind("mail.example.org")
    bound.apply_defaults()
    client = unconnected(*bound.args, **bound.kwargs)
    assert client.asked is OMITTED


OWN_CALLS = ["set_options", "retr_bytes", "top_bytes", "retr_into", "sizes", "uids", "__enter__"]


@pytest.mark.differs("own_calls")
def test_own_calls(pop, ours):
    assert [name for name in OWN_CALLS if hasattr(pop.POP3, name)] == (OWN_CALLS if ours else [])


@pytest.mark.differs("own_calls")
@pytest.mark.parametrize("option, default", [("max_line", 16 * 1024 * 1024), ("max_size", None)])
def test_options_are_keyword_only(pop, ours, unconnected, option, default):
    if not ours:
        with pytest.raises(TypeError):
            unconnected("mail.example.org", **{option: 4096})
        return
    for cls in (pop.POP3, pop.POP3_SSL):
        parameter = inspect.signature(cls).parameters[option]
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert parameter.default == default
    client = unconnected("mail.example.org", **{option: 4096})
    assert client.set_options(**{option: 8192}) is None
    assert not hasattr(client, option)
    for wrong in ({option: "long"}, {option + "s": 1}):
        with pytest.raises(TypeError):
            client.set_options(**wrong)
    with pytest.raises(TypeError):
        client.set_options(8192)


@pytest.mark.differs("failed_constructor")
@pytest.mark.parametrize("greeting", ["-ERR go away", "* OK IMAP4rev1", "+OK" + 3000 * "."])
def test_failed_constructor_closes_the_socket(pop, ours, link, greeting):
    with link.play(greeting=greeting) as server:
        with pytest.raises(pop.error_proto) as caught:
            link.connect(server)
        # The traceback keeps the instance, and so poplib's socket, alive.
        assert caught.value.__traceback__ is not None
        assert server.wait_eof(5 if ours else 0.1) is ours


@pytest.mark.differs("failed_constructor")
def test_timeout_of_the_greeting_closes_the_socket(pop, ours):
    with play() as server:
        with pytest.raises(socket.timeout) as caught:
            pop.POP3(server.host, server.port, 0.05)
        assert caught.value.__traceback__ is not None
        assert server.wait_eof(5 if ours else 0.1) is ours


@pytest.mark.differs("failed_constructor")
def test_hook_that_fails_in_the_constructor_closes_the_socket(pop, ours):
    class Strict(pop.POP3):
        def _getresp(self):
            raise LookupError(super()._getresp())

    with play(S("+OK ready")) as server:
        with pytest.raises(LookupError) as caught:
            Strict(server.host, server.port, 4)
        assert caught.value.args == (b"+OK ready",)
        assert server.wait_eof(5 if ours else 0.1) is ours
