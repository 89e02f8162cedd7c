"""``token rotate`` and ``token show-path``: the key of the HTTP and MCP doors.

The live token belongs to the engine's user, who may be anyone's by now: root never touches it itself.
"""

from __future__ import annotations

import argparse
import os
import stat
from pathlib import Path

from aegis_tui.commands.confined import confine_to_home
from aegis_tui.commands.terminal import say
from engine import paths
from engine.edge import token

LIMIT_S = 5.0


def rotate(arguments: argparse.Namespace) -> int:
    """Make a new token; doors that are open ask for it from the next request on."""
    if _is_own(arguments):
        confine_to_home(arguments)
    path = _place(arguments)
    made = token.rotate(path) if _is_own(arguments) else _rotate_as_owner(path)
    print(made if arguments.print else path)
    return 0


def show_path(arguments: argparse.Namespace) -> int:
    """Say where the token lies."""
    if _is_own(arguments):
        confine_to_home(arguments)
    say(str(_place(arguments)))
    return 0


def _is_own(arguments: argparse.Namespace) -> bool:
    return os.geteuid() != 0 or arguments.own


def _place(arguments: argparse.Namespace) -> Path:
    if _is_own(arguments):
        return token.location(paths.user_state() / "aegis.db")
    if not paths.LIVE_DATABASE.parent.is_dir():
        msg = f"there is no {paths.LIVE_DATABASE.parent}: nothing was watched on this host yet (--own: root's own)"
        raise LookupError(msg)
    return token.location(paths.LIVE_DATABASE)


def _rotate_as_owner(path: Path) -> str:
    from engine.privileges import run_as  # noqa: PLC0415 - only root has any

    return run_as(_owner(path.parent), lambda: token.rotate(path).encode(), LIMIT_S).decode()


def _owner(folder: Path) -> int:
    """Return the user to become.

    Raises:
        PermissionError: the folder is none, or somebody else than root could have put it there.
    """
    found, above = folder.lstat(), folder.parent.stat()
    if not stat.S_ISDIR(found.st_mode) or above.st_uid != 0:
        msg = f"refusing {folder}: it is no folder that root made"
        raise PermissionError(msg)
    return found.st_uid
