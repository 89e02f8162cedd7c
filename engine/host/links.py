"""Whether an interface of this host is up; needs no privilege, and answers for the network namespace it is asked in."""

from __future__ import annotations

import fcntl
import socket
import struct

_GET_FLAGS = 0x8913
_UP = 0x1


def is_up(iface: str) -> bool:
    """Whether there is an interface of this name that an administrator has set up, with a carrier or without."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asked:
        try:
            answer = fcntl.ioctl(asked, _GET_FLAGS, struct.pack("16sH14x", iface.encode()[:15], 0))
        except OSError:
            return False
    return bool(struct.unpack_from("H", answer, 16)[0] & _UP)
