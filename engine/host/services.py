"""What this host offers to the network: its waiting sockets and the processes that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

from engine.host import procfs, sockdiag, sockets
from engine.host.sockets import Socket
from engine.types import Finding, Service, Services

MOST = 200
"""Most services told, the lowest ports first."""
LOOK_S = 1.0
"""After so long the search for the processes ends: any user may hold open more files than can be looked through."""


def services() -> Services:
    """Return the listening TCP and unconnected UDP sockets of this network namespace, with their processes."""
    try:
        waiting = [*sockdiag.tcp({sockets.TCP_LISTEN}), *_datagram()]
    except OSError as error:
        finding = Finding.NOT_PERMITTED if isinstance(error, PermissionError) else Finding.GONE
        return Services(finding, detail=f"cannot read the sockets of this host: {error.strerror or error}")
    places = {(sock.proto, sock.local_port, sock.local_ip): sock for sock in reversed(waiting)}
    chosen = [places[place] for place in sorted(places, key=lambda place: (place[1], place[0], place[2]))]
    owners = owners_of(sock.inode for sock in chosen[:MOST])
    notes = [f"{len(chosen) - MOST} more are not told"] if len(chosen) > MOST else []
    entries = tuple(_service(sock, owners.get(sock.inode, 0)) for sock in chosen[:MOST])
    notes += [] if all(entry.pid for entry in entries) else ["not every process can be seen"]
    return Services(Finding.FOUND, entries, "; ".join(notes))


def owners_of(inodes: Iterable[int], look_s: float = LOOK_S) -> dict[int, int]:
    """Return for each socket the first process that holds it, as far as processes may be asked.

    One look at every process serves all of them, and it ends where all are found, or the time is over.
    """
    wanted, found, until = set(inodes) - {0}, dict[int, int](), monotonic() + look_s
    for pid in procfs.pids():
        if not wanted or monotonic() >= until:
            break
        try:
            held = wanted & sockets.inodes(pid)
        except OSError:
            continue  # not permitted, or a process that ended
        found |= dict.fromkeys(held, pid)
        wanted -= held
    return found


def _datagram() -> list[Socket]:
    return [sock for sock in sockets.read_table("udp") if sock.peer_port == 0 and sock.local_port > 0]


def _service(sock: Socket, pid: int) -> Service:
    process = procfs.stat(pid) if pid else None
    return Service(sock.proto, sock.local_ip, sock.local_port, pid, process.comm if process else "")
