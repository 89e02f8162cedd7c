"""Who holds this host: a daemon that consoles can attach to, or a console that hosts its own engine."""

from __future__ import annotations

from typing import NamedTuple

from engine.attach.socket import SOCKET, peer, reach
from engine.guard.client import connect
from engine.host import people, procfs


class Holder(NamedTuple):
    """The process that holds the host."""

    pid: int
    words: str
    """Such as ``a daemon (PID 812)`` or ``a console of root on pts/3 (PID 812)``."""
    daemon: bool


def daemon_pid() -> int:
    """Return the process that consoles can attach to, 0 for none; needs root."""
    try:
        with reach(SOCKET) as sock:
            return peer(sock)[0]
    except OSError:
        return 0


def holder() -> Holder | None:
    """Return who holds this host, or ``None`` when nobody does; needs root."""
    if pid := daemon_pid():
        return Holder(pid, f"a daemon (PID {pid})", daemon=True)
    try:
        with connect() as guard:
            guard_pid = guard.hello().pid
    except OSError:
        return None
    found = procfs.stat(guard_pid)
    parent = found.ppid if found is not None else 0
    if parent <= 1:
        return Holder(guard_pid, f"a guard without a console (PID {guard_pid})", daemon=False)
    person = people.approver(parent)
    where = f"on {person.tty}" if person.tty else "without a terminal"
    from_where = f" from {person.ssh_peer}" if person.ssh_peer else ""
    return Holder(parent, f"an engine started {where}{from_where} (PID {parent})", daemon=False)
