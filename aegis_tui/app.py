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
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from importlib import import_module
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import Worker, WorkerError, WorkerState

from aegis_tui.acting.appearing import Copies, Looks, Preferences
from aegis_tui.acting.attaching import Presence, Roles
from aegis_tui.acting.blocking import Blocks
from aegis_tui.acting.commanding import Commands
from aegis_tui.acting.console import Deed
from aegis_tui.acting.explaining import Pages
from aegis_tui.acting.exporting import Exports
from aegis_tui.acting.going import Ways
from aegis_tui.acting.inquiring import Questions
from aegis_tui.acting.judging import Judgements
from aegis_tui.acting.replaying import WORKER, Replays, ToldByReplay
from aegis_tui.acting.reviewing import Reviews
from aegis_tui.acting.seeing import Selection, Sight
from aegis_tui.acting.shelving import Shelf
from aegis_tui.acting.telling import LastLine
from aegis_tui.acting.winding import Tape
from aegis_tui.bridge import REFUSALS, EngineView, Studio, Told, listen
from aegis_tui.keyboard.history import History
from aegis_tui.keyboard.keymap import help_of, named, use
from aegis_tui.keyboard.keys import APP_COMMANDS
from aegis_tui.keyboard.typeahead import TypeaheadApp
from aegis_tui.screens.ask import Ask
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.dialog import Dialog
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.overview import FlowOpened, Overview
from aegis_tui.screens.replay import ReplayScreen, TapePane
from aegis_tui.screens.view import Scene, View
from aegis_tui.terminal import still
from aegis_tui.widgets.line import Line, line
from aegis_tui.widgets.pane import Pane
from aegis_tui.widgets.rates import Rates
from aegis_tui.widgets.safe import foreign, visible
from aegis_tui.widgets.words import ASK_KERNEL, asked_for, clock, dated, span
from engine.courtesy import leaving
from engine.recovery import recovered
from engine.types import Block, BlockState, Fault, Proposal, ProposalState, Recovery, Snapshot

log = logging.getLogger(__name__)

POLL_S = 0.25
BELOW_EVERY = 6
"""Polls between two drawings of what lies below a dialog: it is read less, and loss still shows within 2 s."""
ENDED_EVERY = 8
"""Polls between two readings of the blocks that ended, while screen 3 is shown."""
HANG_UP_EVERY_S = 0.5
LONGEST_COPY = 50_000
"""Characters that are put on the clipboard: terminals take about 74,000 of base64."""
ANSWERS = frozenset({"enter", "space", "escape", "y"})
"""Keys that do nothing else when they answer a line that asks for any key; a command's key does both."""
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


class AegisApp(TypeaheadApp):
    """The views over one engine; it owns the parts that act, and draws what they look at."""

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
        studio: Studio | None = None,
    ) -> None:
        super().__init__()
        wishes = preferences or Preferences()
        self.home = engine
        """The console's own engine: it goes on whatever is shown."""
        self.engine = engine
        """The one that is shown."""
        self.monotonic = monotonic
        self.keymap = wishes.keymap
        """The keys in force."""
        self._to_terminal = wishes.clipboard
        self._start = start
        self._first_view = first_view
        self._ended: tuple[Block, ...] = ()
        self._polls = 0
        self._engine_at_work: Worker[None] | None = None
        self._recovery: Recovery | None = None
        """What was told of a run that broke off."""
        self._is_up = False
        """Whether the first view stands."""
        self._told_to_leave: int | None = None
        """The status to end with once it does."""
        self._drawn: still.Seen | None = None
        self._unseen = 0
        """Polls since all screens were drawn, those below a dialog too."""
        self._plain_bars = os.environ.get("TERM") == "linux"
        self._begin_anew()
        self._bind_keys()
        self._own_parts(wishes, studio)

    def _begin_anew(self) -> None:
        self._rates = Rates()
        self._runs = 0
        self._frozen: tuple[Snapshot, float] | None = None
        self._started_at = 0.0

    def _bind_keys(self) -> None:
        use(self.keymap)
        for keys, command in self.keymap.for_app():
            self.bind(keys, f"press('{command.name}')", description=help_of(command), show=False)
        self.set_keymap(self.keymap.moved())

    def _own_parts(self, wishes: Preferences, studio: Studio | None) -> None:
        """Make the parts, each of the console and of parts made before it."""
        views = tuple(self.SCREENS)
        folder = wishes.state / "exports" if wishes.state else None
        self.last_line = LastLine(self, self.set_interval)
        self.presence = Presence(self)
        self.selection = Selection(self)
        self.sight = Sight(self, self.selection)
        self.roles = Roles(self)
        self.tape = Tape(self)
        self.shelf = Shelf(self, self.home, studio)
        self.ways = Ways(self, views, self.sight, self.selection, self.shelf)
        self.replays = Replays(self, self.home, studio, self.sight, self.ways, self.last_line)
        reviews = Reviews(self, self.sight)
        parts = (
            reviews,
            Blocks(self, self.sight, self.roles, reviews),
            Judgements(self, self.sight, self.selection, self.roles, self.ways, wishes.person),
            Questions(self, self.sight, self.ways, self.last_line),
            Exports(self, self.sight, self.replays, folder),
            Pages(self, self.sight, self.last_line, self.keymap, wishes.settings),
            Looks(self, self, wishes),
            Copies(self, self.copy_to_clipboard, wishes.clipboard),
            self.roles,
            self.tape,
            self.ways,
            self.replays,
        )
        deeds = [self._own_deeds(), *(part.deeds for part in parts)]
        self.commands = Commands(self, self.sight, self.keymap, History(wishes.state), views, deeds)

    def _own_deeds(self) -> dict[str, Deed]:
        """Return what joins parts that know nothing of each other."""
        return {
            "alert-next": Deed(partial(self._go_to_alert, 1)),
            "alert-previous": Deed(partial(self._go_to_alert, -1)),
            "freeze": Deed(self._freeze),
            "back": Deed(self._back),
            "quit": Deed(self._ask_to_quit),
        }

    # --- what its parts may do with it ---

    def say(self, words: str, style: str = "bold") -> None:
        """Show words on the last line for a while, and keep them."""
        self.last_line.say(words, style)

    def work(self, work: Awaitable[None], group: str) -> None:
        """Do what a person told the engine."""
        # Another dialog takes the place of one that has not opened; what a person told the guard is never cut short.
        self.run_worker(work, group=group, exclusive=group == "review")

    def begin(self, group: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work that takes the place of what its group does: it may be replaced before it was called."""
        _: Worker[None] = self.run_worker(work, group=group, exclusive=True)

    def show_engine(self, engine: EngineView) -> None:
        """Show another engine, and forget what was shown of the one before."""
        self.engine = engine
        self._begin_anew()
        self.selection.forget()

    def copy_to_clipboard(self, text: str) -> None:
        """Keep a value to paste in the console; only where that is allowed, give it to the terminal too."""
        inert = visible(text)[:LONGEST_COPY]
        if self._to_terminal:
            super().copy_to_clipboard(inert)
        else:
            self._clipboard = inert

    # --- keys ---

    async def on_event(self, event: events.Event) -> None:
        """Drop what comes too soon for the dialog on top, or after the end; any key proves that nobody is cut off."""
        if isinstance(event, events.InputEvent | events.Paste) and self.return_code is not None:
            return
        if isinstance(event, events.Key | events.MouseDown):
            proved = self.presence.prove(event.time)
            if isinstance(self.screen, View):
                self.screen.hold(event.time)
                if (
                    proved
                    and isinstance(event, events.Key)
                    and event.key in ANSWERS
                    and not isinstance(self.focused, Input)
                ):
                    event.stop()
                    return
        top = self.screen_stack[-1] if self.screen_stack else None
        typed = isinstance(event, events.InputEvent | events.Paste) and not isinstance(event, events.MouseMove)
        if typed and isinstance(top, Dialog) and top.is_deaf(time.monotonic() - event.time):
            event.stop()
            return
        await super().on_event(event)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key does this here: another command may have it in this view."""
        if action != "press":
            return super().check_action(action, parameters)
        command = named(str(parameters[0]), APP_COMMANDS)
        return command is not None and self.keymap.acts(command, self.sight.name())

    def action_press(self, name: str) -> None:
        """Do what the command of this name does."""
        self.commands.press(name)

    def action_help_quit(self) -> None:
        """Say how to quit, where Textual would in a pop-up."""
        self.say(f"{self.keymap.faces('quit') or ':quit'} quits; blocks stay in force")

    async def action_quit(self) -> None:
        """Quit by the key that Textual has for it."""
        self._ask_to_quit()

    # --- life ---

    async def on_mount(self) -> None:
        """Show the first view, then start the engine."""
        self._watch_hang_up()
        await self.push_screen(self._first_view)
        self._is_up = True
        if self._told_to_leave is not None:
            self._leave(self._told_to_leave)
            return
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
        elif event.worker.name == WORKER and event.state is WorkerState.ERROR:
            self.replays.failed(str(event.worker.error))

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
        if not self._is_up:  # a view that is being laid out cannot be taken away
            self._told_to_leave = return_code
            return
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
        self.presence.look(snapshot.status)
        self._tell_recovery(snapshot)
        self._rates.add(snapshot.now, snapshot.counters)
        self._started_at = self._started_at or snapshot.now
        self.selection.begin(snapshot)
        self._follow_tape(snapshot)
        self.selection.load()
        self._load_ended(snapshot)
        self.shelf.load()
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
            words = f"FROZEN {span(self.monotonic() - held[1])} +{more} flows"
        return Scene(
            now=snapshot,
            shown=held[0] if held else snapshot,
            rates=self._rates,
            incident=self.selection.incident,
            incident_id=self.selection.incident_id,
            alert_id=self.selection.alert_id,
            frozen=words,
            notice=self._last_line(snapshot),
            started_at=self._started_at,
            plain_bars=self._plain_bars,
            ended=self._ended,
            keymap=self.keymap,
            beside=self.home.snapshot() if self.replays.is_beside else None,
            library=self.shelf.shelved(),
            rules=tuple(self.engine.suppressions()),
        )

    def _last_line(self, snapshot: Snapshot) -> Line:
        """Return what stands in the place of the key hints: what would revert, or what was said lately."""
        status, said = snapshot.status, self.last_line.shown()
        if status.keep_within_s > 0:
            inbound = status.dataplane.partition(",")[0]
            ifaces = " ".join(status.on_trial) or status.source
            what = f"any key keeps {inbound} on {ifaces}, attached for the first time"
            reverts = line((f"{int(status.keep_within_s)} s: {what}", "warn"))
            return (*reverts, *line("; ", *said)) if said else reverts
        return said

    def _follow_tape(self, snapshot: Snapshot) -> None:
        """Look at the alert that a replay was sent to, and read anew what another run of it tells."""
        run = snapshot.tape.run if snapshot.tape is not None and not snapshot.tape.seeking else self._runs
        if run != self._runs:
            self._runs = run
            self.selection.reread()
        if alert_id := self.tape.arrived_at_alert():
            self.selection.choose_alert(alert_id)

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
        self.selection.reread()
        live = "LIVE: " if self.replays.watches_beside and not isinstance(told, ToldByReplay) else ""
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
        chosen = self.selection
        chosen.choose(incident_id or chosen.incident_of(alert_id) or chosen.incident_id, alert_id)
        if event.go:
            self.ways.go("incident")
        self.poll()

    @on(Pane.NothingOpens)
    def _nothing_opens(self) -> None:
        keys = self.keymap
        self.say(f"nothing opens here: {keys.first('pane-next')} goes to the next pane, {keys.first('copy')} copies")

    @on(TapePane.Wound)
    def _wound(self, event: TapePane.Wound) -> None:
        self.tape.wind(event.to_end)

    @on(LibraryScreen.Searched)
    def _library_searched(self, event: LibraryScreen.Searched) -> None:
        self.shelf.search(event.words)

    @on(LibraryScreen.MoreWanted)
    def _more_of_library(self) -> None:
        self.shelf.load_more()

    @on(LibraryScreen.Chosen)
    def _chosen_in_library(self, event: LibraryScreen.Chosen) -> None:
        self.replays.replay(event.incident_id, event.path)

    def _go_to_alert(self, step: int) -> None:
        """Go to the next or the previous alert; a replay is taken there."""
        if self.tape.is_loaded() and isinstance(self.screen, ReplayScreen):
            self.tape.go_to_alert(step)
        else:
            self.selection.step(step)

    def _freeze(self) -> None:
        """Hold the tables still, or let them go."""
        self._frozen = None if self._frozen else (self.engine.snapshot(), self.monotonic())
        self.poll()

    def _back(self) -> None:
        """Clear the filter, then the marks, then end a replay, or go back to the view before."""
        if not self.ways.clear() and not self.replays.leave():
            self.ways.back()

    def _ask_to_quit(self) -> None:
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
