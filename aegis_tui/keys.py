"""Every key of the console, once: bindings, the footer and the help are made from this table."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding, BindingType


class Command(NamedTuple):
    """What a key does."""

    keys: str
    """Textual's names, separated by commas; the first is shown. Empty where another command has the key elsewhere."""
    action: str
    shown: str
    """The key as the footer and the help write it."""
    label: str
    """One or two words for the footer; empty where the footer leaves it out."""
    help: str
    views: frozenset[str] = frozenset()
    """The views whose footer and help name it; empty means all."""


REPLAY = frozenset({"replay"})
BLOCKS = frozenset({"blocks"})
TABLE_VIEWS = frozenset({"overview", "incident", "blocks", "replay"})
ALERT_VIEWS = frozenset({"overview", "incident", "replay"})
INCIDENT_VIEWS = frozenset({"overview", "incident"})
"""Where the selected incident can be seen."""

APP_COMMANDS = (
    Command("b", "review", "b", "block", "review a proposal, or ask for one for row or marks", TABLE_VIEWS),
    Command("u", "undo", "u", "undo", "let the row, the marked or the last block pass", BLOCKS),
    Command("e", "extend", "e", "extend", "ask for another term of the row's block", BLOCKS),
    Command("K", "keep", "K", "keep", "keep a block that is on trial", BLOCKS),
    Command("r", "refuse", "r", "refuse", "refuse the proposal of the row", BLOCKS),
    Command("m", "mark", "m", "mark", "mark the row for b or u; esc clears the marks", TABLE_VIEWS),
    Command("a", "allow", "a", "allow", "never block the row's address; asks for a reason", TABLE_VIEWS),
    Command("p", "transport('toggle')", "p", "play/pause", "replay: play or pause", REPLAY),
    Command("full_stop", "transport('forward')", ". ,", "step", "replay: one step on, back", REPLAY),
    Command("comma", "transport('back')", ",", "", "replay: one step back"),
    Command("right_square_bracket", "transport('faster')", "[ ]", "speed", "replay: slower, faster", REPLAY),
    Command("left_square_bracket", "transport('slower')", "[", "", "replay: slower"),
    Command("slash", "filter", "/", "filter", "show only rows that contain the words; esc clears", TABLE_VIEWS),
    Command("tab", "app.pane(1)", "tab", "pane", "next pane; shift+tab the one before"),
    Command("shift+tab", "app.pane(-1)", "shift+tab", "", "previous pane"),
    Command("1", "view('overview')", "1-5", "screens", "overview, incident, blocks, replay, health"),
    Command("2", "view('incident')", "2", "", "incident"),
    Command("3", "view('blocks')", "3", "", "blocks: what the kernel drops now"),
    Command("4", "view('replay')", "4", "", "replay"),
    Command("5", "view('health')", "5", "", "health of the tool itself"),
    Command("n", "alert(1)", "n N", "alert", "next, previous alert", ALERT_VIEWS),
    Command("N", "alert(-1)", "N", "", "previous alert"),
    Command("t", "triage", "t i", "event, ask", "judge an event reported elsewhere; ask a question", INCIDENT_VIEWS),
    Command("i", "question", "i", "", "ask about the incident, or the knowledge base"),
    Command("", "report", "r w", "report", "write its report; show what would leave this host", INCIDENT_VIEWS),
    Command("w", "leaving", "w", "", "what would leave this host about the incident"),
    Command("d", "disposition", "d", "disposition", "true, benign or false positive", INCIDENT_VIEWS),
    Command("space", "freeze", "space", "freeze", "hold the tables still; capture goes on", TABLE_VIEWS),
    Command("escape", "back", "esc", "", "clear the filter or the marks, or go back"),
    Command("question_mark", "help", "?", "", "this help"),
    Command("q", "quit", "q", "quit", "quit; blocks stay in force"),
)

PANE_COMMANDS = (
    Command("down,j", "move(1)", "↑↓ jk", "move", "move"),
    Command("up,k", "move(-1)", "↑ k", "", "move up"),
    Command("pagedown", "page(1)", "pgdn pgup", "", "one page down, up"),
    Command("pageup", "page(-1)", "pgup", "", "one page up"),
    Command("home", "end(-1)", "home", "", "to the first row"),
    Command("end", "end(1)", "home end", "", "to the first, the last row"),
    Command("enter", "open", "enter", "open", "open the row"),
)

SHOWN_WITH_ANOTHER = frozenset({"i", "w", "↑ k", "pgup", "home", "2", "3", "4", "5", "N", ",", "[", "shift+tab"})
"""Second keys of a pair: the help names them in the row of the first."""


def app_bindings() -> list[BindingType]:
    """Return the bindings of the application."""
    return [_binding(command) for command in APP_COMMANDS if command.keys]


def view_bindings() -> list[BindingType]:
    """Return the bindings that a view must hold itself, because a Textual screen has its own on the same keys."""
    return [_binding(command) for command in APP_COMMANDS if command.action.startswith("app.")]


def pane_bindings() -> list[BindingType]:
    """Return the bindings of a pane that has the focus."""
    return [_binding(command) for command in PANE_COMMANDS]


def footer_hints(view: str) -> list[tuple[str, str]]:
    """Return key and label for a view's footer, the most useful first, without help and quit."""
    commands = (PANE_COMMANDS[0], PANE_COMMANDS[-1], *APP_COMMANDS)
    shown = [command for command in commands if command.label and command.action != "quit"]
    return [(command.shown, command.label) for command in shown if _serves(command, view)]


def help_for(view: str) -> list[Command]:
    """Return the commands that do something in a view, each pair of keys once."""
    commands = (*PANE_COMMANDS, *APP_COMMANDS)
    return [command for command in commands if command.shown not in SHOWN_WITH_ANOTHER and _serves(command, view)]


def _serves(command: Command, view: str) -> bool:
    return not command.views or view in command.views


def _binding(command: Command) -> Binding:
    return Binding(command.keys, command.action, command.label or command.help, id=command.action, show=False)
