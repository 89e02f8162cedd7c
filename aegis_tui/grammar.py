"""The command line as a tree of plain records: what the manual page and the completions are made from."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

FILES = frozenset({"FILE", "DIR", "PATH", "PACK", "FILE|DIR|INCIDENT", "ID|SOURCE"})
"""Names of values that are, or may be, a file."""


@dataclass(frozen=True, slots=True)
class Argument:
    """A flag, or a value by its place."""

    flags: tuple[str, ...]
    """Such as ``-o`` and ``--output``; empty for a value by its place."""
    value: str
    """The name of its value, or empty where it takes none."""
    words: str
    choices: tuple[str, ...]
    optional: bool
    repeated: bool

    @property
    def takes_file(self) -> bool:
        """Whether its value is, or may be, a file."""
        return self.value in FILES

    @property
    def takes_interface(self) -> bool:
        """Whether its value is a network interface."""
        return "--iface" in self.flags


@dataclass(frozen=True, slots=True)
class Grammar:
    """A command, with what it takes and the commands below it."""

    path: tuple[str, ...]
    """Without the program's name; empty for the program itself."""
    words: str
    epilog: str
    arguments: tuple[Argument, ...]
    commands: tuple[Grammar, ...]

    def every(self) -> Iterator[Grammar]:
        """Yield this command and all below it, in order."""
        yield self
        for command in self.commands:
            yield from command.every()

    @property
    def flags(self) -> tuple[Argument, ...]:
        """What is named by a flag."""
        return tuple(one for one in self.arguments if one.flags)

    @property
    def places(self) -> tuple[Argument, ...]:
        """What is known by its place."""
        return tuple(one for one in self.arguments if not one.flags)


def grammar(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Grammar:
    """Return what a parser understands."""
    arguments = [action for action in parser._actions if not isinstance(action, argparse._SubParsersAction)]
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    below = inner[0].choices.items() if inner else ()
    return Grammar(
        path,
        parser.description or "",
        parser.epilog or "",
        tuple(_argument(action) for action in arguments),
        tuple(grammar(command, (*path, name)) for name, command in below),
    )


def _argument(action: argparse.Action) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    value = "" if action.nargs == 0 else str(action.metavar or "|".join(choices) or action.dest.upper())
    optional = bool(action.option_strings) or action.nargs == "?"
    repeated = action.nargs == "+" or isinstance(action, argparse._AppendAction)
    return Argument(tuple(action.option_strings), value, action.help or "", choices, optional, repeated)
