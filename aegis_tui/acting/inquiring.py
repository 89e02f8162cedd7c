"""The keys that ask: judge a reported event, put a question to the analyst, see what leaves, write the report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import TypeVar

from aegis_tui.acting.attaching import AttachingApp
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.keymap import screen_of
from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.reading import Reading
from aegis_tui.widgets.line import line
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.story import answer, fenced
from aegis_tui.widgets.words import span
from engine.types import IncidentView, SourcedAnswer

_T = TypeVar("_T")
EVENT_HINT = "2026/11/22 03:10 203.0.113.9:40000 192.0.2.1:443 name content    or one EVE JSON record"


class InquiringApp(AttachingApp):
    """The part of the console that carries questions down to the engine and shows the answers."""

    def show_incident(self, incident_id: str) -> None:
        """Look at an incident."""

    def chosen_incident(self) -> str:
        """Return the id of the incident that the person sees, or an empty text."""
        return ""

    def ask_for_incident(self, why: str) -> None:
        """Say where to choose an incident, and why one is wanted."""
        self.say(f"{why}: choose one on {screen_of('overview', 'incident')}")

    # --- reported events ---

    def action_triage(self) -> None:
        """Ask for an event that another product reported, and have it judged."""
        question = "Judge a reported event: time source:port destination:port name content"
        self.push_screen(AskWords(question, EVENT_HINT), self._given_event)

    def _given_event(self, text: str | None) -> None:
        if not text:
            return
        from engine.sources.event import parse  # noqa: PLC0415 - only where an event is given

        try:
            event = parse(text)
        except ValueError as error:
            self.say(f"not an event: {foreign(str(error))}", "warn")
            return

        async def judged() -> None:
            view = await self.waited("the event is judged", self.engine.triage(event))
            self.show_incident(view.incident.id)
            self.say(_verdict_of(view))

        self._inquire(judged, "cannot judge the event")

    # --- questions ---

    def action_question(self) -> None:
        """Ask for a question, about the incident on the screen or the knowledge base."""
        incident_id = self.chosen_incident()
        about = f"about {incident_id}, or what the knowledge base holds" if incident_id else "to the knowledge base"
        hint = "who, when, which process, what should I do, was it blocked ..."
        self.push_screen(
            AskWords(f"A question {about}", hint), lambda text: self._given_question(text or "", incident_id)
        )

    def _given_question(self, question: str, incident_id: str) -> None:
        if not question:
            return

        async def answered() -> None:
            asked = self.engine.ask(question, incident_id)
            found: SourcedAnswer = await self.waited("the analyst looks it up", asked)
            self.push_screen(Reading(f"Answer by {foreign(found.analyst)}, esc closes", answer(found)))

        self._inquire(answered, "cannot answer")

    # --- what leaves, and what is written ---

    def action_leaving(self) -> None:
        """Show what the analyst would send to the endpoint about the incident."""
        incident_id = self.chosen_incident()
        if not incident_id:
            self.ask_for_incident(f"{self.keymap.first('leaving')} is about an incident")
            return

        async def shown() -> None:
            text = await self.engine.preview(incident_id)
            if text:
                self.push_screen(Reading("What would leave this host first, esc closes", fenced(text, rows=400)))
            else:
                self.say("nothing leaves this host: no endpoint is configured")

        self._inquire(shown, "cannot say what would leave")

    def action_report(self) -> None:
        """Write the report of the incident on the screen."""
        incident_id = self.chosen_incident()
        if not incident_id:
            self.ask_for_incident(f"{self.keymap.first('report')} is about an incident")
            return

        async def written() -> None:
            files = [PurePath(name) for name in await self.engine.save_report(incident_id)]
            others = " ".join(file.suffix for file in files[1:])
            also = f", also as {others} beside it" if others else ""
            # The live engine's folder is its user's alone.
            reader = "less" if self.engine.snapshot().status.mode in ("replay", "library") else "sudo less"
            self.say(f"report written{also}; to read it: {reader} {shlex.quote(foreign(str(files[0])))}")

        self._inquire(written, "cannot write the report")

    async def waited(self, words: str, work: Awaitable[_T]) -> _T:
        """Return what comes of work that takes a while, and say meanwhile for how long it has been going on."""
        began = self._monotonic()

        def tick() -> None:
            self._notice = (line((f"{words} … {span(self._monotonic() - began)}", "bold")), math.inf)
            self.poll()

        tick()
        timer = self.set_interval(1.0, tick)
        try:
            return await work
        finally:
            timer.stop()
            self.say("")

    def _inquire(self, work: Callable[[], Awaitable[None]], trouble: str) -> None:
        """Do what was asked for in the place of an earlier question of its kind; others go on to their answers."""

        async def run() -> None:
            try:
                await work()
            except (*REFUSALS, RuntimeError) as refusal:
                self.say(f"{trouble}: {foreign(str(refusal))}", "warn")

        self.begin(trouble, run)


def _verdict_of(view: IncidentView) -> str:
    verdict = view.verdict
    return f"{view.incident.id}: {verdict.conclusion if verdict else 'no verdict yet'}"
