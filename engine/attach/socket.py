"""The socket that consoles attach to: below root's own folder, so that only root can even reach it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from pathlib import Path

SOCKET = Path("/run/aegis/attach.sock")
BACKLOG = 16
REACH_S = 5.0


def listen(path: Path = SOCKET) -> socket.socket:
    """Return the listening socket; the caller's guard holds the host, so a file in the way is stale."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    old = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(old)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def reach(path: Path = SOCKET) -> socket.socket:
    """Return a connection to the engine that listens there; raises ``OSError``, also where a stranger listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    sock.settimeout(REACH_S)
    try:
        sock.connect(str(path))
        uid = peer(sock)[1]
        if uid not in (0, os.geteuid()):
            msg = f"refusing {path}: uid {uid} listens there, no engine that root started"
            raise PermissionError(msg)
    except OSError:
        sock.close()
        raise
    return sock


def peer(sock: socket.socket) -> tuple[int, int]:
    """Return process and user at the other end, as they were when it connected or began to listen."""
    pid, uid, _ = struct.unpack("=iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection at once, and read how it ended: of an error that nobody reads, the log would tell at length.

    Nothing is lost by it: what was sent before, the other end has.
    """
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
