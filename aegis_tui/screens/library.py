"""The library on screen 4: stored incidents and captures, each of which can be replayed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from aegis_tui.bridge import CaptureFile
from aegis_tui.keyboard.keymap import key_of
from aegis_tui.screens.view import Scene, Shelved, View
from aegis_tui.widgets.filterfield import FilterField
from aegis_tui.widgets.line import Span
from aegis_tui.widgets.rows import IPV4, urgency
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.table import Aim, Column, Listing, Row, Table
from aegis_tui.widgets.words import DISPOSITION_WORDS, SEVERITY_STYLES, SEVERITY_WORDS, count, dated
from engine.filter.kinds import KINDS
from engine.types import LibraryEntry

ENTRY_COLUMNS = (
    Column("opened", 16, 2),
    Column("sev", 4, 1),
    Column("target", 12, 0, cap=39, full=IPV4, ends=True),
    Column("class", 8, 7, cap=24, full=8),
    Column("story", 17, 3, cap=40, full=17, flex=True),
    Column("verdict", 10, 4),
    Column("disposition", 11, 5),
    Column("origin", 6, 6),
    Column("id", 12, 8),
)
CAPTURE_COLUMNS = (
    Column("capture", 20, 0, flex=True),
    Column("bytes", 6, 1, right=True),
    Column("changed", 16, 2),
)
NO_INCIDENT = (
    "No incident is stored here yet: what is found live is kept, and so is what a replay finds.",
    "To make some: aegis-tui demo, or aegis-tui replay FILE.pcap.",
)
NO_FOLDER = ('No folder of captures is named: captures = "/path" in the settings, or aegis-tui replay DIR.',)
NO_CAPTURE = ("There is no capture in this folder, or none that may be read: .pcap .pcapng .cap .dmp .trace",)


class LibraryScreen(View):
    """Incidents above, captures below; enter replays the row."""

    view = "library"
    first = "#shelved"
    companions: ClassVar[Mapping[str, str]] = {"shelved": "captures"}
    DEFAULT_CSS = """
    LibraryScreen #captures { height: 35%; }
    LibraryScreen.-low #captures { height: 1fr; }
    LibraryScreen.-low #captures.-companion { height: 35%; }
    """

    class Searched(Message):
        """The person filters: what is stored is to be looked through."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class MoreWanted(Message):
        """The person came to the last incident that was read."""

    class Chosen(Message):
        """The person wants a replay."""

        def __init__(self, incident_id: str, path: str) -> None:
            super().__init__()
            self.incident_id = incident_id
            self.path = path

    def body(self) -> ComposeResult:
        """Yield the panes."""
        with Vertical(id="body", classes="column"):
            yield Table("Incidents", ENTRY_COLUMNS, id="shelved")
            yield Table("Captures", CAPTURE_COLUMNS, id="captures")

    def draw_panes(self, scene: Scene) -> None:
        """Draw what was read so far."""
        shelf = scene.library
        self.query_one("#shelved", Table).fill(
            Listing(_gravest_first(shelf), lambda one: one.incident.id, _entry, KINDS[LibraryEntry], {}),
            f"Library · stored incidents {'found ' if self.query_one(FilterField).found else ''}{_number(shelf)}",
            self._none(shelf),
        )
        if shelf.more and not shelf.reading and len(shelf.entries) < self.query_one("#shelved", Table).room:
            self.post_message(self.MoreWanted())
        self.query_one("#captures", Table).fill(
            [_capture(one) for one in shelf.captures],
            f"Captures {len(shelf.captures)}" + (f" in {foreign(shelf.folder, 60)}" if shelf.folder else ""),
            NO_CAPTURE if shelf.folder else NO_FOLDER,
        )

    def _none(self, shelf: Shelved) -> Sequence[str]:
        """Return what to say where no incident is listed: none was looked up yet, found, or ever stored."""
        if shelf.reading:
            return ("What is stored is read …",)
        wanted = self.query_one(FilterField).found
        if wanted:
            return (f"No stored incident matches '{wanted}'. {key_of('back')} clears the filter.",)
        return NO_INCIDENT

    def chosen(self) -> tuple[str, str]:
        """Return the incident's id, or the path of the capture, on which the person stands."""
        table = self.table()
        key = table.key if table is not None else ""
        return (key, "") if table is not None and table.id == "shelved" else ("", key)

    @on(FilterField.Read)
    def _filtered(self, event: FilterField.Read) -> None:
        if not event.wrong:
            self.post_message(self.Searched(str(event.found) if event.found else ""))

    @on(Table.Moved, "#shelved")
    def _moved(self, event: Table.Moved) -> None:
        shelf = self._scene.library if self._scene else Shelved()
        if shelf.more and event.table.cursor_row == len(event.table.lines) - 1:
            self.post_message(self.MoreWanted())

    @on(Table.Opened)
    def _opened(self) -> None:
        self.post_message(self.Chosen(*self.chosen()))


def _gravest_first(shelf: Shelved) -> list[LibraryEntry]:
    return sorted(shelf.entries, key=lambda entry: urgency(entry.incident))


def _number(shelf: Shelved) -> str:
    return f"{len(shelf.entries):,}{'+' if shelf.more else ''}"


def _entry(entry: LibraryEntry) -> Row:
    incident = entry.incident
    cells = (
        Span(dated(incident.opened_at)),
        Span(SEVERITY_WORDS[incident.severity], SEVERITY_STYLES.get(incident.severity, "")),
        Span(foreign(incident.target_ip)),
        Span(foreign(entry.event_class or "-")),
        Span(foreign(incident.title)),
        Span(foreign(entry.conclusion or "no verdict")),
        Span(DISPOSITION_WORDS[incident.disposition] or "open"),
        Span(entry.origin.value),
        Span(incident.id),
    )
    return Row(incident.id, cells, Aim("", incident.id))


def _capture(one: CaptureFile) -> Row:
    return Row(one.path, (Span(foreign(one.name)), Span(count(one.size_bytes)), Span(dated(one.modified_at))))
