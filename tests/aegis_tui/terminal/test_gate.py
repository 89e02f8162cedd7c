"""The last gate: what a terminal without colours, or with a poor font, never gets."""

from __future__ import annotations

import pytest

from aegis_tui.terminal.gate import Gate

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("\x1b[1;31mred\x1b[0m", "\x1b[1mred\x1b[0m"),
        ("\x1b[38;5;203mx", "x"),
        ("\x1b[1;38;2;255;0;0;48;5;4;7mx", "\x1b[1;7mx"),
        ("\x1b[38:2:255:0:0mx", "x"),
        ("\x1b[39;49m│\x1b[0m", "│\x1b[0m"),
        ("\x1b[97;104mx\x1b[m", "x\x1b[m"),
        ("\x1b[36;1Hx\x1b[?25l", "\x1b[36;1Hx\x1b[?25l"),
    ],
    ids=repr,
)
def test_without_colours_only_attributes_pass(written: str, passed: str) -> None:
    assert Gate(XTERM, "utf-8").passed(written, colours=False) == passed


def test_with_colours_everything_passes_as_it_is() -> None:
    assert Gate(XTERM, "utf-8").passed("\x1b[31m│ ▁▂ … 中\x1b[0m", colours=True) == "\x1b[31m│ ▁▂ … 中\x1b[0m"


def test_the_linux_console_gets_only_signs_its_font_has() -> None:
    passed = Gate({"TERM": "linux"}, "utf-8").passed("│ ▁▂▇█ … — ×2 ┆ ✓ ↓", colours=True)
    assert passed == "│ __#█ ~ - x2 | v v"


def test_a_terminal_that_reads_no_utf8_gets_ascii_of_the_same_width() -> None:
    shown = "─│┌┐└┘├┤·…—×┆▁█░↑↓←→"
    passed = Gate(XTERM, "iso-8859-1").passed(shown, colours=True)
    assert passed.isascii()
    assert len(passed) == len(shown)
    assert "?" not in passed


def test_a_locale_of_no_known_name_is_taken_for_ascii() -> None:
    assert Gate(XTERM, "klingon").passed("é", colours=True) == "?"
