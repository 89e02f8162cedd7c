"""Questions put at the console: events, questions, what leaves, reports."""

from __future__ import annotations

import pytest

from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.incident import IncidentScreen
from aegis_tui.screens.reading import Reading
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import TextPane
from engine.types import Claim, Passage, SourcedAnswer
from tests.aegis_tui.console import console, engine, settle

ANSWER = SourcedAnswer(
    "who was it?",
    (
        Claim("203.0.113.9 sent the exploit.", ("E-0123456789",), (), supported=True),
        Claim("It was the moon.", ("E-9999999999",), (), supported=False),
    ),
    (Passage("T1190", "Exploit Public-Facing Application", "...", "MITRE ATT&CK", 0.9),),
    "some-model",
    "I am \x1b[2Jsure.",
)
LINE = "2026/11/22 03:10 203.0.113.9:40000 192.0.2.10:443  Log4Shell-attempt jndi in a header"


async def test_a_reported_event_is_judged_and_its_incident_shown() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("t")
        assert isinstance(pilot.app.screen, AskWords)
        await pilot.press(*LINE, "enter")
        await settle(pilot)
        assert fake.asked[-1] == ("triage", "203.0.113.9", "192.0.2.10", "Log4Shell-attempt")
        assert isinstance(pilot.app.screen, IncidentScreen)


async def test_a_line_that_is_no_event_is_told_and_not_judged() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("t", *"hello", "enter")
        await settle(pilot)
        assert not [call for call in fake.asked if call[0] == "triage"]


async def test_an_answer_names_its_sources_and_marks_what_has_none() -> None:
    fake = engine(answer_is=ANSWER)
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("2", "i", *"who was it?", "enter")
        await settle(pilot)
        assert fake.asked[-1] == ("ask", "who was it?", "INC-00000042")
        assert isinstance(pilot.app.screen, Reading)
        shown = "\n".join(map(plain, pilot.app.screen.query_one(TextPane).lines))
        assert "E-0123456789" in shown
        assert "unsupported" in shown
        assert "not checked" in shown
        assert "\x1b" not in shown
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, IncidentScreen)


async def test_a_question_that_cannot_be_answered_says_why() -> None:
    async with console(engine()).run_test(size=(120, 36)) as pilot:
        await pilot.press("i", *"why", "enter")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Reading)


@pytest.mark.parametrize(("leaving", "is_shown"), [("", False), ("Incident INC-1 \x1b]52;c;eA==\x07", True)])
async def test_what_would_leave_the_host_can_be_read_before_it_leaves(leaving: str, is_shown: bool) -> None:
    fake = engine(leaving=leaving)
    async with console(fake).run_test(size=(80, 24)) as pilot:
        await pilot.press("2", "w")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Reading) is is_shown


async def test_the_report_is_written_from_the_incident_screen() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("2", "r")
        await settle(pilot)
        assert fake.asked[-1] == ("save_report", "INC-00000042")
