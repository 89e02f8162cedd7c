"""How the console looks and what it keeps for the person: theme, density, time zone, notices, copied values."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from textual import events
from textual.screen import Screen

from aegis_tui.acting.inquiring import InquiringApp
from aegis_tui.bridge import EngineView
from aegis_tui.clock import clock, is_utc, show_utc, zone
from aegis_tui.keyboard.history import History
from aegis_tui.keyboard.keymap import Keymap, help_of, use
from aegis_tui.screens.reading import Reading
from aegis_tui.screens.view import View
from aegis_tui.widgets import theme
from aegis_tui.widgets.line import paragraph
from aegis_tui.widgets.safe import visible
from engine.types import Fault

NOTICES = 50
LONGEST_COPY = 50_000
"""Characters that are put on the clipboard: terminals take about 74,000 of base64."""
DENSITIES: dict[str, tuple[list[tuple[int, str]], list[tuple[int, str]]]] = {
    "auto": ([(0, "-narrow"), (100, "-normal"), (160, "-wide")], [(0, "-low"), (30, "-tall")]),
    "compact": ([(0, "-narrow")], [(0, "-low")]),
    "wide": ([(0, "-narrow"), (100, "-normal"), (120, "-wide")], [(0, "-tall")]),
}
"""Density to the columns and the rows from which a class of layout holds."""
LAYOUTS = ("-narrow", "-normal", "-wide", "-low", "-tall")


@dataclass(frozen=True)
class Preferences:
    """What a person set for the console."""

    theme: str = "auto"
    density: str = "auto"
    clipboard: bool = False
    """Whether a value may be written to the terminal's clipboard."""
    utc: bool = False
    keymap: Keymap = field(default_factory=Keymap)
    settings: tuple[tuple[str, str, str], ...] = ()
    """Every setting in force: key, value, origin; secrets hidden."""
    person: str = ""
    """Who started the console, asked before privileges are dropped; empty asks now."""
    state: Path | None = None
    """Folder for the history of the command line; None keeps it in memory."""


class AppearingApp(InquiringApp):
    """The part of the console that a person arranges to their liking."""

    def __init__(self, engine: EngineView, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(engine, monotonic)
        self.preferences = Preferences()
        self.density = "auto"
        self.lines = History()
        self.notices: deque[tuple[float, str]] = deque(maxlen=NOTICES)

    def obey(self, preferences: Preferences) -> None:
        """Take what the person set; once, before the first frame."""
        self.preferences = preferences
        self.keymap = preferences.keymap
        use(self.keymap)
        self.lines = History(preferences.state)
        for keys, command in self.keymap.for_app():
            self.bind(keys, f"press('{command.name}')", description=help_of(command), show=False)
        self.set_keymap(self.keymap.moved())
        show_utc(preferences.utc)
        self._set_theme(theme.fitting(preferences.theme, os.environ))
        self._set_density(preferences.density)

    def say(self, words: str, style: str = "bold") -> None:
        """Show words on the last line for a while, and keep them."""
        if words:
            self.notices.append((self.engine.snapshot().now, words))
        super().say(words, style)

    # --- colours ---

    def wear(self, name: str) -> None:
        """Change the theme to the one named, or to the nearest that the terminal can show."""
        fitting = theme.fitting(name, os.environ)
        self._set_theme(fitting)
        self.refresh_all()
        note = "" if name in ("auto", fitting.name) else f": this terminal cannot show {name}"
        self.say(f"theme {fitting.name}{note}")

    def _set_theme(self, wanted: theme.Theme) -> None:
        theme.use(wanted)
        for_textual = theme.for_textual(wanted)
        self.register_theme(for_textual)
        if wanted.own_colours:
            self.ansi_theme_dark = self.ansi_theme_light = theme.palette(wanted)
        self.theme = for_textual.name

    # --- density ---

    def action_density(self) -> None:
        """Go to the next density."""
        names = list(DENSITIES)
        self.arrange(names[(names.index(self.density) + 1) % len(names)])

    def arrange(self, name: str) -> None:
        """Lay the panes out by the terminal's size, one at a time, or side by side."""
        self._set_density(name)
        for screen in self._live_screens():
            screen.remove_class(*LAYOUTS)
            screen.post_message(events.Resize(self.size, self.size))
        narrow = name == "wide" and self.size.width < 100
        self.say(f"density {name}" + (": panes stand side by side from 100 columns on" if narrow else ""))

    def _set_density(self, name: str) -> None:
        self.density = name
        self.set_class(name == "compact", "-alone")
        self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS = DENSITIES[name]

    # --- time ---

    def action_utc(self) -> None:
        """Show times in UTC, or in local time again."""
        self.tell_time(not is_utc())

    def tell_time(self, in_utc: bool) -> None:
        """Show times in UTC or in local time."""
        show_utc(in_utc)
        now = self.engine.snapshot().now
        self.say("times in UTC" if in_utc else f"times local, {visible(zone(now))}")

    # --- values ---

    def action_copy(self) -> None:
        """Offer the values under the cursor."""
        if not isinstance(self.screen, View | Reading):
            return
        from aegis_tui.screens.copying import Copying, values_of  # noqa: PLC0415 - not before the first frame

        values = values_of(self.screen.pane())
        if not values:
            self.say("nothing here to copy")
            return
        allowed = self.preferences.clipboard
        how = "enter copies to the terminal's clipboard" if allowed else "enter takes it to paste here with ctrl+v"
        self.push_screen(Copying(values, how), self._copied)

    def _copied(self, text: str | None) -> None:
        if not text:
            return
        self.copy_to_clipboard(text)
        to = "" if self.preferences.clipboard else "; clipboard = true in the config gives it to the terminal as well"
        self.say(f"copied: {text[:200]}{to}")

    def copy_to_clipboard(self, text: str) -> None:
        """Keep a value to paste in the console; only where that is allowed, give it to the terminal too."""
        inert = visible(text)[:LONGEST_COPY]
        if self.preferences.clipboard:
            super().copy_to_clipboard(inert)
        else:
            self._clipboard = inert

    # --- what was said ---

    def action_notices(self) -> None:
        """Show what was said lately, the newest first."""
        rows = [
            paragraph((f"{clock(at)} ", "dim"), visible(words), indent=9, max_rows=200)
            for at, words in reversed(self.notices)
        ]
        faults = [
            paragraph(
                (f"{clock(fault.at)} ", "dim"), ("stands ", "warn"), visible(_fault(fault)), indent=9, max_rows=200
            )
            for fault in self.engine.snapshot().faults
        ]
        said = [*faults, *rows] or [paragraph("Nothing was said yet.")]
        self.push_screen(Reading("Faults that stand and what was said lately, newest first, esc closes", said))

    def refresh_all(self) -> None:
        """Draw every screen again, also those that are not in sight."""
        for screen in self._live_screens():
            for widget in screen.walk_children():
                widget.refresh()
            screen.refresh()

    def _live_screens(self) -> list[Screen[object]]:
        kept = [self.get_screen(name) for name in self.SCREENS]
        return [screen for screen in dict.fromkeys([*self.screen_stack, *kept]) if screen.is_running]


def _fault(fault: Fault) -> str:
    return f"{fault.ability}: {fault.message}" + (f"; {fault.remedy}" if fault.remedy else "")
