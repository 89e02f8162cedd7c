"""Community ID version 1: one name for a flow that every sensor computes alike."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha1

_SEED = b"\x00\x00"
_PORT_PROTOCOLS = frozenset((1, 6, 17, 58, 132))


def community_id(proto: int, src: bytes, sport: int, dst: bytes, dport: int, one_way: bool = False) -> str:
    """Return the flow's id from packed addresses; ICMP's type and code stand in for ports."""
    if not one_way and (src, sport) > (dst, dport):
        src, sport, dst, dport = dst, dport, src, sport
    ports = sport.to_bytes(2, "big") + dport.to_bytes(2, "big") if proto in _PORT_PROTOCOLS else b""
    # SHA-1 is what the specification says; it names, it does not protect.
    digest = sha1(_SEED + src + dst + bytes((proto, 0)) + ports, usedforsecurity=False).digest()
    return "1:" + b2a_base64(digest, newline=False).decode("ascii")
