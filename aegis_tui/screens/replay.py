"""Screen 4 while something is replayed: the tape, and the alerts so far. Blocking is off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.pane import TextPane
from aegis_tui.widgets.rows import ALERT_COLUMNS, alert_rows, in_time
from aegis_tui.widgets.story import asked, conclusion, heading, trace
from aegis_tui.widgets.table import Table
from aegis_tui.widgets.tape import tape_line
from engine.types import ProposalState, Snapshot, StepKind

FEWEST_ROWS = 6
"""Of the table of alerts, with heading and titles: it takes what it needs, at most half; the story the rest."""


class TapePane(TextPane):
    """The transport bar; home and end go to the ends of the tape."""

    class Wound(Message):
        """The person wants the start, or the end."""

        def __init__(self, to_end: bool) -> None:
            super().__init__()
            self.to_end = to_end

    def action_end(self, direction: int) -> None:
        """Go to the start or the end of the tape."""
        self.post_message(self.Wound(direction > 0))


class ReplayScreen(View):
    """Transport bar and the alerts so far."""

    view = "replay"
    first = "#replayed"
    companions: ClassVar[Mapping[str, str]] = {"replayed": "retold"}
    DEFAULT_CSS = """
    ReplayScreen #transport { height: 5; max-height: 40%; }
    ReplayScreen.-narrow #transport, ReplayScreen.-low #transport { display: block; }
    """

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield TapePane("Replay", id="transport")
            yield Table("Alerts", ALERT_COLUMNS, id="replayed")
            yield TextPane("Incident", id="retold", follow=True)

    def draw_panes(self, scene: Scene) -> None:
        """Draw the transport and the alerts, oldest first."""
        table = self.query_one("#replayed", Table)
        if scene.now.status.mode != "replay":
            self.query_one("#transport", TextPane).write([paragraph(text) for text in _not_a_replay()], "Replay")
            table.fill((), "Alerts", ("Alerts of a replay appear here.",))
            self.query_one("#retold", TextPane).write([paragraph("What the analyst makes of them appears here.")])
            return
        alerts = in_time(scene.shown.alerts)
        pane = self.query_one("#transport", TextPane)
        pane.write(_transport(scene, pane.size.width or 80), f"REPLAY {scene.now.status.source}")
        table.fill(alert_rows(alerts), f"Alerts {len(alerts)}{_ahead(scene)}", _none_yet(scene))
        story = self.query_one("#retold", TextPane)
        table.styles.height = max(FEWEST_ROWS, len(alerts) + 3) if story.display else "1fr"
        table.styles.max_height = "50%" if story.display else "100%"
        table.select(scene.alert_id)
        story.write(*_retold(scene))

    @on(Table.Moved, "#replayed")
    def _alert_moved(self, event: Table.Moved) -> None:
        self.post_message(self.Selected("", event.key))

    @on(Table.Opened, "#replayed")
    def _alert_opened(self, event: Table.Opened) -> None:
        self.post_message(self.Selected("", event.key, go=True))


def _retold(scene: Scene) -> tuple[list[Paragraph], str]:
    """Return what the analyst does about the incident of the alert under the cursor, and whose story it is."""
    incident, view = scene.selected(), scene.incident
    if incident is None:
        return [paragraph("What the analyst makes of an alert appears here, step by step.")], "Incident"
    if view is None or view.incident.id != incident.id:
        return [paragraph("Reading the incident …")], heading(incident)
    ended = conclusion(view) if view.verdict else []
    steps = [step for step in view.steps if not ended or step.kind is not StepKind.VERDICT]
    return [*trace(steps, 3), *ended, *asked(view)], heading(incident)


def _not_a_replay() -> tuple[str, ...]:
    return (
        "Nothing is replayed.",
        f"{key_of('library')} opens the library of stored incidents and captures: "
        f"{key_of('open')} replays one beside what goes on here.",
        "A replay needs no root and no network, touches nothing live, and cannot block.",
    )


def _ahead(scene: Scene) -> str:
    tape = scene.now.tape
    later = sum(at > tape.at for at in tape.alerts) if tape else 0
    return f", {later} later" if later else ""


def _none_yet(scene: Scene) -> tuple[str, ...]:
    """Return what to say before the first alert of a replay."""
    if scene.now.finished:
        return ("This capture holds no alerts.",)
    goes_on = f"{key_of('play')} goes on" if scene.now.tape and not scene.now.tape.playing else "It goes on"
    return ("No alerts up to this moment.", f"{goes_on}; {key_of('alert-next')} goes to the next alert.")


def _transport(scene: Scene, width: int) -> list[Paragraph]:
    now, tape = scene.now, scene.now.tape
    rows = []
    if tape is not None:
        rows.append(Paragraph(tape_line(tape, width, ended=now.finished, plain_bars=scene.plain_bars)))
    steps = f"step {tape.step}/{tape.steps}{'' if tape.whole else '…'}, " if tape is not None else ""
    counters = now.counters
    flows = max(counters.flows_total, counters.flows_now)
    packets = f"{counters.parsed:,} packets, " if counters.parsed else ""
    rows += [
        paragraph(("blocking off", "warn"), ": nothing can be approved. Never-block list then: not recorded."),
        paragraph(f"{steps}{packets}{flows:,} flow{'' if flows == 1 else 's'}; the trace's times: wall clock"),
    ]
    return [*rows, _beside(scene.beside) if scene.beside is not None else _next()]


def _next() -> Paragraph:
    """Return where to go from here."""
    alert, all_of_them, start = key_of("open"), key_of("screen-overview"), key_of("replay-start")
    return paragraph(f"{alert} opens an alert's incident, {all_of_them} lists all of them, {start} goes to the start")


def _beside(live: Snapshot) -> Paragraph:
    """Return what goes on beside the replay, which nobody may miss for watching it."""
    status, counters = live.status, live.counters
    if status.mode == "library":
        return paragraph(f"{key_of('back')} ends the replay and goes back to the library")
    asked = sum(proposal.state is ProposalState.PENDING for proposal in live.proposals)
    waiting = (f" · {asked} PROPOSAL{'S' if asked > 1 else ''} WAITING", "warn") if asked else ""
    lost = counters.kernel_dropped + counters.shed
    number = len(live.incidents)
    told = f": {status.source}, {number} incident{'' if number == 1 else 's'}, lost {lost}"
    goes_on = "WAITS" if status.mode == "replay" else f"{status.mode.upper()} goes on"
    return paragraph((goes_on, "bold"), told, waiting, f" · {key_of('back')} ends it")
