"""How the link of an interface of this host is; needs no privilege, and answers for the network namespace it is in."""

from __future__ import annotations

import fcntl
import socket
import struct
from enum import StrEnum

_GET_FLAGS = 0x8913
_UP, _RUNNING = 0x1, 0x40


class Link(StrEnum):
    """Whether packets can come by an interface."""

    UP = "up"
    DOWN = "down"
    """An administrator took it down, or never set it up."""
    NO_CARRIER = "no carrier"
    """Set up, but nothing is at its other end: a cable that is out, a peer that is down."""
    GONE = "gone"
    """There is no interface of this name."""


def link(iface: str) -> Link:
    """Return how an interface's link is; raises ``OSError`` where that cannot be asked now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
        try:
            answer = fcntl.ioctl(asked, _GET_FLAGS, struct.pack("16sH14x", iface.encode()[:15], 0))
        except OSError:
            return Link.GONE
    flags = struct.unpack_from("H", answer, 16)[0]
    if not flags & _UP:
        return Link.DOWN
    return Link.UP if flags & _RUNNING else Link.NO_CARRIER


def is_up(iface: str) -> bool:
    """Whether there is an interface of this name that an administrator has set up, with a carrier or without."""
    return link(iface) in (Link.UP, Link.NO_CARRIER)
