"""The console on real traffic, in a real terminal, with keys alone."""

from __future__ import annotations

import time

import pytest

from tests.lab import attacks
from tests.lab.lab import INTRUDER, VISITOR, Lab, missing_tools
from tests.lab.tmux import Terminal

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]


def test_keys_alone_block_the_intruder(lab: Lab, console: Terminal) -> None:
    console.wait_for("0 open", 30)
    assert lab.reaches(VISITOR)
    console.wait_for(r"[1-9]\d* judgements")
    began = time.monotonic()
    attacks.log4shell(lab)
    console.wait_for(INTRUDER)
    seen = time.monotonic()
    console.wait_for("proposal", 20)
    print(f"exploit to screen {seen - began:.2f} s, to proposal {time.monotonic() - began:.2f} s")
    console.press("b")
    console.wait_for(f"Block {INTRUDER}/32")
    console.choose("Watch 30 s first", "Block")
    console.wait_for("live, read back")
    assert not lab.reaches(INTRUDER)
    assert lab.reaches(VISITOR)
    console.press("Enter")
    console.press("q")


def test_watching_counts_in_the_kernel_and_drops_nothing(lab: Lab, console: Terminal) -> None:
    console.wait_for("0 open", 30)
    attacks.log4shell(lab)
    console.wait_for(INTRUDER)
    console.wait_for("proposal", 30)
    console.press("b")
    console.wait_for(f"Block {INTRUDER}/32")
    console.choose("Watch 30 s first")
    console.wait_for("watching: ")
    assert lab.reaches(INTRUDER)
    console.wait_for(r"watching: [1-9]\d* packets would have been dropped")
