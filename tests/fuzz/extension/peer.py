"""A server whose answers an input decides, and the sockets that lead to it."""

import contextlib
import socket
import threading

from .reference import WITH_LINES, Reply

MESSAGES = 6
TIMEOUT = 8.0


class Fault(Exception):
    """What a method of the socket, or of a file, raises that is not of the library's kind."""


class Input:
    """What is left of an input; zeros behind its end."""

    def __init__(self, data):
        self.data = data
        self.start = 0

    def take(self):
        return int.from_bytes(self.take_bytes(1), "big")

    def take_bytes(self, count):
        self.start += count
        return self.data[self.start - count : self.start]

    def is_empty(self):
        return self.start >= len(self.data)


TEMPLATES = [
    None,
    b"+OK\r\n",
    b"-ERR [IN-USE] no\r\n",
    b"+OK 2 320\r\n",
    b"+OK\r\n.\r\n",
    b"+OK\r\na\r\n..\r\n..b\r\n.c\r\n\r\n.\r\n",
    b"+OK\n1 2\n2 x y\n.\n",
    b"+OK\r\n1\t 10\r\n2 20\r\n.\r\n",
    b"+OK\r\nPIPELINING\r\nSASL PLAIN LOGIN CRAM-MD5\r\nSTLS\r\n.\r\n",
    b"+ \r\n",
    b"+ eHg=\r\n",
    b"+OK 1 10\r\n",
    b"+OK\r\n" + 70000 * b"x" + b"\r\n.\r\n",
    b"+OK\r\n" + 3000 * b"y\r\n" + b".\r\n",
    b"+OK " + 3000 * b"z" + b"\r\n",
    b"",
    b"+OK\r\n+OK two\r\n",
    b"+OK\r\na\n\r..b\n\r\n.\n",
    b"+OK 9 " + 30 * b"9" + b"\r\n",
    b"+OK\r\n-1 -5\r\n1 1000000000\r\n" + 30 * b"1" + b" 1\r\n.\r\n",
    b"+ERR boom\r\n",
    b"\r\n",
    b"-ERR\r\n.\r\n",
    b"+OK\0\xff\r\n\0\r\n.\r\n",
]

#: From these octets on: how the stream ends, and a reply of so many octets of the input.
ENDS = 0x70
OCTETS = 0x80
KINDS = ["eof", "timeout", "reset", "fault", "close"]


class Server:
    """Gives for each line of the client a reply, a tagged one unless the input has another."""

    def __init__(self, script, keeps_on):
        self.script = script
        self.keeps_on = keeps_on  # behind what is not one reply
        self.unheard = b""
        self.out = bytearray()
        self.replies = []
        self.is_tagged = True  # all of them
        self.end = None
        self.is_over = False
        self.challenges = 0
        self.answer(b"")

    def hear(self, octets):
        *lines, self.unheard = (self.unheard + octets).split(b"\r\n")
        for line in lines:
            if not self.is_over:
                self.answer(line)

    def answer(self, line):
        is_challenge = self.challenges > 0 or line.startswith(b"AUTH ")
        code = self.script.take()
        if ENDS <= code < ENDS + len(KINDS):
            self.end, self.is_over = KINDS[code - ENDS], True
            return
        if code >= OCTETS:
            octets = self.script.take_bytes(code - OCTETS)
        else:
            octets = TEMPLATES[code] if code < len(TEMPLATES) else None
        self.is_tagged &= octets is None
        if octets is None:
            octets = self.tagged(line)
        else:
            self.challenges = int(octets.startswith(b"+ "))
        reply = Reply(line, octets, is_challenge)
        self.replies.append(reply)
        self.out += octets
        if not (reply.is_one or self.keeps_on) or line == b"STLS":
            self.end, self.is_over = "eof", True

    def tagged(self, line):
        tag = b"%d" % len(self.replies)
        verb, _, argument = line.partition(b" ")
        if self.challenges or verb == b"AUTH":
            self.challenges = 0 if self.challenges or b" " in argument else 1
            return b"+ \r\n" if self.challenges else b"+OK " + tag + b"\r\n"
        number = argument.split(b" ")[0]
        if number.isdigit() and int(number) > MESSAGES:
            return b"-ERR none " + tag + b"\r\n"
        if verb == b"STAT":
            return b"+OK %d 600 %s\r\n" % (MESSAGES, tag)
        if verb in (b"LIST", b"UIDL") and number:
            return b"+OK %s 100\r\n" % number
        status = b"+OK <%s@x>\r\n" % tag
        if not WITH_LINES.fullmatch(line):
            return status
        return status + self.lines(verb, number, tag) + b".\r\n"

    def lines(self, verb, number, tag):
        if verb in (b"LIST", b"UIDL"):
            return b"".join(b"%d %s\r\n" % (n, tag) for n in range(1, MESSAGES + 1))
        if verb == b"CAPA":
            return b"PIPELINING\r\nSASL PLAIN\r\nX-TAG " + tag + b"\r\nSTLS\r\n"
        return b"Subject: " + number + b"\r\n\r\n..\r\n..stuffed\r\n" + tag + b"\r\n"


# --- by the methods of a socket -------------------------------------------------------------


class Methods(socket.socket):
    """A socket that is not connected, and whose methods are the server."""

    def begin(self, server, sizes, default, on_close):
        self.server = server
        self.sizes = sizes
        self.default = default
        self.on_close = on_close
        self.has_starved = False

    def recv_into(self, buffer):
        out = self.server.out
        if not out:
            return self.finish()
        self.sizes.append(self.sizes.pop(0))
        size = min(len(out), len(buffer), self.sizes[0] or len(out))
        buffer[:size] = out[:size]
        del out[:size]
        return size

    def finish(self):
        """There is nothing to receive, and no answer to come but one that is late."""
        self.has_starved = self.server.end is None
        self.server.is_over = True
        self.server.end = end = self.server.end or self.default
        if end == "timeout":
            self.server.out += b"+OK late\r\n.\r\n"
            raise socket.timeout("timed out")
        if end == "reset":
            raise ConnectionResetError(104, "reset")
        if end == "fault":
            raise Fault
        if end == "close":
            self.on_close()
        return 0

    def sendall(self, data):
        if self.server.end == "reset":
            raise BrokenPipeError(32, "broken")
        self.server.hear(bytes(data))


# --- by a descriptor ------------------------------------------------------------------------


class Thread(threading.Thread):
    """The server at the other end of a pair of sockets."""

    def __init__(self, server):
        super().__init__(name="peer", daemon=True)
        self.server = server
        self.here, self.there = socket.socketpair()
        self.start()

    def run(self):
        with self.there, contextlib.suppress(OSError):
            has_ended = False
            while True:
                out = bytes(self.server.out)
                self.server.out.clear()
                self.there.sendall(out)
                if self.server.is_over and not has_ended:
                    has_ended = True
                    self.there.shutdown(socket.SHUT_WR)
                octets = self.there.recv(65536)
                if not octets:
                    return
                self.server.hear(octets)

    def end(self):
        self.join(TIMEOUT)
        assert not self.is_alive(), "the client has not let go of its socket"
