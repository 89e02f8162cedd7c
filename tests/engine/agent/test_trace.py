"""Steps are numbered, escaped and bounded."""

from __future__ import annotations

from engine.agent.trace import REPLY_LIMIT, Trace
from engine.types import StepKind, TraceStep


def test_steps_are_numbered_from_one_and_show_no_control_character() -> None:
    steps: list[TraceStep] = []
    trace = Trace("INC-1", steps.append)
    trace.step("plan", StepKind.PLAN, "playbook", "one\n\x1b[2J")
    trace.step("verdict", StepKind.ANSWER, "model", "x" * 100_000, tokens=(5, 7), elapsed_s=0.5, limit=REPLY_LIMIT)
    assert [(step.seq, step.role, step.incident_id) for step in steps] == [
        (1, "plan", "INC-1"),
        (2, "verdict", "INC-1"),
    ]
    assert steps[0].content == "one\n\\x1b[2J"
    assert steps[1].content.endswith(f"[+{100_000 - REPLY_LIMIT} characters]")
    assert (steps[1].tokens_in, steps[1].tokens_out, steps[1].elapsed_s) == (5, 7, 0.5)
