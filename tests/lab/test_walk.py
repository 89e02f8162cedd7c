"""The whole walk, by keys alone: attack, understand, block, undo, replay, report, on small and plain terminals."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.lab import attacks
from tests.lab.lab import INTRUDER, VISITOR, Lab, missing_tools
from tests.lab.tmux import Terminal
from tests.lab.wire import IFACE

pytestmark = [
    pytest.mark.root,
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces and BPF"),
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]
COLOURS = frozenset({*range(30, 50), *range(90, 108)})
BRIGHT = frozenset({38, 48, *range(90, 108)})
"""What a terminal of eight colours has not: 256 colours, any colour, bright ones."""
SGR = re.compile(rb"\x1b\[([\d;:]*)m")
TERMINALS = [
    pytest.param({"TERM": "xterm-256color"}, frozenset(), False, id="xterm-256color"),
    pytest.param({"TERM": "linux"}, BRIGHT, True, id="linux"),
    pytest.param({"TERM": "screen"}, BRIGHT, False, id="screen"),
    pytest.param({"TERM": "xterm-256color", "NO_COLOR": "1"}, COLOURS, True, id="mono"),
]
"""Each with the codes that must not reach it, and whether the walk goes on after the undo, to the last key."""


@pytest.mark.parametrize(("environ", "forbidden", "to_the_end"), TERMINALS)
def test_from_the_attack_to_the_report(
    lab: Lab, tmp_path: Path, environ: Mapping[str, str], forbidden: frozenset[int], to_the_end: bool
) -> None:
    record = tmp_path / "written"
    terminal = Terminal(*lab.aegis("--iface", IFACE), columns=80, rows=24, environ=environ, record=record)
    try:
        _attack(lab, terminal)
        _understand(terminal)
        _block(lab, terminal)
        _undo(lab, terminal)
        if to_the_end:
            _replay(terminal)
            _report(lab, terminal)
            _note(terminal)
            _suppress(lab, terminal)
        terminal.press("q")
        terminal.wait_for_end()
    finally:
        terminal.close()
    codes = {int(code or 0) for found in SGR.findall(record.read_bytes()) for code in re.split(rb"[;:]", found)}
    assert not codes & forbidden
    assert bool(codes & COLOURS) is (forbidden != COLOURS)
    assert codes & COLOURS or 7 in codes


def _attack(lab: Lab, terminal: Terminal) -> None:
    terminal.wait_for("0 open")
    assert lab.reaches(VISITOR)
    attacks.log4shell(lab)
    shown = terminal.wait_for(rf"> CRIT {INTRUDER} +Log4Shell +\? proposal")
    assert "1 open" in shown.splitlines()[0]
    terminal.press("j")


def _understand(terminal: Terminal) -> None:
    terminal.press("Enter")
    terminal.wait_for(r"log4shell\.jndi .* rules")
    terminal.press("Tab")
    terminal.wait_for("MALICIOUS . CRIT . by playbook")
    terminal.press("Tab")
    terminal.wait_for("> Timeline")
    terminal.press("Tab")
    terminal.wait_for("verdict playbook")
    terminal.press("Tab")
    terminal.wait_for(r"24 7b 6a 6e 64")
    terminal.press("Tab")
    terminal.wait_for("nginx .*owns the connection")


def _block(lab: Lab, terminal: Terminal) -> None:
    terminal.press("b")
    terminal.wait_for(r">\[ Cancel \]<")
    terminal.wait_for(rf"Block {INTRUDER}/32 on {IFACE}\?")
    terminal.wait_for("the source is not spoofed")
    terminal.press_until("Tab", r">\[ Watch 30 s first \]<")
    terminal.press_until("Tab", r">\[ Block \]<")
    assert lab.reaches(INTRUDER)
    terminal.press("Enter")
    terminal.wait_for("live, read back")
    assert not lab.reaches(INTRUDER)
    assert lab.reaches(VISITOR)
    terminal.press("Enter")


def _undo(lab: Lab, terminal: Terminal) -> None:
    terminal.press_until("3", rf"> live +{INTRUDER}/32")
    terminal.press("u")
    terminal.wait_for(f"Let {INTRUDER}/32 pass again")
    assert not lab.reaches(INTRUDER)
    terminal.press("y")
    terminal.wait_for(f"{INTRUDER}/32 passes again")
    assert lab.reaches(INTRUDER)


def _replay(terminal: Terminal) -> None:
    terminal.press("4")
    terminal.wait_for(rf"{INTRUDER} .*malicious")
    terminal.press("Enter")
    terminal.wait_for("blocking off: nothing can be approved")
    terminal.press("p")
    terminal.press_until("<", r"step 0/[1-9]\d*,")
    terminal.press("n")
    terminal.wait_for(r"CRIT log4shell\.jndi")
    terminal.press_until(".", "ENDED")
    terminal.press("b")
    terminal.wait_for(r">\[ C\w+ \]<")
    assert "[ Block ]" not in terminal.screen()
    terminal.press_until("Escape", "> Alerts 2")
    terminal.press("Escape")
    terminal.wait_for("stored incidents 1")


def _report(lab: Lab, terminal: Terminal) -> None:
    terminal.press("2")
    terminal.wait_for(f"> INC-.* {INTRUDER}")
    terminal.press("r")
    terminal.wait_for(r"sudo less\s+/var/lib/aegis/engine/reports/")
    found = ["find", "/var/lib/aegis/engine/reports", "-name", "INC-*.md", "-exec", "cat", "{}", "+"]
    written = subprocess.run(lab.desk(*found), capture_output=True, text=True, check=True).stdout
    assert INTRUDER in written
    assert "log4shell.jndi" in written


def _note(terminal: Terminal) -> None:
    terminal.press("o")
    terminal.wait_for("Note beside INC-")
    terminal.type("asked the owner: no test of theirs")
    terminal.wait_for("no test of theirs")
    terminal.press_until("Tab", r">\[ Store \]<")
    terminal.press("Enter")
    terminal.wait_for("noted beside INC-")
    terminal.press_until("Tab", "> Timeline, 1 note")
    terminal.wait_for("asked the owner")


def _suppress(lab: Lab, terminal: Terminal) -> None:
    terminal.press("x")
    terminal.wait_for(">Reason")
    terminal.press_until("t", r">Reason +t")
    terminal.type("he owner patches tonight")
    terminal.press("Enter")
    terminal.wait_for(r">\[ Suppress \]<")
    terminal.press("Enter")
    terminal.wait_for("is suppressed; X lists")
    terminal.press("X")
    terminal.wait_for("Suppressions 1 in force")
    attacks.log4shell(lab)
    terminal.wait_for(r" [1-9]\d* detections? hidden")
