"""Screen 2: one incident in full: alerts, evidence, the analyst's trace, the verdict and what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import Scene, View, welcome
from aegis_tui.widgets.hexview import HexPane, dump
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.proctree import process_tree
from aegis_tui.widgets.rows import ALERT_COLUMNS, alert_rows
from aegis_tui.widgets.story import NOT_BEGUN, alert_facts, asked, conclusion, grounds, heading, recorded, trace
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.timeline import timeline
from aegis_tui.widgets.words import DISPOSITION_WORDS, SEVERITY_STYLES, SEVERITY_WORDS, clock
from engine.types import Incident, IncidentView, Snapshot

FEWEST_ROWS, MOST_ROWS, EMPTY_ROWS = 5, 10, 9
"""Of the table of alerts, with heading and titles."""


UNTOLD = {
    "timeline": "Alerts, what the analyst and people did, and their notes appear here in the order of time.",
    "trace": "What the analyst asks of whom, and what it is told, appears here step by step.",
    "processes": "The processes behind the incident appear here as a tree.",
}
NO_BYTES = "The bytes of the selected alert, and what was recorded of this host, appear here."


class IncidentScreen(View):
    """The selected incident."""

    view = "incident"
    companions: ClassVar[Mapping[str, str]] = {"alerts": "verdict"}
    DEFAULT_CSS = """
    IncidentScreen.-normal .column { width: 7fr; }
    IncidentScreen.-normal .right { width: 5fr; }
    IncidentScreen #alerts { max-height: 40%; }
    IncidentScreen #verdict { height: 4fr; }
    IncidentScreen #timeline { height: 3fr; }
    IncidentScreen #trace { height: 3fr; }
    IncidentScreen #evidence { height: 8fr; }
    IncidentScreen #processes { height: 3fr; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="body"):
            with Vertical(classes="column"):
                yield Table("Alerts", ALERT_COLUMNS, id="alerts")
                yield TextPane("Verdict", id="verdict")
                yield TextPane("Timeline, notes", id="timeline", follow=True)
                yield TextPane("Trace", id="trace", follow=True)
            with Vertical(classes="column right"):
                yield HexPane("Evidence", id="evidence")
                yield TextPane("Processes", id="processes")

    def draw_panes(self, scene: Scene) -> None:
        """Draw the incident, or how to choose one."""
        incident, view = scene.selected(), scene.incident
        alerts = self.query_one("#alerts", Table)
        if incident is None or view is None or view.incident.id != incident.id:
            alerts.styles.height = EMPTY_ROWS
            alerts.fill((), "Incident", ["Reading the incident …"] if incident else welcome(scene))
            self.query_one("#verdict", TextPane).write(_teaching()[: 1 if incident else None], "Verdict, proposals")
            for name, untold in UNTOLD.items():
                self.query_one(f"#{name}", TextPane).write([paragraph(untold)])
            self.query_one("#evidence", HexPane).draw([paragraph(NO_BYTES)], None)
            return
        alerts.styles.height = max(FEWEST_ROWS, min(MOST_ROWS, len(scene.alerts()) + 2))
        alerts.fill(alert_rows(scene.alerts()), heading(incident), ())
        alert = scene.alert()
        if alert:
            alerts.select(alert.id)
        words = [*_about(incident), *conclusion(view), *asked(view), *grounds(view)]
        self.query_one("#verdict", TextPane).write(words, "Verdict, proposals")
        self.query_one("#trace", TextPane).write(trace(view.steps) or [NOT_BEGUN], trace_heading(scene.now))
        self.query_one("#timeline", TextPane).write(timeline(view), _timeline_heading(view, scene.now))
        self.query_one("#processes", TextPane).write(process_tree(view.evidence))
        above, captured = (alert_facts(alert), dump(alert)) if alert else ([], None)
        self.query_one("#evidence", HexPane).draw(above, captured, recorded(view))

    @on(Table.Moved, "#alerts")
    def _alert_moved(self, event: Table.Moved) -> None:
        self.post_message(self.Selected("", event.key))


def _teaching() -> list[Paragraph]:
    """Return what will be told here, and how to come to it."""
    return [
        paragraph("What the analyst concludes, what that rests on, and what it proposes appears here."),
        paragraph((f"{key_of('screen-overview')} ", "bold"), "lists the incidents: choose one there", indent=2),
        paragraph((f"{key_of('pane-next')} ", "bold"), "timeline, trace, evidence, processes", indent=4),
    ]


def trace_heading(now: Snapshot) -> str:
    """Return the trace's heading: in a replay its times are not the capture's."""
    return "Trace, by the wall clock" if now.status.mode == "replay" else "Trace"


def _timeline_heading(view: IncidentView, now: Snapshot) -> str:
    notes = f"{len(view.notes)} note{'' if len(view.notes) == 1 else 's'}" if view.notes else "notes"
    return f"Timeline, {notes}" + (", analyst by the wall clock" if now.status.mode == "replay" else "")


def _about(incident: Incident) -> list[Paragraph]:
    severity = (SEVERITY_WORDS[incident.severity], SEVERITY_STYLES.get(incident.severity, ""))
    spoof = ("handshake completed", "") if incident.handshake else ("no handshake: may be spoofed", "warn")
    judged = DISPOSITION_WORDS[incident.disposition]
    judgement = f"judged {judged}" if judged else "your judgement: none yet"
    lasted = incident.updated_at - incident.opened_at >= 60
    last = f", last alert {clock(incident.updated_at)}" if lasted else ""
    since = f" since {clock(incident.opened_at)}{last} · "
    keys = f"note [{key_of('note')}] · report [{key_of('report')}] · replay [{key_of('replay')}]"
    return [paragraph(severity, since, spoof), paragraph(f"{judgement} [{key_of('disposition')}] · {keys}")]
