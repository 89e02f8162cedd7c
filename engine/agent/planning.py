"""The plan: which tools the analyst means to use and why, checked before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.agent.case import Case
from engine.agent.prompts import Prompts
from engine.agent.shape import TEXT, Shape, many, record
from engine.agent.steps import steps_of
from engine.agent.tools import Answer, Toolbox
from engine.agent.verdict import json_objects
from engine.text import escape

PLAN_STEPS = 8
_WHY_CHARACTERS = 200


class PlanStep(BaseModel):
    """One step: a tool, and why."""

    tool: str
    why: str = ""


class PlanReply(BaseModel):
    """What a model answers when asked for a plan."""

    steps: list[PlanStep]


SHAPE = Shape("plan", record({"steps": many(record({"tool": TEXT, "why": TEXT}))}))


def instructions(prompts: Prompts, toolbox: Toolbox, nonce: str) -> str:
    """Return how to make a plan, and of which tools."""
    lines = [f"- {name}: {escape(toolbox.tools[name].description, limit=200)}" for name in toolbox.investigator_tools]
    return prompts.text("plan", nonce=nonce, tools="\n".join(lines))


def playbook_plan(case: Case) -> tuple[PlanStep, ...]:
    """Return the playbook's steps that a tool serves."""
    return tuple(PlanStep(tool=tool, why=text[:_WHY_CHARACTERS]) for tool, text in steps_of(case) if tool)[:PLAN_STEPS]


def parse_plan(text: str, tools: Collection[str]) -> tuple[PlanStep, ...]:
    """Return the steps of a model's plan, without those that name no such tool.

    Raises:
        ValueError: there is no plan in the text, or no step of it is left.
    """
    for found in json_objects(text):
        if "steps" in found:
            return _checked(found, tools)
    msg = "no JSON object with steps"
    raise ValueError(msg)


def _checked(found: dict[str, Any], tools: Collection[str]) -> tuple[PlanStep, ...]:
    try:
        steps = PlanReply.model_validate(found).steps
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        msg = f"field {escape('.'.join(map(str, wrong['loc'])), limit=60)}: {escape(wrong['msg'], limit=120)}"
        raise ValueError(msg) from None
    known = [PlanStep(tool=one.tool, why=escape(one.why, limit=_WHY_CHARACTERS)) for one in steps if one.tool in tools]
    if not known:
        msg = "no step names a tool that there is"
        raise ValueError(msg)
    return tuple(known[:PLAN_STEPS])


def told(case: Case, steps: Sequence[PlanStep]) -> dict[str, Any]:
    """Return a plan for the trace."""
    return {
        "playbook": case.playbook.id if case.playbook else "",
        "steps": [{"tool": step.tool, "why": step.why} for step in steps],
    }


def planned_not_done(case: Case, steps: Sequence[PlanStep], answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return the planned steps that no call served; those of the playbook are told by ``steps_not_done``."""
    served = {answer.tool for answer in answers} | {tool for tool, _ in steps_of(case)}
    open_tools = dict.fromkeys(step.tool for step in steps if step.tool not in served)
    return tuple(f"planned, and {tool} was not called" for tool in open_tools)
