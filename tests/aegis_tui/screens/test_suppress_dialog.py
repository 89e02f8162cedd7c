"""The dialog before a suppression: nothing is hidden by accident, and what would be is told first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from aegis_tui.screens.suppress_dialog import SuppressDialog
from aegis_tui.screens.suppress_facts import Subject, Wanted, merged, scopes, subject_of, suppress_facts
from aegis_tui.widgets.controls import Choice, Push
from aegis_tui.widgets.line import plain
from engine.types import Alert, Severity, Suppression, SuppressionPreview
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, LateClock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import press, text
from tests.engine.agent.report.hostile import HOSTILE

TARGET = "203.0.113.9/32"
LABEL = "log4shell.jndi"
SUPPRESS = ("enter", "enter")
"""From the reason to the button, and press it."""


@asynccontextmanager
async def opened(
    fake: Host, clock: Clock | None = None, keys: tuple[str, ...] = ("x",), size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Pilot[None]]:
    """Run the console with the dialog open."""
    async with console(fake, clock or LateClock()).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, *keys)
        assert isinstance(pilot.app.screen, SuppressDialog)
        yield pilot


def made(fake: Host) -> list[tuple[object, ...]]:
    """Return what the engine was told to suppress."""
    return [call[1:] for call in fake.asked if call[0] == "suppress"]


async def test_the_reason_has_the_focus_and_enters_hide_nothing_without_one() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        assert pilot.app.focused is pilot.app.screen.query_one("#reason")
        await press(pilot, "enter", "enter")
        assert pilot.app.focused is pilot.app.screen.query_one("#reason")
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, SuppressDialog)
    assert made(fake) == []


async def test_the_narrowest_rule_for_a_day_stands_first() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, *"our own scanner", *SUPPRESS)
        assert not isinstance(pilot.app.screen, SuppressDialog)
    assert made(fake) == [(TARGET, "", LABEL, "our own scanner", 86400.0)]


async def test_without_a_reason_nothing_is_hidden_and_it_says_why() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "enter")
        assert "Suppress is off: type the reason" in text(pilot)
        assert pilot.app.screen.query_one("#suppress", Push).off
    assert made(fake) == []


async def test_tab_goes_past_a_button_that_is_off() -> None:
    async with opened(engine()) as pilot:
        await press(pilot, "tab", "tab")
        assert pilot.app.focused is pilot.app.screen.query_one("#where")
        await press(pilot, "shift+tab")
        assert pilot.app.focused is pilot.app.screen.query_one("#cancel")


async def test_keys_that_come_too_soon_are_no_answer() -> None:
    fake, clock = engine(), Clock()
    async with console(fake, clock).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "x")
        clock.at += 0.29
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, SuppressDialog)
        clock.at += 0.02
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, SuppressDialog)


@pytest.mark.parametrize(
    ("where", "what", "scope"),
    [
        (0, 0, (TARGET, "", "")),
        (1, 0, ("203.0.113.0/24", "", "")),
        (0, 1, (TARGET, "", LABEL)),
        (2, 1, ("", "", LABEL)),
        (2, 2, ("", "rules", "")),
        (0, 2, (TARGET, "rules", "")),
    ],
    ids=["target", "prefix", "label of target", "label of any", "detector", "detector of target"],
)
async def test_every_scope_is_reached_by_keys(where: int, what: int, scope: tuple[str, str, str]) -> None:
    fake = engine()
    async with opened(fake) as pilot:
        # From Cancel over Suppress round to Where; What stands at the label.
        await press(pilot, "tab", "tab", *["right"] * where, "tab", "left", *["right"] * what, "tab", "tab")
        await press(pilot, *"why", *SUPPRESS)
    assert [call[:3] for call in made(fake)] == [scope]


@pytest.mark.parametrize(("steps", "ttl_s"), [(-1, 3600.0), (1, 604800.0), (2, 2592000.0), (3, 0.0)])
async def test_the_term_is_chosen_by_keys(steps: int, ttl_s: float) -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "up", *["right" if steps > 0 else "left"] * abs(steps), "tab", *"why", *SUPPRESS)
    assert [call[4] for call in made(fake)] == [ttl_s]


async def test_what_would_be_hidden_is_told_and_a_grave_one_in_words() -> None:
    async with opened(engine(), size=(120, 36)) as pilot:
        shown = text(pilot)
        assert "CAREFUL" in shown and "1 of them is HIGH or CRIT" in shown
        assert "1 alert (3 detections): 1 CRIT" in shown
        await press(pilot, "tab", "tab", "tab", "left")
        assert "2 alerts (4 detections): 1 CRIT, 1 HIGH" in text(pilot)
        assert "1 would not be there: INC-00000042" in text(pilot)


async def test_a_scope_that_is_none_is_refused_in_words() -> None:
    fake = engine()
    async with opened(fake) as pilot:
        await press(pilot, "tab", "tab", "right", "right", "tab", "left", "tab", "tab", *"why", *SUPPRESS)
        assert "a suppression needs a scope" in text(pilot)
    assert made(fake) == []


async def test_marked_rows_become_one_rule_each_and_that_is_said_before() -> None:
    fake = engine()
    async with opened(fake, keys=("m", "m", "x")) as pilot:
        assert "Make 1 suppression, for 2 marked rows?" in text(pilot)
        assert "198.51.100.7: no alert is known there" in text(pilot)
        await press(pilot, "tab", "tab", "tab", "left")
        assert "Make 2 suppressions, one for each of the 2 marked rows?" in text(pilot)
        await press(pilot, "tab", "tab", *"ours", *SUPPRESS)
    assert [call[:3] for call in made(fake)] == [(TARGET, "", ""), ("198.51.100.7/32", "", "")]


async def test_a_refusal_leaves_the_dialog_open_and_says_why() -> None:
    class Refusing(Host):
        async def suppress(self, *_: object) -> None:  # type: ignore[override]  # only the refusal matters
            raise PermissionError("ann on pts/1 decides\x1b[2J")

    fake = Refusing(scenario.snapshot(), views={"INC-00000042": scenario.incident_view()})
    async with opened(fake) as pilot:
        await press(pilot, *"why", *SUPPRESS)
        assert isinstance(pilot.app.screen, SuppressDialog)
        assert r"not suppressed: ann on pts/1 decides\x1b[2J" in text(pilot)


async def test_an_alert_row_is_about_its_own_finding() -> None:
    fake = engine()
    async with opened(fake, keys=("enter", "down", "x")) as pilot:
        assert pilot.app.screen.query_one("#what", Choice).options[1] == "payload.fetch"


async def test_a_flow_without_an_alert_names_its_address_alone() -> None:
    async with opened(engine(), keys=("shift+tab", "down", "x")) as pilot:
        assert pilot.app.screen.query_one("#what", Choice).options == ("anything",)
        assert "Suppress anything of 192.0.2.21/32?" in text(pilot)


async def test_a_prefix_is_typed_on_the_command_line() -> None:
    async with opened(engine(), keys=("colon", *":suppress 198.51.100.0/24"[1:], "enter")) as pilot:
        assert "Suppress anything of 198.51.100.0/24?" in text(pilot)


@pytest.mark.parametrize("hostile", [HOSTILE[0], HOSTILE[6], HOSTILE[8]], ids=["terminal", "bidi", "lines"])
async def test_a_hostile_label_stays_inert_and_is_passed_on_whole(hostile: str) -> None:
    alert = _labelled(hostile)
    fake = engine(views={"INC-00000042": scenario.incident_view(alerts=(alert,))})
    async with opened(fake, size=(120, 36)) as pilot:
        pilot.app.screen.query_one("#reason", Input).value = f"why {hostile}"
        await settle(pilot)
        assert all(strip.text.isprintable() for strip in pilot.app.screen._compositor.render_strips())
        await press(pilot, *SUPPRESS)
    assert [call[2] for call in made(fake)] == [hostile]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_label_can_draw_in_the_dialog(hostile: str) -> None:
    subject = subject_of(_labelled(hostile), [_labelled(f"x{hostile}")])
    rule = Suppression("S-1", "", "", hostile, hostile, hostile, 1.0, 0.0)
    seen = SuppressionPreview(1, 1, (), ((Severity.HIGH, 1),), 1.0, (hostile,))
    facts = suppress_facts([subject], Wanted("any", "label", 0.0), seen, "", [rule], 5.0)
    assert all(plain(fact.text.spans).isprintable() for fact in facts)


def test_a_row_without_an_alert_gets_no_wider_rule_than_was_asked_for() -> None:
    subjects = [Subject("203.0.113.9", "rules", "scan"), Subject("203.0.113.10"), Subject("203.0.113.11", "", "a*")]
    assert [scope.target for scope in scopes(subjects, Wanted("address", "label", 0.0))] == [TARGET]
    assert [scope.target for scope in scopes(subjects, Wanted("prefix", "anything", 0.0))] == ["203.0.113.0/24"]


def test_previews_of_several_rules_are_added_up() -> None:
    one = SuppressionPreview(1, 3, ("INC-1",), ((Severity.HIGH, 1),), 50.0)
    other = SuppressionPreview(2, 2, ("INC-1", "INC-2"), ((Severity.HIGH, 1), (Severity.LOW, 1)), 40.0)
    both = SuppressionPreview(3, 5, ("INC-1", "INC-2"), ((Severity.HIGH, 2), (Severity.LOW, 1)), 40.0)
    assert merged([one, other]) == both


def _labelled(label: str) -> Alert:
    found = scenario.alert()
    return replace(found, detection=replace(found.detection, label=label))
