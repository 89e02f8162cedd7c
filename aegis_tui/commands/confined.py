"""What a command does with root's privileges when it needs none of them: it gives them up."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def confine_to_home(arguments: argparse.Namespace) -> None:
    """Keep only what the owner of the state folder may do, before the first foreign byte is read."""
    if os.geteuid() != 0 or not getattr(arguments, "own_process", False):
        return
    from engine.privileges import confine  # noqa: PLC0415 - only root has any

    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home()).absolute()
    confine(owner_of(home / "aegis"))


def owner_of(folder: Path) -> int:
    """Return the first user on the way to a folder who is not root, and so decides where it leads; else root."""
    for step in (*reversed(folder.parents), folder):
        try:
            owner = step.lstat().st_uid
        except OSError:
            break
        if owner != 0:
            return owner
    return 0
