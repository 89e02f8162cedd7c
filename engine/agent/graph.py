"""The analyst: plan, investigator, commander, verdict, as a LangGraph state graph.

It ends at a verdict and an opinion on a block. What becomes of that is not the graph's business.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.agent.allowance import Allowance
from engine.agent.case import Budget, Case, HostFacts, KnowledgeView, Outcome
from engine.agent.evidence import canonical
from engine.agent.gate import Gate
from engine.agent.judgement import block_decision
from engine.agent.lookups import RecordingKnowledge
from engine.agent.models import Chat, Endpoint, ModelChoice, RecordedAnswers, Session
from engine.agent.planning import instructions
from engine.agent.prompts import Prompts, brief, nonce_for
from engine.agent.recorded import RecordingHost
from engine.agent.spending import Ledger
from engine.agent.tools import Toolbox
from engine.agent.tools.user import UserTool
from engine.agent.trace import Trace
from engine.courtesy import aside, giving_way
from engine.types import StepKind, TraceStep

if TYPE_CHECKING:
    from engine.agent.classify import Refined
    from engine.agent.run import Run

_STEPS_LIMIT = 80
"""Nodes that one run may visit; the budgets end it far earlier."""


class Analyst:
    """Investigates incidents, any number of them at once."""

    def __init__(
        self,
        model: ModelChoice | Chat | None,
        host: HostFacts,
        knowledge: KnowledgeView,
        budget: Budget | None = None,
        prompts: Path | None = None,
        *,
        classifier: ModelChoice | None = None,
        classes: Sequence[str] = (),
        ledger: Ledger | None = None,
        user_tools: Sequence[UserTool] = (),
    ) -> None:
        """Without a ``model`` the playbook analyst works alone; ``prompts`` is a folder that goes first.

        ``classifier`` says which of ``classes`` a reported event is, where that is unsure: the ``model`` by default.
        """
        self._prompts = Prompts(prompts)
        self._ledger = ledger
        self.chat = self._chat(model)
        """Who investigates; None for the playbook analyst."""
        self._classifier = self._classifying(model, classifier)
        self._classes = classes
        self._user_tools = user_tools
        self._host = host
        self._knowledge = knowledge
        self._budget = budget or Budget()

    @property
    def paused_until(self) -> float:
        """Wall clock until which the endpoint is left alone, 0 when it is asked."""
        return self.chat.gate.paused_until if isinstance(self.chat, Endpoint) else 0.0

    async def investigate(self, case: Case, on_step: Callable[[TraceStep], object]) -> Outcome:
        """Return what the case comes to; every step goes to ``on_step`` as it happens."""
        await aside(partial(load, self.chat is not None or self._classifier is not None))
        from langsmith import tracing_context  # noqa: PLC0415 - heavy, loaded above in a thread

        from engine.agent.asker import Asker  # noqa: PLC0415
        from engine.agent.run import Run  # noqa: PLC0415

        nonce = nonce_for(case)
        trace, allowance = Trace(case.incident.id, on_step), Allowance(self._budget)
        refined = await self._refined(case, nonce, allowance, trace)
        came, case, host = case, refined.case, RecordingHost(self._host)
        knowledge = RecordingKnowledge(self._knowledge, host)
        toolbox = Toolbox(case, host, knowledge, nonce, self._user_tools)
        fails = refined.fault is not None and self._classifier is self.chat
        async with self._session(None if fails else self.chat) as session:
            asker = Asker(self.chat.name, session, allowance, trace) if session and self.chat else None
            run = Run(case, asker, toolbox, knowledge, self._prompts, nonce, allowance, trace)
            with tracing_context(enabled=False):
                await compiled().ainvoke({"messages": []}, {"recursion_limit": _STEPS_LIMIT}, context=run)
        return self._outcome(came, run, toolbox, host, refined, session)

    def preview(self, case: Case) -> str:
        """Return what would be sent first about a case, as it would leave the host."""
        chat = self.chat
        if not isinstance(chat, Endpoint):
            return "Nothing leaves the host: the playbook analyst asks nobody."
        nonce, choice = nonce_for(case), chat.choice
        stays = "it stays on this host" if choice.is_loopback else "it leaves the host, credentials taken out"
        toolbox = Toolbox(case, self._host, self._knowledge, nonce, self._user_tools)
        text = chat.leaving("\n\n".join([instructions(self._prompts, toolbox, nonce), brief(case, nonce)]))
        return f"To {choice.name} at {choice.base_url}: {stays}.\n\n{text}"

    async def _refined(self, case: Case, nonce: str, allowance: Allowance, trace: Trace) -> Refined:
        """Return the case with the playbook of the class that a model finds, where the class was unsure."""
        from engine.agent.asker import Asker  # noqa: PLC0415 - heavy, loaded before in a thread
        from engine.agent.classify import Refined, is_unsure, refine  # noqa: PLC0415

        if self._classifier is None or not is_unsure(case):
            return Refined(case)
        async with self._classifier.session(self._budget.call_s) as session:
            asker = Asker(self._classifier.name, session, allowance, trace)
            refined = await refine(case, asker, self._prompts, nonce, self._knowledge, self._classes)
        if refined.fault is not None:
            words = f"{refined.fault.message}. The class is the offline classifier's."
            trace.step("plan", StepKind.FAULT, "llm", words)
        return refined

    def _chat(self, model: ModelChoice | Chat | None) -> Chat | None:
        if isinstance(model, ModelChoice):
            return Endpoint(model, self._prompts, Gate(model.name, self._ledger))
        return model.investigating() if isinstance(model, RecordedAnswers) else model

    def _classifying(self, model: ModelChoice | Chat | None, classifier: ModelChoice | None) -> Chat | None:
        if isinstance(model, RecordedAnswers):
            return model.classifying()
        return self.chat if classifier is None or classifier == model else self._chat(classifier)

    @asynccontextmanager
    async def _session(self, chat: Chat | None) -> AsyncIterator[Session | None]:
        if chat is None:
            yield None
            return
        async with chat.session(self._budget.call_s) as session:
            yield session

    def _outcome(
        self, came: Case, run: Run, toolbox: Toolbox, host: RecordingHost, refined: Refined, session: Session | None
    ) -> Outcome:
        case = refined.case
        if run.verdict is None or run.reply is None or run.judgement is None:
            msg = f"the graph ended without a verdict on {case.incident.id}"
            raise RuntimeError(msg)
        asks = run.analyst if run.by_model and run.reply.ask_block else ""
        propose, reason = block_decision(came, run.judgement, asks)
        if not propose:  # a model that names a class may have a person asked, and never keep one from being asked
            propose, reason = block_decision(case, run.judgement, asks)
        return Outcome(
            verdict=run.verdict,
            evidence=tuple(toolbox.evidence.values()),
            propose_block=propose,
            block_reason=reason,
            faults=(*((refined.fault,) if refined.fault else ()), *run.faults),
            host_records=dict(host.records),
            answers=(*refined.answers, *(session.answers if session else ())),
            tool_calls=run.allowance.tool_calls,
            model_calls=run.allowance.model_calls,
            tokens=run.allowance.tokens,
            reported_only=case.reported_only,
        )


def load(with_endpoint: bool) -> None:
    """Import the heavy libraries; a second or two, so in a thread."""
    with giving_way():
        for module in ("langgraph.graph", "engine.agent.run", *(["langchain_openai"] if with_endpoint else [])):
            importlib.import_module(module)


@cache
def compiled() -> Any:
    """Return the graph that every run walks, each as the context of its own walk: compiling takes 10 ms."""
    from langgraph.graph import END, START, MessagesState, StateGraph  # noqa: PLC0415 - heavy

    from engine.agent.run import Run  # noqa: PLC0415 - heavy

    graph = StateGraph(MessagesState)
    graph.add_node("plan", _node(Run.plan))
    graph.add_node("investigator", _node(Run.investigator))
    graph.add_node("investigator_tools", _node(Run.tools))
    graph.add_node("commander", _node(Run.commander))
    graph.add_node("commander_tools", _node(Run.tools))
    graph.add_node("verdict", _node(Run.close))
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "investigator")
    graph.add_conditional_edges(
        "investigator",
        _fork(Run.after_turn),
        {"investigator": "investigator", "tools": "investigator_tools", "next": "commander", "verdict": "verdict"},
    )
    graph.add_conditional_edges(
        "investigator_tools",
        _fork(lambda run, state: run.after_tools(state, "investigator")),
        {"investigator": "investigator", "next": "commander", "verdict": "verdict"},
    )
    graph.add_conditional_edges(
        "commander",
        _fork(Run.after_turn),
        {"investigator": "investigator", "tools": "commander_tools", "next": "verdict"},
    )
    graph.add_conditional_edges(
        "commander_tools",
        _fork(lambda run, state: run.after_tools(state, "commander")),
        {"commander": "commander", "next": "verdict"},
    )
    graph.add_conditional_edges("verdict", _fork(Run.after_close), {"investigator": "investigator", "end": END})
    return graph.compile()


def _node(act: Callable[[Run, Any], Awaitable[dict[str, Any]]]) -> Any:
    """Let the run of this walk act."""

    async def acting(state: Any, runtime: Any) -> dict[str, Any]:
        return await act(runtime.context, state)

    return acting


def _fork(choose: Callable[[Run, Any], str]) -> Any:
    """Let the run of this walk say where it goes on."""

    def choosing(state: Any, runtime: Any) -> str:
        return choose(runtime.context, state)

    return choosing


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
