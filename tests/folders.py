"""Folders of a test that other users of the host may enter."""

from __future__ import annotations

import tempfile
from pathlib import Path


def open_to_all(folder: Path) -> None:
    """Let every user into a test's folder: pytest closes what lies above it, and xdist has one floor more."""
    for above in (folder, *folder.parents):
        if above == Path(tempfile.gettempdir()) or above == above.parent:
            return
        above.chmod(0o755)
