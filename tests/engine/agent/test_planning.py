"""A plan names tools that there are, at most eight, or it is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.planning import PLAN_STEPS, PlanStep, parse_plan, planned_not_done, playbook_plan
from engine.agent.tools import INVESTIGATOR_TOOLS, Answer, Result
from tests.engine.agent.cases import case

TOOLS = ("flow_payload", "logins")


def test_the_playbooks_plan_is_its_steps_that_a_tool_serves() -> None:
    plan = playbook_plan(case())
    assert [step.tool for step in plan] == [
        "flow_payload",
        "get_pid_by_connection",
        "analyze_process_behavior",
        "related_flows",
    ]
    assert plan[0].why == "Read the request."


def test_steps_of_unknown_tools_are_dropped_and_the_reasons_are_inert() -> None:
    steps = [{"tool": "block_ip", "why": "now"}, {"tool": "logins", "why": "who\x1b[2J" + "x" * 500}]
    (step,) = parse_plan(f"Here it is: {json.dumps({'steps': steps})}", TOOLS)
    assert step.tool == "logins"
    assert step.why.startswith("who\\x1b[2J")
    assert len(step.why) < 300


def test_a_plan_is_at_most_eight_steps() -> None:
    steps = [{"tool": "logins"}] * 100
    assert len(parse_plan(json.dumps({"steps": steps}), TOOLS)) == PLAN_STEPS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would look at the logs.",
        '{"steps": []}',
        '{"steps": [{"tool": "rm"}]}',
        '{"steps": "logins"}',
        '{"steps": [{"why": "x"}]}',
        '{"steps": {"tool": "logins"}}',
        "[" * 50_000,
    ],
)
def test_what_is_no_plan_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"steps|step"):
        parse_plan(text, TOOLS)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_no_reply_breaks_the_parser(content: object) -> None:
    try:
        steps = parse_plan(json.dumps({"steps": content}), INVESTIGATOR_TOOLS)
    except ValueError as error:
        assert len(str(error)) < 400
    else:
        assert 0 < len(steps) <= PLAN_STEPS


def test_a_planned_step_that_nobody_took_is_told_unless_the_playbook_tells_it() -> None:
    plan = (PlanStep(tool="logins"), PlanStep(tool="persistence_points"), PlanStep(tool="flow_payload"))
    answers = [Answer("logins", Result.ANSWERED, "")]
    assert planned_not_done(case(), plan, answers) == ("planned, and persistence_points was not called",)
