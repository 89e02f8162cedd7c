"""Another program at a database of ours: it opens it, writes, and closes it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_WRITE = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE from_elsewhere (found)")
db.close()
"""


def keeps_the_log_of(database: Path) -> bool:
    """Whether another program, done with a database, leaves the log that this process writes and reads it by.

    It takes the log away where no lock tells it that somebody else is there: what either writes then, the other
    never sees.
    """
    log = database.with_name(f"{database.name}-wal")
    before = log.stat().st_ino
    subprocess.run([sys.executable, "-I", "-c", _WRITE, database], check=True)
    return log.exists() and log.stat().st_ino == before
