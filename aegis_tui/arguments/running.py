"""What runs an engine or a console: ``replay``, ``demo``, ``serve``, ``daemon``, ``attach``, and no command at all."""

from __future__ import annotations

import argparse

from aegis_tui.arguments.flags import JSON_LINES, Flags, Parsers, add_actions, add_command, engine_flags, filter_flag


def live_flags(parser: argparse.ArgumentParser) -> None:
    """Take the flags of a run without a command's name: watching live."""
    live = parser.add_argument_group("watching")
    _watch_flags(live, "interface to watch; repeat for several (root)")
    _output_flags(live)
    engine_flags(live)


def add_replay(commands: Parsers) -> None:
    """Take ``replay``."""
    replay = add_command(
        commands,
        "replay",
        "judge a capture, a folder of captures or a stored incident again; without a name: the library of them",
        "aegis-tui replay capture.pcap --headless --json",
    )
    replay.add_argument(
        "what", nargs="?", default="", metavar="FILE|DIR|INCIDENT", help="pcap or pcapng, a folder, or an INC- id"
    )
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="in the console: 0.25 to 64 (default 1)")
    replay.add_argument("--local", action="append", metavar="ADDRESS", help="an address that was the watched host's")
    again = replay.add_argument_group("a stored incident before another analyst")
    again.add_argument(
        "--reinvestigate", action="store_true", help="ask an analyst of now, not the recorded answers; stores nothing"
    )
    again.add_argument(
        "--analyst", metavar="NAME", help="playbook, or a chat model of the endpoint (default: MODEL_NAME)"
    )
    replay.add_argument(
        "--diff",
        action="store_true",
        help="print what another --threshold, --rules or --model changes; with --reinvestigate, another analyst",
    )
    _output_flags(replay)
    engine_flags(replay)
    replay.set_defaults(run="replay:run")


def add_demo(commands: Parsers) -> None:
    """Take ``demo``."""
    demo = add_command(
        commands, "demo", "the console on a recorded attack that comes with the program", "aegis-tui demo --speed 4"
    )
    demo.add_argument("--speed", type=float, default=1.0, metavar="N", help="0.25 to 64 (default 1)")
    _output_flags(demo)
    engine_flags(demo)
    demo.set_defaults(run="replay:demo")


def add_serve(commands: Parsers) -> None:
    """Take ``serve``."""
    serve = add_command(
        commands,
        "serve",
        "the engine without the console, with its HTTP and MCP doors on the loopback address",
        "aegis-tui serve --no-mcp",
    )
    _watch_flags(serve, "also watch this interface (root)")
    for name, words in (("http", "the HTTP door"), ("mcp", "MCP over HTTP")):
        serve.add_argument(f"--{name}-port", type=_port, metavar="N", help=f"{words} listens here; 0: any free port")
        serve.add_argument(f"--no-{name}", action="store_true", help=f"without {words}")
    serve.add_argument("--stdio", action="store_true", help="MCP over standard input and output instead")
    serve.add_argument("--json", action="store_true", help=JSON_LINES)
    serve.add_argument("--with", dest="extra", metavar="TYPES", help="also print: detection,flow,step")
    engine_flags(serve)
    serve.set_defaults(run="serve:run")


def add_token(commands: Parsers) -> None:
    """Take ``token``."""
    token = add_command(commands, "token", "the token that the HTTP and MCP doors ask for", "aegis-tui token show-path")
    actions = add_actions(token)
    rotate = add_command(
        actions, "rotate", "make a new token; the old one is void at once", "aegis-tui token rotate --print"
    )
    rotate.add_argument("--print", action="store_true", help="print the token instead of where it lies")
    rotate.set_defaults(run="token:rotate")
    place = add_command(actions, "show-path", "say where the token lies", 'cat "$(aegis-tui token show-path)"')
    place.set_defaults(run="token:show_path")
    for parser in (rotate, place):
        parser.add_argument("--own", action="store_true", help="as root: root's own, not that of the live engine")


def add_daemon(commands: Parsers) -> None:
    """Take ``daemon``."""
    daemon = add_command(
        commands,
        "daemon",
        "the engine without a console, for consoles to attach to; it never approves a block (root)",
        "sudo aegis-tui daemon --iface eth0",
    )
    _watch_flags(daemon, "interface to watch; default: the config's")
    engine_flags(daemon)
    daemon.set_defaults(run="daemon:run")


def add_attach(commands: Parsers) -> None:
    """Take ``attach``."""
    words = "a console at the daemon's engine; quitting leaves it running (root)"
    attach = add_command(commands, "attach", words, "sudo aegis-tui attach")
    attach.add_argument("--config", metavar="FILE", help="TOML file for keys and colours of this console")
    attach.set_defaults(run="attach:run")


def _watch_flags(parser: Flags, interface: str) -> None:
    parser.add_argument("--iface", action="append", metavar="NAME", help=interface)
    parser.add_argument("--promiscuous", action="store_true", help="also capture what is not addressed to this host")
    parser.add_argument("--no-dataplane", action="store_true", help="watch only: attach nothing to the kernel")


def _output_flags(parser: Flags) -> None:
    parser.add_argument("--headless", action="store_true", help="no console: print events")
    filter_flag(parser, "with --headless: print only events that match")
    parser.add_argument("--json", action="store_true", help="with --headless: one JSON object a line")
    parser.add_argument("--with", dest="extra", metavar="TYPES", help="also print: detection,flow,step")


def _port(text: str) -> int:
    """Return a port, 0 for any that is free."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        msg = "a port is a number from 0 to 65535"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
