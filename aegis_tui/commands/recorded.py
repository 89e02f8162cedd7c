"""What is on record as a plan to judge it again: captures, and stored incidents."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from functools import partial
from pathlib import Path

from engine import paths
from engine.config import Settings
from engine.intake import Intake, Reader
from engine.plainfile import read_plain
from engine.plan import Plan
from engine.stored import Stored, StoredInputs

HOST_SUFFIX = ".host.json"
"""Beside a capture: the watched host's addresses, and what it answered about sockets and processes."""
_HOST_BYTES = 64 << 20

SUFFIXES = frozenset({".pcap", ".pcapng", ".cap", ".dmp", ".trace"})


def captures(path: Path) -> list[Path]:
    """Return a capture, or those in a folder and below it.

    Raises:
        LookupError: there is none.
        PermissionError: it may not be read.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError as error:
        msg = f"there is no file {path}"
        raise LookupError(msg) from error
    except PermissionError as error:
        raise PermissionError(_closed(path)) from error
    need_readable(path)
    if not stat.S_ISDIR(kind):
        return [path]
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix.lower() in SUFFIXES)
    if not files:
        msg = f"there is no capture ({', '.join(sorted(SUFFIXES))}) in {path}"
        raise LookupError(msg)
    return files


def need_readable(path: Path) -> None:
    """Refuse what may not be read, with the way out."""
    if not os.access(path, os.R_OK):
        raise PermissionError(_closed(path))


def _closed(path: Path) -> str:
    words = f"cannot read {path}: permission denied"
    if os.geteuid() != 0 and not os.environ.get("SUDO_UID"):
        return words
    return f"{words}; root gives up its privileges to replay: run this as the file's owner, or give the file to root"


def plan_of_files(
    settings: Settings, files: list[Path], title: str, *, paced: bool = False, speed: float = 1.0,
    state: Path | None = None,
) -> Plan:  # fmt: skip
    """Return the plan of replaying captures; what lies beside a single one belongs to it.

    ``paced`` is for a console. ``state`` is the folder that this process may write to: the user's own by default.
    """
    from engine.agent.recorded import RecordedHost  # noqa: PLC0415 - light, but not needed to refuse a name

    state = state or paths.user_state()
    local_ips, answers = _host_beside(files[0]) if len(files) == 1 else ((), {})
    return Plan(
        source=title,
        title=title,
        open_readers=[partial(_open, file, settings, paced=paced) for file in files],
        settings=settings,
        database=state / "aegis.db",
        knowledge=state / "knowledge.db",
        lockstep=True,
        paced=paced,
        speed=speed,
        local_ips=local_ips,
        host=RecordedHost(answers),
    )


def _host_beside(file: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the addresses and the answers of the watched host, from a file as foreign as the capture itself.

    Raises:
        ValueError: it holds something else.
    """
    beside = file.with_name(file.stem + HOST_SUFFIX)
    if not beside.is_file():
        return (), {}
    text = read_plain(beside, _HOST_BYTES)
    try:
        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        msg = f"{beside}: not JSON: {error}"
        raise ValueError(msg) from error
    local = content.get("local", []) if isinstance(content, dict) else None
    answers = content.get("answers", {}) if isinstance(content, dict) else None
    if not (isinstance(local, list) and isinstance(answers, dict) and _are_texts([*local, *answers.values()])):
        msg = f"{beside}: not the record of a host: `local` is a list of addresses, `answers` a text for each question"
        raise ValueError(msg)
    return tuple(local), answers


def _are_texts(values: list[object]) -> bool:
    return all(isinstance(value, str) for value in values)


def _open(file: Path, settings: Settings, *, paced: bool) -> Reader:
    from engine.sources.pcapfile import PcapFile  # noqa: PLC0415 - loads libpcap

    shown = settings.flows_shown if paced else 0
    return Intake(PcapFile(file), max_flows=settings.max_flows, paced=paced, view_flows=shown)


def plan_of_incident(
    settings: Settings, stored: Stored, *, paced: bool = False, speed: float = 1.0, state: Path | None = None
) -> Plan:
    """Return the plan of replaying a stored incident, in a store that ends with it."""
    return Plan(
        source=stored.id,
        title=f"{stored.id} {stored.title}",
        open_readers=[partial(StoredInputs, stored.id, list(stored.inputs), stored.packets)],
        settings=replace(settings, dedup_window=stored.context.dedup_window_s),
        database=None,
        knowledge=(state or paths.user_state()) / "knowledge.db",
        lockstep=True,
        paced=paced,
        speed=speed,
        local_ips=stored.context.local_ips,
        only=stored.id,
        suppressions=stored.context.suppressions,
        recordings={stored.id: stored.recordings},
    )
