"""Tests of what incidents are told about panic-unblock."""

from __future__ import annotations

from dataclasses import replace

from engine.halting import Halting
from engine.types import Block, BlockState

LIVE = Block("203.0.113.9/32", BlockState.LIVE, ("eth0",), 3600.0, 1, 60, 0.0, "P-1", "INC-00000001")
HALTED = replace(LIVE, state=BlockState.HALTED)
WHO = "root on pts/3"


def _halting() -> Halting:
    halting = Halting()
    assert not halting.changes(False)
    return halting


def test_a_halt_is_told_to_the_incident_of_each_block_with_who_did_it() -> None:
    halting = _halting()
    assert halting.changes(True)
    line = f"panic-unblock by {WHO} lifted the block of 203.0.113.9/32: every packet passes"
    assert halting.told(WHO, [LIVE], [HALTED, replace(HALTED, incident_id="")]) == [("INC-00000001", line)]
    assert not halting.changes(True)


def test_a_halt_without_a_name_waits_for_one_look_and_then_says_so() -> None:
    halting = _halting()
    assert halting.changes(True)
    assert halting.told("", [LIVE], [HALTED]) == []
    assert halting.changes(True)
    ((_, line),) = halting.told("", [HALTED], [HALTED])
    assert "who ran it is not recorded" in line


def test_the_end_of_a_halt_says_what_became_of_the_block() -> None:
    for now, then in (((LIVE,), "is in force again"), ((), "stays lifted")):
        halting = Halting()
        halting.changes(True)
        assert halting.changes(False)
        assert halting.told(WHO, [HALTED], now) == [
            ("INC-00000001", f"{WHO} ended the halt: the block of 203.0.113.9/32 {then}")
        ]


def test_a_halt_of_an_earlier_run_is_not_told_again() -> None:
    halting = Halting()
    assert not halting.changes(True)
