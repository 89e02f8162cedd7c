"""Finds the process behind a five-tuple in the kernel's socket tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from engine.host import procfs
from engine.host.ip import canonical_ip
from engine.types import Finding, FiveTuple, SocketOwner

TABLE_BYTES = 1 << 24
"""Most bytes read of one socket table, about 100,000 sockets."""
TABLES = {"tcp": ("tcp", "tcp6"), "udp": ("udp", "udp6")}
TCP_ESTABLISHED, TCP_LISTEN = 1, 10
WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound to
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
}


class Socket(NamedTuple):
    """One line of a socket table."""

    proto: str
    local_ip: str
    local_port: int
    peer_ip: str
    peer_port: int
    state: int
    inode: int
    uid: int = -1
    """The user who made it."""

    def __str__(self) -> str:
        state = STATES.get(self.state, str(self.state))
        return f"{self.proto} {self.local_ip}:{self.local_port} -> {self.peer_ip}:{self.peer_port} {state}"


def find_owner(five_tuple: FiveTuple) -> SocketOwner:
    """Return the process at this host's end of a flow; the server's when both ends are here.

    A connection that is gone already is answered with the process that listens on its local port,
    marked ``listener``: for an incoming connection that is who accepted it.
    """
    if five_tuple.proto not in TABLES:
        return SocketOwner(Finding.GONE, detail=f"{five_tuple.proto} has no socket with ports")
    source = (canonical_ip(five_tuple.src_ip) or "", five_tuple.src_port)
    destination = (canonical_ip(five_tuple.dst_ip) or "", five_tuple.dst_port)
    try:
        table = list(read_table(five_tuple.proto, ports=(source[1], destination[1])))
    except OSError as error:
        return _unreadable(error)
    exact = [_exact(table, destination, source), _exact(table, source, destination)]
    owners = [_holder(sock, youngest=True) for sock in exact if sock is not None]
    for owner in owners:
        if owner.finding is Finding.FOUND:
            return owner
    for end in (destination, source):
        listener = _listener(table, end)
        if listener is not None and (owner := _holder(listener, youngest=False)).finding is not Finding.GONE:
            return SocketOwner(owner.finding, owner.pid, owner.start_time, owner.comm, _join("listener", owner.detail))
    return owners[0] if owners else SocketOwner(Finding.GONE, detail="no socket has this five-tuple any more")


def read_table(proto: str, folder: str = "/proc/net", ports: tuple[int, ...] = ()) -> Iterator[Socket]:
    """Yield the sockets of a protocol, both families; raises ``OSError``."""
    for name in TABLES[proto]:
        try:
            content = procfs.read(f"{folder}/{name}", TABLE_BYTES)
        except FileNotFoundError:
            continue  # a kernel without IPv6
        yield from parse_table(proto, content, ports)


def parse_table(proto: str, content: bytes, ports: tuple[int, ...] = ()) -> Iterator[Socket]:
    """Yield the sockets of ``/proc/net/{tcp,udp}[6]``, with ``ports`` those with such a local port."""
    wanted = [b":%04X " % port for port in ports if 0 <= port <= 65535]
    for line in content.splitlines():
        if ports and not any(port in line for port in wanted):
            continue
        fields = line.split(maxsplit=10)
        if len(fields) < 10:
            continue
        local, peer = parse_end(fields[1]), parse_end(fields[2])
        if local and peer and (not ports or local[1] in ports):
            state, uid, inode = procfs.number(fields[3], 16), procfs.number(fields[7], default=-1), fields[9]
            yield Socket(proto, *local, *peer, state, procfs.number(inode), uid)


def parse_end(content: bytes) -> tuple[str, int] | None:
    """Return address and port of a table's ``0100007F:1F90``; the words are in the host's byte order."""
    address, _, port = content.partition(b":")
    try:
        raw = bytes.fromhex(address.decode("ascii"))
    except ValueError:
        return None
    if len(raw) not in (4, 16) or len(port) != 4:
        return None
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return canonical_ip(str(ip_address(raw))) or "", procfs.number(port, 16, default=-1)


def holders(inode: int) -> tuple[list[int], bool]:
    """Return the processes that hold a socket, lowest first, and whether some could not be asked."""
    link, found, hidden = f"socket:[{inode}]", [], False
    for pid in procfs.pids():
        try:
            if link in descriptors(pid):
                found.append(pid)
        except PermissionError:
            hidden = True
        except OSError:
            continue
    return found, hidden


def descriptors(pid: int, limit: int = 65536) -> set[str]:
    """Return what a process's descriptors point at; raises ``OSError``."""
    links = set()
    for entry in os.listdir(f"/proc/{pid}/fd")[:limit]:  # noqa: PTH208 - iterdir builds a Path per descriptor
        try:
            links.add(os.readlink(f"/proc/{pid}/fd/{entry}"))  # noqa: PTH115 - as above
        except OSError:
            continue
    return links


def inodes(pid: int, limit: int = 65536) -> frozenset[int]:
    """Return the numbers of a process's sockets, of every network namespace; raises ``OSError``."""
    links = (link for link in descriptors(pid, limit) if link.startswith("socket:["))
    return frozenset(procfs.number(link[8:-1].encode()) for link in links)


def sockets_of(pid: int, limit: int = 64) -> tuple[str, ...]:
    """Return a process's sockets in its own network namespace, one line each; raises ``OSError``."""
    links = descriptors(pid)
    if not any(link.startswith("socket:") for link in links) or not Path(f"/proc/{pid}/net/tcp").exists():
        return ()
    every = (sock for proto in TABLES for sock in read_table(proto, f"/proc/{pid}/net"))
    return tuple(str(sock) for sock in every if f"socket:[{sock.inode}]" in links)[:limit]


def _exact(table: list[Socket], local: tuple[str, int], peer: tuple[str, int]) -> Socket | None:
    for sock in table:
        if (sock.local_ip, sock.local_port, sock.peer_ip, sock.peer_port) == (*local, *peer):
            return sock
    return None


def _listener(table: list[Socket], local: tuple[str, int]) -> Socket | None:
    """The listening TCP or unconnected UDP socket; one bound to the address wins over a wildcard."""
    for addresses in ((local[0],), WILDCARDS):
        for sock in table:
            waits = sock.state == TCP_LISTEN if sock.proto == "tcp" else sock.peer_port == 0
            if waits and sock.local_port == local[1] and sock.local_ip in addresses:
                return sock
    return None


def _holder(sock: Socket, youngest: bool) -> SocketOwner:
    """A connection inherited over fork belongs to the youngest process, a listener to the oldest."""
    if sock.inode == 0:
        return SocketOwner(Finding.GONE, detail=f"the connection is closed ({STATES.get(sock.state, '?')})")
    found, hidden = holders(sock.inode)
    stats = sorted((stat for pid in found if (stat := procfs.stat(pid))), key=lambda stat: stat.start_ticks)
    if not stats:
        finding = Finding.NOT_PERMITTED if hidden else Finding.GONE
        return SocketOwner(finding, detail="no process that may be seen holds this socket")
    owner = stats[-1 if youngest else 0]
    others = f"also held by {len(stats) - 1} more" if len(stats) > 1 else ""
    return SocketOwner(Finding.FOUND, owner.pid, procfs.start_time(owner.start_ticks), owner.comm, others)


def _unreadable(error: OSError) -> SocketOwner:
    finding = Finding.NOT_PERMITTED if isinstance(error, PermissionError) else Finding.GONE
    return SocketOwner(finding, detail=f"cannot read the socket tables: {error.strerror}")


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
