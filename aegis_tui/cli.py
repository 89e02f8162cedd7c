"""The command line: reads what was typed, and loads only what the command needs."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence

from aegis_tui.arguments.parser import build_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was typed and return its exit status: 0 done, 1 refused or failed, 2 bad input."""
    words = sys.argv[1:] if argv is None else argv
    arguments = build_parser(words).parse_args(words)
    arguments.own_process = argv is None
    from aegis_tui.commands.starting import loading  # noqa: PLC0415 - a fifth of the time that --help takes

    with loading():
        from aegis_tui.commands.settings import choose_zone  # noqa: PLC0415
    choose_zone(arguments)
    status = _status_of(arguments)
    if arguments.own_process and threading.active_count() > 1:
        from aegis_tui.commands.ending import leave  # noqa: PLC0415 - only where something goes on

        leave(status)
    return status


def _status_of(arguments: argparse.Namespace) -> int:
    import sqlite3  # noqa: PLC0415 - a fifth of the time that --help takes

    from aegis_tui.commands.starting import loading  # noqa: PLC0415

    module, function = arguments.run.split(":")
    try:
        with loading():
            command = importlib.import_module(f"aegis_tui.commands.{module}")
        status = int(getattr(command, function)(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except (PermissionError, ConnectionError, TimeoutError) as error:
        return _fail(error, 1)
    except (ValueError, LookupError, OSError, sqlite3.Error) as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _nobody_reads() -> int:
    """End quietly when standard output was closed, as by ``| head``; what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _fail(error: Exception, status: int) -> int:
    from aegis_tui.commands.terminal import say  # noqa: PLC0415 - only where something went wrong
    from engine.reason import reason  # noqa: PLC0415 - as above

    say(f"aegis-tui: {reason(error)}", sys.stderr)
    return status
