"""Every detector is asked; one that breaks is set aside for that update only."""

from __future__ import annotations

from engine.detect.judge import Judge
from engine.types import Detection, FlowUpdate
from tests.factories import detection, update


class _Fragile:
    """Breaks on a chunk that says so."""

    name, version = "fragile", "1"

    def inspect(self, update: FlowUpdate) -> list[Detection]:
        if update.chunk == b"break":
            msg = "broken on purpose"
            raise RuntimeError(msg)
        return []


class _Sure:
    """Always detects."""

    name, version = "sure", "1"

    def inspect(self, update: FlowUpdate) -> list[Detection]:
        return [detection(at=update.at)]


def test_the_others_judge_when_one_breaks() -> None:
    judge = Judge([_Fragile(), _Sure()])
    found = judge.inspect(update(chunk=b"break"))
    assert [item.label for item in found] == ["log4shell.jndi"]
    assert [(item.stage, item.reason) for item in judge.broken] == [("fragile", "RuntimeError: broken on purpose")]


def test_a_detector_that_broke_is_asked_again() -> None:
    judge = Judge([_Fragile()])
    judge.inspect(update(chunk=b"break"))
    judge.broken.clear()
    judge.inspect(update())
    assert judge.broken == []
    assert judge.judged == 2
