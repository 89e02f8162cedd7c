"""The program as a process of its own, to which this host's live state does not exist."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from engine import paths

LAUNCHER = """
import sys
from pathlib import Path
from engine import paths
paths.LIVE_STATE = Path(sys.argv.pop(1))
paths.LIVE_DATABASE = paths.LIVE_STATE / "engine" / "aegis.db"
from aegis_tui.cli import main
sys.exit(main())
"""


def launch(live: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end with the live engine's state in a folder of the test's, and return what it printed."""
    command = [sys.executable, "-c", LAUNCHER, str(live), *words]
    quiet: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": paths.ROOT}
    return subprocess.run(command, check=False, **(quiet | options))
