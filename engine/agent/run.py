"""One investigation under way: the nodes of the graph, the budgets, and the trace.

An endpoint that dies, stalls, talks nonsense or spends its budget is left, and the playbook
analyst finishes the same transcript through the same nodes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from engine.agent.case import Budget, Case, KnowledgeView
from engine.agent.evidence import canonical
from engine.agent.judgement import judge
from engine.agent.models import REPLY_TOKENS, Session
from engine.agent.playbook import PlaybookModel, answers_in, processes_in
from engine.agent.prompts import Prompts, brief
from engine.agent.steps import steps_not_done
from engine.agent.tools import COMMANDER_TOOLS, INVESTIGATOR_TOOLS, TOOLS, Answer, Result, Toolbox
from engine.agent.verdict import PLAYBOOK, Checker, Reply, parse_reply, settle
from engine.text import escape
from engine.types import Fault, Passage, StepKind, TraceStep, Verdict

Role = Literal["investigator", "commander", "verdict"]

ROLE_TOOLS: dict[Role, tuple[str, ...]] = {
    "investigator": INVESTIGATOR_TOOLS,
    "commander": COMMANDER_TOOLS,
    "verdict": (),
}
_CALLS_LEFT: dict[Role, int] = {"investigator": 3, "commander": 2, "verdict": 0}
"""Model calls that a role leaves to those after it."""

_TOOLS_LEFT: dict[Role, int] = {"investigator": 1, "commander": 0, "verdict": 0}
_VERDICT_TRIES = 2
_TEXT_LIMIT = 4000
_NAME_LIMIT = 60


class BudgetSpentError(RuntimeError):
    """The endpoint may not be asked again in this run."""


class Run:
    """The state of one investigation."""

    def __init__(
        self,
        case: Case,
        name: str,
        session: Session | None,
        toolbox: Toolbox,
        knowledge: KnowledgeView,
        prompts: Prompts,
        nonce: str,
        budget: Budget,
        on_step: Callable[[TraceStep], None],
    ) -> None:
        self._case = case
        self._name = name
        self._session = session
        self._toolbox = toolbox
        self._knowledge = knowledge
        self._prompts = prompts
        self._nonce = nonce
        self._budget = budget
        self._on_step = on_step
        self._playbook = PlaybookModel(case=case)
        self._deadline = time.monotonic() + budget.seconds
        self._seq = 0
        self._overspent: list[str] = []
        self._resume_steps = False
        self._role: Role = "investigator"
        self.faults: list[Fault] = []
        self.tool_calls = 0
        self.model_calls = 0
        self.tokens = 0
        self.reply: Reply | None = None
        self.verdict: Verdict | None = None

    @property
    def analyst(self) -> str:
        """Whose verdict it is: ``playbook``, or the model's name."""
        return PLAYBOOK if self._session is None else self._name

    async def investigator(self, state: Any) -> dict[str, Any]:
        """Ask the investigator, who calls tools until the steps are done."""
        self._role = "investigator"
        messages: list[BaseMessage] = list(state["messages"])
        opening: list[BaseMessage] = []
        if not messages:
            opening = [HumanMessage(brief(self._case, self._nonce))]
            self._prompt("investigator", str(opening[0].content))
        return {"messages": [*opening, await self._turn("investigator", messages + opening)]}

    async def commander(self, state: Any) -> dict[str, Any]:
        """Ask the commander, who looks up knowledge and recommends."""
        messages: list[BaseMessage] = list(state["messages"])
        opening: list[BaseMessage] = []
        if self._role != "commander":
            self._role = "commander"
            opening = [HumanMessage("The investigation is over. Answer as the commander.")]
            self._prompt("commander", str(opening[0].content))
        return {"messages": [*opening, await self._turn("commander", messages + opening)]}

    async def tools(self, state: Any) -> dict[str, Any]:
        """Answer the tool calls of the last message."""
        return {"messages": [await self._call(call) for call in state["messages"][-1].tool_calls]}

    async def close(self, state: Any) -> dict[str, Any]:
        """Ask for the verdict, at most twice, and check it."""
        self._role = "verdict"
        messages: list[BaseMessage] = list(state["messages"])
        asked: list[BaseMessage] = [HumanMessage(self._prompts.text("verdict", nonce=self._nonce))]
        self._prompt("verdict", str(asked[0].content))
        for _ in range(_VERDICT_TRIES):
            message = await self._ask("verdict", messages + asked)
            if self._resume_steps:
                return {}
            try:
                self.reply = parse_reply(str(message.content))
            except ValueError as error:
                again = f"That is not a usable verdict ({error}). Reply with the JSON object only."
                asked += [message, HumanMessage(again)]
                self._prompt("verdict", again)
            else:
                self._settle(self.reply, messages)
                return {}
        self._give_up("verdict", f"no usable verdict from {self._name} in {_VERDICT_TRIES} tries")
        return {}

    def after_turn(self, state: Any) -> str:
        """Say where the graph goes after a role has spoken."""
        if self._take_resume():
            return "investigator"
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else "next"

    def after_tools(self, role: Role) -> str:
        """Say whether a role may speak again after its tool calls."""
        spent = self._session is not None and self.model_calls >= self._budget.model_calls - _CALLS_LEFT[role]
        return "next" if spent else role

    def after_close(self, state: Any) -> str:
        """Say whether the playbook analyst has to take over, or the run is over."""
        return "investigator" if self._take_resume() else "end"

    def _take_resume(self) -> bool:
        resume, self._resume_steps = self._resume_steps, False
        return resume

    async def _turn(self, role: Role, messages: list[BaseMessage]) -> AIMessage:
        reply = await self._ask(role, messages)
        left = max(0, self._budget.tool_calls - self.tool_calls - _TOOLS_LEFT[role])
        if time.monotonic() > self._deadline:
            left = 0
        for call in reply.tool_calls[left:][:8]:
            self._overspent.append(f"{escape(call['name'], limit=_NAME_LIMIT)}: over the budget of tool calls or time")
        calls = [
            {"name": call["name"][:_NAME_LIMIT], "args": call["args"], "id": f"call-{self.tool_calls + number}"}
            for number, call in enumerate(reply.tool_calls[:left], 1)
        ]
        self.tool_calls += len(calls)
        return AIMessage(str(reply.content) or ("" if calls else "(no text)"), tool_calls=calls)

    async def _ask(self, role: Role, messages: list[BaseMessage]) -> AIMessage:
        if self._session is not None:
            try:
                return await self._ask_endpoint(self._session, role, messages)
            except Exception as error:  # the agent run is a boundary: whatever an endpoint does, the run goes on
                message = str(error) if isinstance(error, BudgetSpentError) else self._session.explain(error)
                self._session.answers.append(json.dumps({"fault": message}))
                self._give_up(role, message)
                if self._resume_steps:
                    return AIMessage("(no answer)")
        reply: AIMessage = await self._playbook.ainvoke(messages, role=role)
        if not reply.tool_calls and role != "verdict":
            self._step(role, StepKind.ANSWER, PLAYBOOK, str(reply.content))
        return reply

    async def _ask_endpoint(self, session: Session, role: Role, messages: list[BaseMessage]) -> AIMessage:
        system = "commander" if role == "commander" else "investigator"
        outgoing = [SystemMessage(self._prompts.text(system, nonce=self._nonce)), *messages]
        schemas = [TOOLS[tool].schema() for tool in ROLE_TOOLS[role]]
        estimate = _tokens("".join(str(message.content) for message in outgoing) + json.dumps(schemas))
        self._check_budget(estimate)
        self.model_calls += 1
        started = time.monotonic()
        async with asyncio.timeout(min(self._budget.call_s, self._deadline - started)):
            reply: AIMessage = await session.ask(outgoing, schemas)
        usage = reply.usage_metadata
        tokens_in = usage["input_tokens"] if usage and usage["input_tokens"] else estimate
        tokens_out = usage["output_tokens"] if usage and usage["output_tokens"] else _tokens(str(reply.content))
        self.tokens += tokens_in + tokens_out
        elapsed = time.monotonic() - started
        self._step(role, StepKind.ANSWER, self._name, str(reply.content), tokens_in, tokens_out, elapsed)
        return reply

    def _check_budget(self, estimate: int) -> None:
        budget = self._budget
        if self.model_calls >= budget.model_calls:
            msg = f"the budget of {budget.model_calls} model calls is spent"
        elif self.tokens + estimate + REPLY_TOKENS > budget.tokens:
            msg = f"the budget of {budget.tokens} tokens is spent"
        elif time.monotonic() >= self._deadline:
            msg = f"the budget of {budget.seconds:g} s is spent"
        else:
            return
        raise BudgetSpentError(msg)

    def _give_up(self, role: Role, message: str) -> None:
        """Leave the endpoint for the rest of this run."""
        self._session = None
        self._resume_steps = role != "investigator"
        remedy = "The playbook analyst has finished this incident; check the endpoint, its key and its model."
        self.faults.append(Fault("llm", message, remedy, time.time()))
        self._step(role, StepKind.FAULT, "llm", f"{message}. The playbook analyst goes on.")

    async def _call(self, call: Mapping[str, Any]) -> ToolMessage:
        name, role = str(call["name"]), self._role
        shown = escape(name, limit=_NAME_LIMIT)
        self._step(role, StepKind.TOOL_CALL, shown, canonical(call["args"]))
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._budget.tool_s):
                answer = await asyncio.to_thread(self._toolbox.call, name, call["args"], ROLE_TOOLS[role])
        except TimeoutError:
            answer = Answer(name, Result.FAILED, f"failed: no answer in {self._budget.tool_s:g} s. Conclude nothing.")
        self._toolbox.keep(answer)
        self._step(role, StepKind.TOOL_RESULT, shown, answer.text, elapsed=time.monotonic() - started)
        return ToolMessage(answer.text, name=shown, tool_call_id=call["id"], artifact=answer)

    def _settle(self, reply: Reply, messages: list[BaseMessage]) -> None:
        answers = answers_in(messages)
        judgement = judge(self._case, processes_in(answers))
        checker = Checker(self._toolbox.evidence, self._toolbox.absent, self._passage)
        missing = (*steps_not_done(self._case, answers), *self._overspent)
        self.verdict = settle(self._case, reply, judgement, checker, self.analyst, missing)
        self._step("verdict", StepKind.VERDICT, self.analyst, canonical(self.verdict), limit=None)

    def _passage(self, passage_id: str) -> Passage | None:
        try:
            return self._knowledge.get(passage_id)
        except Exception as error:  # the agent run is a boundary: without knowledge a claim is only unsupported
            message = f"cannot look up {passage_id}: {type(error).__name__}"
            self.faults.append(Fault("knowledge", message, "Build the knowledge base again.", time.time()))
            return None

    def _prompt(self, role: Role, text: str) -> None:
        """Show what a model is asked; the playbook analyst only reads the brief."""
        if self._session is None:
            if role == "investigator":
                self._step(role, StepKind.PROMPT, PLAYBOOK, text, limit=None)
            return
        system = "" if role == "verdict" else f"{self._prompts.text(role, nonce=self._nonce)}\n\n"
        self._step(role, StepKind.PROMPT, self._name, self._session.leaving(system + text), limit=None)

    def _step(
        self,
        role: Role,
        kind: StepKind,
        name: str,
        content: str,
        tokens_in: int = 0,
        tokens_out: int = 0,
        elapsed: float = 0.0,
        limit: int | None = _TEXT_LIMIT,
    ) -> None:
        self._seq += 1
        text = escape(content, limit=limit, keep_newlines=True)
        step = TraceStep(
            self._case.incident.id, self._seq, time.time(), role, kind, name, text, tokens_in, tokens_out, elapsed
        )
        self._on_step(step)


def _tokens(text: str) -> int:
    """Return a cautious estimate; English runs at about four characters a token, code at three."""
    return len(text) // 3 + 1
