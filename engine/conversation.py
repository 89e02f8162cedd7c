"""One flow while it is in the table: its two directions, and what is known of it so far."""

from __future__ import annotations

import builtins
import socket
from typing import cast

from engine import appid
from engine.community_id import community_id
from engine.packet import PROTOCOL_NAMES, Packet
from engine.reassembly import Stream
from engine.types import FiveTuple, Flow, FlowState

HELLO_BYTES = 4096
"""How far a TLS ClientHello is followed for its server name."""

Key = tuple[bytes, bytes, int, int, int]
"""Both addresses, both ports and the protocol, the lower end first."""


class Side(Stream):
    """One direction of a flow."""

    __slots__ = ("bytes", "head", "isn", "packets", "payload_bytes")

    def __init__(self) -> None:
        super().__init__()
        self.packets = 0
        self.bytes = 0
        self.payload_bytes = 0
        self.head = b""
        self.isn = -1
        """The sequence number of its SYN, or -1 where none was seen."""


class _Draft:
    """A ``Flow`` before it is frozen: the frozen class's own constructor costs five times as much."""

    __slots__ = Flow.__slots__

    id: str
    five_tuple: FiveTuple
    iface: str
    first_seen: float
    last_seen: float
    packets: tuple[int, int]
    bytes: tuple[int, int]
    payload_bytes: tuple[int, int]
    head: tuple[builtins.bytes, builtins.bytes]
    state: FlowState
    handshake: bool
    app: str
    name: str

    def freeze(self) -> Flow:
        """Become a ``Flow``, whose memory layout is the same."""
        object.__setattr__(self, "__class__", Flow)
        return cast(Flow, self)


class Conversation:
    """A flow while it is in the table."""

    __slots__ = (
        "active_at",
        "app",
        "first_seen",
        "five_tuple",
        "forward",
        "fresh",
        "handshake",
        "hello",
        "id",
        "key",
        "last_seen",
        "name",
        "payload_at",
        "reset_by",
        "sides",
        "state",
    )

    def __init__(self, key: Key, packet: Packet, forward: bool, ts: float, reverse: bool) -> None:
        src, sport, dst, dport = packet.src, packet.sport, packet.dst, packet.dport
        if reverse:
            src, sport, dst, dport = dst, dport, src, sport
            forward = not forward
        proto = PROTOCOL_NAMES.get(packet.proto) or f"ip-{packet.proto}"
        self.key = key
        self.forward = forward
        """Whether the initiator is the end that the key names first."""
        self.id = community_id(packet.proto, src, sport, dst, dport, packet.one_way)
        self.five_tuple = FiveTuple(_text(src), sport, _text(dst), dport, proto)
        self.first_seen = self.last_seen = ts
        self.active_at = self.payload_at = 0.0
        """On the table's clock, which never runs backwards."""
        self.sides = (Side(), Side())
        self.state = FlowState.NEW
        self.fresh = True
        """Whether nobody has heard of this flow yet."""
        self.handshake = False
        self.reset_by = -1
        self.app = self.name = ""
        self.hello = b""

    def snapshot(self, iface: str) -> Flow:
        """Return the flow as it is now."""
        server, client = self.sides
        draft = _Draft()
        draft.id = self.id
        draft.five_tuple = self.five_tuple
        draft.iface = iface
        draft.first_seen = self.first_seen
        draft.last_seen = self.last_seen
        draft.packets = (server.packets, client.packets)
        draft.bytes = (server.bytes, client.bytes)
        draft.payload_bytes = (server.payload_bytes, client.payload_bytes)
        draft.head = (server.head, client.head)
        draft.state = self.state
        draft.handshake = self.handshake
        draft.app = self.app
        draft.name = self.name
        return draft.freeze()

    def identify(self, index: int, chunk: bytes) -> None:
        """Look at a direction's newest chunk for what the flow says of itself."""
        sides = self.sides
        opening = [sides[0].head, sides[1].head]
        before = sides[index].payload_bytes - len(chunk)
        if not before:
            opening[index] = chunk
        elif index == 0 and before == len(self.hello):
            opening[0] = self.hello = (self.hello + chunk)[:HELLO_BYTES]
        ends = self.five_tuple
        app, name = appid.recognise(ends.proto, (ends.src_port, ends.dst_port), opening[0], opening[1])
        self.app, self.name = app or self.app, name or self.name
        if app == "tls" and index == 0 and not before:
            self.hello = chunk[:HELLO_BYTES]
        if self.name or len(self.hello) >= HELLO_BYTES or appid.client_hello_complete(self.hello):
            self.hello = b""


def _text(address: bytes) -> str:
    if len(address) == 4:
        return socket.inet_ntop(socket.AF_INET, address)
    if address[:12] == b"\0\0\0\0\0\0\0\0\0\0\xff\xff":
        return socket.inet_ntop(socket.AF_INET, address[12:])
    return socket.inet_ntop(socket.AF_INET6, address)
