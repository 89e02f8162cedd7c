"""What several commands take, said once: the same flag has the same words wherever it stands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from engine.filter import Filter

Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Where commands are added: the program's, or a command's actions."""
Flags: TypeAlias = argparse._ArgumentGroup | argparse.ArgumentParser
"""Where flags are added: a parser, or one of its groups."""
JSON_LINES = "one JSON object a line"
TIMES = "a time such as 10m, 1h, 24h or 7d, or permanent"


def add_command(parsers: Parsers, name: str, words: str, example: str = "") -> argparse.ArgumentParser:
    """Return the parser of a command that says the same in the list and in its own help."""
    return parsers.add_parser(
        name,
        help=words,
        description=words[:1].upper() + words[1:] + ".",
        epilog=example and f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_actions(parser: argparse.ArgumentParser) -> Parsers:
    """Return where to add a command's actions; one has to be named, and a missing one is answered with the list."""
    return parser.add_subparsers(title="actions")


def filter_flag(parser: Flags, words: str) -> None:
    """Take ``--filter``, read by the language of the console."""
    parser.add_argument("--filter", type=_filter, metavar="FILTER", help=f"{words}, such as 'sev>=high ip:10.0.0.0/8'")


def _filter(text: str) -> Filter:
    from engine.filter import parse  # noqa: PLC0415 - only where one is given

    try:
        return parse(text)
    except ValueError as refusal:
        raise argparse.ArgumentTypeError(str(refusal)) from None


def engine_flags(parser: Flags) -> None:
    """Take what an engine is told about itself."""
    parser.add_argument("--config", metavar="FILE", help="TOML file; flags and environment win over it")
    parser.add_argument("--model", metavar="FILE", help="ONNX model (AEGIS_MODEL)")
    parser.add_argument("--threshold", type=float, metavar="SCORE", help="model score of an alert (AEGIS_THRESHOLD)")
    parser.add_argument("--rules", metavar="DIR", help="folder of signature rules")
