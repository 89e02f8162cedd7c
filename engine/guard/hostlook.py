"""What the guard tells of this host beside sockets and processes: read with its rights, parsed by nobody here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.guard import codec
from engine.guard.clock import Clock, RateLimit
from engine.host import loglines, persistence, programs, services
from engine.host.ip import canonical_ip
from engine.host.loglines import Lines
from engine.types import FileFacts, Finding, Persistence, Services

ROOM = codec.PACKET_BYTES - 4096
"""Bytes of a reply that a list may fill."""
JOURNALS_PER_MINUTE = 12
"""How often the journal is asked: each time the guard waits for it."""


class HostLook:
    """Answers the engine's questions about this host; nobody's answer is more than one packet."""

    def __init__(self, clock: Clock, root: Path = Path("/"), journal: Path | None = None) -> None:
        """Take the folder that stands for ``/``, and the program that reads the journal where no log is a file."""
        self._clock, self._root, self._journal = clock, root, journal
        self._asked = RateLimit(JOURNALS_PER_MINUTE)

    def services(self) -> Services:
        """Return what this host offers to the network."""
        return services.services()

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        """Return the facts of the file a process runs."""
        return programs.program_file(pid, start_time)

    def persistence(self) -> Persistence:
        """Return the places that start something by themselves and changed last."""
        return persistence.persistence(self._root)

    def log_lines(self, ip: str) -> Lines:
        """Return the newest lines of the login log that name an address; raises ``PermissionError`` for no address."""
        address = canonical_ip(ip)
        if address is None or address != ip:
            raise PermissionError("the log is searched for one address in its usual form")
        found = loglines.log_lines(address, self._root)
        if found.finding is not Finding.NOT_RECORDED or self._journal is None:
            return fitting(found)
        now = self._clock.boot_ns()
        if self._asked.full(now):
            words = f"the journal was asked {JOURNALS_PER_MINUTE} times this minute already"
            return Lines(Finding.NOT_PERMITTED, source="journal", detail=words)
        self._asked.count(now)
        return fitting(loglines.journal_lines(address, self._journal))


def fitting(found: Lines) -> Lines:
    """Return as many of the newest lines as one packet holds."""
    room, kept = ROOM, 0
    for line in reversed(found.lines):
        room -= codec.size(line) + 1
        if room < 0:
            break
        kept += 1
    left_out = len(found.lines) - kept
    return replace(found, lines=found.lines[left_out:], omitted=found.omitted + left_out)
