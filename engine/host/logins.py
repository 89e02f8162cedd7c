"""Addresses from which a person is logged in now: a finished login, not a mere TCP connection."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from engine.host import procfs, ssh
from engine.host.ip import canonical_ip, canonical_ips

UTMP = Path("/run/utmp")
SESSIONS = Path("/run/systemd/sessions")
UTMP_RECORD = struct.Struct("=hxxi32s4s32s256s4xi8x16s20x")
USER_PROCESS = 7
UTMP_BYTES = 1 << 20
MOST_SESSIONS = 1024


def login_peers(at: ssh.Look | None = None) -> frozenset[str]:
    """Return the remote ends of the logins in utmp, at systemd-logind and at the SSH servers; each ends at logout."""
    return frozenset((*_in_utmp(), *_at_logind(), *_over_ssh(at)))


def _in_utmp() -> list[str]:
    try:
        records = parse_utmp(procfs.read(str(UTMP), UTMP_BYTES))
    except OSError:
        return []
    return [peer for pid, peer in records if procfs.stat(pid) is not None]


def _at_logind() -> list[str]:
    found = []
    for path in sorted(SESSIONS.glob("*"))[:MOST_SESSIONS]:
        try:
            found.append(parse_session(procfs.read_plain(str(path), 8192)))
        except OSError:
            continue  # a session that just ended, or the pipe that belongs to one
    return [peer for peer in found if peer]


def _over_ssh(at: ssh.Look | None) -> tuple[str, ...]:
    try:
        return canonical_ips(session.peer for session in ssh.sessions(at))
    except OSError:
        return ()


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
