"""Screen 2: one incident in full: alerts, evidence, the analyst's trace, the verdict and what is asked."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from aegis_tui.screens.view import Scene, View, welcome
from aegis_tui.widgets.hexview import HexPane, dump
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rows import ALERT_COLUMNS, alert_rows
from aegis_tui.widgets.story import alert_facts, asked, evidence, trace, verdict
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.words import DISPOSITION_WORDS, SEVERITY_STYLES, SEVERITY_WORDS, clock
from engine.types import Alert, Incident, IncidentView

HOST_KINDS = frozenset({"socket_owner", "process"})


class IncidentScreen(View):
    """The selected incident."""

    view = "incident"
    DEFAULT_CSS = """
    IncidentScreen #alerts { height: 1fr; }
    IncidentScreen #verdict { height: 2fr; }
    IncidentScreen #trace { height: 3fr; }
    IncidentScreen #evidence { height: 3fr; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Horizontal(id="body"):
            with Vertical(classes="column"):
                yield Table("Alerts", ALERT_COLUMNS, id="alerts")
                yield TextPane("Verdict", id="verdict")
                yield TextPane("Trace", id="trace", follow=True)
            with Vertical(classes="column right"):
                yield HexPane("Evidence", id="evidence")

    def draw_panes(self, scene: Scene) -> None:
        """Draw the incident, or how to choose one."""
        incident, view = scene.selected(), scene.incident
        alerts = self.query_one("#alerts", Table)
        if incident is None or view is None or view.incident.id != incident.id:
            reading = ["Reading the incident …"] if incident else [*welcome(scene), "Choose an incident on screen 1."]
            alerts.fill((), "Incident", reading)
            for pane in (self.query_one("#verdict", TextPane), self.query_one("#trace", TextPane)):
                pane.write(())
            self.query_one("#evidence", HexPane).draw((), None)
            return
        alerts.fill(alert_rows(scene.alerts()), _heading(incident), ())
        alert = scene.alert()
        if alert:
            alerts.select(alert.id)
        self.query_one("#verdict", TextPane).write(
            [*_about(incident), *verdict(view), *asked(view)], "Verdict, proposals"
        )
        self.query_one("#trace", TextPane).write(trace(view.steps) or [paragraph("The analyst has not begun.")])
        self._draw_evidence(view, alert)

    def _draw_evidence(self, view: IncidentView, alert: Alert | None) -> None:
        host = [item for item in view.evidence if item.kind in HOST_KINDS]
        others = [item for item in view.evidence if item.kind not in HOST_KINDS]
        nothing: list[Paragraph] = [paragraph("No process facts: not asked yet, not permitted, or not recorded.")]
        above = alert_facts(alert) if alert else []
        below = [*(evidence(host) or nothing), *evidence(others)]
        self.query_one("#evidence", HexPane).draw(above, dump(alert) if alert else None, below)

    @on(Table.Moved, "#alerts")
    def _alert_moved(self, event: Table.Moved) -> None:
        self.post_message(self.Selected("", event.key))


def _heading(incident: Incident) -> str:
    return f"{incident.id} {incident.target_ip} · {incident.title}"


def _about(incident: Incident) -> list[Paragraph]:
    severity = (SEVERITY_WORDS[incident.severity], SEVERITY_STYLES.get(incident.severity, ""))
    spoof = ("handshake completed", "") if incident.handshake else ("no handshake: may be spoofed", "warn")
    disposition = DISPOSITION_WORDS[incident.disposition] or "not decided [d]"
    since = f" since {clock(incident.opened_at)} · "
    return [paragraph(severity, since, spoof, f" · disposition: {disposition}")]
