"""The steps of a playbook: which tool serves each, and which were not performed."""

from __future__ import annotations

from collections import Counter

from engine.agent.case import Case
from engine.agent.tools import TOOLS, Answer, Result
from engine.text import escape
from engine.types import Finding

DEFAULT_STEPS = (
    ("flow_payload", "Read what was sent."),
    ("get_pid_by_connection", "Find the process behind the connection."),
    ("analyze_process_behavior", "Describe that process."),
    ("related_flows", "Look at what else the address did."),
    ("related_alerts", "Look at what else was reported."),
)
"""For a class of event without a playbook."""


def steps_of(case: Case) -> tuple[tuple[str, str], ...]:
    """Return the playbook's steps as ``(tool, text)``; the tool is empty where none serves the step."""
    steps = case.playbook.steps if case.playbook else DEFAULT_STEPS
    return tuple((tool, text) if tool in TOOLS else ("", f"{tool} {text}".strip()) for tool, text in steps)


def steps_not_done(case: Case, answers: list[Answer]) -> tuple[str, ...]:
    """Return the playbook's steps that were not performed or told nothing, each with its reason."""
    missing = []
    asked: Counter[str] = Counter()
    for tool, text in steps_of(case):
        asked[tool] += 1
        reason = _why_not(tool, [answer for answer in answers if answer.tool == tool], asked[tool])
        if reason:
            words = escape(text, limit=300).rstrip(".")
            missing.append(f"{words or tool}: {reason}")
    return tuple(missing)


def _why_not(tool: str, answers: list[Answer], times: int) -> str:
    """Return why a tool's step, the ``times``-th of that tool, told nothing; empty where it did."""
    if not tool:
        return "no tool serves this step"
    if sum(answer.result is Result.ANSWERED for answer in answers) >= times:
        return ""
    if len(answers) < times:
        return f"{tool} was not called"
    last = answers[-1]
    if last.result is Result.ABSENT:
        finding = getattr(last.subject, "finding", Finding.GONE)
        return f"{tool}: {finding.replace('_', ' ')}; nothing is concluded from it"
    return f"{tool} {escape(last.text, limit=160)}"
