"""Opens the console over an engine."""

from __future__ import annotations

from functools import partial

from aegis_tui.app import AegisApp
from aegis_tui.commands.terminal import need_terminal
from aegis_tui.driver import HangUpDriver
from engine.core import Engine


def run_console(engine: Engine, first_view: str = "overview") -> int:
    """Show the console until it is closed; the engine starts after the first paint."""
    need_terminal()
    app = AegisApp(engine, partial(engine.run, stay=True), first_view)
    app.driver_class = HangUpDriver
    app.run()
    return app.return_code or 0
