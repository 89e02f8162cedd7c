"""Commands by name: a key, the ``:`` line and the palette lead to the one part that does the command."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from textual.widget import Widget

from aegis_tui.acting.console import Console, Deed, together
from aegis_tui.acting.seeing import Sight
from aegis_tui.keyboard.completing import Known, problem
from aegis_tui.keyboard.history import History
from aegis_tui.keyboard.keymap import Keymap, named, serves
from aegis_tui.keyboard.keys import APP_COMMANDS, PANE_COMMANDS
from aegis_tui.widgets import theme
from aegis_tui.widgets.safe import foreign
from engine.types import Snapshot

OFFERED = 200
"""Addresses that completion knows, those of incidents first."""


class Prompt(Console, Protocol):
    """What commands need of the console beside what every part does."""

    @property
    def focused(self) -> Widget | None:
        """What hears keys in the screen on top: a pane does its commands itself."""
        ...

    async def run_action(self, action: str, default_namespace: Widget) -> bool:
        """Have a widget do something."""
        ...

    def call_later(self, callback: Callable[[str], object], words: str) -> bool:
        """Do something with words once the dialog that they come from is closed."""
        ...


class Commands:
    """Takes every command of the table to its deed."""

    def __init__(
        self,
        console: Prompt,
        sight: Sight,
        keymap: Keymap,
        lines: History,
        views: Sequence[str],
        parts: Iterable[Mapping[str, Deed]],
    ) -> None:
        """Take what was typed before, the names of the views, and the deeds of all other parts."""
        self._console = console
        self._sight = sight
        self._keymap = keymap
        self._lines = lines
        self._views = views
        self.deeds = together([*parts, {"command": Deed(self._ask), "palette": Deed(self._offer)}])

    def press(self, name: str) -> None:
        """Do what the key of a command does."""
        do = self.deeds[name].do
        if do is not None:
            do()
        else:
            self._ask(f"{name} ")

    async def do(self, text: str) -> None:
        """Run a line such as ``block 203.0.113.9 24h``."""
        name, _, rest = text.strip().partition(" ")
        command, words = named(name), rest.strip()
        wrong = problem(text) if words or command is None else ""
        take = self.deeds[command.name].take if command in APP_COMMANDS else None
        if command is None or wrong:
            self._console.say(foreign(wrong), "warn")
        elif words and take is not None:
            take(words)
        elif command in APP_COMMANDS:
            self.press(command.name)
        elif (pane := self._console.focused) is not None:
            await self._console.run_action(command.action, pane)

    def _ask(self, text: str = "") -> None:
        """Ask for a command on the ``:`` line."""
        from aegis_tui.screens.command_line import CommandLine  # noqa: PLC0415 - not before the first frame

        self._console.push_screen(CommandLine(self._known(), self._lines.lines, text), self._given)

    def _offer(self) -> None:
        """Offer the commands of this screen."""
        from aegis_tui.screens.palette import Palette  # noqa: PLC0415 - not before the first frame

        every = (*APP_COMMANDS, *PANE_COMMANDS)
        view = self._sight.name()
        offered = [command for command in every if serves(command, view) and command.name != "palette"]
        self._console.push_screen(Palette(offered, self._keymap), lambda name: self._given(name, keep=False))

    def _given(self, text: str | None, keep: bool = True) -> None:
        if text:
            if keep:
                self._lines.add(text)
            self._console.call_later(self.do, text)

    def _known(self) -> Known:
        """Return what completion knows now."""
        now = self._console.engine.snapshot()
        return Known(
            screens=tuple(self._views),
            themes=("auto", *theme.NAMES),
            incidents=tuple(incident.id for incident in now.incidents),
            addresses=_addresses(now),
            blocked=tuple(block.prefix for block in now.blocks if not block.watch)[:OFFERED],
        )


def _addresses(now: Snapshot) -> tuple[str, ...]:
    """Return the addresses in view, those of incidents first."""
    ours = {alert.local_ip for alert in now.alerts}
    of_flows = (ip for flow in now.flows for ip in (flow.five_tuple.src_ip, flow.five_tuple.dst_ip) if ip not in ours)
    found = [*(incident.target_ip for incident in now.incidents), *(block.prefix for block in now.blocks), *of_flows]
    return tuple(dict.fromkeys(found))[:OFFERED]
