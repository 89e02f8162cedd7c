"""What may be typed on the ``:`` line: commands, what each takes, what is known to fit there, and how it is read."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from aegis_tui.keyboard.keymap import commands, help_of, named
from aegis_tui.keyboard.keys import Command
from aegis_tui.widgets.safe import foreign

TIMES = ("10m", "1h", "24h", "7d", "permanent")


class Known(NamedTuple):
    """What the console knows when the line is opened."""

    screens: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """In view, the ones of incidents first."""
    blocked: tuple[str, ...] = ()
    """Prefixes of blocks in force."""


class Offer(NamedTuple):
    """One way to go on."""

    text: str
    """The whole line with it."""
    shown: str
    help: str


OF_BLOCKS = frozenset({"undo", "extend", "keep"})
"""Commands whose prefix is that of a block in force."""


def offers(text: str, known: Known) -> list[Offer]:
    """Return how a line can go on: names of commands, or arguments of the one that stands there."""
    name, gap, rest = text.lstrip().partition(" ")
    if not gap:
        return [
            Offer(_ready(command), f"{command.name} {command.takes}", help_of(command)) for command in beginning(name)
        ]
    command = named(name)
    if command is None or not command.takes:
        return []
    done, _, last = rest.rpartition(" ")
    start = f"{command.name} {done} " if done else f"{command.name} "
    fitting = [
        word for word in _words(command, len(done.split()), known) if word.casefold().startswith(last.casefold())
    ]
    return [Offer(start + word, word, "") for word in fitting]


def beginning(name: str) -> list[Command]:
    """Return the commands whose name begins so, else those that contain it."""
    known = sorted(commands(), key=lambda command: command.name)
    begin = [command for command in known if command.name.startswith(name)]
    return begin or [command for command in known if name in command.name]


def problem(text: str) -> str:
    """Return why a line cannot be run, or empty."""
    name, _, rest = text.strip().partition(" ")
    if not name:
        return ""
    command = named(name)
    if command is None:
        return _unknown(name)
    if rest.strip() and not command.takes:
        return f"'{command.name}' takes nothing after it"
    if command.takes and not command.takes.startswith("[") and not rest.strip():
        return f"'{command.name}' takes {command.takes}"
    return ""


def usage(text: str) -> str:
    """Return what the command on the line takes and does, or empty where none stands there."""
    command = named(text.split(maxsplit=1)[0]) if text.split() else None
    return f"{command.name} {command.takes}".strip() + f": {help_of(command)}" if command else ""


def _unknown(name: str) -> str:
    begun = [command.name for command in commands() if command.name.startswith(name)]
    near = begun or difflib.get_close_matches(name, [command.name for command in commands()], 3, 0.5)
    return f"no command '{name}'" + (f"; nearest: {', '.join(near)}" if near else "; tab lists them all")


def _ready(command: Command) -> str:
    return f"{command.name} " if command.takes else command.name


def _words(command: Command, place: int, known: Known) -> Sequence[str]:
    """Return what fits at a place after the command's name."""
    tokens = command.takes.replace("[", "").replace("]", "").split()
    token = tokens[place] if place < len(tokens) else ""
    prefixes = known.blocked if command.name in OF_BLOCKS else known.addresses
    fitting = {
        "PREFIX": prefixes, "TIME": TIMES, "SCREEN": known.screens, "THEME": known.themes, "INCIDENT": known.incidents,
    }  # fmt: skip
    kinds = token.split("|")
    literal = [kind for kind in kinds if kind.islower()]
    return [*literal, *(word for kind in kinds for word in fitting.get(kind, ()))]


def network(words: str) -> str:
    """Return an address or a prefix as a prefix, or an empty text."""
    try:
        return str(ipaddress.ip_network(words.strip()))
    except ValueError:
        return ""


def seconds(term: str) -> float | None:
    """Return how long ``24h`` is; None where it is no time."""
    from aegis_tui.commands.rows import parse_span  # noqa: PLC0415 - only where a term is typed

    try:
        return parse_span(term)
    except ValueError:
        return None


def no_prefix(words: str) -> str:
    """Say what a prefix is."""
    return f"'{foreign(words, 60)}' is no address and no prefix such as 203.0.113.0/24"


def no_time(words: str) -> str:
    """Say what a time is."""
    return f"'{foreign(words.strip(), 40)}' is no time such as {', '.join(TIMES)}"
