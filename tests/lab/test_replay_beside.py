"""A replay inside the console of a live host: what is live goes on, and nothing of it is touched."""

from __future__ import annotations

import pytest

from tests.lab import attacks
from tests.lab.lab import INTRUDER, VISITOR, Lab, missing_tools
from tests.lab.tmux import Terminal

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(bool(missing_tools("tmux")), reason=f"the lab needs {', '.join(missing_tools('tmux'))}"),
]


def test_an_incident_is_replayed_while_the_host_is_watched_and_nothing_is_blocked(lab: Lab, console: Terminal) -> None:
    console.wait_for("0 open")
    attacks.log4shell(lab)
    console.wait_for("proposal")
    console.press("4")
    console.wait_for(rf"stored incidents 1(.|\n)*{INTRUDER}(.|\n)*live")
    console.press("Enter")
    console.wait_for("REPLAY INC-")
    console.press(">")
    console.wait_for(r"ENDED(.|\n)*LIVE goes on: eth0, 1 incident,(.|\n)*1 PROPOSAL WAITING")
    console.press("1")
    console.wait_for(INTRUDER)
    console.press("b")
    console.wait_for("this is a replay")
    console.press_until("Escape", "this is a replay", shown=False)
    assert lab.reaches(INTRUDER)
    attacks.traversal(lab)
    console.press("4")
    console.wait_for("LIVE goes on")
    console.press("Escape")
    console.wait_for("Library")
    console.press("1")
    console.wait_until_gone("REPLAY")
    console.wait_for("XDP")
    assert lab.reaches(VISITOR)
    console.press("q")
