"""Pages to read: the keys of the screen, every command, the settings in force, what was said, where to look."""

from __future__ import annotations

from collections.abc import Sequence

from aegis_tui.acting.console import Console, Deed
from aegis_tui.acting.seeing import Sight
from aegis_tui.acting.telling import LastLine
from aegis_tui.clock import clock
from aegis_tui.keyboard.keymap import Keymap, commands, help_of
from aegis_tui.keyboard.keys import DIALOG_COMMANDS, Command
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.reading import Reading
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign, visible
from engine.meanings import meanings
from engine.types import Fault

COLUMNS_FROM = 100
"""Columns of a terminal from which names and what they do stand in columns of their own."""
DOCTOR = (
    "Screen 5 names every fault with its remedy, and what counts as lost.",
    "In a shell, `sudo aegis-tui doctor` looks at kernel, model, knowledge base and endpoint; nothing is changed.",
    "`:settings` shows which setting is in force and which file, variable or flag it comes from.",
    "`:notices` holds what the last line said.",
)


class Pages:
    """Opens what a person asks to read."""

    def __init__(
        self,
        console: Console,
        sight: Sight,
        last_line: LastLine,
        keymap: Keymap,
        settings: Sequence[tuple[str, str, str]],
    ) -> None:
        """Take the settings in force, each with its value and where it came from."""
        self._console = console
        self._sight = sight
        self._last_line = last_line
        self._keymap = keymap
        self._settings = settings
        self.deeds = {
            "help": Deed(self._open_help),
            "keys": Deed(self._open_keys),
            "settings": Deed(self._open_settings),
            "notices": Deed(self._open_notices),
            "doctor": Deed(self._open_doctor),
        }

    def _open_help(self) -> None:
        """Show the keys of the screen, or of the dialog that is open."""
        from aegis_tui.screens.help import Help  # noqa: PLC0415 - not before the first frame

        if isinstance(self._console.screen_stack[-1], Decision):
            keys = [(command.shown, command.help) for command in DIALOG_COMMANDS if not command.pair]
            self._console.push_screen(Help(keys, "Keys of this dialog, esc closes the help", signs=False))
        else:
            self._console.push_screen(Help(self._keymap.help(self._sight.name())))

    def _open_keys(self) -> None:
        wide = self._console.screen_stack[-1].size.width >= COLUMNS_FROM
        every = [self._in_words(command, wide) for command in sorted(commands(), key=lambda command: command.name)]
        self._console.push_screen(Reading("Every command, esc closes", every))

    def _in_words(self, command: Command, wide: bool) -> Paragraph:
        where = f"  ({', '.join(sorted(command.views))})" if command.views else ""
        name = f"{command.name} {command.takes}".rstrip()
        column = f"{name:<39} " if wide else f"{name}  "
        keys = f"{self._keymap.faces(command.name):<11} "
        return paragraph(keys, (column, "bold"), help_of(command), (where, "dim"), indent=52 if wide else 12)

    def _open_settings(self) -> None:
        rows = [part for told in self._settings for part in _explained(*told)]
        nothing = [paragraph("This console was started without settings.")]
        self._console.push_screen(Reading("Settings in force and their origin, esc closes", rows or nothing))

    def _open_notices(self) -> None:
        """Show what was said lately, the newest first."""
        rows = [
            paragraph((f"{clock(at)} ", "dim"), visible(words), indent=9, max_rows=200)
            for at, words in reversed(self._last_line.notices)
        ]
        faults = [
            paragraph(
                (f"{clock(fault.at)} ", "dim"), ("stands ", "warn"), visible(_fault(fault)), indent=9, max_rows=200
            )
            for fault in self._console.engine.snapshot().faults
        ]
        said = [*faults, *rows] or [paragraph("Nothing was said yet.")]
        title = "Faults that stand and what was said lately, newest first, esc closes"
        self._console.push_screen(Reading(title, said))

    def _open_doctor(self) -> None:
        """Say where to look when something is missing."""
        told = [paragraph(text) for text in DOCTOR]
        self._console.push_screen(Reading("When something is missing, esc closes", told))


def _fault(fault: Fault) -> str:
    return f"{fault.ability}: {fault.message}" + (f"; {fault.remedy}" if fault.remedy else "")


def _explained(key: str, value: str, origin: str) -> tuple[Paragraph, Paragraph]:
    """Return a setting, and what it means below it."""
    words = meanings().get(key, "").replace("``", "`")
    return (
        paragraph((f"{key:<22} ", "bold"), foreign(value) or "-", (f"  {foreign(origin)}", "dim"), indent=23),
        paragraph((f"    {words}", "dim"), indent=4),
    )
