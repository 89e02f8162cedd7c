"""A trace that was rewritten as a whole shows against what was noted of it elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.chain import Anchor, Condition, broken_at, chained, digest_of, held_against
from engine.types import StepKind, TraceStep

VERDICT = '{"summary":"malicious"}'


def trace(*contents: str) -> list[TraceStep]:
    steps: list[TraceStep] = []
    for number, content in enumerate(contents, 1):
        step = TraceStep("INC-1", number, 5.0, "verdict", StepKind.ANSWER, "playbook", content)
        steps.append(chained(step, steps[-1].digest if steps else ""))
    return steps


STEPS = trace("asked", "answered", "concluded")
ANCHOR = Anchor("INC-1", 3, STEPS[-1].digest, digest_of(VERDICT))


def test_a_trace_that_nobody_touched_is_whole() -> None:
    assert held_against([ANCHOR], STEPS, [VERDICT]).condition is Condition.WHOLE


@pytest.mark.parametrize(
    ("steps", "verdicts", "condition", "words"),
    [
        ([STEPS[0], replace(STEPS[1], content="no"), STEPS[2]], [VERDICT], Condition.EDITED, "step 2 is not as"),
        (trace("asked", "no", "concluded"), [VERDICT], Condition.EDITED, "its step 3 is not the one"),
        (STEPS[:2], [VERDICT], Condition.CUT, "3 steps were noted, 2 are stored"),
        ([], [VERDICT], Condition.CUT, "0 are stored"),
        ([STEPS[0], STEPS[2]], [VERDICT], Condition.EDITED, "one before it is missing"),
        (STEPS, ['{"summary":"benign"}'], Condition.EDITED, "the verdict that was noted is not stored"),
        (STEPS, [], Condition.EDITED, "the verdict that was noted is not stored"),
        (STEPS, [VERDICT, '{"summary":"benign"}'], Condition.ADDED, "a verdict follows"),
    ],
    ids=["edited", "rewritten", "cut", "emptied", "one left out", "verdict edited", "verdict gone", "verdict added"],
)
def test_what_was_done_to_a_trace_is_told_apart(
    steps: Sequence[TraceStep], verdicts: Sequence[str], condition: Condition, words: str
) -> None:
    checked = held_against([ANCHOR], steps, verdicts)
    assert (checked.condition, words in checked.detail) == (condition, True)


def test_a_trace_that_went_on_is_held_against_every_anchor() -> None:
    longer = trace("asked", "answered", "concluded", "asked again", "concluded again")
    anchors = [ANCHOR, Anchor("INC-1", 5, longer[-1].digest, digest_of("second"))]
    assert held_against(anchors, longer, [VERDICT, "second"]).condition is Condition.WHOLE
    assert held_against(anchors, longer, ["second", VERDICT]).condition is Condition.ADDED
    assert held_against([ANCHOR], longer, [VERDICT]).condition is Condition.WHOLE


def test_a_rewritten_trace_that_is_noted_again_still_differs_from_the_first_note() -> None:
    rewritten = trace("asked", "no", "concluded")
    again = Anchor("INC-1", 3, rewritten[-1].digest, digest_of(VERDICT))
    assert broken_at(rewritten) == 0
    assert held_against([ANCHOR, again], rewritten, [VERDICT]).condition is Condition.EDITED


def test_a_step_of_no_known_shape_is_an_edited_one() -> None:
    odd = replace(STEPS[2], seq="3")  # type: ignore[arg-type]
    assert held_against([ANCHOR], [*STEPS[:2], odd], [VERDICT]).condition is Condition.EDITED
