"""Asks the kernel for the TCP sockets at some ports of this host: what others opened is not read at all."""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from engine.host import netlink, sockets
from engine.host.ip import canonical_ip
from engine.host.sockets import Socket

MOST = 1 << 18
"""Most sockets of a family; where there are more, a login could hide among them, so that is an error."""
SOCK_DIAG_BY_FAMILY = 20
NETLINK_SOCK_DIAG = 4
REQ_BYTECODE = 1
BC_JMP, BC_S_EQ = 1, 11
_REQUEST = struct.Struct("=BBBxI48x")
_OP = struct.Struct("=BBH")
_MESSAGE = struct.Struct("=BBxx2s2s16s16s12x12xII")
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def tcp(states: Collection[int], ports: Collection[int] = ()) -> list[Socket]:
    """Return the TCP sockets in some states, with ``ports`` those with such a local port; raises ``OSError``.

    A kernel that cannot be asked is read in ``/proc/net`` instead, of which no more than ``sockets.TABLE_BYTES``.
    """
    chosen = sorted({port for port in ports if 0 < port < 1 << 16})
    if ports and not chosen:
        return []
    try:
        dumps = [_dump(family, states, chosen) for family in _FAMILIES]
    except OSError:
        return [sock for sock in sockets.read_table("tcp", ports=tuple(chosen)) if sock.state in states]
    if not all(whole for _, whole in dumps):
        raise OSError(f"cannot read the connections of this host: there are more than {MOST}")
    return [sock for content, _ in dumps for sock in parse(content)]


def parse(content: bytes) -> Iterator[Socket]:
    """Yield the sockets of a dump."""
    for kind, body in netlink.messages(content):
        if kind != SOCK_DIAG_BY_FAMILY or len(body) < _MESSAGE.size:
            continue
        family, state, port, peer_port, local, peer, uid, inode = _MESSAGE.unpack_from(body)
        if family in _FAMILIES:
            near, far = int.from_bytes(port, "big"), int.from_bytes(peer_port, "big")
            yield Socket("tcp", _text(family, local), near, _text(family, peer), far, state, inode, uid)


def _dump(family: int, states: Collection[int], ports: Sequence[int]) -> tuple[bytes, bool]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, sum(1 << state for state in states))
    if ports:
        code = filter_code(ports)
        request += struct.pack("=HH", 4 + len(code), REQ_BYTECODE) + code
    return netlink.dump(SOCK_DIAG_BY_FAMILY, request, NETLINK_SOCK_DIAG, MOST)


def filter_code(ports: Sequence[int]) -> bytes:
    """Return the kernel's filter for sockets with one of these local ports: a match jumps to the end."""
    code = b""
    for port in reversed(ports):
        matched = _OP.pack(BC_JMP, _OP.size, _OP.size + len(code)) if code else b""
        code = _OP.pack(BC_S_EQ, 2 * _OP.size, 3 * _OP.size) + _OP.pack(0, 0, port) + matched + code
    return code


@lru_cache(maxsize=4096)
def _text(family: int, raw: bytes) -> str:
    return canonical_ip(socket.inet_ntop(family, raw[: netlink.ADDRESS_BYTES[family]])) or ""
