"""A proxy for one connection that does to it what networks do, as a seed says.

What happens is a list of faults. Each has a direction and a place: how many octets have passed in
that direction when it comes. A gentle one changes how octets go on, not which; after a severe one
they may stop, or the connection end.
"""

import contextlib
import random
import select
import socket
import struct
import threading
from typing import NamedTuple

TO_CLIENT, TO_SERVER = "to the client", "to the server"

#: All octets arrive, in order.
GENTLE = ("delay", "dribble", "fragments")

#: On TLS alone somebody notices that octets are others.
CORRUPTION = "corruption"

#: Longer than the client waits.
PAUSES = ("pause", "silence", "silence in one direction")

KILLS = ("server killed", "client killed")

SEVERE = ("reset", "truncation", "half-close", *PAUSES, *KILLS)


class Fault(NamedTuple):
    kind: str
    direction: str
    place: int


def faults(numbers, link):
    """A few gentle ones, and a severe one in two of three sessions."""
    kinds = [kind for kind in GENTLE if numbers.random() < 0.25]
    if numbers.random() < 0.67:
        kinds.append(numbers.choice([*SEVERE, CORRUPTION] if link == "tls" else SEVERE))
    made = [_anywhere(kind, numbers) for kind in kinds]
    return sorted(made, key=lambda fault: fault.place)


def _anywhere(kind, numbers):
    """Early as often as late: in the greeting, a handshake, a login, a message."""
    direction = numbers.choice([TO_CLIENT, TO_CLIENT, TO_SERVER])
    digits = numbers.uniform(0, 6 if direction is TO_CLIENT else 3.5)
    return Fault(kind, direction, int(10**digits) - 1)


class Proxy:
    """Takes one client to the server at ``target``, in a thread; a context manager.

    ``kill`` is called with the kind of a fault of KILLS; ``pause`` is how long a pause is, in
    seconds; ``met`` has the kinds of the faults that the connection came to.
    """

    def __init__(self, target, faults, seed, pause, kill):
        self.met = []
        self.octets = {TO_CLIENT: 0, TO_SERVER: 0}
        self._target = target
        self._faults = list(faults)
        self._numbers = random.Random(seed)
        self._pause = pause
        self._kill = kill
        self._silent = set()
        self._manner = {}
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._thread = threading.Thread(target=self._run, name="chaos")
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *details):
        """Waits until both ends have gone, which the client must have done."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), "an end of the connection stays open"

    def _run(self):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            client = stack.enter_context(self._listener.accept()[0])
            server = stack.enter_context(socket.create_connection(self._target))
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ways = {client: (server, TO_SERVER), server: (client, TO_CLIENT)}
            self._carry()

    def _carry(self):
        """Until both have ended, or a fault has ended it."""
        open_ends = set(self._ways)
        while open_ends:
            for source in select.select(open_ends, [], [])[0]:
                sink, direction = self._ways[source]
                data = _received(source)
                if data:
                    self._pass(sink, direction, data)
                    continue
                open_ends.discard(source)
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                if self._silent and direction is TO_SERVER:
                    return

    def _pass(self, sink, direction, data):
        for fault in [fault for fault in self._faults if fault.direction is direction]:
            before = max(0, fault.place - self.octets[direction])
            if before >= len(data):
                break
            self._send(sink, direction, data[:before])
            data = data[before:]
            self._faults.remove(fault)
            self.met.append(fault.kind)
            data = self._meet(fault, sink, data)
        self._send(sink, direction, data)

    def _meet(self, fault, sink, data):
        """What is left to send; raises OSError where nothing is."""
        if fault.kind in GENTLE:
            self._manner[fault.direction] = [fault.kind, self._numbers.choice([20, 200, 2000])]
        elif fault.kind in KILLS:
            self._kill(fault.kind)
        elif fault.kind == CORRUPTION:
            return bytes([data[0] ^ 1 << self._numbers.randrange(8)]) + data[1:]
        elif fault.kind == "pause":
            self._stop.wait(self._pause)
        elif fault.kind == "silence":
            self._silent |= {TO_CLIENT, TO_SERVER}
        elif fault.kind == "silence in one direction":
            self._silent.add(fault.direction)
        elif fault.kind == "half-close":
            self._silent.add(fault.direction)
            sink.shutdown(socket.SHUT_WR)
        else:
            self._end(fault.kind)
        return data

    def _end(self, kind):
        for sock in self._ways:
            if kind == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        raise ConnectionAbortedError(kind)

    def _send(self, sink, direction, data):
        self.octets[direction] += len(data)
        manner = self._manner.get(direction)
        while data and manner is not None and manner[1] > 0:
            size = 1 if manner[0] == "dribble" else self._numbers.randrange(1, 300)
            self._send_piece(sink, direction, data[:size])
            data = data[size:]
            manner[1] -= size
            self._stop.wait(0.01 * self._numbers.random() if manner[0] == "delay" else 0.0001)
        self._send_piece(sink, direction, data)

    def _send_piece(self, sink, direction, data):
        """An end that has gone is noticed when it is read from."""
        if direction not in self._silent:
            with contextlib.suppress(OSError):
                sink.sendall(data)


def _received(source):
    try:
        return source.recv(65536)
    except ConnectionError:
        return b""
