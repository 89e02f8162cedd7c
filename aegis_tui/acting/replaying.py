"""Replays inside the console: one beside its own engine, and what else would have been made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol, cast

from textual.message import Message
from textual.worker import Worker

from aegis_tui.acting.console import Console, Deed, inquire
from aegis_tui.acting.going import Ways
from aegis_tui.acting.seeing import Sight
from aegis_tui.acting.telling import LastLine
from aegis_tui.bridge import EngineView, Replaying, Studio, Told, listen
from aegis_tui.keyboard.keymap import key_of, screen_of
from aegis_tui.screens.ask import AskWords
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.widgets.safe import foreign

if TYPE_CHECKING:
    from engine.stored import Stored

DIFF_HINT = "threshold=0.8   rules=/etc/aegis/rules   model=other.onnx"
WORKER = "replay"
"""Name of what plays: when it fails, the replay is over."""


class ToldByReplay(Told):
    """A replay beside the console's own engine decided something."""


class Stage(Console, Protocol):
    """What replays need of the console beside what every part does."""

    def show_engine(self, engine: EngineView) -> None:
        """Show another engine, and forget what was shown of the one before."""
        ...

    def post_message(self, message: Message) -> bool:
        """Tell the console."""
        ...

    def run_worker(self, work: Awaitable[None], name: str, *, exit_on_error: bool = True) -> Worker[None]:
        """Do something until it is cancelled."""
        ...


class Replays:
    """Plays what a person chooses, in the place of the console's own engine, which goes on."""

    def __init__(
        self, console: Stage, home: EngineView, studio: Studio | None, sight: Sight, ways: Ways, last_line: LastLine
    ) -> None:
        self._console = console
        self._home = home
        self._studio = studio
        self._sight = sight
        self._ways = ways
        self._last_line = last_line
        self._playing: list[Worker[None]] = []
        self.deeds = {
            "replay": Deed(self._replay_subject, self._replay_named),
            "diff": Deed(self._ask_by_what, self._compare_with),
        }

    @property
    def is_beside(self) -> bool:
        """Whether a replay is shown in the place of the console's own engine."""
        return self._console.engine is not self._home

    @property
    def watches_beside(self) -> bool:
        """Whether a host is watched while a replay is shown."""
        return self.is_beside and self._home.snapshot().status.mode not in ("replay", "library")

    def subject(self) -> tuple[str, str]:
        """Return the incident, or the capture, that keys on this screen are about."""
        view = self._sight.view()
        return view.chosen() if isinstance(view, LibraryScreen) else (self._sight.incident_id(), "")

    def teller(self) -> EngineView:
        """Return the engine that knows the incident on this screen: the library is that of the console's own."""
        return self._home if isinstance(self._sight.view(), LibraryScreen) else self._console.engine

    def replay(self, incident_id: str, path: str) -> None:
        """Replay an incident, or a capture."""
        studio = self._studio
        if studio is None:
            self._console.say("this console makes no replays: aegis-tui replay does", "warn")
            return

        async def opened() -> None:
            if path:
                replay = await asyncio.to_thread(studio.of_capture, path)
            else:
                replay = studio.of_incident(await self.teller().everything(incident_id))
            await self._end()
            self._begin(replay)

        inquire(self._console, opened, "cannot replay it")

    def leave(self) -> bool:
        """End the replay where esc means that; returns whether it did."""
        if not self.is_beside or self._sight.name() != "replay":
            return False

        async def ended() -> None:
            await self._end()
            self._console.say("")
            self._ways.go("library")

        inquire(self._console, ended, "cannot end the replay")
        return True

    def failed(self, why: str) -> None:
        """Say that a replay ended by itself, and go back to the console's own engine."""
        self._console.say(f"the replay ended: {foreign(why)}", "danger")
        inquire(self._console, self._end, "cannot end the replay")

    def _replay_subject(self) -> None:
        """Replay the incident on which the person stands."""
        incident_id, path = self.subject()
        if incident_id or path:
            self.replay(incident_id, path)
        else:
            self._console.say(_no_subject())

    def _replay_named(self, words: str) -> None:
        is_path = "/" in words or words.rpartition(".")[2] in ("pcap", "pcapng", "cap", "dmp", "trace")
        self.replay("" if is_path else words, words if is_path else "")

    def _begin(self, replay: Replaying) -> None:
        self._console.show_engine(cast("EngineView", replay))
        if self._home.snapshot().tape is not None:  # one is played at a time
            self._home.transport("pause")
        events = replay.subscribe()
        told = listen(events, lambda told: self._console.post_message(_of_replay(told)))
        self._playing = [
            self._console.run_worker(replay.run(), WORKER, exit_on_error=False),
            self._console.run_worker(told, "replay events"),
        ]
        ends = f"{key_of('back')} on {screen_of('replay')} ends it"
        self._console.say(f"REPLAY: blocking is off; what is live goes on; {ends}")
        self._ways.go("replay")

    async def _end(self) -> None:
        """Go back to the console's own engine."""
        playing, self._playing = self._playing, []
        if not self.is_beside:
            return
        self._console.show_engine(self._home)
        for worker in playing:
            worker.cancel()
        for worker in playing:
            await _over(worker)

    # --- comparing ---

    def _ask_by_what(self) -> None:
        """Ask what is to be judged by."""
        asked = AskWords("Judge it again by what else?", DIFF_HINT)
        self._console.push_screen(asked, lambda text: self._compare_with(text or ""))

    def _compare_with(self, words: str) -> None:
        incident_id, path = self.subject()
        studio = self._studio
        if not words:
            return
        if studio is None or not (incident_id or path):
            self._console.say(_no_subject())
            return
        changes = dict(word.partition("=")[::2] for word in words.split())

        async def compared() -> None:
            from aegis_tui.screens.difference import DifferenceScreen  # noqa: PLC0415 - only where it is asked for

            stored: Stored | None = await self.teller().everything(incident_id) if incident_id else None
            found = await self._last_line.waited("both runs are made", studio.compare(stored, path, changes))
            self._console.push_screen(DifferenceScreen(found))

        inquire(self._console, compared, "cannot compare")


def _no_subject() -> str:
    return f"choose an incident, or a capture in the library ({key_of('library')})"


def _of_replay(told: object) -> ToldByReplay:
    assert isinstance(told, Told)  # noqa: S101 - what listen() posts
    return ToldByReplay(told.event)


async def _over(worker: Worker[None]) -> None:
    while not worker.is_finished:  # noqa: ASYNC110 - Textual's worker has no event, and raises where one waits for it
        await asyncio.sleep(0.01)
