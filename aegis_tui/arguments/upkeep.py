"""What keeps the program itself: ``doctor``, ``config``, ``log``, ``completions``."""

from __future__ import annotations

import argparse

from aegis_tui.arguments.flags import JSON_LINES, Parsers, add_actions, add_command, engine_flags


def add_checks(commands: Parsers) -> None:
    """Take ``doctor`` and ``config``."""
    doctor = add_command(
        commands,
        "doctor",
        "what works here, what does not, and what to do about it",
        "sudo aegis-tui doctor --iface eth0",
    )
    doctor.add_argument("--iface", action="append", metavar="NAME", help="interface to look at; default: all of them")
    doctor.add_argument("--json", action="store_true", help=JSON_LINES)
    doctor.add_argument("--notify", action="store_true", help="only send a test message to each URL of `notify`")
    engine_flags(doctor)
    doctor.set_defaults(run="doctor:run")
    config = add_command(commands, "config", "the settings in force and where each came from", "aegis-tui config show")
    show = add_command(
        add_actions(config), "show", "print each setting, its value and its origin", "aegis-tui config show"
    )
    show.add_argument("--explain", action="store_true", help="and what each means")
    engine_flags(show)
    show.set_defaults(run="settings:show")


def add_shell(commands: Parsers) -> None:
    """Take ``log`` and ``completions``."""
    log = add_command(
        commands, "log", "print what the program wrote to its log; as root: the live engine's", "aegis-tui log --follow"
    )
    log.add_argument("--lines", type=_lines, default=50, metavar="N", help="the last so many (default 50; 0: all)")
    log.add_argument("--follow", action="store_true", help="go on with each new line until ctrl-C")
    log.add_argument("--guard", action="store_true", help="the guard's log instead (root)")
    log.set_defaults(run="log:run")
    words = "print what completes this program's commands in a shell"
    shell = add_command(commands, "completions", words, "source <(aegis-tui completions bash)")
    shell.add_argument("shell", choices=("bash", "zsh", "fish"), help="whose language to write it in")
    shell.set_defaults(run="completions:run")


def _lines(text: str) -> int:
    """Return how many lines; no log holds as many as may be asked for."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        msg = "takes 0 to 999,999,999; 0 is all of them"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
