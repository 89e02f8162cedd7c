"""What the command line prints is inert, whatever it holds."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import pytest

from aegis_tui.commands.logfile import log_to
from aegis_tui.commands.terminal import moment, say

HOSTILE = "\x1b]0;pwned\x07\x1b[2J\x7f\x9b31m\u202e\nnext"


def test_a_line_holds_no_command_for_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.isprintable()


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(json.dumps({"x": HOSTILE}), as_json=True)
    line = capsys.readouterr().out.rstrip("\n")
    assert line.isprintable()
    assert json.loads(line) == {"x": HOSTILE}


@pytest.mark.parametrize("at", [9.2e12, -9.2e12, 1e300, -1e300, math.inf, math.nan])
def test_a_time_that_no_calendar_holds_is_its_number(at: float) -> None:
    assert moment(at) == f"{at:.6g} s after 1970"


def test_a_time_is_local_with_its_zone() -> None:
    assert moment(0.0) == "1970-01-01 00:00:00 +0000"


def test_a_traceback_cannot_pass_for_a_line_of_the_log(tmp_path: Path) -> None:
    before = logging.root.handlers[:]
    try:
        file = log_to(tmp_path)
        try:
            raise ValueError(f"2026-01-01 INFO forged {HOSTILE}\n2026-01-01 INFO forged")
        except ValueError:
            logging.getLogger("x").exception("while %s", HOSTILE)
    finally:
        for handler in set(logging.root.handlers) - set(before):
            handler.close()
        logging.root.handlers[:] = before
        logging.captureWarnings(False)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all(line.isprintable() for line in lines)
    assert [line for line in lines if not line.startswith("  | ")] == lines[:1]
