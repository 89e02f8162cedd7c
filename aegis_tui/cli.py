"""The command line: reads what was typed, and loads only what the command needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that was typed and return its exit status: 0 done, 1 refused or failed, 2 bad input.

    Nearly everything is loaded in here, where ctrl-C ends it without a word.
    """
    from aegis_tui import streams  # noqa: PLC0415 - as the docstring says

    try:
        if argv is None:
            streams.take_over()
        status = _status_of(sys.argv[1:] if argv is None else argv, own_process=argv is None)
    except SystemExit as stopped:  # the parser has answered
        stopped.code = streams.written_out(stopped.code if isinstance(stopped.code, int) else 0)
        raise
    except BrokenPipeError:
        status = streams.NOBODY_READS
    except KeyboardInterrupt:
        status = streams.INTERRUPTED
    status = streams.written_out(status)
    if argv is None:
        _leave_what_goes_on(status)
    return status


def _status_of(words: Sequence[str], *, own_process: bool) -> int:
    from aegis_tui.arguments.parser import build_parser  # noqa: PLC0415 - as main() says

    try:
        arguments = build_parser(words).parse_args(words)
    except OSError:  # its words are on their way to a stream that takes none, which is told at the end
        return 2
    arguments.own_process = own_process
    import sqlite3  # noqa: PLC0415 - a fifth of the time that --help takes

    try:
        return _obey(arguments)
    except BrokenPipeError:
        raise
    except (PermissionError, ConnectionError, TimeoutError) as error:
        return _fail(error, 1)
    except (ValueError, LookupError, OSError, sqlite3.Error) as error:
        return _fail(error, 2)


def _obey(arguments: argparse.Namespace) -> int:
    import importlib  # noqa: PLC0415 - as main() says

    from aegis_tui.commands.starting import loading  # noqa: PLC0415 - a fifth of the time that --help takes

    with loading():
        from aegis_tui.commands.settings import choose_zone  # noqa: PLC0415 - as above
    choose_zone(arguments)
    module, function = arguments.run.split(":")
    with loading():
        command = importlib.import_module(f"aegis_tui.commands.{module}")
    return int(getattr(command, function)(arguments))


def _leave_what_goes_on(status: int) -> None:
    import threading  # noqa: PLC0415 - as main() says

    if threading.active_count() > 1:
        from aegis_tui.commands.ending import leave  # noqa: PLC0415 - only where something goes on

        leave(status)


def _fail(error: Exception, status: int) -> int:
    from aegis_tui import streams  # noqa: PLC0415 - as main() says
    from aegis_tui.commands.terminal import say  # noqa: PLC0415 - only where something went wrong
    from engine.reason import reason  # noqa: PLC0415 - as above

    if streams.is_of_output(error):
        return streams.LOST
    say(f"aegis-tui: {reason(error)}", sys.stderr)
    return status
