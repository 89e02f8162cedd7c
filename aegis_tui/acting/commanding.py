"""Commands by name: the ``:`` line, the palette, and what each command makes of its arguments."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping

from textual.widgets import Input

from aegis_tui.acting.appearing import DENSITIES, AppearingApp
from aegis_tui.bridge import REFUSALS, EngineView
from aegis_tui.keyboard.completing import TIMES, Known, problem
from aegis_tui.keyboard.keymap import commands, help_of, named, serves
from aegis_tui.keyboard.keys import APP_COMMANDS, DIALOG_COMMANDS, PANE_COMMANDS, Command
from aegis_tui.screens.decision import Decision
from aegis_tui.screens.reading import Reading
from aegis_tui.screens.view import View
from aegis_tui.widgets import theme
from aegis_tui.widgets.line import Paragraph, paragraph
from aegis_tui.widgets.safe import foreign
from aegis_tui.widgets.story import fenced
from aegis_tui.widgets.table import Aim
from engine.meanings import meanings
from engine.types import Passage, Snapshot

OFFERED = 200
"""Addresses that completion knows, those of incidents first."""
COLUMNS_FROM = 100
"""Columns of a terminal from which names and what they do stand in columns of their own."""
ON_OFF = {"on": True, "off": False}
DOCTOR = (
    "Screen 5 names every fault with its remedy, and what counts as lost.",
    "In a shell, `sudo aegis-tui doctor` looks at kernel, model, knowledge base and endpoint; nothing is changed.",
    "`:settings` shows which setting is in force and which file, variable or flag it comes from.",
    "`:notices` holds what the last line said.",
)


class CommandingApp(AppearingApp):
    """The part of the console that takes commands by their names."""

    def __init__(self, engine: EngineView, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(engine, monotonic)
        self.taking: Mapping[str, Callable[[str], None]] = {
            "block": self._block, "undo": self._undo_of, "extend": self._extend_to, "keep": self._keep_of,
            "allow": self._allow_of, "filter": self._filter_by, "triage": self._given_event, "ask": self._ask_about,
            "density": self._density_by, "screen": self._go_to, "incident": self._open_incident,
            "knowledge": self._search, "theme": self._wear, "utc": self._utc_by,
        }  # fmt: skip
        """What takes the words after a command's name."""

    # --- keys ---

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key does this here: another command may have it in this view."""
        if action != "press":
            return super().check_action(action, parameters)
        command = named(str(parameters[0]), APP_COMMANDS)
        return command is not None and self.keymap.acts(command, self._view())

    async def action_press(self, name: str) -> None:
        """Do what the command of this name does."""
        await self.run_action(_exactly(name).action, self)

    # --- the command line and the palette ---

    def action_command_line(self, text: str = "") -> None:
        """Ask for a command."""
        from aegis_tui.screens.command_line import CommandLine  # noqa: PLC0415 - not before the first frame

        self.push_screen(CommandLine(self.known(), self.lines.lines, text), self._given_line)

    def action_palette(self) -> None:
        """Offer the commands of this screen."""
        from aegis_tui.screens.palette import Palette  # noqa: PLC0415 - not before the first frame

        view = self._view()
        every = (*APP_COMMANDS, *PANE_COMMANDS)
        offered = [command for command in every if serves(command, view) and command.name != "palette"]
        self.push_screen(Palette(offered, self.keymap), lambda name: self._given_line(name or "", keep=False))

    def _given_line(self, text: str | None, keep: bool = True) -> None:
        if text:
            if keep:
                self.lines.add(text)
            self.call_later(self.do, text)

    async def do(self, text: str) -> None:
        """Run a line such as ``block 203.0.113.9 24h``."""
        name, _, rest = text.strip().partition(" ")
        command = named(name)
        wrong = "" if rest.strip() == "" else problem(text)
        if command is None or wrong:
            self.say(foreign(wrong or problem(text)), "warn")
        elif rest.strip():
            self.taking[command.name](rest.strip())
        else:
            await self._run_command(command)

    async def _run_command(self, command: Command) -> None:
        target = self.focused if command in PANE_COMMANDS else None
        await self.run_action(command.action, target or self)

    def known(self) -> Known:
        """Return what completion knows now."""
        now = self.engine.snapshot()
        return Known(
            screens=tuple(self.SCREENS),
            themes=("auto", *theme.NAMES),
            incidents=tuple(incident.id for incident in now.incidents),
            addresses=_addresses(now),
            blocked=tuple(block.prefix for block in now.blocks if not block.watch)[:OFFERED],
        )

    # --- blocks ---

    def _block(self, words: str) -> None:
        prefix, _, term = words.partition(" ")
        ttl_s = _seconds(term.strip()) if term.strip() else None
        target = _network(prefix)
        if target and (ttl_s is not None or not term.strip()):
            self._run(self._review_for(target, ttl_s), "review")
        else:
            self.say(_no_prefix(prefix) if not target else _no_time(term), "warn")

    async def _review_for(self, target: str, ttl_s: float | None) -> None:
        """Open the dialog on a proposal of these terms: it asks, and nothing else blocks."""
        try:
            known = self.proposed()
            proposal = self._waiting(Aim(target)) or await self.engine.propose(target, "")
            made = proposal.id not in known
            if ttl_s is not None and proposal.terms.ttl_s != ttl_s:
                proposal = await self.engine.revise(proposal.id, proposal.terms.prefix, ttl_s)
            await self._open(proposal, made=made)
        except REFUSALS as refusal:
            self.say(f"no proposal: {foreign(str(refusal))}", "danger")

    def _undo_of(self, words: str) -> None:
        found = "" if self.only_watches() else self._blocked(words)
        if found:
            self._ask_then(f"Let {found} pass again?  y yes, any other key no", lambda: self._undo([found]))

    def _extend_to(self, words: str) -> None:
        prefix, _, term = words.partition(" ")
        found, ttl_s = self._blocked(prefix), _seconds(term.strip())
        if found and ttl_s is None:
            self.say(_no_time(term), "warn")
        elif found and ttl_s is not None:
            self._run(self._extend(found, ttl_s), "review")

    def _keep_of(self, words: str) -> None:
        found = self._blocked(words)
        if found:
            self._run(self._keep(found), "keep")

    def _allow_of(self, words: str) -> None:
        prefix, _, reason = words.partition(" ")
        target = _network(prefix)
        if not target:
            self.say(_no_prefix(prefix), "warn")
        elif reason.strip():
            question = f"Never block {target} ({foreign(reason.strip(), 80)})?  y yes, any other key no"
            self._ask_then(question, lambda: self._allow(target, reason.strip()))
        else:
            self.ask_why_allowed(target)

    def _blocked(self, words: str) -> str:
        """Return the prefix of the block in force that was meant, or say that there is none."""
        target = _network(words)
        in_force = [block.prefix for block in self.engine.snapshot().blocks if not block.watch]
        same = [prefix for prefix in in_force if target and _network(prefix) == target]
        if not same:
            known = f"; in force: {', '.join(in_force[:3])}" if in_force else ": nothing is blocked"
            self.say(f"no block of {foreign(words, 60)}{known}", "warn")
        return same[0] if same else ""

    # --- going and looking ---

    def _filter_by(self, words: str) -> None:
        if isinstance(self.screen, View):
            self.screen.open_filter()
            field = self.screen.query_one("#filter", Input)
            field.value = words
            self.screen.look_at(self.screen.pane())

    def _go_to(self, words: str) -> None:
        found = [name for name in self.SCREENS if name.startswith(words)]
        if len(found) == 1:
            self.action_view(found[0])
        else:
            self.say(f"no screen '{foreign(words, 40)}'; there are: {', '.join(self.SCREENS)}", "warn")

    def action_view(self, name: str) -> None:
        """Switch to another view."""

    def _open_incident(self, words: str) -> None:
        found = [one.id for one in self.engine.snapshot().incidents if one.id.casefold().startswith(words.casefold())]
        if len(found) == 1:
            self.show_incident(found[0])
        elif found:
            self.say(f"{len(found)} incidents begin with {foreign(words, 40)}: {', '.join(found[:4])}", "warn")
        else:
            self._inquire(lambda: self._open_stored(words), "cannot open it")

    async def _open_stored(self, incident_id: str) -> None:
        view = await self.engine.incident(incident_id)
        self.show_incident(view.incident.id)

    def _ask_about(self, words: str) -> None:
        self._given_question(words, self.chosen_incident())

    def _search(self, words: str) -> None:
        async def searched() -> None:
            found = await self.waited("the knowledge base is searched", self.engine.search(words))
            rows = [row for passage in found for row in _passage(passage)]
            nothing = [
                paragraph("Nothing fits. Other words, or `aegis-tui knowledge add FILE` for documents of yours.")
            ]
            self.push_screen(Reading(f"Knowledge: {foreign(words, 60)}, esc closes", rows or nothing))

        self._inquire(searched, "cannot search")

    # --- how it looks ---

    def _wear(self, words: str) -> None:
        if words in ("auto", *theme.NAMES):
            self.wear(words)
        else:
            self.say(f"no theme '{foreign(words, 40)}'; there are: auto, {', '.join(theme.NAMES)}", "warn")

    def _density_by(self, words: str) -> None:
        if words in DENSITIES:
            self.arrange(words)
        else:
            self.say(f"no density '{foreign(words, 40)}'; there are: {', '.join(DENSITIES)}", "warn")

    def _utc_by(self, words: str) -> None:
        if words in ON_OFF:
            self.tell_time(ON_OFF[words])
        else:
            self.say("'utc' takes on or off", "warn")

    # --- help ---

    def action_help(self) -> None:
        """Show the keys of the screen, or of the dialog that is open."""
        from aegis_tui.screens.help import Help  # noqa: PLC0415 - not before the first frame

        if isinstance(self.screen, Decision):
            keys = [(command.shown, command.help) for command in DIALOG_COMMANDS if not command.pair]
            self.push_screen(Help(keys, "Keys of this dialog, esc closes the help", signs=False))
        else:
            self.push_screen(Help(self.keymap.help(self._view())))

    def action_keys(self) -> None:
        """Show every command."""
        self.push_screen(Reading("Every command, esc closes", [self._in_words(command) for command in _by_name()]))

    def _in_words(self, command: Command) -> Paragraph:
        where = f"  ({', '.join(sorted(command.views))})" if command.views else ""
        name = f"{command.name} {command.takes}".rstrip()
        column = f"{name:<39} " if self.size.width >= COLUMNS_FROM else f"{name}  "
        indent = 52 if self.size.width >= COLUMNS_FROM else 12
        keys = f"{self.keymap.faces(command.name):<11} "
        return paragraph(keys, (column, "bold"), help_of(command), (where, "dim"), indent=indent)

    def action_settings(self) -> None:
        """Show the settings in force."""
        rows = [part for told in self.preferences.settings for part in _explained(*told)]
        nothing = [paragraph("This console was started without settings.")]
        self.push_screen(Reading("Settings in force and their origin, esc closes", rows or nothing))

    def action_help_quit(self) -> None:
        """Say how to quit, where Textual would in a pop-up."""
        self.say(f"{self.keymap.faces('quit') or ':quit'} quits; blocks stay in force")

    def action_doctor(self) -> None:
        """Say where to look when something is missing."""
        self.push_screen(Reading("When something is missing, esc closes", [paragraph(text) for text in DOCTOR]))

    def _view(self) -> str:
        top = self.screen_stack[-1] if self.screen_stack else None  # none before the first view and after the last
        return top.view if isinstance(top, View) else ""


def _explained(key: str, value: str, origin: str) -> tuple[Paragraph, Paragraph]:
    """Return a setting, and what it means below it."""
    words = meanings().get(key, "").replace("``", "`")
    return (
        paragraph((f"{key:<22} ", "bold"), foreign(value) or "-", (f"  {foreign(origin)}", "dim"), indent=23),
        paragraph((f"    {words}", "dim"), indent=4),
    )


def _exactly(name: str) -> Command:
    return next(command for command in commands() if command.name == name)


def _by_name() -> list[Command]:
    return sorted(commands(), key=lambda command: command.name)


def _passage(found: Passage) -> list[Paragraph]:
    head = paragraph(
        (f"{foreign(found.id, 40)} ", "bold"), foreign(found.title), (f"  {foreign(found.source)}", "dim"), indent=2
    )
    return [head, *fenced(found.text, rows=6), paragraph("")]


def _network(words: str) -> str:
    try:
        return str(ipaddress.ip_network(words.strip()))
    except ValueError:
        return ""


def _seconds(term: str) -> float | None:
    from aegis_tui.commands.rows import parse_span  # noqa: PLC0415 - only where a term is typed

    try:
        return parse_span(term)
    except ValueError:
        return None


def _no_prefix(words: str) -> str:
    return f"'{foreign(words, 60)}' is no address and no prefix such as 203.0.113.0/24"


def _no_time(words: str) -> str:
    return f"'{foreign(words.strip(), 40)}' is no time such as {', '.join(TIMES)}"


def _addresses(now: Snapshot) -> tuple[str, ...]:
    """Return the addresses in view, those of incidents first."""
    ours = {alert.local_ip for alert in now.alerts}
    of_flows = (ip for flow in now.flows for ip in (flow.five_tuple.src_ip, flow.five_tuple.dst_ip) if ip not in ours)
    found = [*(incident.target_ip for incident in now.incidents), *(block.prefix for block in now.blocks), *of_flows]
    return tuple(dict.fromkeys(found))[:OFFERED]
