"""Passive DNS: the names that DNS answers seen here gave for an address. Nobody is asked.

One thread lets it see the flows' updates; any thread may ask.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from engine.types import Direction, Flow, FlowUpdate, UpdateReason

MOST_ADDRESSES = 8192
"""The address named longest ago gives way."""
NAMES_EACH = 8
"""Names kept of an address, the newest first."""
MOST_RECORDS = 64
"""Records read of one message."""
MOST_MESSAGES = 16
"""Messages read of one flow's first bytes."""
MOST_JUMPS = 16
NAME_CHARACTERS = 253
NAME_BYTES = 255
"""Of a name with its lengths; a longer one is not followed elsewhere, as that would keep the reader busy."""
_TYPES = {1: (socket.AF_INET, 4), 28: (socket.AF_INET6, 16)}
_HEADER = 12
_TELLING = frozenset(UpdateReason) - {UpdateReason.NEW, UpdateReason.PAYLOAD, UpdateReason.REPORT}


class Names:
    """A bounded table from address to names."""

    def __init__(self, most: int = MOST_ADDRESSES) -> None:
        self._most = most
        self._names: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def see(self, updates: Iterable[FlowUpdate]) -> None:
        """Take what DNS answers among some updates say; never raises."""
        for update in updates:
            if update.flow.app == "dns":
                for ip, name in answers_in(update):
                    self._add(ip, name)

    def of(self, ip: str) -> tuple[str, ...]:
        """Return the names of an address, newest first: hostile text."""
        # One look into a dictionary, which another thread may be writing to; what it holds never changes.
        return self._names.get(ip, ())

    def __len__(self) -> int:
        return len(self._names)

    def _add(self, ip: str, name: str) -> None:
        known = self._names.get(ip, ())
        if known[:1] != (name,):
            self._names[ip] = (name, *(other for other in known if other != name))[:NAMES_EACH]
        self._names.move_to_end(ip)
        if len(self._names) > self._most:
            self._names.popitem(last=False)


def answers_in(update: FlowUpdate) -> Iterator[tuple[str, str]]:
    """Yield address and name of each answer in an update of a DNS flow.

    A datagram is read as it comes; of a stream, and of what a flow began with, the first bytes are.
    """
    flow = update.flow
    if update.reason is UpdateReason.PAYLOAD:
        if flow.five_tuple.proto == "udp" and update.direction is Direction.TO_CLIENT:
            yield from parse_answers(update.chunk)
    elif update.reason in _TELLING and flow.five_tuple.proto == "tcp":
        yield from _in_stream(flow)


def _in_stream(flow: Flow) -> Iterator[tuple[str, str]]:
    stream = flow.head[1]
    for _ in range(MOST_MESSAGES):
        length = int.from_bytes(stream[:2], "big")
        message, stream = stream[2 : 2 + length], stream[2 + length :]
        if len(message) < _HEADER:
            return
        yield from parse_answers(message)


def parse_answers(message: bytes) -> tuple[tuple[str, str], ...]:
    """Return address and name of each A and AAAA answer, under the name that was asked for; never raises.

    A message that is cut off gives what it holds until then.
    """
    if len(message) < _HEADER or not message[2] & 0x80:
        return ()
    questions, records = int.from_bytes(message[4:6], "big"), int.from_bytes(message[6:8], "big")
    if questions != 1:
        return ()
    asked, at = _name(message, _HEADER)
    at += 4
    found = []
    for _ in range(min(records, MOST_RECORDS)):
        _, at = _name(message, at)
        kind, length = int.from_bytes(message[at : at + 2], "big"), int.from_bytes(message[at + 8 : at + 10], "big")
        body = message[at + 10 : at + 10 + length]
        if at + 10 > len(message) or len(body) < length:
            break
        family, size = _TYPES.get(kind, (socket.AF_INET, -1))
        if size == length and asked:
            found.append((_address(family, body), asked))
        at += 10 + length
    return tuple(found)


def _address(family: socket.AddressFamily, body: bytes) -> str:
    if family is socket.AF_INET6 and body.startswith(bytes(10) + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, body[12:])
    return socket.inet_ntop(family, body)


def _name(message: bytes, at: int) -> tuple[str, int]:
    """Return a name and where what follows it begins; a name that goes in circles is cut."""
    labels: list[bytes] = []
    after, jumps, size = -1, 0, 0
    while at < len(message) and (jumps == 0 or size <= NAME_BYTES):
        length = message[at]
        if length >= 0xC0:
            after = at + 2 if after < 0 else after
            at = (length & 0x3F) << 8 | int.from_bytes(message[at + 1 : at + 2], "big")
            jumps += 1
            if jumps > MOST_JUMPS:
                break
            continue
        at += 1
        if length == 0 or length > 63:
            break
        labels.append(message[at : at + length])
        at += length
        size += length + 1
    name = b".".join(labels)[:NAME_CHARACTERS].decode("utf-8", "backslashreplace")[:NAME_CHARACTERS]
    return name.lower(), at if after < 0 else after
