"""What leaves the console as a file: the rows of a table, and evidence packs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from aegis_tui.acting.console import Console, Deed, inquire
from aegis_tui.acting.replaying import Replays
from aegis_tui.acting.seeing import Sight
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.ask import Ask, AskWords
from aegis_tui.widgets.safe import foreign
from engine import newfile, sheet
from engine.types import Flow, LibraryEntry

ROWS = "rows"
"""The word after ``:export`` that means the table and not the incident."""
FORMS = {"j": "jsonl", "c": "csv"}
MANY = 5_000
"""Rows from which on writing them takes long enough to say so."""


class Exports:
    """Writes files where a person wants them."""

    def __init__(self, console: Console, sight: Sight, replays: Replays, folder: Path | None) -> None:
        """Take the folder for rows where no other is named; None refuses to write there."""
        self._console = console
        self._sight = sight
        self._replays = replays
        self._folder = folder
        self.deeds = {"export": Deed(self._ask_what, self._named)}

    def _ask_what(self) -> None:
        """Ask what is to be written: the rows in view, the marked ones, or the incident's evidence pack."""
        incident_id, _ = self._replays.subject()
        things = self._rows_in_view()
        offers = [f"{_counted(things, self._marked())}: j JSON lines  c CSV"] if things else []
        offers += [f"Evidence pack of {incident_id}: f full  r redacted"] if incident_id else []
        if not offers:
            self._console.say(
                f"{key_of('export')} writes the rows of a table, or an incident's evidence pack: go to one first"
            )
            return
        answers = {key: key for key in ("jc" if things else "") + ("fr" if incident_id else "")}
        self._console.push_screen(
            Ask("\n".join(offers) + "   esc", answers), partial(self._chosen_form, incident_id, things)
        )

    def _chosen_form(self, incident_id: str, things: Sequence[Any], answer: str | None) -> None:
        if not answer:
            return
        if answer in FORMS:
            words = "Folder or file for the rows?  enter alone: the folder of exports"
            asked = AskWords(words, str(self._folder or ""), otherwise=".")
            self._console.push_screen(asked, lambda text: self._write_rows(things, text or "", FORMS[answer]))
            return
        asked = AskWords("Folder or file for the pack?  enter alone: the folder of packs", "", otherwise=".")
        self._console.push_screen(asked, lambda text: self._pack(incident_id, text or "", redacted=answer == "r"))

    def _named(self, words: str) -> None:
        first, _, place = words.partition(" ")
        if first != ROWS:
            self._pack_at(words)
        elif things := self._rows_in_view():
            self._write_rows(things, place.strip() or ".", "csv" if place.strip().endswith(".csv") else "jsonl")
        else:
            self._console.say("there are no rows here to write: go to a table first", "warn")

    # --- rows ---

    def _rows_in_view(self) -> Sequence[Any]:
        table = self._sight.table()
        things = [_stored(one) for one in table.picked()] if table is not None else []
        return things if things and type(things[0]) in sheet.NOUNS else []

    def _marked(self) -> bool:
        table = self._sight.table()
        return table is not None and bool(table.marked)

    def _write_rows(self, things: Sequence[Any], place: str, form: str) -> None:
        if not place:
            return
        name = f"{sheet.NOUNS[type(things[0])]}s-{time.strftime('%Y%m%d-%H%M%S')}.{form}"
        scores = self._console.engine.snapshot().scores if isinstance(things[0], Flow) else {}
        folder = self._folder
        if len(things) > MANY:
            self._console.say(f"{_counted(things)} are written …")

        def written() -> Path:
            if place == "." and folder is None:
                raise ValueError("this console has no folder of its own: name one")
            path = newfile.placed("" if place == "." else place, folder or Path(), name)
            made = sheet.csv_lines if form == "csv" or path.suffix == ".csv" else sheet.json_lines
            content = "".join(f"{row}\n" for row in made(things, scores)).encode()
            try:
                newfile.make(path, content)
            except OSError as error:
                raise type(error)(f"{path}: {error.strerror}") from None
            return path.absolute()

        async def done() -> None:
            path = await asyncio.to_thread(written)
            self._console.say(f"{_counted(things)} written: {foreign(str(path))}")

        inquire(self._console, done, "cannot write them")

    # --- packs ---

    def _pack_at(self, words: str) -> None:
        incident_id, _ = self._replays.subject()
        if incident_id:
            self._pack(incident_id, words, redacted=False)
        else:
            self._console.say(
                f"a pack is about an incident: choose one first; export {ROWS} FILE writes a table's rows"
            )

    def _pack(self, incident_id: str, place: str, *, redacted: bool) -> None:
        if not place:
            return
        engine = self._replays.teller()

        async def packed() -> None:
            path, digest = await engine.save_pack(incident_id, "" if place == "." else place, redacted)
            self._console.say(f"packed: {foreign(path)}  manifest SHA-256 {digest}")

        inquire(self._console, packed, "cannot pack it")


def _stored(thing: Any) -> Any:
    return thing.incident if isinstance(thing, LibraryEntry) else thing


def _counted(things: Sequence[Any], marked: bool = False) -> str:
    noun = sheet.NOUNS[type(things[0])]
    return f"{len(things):,} {'marked ' if marked else ''}{noun}{'' if len(things) == 1 else 's'}"
