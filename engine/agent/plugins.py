"""Loads the user's own tools: those that the settings name, once the program has given up its privileges.

A tool is an entry point of the group ``aegis_tui.tools`` or a file NAME.py in the tools folder
that holds a ``UserTool`` called ``TOOL``. docs/tools.md has a whole example.
"""

from __future__ import annotations

import os
import types
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from engine.agent.tools.catalogue import TOOLS
from engine.agent.tools.user import NAME, UserTool
from engine.ownership import read_own
from engine.types import Fault

GROUP = "aegis_tui.tools"
REMEDY = "correct the tool, its rights or the settings; the analyst goes on without it"

__all__ = ["UserTool", "load_user_tools"]


def load_user_tools(
    names: Sequence[str], folder: Path | None, now: float, status: Path = Path("/proc/self/status")
) -> tuple[list[UserTool], list[Fault]]:
    """Return the tools that were named, and a fault for each that cannot be used. Runs the users' code."""
    if not names:
        return [], []
    if _privileged(status):
        words = "cannot load the user's tools: this process still has privileges"
        return [], [Fault("tools", words, "start the program as it is meant to be, or as a plain user", now)]
    found: dict[str, UserTool] = {}
    faults = []
    for name in dict.fromkeys(names):
        try:
            tool = _load(name, folder)
            _check(name, tool)
        except (Exception, SystemExit) as error:  # the user's code: whatever it raises is one tool less
            faults.append(Fault("tools", f"cannot use the tool {name}: {type(error).__name__}: {error}", REMEDY, now))
        else:
            found[name] = tool
    return list(found.values()), faults


def _load(name: str, folder: Path | None) -> Any:
    """Return what a file or else an entry point of that name holds."""
    if not NAME.fullmatch(name):
        raise ValueError(f"a tool's name must match {NAME.pattern}")
    file = folder / f"{name}.py" if folder else None
    if file is not None and (file.exists() or file.is_symlink()):
        return _from_file(file)
    points = list(entry_points(group=GROUP, name=name))
    if not points:
        where = f"no {file} and " if file else ""
        raise LookupError(f"there is {where}no entry point of that name in the group {GROUP}")
    return points[0].load()


def _check(name: str, tool: Any) -> None:
    if not isinstance(tool, UserTool):
        raise TypeError(f"it holds a {type(tool).__name__}, no UserTool")
    if tool.name != name:
        raise ValueError(f"it calls itself {tool.name}")
    if name in TOOLS:
        raise ValueError("there is a tool of the program with that name")


def _from_file(file: Path) -> Any:
    """Run a file that nobody else can have written."""
    code = compile(read_own(file), str(file), "exec")
    module = types.ModuleType(f"aegis_tool_{file.stem}")
    module.__file__ = str(file)
    exec(code, module.__dict__)  # noqa: S102 - the settings name this file, and nobody else can write it
    return getattr(module, "TOOL", None)


def _privileged(status: Path) -> bool:
    """Say whether this process has any capability; where that cannot be read, root has."""
    try:
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
        return int(effective, 16) != 0
    except (OSError, StopIteration, IndexError, ValueError):
        return os.geteuid() == 0
