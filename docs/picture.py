"""Draws ``docs/console.svg``: the demo as it stands when the proposal has come. Run from the project's folder."""

from __future__ import annotations

import argparse
import asyncio
from functools import partial
from pathlib import Path

from aegis_tui.app import AegisApp
from aegis_tui.commands.recorded import plan_of_files
from aegis_tui.commands.replay import DEMO
from aegis_tui.commands.settings import effective
from engine.core import Engine

PICTURE = Path(__file__).parent / "console.svg"
SIZE = (120, 36)


async def _draw() -> None:
    arguments = argparse.Namespace(headless=False, speed=2.0)
    engine = Engine(plan_of_files(effective(arguments).settings, [DEMO], DEMO.name, paced=not arguments.headless))
    app = AegisApp(engine, partial(engine.run, stay=True))
    async with app.run_test(size=SIZE) as pilot:
        await engine.finished.wait()
        await pilot.pause(2.0)
        PICTURE.write_text(app.export_screenshot(title="aegis-tui"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_draw())
