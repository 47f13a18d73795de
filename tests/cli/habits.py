"""What servers do wrong: for the fixture odd()."""


def say(reply):
    """Something else, whatever was asked."""
    return lambda session, _: reply


def refuse(session, reply):
    return b"-ERR no\r\n"


def hang_up(session, reply):
    """In the middle of the reply."""
    session._channel.write(reply[: len(reply) // 2])
    session._channel.flush()
    raise EOFError


def fall_silent(session, reply):
    """In the middle of the reply, until the client leaves."""
    session._channel.write(reply[: len(reply) // 2])
    while True:
        session._channel.readline()


def lose_the_end(session, reply):
    """The last line has no CRLF, so that no line has a dot alone."""
    return reply[: -len(b"\r\n.\r\n")] + b".\r\n"


def twice(session, reply):
    return reply + reply


def once(habit):
    """Only the first time."""
    times = iter([habit])
    return lambda session, reply: next(times, lambda _, reply: reply)(session, reply)


def swallow(session, reply):
    """The command has no reply at all."""
    return b""
