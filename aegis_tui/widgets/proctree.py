"""The processes behind an incident as a tree: whose the connection is, who started it, what it started.

Everything comes from recorded evidence. Names and arguments are the processes' own words: data, and shown inert.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from engine.types import Evidence, Finding

DEEPEST = 24
MOST = 200
"""Processes that are drawn."""
ROWS = 3
"""Rows that one process takes at most."""
WITHOUT = (
    "No process is known to be behind this incident: the analyst did not ask yet, was not permitted to, or nothing was"
    " recorded. Evidence says which."
)


@dataclass
class Process:
    """What all evidence together says about one process."""

    pid: int
    ppid: int = 0
    comm: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    """What was recorded of it: ``user exe exe_deleted cmdline unit``."""
    is_owner: bool = False
    """Whether the incident's connection was its own."""


def process_tree(items: Iterable[Evidence]) -> list[Paragraph]:
    """Return the processes of an incident, each below the one that started it."""
    known = gather(items)
    if not known:
        return [paragraph(WITHOUT)]
    rows = [_row(process, depth, last) for process, depth, last in _walk(known)]
    more = len(known) - len(rows)
    return [*rows, *([paragraph((f"and {more} more", "dim"))] if more > 0 else [])]


def gather(items: Iterable[Evidence]) -> dict[int, Process]:
    """Return the processes that evidence tells of, by PID; the first to say something of one is believed."""
    known: dict[int, Process] = {}
    for item in items:
        facts = _object(item.content)
        match item.kind:
            case "socket_owner":
                _add_owner(known, facts.get("owner", facts))
            case "process":
                _add_process(known, facts)
            case "process_tree":
                for member in _list(facts.get("members")):
                    _add(known, member)
    return known


def _add_owner(known: dict[int, Process], facts: Any) -> None:
    process = _add(known, facts)
    if process is not None:
        process.is_owner = True


def _add_process(known: dict[int, Process], facts: dict[str, Any]) -> None:
    if _add(known, facts) is None:
        return
    below = _whole(facts.get("pid"))
    for pid, comm in _named(facts.get("parents")):
        _merge(known, pid, comm=comm)
        _merge(known, below, ppid=pid)
        below = pid
    for pid, comm in _named(facts.get("children")):
        _merge(known, pid, ppid=_whole(facts.get("pid")), comm=comm)


def _add(known: dict[int, Process], facts: Any) -> Process | None:
    if (
        not isinstance(facts, dict)
        or facts.get("finding", Finding.FOUND) != Finding.FOUND
        or not _whole(facts.get("pid"))
    ):
        return None
    told = {name: facts[name] for name in ("user", "exe", "exe_deleted", "cmdline", "unit") if facts.get(name)}
    return _merge(known, _whole(facts["pid"]), _whole(facts.get("ppid")), str(facts.get("comm") or ""), told)


def _merge(
    known: dict[int, Process], pid: int, ppid: int = 0, comm: str = "", told: dict[str, Any] | None = None
) -> Process:
    process = known.setdefault(pid, Process(pid))
    process.ppid = process.ppid or ppid
    process.comm = process.comm or comm
    process.told = {**(told or {}), **process.told}
    return process


def _walk(known: dict[int, Process]) -> Iterator[tuple[Process, int, bool]]:
    """Yield process, depth and whether it is the last of its siblings; a record that runs in circles is cut open."""
    below: dict[int, list[Process]] = {}
    for process in sorted(known.values(), key=lambda one: one.pid):
        below.setdefault(process.ppid if process.ppid in known else 0, []).append(process)
    seen: set[int] = set()
    tops = [*below.get(0, []), *known.values()]
    stack = [(process, 0, True) for process in reversed(tops)]
    while stack and len(seen) < MOST:
        process, depth, last = stack.pop()
        if process.pid in seen:
            continue
        seen.add(process.pid)
        yield process, depth, last
        inner = [child for child in below.get(process.pid, []) if child.pid not in seen]
        stack += [(child, min(depth + 1, DEEPEST), child is inner[-1]) for child in reversed(inner)]


def _row(process: Process, depth: int, last: bool) -> Paragraph:
    told = process.told
    branch = f"{'   ' * (depth - 1)}{'└─ ' if last else '├─ '}" if depth else ""
    who = " ".join(foreign(str(told[name]), 60) for name in ("user", "unit") if told.get(name))
    gone = ("  DELETED FROM DISK", "danger") if told.get("exe_deleted") else ("", "")
    owns = ("  < owns the connection", "warn") if process.is_owner else ("", "")
    return paragraph(
        (branch, "dim"),
        (f"{process.pid} ", "dim"),
        (foreign(process.comm, 60) or _base(told) or "?", "bold"),
        owns,
        gone,
        (f"  {who}" if who else "", "dim"),
        f"  {_command(told)}" if _command(told) else "",
        indent=3 * depth + 2,
        max_rows=ROWS,
    )


def _command(told: dict[str, Any]) -> str:
    words = told.get("cmdline")
    line = " ".join(map(str, words)) if isinstance(words, list) else str(words or "")
    return foreign(line or str(told.get("exe") or ""), 300)


def _base(told: dict[str, Any]) -> str:
    return foreign(str(told.get("exe") or "").rpartition("/")[2], 60)


def _named(entries: Any) -> list[tuple[int, str]]:
    """Return PID and name of entries such as ``8977 sh``."""
    split = [str(entry).partition(" ") for entry in _list(entries)]
    return [(_whole(pid), comm) for pid, _, comm in split if _whole(pid)]


def _list(value: Any) -> Sequence[Any]:
    return value[:MOST] if isinstance(value, list) else []


def _whole(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0


def _object(content: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
