"""``completions``: what completes this program's commands in bash, zsh and fish, made from the parser."""

from __future__ import annotations

import argparse

from aegis_tui import shells
from aegis_tui.arguments.parser import build_parser
from aegis_tui.grammar import grammar


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    print(shells.WRITERS[arguments.shell](grammar(build_parser())), end="")
    return 0
