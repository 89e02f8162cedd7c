"""The views, the way between them, and what a person arranges in one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from textual.screen import Screen
from textual.widgets import Input

from aegis_tui.acting.console import Console, Deed, inquire
from aegis_tui.acting.seeing import Selection, Sight
from aegis_tui.acting.shelving import Shelf
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import View
from aegis_tui.widgets.safe import foreign

WAYS_BACK = 64
"""Views that esc leads back through; the first ones are forgotten."""


class Switching(Console, Protocol):
    """What the way between the views needs of the console beside what every part does."""

    def get_screen(self, screen: str) -> Screen[Any]:
        """Return a view, opened or not."""
        ...

    def switch_screen(self, screen: str) -> object:
        """Put a view in the place of the one in front."""
        ...

    def call_after_refresh(self, callback: Callable[[], None]) -> bool:
        """Do something once that is drawn."""
        ...


class Ways:
    """Goes from one view to the other, and back."""

    def __init__(
        self, console: Switching, views: Sequence[str], sight: Sight, selection: Selection, shelf: Shelf
    ) -> None:
        self._console = console
        self._views = views
        self._sight = sight
        self._selection = selection
        self._shelf = shelf
        self._history: deque[str] = deque(maxlen=WAYS_BACK)
        self.deeds = {
            **{f"screen-{name}": Deed(partial(self.go, name)) for name in ("overview", "incident", "blocks", "replay",
                                                                            "health")},
            "library": Deed(partial(self.go, "library")),
            "screen": Deed(take=self._go_named),
            "incident": Deed(take=self._open_named),
            "pane-next": Deed(partial(self._turn, 1)),
            "pane-previous": Deed(partial(self._turn, -1)),
            "filter": Deed(self._ask_filter, self._filter_by),
            "sort": Deed(self._sort),
            "sort-reverse": Deed(self._turn_over),
        }  # fmt: skip

    def go(self, name: str) -> None:
        """Switch to another view, at its first pane; esc comes back to the pane that was left."""
        shown = self._sight.name()
        if not shown:
            return
        if shown != name:
            self._history.append(shown)
            self._switch(name)
        found = self._console.get_screen(name)
        if isinstance(found, View) and found.is_mounted:
            found.begin()

    def to_incident(self, incident_id: str) -> None:
        """Look at an incident on its own screen."""
        self._selection.choose(incident_id)
        self.go("incident")
        self._console.poll()

    def clear(self) -> bool:
        """Clear the filter, else the marks; returns whether there was one to clear, or no view to go back from."""
        view = self._sight.view()
        if view is None or view.close_filter():
            return True
        table = view.table()
        return table is not None and table.unmark()

    def back(self) -> None:
        """Go back to the view before."""
        if self._sight.name() == "overview":  # the way back ends where it begins
            self._history.clear()
        elif self._history:
            self._switch(self._history.pop())

    def _switch(self, name: str) -> None:
        if name == "replay" and self._console.engine.snapshot().status.mode != "replay":
            name = "library"  # screen 4, while nothing is replayed
        if name == "library":
            self._shelf.read_again()
        self._console.switch_screen(name)
        self._console.call_after_refresh(self._console.poll)

    def _go_named(self, words: str) -> None:
        found = [name for name in self._views if name.startswith(words)]
        if len(found) == 1:
            self.go(found[0])
        else:
            self._console.say(f"no screen '{foreign(words, 40)}'; there are: {', '.join(self._views)}", "warn")

    def _open_named(self, words: str) -> None:
        incidents = self._console.engine.snapshot().incidents
        found = [one.id for one in incidents if one.id.casefold().startswith(words.casefold())]
        if len(found) == 1:
            self.to_incident(found[0])
        elif found:
            these = f"{len(found)} incidents begin with {foreign(words, 40)}"
            self._console.say(f"{these}: {', '.join(found[:4])}", "warn")
        else:
            inquire(self._console, lambda: self._open_stored(words), "cannot open it")

    async def _open_stored(self, incident_id: str) -> None:
        view = await self._console.engine.incident(incident_id)
        self.to_incident(view.incident.id)

    # --- in one view ---

    def _turn(self, step: int) -> None:
        """Look at the next pane."""
        if (view := self._sight.view()) is not None:
            view.turn(step)

    def _ask_filter(self) -> None:
        """Ask for the filter's words."""
        if (view := self._sight.view()) is not None:
            self._console.say("")
            view.open_filter()

    def _filter_by(self, words: str) -> None:
        if (view := self._sight.view()) is not None:
            view.open_filter()
            view.query_one("#filter", Input).value = words
            view.look_at(view.pane())

    def _sort(self) -> None:
        """Sort the table that the person looks at by the next column."""
        table = self._sight.table()
        if table is None:
            self._console.say(f"{key_of('sort')} sorts a table: {key_of('pane-next')} goes to one")
        elif title := table.sort(1):
            self._console.say(f"sorted by {title}, {key_of('sort-reverse')} turns it round")
        else:
            self._console.say("in the order as it comes")

    def _turn_over(self) -> None:
        """Turn the order of the rows round."""
        if (table := self._sight.table()) is not None:
            table.turn_over()
