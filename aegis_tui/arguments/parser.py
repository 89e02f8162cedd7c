"""The parser of the whole command line; it imports nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence

from aegis_tui.arguments import asking, blocking, incidents, running, upkeep
from aegis_tui.arguments.flags import Parsers
from aegis_tui.arguments.reader import Reader
from engine.version import VERSION

_EXAMPLES = """\
examples:
  sudo aegis-tui --iface eth0             watch eth0: live flows, alerts, investigations, blocks
  sudo aegis-tui                          a console at the daemon, where one runs (systemctl start aegis-tui)
  aegis-tui demo                          the console on a recorded attack: no root, no key
  aegis-tui replay capture.pcap           the console on a capture
  aegis-tui replay captures/ --headless --json | jq 'select(.type == "alert")'
  sudo aegis-tui proposals approve P-17   decide on a block from another terminal
  sudo aegis-tui blocks list              what the kernel drops now
  sudo aegis-tui panic-unblock            let every packet pass, whatever else is broken
"""

_COMMANDS: tuple[tuple[str, Callable[[Parsers], None]], ...] = (
    ("replay", running.add_replay),
    ("demo", running.add_demo),
    ("incidents show report packets", incidents.add_incidents),
    ("export verify", incidents.add_packs),
    ("suppress", incidents.add_suppress),
    ("note", incidents.add_note),
    ("triage", asking.add_triage),
    ("ask", asking.add_questions),
    ("knowledge", asking.add_knowledge),
    ("proposals", blocking.add_proposals),
    ("blocks", blocking.add_blocks),
    ("panic-unblock", blocking.add_panic),
    ("allow", blocking.add_allow),
    ("audit", blocking.add_audit),
    ("doctor config", upkeep.add_checks),
    ("serve", running.add_serve),
    ("token", running.add_token),
    ("daemon", running.add_daemon),
    ("attach", running.add_attach),
    ("log completions", upkeep.add_shell),
)
"""In the order in which ``--help`` lists them; each with the names of what it adds."""


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command, or of no more than it takes to read these ``words``."""
    parser: argparse.ArgumentParser = Reader(
        prog="aegis-tui",
        description="A terminal security console for one Linux server. Blocks nothing without a person's word.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aegis-tui {VERSION}")
    parser.set_defaults(run="live:run", reads_settings=True)
    running.live_flags(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in _needed(words):
        add(commands)
    _take_utc(parser)
    _keep_what_came_first(parser)
    return parser


def _needed(words: Sequence[str] | None) -> list[Callable[[Parsers], None]]:
    """Return what adds the command that the first word names; what is no command's name may need all of them."""
    every = [add for _, add in _COMMANDS]
    if words is None:
        return every
    return [add for names, add in _COMMANDS if words and words[0] in names.split()] or (every if words else [])


def _take_utc(parser: argparse.ArgumentParser, default: object = False) -> None:
    """Give every command ``--utc``: before its name or after it."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for command in inner[0].choices.values() if inner else ():
        _take_utc(command, argparse.SUPPRESS)
    if not inner or default is False:
        words = "times in UTC instead of local time (setting: utc)"
        parser.add_argument("--utc", action="store_true", default=default, help=words)


def _keep_what_came_first(parser: argparse.ArgumentParser) -> None:
    """Let a flag before a command's name count as one after it: the command's own default would win over it."""
    first = {action.dest: action.default for action in parser._actions if action.option_strings}
    for command in _below(parser):
        for action in command._actions:
            if action.option_strings and action.dest in first and action.default == first[action.dest]:
                action.default = argparse.SUPPRESS


def _below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands, and of their actions."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from _below(command)
