"""The connections over which people manage this host: a block that cuts one has to revert by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from engine.host import people, sockets, ssh

MOST_PORTS = 8
"""Most SSH ports told: as many as the kernel program spares."""
MOST_FLOWS = 4096


class ManagementFlow(NamedTuple):
    """An established connection to this host that manages it."""

    peer: str
    words: str
    """What it is, such as ``SSH session root@pts/0 from 203.0.113.5``."""


def live_flows(ports: Collection[int] = (), at: ssh.Look | None = None) -> tuple[ManagementFlow, ...]:
    """Return the SSH sessions that are logged in and the connections to further ports; raises ``OSError``.

    A connection to an SSH port that did not log in is none: whoever guesses passwords has those.
    """
    seen = at or ssh.look(ports)
    found = [
        ManagementFlow(session.peer, " ".join(filter(None, ("SSH session", session.who, "from", session.peer))))
        for session in ssh.sessions(seen)
    ]
    wanted = set(ports) - {ssh.PORT, *(ssh.ports(seen) if ports else ())}
    for sock in seen.table if wanted else ():
        if sock.local_port in wanted and sock.state == sockets.TCP_ESTABLISHED:
            words = f"connection to management port {sock.local_port} from {sock.peer_ip}"
            found.append(ManagementFlow(sock.peer_ip, words))
    return tuple(dict.fromkeys(found))[:MOST_FLOWS]


def ssh_ports(pid: int, at: ssh.Look | None = None) -> tuple[int, ...]:
    """Return the ports of this host's SSH servers, at most ``MOST_PORTS``; raises ``OSError``.

    First those over which the process was reached, then the one that SSH is known by, then those listened on.
    """
    reached = (port for _, port in people.ssh_sessions(pid) if 0 < port < 65536)
    return tuple(dict.fromkeys((*reached, ssh.PORT, *ssh.ports(at))))[:MOST_PORTS]
