"""Opens the console over an engine."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.bridge import EngineView, Studio
from aegis_tui.commands.ending import run_to_end
from aegis_tui.commands.person import name_of_person
from aegis_tui.commands.settings import effective, keymap
from aegis_tui.commands.starting import loading
from aegis_tui.commands.terminal import in_browser, need_terminal
from aegis_tui.terminal.driver import HangUpDriver
from engine import config, paths
from engine.meanings import source

if TYPE_CHECKING:
    from engine.core import Engine
    from engine.replay import Replay


def run_console(
    engine: Engine | Replay,
    first_view: str = "overview",
    preferences: Preferences | None = None,
    studio: Studio | None = None,
) -> int:
    """Show the console until it is closed; the engine starts after the first paint."""
    need_terminal()
    return show(cast("EngineView", engine), partial(engine.run, stay=True), first_view, preferences, studio)


def show(
    engine: EngineView,
    start: Callable[[], Awaitable[None]],
    first_view: str = "overview",
    preferences: Preferences | None = None,
    studio: Studio | None = None,
) -> int:
    """Show the console over an engine of this process, or of a daemon, until it is closed."""
    with ExitStack() as undrawn:
        undrawn.enter_context(loading())

        async def drawn() -> None:
            undrawn.close()
            await start()

        wishes = preferences or preferences_of(effective(Namespace()))
        app = AegisApp(engine, drawn, first_view, preferences=wishes, studio=studio)
        if not in_browser():
            app.driver_class = HangUpDriver
        run_to_end(app.run_async)
    return app.return_code or 0


def preferences_of(found: config.Effective, state: Path | None = None) -> Preferences:
    """Return what a person set for the console; ``state`` is the folder that this process may write to.

    Raises:
        ValueError: the keys do not fit; the text names the file and the key.
    """
    chosen = found.settings
    source()  # read now: later this process may not read it, or another version lies there
    return Preferences(
        theme=chosen.theme,
        density=chosen.density,
        clipboard=chosen.clipboard,
        utc=chosen.utc,
        keymap=keymap(found),
        settings=tuple(config.shown(found)),
        person=name_of_person(),
        state=state or paths.user_state(),
    )
