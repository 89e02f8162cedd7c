"""A view: header, panes, footer; one pane at a time where the terminal is small."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from aegis_tui.keys import view_bindings
from aegis_tui.widgets.bars import Footer, Header
from aegis_tui.widgets.field import Field
from aegis_tui.widgets.line import Line
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.table import Aim, Table
from aegis_tui.widgets.words import clock, span
from engine.types import Alert, Block, Incident, IncidentView, Snapshot


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
    speed: float
    paused: bool
    started_at: float
    plain_bars: bool
    ended: tuple[Block, ...] = ()
    """Blocks that ended, newest first, as last read."""

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
    """Base of the five screens."""

    DEFAULT_CSS = """
    View { layout: vertical; }
    View #body { height: 1fr; width: 1fr; }
    View .column { height: 1fr; width: 1fr; }
    View .right { border-left: solid ansi_default; }
    View.-narrow Pane, View.-low Pane { display: none; }
    View.-narrow Pane.-current, View.-low Pane.-current { display: block; }
    View.-narrow .right, View.-low .right { border-left: none; }
    View.-narrow .column, View.-low .column { display: none; }
    View.-narrow .column.-current, View.-low .column.-current { display: block; width: 1fr; }
    View .wide { display: none; }
    View.-wide.-tall .wide { display: block; }
    View.-narrow .chart, View.-low .chart { display: none; }
    View #filter { display: none; height: 1; border: none; padding: 0 1; }
    View #filter.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = view_bindings()
    view = ""
    """Name of the view in the key table."""
    first = "Pane"
    """Selector of the pane that has the focus at first."""

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
        yield Field(placeholder="words that a row must contain", id="filter", compact=True)
        yield Footer()

    def on_mount(self) -> None:
        """Start at the pane that answers the view's question."""
        self.look_at(self.query_one(self.first, Pane))

    def panes(self) -> Iterable[Pane]:
        """Return the panes in tab order."""
        return self.query(Pane)

    def draw(self, scene: Scene) -> None:
        """Draw everything."""
        if not self.query(Footer):  # polled while it opens or closes
            return
        self.query_one(Header).draw(scene.now, scene.rates, scene.frozen)
        self.query_one(Footer).draw(self.view, scene.notice)
        self._number_panes()
        self.draw_panes(scene)

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

    def hold(self) -> None:
        """Tie the cursor of the table that the person looks at to its row."""
        table = self.table() if self.query(Table) else None  # none while it opens or closes
        if table is not None:
            table.hold()

    def look_at(self, pane: Pane) -> None:
        """Focus a pane and, where one fits, show it."""
        for other in self.panes():
            other.set_class(other is pane, "-current")
        for column in self.query(".column"):
            column.set_class(column in pane.ancestors, "-current")
        pane.focus()

    def turn(self, step: int) -> None:
        """Look at the next pane that this size can show."""
        panes = self._reachable()
        at = next((n for n, pane in enumerate(panes) if pane.has_class("-current")), 0)
        self.look_at(panes[(at + step) % len(panes)])

    def open_filter(self) -> None:
        """Ask for the words that rows must contain."""
        field = self.query_one("#filter", Input)
        field.add_class("-open")
        field.focus()

    def close_filter(self) -> bool:
        """Clear the filter; returns whether there was one."""
        field = self.query_one("#filter", Input)
        was_open = field.has_class("-open")
        field.remove_class("-open")
        field.value = ""
        self._narrow("")
        self.look_at(self._current())
        return was_open

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    @on(Input.Submitted, "#filter")
    def _filter_kept(self) -> None:
        self.query_one("#filter", Input).set_class(bool(self.query_one("#filter", Input).value), "-open")
        self.look_at(self._current())

    def _number_panes(self) -> None:
        one_at_a_time = self.has_class("-narrow") or self.has_class("-low")
        panes = self._reachable()
        for number, pane in enumerate(panes):
            pane.tail = f"pane {number + 1}/{len(panes)}" if one_at_a_time and len(panes) > 1 else ""

    def _reachable(self) -> list[Pane]:
        wide = self.has_class("-wide") and self.has_class("-tall")
        return [pane for pane in self.panes() if wide or not _only_wide(pane)]

    def _narrow(self, words: str) -> None:
        for table in self.query(Table):
            table.narrow(words)

    def _current(self) -> Pane:
        return next((pane for pane in self.panes() if pane.has_class("-current")), next(iter(self.panes())))


def _only_wide(pane: Widget) -> bool:
    return any(isinstance(node, Widget) and node.has_class("wide") for node in pane.ancestors_with_self)


DEMO_HINT = "To see one: aegis-tui demo"


def welcome(scene: Scene) -> list[str]:
    """Return what to say where there are no incidents."""
    counters = scene.now.counters
    if scene.now.finished:
        return [
            "This capture holds no alerts.",
            f"{counters.judged} flows judged, {counters.kernel_dropped} packets lost.",
            DEMO_HINT,
        ]
    return [
        f"No alerts since {_since(scene)}.",
        f"{counters.judged} judgements, {counters.kernel_dropped + counters.shed} packets lost.",
        "An alert opens an incident here; the analyst then works on it by itself and asks before anything is blocked.",
        DEMO_HINT,
    ]


def _since(scene: Scene) -> str:
    return f"{clock(scene.started_at)} ({span(scene.now.now - scene.started_at)})"
