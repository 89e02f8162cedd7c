"""The manual page is the parser's, and man reads it without a complaint."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from aegis_tui.arguments.parser import build_parser
from aegis_tui.grammar import grammar
from aegis_tui.manual import page
from engine.paths import ROOT

PAGE = ROOT / "docs" / "aegis-tui.1"


def test_the_committed_page_is_what_the_parser_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m aegis_tui.manual > docs/aegis-tui.1"


def test_every_command_and_every_flag_is_in_it() -> None:
    text = page().replace("\\-", "-")
    for command in grammar(build_parser()).every():
        if command.path and not command.commands:
            assert f".SS aegis-tui {' '.join(command.path)}" in text
        assert [flag for one in command.flags for flag in one.flags if f"\\fB{flag}\\fR" not in text] == []


@pytest.mark.skipif(shutil.which("man") is None, reason="needs man")
def test_man_reads_it_without_a_warning() -> None:
    done = subprocess.run(["man", "--warnings=all", "-l", PAGE], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "aegis-tui panic-unblock" in done.stdout


def test_no_line_of_the_parser_is_taken_for_an_order_of_the_page() -> None:
    known = {"TH", "SH", "SS", "TP", "PP", "B", "br", "nf", "fi", "RS", "RE", '\\"'}
    orders = {line[1:].split()[0] for line in page().splitlines() if line.startswith((".", "'"))}
    assert orders <= known
