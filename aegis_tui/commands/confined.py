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
    confine(next(folder for folder in (home / "aegis", home, *home.parents) if folder.exists()).stat().st_uid)
