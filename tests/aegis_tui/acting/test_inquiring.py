"""Questions put at the console: events, questions, what leaves, reports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.incident import IncidentScreen
from aegis_tui.screens.reading import Reading
from aegis_tui.widgets.line import plain
from aegis_tui.widgets.pane import TextPane
from engine.types import Claim, IncidentView, Passage, ReportedEvent, SourcedAnswer
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, console, engine, settle, typed
from tests.aegis_tui.screens.test_block_dialog import text

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


async def test_a_report_that_is_asked_for_leaves_an_event_to_its_judge() -> None:
    judging = asyncio.Event()

    class Slow(Host):
        async def triage(self, event: ReportedEvent) -> IncidentView:
            await judging.wait()
            return await super().triage(event)

    fake = Slow(**vars(engine()))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await pilot.press("2", "t", *LINE, "enter", "r")
        while ("save_report", "INC-00000042") not in fake.asked:
            await pilot.pause(0.01)
        judging.set()
        await settle(pilot)
        assert fake.asked[-1] == ("triage", "203.0.113.9", "192.0.2.10", "Log4Shell-attempt")


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


FOLDER = "/var/lib/aegis/engine/reports/2026-11-22"
HOME = "/home/mary/.local/state/aegis/reports/2026-11-22"


@pytest.mark.parametrize(
    ("mode", "folder", "reader"), [("live", FOLDER, "sudo less"), ("monitor only", FOLDER, "sudo less"),
                                   ("replay", HOME, "less")]
)  # fmt: skip
async def test_the_notice_tells_the_whole_path_of_a_report_and_how_to_read_it_at_80_columns(
    mode: str, folder: str, reader: str
) -> None:
    fake = engine(scenario.snapshot(status=scenario.status(mode=mode)), reports=folder)
    async with console(fake, Clock()).run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        await settle(pilot)
        words = " ".join(text(pilot).split())
        assert f"also as .json .html beside it; to read it: {reader} {folder}/INC-00000042.md" in words


@pytest.mark.parametrize("key", ["2", "5"], ids=["incident", "health"])
async def test_enter_where_nothing_opens_says_so(key: str) -> None:
    async with console(clock=Clock()).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        pilot.app.screen.look_at(pilot.app.screen.query(TextPane).first())  # type: ignore[attr-defined]  # as above
        await pilot.press("enter")
        await settle(pilot)
        assert "nothing opens here: tab goes to the next pane" in text(pilot)


async def test_enter_on_an_empty_table_says_so() -> None:
    async with console(engine(scenario.quiet()), Clock()).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("3", "enter")
        await settle(pilot)
        assert "nothing opens here" in text(pilot)


@dataclass
class Slow(Host):
    """A host that answers when a test says so."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def search(self, query: str, k: int = 5, base: str = "") -> tuple[Passage, ...]:
        """Find nothing, in the end."""
        await self.ready.wait()
        return ()


async def test_what_takes_a_while_says_for_how_long_until_it_is_done() -> None:
    fake, clock = Slow(scenario.snapshot()), Clock()
    async with console(fake, clock).run_test(size=(120, 36)) as pilot:
        await pilot.press("colon", *"knowledge log4j", "enter")
        await pilot.pause()
        clock.at += 60  # far longer than a notice stays
        pilot.app.poll()  # type: ignore[attr-defined]  # the console's
        await pilot.pause()
        assert "the knowledge base is searched …" in text(pilot)
        fake.ready.set()
        await settle(pilot)
        assert isinstance(pilot.app.screen, Reading)
        await pilot.press("escape")
        assert "is searched" not in text(pilot)
        assert "enter open" in text(pilot)


async def test_a_question_and_an_event_need_no_second_field() -> None:
    fake = engine(answer_is=SourcedAnswer("what happened", (), (), analyst="playbook"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "ask what happened")
        assert isinstance(pilot.app.screen, Reading)
        await pilot.press("escape")
        await typed(pilot, "triage 2026/11/22 03:10 203.0.113.9:40000 192.0.2.1:443 scan many ports")
    assert fake.commands() == [
        ("ask", "what happened", "INC-00000042"),
        ("triage", "203.0.113.9", "192.0.2.1", "scan"),
    ]


async def test_what_the_knowledge_base_holds_is_shown_inert() -> None:
    passage = Passage("T1190", "Exploit\x1b[2J", "attack", "line one\nline \u202etwo", 0.9)
    fake = engine(answer_is=SourcedAnswer("", (), (passage,), "playbook"))
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await typed(pilot, "knowledge log4shell")
        shown = text(pilot)
    assert fake.commands() == [("search", "log4shell", 5, "")]
    assert "Exploit\\x1b[2J" in shown
    assert "\\u202etwo" in shown
    assert "\x1b" not in shown
