"""What a person makes of what was found: dispositions, notes, rules that end; by keys alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aegis_tui.app import AegisApp
from aegis_tui.screens.incident import IncidentScreen
from aegis_tui.screens.note import NoteDialog, Page
from aegis_tui.screens.suppressions import SuppressionsScreen
from aegis_tui.widgets.rows import incident_rows
from engine.core import Engine
from engine.types import Alert, Disposition, Incident, Suppression
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, LateClock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import press, text
from tests.engine.bench import Wire, assert_accounted, attack, live_plan, running
from tests.factories import ATTACKER

FALSE = Disposition.FALSE_POSITIVE
OTHER = "198.51.100.99"
HOSTILE = "x\x1b[2J\x1b]52;c;eA==\x07\u202egnp"
RULE = Suppression("S-00000001", f"{scenario.ATTACKER}/32", "rules", "scan", "ours", "ann", scenario.NOW - 60, 0.0, 7)


def told(fake: Host, name: str) -> list[tuple[object, ...]]:
    """Return what the engine was asked of one kind."""
    return [call[1:] for call in fake.asked if call[0] == name]


# --- dispositions ---


async def test_one_question_about_all_marked_incidents_names_how_many() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "m", "d")
        assert "2 incidents (203.0.113.9, 198.51.100.7):" in text(pilot)
        await press(pilot, "f")
    assert told(fake, "set_disposition") == [("INC-00000042", FALSE), ("INC-00000041", FALSE)]


async def test_a_disposition_can_be_typed() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "colon", *"disposition false", "enter")
        await press(pilot, "colon", *"disposition maybe", "enter")
    assert told(fake, "set_disposition") == [("INC-00000042", FALSE)]


async def test_another_key_judges_nothing() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "m", "m", "d", "y")
    assert told(fake, "set_disposition") == []


def test_a_disposition_shows_beside_what_is_done_about_the_incident() -> None:
    judged = tuple(replace(one, disposition=FALSE) for one in scenario.snapshot().incidents)
    shown = [row.cells[3].text for row in incident_rows(scenario.snapshot(incidents=judged))]
    assert shown == ["? proposal FP", "live 41m FP"]
    alone = [row.cells[3].text for row in incident_rows(scenario.snapshot(incidents=judged, proposals=(), blocks=()))]
    assert alone == ["false pos", "false pos"]


async def test_incidents_are_found_by_their_disposition() -> None:
    first, second = scenario.snapshot().incidents
    fake = engine(scenario.snapshot(incidents=(replace(first, disposition=FALSE), second)))
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "slash", *"state:false_positive", "enter")
        assert scenario.ATTACKER in text(pilot) and scenario.BRUTE not in text(pilot)


# --- notes ---


async def test_a_note_of_several_lines_is_stored_and_stands_in_the_timeline() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "o", *"asked", "enter", *"the owner", "tab", "enter")
        assert isinstance(pilot.app.screen, IncidentScreen)
        assert told(fake, "note") == [("INC-00000042", "asked\nthe owner")]
        assert "┆ the owner" in text(pilot)


async def test_esc_keeps_what_was_typed_for_the_next_time() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", *"half a", "escape", "o")
        assert isinstance(pilot.app.screen, NoteDialog)
        assert pilot.app.screen.text == "half a"
    assert told(fake, "note") == []


async def test_cancel_stands_behind_store_and_says_that_the_text_is_kept() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", *"half a", "tab", "tab", "enter")
        assert isinstance(pilot.app, AegisApp)
        assert "not stored; o brings the text back" in pilot.app.last_line.notices[-1][1]
    assert told(fake, "note") == []


async def test_an_empty_or_endless_note_is_not_stored() -> None:
    fake = engine()
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "o", "tab", "enter")
        assert isinstance(pilot.app.screen, NoteDialog)
        pilot.app.screen.query_one(Page).text = "a" * 4001
        await press(pilot, "enter")
        assert "1 too many" in text(pilot)
    assert told(fake, "note") == []


async def test_a_hostile_note_is_stored_as_it_is_and_shown_inert() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "o")
        pilot.app.screen.query_one(Page).text = HOSTILE
        await settle(pilot)
        assert all(strip.text.isprintable() for strip in pilot.app.screen._compositor.render_strips())
        await press(pilot, "tab", "enter")
        assert all(strip.text.isprintable() for strip in pilot.app.screen._compositor.render_strips())
    assert told(fake, "note") == [("INC-00000042", HOSTILE)]


# --- rules in force ---


async def test_u_ends_the_rule_of_the_row_after_a_question() -> None:
    fake = engine(rules=(RULE,))
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "X")
        assert isinstance(pilot.app.screen, SuppressionsScreen)
        await press(pilot, "u", "n")
        assert told(fake, "end_suppression") == []
        await press(pilot, "u", "y")
    assert told(fake, "end_suppression") == [("S-00000001",)]


async def test_marked_rules_end_together_and_an_ended_one_cannot() -> None:
    rules = (RULE, replace(RULE, id="S-00000002"), replace(RULE, id="S-00000003", ends_at=scenario.NOW - 1))
    fake = engine(rules=rules)
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "X", "end", "u")
        assert isinstance(pilot.app.screen, SuppressionsScreen)
        assert told(fake, "end_suppression") == []
        await press(pilot, "home", "m", "m", "u")
        assert "End 2 rules?" in text(pilot)
        await press(pilot, "y")
    assert told(fake, "end_suppression") == [("S-00000001",), ("S-00000002",)]


async def test_the_rules_tell_who_why_and_what_was_hidden_and_are_filtered() -> None:
    rules = (replace(RULE, by=HOSTILE, reason=HOSTILE, label=HOSTILE), replace(RULE, id="S-2", target="", ends_at=1.0))
    async with console(engine(rules=rules)).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "X")
        assert "Suppressions 1 in force" in text(pilot)
        assert all(strip.text.isprintable() for strip in pilot.app.screen._compositor.render_strips())
        await press(pilot, "slash", *"state:ended", "enter")
        assert "1 of 2" in text(pilot) and "S-2" in text(pilot)


async def test_a_replay_takes_no_rules_and_says_so() -> None:
    fake = engine(scenario.snapshot(status=scenario.status(mode="replay")))
    async with console(fake, Clock()).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "x")
        assert "a replay hides what was hidden when it was recorded" in text(pilot)


# --- the whole path ---


@pytest.mark.parametrize("ends", [False, True], ids=["in force", "ended"])
async def test_what_a_person_suppresses_raises_no_alert_until_the_rule_ends(tmp_path: Path, ends: bool) -> None:
    wire = Wire()
    async with running(live_plan(tmp_path, wire)) as at_work:
        wire.send(attack())
        incident = await at_work.hears(Incident)
        app = AegisApp(at_work.engine, monotonic=LateClock())
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            await press(pilot, "x", "tab", "tab", "tab", "left", "tab", "tab", *"our own scanner", "enter", "enter")
            [rule] = at_work.engine.suppressions()
            assert (rule.target, rule.reason) == (f"{ATTACKER}/32", "our own scanner")
            if ends:
                await press(pilot, "X", "u", "y")
        before = at_work.engine.counters()
        wire.send(attack())
        wire.send(attack(OTHER))
        await at_work.hears(Alert, lambda alert: alert.target_ip == OTHER)
        assert incident.target_ip == ATTACKER
    _assert_hidden(at_work.engine, before.suppressed, not ends)


def _assert_hidden(engine: Engine, before: int, hidden: bool) -> None:
    assert (engine.counters().suppressed > before) is hidden
    assert_accounted(engine)
