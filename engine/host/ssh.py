"""The SSH servers of this host, and who finished logging in to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from engine.host import procfs, sockdiag, sockets

PORT = 22
COMMS = ("sshd", "dropbear")
"""Names of SSH servers; OpenSSH calls the process of one connection ``sshd-session`` since 9.8."""
MOST_PROCESSES = 2048
"""Most processes of SSH servers looked at: each connection has up to two."""
DESCRIPTORS = 1024
"""Most descriptors looked at of each."""
TITLE = re.compile(rb"sshd(-session)?: (?P<user>[^\0\[\]]*[^\0\[\]\s])\s*\0*")
"""What sshd calls itself once the login is finished; before, there is ``[accepted]``, ``[net]`` or ``[priv]`` in it."""


class Session(NamedTuple):
    """An SSH connection whose user proved who they are."""

    peer: str
    port: int
    """This host's."""
    who: str
    """User and terminals as sshd tells them, or empty."""


class Process(NamedTuple):
    """One process of an SSH server."""

    pid: int
    parent: int
    uid: int
    login_uid: int
    title: bytes
    inodes: frozenset[int]
    """Its sockets."""


class Look(NamedTuple):
    """The processes of the SSH servers, and the TCP sockets that listen or are connected to them, at one moment."""

    processes: tuple[Process, ...]
    table: tuple[sockets.Socket, ...]


def look(ports: Collection[int] = ()) -> Look:
    """Look at this host now, also at the connections to further local ports; raises ``OSError``.

    Whoever opens many connections to another port does not make this slower.
    """
    processes, listening = tuple(_processes()), sockdiag.tcp({sockets.TCP_LISTEN})
    wanted = {PORT, *_ports(processes, listening), *ports}
    return Look(processes, (*listening, *sockdiag.tcp({sockets.TCP_ESTABLISHED}, wanted)))


def ports(at: Look | None = None) -> tuple[int, ...]:
    """Return the ports that root's SSH servers listen on, lowest first; raises ``OSError``."""
    return _ports(*(at or look()))


def sessions(at: Look | None = None) -> tuple[Session, ...]:
    """Return the SSH sessions whose login is finished; raises ``OSError``.

    A connection that is still to log in has processes too, so a process counts only when sshd says in its title
    that the login is finished, or when the login set its audit login id, which the listener then does not have.
    """
    processes, table = at or look()
    listening = {PORT, *_ports(processes, table)}
    connections = {
        sock.inode: sock for sock in table if sock.state == sockets.TCP_ESTABLISHED and sock.local_port in listening
    }
    logins = {process.pid: process.login_uid for process in processes}
    found: dict[int, str] = {}
    for process in processes:
        who = logged_in(process.title)
        set_by_login = process.login_uid >= 0 and logins.get(process.parent, process.login_uid) < 0
        if who or set_by_login:
            found |= {inode: who or found.get(inode, "") for inode in process.inodes & connections.keys()}
    return tuple(
        Session(connections[inode].peer_ip, connections[inode].local_port, who) for inode, who in found.items()
    )


def logged_in(title: bytes) -> str:
    """Return ``user@terminals`` of a process that sshd named after a finished login, else empty."""
    match = TITLE.fullmatch(title)
    return procfs.text(match["user"], 64) if match else ""


def _ports(processes: Sequence[Process], table: Sequence[sockets.Socket]) -> tuple[int, ...]:
    """Those of root alone: any local user could name a program sshd."""
    inodes = {inode for process in processes if process.uid == 0 for inode in process.inodes}
    listening = (sock for sock in table if sock.state == sockets.TCP_LISTEN and sock.inode in inodes)
    return tuple(sorted({sock.local_port for sock in listening}))


def _processes() -> Iterator[Process]:
    left = MOST_PROCESSES
    for pid in procfs.pids():
        process = procfs.stat(pid)
        if process is None or not process.comm.startswith(COMMS):
            continue
        left -= 1
        if left < 0:
            return
        try:
            title = procfs.read(f"/proc/{pid}/cmdline", 256)
            inodes = sockets.inodes(pid, DESCRIPTORS)
        except OSError:
            continue
        yield Process(pid, process.ppid, procfs.uid(pid), procfs.login_uid(pid), title, inodes)
