"""Who sits at a process: user, login, terminal and SSH peer, found through sudo, su, tmux and screen."""

from __future__ import annotations

import os
import re
from pathlib import Path

from engine.host import procfs
from engine.types import Approver

MULTIPLEXERS = ("tmux", "screen", "SCREEN")
ACCOUNTS = Path("/etc/passwd")
_NAME = re.compile(r"[\w.][\w.-]{0,31}", re.ASCII)


def approver(pid: int) -> Approver:
    """Return the person behind a process as the kernel and its ancestors tell."""
    lineage = procfs.lineage(pid)
    environs = [procfs.environ(process.pid) for process in lineage]
    peers = ssh_peers(pid)
    return Approver(
        uid=procfs.uid(pid),
        login_uid=_login_uid(pid, environs),
        tty=tty_name(lineage[0].tty_nr) if lineage else "",
        ssh_peer=peers[0] if peers else "",
        command=_command(pid),
    )


def in_words(person: Approver) -> str:
    """Return who that is, as every record and screen tells it: ``root on pts/3 from 198.51.100.7``.

    Named is who logged in, whatever user they became since.
    """
    user = name_of(person.login_uid if person.login_uid >= 0 else person.uid)
    where = f" on {person.tty}" if person.tty else ""
    return f"{user}{where}{f' from {person.ssh_peer}' if person.ssh_peer else ''}"


def name_of(uid: int, accounts: Path = ACCOUNTS) -> str:
    """Return the name that this host's own file gives a user, else the number.

    Directories of users are not asked: one that does not answer would hold up the guard.
    """
    try:
        lines = accounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = (line.split(":") for line in lines)
    names = (fields[0] for fields in told if len(fields) > 2 and fields[2] == str(uid))
    name = next(names, "")
    return name if _NAME.fullmatch(name) else f"uid {uid}"


def ssh_peers(pid: int) -> tuple[str, ...]:
    """Return the far ends of the SSH sessions a process was started from, nearest first."""
    return tuple(dict.fromkeys(peer for peer, _ in ssh_sessions(pid) if peer))


def ssh_sessions(pid: int) -> tuple[tuple[str, int], ...]:
    """Return far end and local port of the SSH sessions a process was started from, nearest first.

    A process under tmux or screen descends from a server that may have been started in another
    session, so the sessions of every attached client of the same users count too.
    """
    lineage = procfs.lineage(pid)
    found = [_session(procfs.environ(process.pid)) for process in lineage]
    if any(process.comm.startswith(MULTIPLEXERS) for process in lineage):
        users = {procfs.uid(process.pid) for process in lineage}
        clients = (procfs.stat(other) for other in procfs.pids())
        for client in clients:
            if client is not None and client.comm.startswith(MULTIPLEXERS) and procfs.uid(client.pid) in users:
                found += [_session(procfs.environ(process.pid)) for process in procfs.lineage(client.pid)]
    return tuple(dict.fromkeys(session for session in found if session != ("", 0)))


def peer_of(environ: dict[str, str]) -> str:
    """Return the client's address of ``SSH_CONNECTION`` or ``SSH_CLIENT``, or empty."""
    return _session(environ)[0]


def _session(environ: dict[str, str]) -> tuple[str, int]:
    """Return the client's address, and this host's port, which both variables tell last."""
    fields = (environ.get("SSH_CONNECTION") or environ.get("SSH_CLIENT") or "").split()
    return (fields[0], procfs.number(fields[-1].encode())) if fields else ("", 0)


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


def _login_uid(pid: int, environs: list[dict[str, str]]) -> int:
    """The audit login id; without one, the user who called sudo."""
    login = procfs.login_uid(pid)
    if login >= 0:
        return login
    callers = (environ["SUDO_UID"] for environ in environs if environ.get("SUDO_UID", "").isdecimal())
    return procfs.number(next(callers, "-1").encode(), default=-1)


def _command(pid: int) -> str:
    try:
        return procfs.text(procfs.read(f"/proc/{pid}/cmdline", 256).replace(b"\0", b" ").strip())
    except OSError:
        return ""
