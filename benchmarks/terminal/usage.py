"""What a program costs: processor time and memory, of one process or of all that it started."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found = [pid]
    for member in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_s(pids: Iterable[int], *, with_ended: bool = False) -> float:
    """Return the processor time used so far, of all threads; if asked, of the children that ended as well."""
    used = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = _stat(Path(f"/proc/{pid}"))
            used += sum(int(field) for field in fields[11 : 15 if with_ended else 13])
    return used / TICKS


def rss_mb(pids: Iterable[int]) -> float:
    """Return the memory in use; what processes share counts for each of them."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            total += int(found[1]) if found else 0
    return total / 1024


def _parent(entry: Path) -> int:
    try:
        return int(_stat(entry)[1])
    except OSError:
        return 0


def _stat(entry: Path) -> list[str]:
    """Return the fields that follow the name, which may hold anything."""
    return (entry / "stat").read_text().rpartition(")")[2].split()
