"""Opens the console over an engine."""

from __future__ import annotations

from functools import partial

from aegis_tui.app import AegisApp
from engine.core import Engine


def run_console(engine: Engine, first_view: str = "overview") -> int:
    """Show the console until it is closed; the engine starts after the first paint."""
    app = AegisApp(engine, partial(engine.run, stay=True), first_view)
    app.run()
    return app.return_code or 0
