"""Screen 4: a recorded capture or incident, played again with blocking off."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rows import ALERT_COLUMNS, alert_rows
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.words import clock

NOT_A_REPLAY = (
    "Nothing is replayed: this console watches live traffic.",
    "In another terminal: aegis-tui replay FILE.pcap, or aegis-tui replay INC-… for a stored incident.",
    "A replay needs no root and no network, touches nothing live, and cannot block.",
)


class ReplayScreen(View):
    """Transport bar and the alerts so far."""

    view = "replay"
    first = "#replayed"
    DEFAULT_CSS = """
    ReplayScreen #transport { height: 7; }
    ReplayScreen.-narrow #transport, ReplayScreen.-low #transport { display: block; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield TextPane("Replay", id="transport")
            yield Table("Alerts", ALERT_COLUMNS, id="replayed")

    def draw_panes(self, scene: Scene) -> None:
        """Draw the transport and the alerts, oldest first."""
        table = self.query_one("#replayed", Table)
        if scene.now.status.mode != "replay":
            self.query_one("#transport", TextPane).write([paragraph(text) for text in NOT_A_REPLAY], "Replay")
            table.fill((), "Alerts", ("Alerts of a replay appear here; n and N go through them.",))
            return
        alerts = sorted(scene.shown.alerts, key=lambda alert: alert.first_at)
        self.query_one("#transport", TextPane).write(_transport(scene), f"Replay of {scene.now.status.source}")
        table.fill(alert_rows(alerts), f"Alerts {len(alerts)}", ("No alerts yet in this replay.",))
        table.select(scene.alert_id)

    @on(Table.Moved, "#replayed")
    def _alert_moved(self, event: Table.Moved) -> None:
        self.post_message(self.Selected("", event.key))

    @on(Table.Opened, "#replayed")
    def _alert_opened(self, event: Table.Opened) -> None:
        self.post_message(self.Selected("", event.key, go=True))


def _transport(scene: Scene) -> list[Paragraph]:
    snapshot = scene.now
    state = "ENDED" if snapshot.finished else "PAUSED" if scene.paused else "PLAYING"
    return [
        paragraph((state, "bold"), f"  speed ×{scene.speed:g}  capture time {clock(snapshot.now)}"),
        paragraph(("blocking off", "warn"), ": the kernel is not touched, and no proposal can be approved."),
        paragraph(
            f"{snapshot.counters.parsed} packets, {snapshot.counters.flows_total} flows, {len(snapshot.alerts)} alerts"
        ),
        paragraph(
            ("p", "bold"),
            " play/pause  ",
            (". ,", "bold"),
            " step  ",
            ("[ ]", "bold"),
            " speed  ",
            ("n N", "bold"),
            " alert",
        ),
    ]
