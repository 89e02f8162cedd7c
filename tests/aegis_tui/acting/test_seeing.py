"""What is selected, and what keys are about: only what the person sees."""

from __future__ import annotations

from aegis_tui.acting.seeing import Selection, Sight
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.blocks import BlocksScreen
from aegis_tui.screens.overview import Overview
from aegis_tui.widgets.rows import in_time, urgency
from tests.aegis_tui import scenario
from tests.aegis_tui.console import engine
from tests.aegis_tui.desk import Desk


def _sight() -> tuple[Desk, Sight]:
    desk = Desk()
    selection = Selection(desk)
    selection.choose("INC-00000042")
    return desk, Sight(desk, selection)


def test_before_the_first_view_and_under_a_dialog_nothing_is_seen() -> None:
    desk, sight = _sight()
    assert (sight.name(), sight.table(), sight.aim()) == ("", None, None)
    desk.screen_stack = [Overview(), Ask("Quit?", {})]
    assert (sight.view(), sight.incident_id()) == (None, "")


def test_the_selected_incident_is_seen_where_the_view_shows_it() -> None:
    desk, sight = _sight()
    desk.screen_stack = [Overview()]
    assert (sight.name(), sight.incident_id()) == ("overview", "INC-00000042")
    desk.screen_stack = [BlocksScreen()]
    assert (sight.name(), sight.incident_id()) == ("blocks", "")


def test_the_most_urgent_incident_is_selected_at_first() -> None:
    selection, night = Selection(Desk()), scenario.snapshot()
    selection.begin(night)
    assert selection.incident_id == min(night.incidents, key=urgency).id


async def test_an_incident_is_read_once_until_it_is_to_be_read_again() -> None:
    desk = Desk()
    selection = Selection(desk)
    selection.choose("INC-00000042")
    selection.load()
    selection.load()
    assert len(desk.begun) == 1
    await desk.done()
    assert selection.incident is not None
    selection.reread()
    selection.load()
    assert len(desk.begun) == 1
    await desk.done()


def test_after_the_last_alert_comes_the_first() -> None:
    desk = Desk()
    selection, alerts = Selection(desk), in_time(desk.engine.snapshot().alerts)
    selection.choose_alert(alerts[-1].id)
    selection.step(1)
    assert (selection.alert_id, selection.incident_id) == (alerts[0].id, alerts[0].incident_id)
    assert desk.said[-1].startswith(f"alert 1/{len(alerts)}: ")


def test_where_there_are_no_alerts_the_keys_say_so() -> None:
    desk = Desk(engine(scenario.snapshot(alerts=())))
    Selection(desk).step(1)
    assert desk.said == ["no alerts"]
