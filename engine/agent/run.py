"""One investigation under way: the nodes of the graph, the budgets, and the trace.

An endpoint that dies, stalls, talks nonsense or spends its budget is left, and the playbook
analyst finishes the same transcript through the same nodes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from engine.agent import planning
from engine.agent.allowance import Allowance
from engine.agent.asker import REMEDY, Asker, size_of
from engine.agent.case import Case, KnowledgeView
from engine.agent.evidence import canonical
from engine.agent.judgement import Judgement, judge
from engine.agent.models import fault_answer
from engine.agent.outcome import with_outcome
from engine.agent.planning import PlanStep
from engine.agent.playbook import PlaybookModel, answers_in, next_call, outcome_claim, subjects_in
from engine.agent.prompts import Prompts, brief
from engine.agent.recorded import name_of
from engine.agent.steps import steps_not_done
from engine.agent.tools import COMMANDER_TOOLS, Answer, Toolbox
from engine.agent.trace import Trace
from engine.agent.verdict import PLAYBOOK, SHAPE, Checker, Reply, parse_reply, settle
from engine.text import escape
from engine.types import Fault, Passage, StepKind, Verdict

Role = Literal["plan", "investigator", "commander", "verdict"]

_SYSTEM: dict[Role, str] = {
    "plan": "plan",
    "investigator": "investigator",
    "commander": "commander",
    "verdict": "investigator",
}
_SHAPES = {"plan": planning.SHAPE, "verdict": SHAPE}
_CALLS_LEFT: dict[Role, int] = {"plan": 5, "investigator": 3, "commander": 2, "verdict": 0}
"""Model calls that a role leaves to those after it: two of them are the verdict's."""

_TOOLS_LEFT: dict[Role, int] = {"plan": 0, "investigator": 1, "commander": 0, "verdict": 0}
_VERDICT_TRIES = 2
_NAME_LIMIT = 60


class Run:
    """The state of one investigation."""

    def __init__(
        self,
        case: Case,
        asker: Asker | None,
        toolbox: Toolbox,
        knowledge: KnowledgeView,
        prompts: Prompts,
        nonce: str,
        allowance: Allowance,
        trace: Trace,
    ) -> None:
        """Take the ``asker`` of the model, or None for the playbook analyst."""
        self._case = case
        self._asker = asker
        self._toolbox = toolbox
        self._knowledge = knowledge
        self._prompts = prompts
        self._nonce = nonce
        self.allowance = allowance
        self._trace = trace
        self._playbook = PlaybookModel(case=case)
        self._plan: tuple[PlanStep, ...] = ()
        self._overspent: list[str] = []
        self._resume_steps = False
        self._role: Role = "plan"
        self.faults: list[Fault] = []
        self.reply: Reply | None = None
        self.verdict: Verdict | None = None
        self.judgement: Judgement | None = None
        """What code makes of the case and of everything that the tools found."""

    @property
    def analyst(self) -> str:
        """Whose verdict it is: ``playbook``, or the model's name."""
        return PLAYBOOK if self._asker is None else self._asker.name

    @property
    def by_model(self) -> bool:
        """Whether a model, and not the playbook analyst, speaks."""
        return self._asker is not None

    async def plan(self, state: Any) -> dict[str, Any]:
        """Say what is going to be done, before anything is."""
        text = brief(self._case, self._nonce)
        self._plan = planning.playbook_plan(self._case)
        by = PLAYBOOK
        if self._asker is not None:
            planned = await self._ask_for_plan(self._asker, text)
            self._plan, by = planned or self._plan, self.analyst if planned else PLAYBOOK
        self._trace.step("plan", StepKind.PLAN, by, canonical(planning.told(self._case, self._plan)), limit=None)
        # In one message: there are chat templates that take no two of the same side in a row.
        return {"messages": [HumanMessage(text if self._asker is None else f"{text}\n\n{self._begin()}")]}

    def _begin(self) -> str:
        planned = ", ".join(step.tool for step in self._plan)
        return f"Begin. The plan: {planned or 'no tools'}. Several tools may be called at once."

    async def _ask_for_plan(self, asker: Asker, text: str) -> tuple[PlanStep, ...]:
        system = planning.instructions(self._prompts, self._toolbox, self._nonce)
        reply = await asker.first("plan", system, [HumanMessage(text)], planning.SHAPE)
        if reply is None:
            self._leave(asker, "plan")
            return ()
        try:
            return planning.parse_plan(str(reply.content), self._toolbox.investigator_tools)
        except ValueError as error:
            words = f"that is not a usable plan ({error}): the playbook's is taken"
            self._trace.step("plan", StepKind.ANSWER, PLAYBOOK, words)
            return ()

    async def investigator(self, state: Any) -> dict[str, Any]:
        """Ask the investigator, who calls tools until the steps are done."""
        messages: list[BaseMessage] = list(state["messages"])
        if self._role == "plan":
            self._prompt("investigator", str(messages[0].content))
        self._role = "investigator"
        return {"messages": [await self._turn("investigator", messages)]}

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
                await self._settle(self.reply, messages)
                return {}
        self._give_up("verdict", f"no usable verdict from {self.analyst} in {_VERDICT_TRIES} tries")
        return {}

    def after_turn(self, state: Any) -> str:
        """Say where the graph goes after a role has spoken."""
        if self._take_resume():
            return "investigator"
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else self._next(state)

    def after_tools(self, state: Any, role: Role) -> str:
        """Say whether a role may speak again after its tool calls."""
        return role if self._affords(state, role) else self._next(state)

    def _next(self, state: Any) -> str:
        """Leave the commander out where the verdict could not be paid for after him."""
        return "next" if self._role == "commander" or self._affords(state, "commander") else "verdict"

    def _affords(self, state: Any, role: Role) -> bool:
        if self._asker is None:
            return True
        size = size_of(state["messages"], self._schemas(role))
        return self.allowance.affords(size, _CALLS_LEFT[role])

    def after_close(self, state: Any) -> str:
        """Say whether the playbook analyst has to take over, or the run is over."""
        return "investigator" if self._take_resume() else "end"

    def _take_resume(self) -> bool:
        resume, self._resume_steps = self._resume_steps, False
        return resume

    async def _turn(self, role: Role, messages: list[BaseMessage]) -> AIMessage:
        reply = await self._ask(role, messages)
        allowance = self.allowance
        left = max(0, allowance.budget.tool_calls - allowance.tool_calls - _TOOLS_LEFT[role])
        if allowance.is_late:
            left = 0
        for call in reply.tool_calls[left:][:8]:
            self._overspent.append(f"{escape(call['name'], limit=_NAME_LIMIT)}: over the budget of tool calls or time")
        calls = [
            {"name": call["name"][:_NAME_LIMIT], "args": call["args"], "id": f"call-{allowance.tool_calls + number}"}
            for number, call in enumerate(reply.tool_calls[:left], 1)
        ]
        allowance.tool_calls += len(calls)
        return AIMessage(str(reply.content) or ("" if calls else "(no text)"), tool_calls=calls)

    async def _ask(self, role: Role, messages: list[BaseMessage]) -> AIMessage:
        asker = self._asker
        if asker is not None:
            system = self._prompts.text(_SYSTEM[role], nonce=self._nonce)
            answer = await asker.ask(role, system, messages, self._schemas(role), _SHAPES.get(role))
            if answer is not None:
                return answer
            self._leave(asker, role)
            if self._resume_steps:
                return AIMessage("(no answer)")
        reply: AIMessage = await self._playbook.ainvoke(messages, role=role)
        if not reply.tool_calls and role != "verdict":
            self._trace.step(role, StepKind.ANSWER, PLAYBOOK, str(reply.content))
        return reply

    def _give_up(self, role: Role, message: str) -> None:
        """Leave an endpoint that answers what nobody can use."""
        assert self._asker is not None  # noqa: S101 - the playbook analyst's verdict is always usable
        self._asker.session.answers.append(fault_answer(message))
        self._asker.fault = Fault("llm", message, REMEDY, time.time())
        self._leave(self._asker, role)

    def _leave(self, asker: Asker, role: Role) -> None:
        """Leave the endpoint for the rest of this run."""
        assert asker.fault is not None  # noqa: S101 - set where a question comes to nothing
        self._asker = None
        self._resume_steps = role not in ("plan", "investigator")
        self.faults.append(asker.fault)
        self._trace.step(role, StepKind.FAULT, "llm", f"{asker.fault.message}. The playbook analyst goes on.")

    async def _look_further(self, answers: list[Answer]) -> list[Answer]:
        """Do the playbook's steps that a model left out: what code concludes must not hang on where a model looked.

        These calls are the program's own and cost the model nothing.
        """
        found = list(answers)
        for _ in range(self.allowance.budget.tool_calls):
            call = next_call(self._case, found)
            if call is None:
                break
            named = {"name": call[0], "args": call[1], "id": ""}
            found.append((await self._call(named, self._toolbox.investigator_tools)).artifact)
        return found

    async def _call(self, call: Mapping[str, Any], allowed: tuple[str, ...] | None = None) -> ToolMessage:
        name, role, tool_s = str(call["name"]), self._role, self.allowance.budget.tool_s
        shown = escape(name, limit=_NAME_LIMIT)
        self._trace.step(role, StepKind.TOOL_CALL, shown, canonical(call["args"]))
        started = time.monotonic()
        try:
            async with asyncio.timeout(tool_s):
                answer = await asyncio.to_thread(
                    self._toolbox.call, name, call["args"], self._tools(role) if allowed is None else allowed
                )
        except TimeoutError:
            answer = self._toolbox.give_up(name)
        self._toolbox.keep(answer)
        self._trace.step(role, StepKind.TOOL_RESULT, shown, answer.text, elapsed_s=time.monotonic() - started)
        return ToolMessage(answer.text, name=shown, tool_call_id=call["id"], artifact=answer)

    async def _settle(self, reply: Reply, messages: list[BaseMessage]) -> None:
        answers = answers_in(messages)
        if self.by_model:
            answers = await self._look_further(answers)
        self.judgement = judgement = judge(self._case, subjects_in(answers))
        checker = Checker(self._toolbox.evidence, self._toolbox.absent, self._passage)
        planned = planning.planned_not_done(self._case, self._plan, answers)
        missing = (*steps_not_done(self._case, answers), *planned, *self._overspent)
        outcome, found = outcome_claim(self._case, judgement, answers)
        self._toolbox.add(found)
        settled = settle(self._case, reply, judgement, checker, self.analyst, missing)
        self.verdict = with_outcome(settled, checker.claim(outcome))
        self._trace.step("verdict", StepKind.VERDICT, self.analyst, canonical(self.verdict), limit=None)

    def _passage(self, passage_id: str) -> Passage | None:
        try:
            return self._knowledge.get(passage_id)
        except Exception as error:  # the agent run is a boundary: without knowledge a claim is only unsupported
            message = f"cannot look up {passage_id}: {name_of(error)}"
            self.faults.append(Fault("knowledge", message, "Build the knowledge base again.", time.time()))
            return None

    def _prompt(self, role: Role, text: str) -> None:
        """Show what a model is asked; the playbook analyst only reads the brief."""
        if self._asker is not None:
            system = "" if role == "verdict" else f"{self._prompts.text(role, nonce=self._nonce)}\n\n"
            self._asker.show(role, system + text)
        elif role == "investigator":
            self._trace.step(role, StepKind.PROMPT, PLAYBOOK, text, limit=None)

    def _tools(self, role: Role) -> tuple[str, ...]:
        """Return the tools that a role may call."""
        return {"investigator": self._toolbox.investigator_tools, "commander": COMMANDER_TOOLS}.get(role, ())

    def _schemas(self, role: Role) -> list[dict[str, Any]]:
        """Return the tools that a role is told of: for the investigator those of the playbook and the plan."""
        if role != "investigator":
            return self._toolbox.schemas(self._tools(role))
        planned = {step.tool for step in self._plan}
        worth = planned.union(self._toolbox.offered)
        return self._toolbox.schemas([name for name in self._tools(role) if name in worth])
