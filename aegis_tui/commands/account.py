"""The tokens of the day, for a command that asks an endpoint itself: counted with those of the engine beside it."""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aegis_tui.commands.terminal import say
from engine.config import Settings

if TYPE_CHECKING:
    from engine.agent.spending import Ledger


def ledger_of(settings: Settings, state: Path) -> Ledger:
    """Return the ledger that goes on with what the database of a state folder says, and adds to it.

    Without a database it begins with nothing, and keeps nothing.
    """
    from engine.agent.spending import Ledger, day_of  # noqa: PLC0415 - only where an endpoint may be asked
    from engine.store.tally import add_spending, spent  # noqa: PLC0415

    file = state / "aegis.db"

    def note(day: str, model: str, tokens_in: int, tokens_out: int) -> None:
        if file.is_file():
            try:
                add_spending(file, day, model, tokens_in, tokens_out)
            except (sqlite3.Error, ValueError) as error:
                say(f"aegis-tui: cannot add what was spent to {file}: {error}", sys.stderr)

    ledger = Ledger(settings.tokens_per_day, settings.price_in, settings.price_out, note)
    day = day_of(time.time())
    try:
        ledger.restore(day, spent(file, day) if file.is_file() else ())
    except (sqlite3.Error, ValueError) as error:
        say(f"aegis-tui: cannot read what was spent today from {file}: {error}", sys.stderr)
    return ledger
