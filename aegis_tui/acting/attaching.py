"""The key of a console that is one of several at an engine: to decide instead of watching."""

from __future__ import annotations

from aegis_tui.acting.blocking import BlockingApp
from aegis_tui.bridge import REFUSALS
from aegis_tui.screens.ask import Ask
from aegis_tui.widgets.safe import foreign
from engine.attach.roles import NOBODY


class AttachingApp(BlockingApp):
    """The part of the console that knows of the others."""

    def action_take_over(self) -> None:
        """Ask whether to decide here, and name who would lose that."""
        status = self.engine.snapshot().status
        if not status.decider:
            self.say("this console decides already" if status.consoles else "this console hosts the engine and decides")
            return
        decider = foreign(status.decider)
        loses = "nobody decides now" if decider == NOBODY else f"{decider} will only watch"
        self.push_screen(
            Ask(f"Decide at this console? {loses}.  y yes, any other key no", {"y": "yes"}), self._answered
        )

    def _answered(self, answer: str | None) -> None:
        if answer:
            self.run_worker(self._take_over(), group="answer")

    async def _take_over(self) -> None:
        try:
            await self.engine.take_over()
        except REFUSALS as refusal:
            self.say(f"cannot take over: {foreign(str(refusal))}", "danger")
        else:
            self.say("this console decides from now on")
