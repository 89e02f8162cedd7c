"""What of the library was read: stored incidents, page by page, and the captures in its folder."""

from __future__ import annotations

import asyncio
from functools import partial

from aegis_tui.acting.console import Console
from aegis_tui.bridge import REFUSALS, CaptureFile, EngineView, Studio
from aegis_tui.screens.library import LibraryScreen
from aegis_tui.screens.view import Shelved
from aegis_tui.widgets.safe import foreign
from engine.types import LibraryEntry


class Shelf:
    """Reads the library where it is shown."""

    def __init__(self, console: Console, home: EngineView, studio: Studio | None) -> None:
        """Take the console's own engine, whose library it is, and what knows of captures."""
        self._console = console
        self._home = home
        self._studio = studio
        self._entries: tuple[LibraryEntry, ...] = ()
        self._captures: tuple[CaptureFile, ...] = ()
        self._after: tuple[float, str] | None = None
        self._searched = ""
        self._reading, self._unread = False, True

    def shelved(self) -> Shelved:
        """Return what was read."""
        folder = self._studio.folder if self._studio is not None else ""
        return Shelved(self._entries, self._after is not None, self._captures, folder, self._reading or self._unread)

    def read_again(self) -> None:
        """Have the library read from its start."""
        self._unread = True

    def search(self, words: str) -> None:
        """Have only what these words fit read."""
        if words != self._searched:
            self._searched = words
            self.read_again()

    def load(self) -> None:
        """Read the library where it is shown and is to be read."""
        top = self._console.screen_stack[-1:]
        if not self._unread or self._reading or not (top and isinstance(top[0], LibraryScreen)):
            return
        self._unread, self._reading = False, True
        self._console.begin("library", partial(self._read_page, None))
        if self._studio is not None:
            self._console.begin("captures", partial(self._read_captures, self._studio))

    def load_more(self) -> None:
        """Read the next page."""
        if not self._reading and self._after is not None:
            self._reading = True
            self._console.begin("library", partial(self._read_page, self._after))

    async def _read_page(self, after: tuple[float, str] | None) -> None:
        try:
            page = await self._home.library(self._searched, after)
        except LookupError:
            self._unread = True  # the database is not open yet
        except REFUSALS as refusal:
            self._console.say(f"cannot read the library: {foreign(str(refusal))}", "danger")
        else:
            self._entries = (*(self._entries if after else ()), *page.entries)
            self._after = page.after
        self._reading = False

    async def _read_captures(self, studio: Studio) -> None:
        self._captures = tuple(await asyncio.to_thread(studio.captures))
