"""Addresses from which a person is logged in now: a finished login, not a mere TCP connection."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from engine.host import procfs
from engine.host.addresses import canonical_ip

UTMP = Path("/run/utmp")
SESSIONS = Path("/run/systemd/sessions")
UTMP_RECORD = struct.Struct("=hxxi32s4s32s256s4xi8x16s20x")
USER_PROCESS = 7


def login_peers() -> frozenset[str]:
    """Return the remote ends of the logins recorded in utmp or by systemd-logind."""
    peers: set[str] = set()
    try:
        records = parse_utmp(procfs.read(str(UTMP), 1 << 20))
        peers |= {peer for pid, peer in records if procfs.stat(pid) is not None}
    except OSError:
        pass
    if SESSIONS.is_dir():
        for session in list(SESSIONS.iterdir())[:1024]:
            try:
                peers |= {peer for peer in (parse_session(procfs.read(str(session), 8192)),) if peer}
            except OSError:
                continue
    return frozenset(peers)


def parse_utmp(content: bytes) -> list[tuple[int, str]]:
    """Return ``(pid, peer)`` of each user's remote login."""
    whole = content[: len(content) - len(content) % UTMP_RECORD.size]
    found = []
    for kind, pid, _line, _id, _user, _host, _session, address in UTMP_RECORD.iter_unpack(whole):
        if kind != USER_PROCESS or not any(address):
            continue
        is_v4 = not any(address[4:])
        peer = socket.inet_ntop(socket.AF_INET, address[:4]) if is_v4 else socket.inet_ntop(socket.AF_INET6, address)
        found.append((pid, canonical_ip(peer) or peer))
    return found


def parse_session(content: bytes) -> str:
    """Return the remote address of a logind session that is open, or empty."""
    lines = dict(line.partition(b"=")[::2] for line in content.splitlines())
    if lines.get(b"STATE") == b"closing":
        return ""
    return canonical_ip(procfs.text(lines.get(b"REMOTE_HOST", b""), 64)) or ""
