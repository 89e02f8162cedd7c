"""The analyst: investigator, commander, verdict, as a LangGraph state graph.

It ends at a verdict and an opinion on a block. What becomes of that is not the graph's business.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.agent.case import Budget, Case, HostFacts, KnowledgeView, Outcome
from engine.agent.evidence import canonical
from engine.agent.judgement import block_decision, judge
from engine.agent.models import Endpoint, ModelChoice, RecordedAnswers, Session
from engine.agent.prompts import Prompts, nonce_for
from engine.agent.recorded import RecordingHost
from engine.agent.tools import Toolbox
from engine.types import TraceStep

if TYPE_CHECKING:
    from engine.agent.run import Run

_STEPS_LIMIT = 80
"""Nodes that one run may visit; the budgets end it far earlier."""


class Analyst:
    """Investigates incidents, any number of them at once."""

    def __init__(
        self,
        model: ModelChoice | RecordedAnswers | None,
        host: HostFacts,
        knowledge: KnowledgeView,
        budget: Budget | None = None,
        prompts: Path | None = None,
    ) -> None:
        """Without a ``model`` the playbook analyst works alone; ``prompts`` is a folder that goes first."""
        self._prompts = Prompts(prompts)
        self._endpoint = Endpoint(model, self._prompts) if isinstance(model, ModelChoice) else model
        self._host = host
        self._knowledge = knowledge
        self._budget = budget or Budget()

    async def investigate(self, case: Case, on_step: Callable[[TraceStep], None]) -> Outcome:
        """Return what the case comes to; every step goes to ``on_step`` as it happens."""
        await asyncio.to_thread(load, self._endpoint is not None)
        from langsmith import tracing_context  # noqa: PLC0415 - heavy, loaded above in a thread

        from engine.agent.run import Run  # noqa: PLC0415 - heavy, loaded above in a thread

        host = RecordingHost(self._host)
        nonce = nonce_for(case)
        toolbox = Toolbox(case, host, self._knowledge, nonce)
        name = self._endpoint.name if self._endpoint else ""
        async with self._session() as session:
            run = Run(case, name, session, toolbox, self._knowledge, self._prompts, nonce, self._budget, on_step)
            with tracing_context(enabled=False):
                await build(run).ainvoke({"messages": []}, {"recursion_limit": _STEPS_LIMIT})
            return self._outcome(case, run, toolbox, host, session)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session | None]:
        if self._endpoint is None:
            yield None
            return
        async with self._endpoint.session(self._budget.call_s) as session:
            yield session

    def _outcome(self, case: Case, run: Run, toolbox: Toolbox, host: RecordingHost, session: Session | None) -> Outcome:
        if run.verdict is None or run.reply is None:
            msg = f"the graph ended without a verdict on {case.incident.id}"
            raise RuntimeError(msg)
        asks = run.analyst if session and run.reply.ask_block else ""
        propose, reason = block_decision(case, judge(case), asks)
        return Outcome(
            verdict=run.verdict,
            evidence=tuple(toolbox.evidence.values()),
            propose_block=propose,
            block_reason=reason,
            faults=tuple(run.faults),
            host_records=dict(host.records),
            answers=tuple(session.answers) if session else (),
            tool_calls=run.tool_calls,
            model_calls=run.model_calls,
            tokens=run.tokens,
        )


def load(with_endpoint: bool) -> None:
    """Import the heavy libraries; a second or two, so in a thread."""
    for module in ("langgraph.graph", "engine.agent.run", *(["langchain_openai"] if with_endpoint else [])):
        importlib.import_module(module)


def build(run: Run) -> Any:
    """Return the compiled graph of one run."""
    from langgraph.graph import END, START, MessagesState, StateGraph  # noqa: PLC0415 - heavy

    graph = StateGraph(MessagesState)
    graph.add_node("investigator", run.investigator)
    graph.add_node("investigator_tools", run.tools)
    graph.add_node("commander", run.commander)
    graph.add_node("commander_tools", run.tools)
    graph.add_node("verdict", run.close)
    graph.add_edge(START, "investigator")
    graph.add_conditional_edges(
        "investigator",
        run.after_turn,
        {"investigator": "investigator", "tools": "investigator_tools", "next": "commander"},
    )
    graph.add_conditional_edges(
        "investigator_tools",
        lambda _: run.after_tools("investigator"),
        {"investigator": "investigator", "next": "commander"},
    )
    graph.add_conditional_edges(
        "commander", run.after_turn, {"investigator": "investigator", "tools": "commander_tools", "next": "verdict"}
    )
    graph.add_conditional_edges(
        "commander_tools", lambda _: run.after_tools("commander"), {"commander": "commander", "next": "verdict"}
    )
    graph.add_conditional_edges("verdict", run.after_close, {"investigator": "investigator", "end": END})
    return graph.compile()


def canonical_outcome(outcome: Outcome) -> str:
    """Return what a replay has to repeat byte for byte: no wall clock, durations or tokens."""
    return canonical(
        {
            "verdict": outcome.verdict,
            "evidence": outcome.evidence,
            "propose_block": outcome.propose_block,
            "block_reason": outcome.block_reason,
            "faults": [(fault.ability, fault.message) for fault in outcome.faults],
            "tool_calls": outcome.tool_calls,
        }
    )
