"""Who sits at a process: user, login, terminal and SSH peer, found through sudo, su, tmux and screen."""

from __future__ import annotations

import os

from engine.host import procfs
from engine.types import Approver

UNSET_LOGIN = 0xFFFFFFFF
MULTIPLEXERS = ("tmux", "screen", "SCREEN")


def approver(pid: int) -> Approver:
    """Return the person behind a process as the kernel and its ancestors tell."""
    lineage = procfs.lineage(pid)
    environs = [procfs.environ(process.pid) for process in lineage]
    peers = ssh_peers(pid)
    return Approver(
        uid=_uid(pid),
        login_uid=_login_uid(pid, environs),
        tty=tty_name(lineage[0].tty_nr) if lineage else "",
        ssh_peer=peers[0] if peers else "",
        command=_command(pid),
    )


def ssh_peers(pid: int) -> tuple[str, ...]:
    """Return the far ends of the SSH sessions a process was started from, nearest first.

    A process under tmux or screen descends from a server that may have been started in another
    session, so the sessions of every attached client count too.
    """
    lineage = procfs.lineage(pid)
    peers = [peer_of(procfs.environ(process.pid)) for process in lineage]
    if any(process.comm.startswith(MULTIPLEXERS) for process in lineage):
        clients = (procfs.stat(other) for other in procfs.pids())
        for client in clients:
            if client is not None and client.comm.startswith(MULTIPLEXERS):
                peers += [peer_of(procfs.environ(process.pid)) for process in procfs.lineage(client.pid)]
    return tuple(dict.fromkeys(peer for peer in peers if peer))


def peer_of(environ: dict[str, str]) -> str:
    """Return the client's address of ``SSH_CONNECTION`` or ``SSH_CLIENT``, or empty."""
    fields = (environ.get("SSH_CONNECTION") or environ.get("SSH_CLIENT") or "").split()
    return fields[0] if fields else ""


def tty_name(tty_nr: int) -> str:
    """Return the terminal's name for its device number, empty for none."""
    major, minor = os.major(tty_nr & 0xFFFFFFFF), os.minor(tty_nr & 0xFFFFFFFF)
    if tty_nr == 0:
        return ""
    if 136 <= major <= 143:
        return f"pts/{(major - 136) * 256 + minor}"
    if major == 4:
        return f"tty{minor}" if minor < 64 else f"ttyS{minor - 64}"
    return f"tty {major}:{minor}"


def capable(pid: int) -> bool:
    """Return whether a process has any capability in effect."""
    try:
        return procfs.parse_capabilities(procfs.read(f"/proc/{pid}/status")) != 0
    except OSError:
        return False


def _uid(pid: int) -> int:
    try:
        return procfs.parse_uid(procfs.read(f"/proc/{pid}/status"))
    except OSError:
        return -1


def _login_uid(pid: int, environs: list[dict[str, str]]) -> int:
    """The audit login id, which survives sudo and su; without one, the user who called sudo."""
    try:
        login = procfs.number(procfs.read(f"/proc/{pid}/loginuid", 64).strip(), default=UNSET_LOGIN)
    except OSError:
        login = UNSET_LOGIN
    if login != UNSET_LOGIN:
        return login
    callers = (environ["SUDO_UID"] for environ in environs if environ.get("SUDO_UID", "").isdecimal())
    return procfs.number(next(callers, "-1").encode(), default=-1)


def _command(pid: int) -> str:
    try:
        return procfs.text(procfs.read(f"/proc/{pid}/cmdline", 256).replace(b"\0", b" ").strip())
    except OSError:
        return ""
