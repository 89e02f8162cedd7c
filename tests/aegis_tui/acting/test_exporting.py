"""Files from the console: rows of a table in view or marked, and evidence packs."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from engine.text import escape
from engine.types import Snapshot
from tests.aegis_tui import scenario
from tests.aegis_tui.console import LateClock, engine, settle
from tests.aegis_tui.replayside import console, entry, taped
from tests.aegis_tui.screens.test_blocks_screen import ended, every_state
from tests.aegis_tui.widgets.test_safe import HOSTILE, harmless
from tests.fakes import FakeEngine


@asynccontextmanager
async def at(
    view: str, tmp_path: Path, *keys: str, fake: FakeEngine | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    app = AegisApp(fake or engine(), None, view, LateClock(), Preferences(state=tmp_path))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.poll()
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        yield pilot


def exported(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "exports").iterdir()
    return found


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(row) for row in exported(tmp_path).read_text().splitlines()]


def on_screen(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


def said(pilot: Pilot[None]) -> str:
    assert isinstance(pilot.app, AegisApp)
    return pilot.app.last_line.notices[-1][1]


@pytest.mark.parametrize(
    ("view", "tabs", "noun", "number"),
    [
        ("overview", 0, "incident", 2),
        ("blocks", 0, "block", 8),
        ("blocks", 1, "proposal", 1),
        ("blocks", 2, "block", 2),
        ("library", 0, "incident", 1),
    ],
)
async def test_every_table_writes_its_rows(tmp_path: Path, view: str, tabs: int, noun: str, number: int) -> None:
    fake = engine(scenario.snapshot(blocks=every_state()), ended=ended(), shelf=(entry(),))
    async with at(view, tmp_path, *["tab"] * tabs, "e", "j", "enter", fake=fake):
        pass
    assert [row["type"] for row in rows(tmp_path)] == [noun] * number
    assert exported(tmp_path).name.startswith(f"{noun}s-")


async def test_the_alerts_of_a_replay_are_rows(tmp_path: Path) -> None:
    async with at("replay", tmp_path, "e", "j", "enter", fake=engine(taped())):
        pass
    assert {row["type"] for row in rows(tmp_path)} == {"alert"}


async def test_rows_are_those_that_pass_the_filter_in_the_order_shown(tmp_path: Path) -> None:
    keys = ("slash", *"198.51.100.3 or 198.51.100.1", "enter", "s", "s", "S", "e", "j", "enter")
    async with at("blocks", tmp_path, *keys, fake=engine(scenario.snapshot(blocks=every_state()))):
        pass
    assert [row["prefix"] for row in rows(tmp_path)] == ["198.51.100.3/32", "198.51.100.1/32"]


async def test_marked_rows_are_written_instead_of_all(tmp_path: Path) -> None:
    fake = engine(scenario.snapshot(blocks=every_state()))
    async with at("blocks", tmp_path, "m", "down", "m", "e", fake=fake) as pilot:
        assert "2 marked blocks" in on_screen(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
    written = list(csv.DictReader(exported(tmp_path).read_text().splitlines()))
    assert [row["prefix"] for row in written] == ["203.0.113.9/32", "198.51.100.1/32"]


async def test_flows_bring_their_scores(tmp_path: Path) -> None:
    async with at("overview", tmp_path, "shift+tab", "colon", *"export rows", "enter", size=(80, 24)):
        pass
    found = rows(tmp_path)
    assert (len(found), found[0]["type"], found[0]["score"], "head" in found[0]) == (40, "flow", 0.998, False)


async def test_a_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    named = tmp_path / "night.csv"
    async with at("blocks", tmp_path, "colon", *f"export rows {named}", "enter") as pilot:
        assert named.stat().st_mode & 0o777 == 0o600
        named.write_text("kept")
        await pilot.press("colon", *f"export rows {named}", "enter")
        await settle(pilot)
        assert "File exists" in said(pilot)
    assert named.read_text() == "kept"


async def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").symlink_to(tmp_path / "elsewhere")
    async with at("blocks", tmp_path, "colon", *f"export rows {tmp_path}/rows.csv", "enter"):
        pass
    assert not (tmp_path / "elsewhere").exists()


async def test_an_incident_offers_its_pack_beside_the_rows(tmp_path: Path) -> None:
    async with at("overview", tmp_path, "e") as pilot:
        told = " ".join(on_screen(pilot).split())
    assert "2 incidents: j JSON lines c CSV Evidence pack of INC-00000042: f full r redacted esc" in told


@pytest.mark.parametrize("view", ["health", "suppressions"])
async def test_where_there_are_no_rows_e_says_what_it_writes(tmp_path: Path, view: str) -> None:
    async with at(view, tmp_path, "colon", *"export", "enter") as pilot:
        assert "writes the rows of a table" in said(pilot)
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize("form", ["j", "c"])
async def test_hostile_rows_are_inert_in_the_file(tmp_path: Path, form: str) -> None:
    flows = tuple(scenario.flow(n, name=text, app=text) for n, text in enumerate(HOSTILE))
    fake = engine(scenario.snapshot(flows=flows))
    async with at("overview", tmp_path, "shift+tab", "e", form, "enter", fake=fake) as pilot:
        assert harmless(on_screen(pilot).replace("\n", ""))
    written = exported(tmp_path).read_text().split("\n")
    assert [row for row in written if escape(row) != row] == []
    assert len(written) == len(HOSTILE) + (2 if form == "c" else 1)


async def test_rows_of_an_attached_console_that_lost_its_daemon_can_still_be_written(tmp_path: Path) -> None:
    lost: Snapshot = scenario.snapshot(status=replace(scenario.status(), consoles=1, stale_since=scenario.NOW - 9))
    async with at("blocks", tmp_path, "e", "j", "enter", fake=engine(lost)):
        pass
    assert len(rows(tmp_path)) == 1


# --- packs ---


@pytest.mark.parametrize(("key", "redacted"), [("f", False), ("r", True)])
async def test_a_pack_is_made_after_its_place_was_asked(key: str, redacted: bool) -> None:
    fake = engine(shelf=(entry(),))
    app = console(fake)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.poll()
        await pilot.press("e", key, *"/tmp", "enter")
        await settle(pilot)
        assert any("/packs/INC-00000042.zip" in words for _, words in app.last_line.notices)
    assert ("save_pack", "INC-00000042", "/tmp", redacted) in fake.asked


async def test_enter_alone_puts_a_pack_into_the_folder_of_packs() -> None:
    fake = engine(shelf=(entry(),))
    app = console(fake)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.poll()
        await pilot.press("e", "f", "enter")
        await settle(pilot)
    assert ("save_pack", "INC-00000042", "", False) in fake.asked


async def test_no_pack_is_made_when_the_person_changes_their_mind() -> None:
    fake = engine(shelf=(entry(),))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("e", "escape")
        await pilot.press("e", "f", "escape")
        await settle(pilot)
    assert not [call for call in fake.asked if call[0] == "save_pack"]
