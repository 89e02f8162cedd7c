"""What is stored, for people: the library of incidents, all there is about one, and its evidence pack."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine import newfile
from engine.filter import parse
from engine.filter.kinds import KINDS
from engine.stored import Stored, stored_of
from engine.types import LibraryEntry, LibraryPage
from engine.version import VERSION

if TYPE_CHECKING:
    from engine.store.database import Store

PAGE = 100
"""Incidents read at a time, and shown at least where there are as many."""

LOOKED_AT = 10_000
"""Incidents that one search looks through; the next page goes on after them."""

_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z", re.ASCII)


class Shelf:
    """Reads the engine's database."""

    def __init__(self, store: Callable[[], Store], settled: Callable[[], Awaitable[object]], packs: Path) -> None:
        """Take what waits until the database knows all, and the folder for packs that get no other place."""
        self._store = store
        self._settled = settled
        self._packs = packs

    async def library(self, words: str = "", after: tuple[float, str] | None = None) -> LibraryPage:
        """Return a page of the stored incidents that a filter lets through, newest first.

        Raises:
            ValueError: the words are no filter.
        """
        await self._settled()
        lets_through = parse(words).over(KINDS[LibraryEntry])
        entries: list[LibraryEntry] = []
        for _ in range(LOOKED_AT // PAGE):
            found = await self._store().library(after, PAGE)
            entries += filter(lets_through, found)
            after = (found[-1].incident.opened_at, found[-1].incident.id) if len(found) == PAGE else None
            if after is None or len(entries) >= PAGE:
                break
        return LibraryPage(tuple(entries), after)

    async def everything(self, incident_id: str) -> Stored:
        """Return all that is stored about an incident.

        Raises:
            LookupError: there is no such incident.
        """
        await self._settled()
        view = await self._store().view(incident_id)
        if view is None:
            msg = f"no incident {incident_id}"
            raise LookupError(msg)
        return await stored_of(self._store(), view)

    async def save_pack(self, incident_id: str, place: str = "", redacted: bool = False) -> tuple[str, str]:
        """Write an incident's evidence pack to a new file, and return its path and the manifest's SHA-256.

        ``place`` is a folder or a file; empty means the folder of packs.

        Raises:
            LookupError: there is no such incident.
            OSError: the file is there already, or cannot be made.
        """
        stored = await self.everything(incident_id)
        return await asyncio.to_thread(self._write, stored, place, redacted)

    def _write(self, stored: Stored, place: str, redacted: bool) -> tuple[str, str]:
        from engine.pack import pack, pack_name, verify  # noqa: PLC0415 - only where a pack is asked for

        if not _ID.match(stored.id):
            msg = f"cannot save a pack of {stored.id!r}: it is no name of a file"
            raise ValueError(msg)
        path = newfile.placed(place, self._packs, pack_name(stored.id, redacted=redacted))
        content = pack(stored, f"aegis-tui {VERSION}", redacted=redacted)
        try:
            newfile.make(path, content)
        except OSError as error:
            raise type(error)(f"{path}: {error.strerror}; with no place named it goes to {self._packs}") from None
        return str(path.absolute()), verify(content).digest
