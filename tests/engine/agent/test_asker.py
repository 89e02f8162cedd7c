"""A question to an endpoint comes to a reply or to a fault, and the trace holds both."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from engine.agent.allowance import Allowance
from engine.agent.asker import Asker
from engine.agent.case import Budget
from engine.agent.shape import Shape
from engine.agent.trace import Trace
from engine.types import StepKind, TraceStep


class _Session:
    """An endpoint that says what a test wants."""

    def __init__(self, reply: AIMessage | Exception, *, shut: str = "", partial: str = "") -> None:
        self.answers: list[str] = []
        self.partial = partial
        self.asked = 0
        self._reply = reply
        self._shut = shut

    def why_shut(self) -> str:
        return self._shut

    def leaving(self, text: str) -> str:
        return text.replace("secret", "[redacted]")

    def explain(self, error: Exception) -> str:
        return f"explained: {error}"

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None = None) -> Any:
        self.asked += 1
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply


def asker(session: _Session, budget: Budget | None = None) -> tuple[Asker, list[TraceStep]]:
    steps: list[TraceStep] = []
    return Asker("scripted", session, Allowance(budget or Budget()), Trace("INC-1", steps.append)), steps


ASKED = [HumanMessage("What is the secret?")]


async def test_a_whole_question_is_shown_as_it_leaves_and_then_asked() -> None:
    at_work, steps = asker(_Session(AIMessage("Nothing.")))
    reply = await at_work.first("plan", "Rules.", ASKED)
    assert reply is not None
    assert [(step.kind, step.content) for step in steps] == [
        (StepKind.PROMPT, "Rules.\n\nWhat is the [redacted]?"),
        (StepKind.ANSWER, "Nothing."),
    ]
    assert steps[1].tokens_in > 0


async def test_a_shut_gate_shows_and_sends_nothing() -> None:
    session = _Session(AIMessage("Nothing."), shut="it is left alone")
    at_work, steps = asker(session)
    assert await at_work.first("plan", "Rules.", ASKED) is None
    assert (steps, session.asked) == ([], 0)
    assert at_work.fault is not None
    assert at_work.fault.message == "it is left alone"
    assert json.loads(session.answers[0]) == {"fault": "it is left alone", "shut": True}


async def test_what_went_wrong_is_a_fault_with_what_had_come_of_the_reply() -> None:
    session = _Session(ConnectionError("reset"), partial="I was about")
    at_work, steps = asker(session)
    assert await at_work.ask("verdict", "Rules.", ASKED) is None
    assert at_work.fault is not None
    assert at_work.fault.message == "explained: reset"
    assert [step.content for step in steps] == ["(refused) I was about"]
    assert json.loads(session.answers[0]) == {"fault": "explained: reset", "partial": "I was about"}


async def test_over_budget_nothing_is_sent() -> None:
    session = _Session(AIMessage("Nothing."), partial="of an earlier reply")
    at_work, steps = asker(session, Budget(model_calls=0))
    assert await at_work.ask("verdict", "Rules.", ASKED) is None
    assert at_work.fault is not None
    assert at_work.fault.message == "the budget of 0 model calls is spent"
    assert (steps, session.asked) == ([], 0)
