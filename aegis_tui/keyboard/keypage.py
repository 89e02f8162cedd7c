"""``python -m aegis_tui.keyboard.keypage > docs/keys.md``: the page of all commands, from the table that makes them."""

from __future__ import annotations

from collections.abc import Iterable

from aegis_tui.keyboard.keymap import OPEN_A_DIALOG, Keymap
from aegis_tui.keyboard.keys import APP_COMMANDS, DIALOG_COMMANDS, PANE_COMMANDS, Command

HEAD = """# Keys and commands

Made from the command table: `python -m aegis_tui.keyboard.keypage > docs/keys.md`. A test compares.

`:` opens the command line. Tab completes the name, then what may follow it: screens, themes, incidents, addresses in
view, prefixes in force. Up and down go through the lines of before, the last 200, kept in the state folder for nobody
else to read. The beginning of a name is enough where only one command begins so. `ctrl+p` lists what does something
on this screen; words narrow it. Nothing typed here blocks: `block` and `extend` open the dialog, which asks.

## Other keys

In the config file, the table `[keys]` gives a command other keys: a sign, a name such as `space`, `f5`, `slash`, or
one with `ctrl+`. An empty list takes its keys away. What is not named keeps its own. Help, footer and palette show the
keys in force.

```toml
[keys]
block = "B"
alert-next = ["n", "ctrl+n"]
```

At the start this is refused, with the file and the key: a name that is no command, a key that is none, one that few
terminals send (`super+`, `hyper+`, `meta+`), a key that would do two things on one screen, and for {openers} a key
that the dialog before a block answers to.
"""


def page() -> str:
    """Return the page."""
    openers = " and ".join(f"`{name}`" for name in sorted(OPEN_A_DIALOG))
    parts = [
        HEAD.format(openers=openers),
        _section("Everywhere, or on the screens named", APP_COMMANDS),
        _section("In a pane or a table", PANE_COMMANDS),
        _dialog(),
    ]
    return "\n".join(parts)


def _section(title: str, commands: Iterable[Command]) -> str:
    rows = [_row(command) for command in commands]
    return "\n".join([f"## {title}", "", "| command | keys | does | screens |", "|---|---|---|---|", *rows, ""])


def _row(command: Command) -> str:
    name = f"{command.name} {command.takes}".strip().replace("|", "\\|")
    keys = " ".join(f"`{one}`" for one in Keymap().faces(command.name).split())
    does = Keymap().filled(command.help).replace("|", "\\|")
    return f"| `{name}` | {keys} | {does} | {', '.join(sorted(command.views))} |"


def _dialog() -> str:
    rows = [f"| `{command.shown}` | {command.help} |" for command in DIALOG_COMMANDS if not command.pair]
    head = "These are fixed. Keys in the first 0.3 s are not heard."
    return "\n".join(["## In the dialog before a block", "", head, "", "| keys | does |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    print(page(), end="")
