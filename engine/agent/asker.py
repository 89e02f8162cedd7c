"""Puts questions to one endpoint within the allowance, and writes into the trace what was asked and answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage

from engine.agent.allowance import Allowance, BudgetSpentError
from engine.agent.models import Session, estimate_tokens, fault_answer
from engine.agent.shape import Shape
from engine.agent.trace import REPLY_LIMIT, Trace
from engine.types import Fault, StepKind

REMEDY = "The playbook analyst has finished this incident; check the endpoint, its key and its model."


class Asker:
    """Asks one endpoint; a question that comes to nothing is a fault, and never an exception."""

    def __init__(self, name: str, session: Session, allowance: Allowance, trace: Trace) -> None:
        self.name = name
        self.session = session
        self.fault: Fault | None = None
        """Why the last question came to nothing."""
        self._allowance = allowance
        self._trace = trace

    def show(self, role: str, text: str) -> None:
        """Note what the endpoint is asked, as it leaves."""
        self._trace.step(role, StepKind.PROMPT, self.name, self.session.leaving(text), limit=None)

    async def first(
        self, role: str, system: str, messages: Sequence[BaseMessage], shape: Shape | None = None
    ) -> AIMessage | None:
        """Show a whole question and ask it, unless the endpoint may not be asked now."""
        if reason := self.session.why_shut():
            self.session.answers.append(fault_answer(reason, shut=True))
            self._refused(reason)
            return None
        self.show(role, "\n\n".join([system, *(str(message.content) for message in messages)]))
        return await self.ask(role, system, messages, shape=shape)

    async def ask(
        self,
        role: str,
        system: str,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any]] = (),
        shape: Shape | None = None,
    ) -> AIMessage | None:
        """Return the reply, or None with ``fault`` set."""
        outgoing = [SystemMessage(system), *messages]
        try:
            return await self._ask(role, outgoing, tools, shape)
        except Exception as error:  # the agent run is a boundary: whatever an endpoint does, the run goes on
            message = str(error) if isinstance(error, BudgetSpentError) else self.session.explain(error)
            partial = "" if isinstance(error, BudgetSpentError) else self.session.partial
            if partial:
                self._trace.step(role, StepKind.ANSWER, self.name, f"(refused) {partial}", limit=REPLY_LIMIT)
            self.session.answers.append(fault_answer(message, partial))
            self._refused(message)
            return None

    async def _ask(
        self, role: str, outgoing: list[BaseMessage], tools: Sequence[dict[str, Any]], shape: Shape | None
    ) -> AIMessage:
        estimate = size_of(outgoing, tools)
        self._allowance.check(estimate)
        self._allowance.model_calls += 1
        started = time.monotonic()
        async with asyncio.timeout(self._allowance.call_s()):
            reply: AIMessage = await self.session.ask(outgoing, tools, shape)
        usage = reply.usage_metadata
        tokens_in = usage["input_tokens"] if usage and usage["input_tokens"] > 0 else estimate
        tokens_out = usage["output_tokens"] if usage and usage["output_tokens"] > 0 else 0
        tokens_out = tokens_out or estimate_tokens(str(reply.content))
        self._allowance.tokens += tokens_in + tokens_out
        elapsed = time.monotonic() - started
        tokens = (tokens_in, tokens_out)
        content = str(reply.content)
        self._trace.step(role, StepKind.ANSWER, self.name, content, tokens=tokens, elapsed_s=elapsed, limit=REPLY_LIMIT)
        return reply

    def _refused(self, message: str) -> None:
        self.fault = Fault("llm", message, REMEDY, time.time())


def size_of(messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]]) -> int:
    """Return about how many tokens a question has."""
    return estimate_tokens("".join(str(message.content) for message in messages) + json.dumps(list(tools)))
