"""The keys that ask: judge a reported event, put a question to the analyst, see what leaves, write the report."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from aegis_tui.acting.console import Console, Deed, inquire
from aegis_tui.acting.going import Ways
from aegis_tui.acting.seeing import Sight
from aegis_tui.acting.telling import LastLine
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.reading import Reading
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.story import answer, fenced
from engine.types import IncidentView, Passage, SourcedAnswer

EVENT_HINT = "2026/11/22 03:10 203.0.113.9:40000 192.0.2.1:443 name content    or one EVE JSON record"


class Questions:
    """Carries questions down to the engine and shows the answers."""

    def __init__(self, console: Console, sight: Sight, ways: Ways, last_line: LastLine) -> None:
        self._console = console
        self._sight = sight
        self._ways = ways
        self._last_line = last_line
        self.deeds = {
            "triage": Deed(self._ask_for_event, self._judge),
            "ask": Deed(self._ask_for_question, lambda words: self._answer(words, sight.incident_id())),
            "knowledge": Deed(take=self._search),
            "leaving": Deed(self._show_leaving),
            "report": Deed(self._write_report),
        }

    # --- reported events ---

    def _ask_for_event(self) -> None:
        """Ask for an event that another product reported, and have it judged."""
        question = "Judge a reported event: time source:port destination:port name content"
        self._console.push_screen(AskWords(question, EVENT_HINT), self._judge)

    def _judge(self, text: str | None) -> None:
        if not text:
            return
        from engine.sources.event import parse  # noqa: PLC0415 - only where an event is given

        try:
            event = parse(text)
        except ValueError as error:
            self._console.say(f"not an event: {foreign(str(error))}", "warn")
            return

        async def judged() -> None:
            view = await self._last_line.waited("the event is judged", self._console.engine.triage(event))
            self._ways.to_incident(view.incident.id)
            self._console.say(_verdict_of(view))

        inquire(self._console, judged, "cannot judge the event")

    # --- questions ---

    def _ask_for_question(self) -> None:
        """Ask for a question, about the incident on the screen or the knowledge base."""
        incident_id = self._sight.incident_id()
        about = f"about {incident_id}, or what the knowledge base holds" if incident_id else "to the knowledge base"
        hint = "who, when, which process, what should I do, was it blocked ..."
        self._console.push_screen(
            AskWords(f"A question {about}", hint), lambda text: self._answer(text or "", incident_id)
        )

    def _answer(self, question: str, incident_id: str) -> None:
        if not question:
            return

        async def answered() -> None:
            asked = self._console.engine.ask(question, incident_id)
            found: SourcedAnswer = await self._last_line.waited("the analyst looks it up", asked)
            self._console.push_screen(Reading(f"Answer by {foreign(found.analyst)}, esc closes", answer(found)))

        inquire(self._console, answered, "cannot answer")

    def _search(self, words: str) -> None:
        async def searched() -> None:
            found = await self._last_line.waited("the knowledge base is searched", self._console.engine.search(words))
            rows = [row for passage in found for row in _passage(passage)]
            nothing = [
                paragraph("Nothing fits. Other words, or `aegis-tui knowledge add FILE` for documents of yours.")
            ]
            self._console.push_screen(Reading(f"Knowledge: {foreign(words, 60)}, esc closes", rows or nothing))

        inquire(self._console, searched, "cannot search")

    # --- what leaves, and what is written ---

    def _show_leaving(self) -> None:
        """Show what the analyst would send to the endpoint about the incident."""
        incident_id = self._sight.incident_id()
        if not incident_id:
            self._sight.ask_for_incident(f"{key_of('leaving')} is about an incident")
            return

        async def shown() -> None:
            text = await self._console.engine.preview(incident_id)
            if text:
                self._console.push_screen(
                    Reading("What would leave this host first, esc closes", fenced(text, rows=400))
                )
            else:
                self._console.say("nothing leaves this host: no endpoint is configured")

        inquire(self._console, shown, "cannot say what would leave")

    def _write_report(self) -> None:
        """Write the report of the incident on the screen."""
        incident_id = self._sight.incident_id()
        if not incident_id:
            self._sight.ask_for_incident(f"{key_of('report')} is about an incident")
            return

        async def written() -> None:
            files = [PurePath(name) for name in await self._console.engine.save_report(incident_id)]
            others = " ".join(file.suffix for file in files[1:])
            also = f", also as {others} beside it" if others else ""
            # The live engine's folder is its user's alone.
            reader = "less" if self._console.engine.snapshot().status.mode in ("replay", "library") else "sudo less"
            self._console.say(f"report written{also}; to read it: {reader} {shlex.quote(foreign(str(files[0])))}")

        inquire(self._console, written, "cannot write the report")


def _passage(found: Passage) -> list[Paragraph]:
    head = paragraph(
        (f"{foreign(found.id, 40)} ", "bold"), foreign(found.title), (f"  {foreign(found.source)}", "dim"), indent=2
    )
    return [head, *fenced(found.text, rows=6), paragraph("")]


def _verdict_of(view: IncidentView) -> str:
    verdict = view.verdict
    return f"{view.incident.id}: {verdict.conclusion if verdict else 'no verdict yet'}"
