"""The console of ``aegis-tui attach`` as a program, at a guard and an engine whose sockets lie in a folder: no root.

``python -m tests.aegis_tui.consoleside FOLDER``
"""

from __future__ import annotations

import gc
import sys
from functools import partial
from pathlib import Path

from aegis_tui.acting.appearing import Preferences
from aegis_tui.attached.remote import RemoteEngine
from aegis_tui.attached.usher import ENGINE, GUARD, Usher
from aegis_tui.commands.console import show
from aegis_tui.commands.ending import leave
from engine.attach.socket import reach as reach_engine
from engine.guard.client import reach as reach_guard


def main() -> None:
    """Attach, and show the console until it is closed."""
    folder = Path(sys.argv[1])
    guard, attach = folder / "guard.sock", folder / "attach.sock"
    usher = Usher.start({GUARD: partial(reach_guard, guard), ENGINE: partial(reach_engine, attach)})
    engine = RemoteEngine(usher)
    gc.freeze()
    leave(show(engine, engine.run, preferences=Preferences()))


if __name__ == "__main__":
    main()
