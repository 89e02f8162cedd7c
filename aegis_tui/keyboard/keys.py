"""Every key of the console, once: bindings, the footer and the help are made from this table."""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding, BindingType


class Command(NamedTuple):
    """What a key does."""

    name: str
    """Kebab-case and unique: the word for the ``:`` line, the palette, ``[keys]`` in the config and docs/keys.md."""
    keys: str
    """Textual's names, separated by commas; the first is shown. Empty where another command has the key elsewhere."""
    shown: str
    """The key as the footer and the help write it."""
    label: str
    """One or two words for the footer; empty where the footer leaves it out."""
    help: str
    """What it does; ``{name}`` stands for the key of another command."""
    views: frozenset[str] = frozenset()
    """The views whose footer and help name it; empty means all. Commands that share no view may share a key."""
    pair: str = ""
    """The command in whose row of the help and the footer this one's key is shown as well."""
    takes: str = ""
    """What may follow its name on the ``:`` line: capitals to fill in, brackets around what may be left out."""
    row: str = ""
    """What the help says of its row where others share it; empty means ``help``."""
    action: str = ""
    """Textual's action where a widget or a screen binds the keys; the rest is bound by the application, by name."""


REPLAY = frozenset({"replay"})
BLOCKS = frozenset({"blocks"})
TABLE_VIEWS = frozenset({"overview", "incident", "blocks", "replay"})
RULES = frozenset({"suppressions"})
FILTER_VIEWS = TABLE_VIEWS | RULES | {"library"}
ALERT_VIEWS = frozenset({"overview", "incident", "replay"})
LIBRARY = frozenset({"library"})
LIBRARIES = frozenset({"overview", "incident", "replay"})
"""From where the library is one key away; screen 4 is the library itself while nothing is replayed."""
INCIDENT_VIEWS = frozenset({"overview", "incident"})
"""Where the selected incident can be seen."""

APP_COMMANDS = (
    Command("block", "b", "b", "block", "review a proposal, or ask for one for row or marks", TABLE_VIEWS,
            takes="[PREFIX [TIME]]"),
    Command("undo", "u", "u", "undo", "let the row, the marked or the last block pass", BLOCKS,
            takes="[PREFIX]"),
    Command("extend", "E", "E", "extend", "ask for another term of the row's block", BLOCKS,
            takes="[PREFIX TIME]"),
    Command("keep", "K", "K", "keep", "keep a block that is on trial", BLOCKS, takes="[PREFIX]"),
    Command("refuse", "r", "r", "refuse", "refuse the proposal of the row", BLOCKS),
    Command("end-suppression", "u", "u", "end rule", "end the rule of the row or the marks", RULES),
    Command("play", "p", "p", "play/pause", "replay: play or pause", REPLAY),
    Command("step-forward", "full_stop", ". ,", "step", "replay: one step on", REPLAY,
            row="replay: one step on, back"),
    Command("step-back", "comma", ",", "", "replay: one step back", REPLAY, pair="step-forward"),
    Command("faster", "right_square_bracket", "[ ]", "speed", "replay: faster", REPLAY,
            row="replay: slower, faster"),
    Command("slower", "left_square_bracket", "[", "", "replay: slower", REPLAY, pair="faster"),
    Command("replay-start", "less_than_sign", "< >", "", "replay: to the start", REPLAY,
            row="replay: to the start, to the end"),
    Command("replay-end", "greater_than_sign", ">", "", "replay: to the end", REPLAY,
            pair="replay-start"),
    Command("goto", "g", "g", "go to", "replay: to a time, +30s, or alert 3", REPLAY, takes="[MOMENT]"),
    Command("library", "L", "L", "library", "stored incidents and captures, to replay", LIBRARIES),
    Command("replay", "P", "P", "replay", "replay the incident or the capture; nothing live is touched",
            INCIDENT_VIEWS | LIBRARY, takes="[INCIDENT|FILE]"),
    Command("diff", "c", "c", "compare", "judge it again by another threshold, rules or model, and compare",
            INCIDENT_VIEWS | LIBRARY, takes="[NAME=VALUE]"),
    Command("export", "e", "e", "export", "write the rows, or the incident's evidence pack, to a file",
            TABLE_VIEWS | LIBRARY, takes="[PATH|rows FILE]"),
    Command("filter", "slash", "/", "filter", "show only rows that match; {back} clears", FILTER_VIEWS,
            takes="[WORDS]"),
    Command("pane-next", "tab", "tab", "pane", "next pane",
            row="next pane; {pane-previous} the one before", action="app.press('pane-next')"),
    Command("pane-previous", "shift+tab", "shift+tab", "", "previous pane", pair="pane-next",
            action="app.press('pane-previous')"),
    Command("screen-overview", "1", "1-5", "screens", "what goes on now",
            row="overview, incident, blocks, replay, health"),
    Command("screen-incident", "2", "2", "", "one incident in full", pair="screen-overview"),
    Command("screen-blocks", "3", "3", "", "what the kernel drops now", pair="screen-overview"),
    Command("screen-replay", "4", "4", "", "what is replayed", pair="screen-overview"),
    Command("screen-health", "5", "5", "", "health of the tool itself", pair="screen-overview"),
    Command("command", "colon", ": ctrl+p", "command", "command line with completion",
            row="command line with completion; palette"),
    Command("palette", "ctrl+p", "ctrl+p", "", "all commands of this screen", pair="command"),
    Command("mark", "m", "m", "mark",
            "mark the row for {block}, {undo}, {suppress}, {disposition} and go to the next; {back} clears",
            TABLE_VIEWS | RULES),
    Command("allow", "a", "a", "allow", "never block the row's address; asks for a reason", TABLE_VIEWS,
            takes="[PREFIX [REASON]]"),
    Command("alert-next", "n", "n N", "alert", "next alert", ALERT_VIEWS, row="next, previous alert"),
    Command("alert-previous", "N", "N", "", "previous alert", ALERT_VIEWS, pair="alert-next"),
    Command("triage", "t", "t i", "event, ask", "judge an event reported elsewhere",
            INCIDENT_VIEWS, takes="[LINE]", row="judge an event reported elsewhere; ask a question"),
    Command("ask", "i", "i", "", "ask about the incident, or the knowledge base", pair="triage",
            takes="[QUESTION]"),
    Command("report", "r", "r w", "report", "write the report of the incident", INCIDENT_VIEWS,
            row="write its report; show what would leave this host"),
    Command("leaving", "w", "w", "", "what would leave this host about the incident", INCIDENT_VIEWS,
            pair="report"),
    Command("disposition", "d", "d", "disposition", "true, benign or false positive; row or marks",
            INCIDENT_VIEWS, takes="[true|benign|false|unclear]"),
    Command("suppress", "x", "x X", "suppress", "raise no alert on such as the row or the marks",
            INCIDENT_VIEWS, takes="[PREFIX]", row="raise no alert on such as the row; list these rules"),
    Command("suppressions", "X", "X", "", "the suppressions in force: who, why, what each hid",
            pair="suppress"),
    Command("note", "o", "o", "note", "write a note beside the incident", INCIDENT_VIEWS, takes="[TEXT]"),
    Command("take-over", "D", "D", "", "decide at this console, where another one attached does"),
    Command("freeze", "space", "space", "freeze", "hold the tables still; capture goes on", TABLE_VIEWS),
    Command("sort", "s", "s S", "sort", "sort by the next column", TABLE_VIEWS | RULES,
            row="sort by the next column; turn the order round"),
    Command("sort-reverse", "S", "S", "", "turn the order of the rows round", TABLE_VIEWS | RULES,
            pair="sort"),
    Command("copy", "y", "y v", "copy, density", "copy a value of the row or the pane",
            row="copy a value; density auto, compact, wide"),
    Command("density", "v", "v", "", "how much is shown: auto by size, compact, wide", pair="copy",
            takes="[auto|compact|wide]"),
    Command("back", "escape", "esc", "", "clear the filter or the marks, or go back"),
    Command("help", "question_mark", "?", "", "this help"),
    Command("quit", "q", "q", "quit", "quit; blocks stay in force"),
    Command("screen", "", "", "", "go to a screen", takes="SCREEN"),
    Command("incident", "", "", "", "open an incident by its id, or how that begins",
            takes="INCIDENT"),
    Command("knowledge", "", "", "", "search ATT&CK and your documents", takes="TEXT"),
    Command("theme", "", "", "", "other colours", takes="THEME"),
    Command("utc", "", "", "", "times in UTC, or local again", takes="[on|off]"),
    Command("notices", "", "", "", "what was said on the last line, the last 50 in full"),
    Command("settings", "", "", "", "the settings in force and where each came from"),
    Command("keys", "", "", "", "every command with its keys"),
    Command("doctor", "", "", "", "where to look when something is missing"),
)  # fmt: skip
"""What the whole console answers to. Without a key: for the ``:`` line and the palette, and for ``[keys]``."""

PANE_COMMANDS = (
    Command("down", "down,j", "↑↓ jk", "", "move down", row="move", action="move(1)"),
    Command("up", "up,k", "↑ k", "", "move up", pair="down", action="move(-1)"),
    Command("page-down", "pagedown", "pgdn pgup", "", "one page down", row="one page down, up", action="page(1)"),
    Command("page-up", "pageup", "pgup", "", "one page up", pair="page-down", action="page(-1)"),
    Command("home", "home", "home", "", "to the first row", pair="end", action="end(-1)"),
    Command("end", "end", "home end", "", "to the last row", row="to the first, the last row", action="end(1)"),
    Command("open", "enter", "enter", "open", "open the row", action="open"),
)
"""What a pane that has the focus answers to."""

DIALOG_COMMANDS = (
    Command(
        "cancel", "escape", "esc", "", "close; nothing is blocked, a proposal that waited waits on", action="cancel"
    ),
    Command("next", "tab,down,right", "tab ↓ →", "", "next control", action="focus_step(1)"),
    Command("previous", "shift+tab,up,left", "shift+tab", "", "previous control", action="focus_step(-1)"),
    Command("turn", "left,right,h,l", "← → h l", "", "on a choice: the option before, after"),
    Command("settle", "enter,space", "enter space", "", "on a choice: ask the guard for these terms"),
    Command("press", "enter", "enter", "", "on a button: press it; only [ Block ] blocks, and Cancel comes first"),
    Command("more", "pagedown", "pgdn pgup", "", "facts that did not fit", action="scroll_facts(1)"),
    Command("less", "pageup", "pgup", "", "facts before", pair="more", action="scroll_facts(-1)"),
    Command("keep-trial", "K", "K", "", "keep a block that is on trial", action="keep"),
    Command("refuse-proposal", "r", "r", "", "refuse the proposal; asks once", action="refuse"),
    Command("dialog-help", "question_mark", "?", "", "this help; the dialog stays as it is", action="help"),
)
"""What the dialog before a block answers to. These keys are fixed, and lead to no such dialog."""


def view_bindings() -> list[BindingType]:
    """Return the bindings that a view must hold itself, because a Textual screen has its own on the same keys."""
    return [binding(command) for command in APP_COMMANDS if command.action]


def pane_bindings() -> list[BindingType]:
    """Return the bindings of a pane that has the focus."""
    return [binding(command) for command in PANE_COMMANDS]


def dialog_bindings() -> list[BindingType]:
    """Return the bindings of the dialog before a block, beside those of its controls."""
    return [binding(command) for command in DIALOG_COMMANDS if command.action]


def common_dialog_bindings() -> list[BindingType]:
    """Return the bindings that every dialog has; keeping and refusing belong to the one before a block."""
    of_blocks = ("keep-trial", "refuse-proposal")
    return [binding(command) for command in DIALOG_COMMANDS if command.action and command.name not in of_blocks]


def binding(command: Command) -> Binding:
    """Return what Textual listens for; the name lets a keymap put other keys in its place."""
    return Binding(command.keys, command.action, command.label or command.help, id=command.name, show=False)
