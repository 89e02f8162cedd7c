"""The console: one Textual application that draws the engine's state and carries a person's decisions."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from aegis_tui.bridge import REFUSALS, EngineView, Told, listen
from aegis_tui.keys import app_bindings
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.block_dialog import BlockDialog
from aegis_tui.screens.blocks import BlocksScreen
from aegis_tui.screens.health import HealthScreen
from aegis_tui.screens.help import Help
from aegis_tui.screens.incident import IncidentScreen
from aegis_tui.screens.overview import FlowOpened, Overview
from aegis_tui.screens.replay import ReplayScreen
from aegis_tui.screens.view import Scene, View
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.safe import foreign, visible
from aegis_tui.widgets.transport import Transport
from aegis_tui.widgets.words import span
from engine.types import Block, BlockState, Disposition, Fault, IncidentView, Proposal, ProposalState, Snapshot

POLL_S = 0.25
NOTICE_S = 8.0
HANG_UP_EVERY_S = 0.5
PANIC_HINT = "aegis-tui panic-unblock"


class AegisApp(App[None]):
    """The five views over one engine."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "Aegis"
    BINDINGS: ClassVar[list[BindingType]] = [*app_bindings()]
    SCREENS: ClassVar[dict[str, Callable[[], Screen[None]]]] = {
        "overview": Overview,
        "incident": IncidentScreen,
        "blocks": BlocksScreen,
        "replay": ReplayScreen,
        "health": HealthScreen,
    }

    def __init__(
        self,
        engine: EngineView,
        start: Callable[[], Awaitable[None]] | None = None,
        first_view: str = "overview",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.theme = "ansi-dark"
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
        self.engine = engine
        self._start = start
        self._first_view = first_view
        self._monotonic = monotonic
        self._history: list[str] = []
        self._rates = Rates()
        self._transport = Transport()
        self._incident: IncidentView | None = None
        self._incident_id = ""
        self._alert_id = ""
        self._stale = True
        self._frozen: tuple[Snapshot, float] | None = None
        self._notice: tuple[Line, float] = ((), 0.0)
        self._started_at = 0.0
        self._plain_bars = os.environ.get("TERM") == "linux"

    # --- life ---

    async def on_mount(self) -> None:
        """Show the first view, then start the engine."""
        self._watch_hang_up()
        await self.push_screen(self._first_view)
        self.poll()
        self.set_interval(POLL_S, self.poll)
        self.run_worker(listen(self.engine.subscribe(), self.post_message), name="bridge")
        if self._start is not None:
            self.call_after_refresh(self._start_engine, self._start)

    def _start_engine(self, start: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await start()

        self.run_worker(run(), name="engine", exit_on_error=False)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.worker.name == "engine" and event.state is WorkerState.ERROR and event.worker.error:
            lines = traceback.format_exception(event.worker.error)
            text = "\n".join(visible(row) for row in "".join(lines).splitlines())
            self.exit(return_code=1, message=Text(text))

    def _watch_hang_up(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            # Only the main thread may set handlers; tests run the app wherever they like.
            with contextlib.suppress(ValueError, RuntimeError):
                loop.add_signal_handler(number, self._leave, 128 + number)
        if sys.__stdin__ is None or not sys.__stdin__.isatty() or self.is_headless:
            return
        poll = select.poll()
        poll.register(sys.__stdin__.fileno(), 0)
        self.set_interval(HANG_UP_EVERY_S, lambda: self._leave(128 + signal.SIGHUP) if poll.poll(0) else None)

    def _leave(self, return_code: int = 0) -> None:
        live = self._live_blocks()
        words = f"{_stay(live)} in force. To remove all blocks: {PANIC_HINT}" if live else None
        self.exit(return_code=return_code, message=Text(words) if words else None)

    async def on_event(self, event: events.Event) -> None:
        """Drop keys, clicks and pastes that come too soon for the dialog on top."""
        early = isinstance(event, events.InputEvent | events.Paste) and isinstance(self.screen_or_none, BlockDialog)
        if early and not isinstance(event, events.MouseMove) and self._dialog_is_deaf():
            event.stop()
            return
        await super().on_event(event)

    # --- drawing ---

    def poll(self) -> None:
        """Draw the engine's state as it is now."""
        snapshot = self.engine.snapshot()
        self._rates.add(snapshot.now, snapshot.counters)
        self._started_at = self._started_at or snapshot.now
        if not self._incident_id and snapshot.incidents:
            self._choose(snapshot.incidents[0].id)
        self._load_incident()
        scene = self._scene(snapshot)
        for screen in self.screen_stack:
            if isinstance(screen, View) and screen.is_mounted:
                screen.draw(scene)
            elif isinstance(screen, BlockDialog) and screen.is_mounted:
                screen.draw(snapshot)

    def _scene(self, snapshot: Snapshot) -> Scene:
        notice, until = self._notice
        held = self._frozen
        words = ""
        if held:
            more = snapshot.counters.flows_total - held[0].counters.flows_total
            words = f"FROZEN {span(self._monotonic() - held[1])} +{more} flows"
        return Scene(
            now=snapshot,
            shown=held[0] if held else snapshot,
            rates=self._rates,
            incident=self._incident,
            incident_id=self._incident_id,
            alert_id=self._alert_id,
            frozen=words,
            notice=notice if self._monotonic() < until else (),
            speed=self._transport.speed,
            paused=self._transport.paused,
            started_at=self._started_at,
            plain_bars=self._plain_bars,
        )

    def _say(self, words: str, style: str = "bold") -> None:
        self._notice = (line((words, style)), self._monotonic() + NOTICE_S)
        self.poll()

    def _choose(self, incident_id: str, alert_id: str = "") -> None:
        if incident_id != self._incident_id:
            self._incident_id, self._stale = incident_id, True
        self._alert_id = alert_id

    def _load_incident(self) -> None:
        if self._stale and self._incident_id:
            self._stale = False
            self.run_worker(self._fetch(self._incident_id), group="incident", exclusive=True)

    async def _fetch(self, incident_id: str) -> None:
        try:
            self._incident = await self.engine.incident(incident_id)
        except LookupError:
            self._incident = None
        except REFUSALS as refusal:
            self._say(f"cannot read {incident_id}: {foreign(str(refusal))}", "danger")
        self.poll()

    # --- what the engine tells ---

    @on(Told)
    def _told(self, told: Told) -> None:
        event = told.event
        self._stale = True
        if isinstance(event, Proposal) and event.state is ProposalState.PENDING:
            self._say(f"{event.id}: block {event.terms.prefix}? b reviews it", "warn")
        elif isinstance(event, Proposal) and event.state is ProposalState.REPLAY:
            self._say(
                f"{event.id}: block {event.terms.prefix} is proposed; b shows it (a replay blocks nothing)", "warn"
            )
        elif isinstance(event, Fault) and not event.cleared:
            self._say(f"{event.ability}: {foreign(event.message)}  5 shows what to do", "warn")
        elif isinstance(event, Block) and event.state in (BlockState.FAILED, BlockState.DRIFTED):
            self._say(f"block {event.prefix} {event.state.value}", "danger")

    # --- what the person looks at ---

    @on(View.Selected)
    def _selected(self, event: View.Selected) -> None:
        incident_id, alert_id = event.incident_id, event.alert_id
        if isinstance(event, FlowOpened):
            found = next((a for a in self.engine.snapshot().alerts if a.detection.flow_id == event.flow_id), None)
            if found is None:
                self._say("no alert was raised on this flow")
                return
            incident_id, alert_id = found.incident_id, found.id
        self._choose(incident_id or self._incident_of(alert_id) or self._incident_id, alert_id)
        if event.go:
            self.action_view("incident")
        self.poll()

    def action_view(self, name: str) -> None:
        """Switch to another view; esc comes back."""
        if isinstance(self.screen, View) and self.screen.view != name:
            self._history.append(self.screen.view)
            self._switch(name)

    async def action_back(self) -> None:
        """Clear the filter, or go back to the view before."""
        if isinstance(self.screen, View) and not self.screen.close_filter() and self._history:
            self._switch(self._history.pop())

    def _switch(self, name: str) -> None:
        self.switch_screen(name)
        self.call_after_refresh(self.poll)

    def action_pane(self, step: int) -> None:
        """Look at the next pane."""
        if isinstance(self.screen, View):
            self.screen.turn(step)

    def action_filter(self) -> None:
        """Ask for the filter's words."""
        if isinstance(self.screen, View):
            self.screen.open_filter()

    def action_freeze(self) -> None:
        """Hold the tables still, or let them go."""
        self._frozen = None if self._frozen else (self.engine.snapshot(), self._monotonic())
        self.poll()

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(Help())

    def action_alert(self, step: int) -> None:
        """Go to the next or the previous alert of all incidents, in the order of time."""
        alerts = sorted(self.engine.snapshot().alerts, key=lambda alert: alert.first_at)
        if not alerts:
            self._say("no alerts")
            return
        at = next((n for n, alert in enumerate(alerts) if alert.id == self._alert_id), -1 if step > 0 else 0)
        alert = alerts[(at + step) % len(alerts)]
        self._choose(alert.incident_id, alert.id)
        self._say(f"alert {(at + step) % len(alerts) + 1}/{len(alerts)}: {alert.detection.label} {alert.target_ip}")

    def _incident_of(self, alert_id: str) -> str:
        return next((a.incident_id for a in self.engine.snapshot().alerts if a.id == alert_id), "")

    # --- what the person decides ---

    def action_review(self) -> None:
        """Open the block dialog for the row."""
        if isinstance(self.screen, View):
            address, incident_id = self.screen.target(self._scene(self.engine.snapshot()))
            if incident_id:
                self.run_worker(self._review(address, incident_id), group="review", exclusive=True)
            else:
                self._say("no incident is selected: a block needs one")

    async def _review(self, address: str, incident_id: str) -> None:
        try:
            proposal = self._waiting(incident_id) or await self.engine.propose(address, incident_id)
            review = await self.engine.review(proposal.id)
            view = await self.engine.incident(incident_id)
        except REFUSALS as refusal:
            self._say(f"cannot propose a block of {address}: {foreign(str(refusal))}", "danger")
            return
        if isinstance(self.screen, View):
            self.push_screen(BlockDialog(self.engine, review, view, self._monotonic), lambda _: self.poll())

    def _waiting(self, incident_id: str) -> Proposal | None:
        """Return the proposal of an incident that can still be decided on, or that a replay made."""
        now = self.engine.snapshot()
        asked = [p for p in now.proposals if p.terms.incident_id == incident_id]
        pending = (p for p in asked if p.state is ProposalState.PENDING and now.now < p.expires_at)
        return next(pending, None) or next((p for p in asked if p.state is ProposalState.REPLAY), None)

    def action_undo(self) -> None:
        """Ask whether to undo the block of the row, or the last one."""
        blocks = sorted(self.engine.snapshot().blocks, key=lambda block: block.added_at)
        if not blocks:
            self._say("nothing is blocked")
            return
        row = self.screen.block_prefix() if isinstance(self.screen, BlocksScreen) else ""
        prefix = row or blocks[-1].prefix

        def answered(answer: str | None) -> None:
            if answer:
                self.run_worker(self._undo(prefix), group="undo")

        self.push_screen(Ask(f"Let {prefix} pass again?  y yes, any other key no", {"y": "yes"}), answered)

    async def _undo(self, prefix: str) -> None:
        try:
            await self.engine.unblock(prefix)
        except REFUSALS as refusal:
            self._say(f"cannot undo the block of {prefix}: {foreign(str(refusal))}", "danger")
        else:
            self._say(f"{prefix} passes again")

    def action_disposition(self) -> None:
        """Ask what the selected incident was."""
        incident_id = self._incident_id
        keys = {
            "t": Disposition.TRUE_POSITIVE,
            "b": Disposition.BENIGN_POSITIVE,
            "f": Disposition.FALSE_POSITIVE,
            "u": Disposition.UNDETERMINED,
        }

        def answered(answer: str | None) -> None:
            if answer:
                self.run_worker(self._dispose(incident_id, Disposition(answer)), group="disposition")

        if incident_id:
            words = f"{incident_id} was:  t true positive  b benign positive  f false positive  u undetermined  esc"
            self.push_screen(Ask(words, keys), answered)

    async def _dispose(self, incident_id: str, disposition: Disposition) -> None:
        try:
            await self.engine.set_disposition(incident_id, disposition)
        except REFUSALS as refusal:
            self._say(f"cannot store the disposition: {foreign(str(refusal))}", "danger")
        else:
            self._stale = True
            self._say(f"{incident_id}: {disposition.value.replace('_', ' ')}")

    def action_transport(self, key: str) -> None:
        """Steer the replay."""
        if self.engine.snapshot().status.mode != "replay":
            self._say("nothing is replayed: this console watches live traffic")
            return
        try:
            self.engine.transport(*self._transport.press(key))
        except REFUSALS as refusal:
            self._say(f"cannot: {foreign(str(refusal))}")
        self.poll()

    async def action_quit(self) -> None:
        """Quit; where blocks are live, say first that they stay."""
        live = self._live_blocks()
        if not live:
            self._leave()
            return

        def answered(answer: str | None) -> None:
            if answer:
                self._leave()

        words = f"{_stay(live)} in force after quitting.  y quits, any other key does not"
        self.push_screen(Ask(words, {"y": "yes", "enter": "yes"}), answered)

    def _live_blocks(self) -> int:
        return sum(block.state is BlockState.LIVE for block in self.engine.snapshot().blocks)

    @property
    def screen_or_none(self) -> Screen[object] | None:
        """The screen on top, or None while there is none yet."""
        return self.screen_stack[-1] if self.screen_stack else None

    def _dialog_is_deaf(self) -> bool:
        top = self.screen_or_none
        return isinstance(top, BlockDialog) and top.deaf


def _stay(live: int) -> str:
    return "1 block stays" if live == 1 else f"{live} blocks stay"
