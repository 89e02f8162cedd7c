"""The tape of a replay: play, step, wind, and go to a moment or to an alert."""

from __future__ import annotations

from functools import partial

from aegis_tui.acting.console import Console, Deed
from aegis_tui.bridge import REFUSALS
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.ask import AskWords
from aegis_tui.widgets.moments import HINT, alert_number, moment_of
from aegis_tui.widgets.rows import in_time
from aegis_tui.widgets.safe import foreign
from engine.transport import SPEEDS

COMMANDS = {
    "step-forward": ("step", 1.0), "step-back": ("step", -1.0), "replay-start": ("start", 0.0),
    "replay-end": ("end", 0.0),
}  # fmt: skip
"""Names in the command table to what the engine is told."""


class Tape:
    """Steers what is replayed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bound_for: int | None = None
        """Number of the alert that a person sent the replay to, 0 is the newest there; None where to no alert."""
        self.deeds = {
            "play": Deed(self._toggle),
            "faster": Deed(partial(self._change_speed, 1)),
            "slower": Deed(partial(self._change_speed, -1)),
            "goto": Deed(self._ask_where, self._go_to),
            **{name: Deed(partial(self._wind, *told)) for name, told in COMMANDS.items()},
        }

    def is_loaded(self) -> bool:
        """Return whether something is replayed."""
        return self._console.engine.snapshot().tape is not None

    def wind(self, to_end: bool) -> None:
        """Go to the start or to the end."""
        self._wind("end" if to_end else "start", 0.0)

    def go_to_alert(self, step: int) -> None:
        """Go to the next alert, or to the one before."""
        self._bound_for = 0
        self._steer("alert", float(step))

    def arrived_at_alert(self) -> str:
        """Return the alert once, where the replay came to one that a person sent it to; one step can raise several."""
        now, number = self._console.engine.snapshot(), self._bound_for
        if number is None or now.tape is None or now.tape.seeking:
            return ""
        self._bound_for = None
        if 0 < number <= len(now.alerts):
            return in_time(now.alerts)[number - 1].id
        newest = max(now.alerts, key=lambda alert: (alert.first_at, alert.id), default=None)
        return newest.id if newest is not None else ""

    def _toggle(self) -> None:
        tape = self._console.engine.snapshot().tape
        self._wind("pause" if tape is not None and tape.playing else "play", 0.0)

    def _change_speed(self, step: int) -> None:
        tape = self._console.engine.snapshot().tape
        at = min(range(len(SPEEDS)), key=lambda n: abs(SPEEDS[n] - tape.speed)) + step if tape is not None else 0
        self._wind("speed", SPEEDS[max(0, min(len(SPEEDS) - 1, at))])

    def _wind(self, command: str, value: float) -> None:
        if self.is_loaded():
            self._steer(command, value)
        else:
            self._console.say(_no_tape())

    def _ask_where(self) -> None:
        """Ask for a moment of the replay."""
        if not self.is_loaded():
            self._console.say(_no_tape())
            return
        asked = AskWords("Go to which moment of the capture?", HINT)
        self._console.push_screen(asked, lambda text: self._go_to(text or ""))

    def _go_to(self, words: str) -> None:
        tape = self._console.engine.snapshot().tape
        if tape is None or not words:
            self._console.say(_no_tape() if tape is None else "")
            return
        if number := alert_number(words):
            self._bound_for = number
            self._steer("nth alert", float(number))
            return
        try:
            moment = moment_of(words, tape)
        except ValueError as refusal:
            self._console.say(foreign(str(refusal)), "warn")
            return
        if moment == float("inf"):
            self._steer("end")
        else:
            self._steer("seek", moment)

    def _steer(self, command: str, value: float = 0.0) -> None:
        self._console.say("")  # what was said is about a moment that is left
        try:
            self._console.engine.transport(command, value)
        except REFUSALS as refusal:
            self._bound_for = None
            self._console.say(foreign(str(refusal)))
        self._console.poll()


def _no_tape() -> str:
    return f"nothing is replayed: {key_of('library')} opens the library"
