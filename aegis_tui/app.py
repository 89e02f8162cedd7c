"""The console: one Textual application that draws the engine's state and carries a person's decisions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.screen import Screen
from textual.worker import Worker, WorkerError, WorkerState

from aegis_tui.acting.appearing import Preferences
from aegis_tui.acting.judging import JudgingApp
from aegis_tui.acting.replaying import ToldByReplay
from aegis_tui.bridge import REFUSALS, EngineView, Told, listen
from aegis_tui.keyboard.keys import INCIDENT_VIEWS
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.overview import FlowOpened, Overview
from aegis_tui.screens.replay import ReplayScreen
from aegis_tui.screens.view import Scene, View
from aegis_tui.terminal import still
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.rows import in_time, urgency
from aegis_tui.widgets.safe import foreign, visible
from aegis_tui.widgets.table import Aim
from aegis_tui.widgets.words import ASK_KERNEL, asked_for, clock, dated, span
from engine.courtesy import leaving
from engine.recovery import recovered
from engine.types import Block, BlockState, Fault, IncidentView, Proposal, ProposalState, Recovery, Snapshot

log = logging.getLogger(__name__)

POLL_S = 0.25
BELOW_EVERY = 6
"""Polls between two drawings of what lies below a dialog: it is read less, and loss still shows within 2 s."""
ENDED_EVERY = 8
"""Polls between two readings of the blocks that ended, while screen 3 is shown."""
HANG_UP_EVERY_S = 0.5
WAYS_BACK = 64
"""Views that esc leads back through; the first ones are forgotten."""
RECOVERY_TOLD_S = 86400.0
UNKNOWN = "not known now"
PANIC_HINT = "sudo aegis-tui panic-unblock"


SECOND = (
    "incident", "blocks", "health", "suppressions", "batch_dialog", "block_dialog", "suppress_dialog", "note",
    "command_line", "palette", "help", "copying",
)  # fmt: skip
"""Screens that the first frame does without. They are loaded right after it, before anybody asks for one: days later
another version may lie on the disk, or this process may not read it."""


def _made(module: str, name: str) -> Screen[None]:
    """Return a view of one of those modules."""
    found: Screen[None] = getattr(import_module(f"aegis_tui.screens.{module}"), name)()
    return found


class AegisApp(JudgingApp):
    """The views over one engine, and the way between them."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "Aegis"
    SCREENS: ClassVar[dict[str, Callable[[], Screen[None]]]] = {
        "overview": Overview,
        "incident": partial(_made, "incident", "IncidentScreen"),
        "blocks": partial(_made, "blocks", "BlocksScreen"),
        "replay": ReplayScreen,
        "library": LibraryScreen,
        "health": partial(_made, "health", "HealthScreen"),
        "suppressions": partial(_made, "suppressions", "SuppressionsScreen"),
    }

    def __init__(
        self,
        engine: EngineView,
        start: Callable[[], Awaitable[None]] | None = None,
        first_view: str = "overview",
        monotonic: Callable[[], float] = time.monotonic,
        preferences: Preferences | None = None,
    ) -> None:
        super().__init__(engine, monotonic)
        self.obey(preferences or Preferences())
        self._start = start
        self._first_view = first_view
        self._history: deque[str] = deque(maxlen=WAYS_BACK)
        self._rates = Rates()
        self._runs = 0
        self._incident: IncidentView | None = None
        self._incident_id = ""
        self._alert_id = ""
        self._stale = True
        self._frozen: tuple[Snapshot, float] | None = None
        self._ended: tuple[Block, ...] = ()
        self._polls = 0
        self._engine_at_work: Worker[None] | None = None
        self._recovery: Recovery | None = None
        """What was told of a run that broke off."""
        self._drawn: still.Seen | None = None
        self._unseen = 0
        """Polls since all screens were drawn, those below a dialog too."""
        self._started_at = 0.0
        self._plain_bars = os.environ.get("TERM") == "linux"

    # --- life ---

    async def on_mount(self) -> None:
        """Show the first view, then start the engine."""
        self._watch_hang_up()
        await self.push_screen(self._first_view)
        self.poll()
        self.set_interval(POLL_S, lambda: self.poll(again=False))
        self.run_worker(listen(self.engine.subscribe(), self.post_message), name="bridge")
        self.call_after_refresh(self._load_second, iter(SECOND))

    def _load_second(self, modules: Iterator[str]) -> None:
        """Load what the first frame did without, keys between one and the next, then start the engine."""
        module = next(modules, "")
        if module:
            import_module(f"aegis_tui.screens.{module}")
            self.call_later(self._load_second, modules)
        elif self._start is not None:
            self._start_engine(self._start)

    def _start_engine(self, start: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await start()

        self._engine_at_work = self.run_worker(run(), name="engine", exit_on_error=False)

    async def run_async(self, **options: Any) -> Any:
        """Run until the console is closed and its engine has ended.

        The end of the event loop would else cut off what the engine still writes.
        """
        try:
            return await super().run_async(**options)
        finally:
            if (engine := self._engine_at_work) is not None:
                if not engine.is_cancelled:  # it began as the console ended, after all others had been told to
                    engine.cancel()
                with contextlib.suppress(WorkerError), leaving():
                    await engine.wait()

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
        words = _parting(self.home.snapshot())
        if self.return_code is None:  # a lost terminal is noticed by its signal and by looking at it
            why = f" by {signal.Signals(return_code - 128).name}" if return_code > 128 else ""
            log.info("the console ends%s; %s", why, words or "no block is in force")
        end = "" if UNKNOWN in words else f". To remove all blocks: {PANIC_HINT}"
        self.exit(return_code=return_code, message=Text(f"{words}{end}") if words else None)

    # --- drawing ---

    def poll(self, *, again: bool = True) -> None:
        """Draw the engine's state as it is now; unless ``again``, only where it is not what was drawn last."""
        if not self.screen_stack:  # an answer came while the console ends
            return
        snapshot = self.engine.snapshot()
        self._tell_recovery(snapshot)
        self._rates.add(snapshot.now, snapshot.counters)
        self._started_at = self._started_at or snapshot.now
        if not self._incident_id and snapshot.incidents:
            self._choose(min(snapshot.incidents, key=urgency).id)
        self._follow_tape(snapshot)
        self._load_incident()
        self._load_ended(snapshot)
        self.load_library()
        scene = self._scene(snapshot)
        drawn, self._drawn = self._drawn, still.seen(scene, self.size)
        if not again and still.is_on(self.screen_stack, drawn, self._drawn):
            self._drawn = drawn
            return
        self._unseen = 0 if again else self._unseen + 1
        for screen in self.screen_stack:
            if isinstance(screen, View) and screen.is_mounted:
                if screen is self.screen or self._unseen % BELOW_EVERY == 0:
                    screen.draw(scene)
            elif isinstance(screen, Decision) and screen.is_mounted:
                screen.draw(snapshot)

    def _tell_recovery(self, snapshot: Snapshot) -> None:
        """Say once what the engine recovered; who attaches days later is not told."""
        recovery, told = snapshot.recovery, self._recovery
        if recovery is None or recovery == told:
            return
        self._recovery = recovery
        if snapshot.now - recovery.at < RECOVERY_TOLD_S:
            lately = snapshot.now - recovery.last_record_at < RECOVERY_TOLD_S / 2
            self.say(recovered(recovery, clock if lately else dated), "warn")

    def _scene(self, snapshot: Snapshot) -> Scene:
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
            notice=self._last_line(snapshot),
            started_at=self._started_at,
            plain_bars=self._plain_bars,
            ended=self._ended,
            keymap=self.keymap,
            beside=self.home.snapshot() if self.is_beside else None,
            library=self.shelved(),
            rules=tuple(self.engine.suppressions()),
        )

    def _last_line(self, snapshot: Snapshot) -> Line:
        """Return what stands in the place of the key hints: what would revert, or what was said lately."""
        status, (said, until) = snapshot.status, self._notice
        said = said if self._monotonic() < until else ()
        if status.keep_within_s > 0:
            inbound = status.dataplane.partition(",")[0]
            what = f"any key keeps {inbound} on {status.source}, attached for the first time"
            reverts = line((f"{int(status.keep_within_s)} s: {what}", "warn"))
            return (*reverts, *line("; ", *said)) if said else reverts
        return said

    def _follow_tape(self, snapshot: Snapshot) -> None:
        """Look at the alert that a replay was sent to, and read anew what another run of it tells."""
        run = snapshot.tape.run if snapshot.tape is not None and not snapshot.tape.seeking else self._runs
        self._stale, self._runs = self._stale or run != self._runs, run
        alert_id = self.arrived_at_alert()
        if alert_id:
            self._choose(self._incident_of(alert_id), alert_id)

    def forget_view(self) -> None:
        """Forget what was shown: another engine is."""
        self._rates, self._frozen, self._incident = Rates(), None, None
        self._incident_id = self._alert_id = ""
        self._started_at, self._runs = 0.0, 0

    def _choose(self, incident_id: str, alert_id: str = "") -> None:
        if incident_id != self._incident_id:
            self._incident_id, self._stale = incident_id, True
        self._alert_id = alert_id

    def _load_incident(self) -> None:
        if self._stale and self._incident_id:
            self._stale = False
            self.begin("incident", partial(self._fetch, self._incident_id))

    async def _fetch(self, incident_id: str) -> None:
        engine, found = self.engine, self._incident
        try:
            found = await engine.incident(incident_id)
        except LookupError:
            found = None
        except REFUSALS as refusal:
            self.say(f"cannot read {incident_id}: {foreign(str(refusal))}", "danger")
        if engine is self.engine:  # else a replay began or ended meanwhile, which tells of its own
            self._incident = found
        self.poll()

    def _load_ended(self, snapshot: Snapshot) -> None:
        shown = (
            any(isinstance(screen, View) and screen.view == "blocks" for screen in self.screen_stack)
            and snapshot.status.mode != "replay"
        )
        if shown and self._polls % ENDED_EVERY == 0:
            self.begin("ended", self._fetch_ended)
        self._polls = self._polls + 1 if shown else 0

    async def _fetch_ended(self) -> None:
        # What the guard cannot be asked is no news on this screen: the header says that it does not answer.
        with contextlib.suppress(*REFUSALS):
            self._ended = await self.engine.ended_blocks()
        self.poll()

    # --- what the engine tells ---

    @on(Told)
    def _told(self, told: Told) -> None:
        event = told.event
        self._stale = True
        live = "LIVE: " if self.watches_beside and not isinstance(told, ToldByReplay) else ""
        if isinstance(event, Proposal) and event.state is ProposalState.PENDING:
            block = self.keymap.first("block")
            how = f"end the replay, then {block} reviews it" if live else f"{block} reviews it"
            self.say(f"{live}{event.id}: block {asked_for(event)}? {how}", "warn")
        elif isinstance(event, Proposal) and event.state is ProposalState.REPLAY:
            if event not in self.engine.snapshot().proposals:
                return  # the replay went back to before it
            how = f"{self.keymap.first('block')} shows it, a replay blocks nothing"
            self.say(f"{event.id}: block {asked_for(event)} is proposed; {how}", "warn")
        elif isinstance(event, Fault) and not event.cleared:
            how = f"{self.keymap.first('screen-health')} shows what to do"
            self.say(f"{live}{event.ability}: {foreign(event.message)}  {how}", "warn")
        elif isinstance(event, Block) and event.state in (BlockState.FAILED, BlockState.DRIFTED):
            self.say(f"{live}block {event.prefix} {event.state.value}", "danger")

    # --- what the person looks at ---

    @on(View.Selected)
    def _selected(self, event: View.Selected) -> None:
        incident_id, alert_id = event.incident_id, event.alert_id
        if isinstance(event, FlowOpened):
            found = next((a for a in self.engine.snapshot().alerts if a.detection.flow_id == event.flow_id), None)
            if found is None:
                self.say("no alert was raised on this flow")
                return
            incident_id, alert_id = found.incident_id, found.id
        self._choose(incident_id or self._incident_of(alert_id) or self._incident_id, alert_id)
        if event.go:
            self.action_view("incident")
        self.poll()

    @on(Pane.NothingOpens)
    def _nothing_opens(self) -> None:
        keys = self.keymap
        self.say(f"nothing opens here: {keys.first('pane-next')} goes to the next pane, {keys.first('copy')} copies")

    def action_view(self, name: str) -> None:
        """Switch to another view, at its first pane; esc comes back to the pane that was left."""
        if not isinstance(self.screen, View):
            return
        if self.screen.view != name:
            self._history.append(self.screen.view)
            self._switch(name)
        found = self.get_screen(name)
        if isinstance(found, View) and found.is_mounted:
            found.begin()

    async def action_back(self) -> None:
        """Clear the filter, then the marks, or go back to the view before."""
        if not isinstance(self.screen, View) or self.screen.close_filter():
            return
        table = self.screen.table()
        if (table is not None and table.unmark()) or self.leaves_replay():
            return
        if self.screen.view == "overview":  # the way back ends where it begins
            self._history.clear()
        elif self._history:
            self._switch(self._history.pop())

    def _switch(self, name: str) -> None:
        name = self.place_of(name)
        if name == "library":
            self.read_library()
        self.switch_screen(name)
        self.call_after_refresh(self.poll)

    def action_pane(self, step: int) -> None:
        """Look at the next pane."""
        if isinstance(self.screen, View):
            self.screen.turn(step)

    def action_filter(self) -> None:
        """Ask for the filter's words."""
        if isinstance(self.screen, View):
            self.say("")
            self.screen.open_filter()

    def action_sort(self, step: int) -> None:
        """Sort the table that the person looks at by another column."""
        table = self._table()
        if table is not None:
            title = table.sort(step)
            self.say(
                f"sorted by {title}, {self.keymap.first('sort-reverse')} turns it round"
                if title
                else "in the order as it comes"
            )
        else:
            self.say(f"{self.keymap.first('sort')} sorts a table: {self.keymap.first('pane-next')} goes to one")

    def action_turn_over(self) -> None:
        """Turn the order of the rows round."""
        table = self._table()
        if table is not None:
            table.turn_over()

    def action_freeze(self) -> None:
        """Hold the tables still, or let them go."""
        self._frozen = None if self._frozen else (self.engine.snapshot(), self._monotonic())
        self.poll()

    def action_alert(self, step: int) -> None:
        """Go to the next or the previous alert of all incidents, in the order of time; a replay is taken there."""
        if self.engine.snapshot().tape is not None and isinstance(self.screen, ReplayScreen):
            self.go_to_alert(step)
            return
        alerts = in_time(self.engine.snapshot().alerts)
        if not alerts:
            self.say("no alerts")
            return
        at = next((n for n, alert in enumerate(alerts) if alert.id == self._alert_id), -1 if step > 0 else 0)
        alert = alerts[(at + step) % len(alerts)]
        self._choose(alert.incident_id, alert.id)
        self.say(f"alert {(at + step) % len(alerts) + 1}/{len(alerts)}: {alert.detection.label} {alert.target_ip}")

    def _incident_of(self, alert_id: str) -> str:
        return next((a.incident_id for a in self.engine.snapshot().alerts if a.id == alert_id), "")

    # --- what the person decides ---

    def looked_at(self) -> Aim | None:
        """Return the selected incident, where the view shows it."""
        if not isinstance(self.screen, View) or self.screen.view not in INCIDENT_VIEWS:
            return None
        snapshot = self.engine.snapshot()
        incident = next((i for i in snapshot.incidents if i.id == self._incident_id), None)
        return Aim(incident.target_ip, incident.id) if incident else None

    def show_incident(self, incident_id: str) -> None:
        """Look at an incident on its own screen."""
        self._choose(incident_id)
        self.action_view("incident")
        self.poll()

    def chosen_incident(self) -> str:
        """Return the id of the incident that the person sees, or an empty text."""
        aim = self.looked_at()
        return aim.incident_id if aim else ""

    def reread(self) -> None:
        """Have the incident on the screen read again."""
        self._stale = True

    async def action_quit(self) -> None:
        """Quit; where blocks are live, say first that they stay."""
        home = self.home.snapshot()
        if not _live_blocks(home):
            self._leave()
            return

        def answered(answer: str | None) -> None:
            if answer:
                self._leave()

        after = "" if home.status.stale_since else " after quitting"
        words = f"{_parting(home)}{after}.  y quits, any other key does not"
        self.push_screen(Ask(words, {"y": "yes", "enter": "yes"}), answered)


def _live_blocks(snapshot: Snapshot) -> int:
    return sum(block.state is BlockState.LIVE and not block.watch for block in snapshot.blocks)


def _parting(snapshot: Snapshot) -> str:
    """Return which blocks stay in force, or that this is not known; empty where none does."""
    live, status = _live_blocks(snapshot), snapshot.status
    number = "1 block" if live == 1 else f"{live} blocks"
    if status.loading and status.mode == "live":
        return f"Which blocks are in force is {UNKNOWN}: {ASK_KERNEL}"
    if status.stale_since:
        return f"{number} in force at {clock(status.stale_since)}, {UNKNOWN}: {ASK_KERNEL}"
    return f"{number} {'stays' if live == 1 else 'stay'} in force" if live else ""
