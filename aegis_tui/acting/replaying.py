"""Replays inside the console: the library, a replay beside the engine of the console, comparisons."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from textual import on
from textual.worker import Worker, WorkerState

from aegis_tui.acting.commanding import CommandingApp
from aegis_tui.bridge import REFUSALS, CaptureFile, EngineView, Replaying, Studio, Told, listen
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.replay import TapePane
from aegis_tui.screens.view import Shelved, View
from aegis_tui.widgets.moments import HINT, alert_number, moment_of
from aegis_tui.widgets.rows import in_time
from aegis_tui.widgets.safe import foreign
from engine.transport import SPEEDS
from engine.types import LibraryEntry

if TYPE_CHECKING:
    from engine.stored import Stored

DIFF_HINT = "threshold=0.8   rules=/etc/aegis/rules   model=other.onnx"


class ToldByReplay(Told):
    """A replay beside the console's own engine decided something."""


class ReplayingApp(CommandingApp):
    """The part of the console that goes back in time."""

    def __init__(self, engine: EngineView, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(engine, monotonic)
        self.home = engine
        """The console's own engine: it goes on whatever is shown."""
        self.studio: Studio | None = None
        self._playing: list[Worker[None]] = []
        self._entries: tuple[LibraryEntry, ...] = ()
        self._captures: tuple[CaptureFile, ...] = ()
        self._after: tuple[float, str] | None = None
        self._searched = ""
        self._reading, self._unread = False, True
        self._bound_for: int | None = None
        """Number of the alert that a person sent the replay to, 0 is the newest there; None where to no alert."""
        self.taking = {**self.taking, "replay": self._replay_named, "goto": self._go_to_moment,
                       "diff": self._compare_with}  # fmt: skip

    @property
    def is_beside(self) -> bool:
        """Whether a replay is shown in the place of the console's own engine."""
        return self.engine is not self.home

    @property
    def watches_beside(self) -> bool:
        """Whether a host is watched while a replay is shown."""
        return self.is_beside and self.home.snapshot().status.mode not in ("replay", "library")

    def forget_view(self) -> None:
        """Forget what was shown: another engine is."""

    def poll(self) -> None:
        """Draw the state as it is now."""

    # --- the tape ---

    def action_transport(self, key: str) -> None:
        """Steer the replay by a key."""
        tape = self.engine.snapshot().tape
        if tape is None:
            self.say(_no_tape())
            return
        if key in ("faster", "slower"):
            at = min(range(len(SPEEDS)), key=lambda n: abs(SPEEDS[n] - tape.speed)) + (1 if key == "faster" else -1)
            command, value = "speed", SPEEDS[max(0, min(len(SPEEDS) - 1, at))]
        else:
            command, value = {
                "toggle": ("pause" if tape.playing else "play", 0.0), "forward": ("step", 1.0), "back": ("step", -1.0),
                "start": ("start", 0.0), "end": ("end", 0.0),
            }[key]  # fmt: skip
        self._steer(command, value)

    def action_goto(self) -> None:
        """Ask for a moment of the replay."""
        if self.engine.snapshot().tape is None:
            self.say(_no_tape())
        else:
            self.push_screen(
                AskWords("Go to which moment of the capture?", HINT), lambda text: self._go_to_moment(text or "")
            )

    def _go_to_moment(self, words: str) -> None:
        tape = self.engine.snapshot().tape
        if tape is None or not words:
            self.say(_no_tape() if tape is None else "")
            return
        if number := alert_number(words):
            self._bound_for = number
            self._steer("nth alert", float(number))
            return
        try:
            moment = moment_of(words, tape)
        except ValueError as refusal:
            self.say(foreign(str(refusal)), "warn")
            return
        if moment == float("inf"):
            self._steer("end")
        else:
            self._steer("seek", moment)

    def go_to_alert(self, step: int) -> None:
        """Take the replay to the next alert, or to the one before."""
        self._bound_for = 0
        self._steer("alert", float(step))

    def arrived_at_alert(self) -> str:
        """Return the alert once, where the replay came to one that a person sent it to; one step can raise several."""
        now, number = self.engine.snapshot(), self._bound_for
        if number is None or now.tape is None or now.tape.seeking:
            return ""
        self._bound_for = None
        if 0 < number <= len(now.alerts):
            return in_time(now.alerts)[number - 1].id
        newest = max(now.alerts, key=lambda alert: (alert.first_at, alert.id), default=None)
        return newest.id if newest is not None else ""

    @on(TapePane.Wound)
    def _wound(self, event: TapePane.Wound) -> None:
        self.action_transport("end" if event.to_end else "start")

    def _steer(self, command: str, value: float = 0.0) -> None:
        self.say("")  # what was said is about a moment that is left
        try:
            self.engine.transport(command, value)
        except REFUSALS as refusal:
            self._bound_for = None
            self.say(foreign(str(refusal)))
        self.poll()

    # --- the library ---

    def action_library(self) -> None:
        """Open the library; a replay that is shown goes on behind it."""
        self.action_view("library")

    def shelved(self) -> Shelved:
        """Return what of the library was read."""
        folder = getattr(self.studio, "folder", "") if self.studio is not None else ""
        return Shelved(self._entries, self._after is not None, self._captures, folder, self._reading or self._unread)

    def read_library(self) -> None:
        """Have the library read from its start."""
        self._unread = True

    def load_library(self) -> None:
        """Read the library where it is shown and is to be read."""
        if not self._unread or self._reading or not isinstance(self.screen, LibraryScreen):
            return
        self._unread, self._reading = False, True
        self.run_worker(self._read_page(None), group="library", exclusive=True)
        if self.studio is not None:
            self.run_worker(self._read_captures(self.studio), group="captures", exclusive=True)

    async def _read_page(self, after: tuple[float, str] | None) -> None:
        try:
            page = await self.home.library(self._searched, after)
        except LookupError:
            self._unread = True  # the database is not open yet
        except REFUSALS as refusal:
            self.say(f"cannot read the library: {foreign(str(refusal))}", "danger")
        else:
            self._entries = (*(self._entries if after else ()), *page.entries)
            self._after = page.after
        self._reading = False

    async def _read_captures(self, studio: Studio) -> None:
        self._captures = tuple(await asyncio.to_thread(studio.captures))

    @on(LibraryScreen.Searched)
    def _search_library(self, event: LibraryScreen.Searched) -> None:
        if event.words != self._searched:
            self._searched = event.words
            self.read_library()

    @on(LibraryScreen.MoreWanted)
    def _read_more(self) -> None:
        if not self._reading and self._after is not None:
            self._reading = True
            self.run_worker(self._read_page(self._after), group="library")

    # --- a replay beside ---

    @on(LibraryScreen.Chosen)
    def _chosen(self, event: LibraryScreen.Chosen) -> None:
        self._replay(event.incident_id, event.path)

    def action_replay(self) -> None:
        """Replay the incident on which the person stands."""
        incident_id, path = self._subject()
        if incident_id or path:
            self._replay(incident_id, path)
        else:
            self.say(f"choose an incident, or a capture in the library ({key_of('library')})")

    def _replay_named(self, words: str) -> None:
        is_path = "/" in words or words.rpartition(".")[2] in ("pcap", "pcapng", "cap", "dmp", "trace")
        self._replay("" if is_path else words, words if is_path else "")

    def _subject(self) -> tuple[str, str]:
        """Return the incident, or the capture, that keys on this screen are about."""
        if isinstance(self.screen, LibraryScreen):
            return self.screen.chosen()
        return self.chosen_incident(), ""

    def _teller(self) -> EngineView:
        """Return the engine that knows the incident on this screen: the library is that of the console's own."""
        return self.home if isinstance(self.screen, LibraryScreen) else self.engine

    def _replay(self, incident_id: str, path: str) -> None:
        studio = self.studio
        if studio is None:
            self.say("this console makes no replays: aegis-tui replay does", "warn")
            return

        async def opened() -> None:
            if path:
                replay = await asyncio.to_thread(studio.of_capture, path)
            else:
                replay = studio.of_incident(await self._teller().everything(incident_id))
            await self.end_replay()
            self._begin(replay)

        self._inquire(opened, "cannot replay it")

    def _begin(self, replay: Replaying) -> None:
        self.engine = cast("EngineView", replay)
        self._hold_home("pause")
        self.forget_view()
        events = replay.subscribe()

        async def play() -> None:
            await replay.run()

        self._playing = [
            self.run_worker(play(), name="replay", exit_on_error=False),
            self.run_worker(listen(events, lambda told: self.post_message(_of_replay(told))), name="replay events"),
        ]
        self.say(f"REPLAY: blocking is off; what is live goes on; {key_of('back')} on {screen_of('replay')} ends it")
        self.action_view("replay")

    @on(Worker.StateChanged)
    def _replay_failed(self, event: Worker.StateChanged) -> None:
        if event.worker.name == "replay" and event.state is WorkerState.ERROR:
            self.say(f"the replay ended: {foreign(str(event.worker.error))}", "danger")
            self._inquire(self.end_replay, "cannot end the replay")

    async def end_replay(self) -> None:
        """Go back to the console's own engine."""
        playing, self._playing = self._playing, []
        if not self.is_beside:
            return
        self.engine = self.home
        self.forget_view()
        for worker in playing:
            worker.cancel()
        for worker in playing:
            await _over(worker)

    def _hold_home(self, command: str) -> None:
        """Let a replay that the console began with wait: one is played at a time."""
        if self.home.snapshot().tape is not None:
            self.home.transport(command)

    # --- comparing ---

    def action_diff(self) -> None:
        """Ask what is to be judged by."""
        self.push_screen(
            AskWords("Judge it again by what else?", DIFF_HINT), lambda text: self._compare_with(text or "")
        )

    def _compare_with(self, words: str) -> None:
        incident_id, path = self._subject()
        studio = self.studio
        if not words:
            return
        if studio is None or not (incident_id or path):
            self.say(f"choose an incident, or a capture in the library ({key_of('library')})")
            return
        changes = dict(word.partition("=")[::2] for word in words.split())

        async def compared() -> None:
            from aegis_tui.screens.difference import DifferenceScreen  # noqa: PLC0415 - only where it is asked for

            stored: Stored | None = await self._teller().everything(incident_id) if incident_id else None
            found = await self.waited("both runs are made", studio.compare(stored, path, changes))
            self.push_screen(DifferenceScreen(found))

        self._inquire(compared, "cannot compare")

    def place_of(self, view: str) -> str:
        """Return the view that a key leads to: screen 4 is the library while nothing is replayed."""
        replays = self.engine.snapshot().status.mode == "replay"
        return "library" if view == "replay" and not replays else view

    def leaves_replay(self) -> bool:
        """End the replay where esc means that; returns whether it did."""
        if not (self.is_beside and isinstance(self.screen, View) and self.screen.view == "replay"):
            return False

        async def ended() -> None:
            await self.end_replay()
            self.say("")
            self.action_view("library")

        self._inquire(ended, "cannot end the replay")
        return True


def _no_tape() -> str:
    return f"nothing is replayed: {key_of('library')} opens the library"


def _of_replay(told: object) -> ToldByReplay:
    assert isinstance(told, Told)  # noqa: S101 - what listen() posts
    return ToldByReplay(told.event)


async def _over(worker: Worker[None]) -> None:
    while not worker.is_finished:  # noqa: ASYNC110 - Textual's worker has no event, and raises where one waits for it
        await asyncio.sleep(0.01)
