"""The parser of the whole command line; it imports nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from aegis_tui.arguments import asking, blocking, incidents, running, upkeep
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

_COMMANDS = (
    running.add_replay,
    running.add_demo,
    incidents.add_incidents,
    incidents.add_packs,
    incidents.add_suppress,
    incidents.add_note,
    asking.add_triage,
    asking.add_questions,
    asking.add_knowledge,
    blocking.add_proposals,
    blocking.add_blocks,
    blocking.add_panic,
    blocking.add_allow,
    blocking.add_audit,
    upkeep.add_checks,
    running.add_serve,
    running.add_token,
    running.add_daemon,
    running.add_attach,
    upkeep.add_shell,
)
"""In the order in which ``--help`` lists them."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser: argparse.ArgumentParser = Reader(
        prog="aegis-tui",
        description="A terminal security console for one Linux server. Blocks nothing without a person's word.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aegis-tui {VERSION}")
    parser.set_defaults(run="live:run")
    running.live_flags(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    _take_utc(parser)
    _keep_what_came_first(parser)
    return parser


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
