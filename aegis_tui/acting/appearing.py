"""How the console looks and what it keeps for the person: theme, density, time zone, copied values."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from textual import events
from textual.app import App
from textual.screen import Screen

from aegis_tui.acting.console import Console, Deed
from aegis_tui.clock import is_utc, show_utc, zone
from aegis_tui.keyboard.keymap import Keymap
from aegis_tui.screens.reading import Reading
from aegis_tui.screens.view import View
from aegis_tui.widgets import theme
from aegis_tui.widgets.safe import foreign, visible

DENSITIES: dict[str, tuple[list[tuple[int, str]], list[tuple[int, str]]]] = {
    "auto": ([(0, "-narrow"), (100, "-normal"), (160, "-wide")], [(0, "-low"), (30, "-tall")]),
    "compact": ([(0, "-narrow")], [(0, "-low")]),
    "wide": ([(0, "-narrow"), (100, "-normal"), (120, "-wide")], [(0, "-tall")]),
}
"""Density to the columns and the rows from which a class of layout holds."""
ON_OFF = {"on": True, "off": False}
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


class Looks:
    """Arranges the console to a person's liking."""

    def __init__(self, app: App[None], console: Console, preferences: Preferences) -> None:
        """Take the application that is dressed, and what the person set; once, before the first frame."""
        self._app = app
        self._console = console
        self._density = preferences.density
        self.deeds = {
            "theme": Deed(take=self._theme_named),
            "density": Deed(self._next_density, self._density_named),
            "utc": Deed(lambda: self._tell_time(not is_utc()), self._time_named),
        }
        show_utc(preferences.utc)
        self._set_theme(theme.fitting(preferences.theme, os.environ))
        self._set_density(preferences.density)

    # --- colours ---

    def _theme_named(self, name: str) -> None:
        """Change the theme to the one named, or to the nearest that the terminal can show."""
        if name not in ("auto", *theme.NAMES):
            known = ", ".join(theme.NAMES)
            self._console.say(f"no theme '{foreign(name, 40)}'; there are: auto, {known}", "warn")
            return
        fitting = theme.fitting(name, os.environ)
        self._set_theme(fitting)
        self._refresh()
        note = "" if name in ("auto", fitting.name) else f": this terminal cannot show {name}"
        self._console.say(f"theme {fitting.name}{note}")

    def _set_theme(self, wanted: theme.Theme) -> None:
        theme.use(wanted)
        for_textual = theme.for_textual(wanted)
        self._app.register_theme(for_textual)
        if wanted.own_colours:
            self._app.ansi_theme_dark = self._app.ansi_theme_light = theme.palette(wanted)
        self._app.theme = for_textual.name

    # --- density ---

    def _next_density(self) -> None:
        names = list(DENSITIES)
        self._arrange(names[(names.index(self._density) + 1) % len(names)])

    def _density_named(self, name: str) -> None:
        if name in DENSITIES:
            self._arrange(name)
        else:
            self._console.say(f"no density '{foreign(name, 40)}'; there are: {', '.join(DENSITIES)}", "warn")

    def _arrange(self, name: str) -> None:
        """Lay the panes out by the terminal's size, one at a time, or side by side."""
        self._set_density(name)
        size = self._app.size
        for screen in self._live_screens():
            screen.remove_class(*LAYOUTS)
            screen.post_message(events.Resize(size, size))
        narrow = name == "wide" and size.width < 100
        self._console.say(f"density {name}" + (": panes stand side by side from 100 columns on" if narrow else ""))

    def _set_density(self, name: str) -> None:
        self._density = name
        self._app.set_class(name == "compact", "-alone")
        self._app.HORIZONTAL_BREAKPOINTS, self._app.VERTICAL_BREAKPOINTS = DENSITIES[name]

    # --- time ---

    def _time_named(self, words: str) -> None:
        if words in ON_OFF:
            self._tell_time(ON_OFF[words])
        else:
            self._console.say("'utc' takes on or off", "warn")

    def _tell_time(self, in_utc: bool) -> None:
        """Show times in UTC or in local time."""
        show_utc(in_utc)
        now = self._console.engine.snapshot().now
        self._console.say("times in UTC" if in_utc else f"times local, {visible(zone(now))}")

    # --- every screen, also those that are not in sight ---

    def _refresh(self) -> None:
        for screen in self._live_screens():
            for widget in screen.walk_children():
                widget.refresh()
            screen.refresh()

    def _live_screens(self) -> list[Screen[object]]:
        kept = [self._app.get_screen(name) for name in self._app.SCREENS]
        return [screen for screen in dict.fromkeys([*self._app.screen_stack, *kept]) if screen.is_running]


class Copies:
    """Offers the values under the cursor."""

    def __init__(self, console: Console, keep: Callable[[str], None], to_terminal: bool) -> None:
        """Take what keeps a value, and whether that may write it to the terminal's clipboard."""
        self._console = console
        self._keep = keep
        self._to_terminal = to_terminal
        self.deeds = {"copy": Deed(self._offer)}

    def _offer(self) -> None:
        top = self._console.screen_stack[-1]
        if not isinstance(top, View | Reading):
            return
        from aegis_tui.screens.copying import Copying, values_of  # noqa: PLC0415 - not before the first frame

        values = values_of(top.pane())
        if not values:
            self._console.say("nothing here to copy")
            return
        to_terminal = "enter copies to the terminal's clipboard"
        how = to_terminal if self._to_terminal else "enter takes it to paste here with ctrl+v"
        self._console.push_screen(Copying(values, how), self._copied)

    def _copied(self, text: str | None) -> None:
        if not text:
            return
        self._keep(text)
        to = "" if self._to_terminal else "; clipboard = true in the config gives it to the terminal as well"
        self._console.say(f"copied: {text[:200]}{to}")
