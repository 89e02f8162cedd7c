"""The command line: reads what was typed, and loads only what the command needs."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

VERSION: Final = "0.1.0"

_EXAMPLES = """\
examples:
  sudo aegis-tui --iface eth0             watch eth0: live flows, alerts, investigations, blocks
  aegis-tui demo                          the console on a recorded attack: no root, no key
  aegis-tui replay capture.pcap           the console on a capture
  aegis-tui replay captures/ --headless --json | jq 'select(.type == "alert")'
  sudo aegis-tui proposals approve P-17   decide on a block from another terminal
  sudo aegis-tui panic-unblock            let every packet pass, whatever else is broken
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="aegis-tui",
        description="A terminal security console for one Linux server. Blocks nothing without a person's word.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"aegis-tui {VERSION}")
    parser.set_defaults(run="live:run")
    _live_flags(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_replay(commands)
    _add_incidents(commands)
    _add_blocking(commands)
    _add_checks(commands)
    return parser


if TYPE_CHECKING:
    _Parsers = argparse._SubParsersAction[argparse.ArgumentParser]


def _add(parsers: _Parsers, name: str, words: str) -> argparse.ArgumentParser:
    """Return the parser of a command that says the same in the list and in its own help."""
    return parsers.add_parser(name, help=words, description=words[:1].upper() + words[1:] + ".")


def _actions(parser: argparse.ArgumentParser) -> _Parsers:
    """Return where to add a command's actions; one has to be named, and a missing one is answered with the list."""
    return parser.add_subparsers(title="actions", required=True)


def _live_flags(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("watching")
    live.add_argument("--iface", action="append", metavar="NAME", help="interface to watch; repeat for several (root)")
    live.add_argument("--promiscuous", action="store_true", help="also capture what is not addressed to this host")
    live.add_argument("--no-dataplane", action="store_true", help="watch only: attach nothing to the kernel")
    _output_flags(live)
    _engine_flags(live)


def _output_flags(parser: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    parser.add_argument("--headless", action="store_true", help="no console: print events")
    parser.add_argument("--json", action="store_true", help="with --headless: one JSON object a line")
    parser.add_argument("--with", dest="extra", metavar="TYPES", help="also print: detection,flow,step")


def _engine_flags(parser: argparse._ArgumentGroup | argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="TOML file; flags and environment win over it")
    parser.add_argument("--model", metavar="FILE", help="ONNX model (AEGIS_MODEL)")
    parser.add_argument("--threshold", type=float, metavar="SCORE", help="model score of an alert (AEGIS_THRESHOLD)")
    parser.add_argument("--rules", metavar="DIR", help="folder of signature rules")


def _add_replay(commands: _Parsers) -> None:
    replay = _add(commands, "replay", "judge a capture, a folder of captures or a stored incident again")
    replay.add_argument("what", metavar="FILE|DIR|INCIDENT", help="pcap or pcapng, a folder of them, or an INC- id")
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="in the console: 0.25 to 64 (default 1)")
    replay.add_argument("--local", action="append", metavar="ADDRESS", help="an address that was the watched host's")
    _output_flags(replay)
    _engine_flags(replay)
    replay.set_defaults(run="replay:run")
    demo = _add(commands, "demo", "the console on a recorded attack that comes with the program")
    demo.add_argument("--speed", type=float, default=1.0, metavar="N")
    _output_flags(demo)
    _engine_flags(demo)
    demo.set_defaults(run="replay:demo")


def _add_incidents(commands: _Parsers) -> None:
    incidents = _add(commands, "incidents", "list stored incidents")
    incidents.add_argument("--json", action="store_true")
    incidents.set_defaults(run="stored:incidents")
    show = _add(commands, "show", "show one incident: alerts, evidence, trace, verdict, decisions")
    show.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run="stored:show")
    report = _add(commands, "report", "write the report of one incident")
    report.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    report.add_argument("--format", choices=("md", "json", "html"), default="md")
    report.set_defaults(run="stored:report")
    packets = _add(commands, "packets", "write the packets of one incident as a capture file")
    packets.add_argument("id", metavar="ID", help="an incident id, or its beginning")
    packets.add_argument("file", metavar="FILE", help="file to make; it must not exist")
    packets.set_defaults(run="stored:packets")
    for parser in (incidents, show, report, packets):
        parser.add_argument("--database", metavar="FILE", help="read this database")


def _add_blocking(commands: _Parsers) -> None:
    proposals = _add(commands, "proposals", "list, show, approve or refuse proposed blocks (root)")
    actions = _actions(proposals)
    listing = _add(actions, "list", "list proposals, newest first")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run="blocking:list_proposals")
    for name, help_text in (("show", "what is asked"), ("approve", "block it; asks first"), ("refuse", "do not block")):
        action = _add(actions, name, help_text)
        action.add_argument("id", metavar="ID")
        action.set_defaults(run=f"blocking:{name}_proposal")
    blocks = _add(commands, "blocks", "list, add or remove blocks, straight from the kernel (root)")
    actions = _actions(blocks)
    listing = _add(actions, "list", "list what the kernel drops now")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run="blocking:list_blocks")
    add = _add(actions, "add", "propose a block and ask for the decision at once")
    add.add_argument("prefix", metavar="ADDRESS|PREFIX")
    add.add_argument("--for", dest="ttl", default="1h", metavar="TIME", help="10m, 1h, 24h, 7d or permanent")
    add.add_argument("--iface", action="append", metavar="NAME", help="interface; default: those already attached")
    add.set_defaults(run="blocking:add_block")
    remove = _add(actions, "remove", "let packets from it pass again")
    remove.add_argument("prefix", metavar="ADDRESS|PREFIX")
    remove.set_defaults(run="blocking:remove_block")
    panic = _add(commands, "panic-unblock", "let every packet pass, and stay so until `blocks resume` (root)")
    panic.set_defaults(run="blocking:panic")
    resume = _add(actions, "resume", "end the halt of panic-unblock")
    resume.add_argument("--restore", action="store_true", help="bring back the blocks that were in force before")
    resume.set_defaults(run="blocking:resume")
    audit = _add(commands, "audit", "check the record of every decision (root)")
    verify = _add(
        _actions(audit), "verify", "say whether the record is whole: nothing edited, cut, reordered or forged"
    )
    verify.set_defaults(run="blocking:verify_audit")


def _add_checks(commands: _Parsers) -> None:
    doctor = _add(commands, "doctor", "what works here, what does not, and what to do about it")
    doctor.add_argument("--iface", action="append", metavar="NAME")
    doctor.add_argument("--json", action="store_true")
    _engine_flags(doctor)
    doctor.set_defaults(run="doctor:run")
    config = _add(commands, "config", "the settings in force and where each came from")
    show = _add(_actions(config), "show", "print each setting, its value and its origin")
    _engine_flags(show)
    show.set_defaults(run="settings:show")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was typed and return its exit status: 0 done, 1 refused or failed, 2 bad input."""
    arguments = build_parser().parse_args(argv)
    arguments.own_process = argv is None
    import sqlite3  # noqa: PLC0415 - a fifth of the time that --help takes

    module, function = arguments.run.split(":")
    try:
        return int(getattr(importlib.import_module(f"aegis_tui.commands.{module}"), function)(arguments))
    except (PermissionError, ConnectionError) as error:
        return _fail(str(error), 1)
    except (ValueError, LookupError, OSError, sqlite3.Error) as error:
        return _fail(str(error), 2)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _fail(message: str, status: int) -> int:
    if isinstance(sys.exc_info()[1], BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    from aegis_tui.commands.terminal import say  # noqa: PLC0415 - only where something went wrong

    say(f"aegis-tui: {message}", sys.stderr)
    return status
