"""A view: header, panes, footer; one pane at a time where the terminal is small."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from aegis_tui.bridge import CaptureFile
from aegis_tui.keyboard.keymap import Keymap
from aegis_tui.keyboard.keys import view_bindings
from aegis_tui.screens.overlay import Overlay
from aegis_tui.widgets.bars import Footer, Header
from aegis_tui.widgets.filterfield import FilterField
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.table import Aim, Table
from aegis_tui.widgets.words import clock, span
from engine.types import Alert, Block, Incident, IncidentView, LibraryEntry, Snapshot, Suppression

DEFAULT_KEYS = Keymap()
ROWS_FOR_TWO = 20
"""Rows of a terminal on which two panes still tell something each."""


class Shelved(NamedTuple):
    """What the library holds, as far as it was read."""

    entries: tuple[LibraryEntry, ...] = ()
    more: bool = False
    """Whether there are older ones."""
    captures: tuple[CaptureFile, ...] = ()
    folder: str = ""
    """Where captures are looked for, or empty."""
    reading: bool = False


class Scene(NamedTuple):
    """What a view draws: the engine's state now, and where the person is looking."""

    now: Snapshot
    shown: Snapshot
    """The same, or the one held still by ``space``."""
    rates: Rates
    incident: IncidentView | None
    """The selected incident in full, once it is loaded."""
    incident_id: str
    alert_id: str
    frozen: str
    """Words for the header while the tables are held still, or empty."""
    notice: Line
    started_at: float
    plain_bars: bool
    ended: tuple[Block, ...] = ()
    """Blocks that ended, newest first, as last read."""
    keymap: Keymap = DEFAULT_KEYS
    beside: Snapshot | None = None
    """The console's own engine, while a replay beside it is shown."""
    library: Shelved = Shelved()
    rules: tuple[Suppression, ...] = ()
    """Suppressions in force, and those that ended lately."""

    def selected(self) -> Incident | None:
        """Return the selected incident as the snapshot has it."""
        return next((i for i in self.now.incidents if i.id == self.incident_id), None)

    def alerts(self) -> tuple[Alert, ...]:
        """Return the selected incident's alerts, oldest first."""
        if self.incident and self.incident.incident.id == self.incident_id:
            return tuple(sorted(self.incident.alerts, key=lambda alert: alert.first_at))
        return ()

    def alert(self) -> Alert | None:
        """Return the selected alert, or the first of the incident."""
        alerts = self.alerts()
        return next((a for a in alerts if a.id == self.alert_id), alerts[0] if alerts else None)


class View(Screen[None]):
    """What every view has: header, panes, filter and footer."""

    DEFAULT_CSS = """
    View { layout: vertical; }
    View #body { height: 1fr; width: 1fr; }
    View .column { height: 1fr; width: 1fr; }
    View .right { border-left: solid ansi_default; }
    View.-narrow Pane, View.-low Pane { display: none; }
    View.-narrow Pane.-current, View.-low Pane.-current { display: block; }
    View.-narrow Pane.-companion, View.-low Pane.-companion { display: block; }
    View.-narrow .right, View.-low .right { border-left: none; }
    View.-narrow .column, View.-low .column { display: none; }
    View.-narrow .column.-current, View.-low .column.-current { display: block; width: 1fr; }
    View .wide { display: none; }
    View.-wide.-tall .wide { display: block; }
    View.-narrow .chart, View.-low .chart { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = view_bindings()
    view = ""
    """Name of the view in the key table."""
    _scene: Scene | None = None
    """What was drawn last."""
    first = "Pane"
    """Selector of the pane that has the focus at first."""
    companions: ClassVar[Mapping[str, str]] = {}
    """Where one pane fits at a time: of a table the pane below it that tells of its row, both by their ids."""

    class Selected(Message):
        """The person looks at another incident or alert."""

        def __init__(self, incident_id: str, alert_id: str = "", go: bool = False) -> None:
            super().__init__()
            self.incident_id = incident_id
            self.alert_id = alert_id
            self.go = go
            """Whether to open the incident view."""

    @abstractmethod
    def body(self) -> ComposeResult:
        """Yield the panes, inside their columns."""

    def compose(self) -> ComposeResult:
        """Lay out header, body and footer."""
        yield Header()
        yield from self.body()
        yield FilterField(id="filter")
        yield Footer()

    def on_mount(self) -> None:
        """Start at the pane that answers the view's question."""
        self.begin()

    def begin(self) -> None:
        """Look at the pane that answers the view's question."""
        self.look_at(self.query_one(self.first, Pane))

    def panes(self) -> Iterable[Pane]:
        """Return the panes in tab order."""
        return self.query(Pane)

    def draw(self, scene: Scene) -> None:
        """Draw everything."""
        if not self.query(Footer):  # polled while it opens or closes
            return
        self.query_one(Header).draw(scene.now, scene.rates, scene.frozen)
        self._scene = scene
        self._draw_footer()
        self._number_panes()
        self._pair_panes()
        self.draw_panes(scene)

    def drew(self, scene: Scene) -> bool:
        """Return whether this is the scene that was drawn last."""
        return self._scene is scene

    def redraw(self) -> None:
        """Draw the panes again where a key changed what they tell about, and nothing else did."""
        if self._scene is not None:
            self.draw_panes(self._scene)

    @abstractmethod
    def draw_panes(self, scene: Scene) -> None:
        """Draw the panes."""

    def aim(self) -> Aim | None:
        """Return what the row under the cursor is about; None where the pane has no rows of that kind."""
        table = self.table()
        return table.aim if table else None

    def table(self) -> Table | None:
        """Return the table the person looks at: keys act on its row and its marks, never on what is out of sight."""
        pane = self._current()
        return pane if isinstance(pane, Table) else None

    def pane(self) -> Pane:
        """Return the pane the person looks at."""
        return self._current()

    def hold(self, pressed_at: float) -> None:
        """Tie the cursor of the table that the person looks at to the row that was there for a key to be about."""
        table = self.table() if self.query(Table) else None  # none while it opens or closes
        if table is not None:
            table.hold(pressed_at)

    def look_at(self, pane: Pane) -> None:
        """Focus a pane and, where one fits, show it."""
        for other in self.panes():
            other.set_class(other is pane, "-current")
        for column in self.query(".column"):
            column.set_class(column in pane.ancestors, "-current")
        self._pair_panes()
        pane.focus()

    def turn(self, step: int) -> None:
        """Look at the next pane that this size can show."""
        panes = self._reachable()
        at = next((n for n, pane in enumerate(panes) if pane.has_class("-current")), 0)
        self.look_at(panes[(at + step) % len(panes)])

    def open_filter(self) -> None:
        """Ask for what rows must match."""
        self.query_one(FilterField).open()

    def close_filter(self) -> bool:
        """Clear the filter; returns whether there was one."""
        was_open = self.query_one(FilterField).clear_filter()
        self.look_at(self._current())
        return was_open

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _focus_moved(self) -> None:
        self._draw_footer()

    @on(FilterField.Read)
    def _filter_read(self, event: FilterField.Read) -> None:
        for table in self.query(Table):
            table.narrow(event.found)
        self._draw_footer()
        self.redraw()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        self.query_one(FilterField).keep()
        self.look_at(self._current())

    def _draw_footer(self) -> None:
        scene = self._scene
        if scene is not None and self.query(Footer):
            wrong = self.query_one(FilterField).wrong
            notice = line((wrong, "danger")) if wrong else scene.notice
            self.query_one(Footer).draw(self.view, notice, scene.keymap, self._keys_heard())

    def on_screen_suspend(self) -> None:
        """Tell the keys of what is above this view now."""
        self._draw_footer()

    def on_screen_resume(self) -> None:
        """Tell the keys of this view again."""
        self._draw_footer()

    def _keys_heard(self) -> list[tuple[str, str]]:
        """Return what hears the keys in this view's stead: what lies above it, or the field that is typed into."""
        above = [screen for screen in self.app.screen_stack if isinstance(screen, Overlay)]
        if above:
            return above[-1].keys_heard()
        field = self.query_one(FilterField)
        return field.keys_heard() if field.has_focus else []

    def _number_panes(self) -> None:
        one_at_a_time = self.has_class("-narrow") or self.has_class("-low")
        panes = self._reachable()
        for number, pane in enumerate(panes):
            tail = f"pane {number + 1}/{len(panes)}" if one_at_a_time and len(panes) > 1 else ""
            if tail != pane.tail:
                pane.tail = tail
                pane.repaint()  # its text may stay as it is

    def _pair_panes(self) -> None:
        """Show the companion of the table that is looked at, where there are rows for both."""
        fits = self.size.height >= ROWS_FOR_TWO and not self.app.has_class("-alone")
        companion = self.companions.get(self._current().id or "") if fits else None
        for pane in self.panes():
            pane.set_class(pane.id == companion, "-companion")

    def _reachable(self) -> list[Pane]:
        wide = self.has_class("-wide") and self.has_class("-tall")
        return [pane for pane in self.panes() if wide or not _only_wide(pane)]

    def _current(self) -> Pane:
        return next((pane for pane in self.panes() if pane.has_class("-current")), next(iter(self.panes())))


def _only_wide(pane: Widget) -> bool:
    return any(isinstance(node, Widget) and node.has_class("wide") for node in pane.ancestors_with_self)


DEMO_HINT = "To see one: aegis-tui demo"


def welcome(scene: Scene) -> list[str]:
    """Return what to say where there are no incidents."""
    counters = scene.now.counters
    if scene.now.status.loading:
        return [f"{scene.now.status.loading.capitalize()} …"]
    if scene.frozen:
        return [f"{scene.frozen}: nothing stood here then. {scene.keymap.first('freeze')} lets the tables go on."]
    if scene.now.finished:
        return [
            "This capture holds no alerts.",
            f"{counters.judged} flows judged, {counters.kernel_dropped} packets lost.",
            DEMO_HINT,
        ]
    if scene.now.status.stale_since:
        return [f"No incident was known at {clock(scene.now.status.stale_since)}; what came since is not."]
    return [
        f"No alerts since {_since(scene)}.",
        f"{counters.judged} judgements, {counters.kernel_dropped + counters.shed} packets lost.",
        "An alert opens an incident here; the analyst then works on it by itself and asks before anything is blocked.",
        DEMO_HINT,
    ]


def _since(scene: Scene) -> str:
    return f"{clock(scene.started_at)} ({span(scene.now.now - scene.started_at)})"
