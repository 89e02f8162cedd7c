"""Screen 1: what goes on, what is wrong, and what the analyst does about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.geometry import Size

from aegis_tui.clock import is_utc
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import Scene, View, welcome
from aegis_tui.widgets.bars import Bar, bits
from aegis_tui.widgets.hexview import HexPane, dump
from aegis_tui.widgets.line import Paragraph, Span, line, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rates import BARS, PLAIN_BARS, sparkline
from aegis_tui.widgets.rows import FLOW_COLUMNS, INCIDENT_COLUMNS, flow_rows, incident_rows
from aegis_tui.widgets.story import NOT_BEGUN, alert_facts, asked, conclusion, recorded, trace
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.words import count
from engine.types import Flow, Incident, StepKind

FEWEST_ROWS, EMPTY_ROWS = 6, 10
"""Of the table of incidents, with heading and titles: it takes what it needs, at most its share; the trace the rest."""
FLOWS_EVERY = 4
"""Polls between two drawings of the flow table: rows that move faster cannot be read."""


class Overview(View):
    """Flows, incidents and the live trace of the selected incident."""

    view = "overview"
    first = "#incidents"
    companions: ClassVar[Mapping[str, str]] = {"incidents": "trace"}
    DEFAULT_CSS = """
    Overview #left { width: 13fr; }
    Overview #right { width: 12fr; }
    Overview #far { width: 10fr; }
    Overview.-wide #right { width: 13fr; }
    Overview.-wide #far { width: 9fr; }
    Overview #incidents { max-height: 40%; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._polls = 0
        self._flows_due: tuple[object, ...] = ()
        """What the flows were drawn for last: another makes them be drawn at once."""
        self._flows_told: tuple[object, ...] = ()
        """All that can be read off the table, where that is taken: the same again is not drawn."""
        self._flows_seen: tuple[Flow, ...] = ()

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="body"):
            with Vertical(id="left", classes="column"):
                yield Chart()
                yield Table("Flows", FLOW_COLUMNS, id="flows")
            with Vertical(id="right", classes="column right"):
                yield Table("Incidents", INCIDENT_COLUMNS, id="incidents")
                yield TextPane("Trace", id="trace", follow=True)
            with Vertical(id="far", classes="column right wide"):
                yield HexPane("Evidence", id="hex")

    def draw_panes(self, scene: Scene) -> None:
        """Draw tables, trace and, where there is room, the bytes."""
        self.query_one(Chart).draw(scene)
        self._draw_flows(scene)
        incidents = scene.shown.incidents
        table = self.query_one("#incidents", Table)
        opened = sum(i.disposition.value == "undetermined" for i in incidents)
        loading, told = scene.now.status.loading, f"{len(incidents)} ({opened} open)"
        table.fill(incident_rows(scene.shown), f"Incidents {f'{loading} …' if loading else told}", welcome(scene))
        table.styles.height = max(FEWEST_ROWS, len(incidents) + 3) if incidents else EMPTY_ROWS
        table.select(scene.incident_id)
        self._draw_trace(scene)
        alert = scene.alert()
        self.query_one("#hex", HexPane).draw(
            alert_facts(alert) if alert else [paragraph("The bytes of the selected alert appear here.")],
            dump(alert) if alert else None,
            recorded(scene.incident) if alert and scene.incident else (),
        )

    def _draw_flows(self, scene: Scene) -> None:
        table, shown = self.query_one("#flows", Table), scene.shown
        counters, status = shown.counters, scene.now.status
        hint = "Wrong interface? aegis-tui --iface NAME." if status.mode != "replay" else "It is being opened."
        none = [f"No traffic seen on {status.source} yet.", f"{hint} Faults: screen {key_of('screen-health')}."]
        heading = f"Flows {count(counters.flows_now)} now, {count(counters.flows_total)} in all"
        empty = [] if shown.flows else welcome(scene) if scene.frozen or not status.source else none
        due = (shown is not scene.now, scene.notice, table.size, bool(shown.flows))
        told = (due, heading, empty, shown.alerts, shown.flows, shown.scores, is_utc())
        self._polls += 1
        # Flows that stand still are drawn at once: there may be no fourth poll that has news.
        moving, self._flows_seen = shown.flows != self._flows_seen, shown.flows
        if told == self._flows_told or (due == self._flows_due and moving and self._polls % FLOWS_EVERY):
            return
        self._flows_due = due
        taken = table.fill(flow_rows(shown), heading, empty)
        self._flows_told = told if taken else ()

    def _draw_trace(self, scene: Scene) -> None:
        pane = self.query_one("#trace", TextPane)
        incident, view = scene.selected(), scene.incident
        if incident is None:
            pane.write(_teaching(scene), "Trace")
            return
        if view is None or view.incident.id != incident.id:
            pane.write([paragraph("Reading the incident …")], _heading(incident))
            return
        ended = conclusion(view) if view.verdict else []
        steps = [step for step in view.steps if not ended or step.kind is not StepKind.VERDICT]
        pane.write([*(trace(steps, 3) or [NOT_BEGUN]), *ended, *asked(view)], _heading(incident))

    @on(Table.Moved, "#incidents")
    def _incident_moved(self, event: Table.Moved) -> None:
        self.post_message(self.Selected(event.key, go=isinstance(event, Table.Opened)))

    @on(Table.Opened, "#flows")
    def _flow_opened(self, event: Table.Opened) -> None:
        self.post_message(FlowOpened(event.key))


def _heading(incident: Incident) -> str:
    """Return what the row of the incident may have no room for: all of a long address, its alerts, its story."""
    number = len(incident.alert_ids)
    alerts = f"{number} alert{'' if number == 1 else 's'}"
    address = (incident.target_ip,) if ":" in incident.target_ip else ()
    return " · ".join((incident.id, *address, alerts, incident.title))


def _teaching(scene: Scene) -> list[Paragraph]:
    """Return what to do while there is no incident whose trace could be shown."""
    flows = count(scene.shown.counters.flows_now)
    keys = (
        ("pane-previous", f"the flows seen now: {flows}"),
        ("screen-health", "is every packet accounted for, and what is missing here"),
        ("screen-replay", "incidents and captures that are kept: replay one, nothing live is touched"),
        ("triage", "judge an event that something else reported"),
        ("command", "every command by name; tab completes"),
    )
    told = [paragraph((f"{key_of(name):>9} ", "bold"), words, indent=10) for name, words in keys]
    return [paragraph("What the analyst does about the selected incident appears here, step by step."), *told]


class FlowOpened(View.Selected):
    """A flow was opened: the application looks for its alert."""

    def __init__(self, flow_id: str) -> None:
        super().__init__("", go=True)
        self.flow_id = flow_id


class Chart(Bar):
    """Packets per second over the last minutes."""

    DEFAULT_CSS = "Chart { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.add_class("chart")

    def draw(self, scene: Scene) -> None:
        """Show the newest samples that fit."""
        rates = scene.rates
        words = f" {count(rates.packets_per_s)} pkt/s {bits(rates.bits_per_s)} "
        room = Size(max(0, self.size.width - len(words) - 10), 1).width
        bars = sparkline(rates.packets, room, PLAIN_BARS if scene.plain_bars else BARS)
        self.put(line(("─ Traffic", ""), Span(bars), Span(words)))
